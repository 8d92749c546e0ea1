//! Answers that are too large, too many, or no answers to what was asked.

use claviger_core::provider::Query;
use claviger_plugins::Grants;
use serde_json::json;

use crate::support::{Neighbour, connect, host, load_on, read, read_text, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_held_to_its_limit() {
    let host = host();
    let Some(plugin) = load_on(&host, Grants::default()).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    for (mode, expected) in [
        ("many-answers", "limit of 4194304 bytes"),
        ("huge", "limit of 4194304 bytes"),
        ("huge-metadata", "limit of 4194304 bytes"),
        ("two-for-one", "2 answers to 1 items"),
        ("none-for-one", "0 answers to 1 items"),
    ] {
        let calls = plugin.clone();
        let said = neighbour
            .beside(mode, async move { refusal(&calls, read(&calls, json!({"mode": mode})).await) })
            .await;
        assert!(said.contains("misbehaving@0.1.0") && said.contains(expected), "{mode}: {said}");
    }
    // The error itself is taken in; what is shown of it is capped.
    let said = refusal(&plugin, read(&plugin, json!({"mode": "huge-error"})).await);
    assert!(said.contains("xxxx") && said.len() < 1_500, "{} bytes", said.len());
    assert_eq!(read_text(&plugin, json!({})).await, "the-key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_is_held_to_its_limit() {
    let Some(plugin) = load_on(&host(), Grants::default()).await else { return };
    let query = Query::default();
    let find = async |mode: &str, cursor: Option<&str>| {
        let session = connect(&plugin, json!({"mode": mode})).await.unwrap();
        session.find(&query, cursor.map(ToOwned::to_owned)).await
    };
    for (mode, cursor, expected) in [
        ("many-keys", None, "limit of 4194304 bytes"),
        ("huge", None, "limit of 4194304 bytes"),
        ("some-keys", None, "a page of 6000 keys, more than 5000"),
        ("long-key", None, "a key of 100000 bytes, more than 4096"),
        ("long-cursor", None, "a cursor of more than 65536 bytes"),
        ("same-page", Some("again"), "the next page is the same page"),
    ] {
        let said = refusal(&plugin, find(mode, cursor).await);
        assert!(said.contains("misbehaving@0.1.0") && said.contains(expected), "{mode}: {said}");
    }
    let (found, next) = find("ok", None).await.unwrap();
    assert_eq!((found.len(), found[0].key.as_str(), next), (1, "the-key", None));
}
