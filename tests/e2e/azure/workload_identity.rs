//! Workload identity: tokens of real ServiceAccounts, verified against the API server's keys, stand for an
//! application that trusts them.

use serde_json::{Value, json};

use crate::support::{Operator, Vault, World, assert_no_value_left, world};

const AUDIENCE: &str = "api://AzureADTokenExchange";

fn account(world: &World, name: &str, annotations: &Value) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": world.name, "annotations": annotations},
    }));
}

#[test]
fn as_the_account_that_the_application_trusts() {
    let world = world!("azure-workload");
    let Some(vault) = Vault::new(&world, "identity-vault") else { return };
    let app = vault.app(&["secrets/get"]);
    let subject = |name: &str| format!("system:serviceaccount:{}:{name}", world.name);
    vault.azure.federate(&app, &subject("reader"), AUDIENCE).unwrap();
    vault.azure.federate(&app, &subject("other-audience"), "somebody-else").unwrap();
    vault.put("azure-workload-key", "MARKED-by-workload");
    let operator = Operator::start(&world);
    let client = json!({"azure.workload.identity/client-id": app.client_id});
    let mut both = client.clone();
    both["azure.workload.identity/tenant-id"] = app.tenant_id.as_str().into();
    account(&world, "reader", &both);
    account(&world, "stranger", &both);
    account(&world, "unannotated", &json!({}));
    account(&world, "other-audience", &both);
    let by = |account: Value, rest: Value| {
        let mut config = json!({"authType": "WorkloadIdentity", "serviceAccountRef": account});
        for (field, value) in rest.as_object().unwrap() {
            config[field] = value.clone();
        }
        config
    };
    let mark = vault.azure.mark();
    // The tenant from the annotation alone, as the webhook has it.
    vault.store("store", by(json!({"name": "reader"}), json!({"tenantId": null})));
    vault.one("es", "store", "azure-workload-key");
    world.wait_data("es", &[("v", "MARKED-by-workload")]);
    assert_eq!(vault.count(mark, "federated", 200), 1);

    vault.store("stranger", by(json!({"name": "stranger"}), json!({})));
    let message = world.wait_reason("secretstore", "stranger", "AuthenticationFailed");
    assert!(message.contains("AADSTS700213"), "{message}");
    vault.store("unannotated", by(json!({"name": "unannotated"}), json!({})));
    let message = world.wait_reason("secretstore", "unannotated", "InvalidProviderConfig");
    assert!(message.contains("azure.workload.identity/client-id"), "{message}");
    // Another audience is the manifest's to name, and the application's to trust.
    vault.store("audience", by(json!({"name": "other-audience", "audiences": ["somebody-else"]}), json!({})));
    world.wait_ready("secretstore", "audience");
    // The client id from a Secret, and none on the account.
    account(&world, "reader", &json!({}));
    vault.secret("ids", json!({"client": app.client_id, "tenant": app.tenant_id}));
    let ids = json!({"authSecretRef": {
        "clientId": {"name": "ids", "key": "client"}, "tenantId": {"name": "ids", "key": "tenant"},
    }, "tenantId": null});
    vault.store("from-secret", by(json!({"name": "reader"}), ids));
    vault.one("from-secret", "from-secret", "azure-workload-key");
    world.wait_data("from-secret", &[("v", "MARKED-by-workload")]);
    assert_no_value_left(&world, &operator, &["MARKED-by-workload"]);
}
