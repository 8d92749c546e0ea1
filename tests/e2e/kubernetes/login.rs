//! Who asks: tokens, certificates, kubeconfigs; what trusts the server; and credentials that end.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::Authority;
use serde_json::{Value, json};

use super::Remote;
use crate::support::{Operator, assert_no_value_left, world};

/// A kubeconfig as kubectl writes it.
fn kubeconfig(server: &str, cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: it\ncontexts:\n- name: it\n  context:\n    cluster: c\n    user: u\n\
         clusters:\n- name: c\n  cluster:\n    server: {server}\n{cluster}users:\n- name: u\n  user:\n{user}"
    )
}

#[test]
fn every_login_and_every_authority() {
    let world = world!("k8s-login");
    let remote = Remote::new(&world);
    let cluster = &world.env.cluster;
    remote.put("db", json!({"v": "MARKED-value-there"}), json!({}));
    let user = format!("{}-user", world.name);
    let subject = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user});
    remote.allow(subject, "user", json!({"verbs": ["get"]}));
    let leaf = cluster.client_certificate(&user).unwrap();
    let stranger = Authority::new("stranger").unwrap();
    let strange = stranger.leaf(claviger_testenv::Usage::Client, &user, &[], &[]).unwrap();
    let token = remote.token("reader");
    remote.secret("cert", json!({"tls.crt": leaf.cert_pem, "tls.key": leaf.key_pem}));
    remote.secret("strange", json!({"tls.crt": strange.cert_pem, "tls.key": strange.key_pem}));
    let forged = format!("{token}x");
    remote.secret(
        "token",
        json!({"token": format!("{token}\n"), "wrong": forged, "empty": "", "ca": cluster.ca_pem()}),
    );
    let ca = STANDARD.encode(cluster.ca_pem());
    let authority = format!("    certificate-authority-data: {ca}\n");
    let (cert, key) = (STANDARD.encode(&leaf.cert_pem), STANDARD.encode(&leaf.key_pem));
    // As some tools fold it.
    let folded: Vec<String> =
        ca.as_bytes().chunks(60).map(|line| format!("      {}\n", String::from_utf8_lossy(line))).collect();
    let by_cert = format!("    client-certificate-data: {cert}\n    client-key-data: {key}\n");
    let by_token = format!("    token: {token}\n");
    let exec = "    exec: {command: aws, apiVersion: client.authentication.k8s.io/v1}\n";
    let url = remote.url();
    remote.secret(
        "files",
        json!({
            "token": kubeconfig(&url, &authority, &by_token),
            "cert": kubeconfig(&url, &authority, &by_cert),
            "folded": kubeconfig(&url, &format!("    certificate-authority-data: |\n{}", folded.concat()), &by_token),
            "named": kubeconfig(&url, &format!("{authority}    tls-server-name: kubernetes.default\n"), &by_token),
            "untrusted": kubeconfig(&url, "", &by_token),
            "exec": kubeconfig(&url, &authority, exec),
        }),
    );
    let operator = Operator::start(&world);
    let works = |name: &str, kubernetes: Value| {
        remote.store(name, kubernetes);
        world.wait_ready("secretstore", name);
        remote.one(name, name, json!({"key": "db", "property": "v"}));
        world.wait_data(name, &[("v", "MARKED-value-there")]);
    };
    let direct = |auth: Value| json!({"server": remote.server(), "auth": auth});
    let bearer = |key: &str| json!({"token": {"bearerToken": {"name": "token", "key": key}}});
    let pair = |name: &str| {
        let part = |key: &str| json!({"name": name, "key": key});
        json!({"cert": {"clientCert": part("tls.crt"), "clientKey": part("tls.key")}})
    };
    let file = |key: &str| json!({"authRef": {"name": "files", "key": key}, "server": {"url": url}});
    works("by-token", direct(bearer("token")));
    works("by-cert", direct(pair("cert")));
    for key in ["token", "cert", "folded", "named"] {
        works(&format!("file-{key}"), file(key));
    }
    // Without a scheme it is https; and the namespace's own copy of the authorities.
    let root = json!({"type": "ConfigMap", "name": "kube-root-ca.crt", "key": "ca.crt"});
    let server = json!({"url": remote.relay.address(), "caProvider": root});
    works("by-config-map", json!({"server": server, "auth": bearer("token")}));
    let server = json!({"url": url, "caProvider": {"type": "Secret", "name": "token", "key": "ca"}});
    works("by-secret", json!({"server": server, "auth": bearer("token")}));

    let refused = |name: &str, kubernetes: Value, reason: &str, words: &[&str]| {
        remote.store(name, kubernetes);
        remote.refused("secretstore", name, reason, words);
    };
    refused("wrong", direct(bearer("wrong")), "AuthenticationFailed", &["does not know the credential"]);
    refused("empty", direct(bearer("empty")), "AuthenticationFailed", &["the token is empty"]);
    refused("strange", direct(pair("strange")), "AuthenticationFailed", &["does not know the credential"]);
    refused("gone", direct(bearer("gone")), "ReferenceNotFound", &["token", "gone"]);
    let words = &["no authority that the store trusts"];
    refused("public", json!({"server": {"url": url}, "auth": bearer("token")}), "ProviderUnavailable", words);
    refused("untrusted", file("untrusted"), "ProviderUnavailable", words);
    refused(
        "exec",
        file("exec"),
        "InvalidProviderConfig",
        &["/authRef", "exec is not taken: it starts a program"],
    );
    refused("nobody", json!({"server": remote.server()}), "InvalidProviderConfig", &["auth.serviceAccount"]);
    let both = json!({"authRef": {"name": "files", "key": "token"}, "auth": bearer("token")});
    refused("both", both, "InvalidProviderConfig", &["/auth", "authRef is given too"]);
    // Of a file an origin that the store does not name.
    let alone = json!({"authRef": {"name": "files", "key": "token"}});
    remote.store("alone", alone);
    let message = world.wait("a word on the origin", || match world.ready("secretstore", "alone") {
        Some((status, _, message)) if status == "False" => Ok(message),
        other => Err(format!("{other:?}")),
    });
    assert!(message.contains(&url) && message.contains("spec.grants.origins of the Plugin"), "{message}");
    assert_no_value_left(
        &world,
        &operator,
        &["MARKED-value-there", &token, &forged, leaf.key_pem.trim(), &key],
    );
}

#[test]
fn a_token_that_is_taken_back() {
    let world = world!("k8s-revoked");
    let remote = Remote::new(&world);
    remote.put("db", json!({"v": "MARKED-first-value"}), json!({}));
    let _operator = Operator::start(&world);
    remote.store_as("store", "reader");
    remote.one("es", "store", json!({"key": "db", "property": "v"}));
    world.wait_data("es", &[("v", "MARKED-first-value")]);
    // Its tokens end with it, when the API server has forgotten that it knew them (10 s); another of that name has others.
    world.kubectl(&["-n", &remote.namespace, "delete", "serviceaccount", "reader"]);
    remote.refused("secretstore", "store", "AuthenticationFailed", &["does not know the credential"]);
    assert_eq!(world.data("es").unwrap()["v"], b"MARKED-first-value", "nothing is taken away");
    remote.put("db", json!({"v": "MARKED-second-value"}), json!({}));
    remote.account("reader", &["get", "list"]);
    remote.secret("store", json!({"token": remote.token("reader")}));
    world.wait_ready("secretstore", "store");
    world.wait_data("es", &[("v", "MARKED-second-value")]);
}
