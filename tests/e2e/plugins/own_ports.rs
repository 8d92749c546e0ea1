//! The operator's metrics, which any pod that reaches them may read: not by a store, at the pod's own address.

use serde_json::json;

use crate::support::{Operator, world};

/// An address of this machine that is no loopback, where the network is the tests' own.
const POD: &str = "10.9.9.9";

/// A store of the built-in `webhook`, which asks whatever it is told to.
#[test]
fn no_store_leads_to_the_operator_s_own_ports() {
    let world = world!("own-ports");
    if std::net::TcpListener::bind((POD, 0)).is_err() {
        let message =
            "SKIPPED: own ports need a network of the tests' own, run it by `cargo xtask test` as root";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
        eprintln!("{message}");
        return;
    }
    // As in a pod.
    let operator = Operator::start_flagged(&world, &["--listen=0.0.0.0:0", "--allow-loopback=false"]);
    let port = operator.address().rsplit(':').next().unwrap();
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "own", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"webhook": {
            "url": format!("http://{POD}:{port}/metrics"), "result": {},
        }}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "own", "namespace": world.name},
        "spec": {
            "refreshInterval": "2s", "secretStoreRef": {"name": "own"},
            "data": [{"secretKey": "k", "remoteRef": {"key": "any"}}],
        },
    }));
    let message = world.wait_reason("secretstore", "own", "PluginFault");
    assert!(message.contains(&format!("http://{POD}:{port}")) && message.contains("own port"), "{message}");
    assert!(world.get("secret", "own").is_none());
}
