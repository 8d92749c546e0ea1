//! Who may use a plugin, and template engines that are plugins like any other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{
    AMBIENT_VALUE, Operator, World, assert_no_value_left, chameleon, component, digest, pack, world,
};

fn cluster_store(world: &World, name: &str, provider: &Value) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": name},
        "spec": {"controller": world.name, "provider": provider},
    }));
}

fn external_secret(namespace: &str, name: &str, store: &str, target: Value) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"name": store, "kind": "ClusterSecretStore"},
            "data": [{"secretKey": "k", "remoteRef": {"key": "some-key"}}],
            "target": target,
        },
    })
}

/// A refresh that is not due for an hour, now.
fn sync_now(world: &World) {
    world.kubectl(&["-n", &world.name, "annotate", "externalsecret", "es", "force-sync=now", "--overwrite"]);
}

#[test]
fn a_plugin_serves_the_namespaces_that_its_object_names() {
    let world = world!("plugin-rights");
    let other = World { env: world.env.clone(), name: "plugin-rights-other".to_owned() };
    let labelled = |team: &str| {
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other.name, "labels": {"team": team}},
        }));
    };
    labelled("red");
    let _operator = Operator::start(&world);
    let bytes = chameleon(&world, "1.0.0 good");
    world.install("rights-chameleon", &bytes, json!({"namespaces": {"names": [world.name]}}));
    world.wait_loaded("rights-chameleon", &digest(&bytes));
    cluster_store(&world, "rights-store", &json!({"rights-chameleon": {}}));
    for namespace in [&world.name, &other.name] {
        world.apply_json(&external_secret(namespace, "es", "rights-store", json!({})));
    }
    world.wait_ready("externalsecret", "es");
    let message = other.wait_reason("externalsecret", "es", "PluginForbidden");
    assert!(message.contains("plugin-rights-other") && message.contains("spec.namespaces"), "{message}");
    assert!(other.get("secret", "es").is_none());

    // By label, and the plugin's own change wakes who was refused: no refresh is due for an hour.
    let namespaces = json!({"names": [world.name], "selector": {"matchLabels": {"team": "red"}}});
    world.install("rights-chameleon", &bytes, json!({"namespaces": namespaces}));
    other.wait_ready("externalsecret", "es");

    // Nobody is nobody: not even the store itself is tried.
    world.install("rights-chameleon", &bytes, json!({"namespaces": {"names": []}}));
    world.wait_loaded("rights-chameleon", &digest(&bytes));
    for corner in [&world, &other] {
        // What was read stays; it is the next read that is refused.
        sync_now(corner);
        let message = corner.wait_reason("externalsecret", "es", "StoreNotReady");
        assert!(message.contains("PluginForbidden") && message.contains("any namespace"), "{message}");
    }
    world.kubectl(&["delete", "plugin/rights-chameleon", "clustersecretstore/rights-store"]);
}

#[test]
fn template_engines_come_as_plugins_too() {
    let world = world!("plugin-engines");
    let _operator = Operator::start(&world);
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "fake", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": "v&lue"}]}}},
    }));
    let es = |name: &str, engine: &str, template: &str| {
        world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": world.name},
            "spec": {
                "refreshInterval": "1h", "secretStoreRef": {"name": "fake"},
                "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}],
                "target": {"template": {"engineVersion": engine, "data": {"out": template}}},
            },
        }));
    };
    // Waits for a plugin that comes later.
    es("late", "engines-jinja", "{% for c in k %}{{ c }}-{% endfor %}");
    es("builtin", "jinja", "{{ k | b64encode }} {{ k }}");
    es("broken", "jinja", "{{ k | b64encode }}\n  {{ absent.deeper }}");
    // base64 of v&lue
    world.wait_data("builtin", &[("out", "diZsdWU= v&lue")]);
    let message = world.wait_reason("externalsecret", "broken", "TemplateFailed");
    assert!(message.contains("template out, line 2") || message.contains("out, line 2"), "{message}");
    world.wait_reason("externalsecret", "late", "ProviderUnknown");
    let bytes = component(&world, "template-jinja");
    for object in pack(&world, &bytes, "engines-jinja", &[]) {
        world.apply_json(&object);
    }
    let status = world.wait_loaded("engines-jinja", &digest(&bytes));
    assert_eq!(status["worlds"], json!(["template-engine@1.0.0"]));
    // Engines compute for longer than providers: an RSA key takes seconds.
    assert_eq!(status["granted"]["cpuMilliseconds"], json!(20_000));
    world.wait_data("late", &[("out", "v-&-l-u-e-")]);
    // A provider is no engine.
    es("provider", "fake", "x");
    let message = world.wait_reason("externalsecret", "provider", "ProviderUnknown");
    assert!(message.contains("jinja") && message.contains("v2"), "{message}");
    world.kubectl(&["delete", "plugin", "engines-jinja"]);
}

