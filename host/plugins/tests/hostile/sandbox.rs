//! Time, memory, the stack, and what the host does and keeps on a guest's behalf.

use std::time::{Duration, Instant};

use claviger_plugins::Grants;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Neighbour, host, load_on, read, read_for, read_text, refusal};

/// How each ends, in the words that a user reads. Several at once, so that the neighbour has something to
/// be disturbed by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_is_met_and_named_while_others_go_on() {
    let host = host();
    let grants =
        Grants { cpu: Duration::from_millis(300), wall: Duration::from_secs(5), ..Grants::default() };
    let Some(plugin) = load_on(&host, grants).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    let cases = [
        ("loop", "300 ms of CPU time"),
        ("allocate", "limit of 64 MiB of memory"),
        ("trap", "unreachable"),
        ("exit", "plugin crashed"),
        ("recurse", "call stack exhausted"),
        ("recurse-wide", "out of bounds memory access"),
        ("random-huge", "exceeds limit 262144"),
        ("random-loop", "300 ms of CPU time"),
        ("insecure-loop", "300 ms of CPU time"),
        ("zeroes", "plugin crashed"),
        ("log-long", "limit of 4194304 bytes"),
    ];
    let mut calls = 0;
    for (mode, expected) in cases {
        // Those that end at once are called again, so that there is something to measure.
        let rounds = if expected.ends_with("CPU time") { 1 } else { 10 };
        calls += 4 * rounds;
        let plugin = plugin.clone();
        let ended = neighbour
            .beside(mode, async move {
                let mut together = JoinSet::new();
                for caller in 0..4 {
                    let plugin = plugin.clone();
                    together.spawn(async move {
                        let mut said = Vec::new();
                        for _ in 0..rounds {
                            // Of a namespace each: one has less memory for four than what is granted to each.
                            let outcome =
                                read_for(&plugin, format!("n{caller}"), json!({"mode": mode})).await;
                            said.push(refusal(&plugin, outcome));
                        }
                        said
                    });
                }
                together.join_all().await.concat()
            })
            .await;
        for said in ended {
            assert!(said.contains("misbehaving@0.1.0") && said.contains(expected), "{mode}: {said}");
        }
    }
    assert_eq!(read_text(&plugin, json!({})).await, "the-key", "and it still works");
    assert_eq!(plugin.used().faults, calls);
}

/// Handles, each with something of the host's behind it: a timer, a set of header fields, a buffer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_host_keeps_for_a_guest_has_a_limit() {
    let host = host();
    // Making that many takes its time where the host is not optimised.
    let grants = Grants { cpu: Duration::from_secs(20), ..Grants::default() };
    let Some(plugin) = load_on(&host, grants).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    for mode in ["pollables", "fields", "bodies"] {
        let calls = plugin.clone();
        let said = neighbour
            .beside(mode, async move { refusal(&calls, read(&calls, json!({"mode": mode})).await) })
            .await;
        assert!(
            said.contains("misbehaving@0.1.0") && said.contains("limit of 2048 handles"),
            "{mode}: {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_runs_out_also_for_who_only_waits() {
    let host = host();
    let wall = Duration::from_millis(500);
    let grants = Grants { wall, cpu: wall, ..Grants::default() };
    let Some(plugin) = load_on(&host, grants).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    let calls = plugin.clone();
    let (said, took) = neighbour
        .beside("sleep", async move {
            let start = Instant::now();
            (refusal(&calls, read(&calls, json!({"mode": "sleep"})).await), start.elapsed())
        })
        .await;
    assert!(said.contains("misbehaving@0.1.0") && said.contains("limit of 500 ms"), "{said}");
    assert!(took < wall * 10, "it ended after {took:?}");
}

/// Whoever waits for a key that nobody fills is told so while there is time left to say it: the backend is to blame, or who
/// fills the key, and not the plugin that waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_nobody_fills_is_busy_in_time() {
    let host = host();
    let grants = Grants { wall: Duration::from_secs(4), ..Grants::default() };
    let Some(plugin) = load_on(&host, grants).await else { return };
    assert_eq!(read_text(&plugin, json!({"mode": "self-wait"})).await, "false");
    let busy = host.memo_counts().into_iter().find(|(outcome, _)| *outcome == "busy");
    assert_eq!(busy, Some(("busy", 1)));
}

/// Reads that wait do not compute, however many of them there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_is_not_computing() {
    use crate::support::{Reply, Server};
    let server = Server::start(|_| Reply::Late(Duration::from_millis(11), "x".to_owned())).await;
    let grants = Grants { cpu: Duration::from_millis(500), ..Grants::default() };
    let Some(plugin) = load_on(&host(), grants).await else { return };
    // Each wait is longer than a tick of the clock that stops loops; there are more of them than ticks.
    let config = json!({"mode": "requests", "times": 100, "server": server.origin});
    assert_eq!(read_text(&plugin, config).await, "100");
    assert!(plugin.used().cpu_ms < 500, "{:?}", plugin.used());
}
