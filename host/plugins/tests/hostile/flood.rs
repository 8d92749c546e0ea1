//! Requests and answers without end: counted at the server, ended by a limit, and nothing left open.

use std::time::Duration;

use claviger_plugins::Grants;
use serde_json::json;

use crate::support::{Neighbour, Reply, Server, host, load_on, read, read_text, refusal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_are_two_thousand_and_a_refusal() {
    let server = Server::start(|_| Reply::Body("x".to_owned())).await;
    let host = host();
    // Time enough to get that far on any machine.
    let grants = Grants { cpu: Duration::from_secs(60), wall: Duration::from_secs(120), ..Grants::default() };
    let Some(plugin) = load_on(&host, grants).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    let (calls, origin) = (plugin.clone(), server.origin.clone());
    let config = json!({"mode": "requests", "times": 10_000, "server": origin});
    let said =
        neighbour.beside("10,000 requests", async move { refusal(&calls, read(&calls, config).await) }).await;
    assert!(said.contains("misbehaving@0.1.0") && said.contains("more than 2000 requests"), "{said}");
    assert_eq!(server.requests(), 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_once_wait_for_their_turn() {
    let grants = Grants { wall: Duration::from_secs(3), ..Grants::default() };
    let Some(plugin) = load_on(&host(), grants).await else { return };
    let server = Server::start(|_| Reply::Body("x".to_owned())).await;
    let config = json!({"mode": "at-once", "times": 500, "server": server.origin});
    // It reads none of the answers, so nobody's turn ends.
    let said = refusal(&plugin, read(&plugin, config).await);
    assert!(said.contains("limit of 3000 ms"), "{said}");
    assert_eq!(server.requests(), 32, "of 500");
    assert!(server.most_open() <= 32, "{} connections", server.most_open());
    // Where there is nothing to read, turns end by themselves.
    let empty = Server::start(|_| Reply::Body(String::new())).await;
    let config = json!({"mode": "at-once", "times": 500, "server": empty.origin});
    assert_eq!(read_text(&plugin, config).await, "500");
    // Somewhat more than 32: a turn may end before the connection is free for the next.
    assert!(empty.most_open() <= 100, "{} connections", empty.most_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_cut_off() {
    let host = host();
    let grants = Grants { wall: Duration::from_secs(3), ..Grants::default() };
    let Some(plugin) = load_on(&host, grants).await else { return };
    let Some(neighbour) = Neighbour::on(&host).await else { return };
    for (what, reply, expected) in [
        ("an endless body", Reply::Endless, "larger than the limit of 8388608 bytes"),
        ("an endless header", Reply::EndlessHeader, "failed"),
        ("a body that drips", Reply::Drip, "limit of 3000 ms"),
        ("silence", Reply::Silence, "limit of 3000 ms"),
    ] {
        let server = Server::start(move |_| reply.clone()).await;
        let (calls, config) = (plugin.clone(), json!({"mode": "get", "server": server.origin}));
        let said = neighbour.beside(what, async move { refusal(&calls, read(&calls, config).await) }).await;
        assert!(said.contains("misbehaving@0.1.0") && said.contains(expected), "{what}: {said}");
        assert_eq!(server.requests(), 1, "{what}");
        server.is_left_alone().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_answers_of_a_call_have_a_limit_together() {
    let grants = Grants { cpu: Duration::from_secs(20), ..Grants::default() };
    let Some(plugin) = load_on(&host(), grants).await else { return };
    let megabytes = "x".repeat(4 * 1024 * 1024);
    let server = Server::start(move |_| Reply::Body(megabytes.clone())).await;
    let config = json!({"mode": "requests", "times": 40, "server": server.origin});
    // The guest counts those that it could read; sixteen of them are 64 MiB.
    let answered: u32 = read_text(&plugin, config).await.parse().unwrap();
    assert!((15..=16).contains(&answered), "{answered} answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_not_sent() {
    let Some(plugin) = load_on(&host(), Grants::default()).await else { return };
    let server = Server::start(|_| Reply::Body("x".to_owned())).await;
    let config = json!({"mode": "upload", "server": server.origin});
    let said = refusal(&plugin, read(&plugin, config).await);
    assert!(said.contains("misbehaving@0.1.0"), "{said}");
    let tunnel = json!({"mode": "tunnel", "server": server.origin});
    let said = refusal(&plugin, read(&plugin, tunnel).await);
    assert!(said.contains("CONNECT"), "{said}");
    assert_eq!(server.requests(), 0);
    let config = json!({"mode": "get", "server": server.origin});
    assert_eq!(read_text(&plugin, config).await, "x");
}
