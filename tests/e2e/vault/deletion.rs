//! `deletionPolicy: Delete`: a key that was removed takes the Secret with it, and nothing else does that looks like
//! a missing key.

use serde_json::{Value, json};

use super::{Server, VALUE, data, external_secret, secret};
use crate::support::{Operator, assert_no_value_left, world};

#[test]
fn a_secret_is_deleted_for_a_removed_key_and_for_nothing_else() {
    let world = world!("vault-deletion");
    let vault = Server::of(&world, &world.env.bao);
    let path = world.name.as_str();
    let within = vault.namespaces(&["deletion-elsewhere"]);
    vault.mount("", path);
    vault.mount(&within, "other");
    secret(&world, "token", json!({"token": vault.token("", &[path])}));
    let operator = Operator::start(&world);
    let store = json!({"path": path, "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}});
    vault.store("kv", store.clone());
    let mut wanted = data(&[("v", json!({"key": "app", "property": "v"}))]);
    wanted["target"] = json!({"deletionPolicy": "Delete"});
    external_secret(&world, "es", "kv", "1s", wanted);
    world.wait_data("es", &[("v", VALUE)]);
    let kept = |what: &str| {
        // Two refreshes later it is still there.
        let series = format!("externalsecret_sync_calls_total{{name=\"es\",namespace=\"{path}\"}}");
        let calls = || operator.metric(&series).unwrap_or_default();
        let from = calls();
        world.wait(&format!("two refreshes with {what}"), || {
            if calls() >= from + 2.0 { Ok(()) } else { Err(format!("{} of {from} + 2", calls())) }
        });
        assert!(world.get("secret", "es").is_some(), "{what}");
    };

    let policy = |allowed: &str| {
        let policy = format!("path \"{path}/{allowed}\" {{ capabilities = [\"read\"] }}");
        vault.call("PUT", &format!("sys/policies/acl/{path}"), json!({"policy": policy}));
    };
    policy("data/elsewhere");
    let message = world.wait_reason("externalsecret", "es", "AccessDenied");
    assert!(message.contains(&format!("path \"{path}/data/app\"")), "{message}");
    kept("a key that is denied");
    policy("data/*");
    world.wait_ready("externalsecret", "es");

    for (what, field, value) in [
        ("a namespace that is not there", "namespace", "deletion-absent"),
        ("a namespace that is another", "namespace", "deletion-elsewhere"),
        ("another version of KV", "version", "v1"),
        ("a mount that is not there", "path", "vault-deletion-nowhere"),
    ] {
        let mut wrong = store.clone();
        wrong[field] = value.into();
        vault.store("kv", wrong);
        let message =
            world.wait(&format!("{what} to be noticed"), || match world.ready("externalsecret", "es") {
                Some((status, reason, message)) if status == "False" => Ok(format!("{reason}: {message}")),
                other => Err(format!("{other:?}")),
            });
        println!("{what}: {message}");
        kept(what);
        vault.store("kv", store.clone());
        // A field that was added must be taken away.
        world.wait_ready("secretstore", "kv");
        world.wait_ready("externalsecret", "es");
    }

    vault.call("DELETE", &format!("{path}/metadata/app"), Value::Null);
    world.wait("the Secret to be deleted", || match world.get("secret", "es") {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    });
    // It returns with the key.
    vault.call("POST", &format!("{path}/data/app"), json!({"data": {"v": VALUE}}));
    world.wait_data("es", &[("v", VALUE)]);
    assert_no_value_left(&world, &operator, &[VALUE]);
}