/// The claims of a JWT, which is all that this test needs of it.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[test]
fn surroundings_are_handed_to_whom_they_are_granted() {
    let world = world!("plugin-ambient");
    let operator = Operator::start(&world);
    let ambient = |kind: &str, name: &str| json!({"kind": kind, "name": name});
    // From a file beside the built-in plugins, which needs no digest.
    world.apply_json(&json!({
        "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "ambient-plugin"},
        "spec": {
            "controller": world.name,
            "source": {"file": {"path": "misbehaving.wasm"}},
            "grants": {"ambient": [
                ambient("env", "CLAVIGER_TEST_AMBIENT"),
                ambient("fileByEnv", "CLAVIGER_TEST_AMBIENT_FILE"),
                ambient("podServiceAccountToken", "ambient-test"),
            ]},
        },
    }));
    let status = world.wait_loaded("ambient-plugin", &digest(&component(&world, "misbehaving")));
    assert_eq!(status["granted"]["ambient"].as_array().map(Vec::len), Some(3), "{status}");
    let need = |slot: &str, kind: &str, name: &str| json!({"ambient": {"slot": slot, "kind": kind, "name": name, "audience": name}});
    cluster_store(
        &world,
        "ambient-store",
        &json!({"ambient-plugin": {
            "mode": "have",
            "connect": {"rounds": [[
                need("variable", "env", "CLAVIGER_TEST_AMBIENT"),
                need("file", "fileByEnv", "CLAVIGER_TEST_AMBIENT_FILE"),
                need("token", "podServiceAccountToken", "ambient-test"),
            ]]},
        }}),
    );
    world.apply_json(&external_secret(&world.name, "es", "ambient-store", json!({})));
    world.wait_ready("externalsecret", "es");
    let have: Value = serde_json::from_slice(&world.data("es").unwrap()["k"]).unwrap();
    assert_eq!(have["variable"], json!(AMBIENT_VALUE));
    assert_eq!(have["file"], json!(AMBIENT_VALUE));
    let claims = claims(have["token"].as_str().unwrap());
    assert_eq!(claims["aud"], json!(["ambient-test"]));
    assert_eq!(claims["sub"], json!("system:serviceaccount:plugin-ambient:operator-plugin-ambient"));
    assert_no_value_left(&world, &operator, &[AMBIENT_VALUE, have["token"].as_str().unwrap()]);
    world.kubectl(&["delete", "plugin/ambient-plugin", "clustersecretstore/ambient-store"]);
}

#[test]
fn a_built_in_is_held_to_what_its_object_says() {
    let world = world!("plugin-builtin");
    let _operator = Operator::start(&world);
    cluster_store(&world, "builtin-store", &json!({"fake": {"data": [{"key": "some-key", "value": "v"}]}}));
    world.apply_json(&external_secret(&world.name, "es", "builtin-store", json!({})));
    world.wait_ready("externalsecret", "es");
    let object = |spec: Value| {
        let mut all = json!({"controller": world.name, "source": {"builtin": {}}});
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        world.apply_json(&json!({
            "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "fake"}, "spec": all,
        }));
    };
    object(json!({"grants": {"memoryMiB": 32, "origins": ["https://login.example.com"]}}));
    let fake = digest(&component(&world, "fake"));
    let status = world.wait("the grants to be shown", || match world.plugin("fake") {
        Some((ready, .., status)) if ready == "True" && status["granted"]["memoryMiB"] == 32 => Ok(status),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(
        (&status["digest"], &status["granted"]["origins"][0]),
        (&json!(fake), &json!("https://login.example.com"))
    );
    // What is taken away is not shown any more.
    object(json!({"grants": {"memoryMiB": 32}, "namespaces": {"names": ["somewhere-else"]}}));
    world.wait("the origin to be gone from the status", || match world.plugin("fake") {
        Some((ready, .., status)) if ready == "True" && status["granted"]["origins"].is_null() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    sync_now(&world);
    world.wait_reason("externalsecret", "es", "PluginForbidden");
    // Without the object it is as it was.
    world.kubectl(&["delete", "plugin", "fake"]);
    world.wait_ready("externalsecret", "es");
    world.kubectl(&["delete", "clustersecretstore", "builtin-store"]);
}
