//! Who may use a plugin, and template engines that are plugins like any other.

use serde_json::{Value, json};

use crate::support::{Operator, World, chameleon, component, digest, pack, world};

fn cluster_store(world: &World, name: &str, provider: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": name},
        "spec": {"controller": world.name, "provider": {provider: {}}},
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
    cluster_store(&world, "rights-store", "rights-chameleon");
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

    // Nobody is nobody.
    world.install("rights-chameleon", &bytes, json!({"namespaces": {"names": []}}));
    world.kubectl(&["-n", &other.name, "annotate", "externalsecret", "es", "force-sync=1"]);
    other.wait_reason("externalsecret", "es", "PluginForbidden");
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
    assert_eq!(status["worlds"], json!(["template-engine@0.1.0"]));
    // Engines compute for longer than providers: an RSA key takes seconds.
    assert_eq!(status["granted"]["cpuMilliseconds"], json!(10_000));
    world.wait_data("late", &[("out", "v-&-l-u-e-")]);
    // A provider is no engine.
    es("provider", "fake", "x");
    let message = world.wait_reason("externalsecret", "provider", "ProviderUnknown");
    assert!(message.contains("jinja") && message.contains("v2"), "{message}");
    world.kubectl(&["delete", "plugin", "engines-jinja"]);
}
