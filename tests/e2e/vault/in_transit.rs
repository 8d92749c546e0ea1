//! What an admin demands of every store's connections, and how stores are validated: by flag, by variable and by the file
//! of settings.

use claviger_testenv::{Bao, BaoOptions};
use serde_json::{Value, json};

use super::{Server, VALUE, bundle, secret};
use crate::support::{Operator, assert_no_value_left, world};

fn with_token(more: &Value) -> Value {
    let mut vault = json!({"path": "kv", "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}});
    vault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    vault
}

#[test]
fn a_store_without_encryption_is_refused_where_the_file_demands_it() {
    let world = world!("in-transit");
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.yaml");
    std::fs::write(&config, "security: {encryptionInTransit: true}\n").unwrap();
    let (plain_dir, tls_dir) = (dir.path().join("plain"), dir.path().join("tls"));
    std::fs::create_dir_all(&plain_dir).unwrap();
    std::fs::create_dir_all(&tls_dir).unwrap();
    let plain = Bao::start(&world.env.tools, &plain_dir, BaoOptions::default()).unwrap();
    let options = BaoOptions { tls: true, ..BaoOptions::default() };
    let secure = Bao::start(&world.env.tools, &tls_dir, options).unwrap();
    let (clear, encrypted) = (Server::of(&world, plain.view()), Server::of(&world, secure.view()));
    clear.mount("", "kv");
    encrypted.mount("", "kv");
    let mut tokens = Vec::new();
    for (server, name) in [(&clear, "clear"), (&encrypted, "token")] {
        let token = server.token("", &["kv"]);
        secret(&world, name, json!({"token": token}));
        tokens.push(token);
    }
    let operator = Operator::start_flagged(&world, &["--config", config.to_str().unwrap()]);

    // With --allow-loopback, as every operator of these tests.
    let of_clear = with_token(&json!({"auth": {"tokenSecretRef": {"name": "clear", "key": "token"}}}));
    let words = [&clear.address as &str, "/server", "security.encryptionInTransit", "https only"];
    clear.refused("clear", of_clear, "InvalidProviderConfig", &words);
    // That is all it demands.
    encrypted.works("encrypted", with_token(&json!({"caBundle": bundle(&secure)})));
    encrypted.works("unverified", with_token(&json!({"tls": {"insecureSkipVerify": true}})));
    assert_no_value_left(&world, &operator, &[VALUE, &tokens[0], &tokens[1]]);
}

#[test]
fn a_store_that_verifies_nothing_is_refused_where_that_is_demanded() {
    let world = world!("verified");
    let dir = tempfile::tempdir().unwrap();
    let options = BaoOptions { tls: true, ..BaoOptions::default() };
    let bao = Bao::start(&world.env.tools, dir.path(), options).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "kv");
    let token = vault.token("", &["kv"]);
    secret(&world, "token", json!({"token": token}));
    let operator = Operator::start_in(&world, &[("CLAVIGER_VALIDATE_REMOTE_CERTIFICATES", "true")]);

    let unverified = with_token(&json!({"tls": {"insecureSkipVerify": true}}));
    let words = [
        &vault.address as &str,
        "/tls/insecureSkipVerify",
        "security.validateRemoteCertificates",
        "authority",
    ];
    vault.refused("unverified", unverified, "InvalidProviderConfig", &words);
    vault.works("verified", with_token(&json!({"caBundle": bundle(&bao)})));
    assert_no_value_left(&world, &operator, &[VALUE, &token]);
}

/// A store without refreshInterval is validated again by the variable's period: without it the second time would come
/// after five minutes, later than a test waits.
#[test]
fn the_period_of_validation_is_a_variable() {
    let world = world!("poller");
    let dir = tempfile::tempdir().unwrap();
    let bao = Bao::start(&world.env.tools, dir.path(), BaoOptions::default()).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "kv");
    secret(&world, "token", json!({"token": vault.token("", &["kv"])}));
    let operator = Operator::start_in(&world, &[("POLLER_INTERVAL_MILLISECONDS", "300")]);
    let mut settings = with_token(&json!({}));
    settings["server"] = vault.address.as_str().into();
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "s", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"vault": settings}},
    }));
    world.wait_ready("secretstore", "s");
    let calls = || {
        operator.metric("claviger_plugin_calls{plugin=\"vault\",outcome=\"answered\"}").unwrap_or_default()
    };
    let before = calls();
    world.wait("the store to be validated five times", || {
        let more = calls() - before;
        if more >= 5.0 { Ok(()) } else { Err(format!("{more} calls")) }
    });
}
