//! Connections: the reference document's store with everything that TLS has, authorities from every place, and
//! what a condition says when they do not fit.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Authority, Bao, BaoOptions, Usage};
use serde_json::{Value, json};

use super::{Server, VALUE, bundle, secret, service_account};
use crate::support::{Operator, assert_no_value_left, world};

#[test]
fn the_documents_secure_vault_store() {
    let world = world!("vault-secure");
    let dir = tempfile::tempdir().unwrap();
    let options = BaoOptions { tls: true, name: Some("vault.company.com"), client_certificates: true };
    let bao = Bao::start(&world.env.tools, dir.path(), options).unwrap();
    let vault = Server::of(&world, bao.view());
    let within = vault.namespaces(&["tenant", "production"]);
    vault.mount(&within, "secret");
    vault.jwt(&within, "jwt", "vault-auth-sa", &["secret"]);
    let data = json!({
        "username": "app-user", "password": "MARKED-secure-password", "host": "db.internal", "port": "5432",
        "database": "orders",
    });
    vault.call("POST", &format!("{within}secret/data/database/postgres/main"), json!({"data": data}));
    let (authority, another) = (bao.authority().unwrap(), Authority::new("another").unwrap());
    let leaf = authority.leaf(Usage::Client, "claviger", &[], &[]).unwrap();
    let strange = another.leaf(Usage::Client, "claviger", &[], &[]).unwrap();
    secret(&world, "vault-ca-cert", json!({"ca.crt": authority.pem()}));
    secret(&world, "vault-client-cert", json!({"tls.crt": leaf.cert_pem, "tls.key": leaf.key_pem}));
    secret(&world, "strange-client-cert", json!({"tls.crt": strange.cert_pem, "tls.key": strange.key_pem}));
    secret(&world, "another-ca-cert", json!({"ca.crt": another.pem()}));
    service_account(&world, "vault-auth-sa", json!({}));
    let operator = Operator::start(&world);

    let mut store = world.seed("secure-vault-store");
    store["spec"]["provider"]["vault"]["server"] = vault.address.as_str().into();
    store["spec"]["provider"]["vault"]["caBundle"] = bundle(&bao).into();
    world.apply_json(&store);
    world.wait_ready("secretstore", "secure-vault-store");
    let mut credentials = world.seed("database-credentials");
    credentials["spec"]["secretStoreRef"]["name"] = "secure-vault-store".into();
    world.apply_json(&credentials);
    world.wait_ready("externalsecret", "database-credentials");
    assert_eq!(world.data("postgres-credentials").unwrap()["password"], b"MARKED-secure-password");

    // The document gives the authority twice, and either is enough.
    let document = store["spec"]["provider"]["vault"].clone();
    let but = |change: &dyn Fn(&mut Value)| {
        let mut vault = document.clone();
        change(&mut vault);
        vault
    };
    let another_bundle = STANDARD.encode(another.pem());
    vault.works("by-secret", but(&|vault| vault["caBundle"] = another_bundle.as_str().into()));
    let another_secret =
        |vault: &mut Value| vault["tls"]["caCert"]["secretRef"]["name"] = "another-ca-cert".into();
    vault.works("by-bundle", but(&another_secret));

    let unavailable = |name: &str, vault_of: Value, words: &[&str]| {
        vault.refused(name, vault_of, "ProviderUnavailable", words)
    };
    let neither = but(&|vault| {
        vault["caBundle"] = another_bundle.as_str().into();
        another_secret(vault);
    });
    unavailable("by-neither", neither, &["certificate"]);
    let unnamed = but(&|vault| {
        vault["tls"].as_object_mut().unwrap().remove("serverName");
    });
    unavailable("by-address", unnamed, &["certificate", "name"]);
    let other = but(&|vault| vault["tls"]["serverName"] = "vault.other.com".into());
    unavailable("by-other-name", other, &["certificate", "name"]);
    let strange = but(&|vault| {
        for part in ["clientCert", "clientKey"] {
            vault["tls"][part]["secretRef"]["name"] = "strange-client-cert".into();
        }
    });
    unavailable("by-stranger", strange, &["certificate"]);
    let bare = but(&|vault| {
        let tls = vault["tls"].as_object_mut().unwrap();
        tls.remove("clientCert");
        tls.remove("clientKey");
    });
    unavailable("without-certificate", bare, &["certificate"]);
    let keyless = but(&|vault| {
        vault["tls"].as_object_mut().unwrap().remove("clientKey");
    });
    vault.refused(
        "keyless",
        keyless,
        "InvalidProviderConfig",
        &["/tls/clientCert/secretRef", "needs its key"],
    );

    println!(
        "{}",
        world.kubectl(&["-n", &world.name, "describe", "secretstore", "by-address", "by-stranger"])
    );
    let inner = leaf.key_pem.lines().nth(1).unwrap();
    assert_no_value_left(&world, &operator, &[VALUE, "MARKED-secure-password", inner]);
}

#[test]
fn authorities_from_every_place() {
    let world = world!("vault-ca");
    let dir = tempfile::tempdir().unwrap();
    let options = BaoOptions { tls: true, ..BaoOptions::default() };
    let bao = Bao::start(&world.env.tools, dir.path(), options).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "kv");
    let token = vault.token("", &["kv"]);
    secret(&world, "token", json!({"token": token}));
    let pem = bao.authority().unwrap().pem();
    let another = Authority::new("another").unwrap();
    secret(&world, "ca", json!({"ca.crt": pem, "wrong": another.pem(), "none": "MARKED-no-certificate"}));
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca", "namespace": world.name},
        // A bundle has many; ours is the last.
        "data": {"bundle.pem": format!("# a comment\n{}\n{pem}", another.pem())},
    }));
    let operator = Operator::start(&world);
    let with = |more: Value| {
        let mut vault = json!({"path": "kv", "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}});
        vault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        vault
    };
    let provider =
        |kind: &str, key: &str| with(json!({"caProvider": {"type": kind, "name": "ca", "key": key}}));
    vault.works("bundle", with(json!({"caBundle": bundle(&bao)})));
    vault.works("secret", provider("Secret", "ca.crt"));
    vault.works("config-map", provider("ConfigMap", "bundle.pem"));
    vault.works("unverified", with(json!({"tls": {"insecureSkipVerify": true}})));
    let (_, _, message) = world.ready("secretstore", "unverified").unwrap();
    assert!(message.contains("is not verified (insecureSkipVerify)"), "{message}");
    let (_, _, message) = world.ready("secretstore", "bundle").unwrap();
    assert!(!message.contains("verif"), "{message}");

    for (name, vault_of) in [("public", with(json!({}))), ("wrong", provider("Secret", "wrong"))] {
        vault.refused(name, vault_of, "ProviderUnavailable", &[&vault.address, "certificate"]);
    }
    vault.refused("none", provider("Secret", "none"), "InvalidProviderConfig", &["certificate"]);
    let words = [&format!("ConfigMap {}/ca", world.name) as &str, "absent"];
    vault.refused("absent", provider("ConfigMap", "absent"), "ReferenceNotFound", &words);
    let both = json!({"caBundle": bundle(&bao), "caProvider": {"type": "Secret", "name": "ca"}});
    vault.refused("both", with(both), "InvalidProviderConfig", &["/caProvider", "remove one"]);
    println!("{}", world.kubectl(&["-n", &world.name, "describe", "secretstore", "public"]));
    assert_no_value_left(&world, &operator, &[VALUE, &token, "MARKED-no-certificate"]);
}
