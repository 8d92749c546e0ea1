//! What is wrong is said: a typed reason, a message that names the object, the key and the remedy, an
//! event, a metric; the Secret stays, and the others go on.

use serde_json::json;

use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// A store with the test's class.
fn store(world: &World, name: &str, vault: &str) -> String {
    format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  provider:\n    vault: {vault}\n",
        ns = world.name
    )
}

/// An ExternalSecret with one entry.
fn external_secret(world: &World, name: &str, store: &str, spec: &str) -> String {
    format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 2s\n  secretStoreRef: {{name: {store}}}\n{spec}\n",
        ns = world.name
    )
}

#[test]
fn every_mistake_is_named_and_the_others_go_on() {
    let world = world!("bad-input");
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("10m");
    let value = "MARKED-bad-input-value";
    mount.put("good", json!({"password": value, "nested": {"a": 1}}));
    let server = world.env.bao.address();
    let operator = Operator::start(&world);
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: approle, namespace: {ns}}}\nstringData: {{right: {secret}, wrong: MARKED-wrong-secret-id}}\n",
        ns = world.name
    ));
    let vault = |server: &str, key: &str| {
        format!(
            "{{server: \"{server}\", path: {path}, auth: {{appRole: {{path: {login}, roleId: {role}, secretRef: {{name: approle, key: {key}}}}}}}}}",
            path = mount.path
        )
    };
    world.apply(&store(&world, "good", &vault(server, "right")));
    world.apply(&store(&world, "wrong-credential", &vault(server, "wrong")));
    world.apply(&store(&world, "missing-secret-key", &vault(server, "absent")));
    // Port 1 of loopback: nothing listens there.
    world.apply(&store(&world, "unreachable", &vault("http://127.0.0.1:1", "right")));
    world.apply(&store(&world, "no-auth", &format!("{{server: \"{server}\", path: x, auth: {{}}}}")));
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: unknown-provider, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  provider:\n    nobody-wrote-this: {{}}\n",
        ns = world.name
    ));

    let entry = |key: &str, property: &str| {
        format!("  data: [{{secretKey: k, remoteRef: {{key: {key}, property: {property}}}}}]")
    };
    let good = entry("good", "password");
    let template = |text: &str| format!("{good}\n  target: {{template: {{data: {{out: '{text}'}}}}}}");
    // (name, store, rest of the spec, reason, what the message must name)
    let cases: Vec<(&str, &str, String, &str, Vec<&str>)> = vec![
        ("no-store", "absent", good.clone(), "StoreNotFound", vec!["SecretStore", "bad-input/absent"]),
        ("no-key", "good", entry("does/not/exist", "p"), "RemoteKeyNotFound", vec!["does/not/exist", "good"]),
        ("no-property", "good", entry("good", "absent"), "PropertyNotFound", vec!["good", "absent"]),
        ("bad-template", "good", template("{{ .k "), "TemplateFailed", vec!["out"]),
        ("missing-in-template", "good", template("{{ .absent }}"), "TemplateFailed", vec!["out", "absent"]),
        (
            "no-engine",
            "good",
            format!("{good}\n  target: {{template: {{engineVersion: klingon, data: {{a: b}}}}}}"),
            "ProviderUnknown",
            vec!["klingon"],
        ),
        (
            "bad-interval",
            "good",
            format!("{good}\n  refreshPolicy: Periodic"),
            "ManifestInvalid",
            vec!["refreshInterval"],
        ),
        (
            "delete-not-owned",
            "good",
            format!("{good}\n  target: {{creationPolicy: Merge, deletionPolicy: Delete}}"),
            "PolicyInvalid",
            vec!["Delete", "Owner"],
        ),
        (
            "token-type",
            "good",
            format!(
                "{good}\n  target: {{template: {{type: kubernetes.io/service-account-token, metadata: {{annotations: {{kubernetes.io/service-account.name: default}}}}}}}}"
            ),
            "TargetForbidden",
            vec!["kubernetes.io/service-account-token"],
        ),
        ("wrong-credential", "wrong-credential", good.clone(), "StoreNotReady", vec!["wrong-credential"]),
        ("unreachable", "unreachable", good.clone(), "StoreNotReady", vec!["unreachable"]),
        ("unknown-provider", "unknown-provider", good.clone(), "StoreNotReady", vec!["nobody-wrote-this"]),
    ];
    for (name, store, spec, ..) in &cases {
        let mut yaml = external_secret(&world, name, store, spec);
        if *name == "bad-interval" {
            yaml = yaml.replace("refreshInterval: 2s", "refreshInterval: every-other-day");
        }
        world.apply(&yaml);
    }
    world.apply(&external_secret(&world, "good", "good", &good));

    world.wait_ready("externalsecret", "good");
    world.wait_data("good", &[("k", value)]);
    for (store, reason, named) in [
        ("wrong-credential", "AuthenticationFailed", "wrong-credential"),
        ("missing-secret-key", "ReferenceNotFound", "absent"),
        ("unreachable", "ProviderUnavailable", "unreachable"),
        ("no-auth", "InvalidProviderConfig", "auth"),
        ("unknown-provider", "ProviderUnknown", "nobody-wrote-this"),
    ] {
        let message = world.wait_reason("secretstore", store, reason);
        assert!(message.contains(named), "{store}: {message}");
    }
    for (name, _, _, reason, named) in &cases {
        let message = world.wait_reason("externalsecret", name, reason);
        for part in named {
            assert!(message.contains(part), "{name}: {part:?} is not in {message:?}");
        }
        assert!(world.get("secret", name).is_none(), "{name} must not become a Secret");
        world.wait(&format!("an event about {name}"), || {
            let events = world.kubectl(&["-n", &world.name, "get", "events", "-o", "json"]);
            let events: serde_json::Value = serde_json::from_str(&events).unwrap();
            let found = events["items"].as_array().unwrap().iter().any(|event| {
                event["involvedObject"]["name"] == *name
                    && event["type"] == "Warning"
                    && event["reason"] == "UpdateFailed"
            });
            if found { Ok(()) } else { Err("none yet".to_owned()) }
        });
        let series = format!(
            "externalsecret_status_condition{{name=\"{name}\",namespace=\"bad-input\",condition=\"Ready\",status=\"False\"}}"
        );
        assert_eq!(operator.metric(&series), Some(1.0), "{series}");
    }
    world.wait_ready("externalsecret", "good");
    assert_no_value_left(&world, &operator, &[value, "MARKED-wrong-secret-id", &secret]);
}

