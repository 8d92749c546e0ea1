//! Logging in to Microsoft Entra as an application: by secret and by certificate, refusals that say what to mend,
//! and how often Entra is asked.

use claviger_testenv::AzureView;
use serde_json::json;

use crate::support::{Operator, Vault, assert_no_value_left, world};

#[test]
fn many_users_of_a_store_are_one_login() {
    let world = world!("azure-login");
    let Some(vault) = Vault::new(&world, "login-vault") else { return };
    vault.login(&["secrets/get"]);
    vault.put("azure-login-shared", "MARKED-shared-value");
    let operator = Operator::start(&world);
    let mark = vault.azure.mark();
    vault.store("store", json!({"authSecretRef": Vault::auth()}));
    world.wait_ready("secretstore", "store");
    for n in 0..20 {
        vault.one(&format!("es{n}"), "store", "azure-login-shared");
    }
    for n in 0..20 {
        world.wait_data(&format!("es{n}"), &[("v", "MARKED-shared-value")]);
    }
    assert_eq!(vault.count(mark, "secret", 200), 1, "logins");
    // Tokens that end before their time: each is noticed once, and nobody's refresh fails.
    for how in ["expire", "revoke"] {
        let app = vault.azure.app(&world.name).unwrap();
        // Before: the store's own validation may be the one that finds out.
        let mark = vault.azure.mark();
        vault.azure.control("end-tokens", &json!({"principal": app.object_id, "how": how})).unwrap();
        let value = format!("MARKED-after-{how}");
        vault.put("azure-login-shared", &value);
        world.sync_now("es0");
        world.wait_data("es0", &[("v", &value)]);
        assert_eq!(vault.count(mark, "secret", 200), 1, "logins after {how}");
        assert_eq!(world.ready("externalsecret", "es0").unwrap().0, "True");
    }
    assert_no_value_left(&world, &operator, &["MARKED-shared-value"]);
}

#[test]
fn a_wrong_secret_is_told_and_can_be_mended() {
    let world = world!("azure-wrong");
    let Some(vault) = Vault::new(&world, "login-vault") else { return };
    let app = vault.app(&["secrets/get"]);
    vault.put("azure-wrong-key", "MARKED-right-again");
    let operator = Operator::start(&world);
    let wrong = "MARKED-wrong-client-secret";
    vault.login_secret(&app.client_id, wrong);
    vault.store("store", json!({"authSecretRef": Vault::auth()}));
    let message = world.wait_reason("secretstore", "store", "AuthenticationFailed");
    assert!(message.contains("AADSTS7000215") && message.contains("referenced Secret"), "{message}");
    vault.one("es", "store", "azure-wrong-key");
    world.wait_reason("externalsecret", "es", "StoreNotReady");
    vault.login_secret(&app.client_id, &vault.azure.client_secret(&app).unwrap());
    world.wait_data("es", &[("v", "MARKED-right-again")]);
    // An application that is nobody, a tenant that is none: the field is named.
    vault.store("nobody", json!({
        "clientId": "11111111-2222-3333-4444-555555555555", "clientSecret": {"secretRef": {"name": "login", "key": "secret"}},
    }));
    let message = world.wait_reason("secretstore", "nobody", "InvalidProviderConfig");
    assert!(message.contains("AADSTS700016") && message.contains("/clientId"), "{message}");
    vault.store(
        "nowhere",
        json!({"tenantId": "99999999-2222-3333-4444-555555555555", "authSecretRef": Vault::auth()}),
    );
    let message = world.wait_reason("secretstore", "nowhere", "InvalidProviderConfig");
    assert!(message.contains("AADSTS90002") && message.contains("/tenantId"), "{message}");
    assert_no_value_left(&world, &operator, &[wrong, "MARKED-right-again"]);
}

#[test]
fn by_certificate_and_by_names_from_secrets() {
    let world = world!("azure-certificate");
    let Some(vault) = Vault::new(&world, "login-vault") else { return };
    let app = vault.app(&["secrets/get"]);
    let certificate = vault.azure.certificate(&app).unwrap();
    vault.put("azure-certificate-key", "MARKED-by-certificate");
    let operator = Operator::start(&world);
    vault.secret("login", json!({"id": app.client_id, "pem": certificate.pem}));
    let by_certificate = json!({"authSecretRef": {
        "clientId": {"name": "login", "key": "id"}, "clientCertificate": {"name": "login", "key": "pem"},
    }});
    let mark = vault.azure.mark();
    vault.store("store", by_certificate.clone());
    vault.one("es", "store", "azure-certificate-key");
    world.wait_data("es", &[("v", "MARKED-by-certificate")]);
    assert_eq!(vault.count(mark, "certificate", 200), 1);
    // One that Entra does not know: of another application.
    let stranger = vault.azure.app("azure-certificate-stranger").unwrap();
    let foreign = vault.azure.certificate(&stranger).unwrap();
    vault.secret("login", json!({"id": app.client_id, "pem": foreign.pem}));
    let message = world.wait_reason("secretstore", "store", "AuthenticationFailed");
    assert!(message.contains("AADSTS700027") && message.contains("referenced Secret"), "{message}");
    vault.secret("login", json!({"id": app.client_id, "pem": "MARKED-no-certificate"}));
    let message = world.wait_reason("secretstore", "store", "InvalidProviderConfig");
    assert!(message.contains("/authSecretRef/clientCertificate"), "{message}");
    assert_eq!(AzureView::TENANT, app.tenant_id);
    assert_no_value_left(&world, &operator, &["MARKED-by-certificate", "MARKED-no-certificate"]);
}
