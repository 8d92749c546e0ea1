//! No room for what is compiled: it is said where it is looked for, and once there is room, all goes on by itself.

use claviger_testenv::RunDir;
use serde_json::json;

use crate::support::{Operator, world};

#[test]
fn a_full_disk_for_the_cache_is_said_and_recovered_from() {
    let world = world!("full-disk");
    let run = RunDir::create(&world.name).unwrap();
    let (plugins, cache) = (run.path().join("plugins"), run.path().join("cache"));
    for folder in [&plugins, &cache] {
        std::fs::create_dir(folder).unwrap();
    }
    std::fs::copy(world.env.plugin_dir.join("fake.wasm"), plugins.join("fake.wasm")).unwrap();
    let operator = Operator::launch_on_a_full_disk(&world, &plugins, &cache);
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "s", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": "VALUE"}]}}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "e", "namespace": world.name},
        "spec": {"secretStoreRef": {"name": "s"}, "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]},
    }));
    let said = world.wait_reason("secretstore", "s", "PluginNotLoaded");
    assert!(said.contains("cannot be kept: No space left on device"), "{said}");
    assert!(operator.log().contains("No space left on device"), "{}", operator.log());
    operator.enlarge(&cache);
    world.wait_ready("secretstore", "s");
    world.wait_ready("externalsecret", "e");
    assert!(operator.runs());
}
