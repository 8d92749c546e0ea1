//! Who tells of changes, and tells too much, nothing, or traps.

use std::time::Duration;

use claviger_plugins::Grants;
use claviger_plugins::events::MAX_WAIT;
use serde_json::json;

use crate::support::{Neighbour, connect, host, load_on, read_text, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_are_held_to_their_limits() {
    let host = host();
    let grants = Grants { wall: Duration::from_secs(2), ..Grants::default() };
    let Some(plugin) = load_on(&host, grants).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    assert!(plugin.listens());
    for (mode, expected) in [
        ("many", "11 notices where 10 were asked for"),
        ("many-keys", "a notice of 101 keys, more than 100"),
        ("long-key", "a key or receipt of more than 4096 bytes"),
        ("long-receipt", "a key or receipt of more than 4096 bytes"),
        ("trap", "trap"),
        ("sleep", "2"),
    ] {
        let calls = plugin.clone();
        let said = neighbour
            .beside(mode, async move {
                let session = connect(&calls, json!({"events": {"mode": mode}})).await.unwrap();
                refusal(&calls, session.poll(10, MAX_WAIT).await)
            })
            .await;
        assert!(said.contains("misbehaving@0.1.0") && said.contains(expected), "{mode}: {said}");
    }
    assert_eq!(read_text(&plugin, json!({})).await, "the-key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_asked_for_no_more_than_it_may_take() {
    let Some(plugin) = load_on(&host(), Grants::default()).await else { return };
    let of = async |mode: &str| connect(&plugin, json!({"events": {"mode": mode}})).await.unwrap();
    let asked = of("asked").await.poll(1_000_000, Duration::from_secs(3600)).await.unwrap();
    assert_eq!(asked[0].keys, ["100", "10000", "0"]);
    let told = of("ok").await.poll(10, Duration::ZERO).await.unwrap();
    assert_eq!(told.iter().map(|notice| notice.keys.len()).collect::<Vec<_>>(), [1, 0]);
    let receipts: Vec<_> = told.iter().map(|notice| notice.receipt.clone()).collect();
    assert!(of("ok").await.acknowledge(&receipts).await.unwrap().is_none());
    let (count, error) = of("lost").await.acknowledge(&receipts).await.unwrap().unwrap();
    assert!(count == 2 && format!("{error:?}").contains("Denied"), "{error:?}");
    let said = refusal(&plugin, of("none-for-one").await.acknowledge(&receipts).await);
    assert!(said.contains("0 answers to 2 items"), "{said}");
}