#[test]
fn a_secret_stays_while_its_key_is_gone_and_a_store_that_appears_wakes_its_users() {
    let world = world!("late-store");
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("10m");
    mount.put("app/config", json!({"token": "MARKED-late-store-value"}));
    let operator = Operator::start(&world);
    let yaml = external_secret(
        &world,
        "es",
        "late",
        "  data: [{secretKey: token, remoteRef: {key: app/config, property: token}}]",
    );
    world.apply(&yaml.replace("refreshInterval: 2s", "refreshInterval: 1h"));
    world.wait_reason("externalsecret", "es", "StoreNotFound");
    // The Secret that the store refers to comes last: each step wakes what waited for it.
    world.apply(&store(
        &world,
        "late",
        &format!(
            "{{server: \"{}\", path: {}, auth: {{appRole: {{path: {login}, roleId: {role}, secretRef: {{name: later, key: id}}}}}}}}",
            world.env.bao.address(),
            mount.path
        ),
    ));
    let message = world.wait_reason("secretstore", "late", "ReferenceNotFound");
    assert!(message.contains("late-store/later"), "{message}");
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: later, namespace: {}}}\nstringData: {{id: {secret}}}\n",
        world.name
    ));
    world.wait_data("es", &[("token", "MARKED-late-store-value")]);

    mount.remove("app/config");
    world.kubectl(&["-n", &world.name, "annotate", "externalsecret", "es", "force-sync=1", "--overwrite"]);
    world.wait_reason("externalsecret", "es", "RemoteKeyNotFound");
    world.wait_data("es", &[("token", "MARKED-late-store-value")]);
    assert_no_value_left(&world, &operator, &["MARKED-late-store-value", &secret]);
}

#[test]
fn a_plugin_that_does_not_load_hinders_only_who_names_it() {
    let world = world!("broken-plugin");
    let plugins = tempfile::tempdir().unwrap();
    for file in ["vault.wasm", "template-go.wasm"] {
        std::fs::copy(world.env.plugin_dir.join(file), plugins.path().join(file)).unwrap();
    }
    std::fs::write(plugins.path().join("fake.wasm"), "#!/bin/sh\n").unwrap();
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("10m");
    mount.put("good", json!({"token": "MARKED-broken-plugin"}));
    let operator = Operator::start_with(&world, plugins.path());
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: []}}}}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: approle, namespace: {ns}}}\nstringData: {{id: {secret}}}\n",
        ns = world.name
    ));
    let vault = format!(
        "{{server: \"{}\", path: {}, auth: {{appRole: {{path: {login}, roleId: {role}, secretRef: {{name: approle, key: id}}}}}}}}",
        world.env.bao.address(),
        mount.path
    );
    world.apply(&store(&world, "vault", &vault));
    let entry = "  data: [{secretKey: token, remoteRef: {key: good, property: token}}]";
    world.apply(&external_secret(&world, "of-vault", "vault", entry));
    world.apply(&external_secret(&world, "of-fake", "fake", entry));
    let message = world.wait_reason("secretstore", "fake", "PluginNotLoaded");
    assert!(message.contains("not a WebAssembly component"), "{message}");
    world.wait_reason("externalsecret", "of-fake", "StoreNotReady");
    world.wait_data("of-vault", &[("token", "MARKED-broken-plugin")]);
    assert_no_value_left(&world, &operator, &["MARKED-broken-plugin", &secret]);
}
