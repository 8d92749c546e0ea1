//! What all calls of one plugin may have together: memory, and places in the memo.

use std::time::Duration;

use claviger_plugins::Grants;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Manifest, Neighbour, connect_with, get, host, load_on, read, sentence};

/// Each call stays within its own limit; all of them do not become sixty-four times that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_hold_memory_do_not_add_up() {
    let host = host();
    let Some(plugin) = load_on(&host, Grants::default()).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    let calls = plugin.clone();
    let outcomes = neighbour
        .beside("24 calls that hold 48 MiB each", async move {
            let mut together = JoinSet::new();
            for _ in 0..24 {
                let plugin = calls.clone();
                together.spawn(async move {
                    read(&plugin, json!({"mode": "hold"})).await.map_err(|error| sentence(&plugin, error))
                });
            }
            together.join_all().await
        })
        .await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!refused.is_empty() && refused.len() < 24, "{} of 24 refused", refused.len());
    for said in refused {
        assert!(said.contains("misbehaving@0.1.0") && said.contains("limit of 512 MiB"), "{said}");
    }
    // What they held is given back.
    assert!(read(&plugin, json!({"mode": "hold"})).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memo_is_filled_to_its_limit_and_partitions_are_no_way_around_it() {
    let grants = Grants { wall: Duration::from_secs(10), ..Grants::default() };
    let Some(plugin) = load_on(&host(), grants).await else { return };
    let config = json!({"mode": "memo-fill", "connect": {"then": "wild-partition"}});
    for _ in 0..20 {
        let source = std::sync::Arc::new(Manifest::default());
        let session = connect_with(&plugin, "uid", config.clone(), source).await.unwrap();
        // 16 keys of a scope, and never more than the plugin's 8 MiB in all (see memo.rs).
        assert_eq!(get(&session).await.unwrap(), b"16");
    }
}
