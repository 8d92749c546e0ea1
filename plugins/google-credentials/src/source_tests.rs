//! Which sources are read from which configs. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

const PLACES: Places = Places { auth: "/auth", projects: &["/projectID", "/projectId"], plugin: "gcpsm" };

fn parse(config: Value) -> Result<Access, String> {
    Access::parse(&config, PLACES).map_err(|error| match error {
        Error::InvalidConfig(error) => error.path,
        other => format!("{other:?}"),
    })
}

fn source(auth: Value) -> Result<Source, String> {
    parse(json!({"auth": auth})).map(|access| access.source)
}

fn federated(subject: Subject, audience: Option<&str>, email: Option<&str>) -> Source {
    Source::Federation(Federation {
        base: "/auth/workloadIdentityFederation".to_owned(),
        audience: audience.map(ToOwned::to_owned),
        email: email.map(ToOwned::to_owned),
        subject,
    })
}

/// The order of ESO's NewTokenSource.
#[test]
fn the_first_that_is_given_counts() {
    let reference = json!({"name": "n", "key": "k"});
    let key = json!({"secretAccessKeySecretRef": reference});
    let key_at = "/auth/secretRef/secretAccessKeySecretRef";
    let gke = json!({"serviceAccountRef": {"name": "sa"}, "clusterName": "c", "clusterLocation": ""});
    let wif = json!({"credConfig": reference});
    let by_key = || Ok(Source::Key { at: key_at.to_owned() });
    let by_gke = Ok(Source::Gke(Gke {
        base: "/auth/workloadIdentity".to_owned(),
        audiences: Vec::new(),
        project: None,
        location: None,
        cluster: Some("c".to_owned()),
    }));
    for (auth, expected) in [
        (json!({}), Ok(Source::Ambient)),
        (json!(null), Ok(Source::Ambient)),
        (json!({"secretRef": key}), by_key()),
        (json!({"secretRef": key, "workloadIdentity": gke, "workloadIdentityFederation": wif}), by_key()),
        (json!({"workloadIdentity": gke, "workloadIdentityFederation": wif}), by_gke),
        (
            json!({"workloadIdentityFederation": wif}),
            Ok(federated(Subject::Config { endpoint: None }, None, None)),
        ),
        (json!({"secretRef": {}}), Err(key_at.to_owned())),
        (json!({"workloadIdentity": {}}), Err("/auth/workloadIdentity/serviceAccountRef".to_owned())),
    ] {
        assert_eq!(source(auth.clone()), expected, "{auth}");
    }
}

#[test]
fn either_spelling_and_not_both() {
    let reference = json!({"name": "n", "key": "k"});
    let seed =
        parse(json!({"projectId": "p", "auth": {"secretRef": {"secretAccessKey": reference}}})).unwrap();
    let at = "/auth/secretRef/secretAccessKey".to_owned();
    assert_eq!((seed.project.as_deref(), &seed.source), (Some("p"), &Source::Key { at: at.clone() }));
    assert_eq!(parse(json!({"projectID": "p", "projectId": "p"})).err(), Some("/projectId".to_owned()));
    let both = json!({"secretAccessKey": reference, "secretAccessKeySecretRef": reference});
    assert_eq!(source(json!({"secretRef": both})), Err(at));
}

/// The rules of ESO's workload_identity_federation.go.
#[test]
fn exactly_one_whole_federation() {
    let (account, secret) = (json!({"name": "sa", "audiences": ["x"]}), json!({"name": "aws"}));
    let aws = json!({"region": "eu-central-1", "awsCredentialsSecretRef": secret});
    let at = |field: &str| Err(format!("/auth/workloadIdentityFederation{field}"));
    let email = "sa@p.iam.gserviceaccount.com";
    for (federation, expected) in [
        (
            json!({"serviceAccountRef": account, "audience": "//iam/p", "gcpServiceAccountEmail": email}),
            Ok(federated(Subject::Account { audiences: vec!["x".to_owned()] }, Some("//iam/p"), Some(email))),
        ),
        (
            json!({"awsSecurityCredentials": aws, "audience": "//iam/p"}),
            Ok(federated(Subject::Aws { region: "eu-central-1".to_owned() }, Some("//iam/p"), None)),
        ),
        (
            json!({"credConfig": secret, "externalTokenEndpoint": "https://t"}),
            Ok(federated(Subject::Config { endpoint: Some("https://t".to_owned()) }, None, None)),
        ),
        (json!({}), at("")),
        (json!({"serviceAccountRef": account, "credConfig": secret, "audience": "a"}), at("")),
        (json!({"serviceAccountRef": account}), at("/audience")),
        (json!({"awsSecurityCredentials": aws}), at("/audience")),
        (
            json!({"awsSecurityCredentials": {"region": "eu-central-1"}, "audience": "a"}),
            at("/awsSecurityCredentials/awsCredentialsSecretRef"),
        ),
        (
            json!({"awsSecurityCredentials": {"awsCredentialsSecretRef": secret}, "audience": "a"}),
            at("/awsSecurityCredentials/region"),
        ),
        (
            json!({"awsSecurityCredentials": {"awsCredentialsSecretRef": secret, "region": "e.evil/"}, "audience": "a"}),
            at("/awsSecurityCredentials/region"),
        ),
        (
            json!({"serviceAccountRef": account, "audience": "a", "gcpServiceAccountEmail": "x/../y@z.iam.gserviceaccount.com"}),
            at("/gcpServiceAccountEmail"),
        ),
    ] {
        assert_eq!(source(json!({"workloadIdentityFederation": federation})), expected, "{federation}");
    }
}

#[test]
fn who_asks_counts_only_where_the_store_leaves_it_open() {
    let store = |namespace: Option<&str>| StoreRef {
        kind: "ClusterSecretStore".to_owned(),
        name: "s".to_owned(),
        namespace: namespace.map(ToOwned::to_owned),
        uid: String::new(),
        generation: 1,
    };
    let named = json!({"name": "n", "key": "k", "namespace": "ns"});
    let open = json!({"name": "n", "key": "k", "namespace": ""});
    for (reference, open) in [(&open, true), (&named, false)] {
        let aws = json!({"region": "r", "awsCredentialsSecretRef": reference});
        for auth in [
            json!({"secretRef": {"secretAccessKey": reference}}),
            json!({"workloadIdentity": {"serviceAccountRef": reference}}),
            json!({"workloadIdentityFederation": {"credConfig": reference}}),
            json!({"workloadIdentityFederation": {"serviceAccountRef": reference, "audience": "a"}}),
            json!({"workloadIdentityFederation": {"awsSecurityCredentials": aws, "audience": "a"}}),
        ] {
            let config = json!({"auth": auth});
            let access = Access::parse(&config, PLACES).unwrap();
            assert_eq!(access.depends_on_requester(&config, &store(None)), open, "{config}");
            assert!(!access.depends_on_requester(&config, &store(Some("own"))), "{config}");
        }
    }
    let ambient = Access::parse(&json!({}), PLACES).unwrap();
    assert!(!ambient.depends_on_requester(&json!({}), &store(None)));
}
