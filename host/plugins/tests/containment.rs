//! What holds for every plugin, also one that means well: origins, the login that many wait for, words for
//! what the network did. Those that mean harm are in `hostile/`.
//!
//! With real components. They are built by `cargo xtask test`; without them these tests say so loudly, and
//! fail where that is asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use claviger_core::provider::{CallError, Fault, ProviderError};
use claviger_core::redact::Redactor;
use claviger_plugins::{Grants, HostConfig, PluginHost};
use claviger_testenv::isolated;
use serde_json::json;
use tokio::task::JoinSet;

use support::{Reply, Server, component, connect, fault, get, load, read, read_text};

#[tokio::test]
async fn a_guest_that_looks_around_finds_nothing() {
    let Some(plugin) = load(Grants::default()).await else { return };
    // Variables, arguments, files, sockets: a line for each that is there.
    assert_eq!(read_text(&plugin, json!({"mode": "environment"})).await, "");
}

#[tokio::test]
async fn only_the_origin_that_the_store_names_is_reached() {
    if !isolated("only_the_origin_that_the_store_names_is_reached") {
        return;
    }
    let Some(plugin) = load(Grants::default()).await else { return };
    let own = Server::start(|_| Reply::Body("hello".to_owned())).await;
    let foreign = Server::start(|_| Reply::Body("never".to_owned())).await;
    let documentation = Server::at("192.0.2.1:80", |_| Reply::Body("never".to_owned())).await;
    let config = json!({"mode": "get", "server": own.origin, "path": "/x"});
    assert_eq!(read_text(&plugin, config).await, "hello");
    assert_eq!(own.requests(), 1);

    for (url, server) in [(foreign.origin.as_str(), &foreign), ("http://192.0.2.1/", &documentation)] {
        let config = json!({"mode": "foreign", "server": own.origin, "path": url});
        let denied = fault(read(&plugin, config).await);
        // Named in the config, but not asked for when it connected.
        assert!(
            matches!(&denied, Fault::EgressDenied { origin, .. } if url.starts_with(origin.trim_end_matches(":80"))),
            "{denied}"
        );
        assert_eq!((server.requests(), server.most_open()), (0, 0), "{url}");
    }
    let config = json!({"mode": "get", "server": own.origin, "path": "/y"});
    assert_eq!(read_text(&plugin, config).await, "hello");
}

#[tokio::test]
async fn loopback_needs_a_grant() {
    if !isolated("loopback_needs_a_grant") {
        return;
    }
    let Some(bytes) = component("misbehaving") else { return };
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let plugin = host.load("misbehaving", bytes.clone(), Grants::default()).await.unwrap();
    let server = Server::start(|_| Reply::Body("hello".to_owned())).await;
    let port = server.address.port();
    for url in [server.origin.clone(), format!("http://localhost:{port}"), format!("http://[::1]:{port}")] {
        let denied = fault(read(&plugin, json!({"mode": "get", "server": url})).await);
        assert!(
            matches!(&denied, Fault::EgressDenied { why, .. } if why.contains("loopback")),
            "{url}: {denied}"
        );
    }
    assert_eq!(server.most_open(), 0);
    let granted =
        host.load("misbehaving", bytes, Grants { loopback: true, ..Grants::default() }).await.unwrap();
    assert_eq!(read_text(&granted, json!({"mode": "get", "server": server.origin})).await, "hello");
}

#[tokio::test]
async fn a_thousand_calls_log_in_once() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let server = Server::start(|_| Reply::Body("a-token".to_owned())).await;
    let session = connect(&plugin, json!({"mode": "memo", "server": server.origin})).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let session = session.clone();
        calls.spawn(async move { get(&session).await.unwrap() });
        if calls.len() >= 16 {
            assert_eq!(calls.join_next().await.unwrap().unwrap(), b"a-token");
        }
    }
    while let Some(token) = calls.join_next().await {
        assert_eq!(token.unwrap(), b"a-token");
    }
    assert_eq!(server.requests(), 1);
    // Another store is another scope, whatever it calls its key.
    let other = json!({"mode": "memo", "server": server.origin, "other": true});
    get(connect(&plugin, other).await.unwrap().as_ref()).await.unwrap();
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn an_unreachable_backend_is_said_to_be_that() {
    let Some(plugin) = load(Grants::default()).await else { return };
    // Nothing listens on port 1.
    let outcome = read(&plugin, json!({"mode": "get", "server": "http://127.0.0.1:1"})).await;
    let Err(CallError::Provider(ProviderError::Unavailable(detail))) = outcome else { panic!("reached") };
    let said = Redactor::default().clean(&detail);
    assert!(said.contains("127.0.0.1:1") && said.contains("refused"), "{said}");
}
