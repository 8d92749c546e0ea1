//! Targets that are no Secrets: behind the flag, where the operator may write, and never another's.

use serde_json::{Value, json};

use super::{external_secret, store, syncs};
use crate::support::{Operator, World, world};

const ENTRY: &str = "  refreshInterval: 1s\n  data: [{secretKey: k, remoteRef: {key: one}}]\n";

/// A kind of the test's own, and the rights to write it and ConfigMaps.
fn rights(world: &World) {
    world.apply(&format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: gateways.generic.test}}\n\
         spec:\n  group: generic.test\n  scope: Namespaced\n  names: {{kind: Gateway, plural: gateways, singular: gateway}}\n\
         \x20 versions:\n  - {{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object, properties: \
         {{spec: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}}}}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: targets, namespace: {ns}}}\n\
         rules:\n- {{apiGroups: [''], resources: [configmaps], verbs: [get, create, patch, delete]}}\n\
         - {{apiGroups: [generic.test], resources: [gateways], verbs: [get, create, patch, delete]}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: targets, namespace: {ns}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: targets}}\n\
         subjects: [{{kind: ServiceAccount, name: operator-{ns}, namespace: {ns}}}]\n",
        ns = world.name
    ));
}

fn target(kind: &str, rest: &str) -> String {
    let version = if kind == "ConfigMap" { "v1" } else { "generic.test/v1" };
    format!("{ENTRY}  target: {{manifest: {{apiVersion: {version}, kind: {kind}}}{rest}}}")
}

fn wait_field(world: &World, kind: &str, name: &str, pointer: &str, expected: &Value) {
    world.wait(&format!("{pointer} of {kind} {name}"), || {
        let found = world.get(kind, name).and_then(|object| object.pointer(pointer).cloned());
        if found.as_ref() == Some(expected) { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

fn wait_said(world: &World, name: &str, expected: &str) {
    world.wait(&format!("{name} to say {expected}"), || match world.ready("externalsecret", name) {
        Some((status, reason, _)) if status == "True" && reason == expected => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn other_kinds_than_secrets_are_made_where_that_is_allowed() {
    let world = world!("generic-targets");
    rights(&world);
    store(&world, "{key: one, value: v1}");
    let mut operator = Operator::start(&world);
    external_secret(&world, "map", "", &target("ConfigMap", ""));
    let message = world.wait_reason("externalsecret", "map", "PolicyInvalid");
    assert!(message.contains("--unsafe-allow-generic-targets"), "{message}");
    assert!(world.get("configmap", "map").is_none());
    assert_eq!(operator.stop(), Some(0));

    let operator = Operator::start_flagged(&world, &["--unsafe-allow-generic-targets"]);
    wait_field(&world, "configmap", "map", "/data", &json!({"k": "v1"}));
    wait_said(&world, "map", "ResourceSynced");
    let from =
        r#", template: {templateFrom: [{target: 'spec.tls.keys[0]', literal: "name: a\nvalue: {{ .k }}"}]}"#;
    external_secret(&world, "gateway", "", &target("Gateway", from));
    wait_field(
        &world,
        "gateway",
        "gateway",
        "/spec",
        &json!({"tls": {"keys": [{"name": "a", "value": "v1"}]}}),
    );
    external_secret(&world, "plain", "", &target("Gateway", ", deletionPolicy: Delete"));
    wait_field(&world, "gateway", "plain", "/spec", &json!({"data": {"k": "v1"}}));

    // Nothing is written while nothing changes, and drift is mended.
    let mark = world.env.cluster.audit_mark();
    let before = syncs(&operator, &world.name, "map");
    world.wait("refreshes", || match syncs(&operator, &world.name, "map") - before {
        more if more >= 3.0 => Ok(()),
        more => Err(format!("{more}")),
    });
    let requests = world.env.cluster.audit_requests(mark).unwrap();
    let writes = requests.iter().filter(|request| {
        let ours = request.user == operator.user() && request.uri.contains("/configmaps/");
        ours && !matches!(request.verb.as_str(), "get" | "list" | "watch")
    });
    assert_eq!(writes.count(), 0);
    world.kubectl(&[
        "-n",
        &world.name,
        "patch",
        "configmap",
        "map",
        "--type=merge",
        "-p",
        r#"{"data":{"k":"x","theirs":"y"}}"#,
    ]);
    wait_field(&world, "configmap", "map", "/data", &json!({"k": "v1", "theirs": "y"}));

    // Another's is left alone.
    external_secret(&world, "thief", "", &target("ConfigMap", ", name: map"));
    let message = world.wait_reason("externalsecret", "thief", "TargetOwned");
    assert!(message.contains("ConfigMap generic-targets/map is owned by ExternalSecret map"), "{message}");
    external_secret(&world, "merging", "", &target("ConfigMap", ", name: later, creationPolicy: Merge"));
    wait_said(&world, "merging", "ResourceMissing");
    world.kubectl(&["-n", &world.name, "create", "configmap", "later", "--from-literal=theirs=x"]);
    wait_field(&world, "configmap", "later", "/data", &json!({"k": "v1", "theirs": "x"}));

    // What cannot be meant.
    for (name, manifest, word) in [
        ("secret", "{apiVersion: v1, kind: Secret}", "a Secret"),
        ("wide", "{apiVersion: v1, kind: Namespace}", "not namespaced"),
        ("own", "{apiVersion: external-secrets.io/v1, kind: SecretStore}", "external-secrets.io"),
        ("unknown", "{apiVersion: generic.test/v1, kind: Nothing}", "has no Nothing"),
    ] {
        external_secret(&world, name, "", &format!("{ENTRY}  target: {{manifest: {manifest}}}"));
        let message = world.wait_reason("externalsecret", name, "PolicyInvalid");
        assert!(message.contains(word), "{message}");
    }
    let forbidden = format!("{ENTRY}  target: {{manifest: {{apiVersion: batch/v1, kind: Job}}}}");
    external_secret(&world, "forbidden", "", &forbidden);
    world.wait_reason("externalsecret", "forbidden", "ApiServerDenied");

    // Gone in the provider.
    store(&world, "{key: other, value: v}");
    wait_said(&world, "plain", "ResourceDeleted");
    world.wait("the object to go", || {
        world.get("gateway", "plain").map_or(Ok(()), |_| Err("still there".to_owned()))
    });
    world.wait_reason("externalsecret", "map", "RemoteKeyNotFound");
    wait_field(&world, "configmap", "map", "/data/k", &json!("v1"));
    // And with its owner it goes.
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", "map"]);
    world.wait("the ConfigMap to go with its owner", || {
        world.get("configmap", "map").map_or(Ok(()), |_| Err("still there".to_owned()))
    });
}
