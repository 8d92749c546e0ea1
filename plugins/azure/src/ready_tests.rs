//! Where a session goes, and whose it is. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::connection::{Annotation, Resolved};
use serde_json::{Value, json};

use super::*;
use crate::fake::{bytes, kind_at, session_of};
use crate::identity::{ACCOUNT, CLIENT_ANNOTATION, CLIENT_ID, ENV_CLIENT_ID, ENV_TENANT_ID, TENANT_ID};
use crate::needs::{ACCOUNT_TOKEN, CLIENT_SECRET, MANAGED};

const KINDS: [&str; 6] =
    ["/secrets", "/certificates", "/keys", "/deletedsecrets", "/deletedcertificates", "/deletedkeys"];

/// A complete session of a team's SecretStore, or of a ClusterSecretStore that the team uses.
fn session(config: &Value, cluster: bool) -> Session {
    let annotation = Annotation { name: CLIENT_ANNOTATION.to_owned(), value: "c".to_owned() };
    let have = [
        (CLIENT_ID, bytes("c")),
        (TENANT_ID, bytes("t")),
        (CLIENT_SECRET, bytes("s")),
        (ACCOUNT, Resolved::Account(vec![annotation])),
        (ACCOUNT_TOKEN, bytes("a.b.c")),
        (ENV_CLIENT_ID, bytes("c")),
        (ENV_TENANT_ID, bytes("t")),
        (MANAGED, bytes("{}")),
    ];
    let mut session = session_of(config, &have);
    if cluster {
        session.store.namespace = None;
    }
    session
}

fn found(config: &Value, cluster: bool) -> Result<Ready, Error> {
    let session = session(config, cluster);
    ready(&Config::parse(&session.config, &session.settings)?, &session)
}

fn with(more: Value) -> Value {
    let mut config = json!({"vaultUrl": "https://my.vault.azure.net/"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

/// A namespace's own Secret is its own login: what another namespace would log in as, it must not read with.
#[test]
fn whose_a_session_is() {
    let (open, closed) =
        (json!({"name": "s", "key": "k"}), json!({"name": "s", "key": "k", "namespace": "n"}));
    let secret = |id: &Value, secret: &Value| {
        with(json!({"tenantId": "t", "authSecretRef": {"clientId": id, "clientSecret": secret}}))
    };
    let account = |account: Value, more: Value| {
        let mut config =
            with(json!({"authType": "WorkloadIdentity", "tenantId": "t", "serviceAccountRef": account}));
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let bare = json!({"name": "sa"});
    for (config, in_cluster) in [
        (secret(&open, &open), true),
        (secret(&open, &closed), true),
        (secret(&closed, &open), true),
        (secret(&closed, &closed), false),
        (secret(&json!({"name": "s", "key": "k", "namespace": ""}), &closed), true),
        (with(json!({"tenantId": "t", "clientId": "c", "clientSecret": {"secretRef": open}})), true),
        (with(json!({"tenantId": "t", "clientId": "c", "clientSecret": {"secretRef": closed}})), false),
        (account(bare.clone(), json!({})), true),
        (account(json!({"name": "sa", "namespace": "n"}), json!({})), false),
        (
            account(json!({"name": "sa", "namespace": "n"}), json!({"authSecretRef": {"clientId": open}})),
            true,
        ),
        // What is not in use does not count.
        (
            account(
                json!({"name": "sa", "namespace": "n"}),
                json!({"authSecretRef": {"clientSecret": open}}),
            ),
            false,
        ),
        (with(json!({"authType": "ManagedIdentity"})), false),
        (with(json!({"authType": "ManagedIdentity", "identityId": "i", "serviceAccountRef": bare})), false),
        (with(json!({"authType": "WorkloadIdentity"})), false),
    ] {
        for cluster in [false, true] {
            let ready = found(&config, cluster).unwrap();
            let expected = (cluster && in_cluster).then_some("team");
            assert_eq!(ready.partition.as_deref(), expected, "{cluster} {config}");
            assert_eq!(ready.account.as_deref(), Some(""), "{config}");
        }
    }
}

/// The host takes the first rule of an origin, so each origin is named once, with all that is asked of it.
#[test]
fn each_origin_once_with_its_paths() {
    let reference = json!({"name": "s", "key": "k"});
    let principal = json!({"tenantId": "t", "clientId": "c", "clientSecret": {"secretRef": reference}});
    let custom = |vault: &str, login: &str, tenant: &str| {
        let mut config = with(principal.clone());
        config["environmentType"] = json!("AzureStackCloud");
        config["vaultUrl"] = json!(vault);
        config["tenantId"] = json!(tenant);
        config["customCloudConfig"] =
            json!({"activeDirectoryEndpoint": login, "keyVaultEndpoint": "https://vault.example"});
        config
    };
    let vault = "https://my.vault.azure.net";
    let (login, token) = ("https://login.microsoftonline.com", "/t/oauth2/v2.0/token");
    let gateway = "https://gate.example";
    for (config, expected) in [
        (with(principal.clone()), vec![(vault, vec![]), (login, vec![token])]),
        (with(json!({"authType": "ManagedIdentity"})), vec![(vault, vec![])]),
        (with(json!({"authType": "WorkloadIdentity"})), vec![(vault, vec![]), (login, vec![token])]),
        (
            with(
                json!({"authType": "WorkloadIdentity", "tenantId": "t", "serviceAccountRef": {"name": "sa"}}),
            ),
            vec![(vault, vec![]), (login, vec![token])],
        ),
        (custom(gateway, gateway, "t"), vec![(gateway, vec![token])]),
        (custom("https://GATE.example/", "https://gate.example:443", "t"), vec![(gateway, vec![token])]),
        (
            custom("http://127.0.0.1:8080", "http://127.0.0.1:8080/base/", "t"),
            vec![("http://127.0.0.1:8080", vec!["/base/t/oauth2/v2.0/token"])],
        ),
        (
            custom("http://gate.example", "http://gate.example:80", "adfs"),
            vec![("http://gate.example", vec!["/adfs/oauth2/token"])],
        ),
        (
            custom(gateway, "http://gate.example", "t"),
            vec![(gateway, vec![]), ("http://gate.example", vec![token])],
        ),
        (
            custom(gateway, "https://gate.example:8443", "t"),
            vec![(gateway, vec![]), ("https://gate.example:8443", vec![token])],
        ),
    ] {
        let owned = |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
        let vaults = |at: usize| if at == 0 { owned(&KINDS) } else { Vec::new() };
        let expected = expected.into_iter().enumerate();
        let expected: Vec<(String, Vec<String>)> = expected
            .map(|(at, (url, paths))| (url.to_owned(), [vaults(at), owned(&paths)].concat()))
            .collect();
        let ready = found(&config, false).unwrap();
        let found: Vec<(String, Vec<String>)> =
            ready.origins.into_iter().map(|origin| (origin.url, origin.paths)).collect();
        assert_eq!(found, expected, "{config}");
    }
}

/// The last look before anything is asked: two tenants are said here at the latest.
#[test]
fn contradictions_are_said() {
    let config = with(json!({"authType": "WorkloadIdentity", "tenantId": "other"}));
    assert_eq!(kind_at(&found(&config, false)), "/tenantId");
}
