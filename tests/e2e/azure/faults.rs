//! Azure in trouble: limits, failures, broken connections, another clock. On servers of a test's own where everybody
//! would notice.

use std::time::Duration;

use claviger_testenv::{Azure, AzureOptions, AzureView};
use serde_json::json;

use crate::support::{Operator, Vault, assert_no_value_left, world};

#[test]
fn what_azure_holds_back_is_no_failure() {
    let world = world!("azure-limits");
    let Some(vault) = Vault::new(&world, "faulty-vault") else { return };
    vault.login(&["secrets/get"]);
    vault.put("limits-key", "MARKED-limits-first");
    let operator = Operator::start(&world);
    vault.store("store", json!({"authSecretRef": Vault::auth()}));
    world.wait_ready("secretstore", "store");
    vault.one("es", "store", "limits-key");
    world.wait_data("es", &[("v", "MARKED-limits-first")]);
    // Ten seconds of peace are asked for, and given: the object stays in order meanwhile.
    let pattern = "faulty-vault.* /secrets/limits-key";
    vault
        .azure
        .fault(&json!({"match": pattern, "status": 429, "headers": {"Retry-After": "10"}, "count": 1}))
        .unwrap();
    vault.put("limits-key", "MARKED-limits-second");
    let mark = vault.azure.mark();
    let asked = std::time::Instant::now();
    world.sync_now("es");
    world.wait_data("es", &[("v", "MARKED-limits-second")]);
    assert!(asked.elapsed() >= Duration::from_secs(9), "{:?}", asked.elapsed());
    let requests = vault.azure.requests(mark).unwrap();
    let reads: Vec<u16> = requests
        .iter()
        .filter(|it| it.path.contains("limits-key") && it.method == "GET")
        .map(|it| it.status)
        .collect();
    assert_eq!(reads, [429, 200], "nothing in between");
    assert_eq!(world.ready("secretstore", "store").unwrap().0, "True");
    // Failures and broken connections pass.
    for fault in [
        json!({"match": pattern, "status": 503, "count": 1}),
        json!({"match": pattern, "status": 500, "count": 1}),
        json!({"match": pattern, "reset": true, "count": 1}),
    ] {
        vault.azure.fault(&fault).unwrap();
        let value = format!("MARKED-after-{}", fault["status"]);
        vault.put("limits-key", &value);
        world.sync_now("es");
        world.wait_data("es", &[("v", &value)]);
    }
    assert_no_value_left(
        &world,
        &operator,
        &["MARKED-limits-first", "MARKED-limits-second", "MARKED-after-503"],
    );
}

#[test]
fn another_clock_and_a_login_out_of_order() {
    let world = world!("azure-clock");
    let dir = tempfile::tempdir().unwrap();
    let cluster = &world.env.cluster;
    let options = AzureOptions { jwks: cluster.jwks().unwrap(), issuer: cluster.issuer().to_owned() };
    let server = Azure::start(&world.env.tools, dir.path(), &options).unwrap();
    let azure = server.view();
    let app = azure.app("clock").unwrap();
    azure.allow(&app, AzureView::VAULT, &["secrets/get"]).unwrap();
    azure.set_secret(AzureView::VAULT, "clock-key", "MARKED-clock-value", &json!(null)).unwrap();
    let certificate = azure.certificate(&app).unwrap();
    let operator = Operator::start(&world);
    let vault = Vault { world: &world, azure: azure.clone(), name: AzureView::VAULT };
    vault.secret("login", json!({"id": app.client_id, "pem": certificate.pem}));
    // The login signs with our clock, and theirs is half an hour ahead: refused, in words that name the clock.
    azure.shift_clock(1_800).unwrap();
    vault.store("store", json!({
        "vaultUrl": azure.vault_url(), "environmentType": "AzureStackCloud",
        "customCloudConfig": {"activeDirectoryEndpoint": azure.login_url(), "keyVaultEndpoint": AzureView::RESOURCE},
        "authSecretRef": {
            "clientId": {"name": "login", "key": "id"}, "clientCertificate": {"name": "login", "key": "pem"},
        },
    }));
    let message = world.wait_reason("secretstore", "store", "AuthenticationFailed");
    assert!(message.contains("clock"), "{message}");
    azure.shift_clock(0).unwrap();
    vault.one("es", "store", "clock-key");
    world.wait_data("es", &[("v", "MARKED-clock-value")]);
    // Entra out of order while the token holds: nobody notices. After its end, the store says so and comes back.
    azure.fault(&json!({"match": "/oauth2/v2.0/token", "status": 503})).unwrap();
    azure.set_secret(AzureView::VAULT, "clock-key", "MARKED-clock-later", &json!(null)).unwrap();
    world.sync_now("es");
    world.wait_data("es", &[("v", "MARKED-clock-later")]);
    azure.expire_tokens(&app).unwrap();
    world.sync_now("es");
    // The ExternalSecret says so for a moment only: then that its store is not ready.
    world.wait_reason("secretstore", "store", "ProviderUnavailable");
    azure.clear_faults("/oauth2/v2.0/token").unwrap();
    world.wait_ready("externalsecret", "es");
    assert_no_value_left(&world, &operator, &["MARKED-clock-value", "MARKED-clock-later"]);
}
