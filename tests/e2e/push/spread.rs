//! ClusterPushSecrets: one PushSecret in each selected namespace, and never over somebody else's.

use serde_json::{Value, json};

use crate::support::{Operator, World, world};

fn namespace(world: &World, name: &str, labels: &Value) -> String {
    let name = format!("{}-{name}", world.name);
    let object =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    world.apply(&object.to_string());
    let source = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "source", "namespace": name}, "stringData": {"k": name}});
    world.apply(&source.to_string());
    name
}

fn cps(world: &World, more: &Value) {
    let entry = json!({"match": {"secretKey": "k", "remoteRef": {"remoteKey": "k"}}});
    let mut spec = json!({
        "namespaceSelectors": [{"matchLabels": {"push": world.name}}],
        "pushSecretMetadata": {"labels": {"team": "a"}},
        "pushSecretSpec": {"secretStoreRefs": [{"name": world.name, "kind": "ClusterSecretStore"}],
            "selector": {"secret": {"name": "source"}}, "data": [entry]},
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let object = json!({"apiVersion": "external-secrets.io/v1alpha1", "kind": "ClusterPushSecret",
        "metadata": {"name": world.name}, "spec": spec});
    world.apply(&object.to_string());
}

fn child(world: &World, namespace: &str, name: &str) -> Option<Value> {
    let output = world.try_kubectl(&["-n", namespace, "get", "pushsecret", name, "-o", "json"]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

fn wait_status(world: &World, provisioned: &[&str], failed: &[&str]) -> Value {
    world.wait("the status", || {
        let object = world.get("clusterpushsecret", &world.name).unwrap_or_default();
        let status = &object["status"];
        let list = |field: &str| status[field].as_array().cloned().unwrap_or_default();
        let failing: Vec<_> = list("failedNamespaces").iter().map(|it| it["namespace"].clone()).collect();
        if json!(list("provisionedNamespaces")) == json!(provisioned) && json!(failing) == json!(failed) {
            Ok(status.clone())
        } else {
            Err(status.to_string())
        }
    })
}

#[test]
fn each_selected_namespace_has_one() {
    let world = world!("push-spread");
    let store = json!({"apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore",
        "metadata": {"name": world.name}, "spec": {"controller": world.name, "provider": {"fake": {"data": []}}}});
    world.apply(&store.to_string());
    world.wait("the store", || world.get("clustersecretstore", &world.name).ok_or(String::new()));
    let selected = json!({"push": world.name});
    let one = namespace(&world, "one", &selected);
    let taken = namespace(&world, "taken", &selected);
    let foreign = json!({"apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": world.name, "namespace": taken},
        "spec": {"secretStoreRefs": [{"name": world.name, "kind": "ClusterSecretStore"}],
            "selector": {"secret": {"name": "none"}}}});
    world.apply(&foreign.to_string());
    let operator = Operator::start(&world);
    cps(&world, &json!({}));
    let status = wait_status(&world, &[&one], &[&taken]);
    assert_eq!(status["failedNamespaces"][0]["reason"], "push secret already exists in namespace");
    assert_eq!(status["pushSecretName"], json!(world.name));
    let made = child(&world, &one, &world.name).unwrap();
    assert_eq!(made["metadata"]["labels"], json!({"team": "a"}));
    let owner = &made["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["controller"]), (&json!("ClusterPushSecret"), &json!(true)));
    assert_eq!(child(&world, &taken, &world.name).unwrap()["spec"]["selector"]["secret"]["name"], "none");
    world.wait("its push", || match child(&world, &one, &world.name) {
        Some(it) if it["status"]["conditions"][0]["reason"] == "Synced" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // One place for two namespaces: the second says whose it is, and not which.
    let two = namespace(&world, "two", &selected);
    wait_status(&world, &[&one, &two], &[&taken]);
    world.wait("the second to say so", || {
        let found = child(&world, &two, &world.name).unwrap_or_default();
        let message = found["status"]["conditions"][0]["message"].as_str().unwrap_or_default().to_owned();
        if message.contains("is written by a PushSecret of another namespace") {
            Ok(())
        } else {
            Err(message)
        }
    });

    // What somebody edits is repaired, a label that is given no more goes, and so does one that is not selected.
    let edit = json!({"spec": {"refreshInterval": "5m"}}).to_string();
    world.kubectl(&["-n", &one, "patch", "pushsecret", &world.name, "--type=merge", "-p", &edit]);
    cps(&world, &json!({"pushSecretMetadata": {"labels": {"tier": "b"}}}));
    world.wait("the repair", || {
        let found = child(&world, &one, &world.name).unwrap_or_default();
        if found["spec"] == made["spec"] && found["metadata"]["labels"] == json!({"tier": "b"}) {
            Ok(())
        } else {
            Err(found.to_string())
        }
    });
    world.kubectl(&["label", "namespace", &two, "push-"]);
    wait_status(&world, &[&one], &[&taken]);
    world.wait("it to go", || child(&world, &two, &world.name).map_or(Ok(()), |it| Err(it.to_string())));
    // Another name, and a selector that is none.
    cps(&world, &json!({"pushSecretName": "renamed"}));
    wait_status(&world, &[&one, &taken], &[]);
    assert!(child(&world, &one, &world.name).is_none() && child(&world, &one, "renamed").is_some());
    let bad = json!({"pushSecretName": "renamed", "namespaceSelectors": [{"matchExpressions": [{"key": "k", "operator": "Near"}]}]});
    cps(&world, &bad);
    let message = world.wait_reason("clusterpushsecret", &world.name, "ManifestInvalid");
    assert!(message.contains("spec.namespaceSelectors[0]"), "{message}");
    assert!(child(&world, &one, "renamed").is_some(), "nothing is taken away by a typing error");
    world.kubectl(&["delete", "clusterpushsecret", &world.name]);
    world.wait("what it made to go", || {
        child(&world, &one, "renamed").map_or(Ok(()), |it| Err(it.to_string()))
    });
    assert!(child(&world, &taken, &world.name).is_some());
    drop(operator);
}
