//! ACRAccessToken. Whether a token holds is the registry's word, which Azure's own library is the judge of
//! (`azures_own_library_takes_a_login_to_acr`).

use claviger_testenv::AzureView;
use serde_json::{Value, json};

use super::super::{data, es, from, generator, store, text, wait_other};
use crate::support::{Operator, Vault, assert_no_value_left, world};

const REGISTRY: &str = "registry.azurecr.io";
const USER: &str = "00000000-0000-0000-0000-000000000000";

#[test]
fn a_login_to_acr() {
    let world = world!("tokens-acr");
    let Some(azure) = Vault::new(&world, "my-keyvault") else { return };
    let ns = &world.name;
    store(&world);
    let app = azure.azure.app(ns).unwrap();
    let secret = azure.azure.client_secret(&app).unwrap();
    azure.login_secret(&app.client_id, &secret);
    let nobody = azure.azure.app("tokens-acr-nobody").unwrap();
    let other = azure.azure.client_secret(&nobody).unwrap();
    azure.secret("login-of-nobody", json!({"id": nobody.client_id, "secret": other}));
    let grants = json!({"host": REGISTRY, "principal": app.client_id, "grants": {"app": ["pull"]}});
    azure.azure.control("registry", &grants).unwrap();
    azure
        .azure
        .federate(&app, &format!("system:serviceaccount:{ns}:puller"), "api://AzureADTokenExchange")
        .unwrap();
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "puller", "namespace": ns, "annotations": {
            "azure.workload.identity/client-id": app.client_id, "azure.workload.identity/tenant-id": AzureView::TENANT,
        }},
    }));
    let principal = |secret: &str| {
        json!({"servicePrincipal": {"secretRef": {
            "clientId": {"name": secret, "key": "id"}, "clientSecret": {"name": secret, "key": "secret"},
        }}})
    };
    let acr = |name: &str, auth: Value, more: Value| {
        let mut spec = json!({"registry": REGISTRY, "auth": auth});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        generator(&world, "ACRAccessToken", name, &spec);
        let often = if name == "access" { json!({"refreshInterval": "2s"}) } else { json!({}) };
        es(&world, name, &[from("ACRAccessToken", name)], &often);
    };
    let tenant = json!({"tenantId": AzureView::TENANT});
    let scoped = |scope: &str| json!({"tenantId": AzureView::TENANT, "scope": scope});
    acr("refresh", principal("login"), tenant.clone());
    acr("access", principal("login"), scoped("repository:app:pull"));
    let account = json!({"workloadIdentity": {"serviceAccountRef": {"name": "puller"}}});
    acr("account", account, json!({"scope": "repository:app:pull"}));
    acr("push", principal("login"), scoped("repository:app:pull,push"));
    acr("nobody", principal("login-of-nobody"), tenant.clone());
    let elsewhere = json!({"registry": "registry.evil.example"});
    acr("elsewhere", json!({"managedIdentity": {}}), elsewhere);
    let operator = Operator::start(&world);

    let access = json!([{"type": "repository", "name": "app", "actions": ["pull"]}]);
    for (name, kind, access) in [
        ("refresh", "refresh_token", Value::Null),
        ("access", "access_token", access.clone()),
        ("account", "access_token", access),
    ] {
        world.wait_ready("externalsecret", name);
        let found = data(&world, name);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["password", "username"], "{name}");
        assert_eq!(text(&found, "username"), USER, "{name}");
        let used = json!({"host": REGISTRY, "token": text(&found, "password")});
        let used = azure.azure.control("registry-token", &used).unwrap();
        assert_eq!(used, json!({"kind": kind, "of": ns, "access": access}), "{name}");
    }
    wait_other(&world, "access", "password", &text(&data(&world, "access"), "password"));
    for (name, reason, said) in [
        ("push", "AccessDenied", "the access token for repository:app:pull,push"),
        ("nobody", "AccessDenied", "AcrPull"),
        ("elsewhere", "InvalidProviderConfig", "it must be NAME.azurecr.io"),
    ] {
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(said), "{name}: {message}");
        assert!(world.data(name).is_none(), "{name}");
    }
    assert_no_value_left(&world, &operator, &[&text(&data(&world, "refresh"), "password"), &secret, &other]);
}
