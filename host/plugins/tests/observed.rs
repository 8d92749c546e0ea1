//! What is told of calls: which plugin, which function, how it ended. With the component that misbehaves on request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "the helpers of all tests of plugins")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_plugins::{Grants, Observer};
use serde_json::json;

use support::{Reply, Server, host, load_on, read, read_text};

#[derive(Default)]
struct Heard(Mutex<BTreeMap<String, usize>>);

impl Heard {
    fn note(&self, what: String) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }
}

impl Observer for Heard {
    fn plugin_called(&self, plugin: &str, operation: &'static str, outcome: &'static str, took: Duration) {
        assert!(took > Duration::ZERO);
        self.note(format!("{plugin} {operation} {outcome}"));
    }

    fn plugin_failed(&self, plugin: &str, cause: &'static str) {
        self.note(format!("{plugin} failed: {cause}"));
    }

    fn provider_called(&self, plugin: &str, operation: &'static str, outcome: &'static str, _: Duration) {
        self.note(format!("{plugin} asked: {operation} {outcome}"));
    }

    fn compiled(&self, done: bool, _: Duration) {
        self.note(format!("compiled: {done}"));
    }
}

#[tokio::test]
async fn each_call_is_told_with_how_it_ended() {
    let (host, heard) = (host(), Arc::new(Heard::default()));
    host.observe(heard.clone());
    let Some(plugin) = load_on(&host, Grants::default()).await else { return };
    let server = Server::start(|_| Reply::Body("hello".to_owned())).await;
    assert_eq!(
        read_text(&plugin, json!({"mode": "get", "server": server.origin, "path": "/x"})).await,
        "hello"
    );
    assert!(read(&plugin, json!({"mode": "trap"})).await.is_err());
    assert!(read(&plugin, json!({"mode": "get", "server": "http://127.0.0.1:1"})).await.is_err());
    // Nobody granted that origin.
    let foreign = json!({"mode": "foreign", "server": server.origin, "path": "http://192.0.2.1/"});
    assert!(read(&plugin, foreign).await.is_err());
    let expected: BTreeMap<String, usize> = [
        ("compiled: true", 1),
        ("misbehaving connect answered", 4),
        ("misbehaving get answered", 3),
        ("misbehaving get trapped", 1),
        ("misbehaving failed: trapped", 1),
        ("misbehaving failed: egressDenied", 1),
        ("misbehaving asked: get ok", 1),
        ("misbehaving asked: get trapped", 1),
        ("misbehaving asked: get unavailable", 1),
        ("misbehaving asked: get egressDenied", 1),
    ]
    .map(|(what, count)| (what.to_owned(), count))
    .into();
    assert_eq!(*heard.0.lock().unwrap(), expected);
}

#[tokio::test]
async fn look_ups_in_the_memo_are_counted() {
    let host = host();
    let Some(plugin) = load_on(&host, Grants::default()).await else { return };
    let server = Server::start(|_| Reply::Body("a-token".to_owned())).await;
    for _ in 0..3 {
        read_text(&plugin, json!({"mode": "memo", "server": server.origin})).await;
    }
    let counts: BTreeMap<_, _> = host.memo_counts().into();
    let expected = BTreeMap::from([("hit", 2), ("missed", 1), ("filled", 1), ("busy", 0), ("full", 0)]);
    assert_eq!(counts, expected);
}
