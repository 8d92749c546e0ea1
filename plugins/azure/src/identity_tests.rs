//! Which client id and tenant come of what the host has answered. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::connection::{Annotation, Resolved, SlotValue};
use serde_json::{Value, json};

use super::*;
use crate::fake::{bytes, kind_at};

fn account(annotations: &[(&str, &str)]) -> Resolved {
    let annotation =
        |(name, value): &(&str, &str)| Annotation { name: (*name).to_owned(), value: (*value).to_owned() };
    Resolved::Account(annotations.iter().map(annotation).collect())
}

fn found(config: &Value, have: &[(&str, Resolved)]) -> Result<String, String> {
    let have = have.iter();
    let have: Vec<SlotValue> =
        have.map(|(slot, value)| SlotValue { slot: (*slot).to_owned(), value: value.clone() }).collect();
    let found = of(&Auth::parse(config).unwrap(), Slots(&have));
    let kind = kind_at(&found);
    found.map_err(|_| kind).map(|identity| match identity {
        Some(Identity { client_id, tenant }) => format!("{} of {}", client_id.value, tenant.value),
        None => "none".to_owned(),
    })
}

/// As ESO's default client, which refuses two places; but two that say the same are no contradiction.
#[test]
fn from_wherever_they_stand() {
    let reference = json!({"name": "s", "key": "k"});
    let principal = json!({"tenantId": "t", "clientId": "c", "authSecretRef": {"clientSecret": reference}});
    let mut both = principal.clone();
    both["authSecretRef"]["tenantId"] = reference.clone();
    let bare = json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}});
    let with = |more: Value| {
        let mut config = bare.clone();
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let ids = account(&[(CLIENT_ANNOTATION, "A "), (TENANT_ANNOTATION, "T")]);
    let client = account(&[(CLIENT_ANNOTATION, "a")]);
    let none = account(&[]);
    let in_secret = with(json!({"authSecretRef": {"clientId": reference, "tenantId": reference}}));
    let ok = |text: &str| Ok::<_, String>(text.to_owned());
    let wrong = |at: &str| Err::<String, _>(at.to_owned());
    for (config, have, expected) in [
        (&principal, vec![], ok("c of t")),
        (&both, vec![(TENANT_ID, bytes("T\n"))], ok("c of t")),
        (&both, vec![(TENANT_ID, bytes("other"))], wrong("/authSecretRef/tenantId")),
        (&both, vec![(TENANT_ID, bytes("\n"))], wrong("unauthenticated")),
        (&bare, vec![(ACCOUNT, ids.clone())], ok("A of T")),
        (&bare, vec![(ACCOUNT, client.clone())], wrong("/tenantId")),
        (&bare, vec![(ACCOUNT, client.clone()), (ENV_TENANT_ID, bytes("env"))], ok("a of env")),
        (&bare, vec![(ACCOUNT, ids.clone()), (ENV_TENANT_ID, bytes("env"))], ok("A of T")),
        (&bare, vec![(ACCOUNT, none.clone()), (ENV_TENANT_ID, bytes("env"))], wrong("/serviceAccountRef")),
        (&with(json!({"tenantId": "t"})), vec![(ACCOUNT, client.clone())], ok("a of t")),
        (&with(json!({"tenantId": "t"})), vec![(ACCOUNT, ids.clone())], ok("A of t")),
        (&with(json!({"tenantId": "other"})), vec![(ACCOUNT, ids.clone())], wrong("/serviceAccountRef")),
        (&with(json!({"tenantId": "t", "clientId": "c"})), vec![(ACCOUNT, none.clone())], ok("c of t")),
        (
            &with(json!({"tenantId": "t", "clientId": "c"})),
            vec![(ACCOUNT, client)],
            wrong("/serviceAccountRef"),
        ),
        (
            &in_secret,
            vec![(ACCOUNT, none.clone()), (CLIENT_ID, bytes("c")), (TENANT_ID, bytes("t"))],
            ok("c of t"),
        ),
        (
            &in_secret,
            vec![(ACCOUNT, ids), (CLIENT_ID, bytes("c")), (TENANT_ID, bytes("t"))],
            wrong("/serviceAccountRef"),
        ),
        (
            &json!({"authType": "WorkloadIdentity", "tenantId": "t"}),
            vec![(ENV_CLIENT_ID, bytes("e")), (ENV_TENANT_ID, bytes("t"))],
            ok("e of t"),
        ),
        (
            &json!({"authType": "WorkloadIdentity", "tenantId": "store"}),
            vec![(ENV_CLIENT_ID, bytes("e")), (ENV_TENANT_ID, bytes("t"))],
            wrong("/tenantId"),
        ),
        (
            &json!({"authType": "WorkloadIdentity"}),
            vec![(ENV_CLIENT_ID, bytes("")), (ENV_TENANT_ID, bytes("t"))],
            wrong("unauthenticated"),
        ),
        (&json!({"authType": "ManagedIdentity"}), vec![], ok("none")),
    ] {
        assert_eq!(found(config, &have), expected, "{config}");
    }
}

/// All places, the administrator's too.
#[test]
fn a_missing_tenant_says_where_it_may_be() {
    let auth =
        Auth::parse(&json!({"authType": "WorkloadIdentity", "serviceAccountRef": {"name": "sa"}})).unwrap();
    let have = [SlotValue { slot: ACCOUNT.to_owned(), value: account(&[(CLIENT_ANNOTATION, "a")]) }];
    let Err(Error::InvalidConfig(wrong)) = of(&auth, Slots(&have)) else { panic!() };
    for place in
        ["authSecretRef.tenantId", TENANT_ANNOTATION, "grant env AZURE_TENANT_ID in the Plugin azurekv"]
    {
        assert!(wrong.detail.contains(place), "{}", wrong.detail);
    }
}

#[test]
fn a_tenant_is_fit_for_a_path() {
    let long = "x".repeat(256);
    for (tenant, fine) in [
        ("6f89cf12-978b-4d23-ac18-9ef0c127cf87", true),
        ("contoso.onmicrosoft.com", true),
        ("organizations", true),
        ("adfs", true),
        ("../../evil", false),
        ("..", false),
        (".", false),
        ("a/b", false),
        ("a?b", false),
        ("a#b", false),
        ("a%2fb", false),
        ("a b", false),
        (&long, false),
    ] {
        let reference = json!({"name": "s", "key": "k"});
        let config =
            json!({"tenantId": tenant, "clientId": "c", "authSecretRef": {"clientSecret": reference}});
        let expected = if fine { Ok(format!("c of {tenant}")) } else { Err("/tenantId".to_owned()) };
        assert_eq!(found(&config, &[]), expected, "{tenant}");
    }
}
