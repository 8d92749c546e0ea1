//! One store's plugin reaching for another's: the memo, and what a call would leave for the next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::provider::Item;
use claviger_plugins::{Grants, Plugin, Requester, StoreRef};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    Manifest, Reply, Server, component, connect_with, get, host, item, load, load_on, read_text, store,
};

#[tokio::test]
async fn no_store_sees_what_another_put_under_the_same_key() {
    let host = host();
    let Some(plugin) = load_on(&host, Grants::default()).await else { return };
    let ask = async |plugin: &Arc<Plugin>, uid, config: &Value, key: &str| {
        let source = Arc::new(Manifest::default());
        let session = connect_with(plugin, uid, config.clone(), source).await.unwrap();
        let answer = session.get(&[Item { key: key.to_owned(), ..item() }]).await.unwrap().remove(0);
        answer.ok().map(|value| String::from_utf8(value.data.expose().to_vec()).unwrap())
    };
    let config = json!({"mode": "memo-by-key"});
    assert_eq!(ask(&plugin, "a", &config, "put=mine").await.as_deref(), Some("mine"));
    assert_eq!(ask(&plugin, "a", &config, "peek").await.as_deref(), Some("mine"), "its own is there");

    // Another store, whose config is the same to the byte.
    assert_eq!(ask(&plugin, "b", &config, "peek").await, None);
    // The same store under another config, which may be another login.
    assert_eq!(ask(&plugin, "a", &json!({"mode": "memo-by-key", "role": "x"}), "peek").await, None);
    // Requesters that the plugin itself keeps apart.
    let apart = |name| json!({"mode": "memo-by-key", "connect": {"partition": name}});
    assert_eq!(ask(&plugin, "a", &apart("x"), "put=theirs").await.as_deref(), Some("theirs"));
    assert_eq!(ask(&plugin, "a", &apart("y"), "peek").await, None);

    // Other bytes under the same name are another plugin: an upgrade does not inherit logins.
    let mut bytes = component("misbehaving").unwrap();
    // An empty custom section, which changes nothing but the digest.
    bytes.extend_from_slice(&[0, 2, 1, b'x']);
    let upgraded = host.load("misbehaving", bytes, Grants::default()).await.unwrap();
    assert_ne!(upgraded.id().digest, plugin.id().digest);
    assert_eq!(ask(&upgraded, "a", &config, "peek").await, None);
    assert_eq!(ask(&plugin, "a", &config, "peek").await.as_deref(), Some("mine"));
}

/// What is kept was made with one role and one set of endpoints: with others it is not that login.
#[tokio::test]
async fn another_role_or_other_settings_are_another_login() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let need = json!({"account": {"slot": "s", "at": "/account", "annotations": ["role", "note"]}});
    let config = json!({"mode": "memo-by-key", "account": {"name": "sa"}, "connect": {"rounds": [[need]]}});
    let ask = async |plugin: &Arc<Plugin>, annotations: &[(&'static str, &str)], key: &str| {
        let source = Arc::new(Manifest::with(&[("sa", annotations)]));
        let session = connect_with(plugin, "a", config.clone(), source).await.unwrap();
        let answer = session.get(&[Item { key: key.to_owned(), ..item() }]).await.unwrap().remove(0);
        answer.ok().map(|value| String::from_utf8(value.data.expose().to_vec()).unwrap())
    };
    let one = [("role", "one"), ("unasked", "x")];
    assert_eq!(ask(&plugin, &one, "put=mine").await.as_deref(), Some("mine"));
    let same = [("role", "one"), ("unasked", "y")];
    assert_eq!(
        ask(&plugin, &same, "peek").await.as_deref(),
        Some("mine"),
        "what it did not ask for is nothing"
    );
    assert_eq!(ask(&plugin, &[("role", "two")], "peek").await, None);
    assert_eq!(ask(&plugin, &[("note", "one")], "peek").await, None);
    let settings = json!({"endpoints": {"login": "https://elsewhere.example"}});
    let moved = Arc::new(plugin.with_grants(Grants { settings, ..plugin.grants().clone() }));
    assert_eq!(ask(&moved, &one, "peek").await, None);
    assert_eq!(ask(&plugin, &one, "peek").await.as_deref(), Some("mine"));
}

#[tokio::test]
async fn nothing_stays_for_the_next_call() {
    let Some(plugin) = load(Grants::default()).await else { return };
    for _ in 0..3 {
        assert_eq!(read_text(&plugin, json!({"mode": "state"})).await, "0");
    }
}

/// A tenant whose server takes every connection and answers nothing: his calls wait, and nobody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_whose_server_is_silent_has_its_own_queue() {
    let grants = Grants { wall: Duration::from_secs(4), concurrency: 8, ..Grants::default() };
    let Some(plugin) = load(grants).await else { return };
    let silent = Server::start(|_| Reply::Silence).await;
    let connect = async |namespace: &str, config: Value| {
        let store = StoreRef { namespace: Some(namespace.to_owned()), ..store(namespace) };
        let requester = Requester { namespace: namespace.to_owned() };
        let source = Arc::new(Manifest::default());
        plugin.connect(store, requester, config, source).await.unwrap()
    };
    let mut waiting = JoinSet::new();
    let greedy = connect("greedy", json!({"mode": "get", "server": silent.origin})).await;
    for _ in 0..20 {
        let session = greedy.clone();
        waiting.spawn(async move { get(&session).await.is_err() });
    }
    let deadline = Instant::now() + Duration::from_secs(3);
    while silent.requests() < 2 {
        assert!(Instant::now() < deadline, "nobody came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let session = connect("modest", json!({})).await;
    let start = Instant::now();
    for _ in 0..50 {
        assert_eq!(get(&session).await.unwrap(), b"the-key");
    }
    println!("50 calls beside 20 that wait: {:?}", start.elapsed());
    assert_eq!(waiting.len(), 20);
    assert!(waiting.try_join_next().is_none(), "they wait still");
    assert_eq!(silent.requests(), 2, "a quarter of eight");
    assert!(waiting.join_all().await.into_iter().all(|failed| failed));
}
