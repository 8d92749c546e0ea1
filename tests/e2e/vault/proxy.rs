//! Stores that go by a proxy: it looks up their names, it is asked once for a tunnel, and the condition says so. And an
//! authority that the operator trusts besides the system's.

use std::process::Command;

use claviger_testenv::{Bao, BaoOptions, ForwardProxy};
use serde_json::{Value, json};

use super::{Server, VALUE, external_secret, secret};
use crate::support::{Operator, assert_no_value_left, world};

/// Known to the proxy alone, and to the certificate.
const NAME: &str = "vault.behind.example";

#[test]
fn a_store_goes_by_the_proxy_and_says_so() {
    let world = world!("forward-proxy");
    let dir = tempfile::tempdir().unwrap();
    let options = BaoOptions { tls: true, name: Some(NAME), ..BaoOptions::default() };
    let bao = Bao::start(&world.env.tools, dir.path(), options).unwrap();
    let vault = Server::of(&world, bao.view());
    vault.mount("", "kv");
    let token = vault.token("", &["kv"]);
    secret(&world, "token", json!({"token": token}));
    let address = vault.address.trim_start_matches("https://");
    let password = "MARKED-proxy-password";
    let proxy =
        ForwardProxy::start(&[(&format!("{NAME}:8200"), address)], Some(&format!("us:{password}"))).unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, bao.authority().unwrap().pem()).unwrap();
    let config = dir.path().join("config.yaml");
    let file = format!(
        "proxy: {{https: \"http://us:{password}@{}\", noProxy: [.direct.example]}}\ncaBundle: {}\n",
        proxy.address(),
        ca.display()
    );
    std::fs::write(&config, file).unwrap();
    let operator = Operator::start_flagged(&world, &["--config", config.to_str().unwrap()]);

    let store = |name: &str, server: &str, tls: Value| {
        world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": name, "namespace": world.name},
            "spec": {"controller": world.name, "refreshInterval": 5, "provider": {"vault": {
                "server": server, "path": "kv", "tls": tls,
                "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
            }}},
        }));
    };
    // The certificate is of the authority in the file, which the store does not name.
    store("behind", &format!("https://{NAME}:8200"), json!({}));
    world.wait_ready("secretstore", "behind");
    let (_, _, message) = world.ready("secretstore", "behind").unwrap();
    assert_eq!(message, format!("store validated, through the proxy {}", proxy.address()));
    let one = json!({"data": [{"secretKey": "v", "remoteRef": {"key": "app", "property": "v"}}]});
    external_secret(&world, "synced", "behind", "1h", one);
    world.wait_data("synced", &[("v", VALUE)]);
    let asked = proxy.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|line| *line == format!("CONNECT {NAME}:8200")),
        "{asked:?}"
    );

    // A name that it does not know either: the message says who was asked.
    store("unknown", "https://unknown.behind.example:8200", json!({}));
    let message = world.wait_reason("secretstore", "unknown", "ProviderUnavailable");
    assert!(message.contains(&format!("through the proxy {}", proxy.address())), "{message}");
    world.kubectl(&["-n", &world.name, "delete", "secretstore", "unknown"]);
    let asked = proxy.asked();
    assert!(asked.iter().any(|line| line == "refused CONNECT unknown.behind.example:8200"), "{asked:?}");

    // Loopback is reached directly, where it may be reached at all, and so by another name than the certificate's.
    store("direct", &vault.address, json!({"serverName": NAME}));
    world.wait_ready("secretstore", "direct");
    let (_, _, message) = world.ready("secretstore", "direct").unwrap();
    assert_eq!(message, "store validated");
    // The API server and metadata services are nobody's to reach, and no proxy is asked for them.
    let api_server = world.env.cluster.issuer().to_owned();
    for (name, server) in [("api-server", &*api_server), ("metadata", "https://169.254.169.254")] {
        store(name, server, json!({}));
        let message = world.wait_reason("secretstore", name, "PluginFault");
        assert!(message.contains("was refused a connection"), "{message}");
    }
    let strangers: Vec<String> =
        proxy.asked().into_iter().filter(|line| !line.contains(".behind.example:8200")).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    assert_no_value_left(&world, &operator, &[VALUE, &token, password]);

    // Who renders on a machine of his own has the same way, by the same flags, and none without them.
    let file = dir.path().join("manifests.json");
    let manifests = [
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, "stringData": {"token": token}}),
        json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore", "metadata": {"name": "behind"},
            "spec": {"provider": {"vault": {"server": format!("https://{NAME}:8200"), "path": "kv",
                "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}}}},
        }),
        json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "es"},
            "spec": {"secretStoreRef": {"name": "behind"},
                "data": [{"secretKey": "v", "remoteRef": {"key": "app", "property": "v"}}]},
        }),
    ];
    std::fs::write(&file, manifests.map(|object| format!("---\n{object}\n")).concat()).unwrap();
    let render = |flags: &[&str]| {
        let mut command = Command::new(&world.env.claviger);
        command.args(["render", "-f", file.to_str().unwrap(), "--plugin-dir"]).arg(&world.env.plugin_dir);
        command.arg("--cache-dir").arg(&world.env.cache_dir).args(flags);
        for variable in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "CLAVIGER_CA_BUNDLE"] {
            command.env_remove(variable);
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains(password) && !said.contains(VALUE), "{said}");
        (output.status.success(), said)
    };
    let by = format!("--https-proxy=http://us:{password}@{}", proxy.address());
    let (done, said) = render(&[&by, "--ca-bundle", ca.to_str().unwrap()]);
    assert!(done, "{said}");
    let (done, said) = render(&[]);
    assert!(!done && said.contains("ProviderUnavailable"), "{said}");
}
