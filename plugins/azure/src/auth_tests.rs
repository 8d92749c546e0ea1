//! Which logins are read from which manifests. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;
use crate::fake::kind_at;

fn plain(at: &'static str, value: &str) -> Id {
    Id::Plain { at, value: value.to_owned() }
}

fn parsed(config: &Value) -> Result<Auth, String> {
    let auth = Auth::parse(config);
    let kind = kind_at(&auth);
    auth.map_err(|_| kind)
}

/// ESO's spelling, the reference document's, and both mixed.
#[test]
fn every_login_in_every_spelling() {
    let reference = json!({"name": "s", "key": "k"});
    let tenant = vec![plain("/tenantId", "t")];
    for (config, expected) in [
        (
            json!({"tenantId": "t", "authSecretRef": {"clientId": reference, "clientSecret": reference}}),
            Auth::ClientSecret {
                client_id: Id::Referred { at: "/authSecretRef/clientId" },
                tenant: tenant.clone(),
                at: "/authSecretRef/clientSecret",
            },
        ),
        (
            json!({"authType": "ServicePrincipal", "tenantId": " t ", "clientId": "c", "clientSecret": {"secretRef": reference}}),
            Auth::ClientSecret {
                client_id: plain("/clientId", "c"),
                tenant: tenant.clone(),
                at: "/clientSecret/secretRef",
            },
        ),
        (
            json!({"authSecretRef": {"tenantId": reference, "clientCertificate": reference}, "clientId": "c"}),
            Auth::Certificate {
                client_id: plain("/clientId", "c"),
                tenant: vec![Id::Referred { at: "/authSecretRef/tenantId" }],
                at: "/authSecretRef/clientCertificate",
            },
        ),
        (json!({"authType": "ManagedIdentity", "tenantId": "t"}), Auth::Managed { at: None }),
        (json!({"authType": "ManagedIdentity", "identityId": ""}), Auth::Managed { at: None }),
        (
            json!({"authType": "ManagedIdentity", "identityId": "i"}),
            Auth::Managed { at: Some("/identityId") },
        ),
        (json!({"authType": "ManagedIdentity", "clientId": "c"}), Auth::Managed { at: Some("/clientId") }),
        (json!({"authType": "WorkloadIdentity"}), Auth::Pod { tenant: None }),
        (
            json!({"authType": "WorkloadIdentity", "tenantId": "t"}),
            Auth::Pod { tenant: Some(plain("/tenantId", "t")) },
        ),
        (
            json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}}),
            Auth::Account {
                at: ACCOUNT_AT,
                client_id: None,
                tenant: vec![],
                audiences: vec![AUDIENCE.to_owned()],
            },
        ),
        (
            json!({"authType": "WorkloadIdentity", "tenantId": "t", "authSecretRef": {"clientId": reference, "tenantId": reference}, "serviceAccountRef": {"name": "sa", "audiences": ["x", AUDIENCE]}}),
            Auth::Account {
                at: ACCOUNT_AT,
                client_id: Some(Id::Referred { at: "/authSecretRef/clientId" }),
                tenant: vec![plain("/tenantId", "t"), Id::Referred { at: "/authSecretRef/tenantId" }],
                audiences: vec![AUDIENCE.to_owned(), "x".to_owned()],
            },
        ),
    ] {
        assert_eq!(parsed(&config), Ok(expected), "{config}");
    }
}

#[test]
fn exactly_one_whole_login() {
    let reference = json!({"name": "s", "key": "k"});
    let both = json!({"clientSecret": reference, "clientCertificate": reference});
    for (config, at) in [
        (json!({"authType": "Basic"}), "/authType"),
        (json!({}), "/tenantId"),
        (json!({"tenantId": "t"}), "/authSecretRef/clientId"),
        (json!({"serviceAccountRef": {"name": "sa"}}), "/authType"),
        (json!({"identityId": "i", "tenantId": "t", "clientId": "c"}), "/authType"),
        (
            json!({"authType": "ServicePrincipal", "tenantId": "t", "serviceAccountRef": {"name": "sa"}, "authSecretRef": {"clientId": reference}}),
            "/authType",
        ),
        (
            json!({"tenantId": "t", "serviceAccountRef": {"name": "sa"}, "authSecretRef": {"clientSecret": reference}}),
            "/authSecretRef/clientId",
        ),
        (json!({"tenantId": "t", "clientId": "c"}), "/authSecretRef/clientSecret"),
        (json!({"tenantId": "t", "clientId": "c", "clientSecret": {}}), "/clientSecret/secretRef"),
        (
            json!({"tenantId": "t", "clientId": "c", "authSecretRef": both}),
            "/authSecretRef/clientCertificate",
        ),
        (json!({"tenantId": "t", "clientId": "c", "authSecretRef": {"clientId": reference}}), "/clientId"),
        (
            json!({"tenantId": "t", "clientId": "c", "authSecretRef": {"clientSecret": reference}, "clientSecret": {"secretRef": reference}}),
            "/clientSecret/secretRef",
        ),
        (json!({"authType": "ManagedIdentity", "identityId": "i", "clientId": "c"}), "/clientId"),
        (json!({"authType": "WorkloadIdentity", "clientId": "c"}), "/clientId"),
        (
            json!({"authType": "WorkloadIdentity", "authSecretRef": {"tenantId": reference}}),
            "/authSecretRef/tenantId",
        ),
        (
            json!({"authType": "WorkloadIdentity", "authSecretRef": {"clientId": reference}}),
            "/authSecretRef/clientId",
        ),
        (
            json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}, "clientId": "c", "authSecretRef": {"clientId": reference}}),
            "/clientId",
        ),
    ] {
        assert_eq!(parsed(&config), Err(at.to_owned()), "{config}");
    }
}

#[test]
fn a_forgotten_auth_type_is_named() {
    for (config, kind) in [
        (json!({"serviceAccountRef": {"name": "sa"}}), "WorkloadIdentity"),
        (json!({"serviceAccountRef": {"name": "sa"}, "identityId": "i"}), "WorkloadIdentity"),
        (json!({"identityId": "i"}), "ManagedIdentity"),
    ] {
        let Err(Error::InvalidConfig(wrong)) = Auth::parse(&config) else { panic!("{config}") };
        assert!(wrong.detail.ends_with(&format!("set it to {kind}")), "{}", wrong.detail);
    }
}

/// What stands beside another login is not looked at, so a store is not held up by a Secret that it does not use.
#[test]
fn references_in_use() {
    let reference = json!({"name": "s", "key": "k"});
    let all = json!({"clientId": reference, "clientSecret": reference, "tenantId": reference});
    for (kind, account, expected) in [
        (
            "ServicePrincipal",
            true,
            &["/authSecretRef/tenantId", "/authSecretRef/clientId", "/authSecretRef/clientSecret"][..],
        ),
        ("ManagedIdentity", true, &[]),
        (
            "WorkloadIdentity",
            true,
            &["/authSecretRef/tenantId", "/authSecretRef/clientId", "/serviceAccountRef"],
        ),
    ] {
        let mut config = json!({"authType": kind, "authSecretRef": all});
        if account {
            config["serviceAccountRef"] = json!({"name": "sa"});
        }
        assert_eq!(Auth::parse(&config).unwrap().references(), expected, "{kind}");
    }
}
