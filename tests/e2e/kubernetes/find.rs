//! Searches by name and by labels, over more than a page.

use serde_json::{Value, json};

use super::Remote;
use crate::support::{Operator, world};

/// Above the plugin's page of 250.
const MANY: usize = 260;

#[test]
fn by_name_and_by_labels_and_over_pages() {
    let world = world!("k8s-find");
    let remote = Remote::new(&world);
    let many: Vec<Value> = (0..MANY)
        .map(|n| {
            json!({
                "apiVersion": "v1", "kind": "Secret", "stringData": {"v": format!("value-{n}")},
                "metadata": {"name": format!("many-{n}"), "namespace": remote.namespace},
            })
        })
        .collect();
    world.apply_json(&json!({"apiVersion": "v1", "kind": "List", "items": many}));
    remote.put("tls-a", json!({"k": "a"}), json!({"app": "nginx", "tier": "web"}));
    remote.put("tls-b", json!({"k": "b"}), json!({"app": "nginx"}));
    remote.put("other", json!({"k": "c"}), json!({"app": "other", "tier": "web"}));
    let _operator = Operator::start(&world);
    remote.store_as("store", "reader");
    let find = |name: &str, find: Value| {
        let rest = json!({"refreshInterval": "1h", "dataFrom": [{ "find": find }]});
        remote.external_secret(name, "store", rest);
    };
    find("names", json!({"name": {"regexp": "^tls-.*"}}));
    world.wait_data("names", &[("tls-a", r#"{"k":"a"}"#), ("tls-b", r#"{"k":"b"}"#)]);
    find("labels", json!({"tags": {"app": "nginx"}}));
    world.wait_data("labels", &[("tls-a", r#"{"k":"a"}"#), ("tls-b", r#"{"k":"b"}"#)]);
    find("both-labels", json!({"tags": {"app": "nginx", "tier": "web"}}));
    world.wait_data("both-labels", &[("tls-a", r#"{"k":"a"}"#)]);
    find("both", json!({"name": {"regexp": "b$"}, "tags": {"app": "nginx"}}));
    world.wait_data("both", &[("tls-b", r#"{"k":"b"}"#)]);
    let mark = world.env.cluster.audit_mark();
    find("pages", json!({"name": {"regexp": "^many-"}}));
    world.wait_ready("externalsecret", "pages");
    let data = world.data("pages").unwrap();
    assert_eq!(data.len(), MANY);
    assert!((0..MANY).all(|n| data[&format!("many-{n}")] == format!(r#"{{"v":"value-{n}"}}"#).into_bytes()));
    let reader = format!("system:serviceaccount:{}:reader", remote.namespace);
    let requests = world.env.cluster.audit_requests(mark).unwrap();
    let lists = requests.iter().filter(|it| it.user == reader && it.verb == "list");
    assert_eq!(lists.filter(|it| it.uri.contains("limit=250")).count(), 2, "pages of one list");
    // Only what matches was read.
    let gets =
        requests.iter().filter(|it| it.user == reader && it.verb == "get" && it.uri.contains("/secrets/"));
    assert_eq!(gets.filter(|it| it.uri.contains("/many-")).count(), MANY);

    find("folders", json!({"path": "a/", "name": {"regexp": "."}}));
    remote.refused("externalsecret", "folders", "ProviderFailed", &["no folders"]);
    find("no-label", json!({"tags": {"app": "nginx,tier!=web"}}));
    remote.refused("externalsecret", "no-label", "ProviderFailed", &["no label of Kubernetes"]);
}
