//! Google Secret Manager: what every provider has to do, topics that change, and rights that are missing. Read as Google's
//! administrator, by the API.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::providers::{Attached, Provider, pushes};
use super::{entry, push, secret, store, synced};
use crate::support::{Operator, Project, VIEWER, member, world};

fn metadata(spec: Value) -> Value {
    json!({"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec})
}

#[test]
fn google() {
    let world = world!("push-suite-google");
    let Some(project) = Project::new(&world) else { return };
    let writer = project.google.service_account(&project.id, "writer").unwrap();
    project.grant(&member(&writer), "roles/secretmanager.admin");
    let reader = project.reader("reader");
    project.grant(&member(&reader), VIEWER);
    for (name, account) in [("writer", &writer), ("reader", &reader)] {
        project.key_secret(name, &account.key);
    }
    let gcpsm = |key: &str| json!({"gcpsm": {"projectID": project.id, "auth": Project::key_auth(key)}});
    store(&world, "there", &json!({}), &gcpsm("writer"));
    store(&world, "weak", &json!({}), &gcpsm("reader"));
    let operator = Operator::start(&world);
    let path = |key: &str| format!("{}/secrets/{key}", project.parent);
    let read = |key: &str| {
        let latest = format!("{}/versions/latest:access", path(key));
        let (status, answer) = project.google.api("GET", &latest, &Value::Null).unwrap();
        (status == 200).then(|| STANDARD.decode(answer["payload"]["data"].as_str().unwrap()).unwrap())
    };
    let field =
        |key: &str, name: &str| project.google.admin("GET", &path(key), &Value::Null).unwrap()[name].take();
    let kept = json!({"team": "platform", "managed-by": "external-secrets"});
    let provider = Provider {
        read: &read,
        put_unmanaged: Some(&|key| project.secret(key, r#"{"a":"theirs"}"#)),
        metadata: Some(Attached {
            metadata: metadata(json!({"labels": {"team": "platform"}, "annotations": {"note": "pushed"}})),
            shows: &|key| field(key, "labels") == kept && field(key, "annotations")["note"] == "pushed",
        }),
        prefix: "apps-",
    };
    pushes(&world, &operator, &provider);

    // Topics change, which ESO never writes; labels that others have put there stay with Merge.
    secret(&world, "source", &json!({}), &json!({"whole": "{\"a\":\"1\"}"}));
    let topic = |name: &str| format!("projects/{}/topics/{name}", project.id);
    let with_topic = |name: &str| {
        let mut entry = entry("whole", "apps-topics");
        entry["metadata"] = metadata(json!({"topics": [topic(name)], "mergePolicy": "Merge"}));
        json!({"secretStoreRefs": [{"name": "there"}], "data": [entry]})
    };
    push(&world, "topics", &with_topic("first"));
    synced(&world, "topics");
    assert_eq!(field("apps-topics", "topics"), json!([{"name": topic("first")}]));
    let labels = json!({"labels": {"managed-by": "external-secrets", "cost": "42"}});
    project.google.admin("PATCH", &format!("{}?updateMask=labels", path("apps-topics")), &labels).unwrap();
    push(&world, "topics", &with_topic("second"));
    world.wait("the other topic", || match field("apps-topics", "topics") {
        found if found == json!([{"name": topic("second")}]) => Ok(()),
        found => Err(found.to_string()),
    });
    assert_eq!(field("apps-topics", "labels"), labels["labels"]);

    // Who may only read is told which right is missing, and nothing is there then.
    push(
        &world,
        "weak",
        &json!({
            "secretStoreRefs": [{"name": "weak"}], "data": [entry("whole", "apps-weak")],
        }),
    );
    let message = world.wait_reason("pushsecret", "weak", "Errored");
    assert!(message.contains("secretmanager.secrets.create"), "{message}");
    assert_eq!(read("apps-weak"), None);
}
