//! What all calls of one plugin may have together: memory, and places in the memo.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::provider::CallError;
use claviger_plugins::{Grants, Plugin};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Manifest, Neighbour, connect_with, get, host, load_on, read_for, sentence};

/// A call for that namespace that holds 48 MiB for a while.
async fn hold(plugin: &Arc<Plugin>, namespace: String) -> Result<Vec<u8>, CallError> {
    read_for(plugin, namespace, json!({"mode": "hold"})).await
}

/// So many at once for each of so many namespaces: how many were let, and what the others were told.
async fn hold_together(plugin: &Arc<Plugin>, namespaces: usize, each: usize) -> (usize, Vec<String>) {
    let mut together = JoinSet::new();
    for call in 0..namespaces * each {
        let plugin = plugin.clone();
        together.spawn(async move {
            let held = hold(&plugin, format!("tenant-{}", call % namespaces)).await;
            held.map_err(|error| sentence(&plugin, error))
        });
    }
    let outcomes = together.join_all().await;
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    (namespaces * each - refused.len(), refused)
}

/// Each call stays within its own limit; all of them do not become sixty-four times that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_hold_memory_do_not_add_up() {
    let host = host();
    let Some(plugin) = load_on(&host, Grants::default()).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    let calls = plugin.clone();
    let (passed, refused) = neighbour
        .beside("24 calls that hold 48 MiB each", async move { hold_together(&calls, 12, 2).await })
        .await;
    assert!(passed > 0 && !refused.is_empty(), "{passed} of 24 let");
    for said in refused {
        assert!(said.contains("misbehaving@0.1.0"), "{said}");
        assert!(said.contains("limit of 512 MiB of memory that all its calls have together"), "{said}");
    }
    // What they held is given back.
    assert!(hold(&plugin, "tenant-0".to_owned()).await.is_ok());
}

/// A tenant whose calls hold what they can get: a quarter of the plugin's is left for others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_holds_memory_has_its_own_share() {
    let Some(plugin) = load_on(&host(), Grants::default()).await else { return };
    let calls = plugin.clone();
    let mut modest = JoinSet::new();
    let greedy = tokio::spawn(async move { hold_together(&calls, 1, 16).await });
    for call in 0..2 {
        let plugin = plugin.clone();
        modest.spawn(async move { hold(&plugin, format!("modest-{call}")).await });
    }
    let (passed, refused) = greedy.await.unwrap();
    assert!(passed > 0 && !refused.is_empty(), "{passed} of 16 let");
    for said in refused {
        assert!(said.contains("misbehaving@0.1.0"), "{said}");
        assert!(said.contains("limit of 128 MiB of memory that its calls for one namespace"), "{said}");
    }
    // Two of 48 MiB are within 128.
    for held in modest.join_all().await {
        assert_eq!(held.map_err(|error| sentence(&plugin, error)).unwrap(), b"50331648");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memo_is_filled_to_its_limit_and_partitions_are_no_way_around_it() {
    let grants = Grants { wall: Duration::from_secs(10), ..Grants::default() };
    let Some(plugin) = load_on(&host(), grants).await else { return };
    let config = json!({"mode": "memo-fill", "connect": {"then": "wild-partition"}});
    for _ in 0..20 {
        let source = Arc::new(Manifest::default());
        let session = connect_with(&plugin, "uid", config.clone(), source).await.unwrap();
        // 16 keys of a scope, and never more than the plugin's 8 MiB in all (see memo.rs).
        assert_eq!(get(&session).await.unwrap(), b"16");
    }
}
