//! Whatever a plugin does ends its own call, with a name for what it did, and nobody else's.
//!
//! With real components: the `misbehaving` fixture, whose config says how. They are built by
//! `cargo xtask test`; without them these tests say so loudly, and fail where that is asked for.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use claviger_core::provider::{CallError, Facet, Fault, Item, NeedError, ProviderError};
use claviger_core::secret::SecretBytes;
use claviger_plugins::egress::EgressConfig;
use claviger_plugins::{
    AccountAnswer, AmbientKind, CredentialSource, Grants, HostConfig, ObjectAnswer, ObjectKind, Plugin,
    PluginHost, Requester, Session, StoreRef, TokenAnswer,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

fn component(name: &str) -> Option<Vec<u8>> {
    let dir = std::env::var_os("CLAVIGER_PLUGIN_DIR").map(PathBuf::from);
    let bytes = dir.and_then(|dir| std::fs::read(dir.join(format!("{name}.wasm"))).ok());
    if bytes.is_none() {
        let message = format!("SKIPPED: {name}.wasm is not built; run `cargo xtask test`");
        assert!(std::env::var_os("CLAVIGER_REQUIRE_PLUGINS").is_none(), "{message}");
        eprintln!("{message}");
    }
    bytes
}

/// Nothing may be asked of it: these stores refer to nothing.
struct NoCredentials;

#[async_trait]
impl CredentialSource for NoCredentials {
    async fn object(
        &self,
        _: ObjectKind,
        namespace: &str,
        name: &str,
        _: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        panic!("asked for {namespace}/{name}")
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        panic!("asked for {namespace}/{name}")
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        _: &[String],
        _: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        panic!("asked for {namespace}/{name}")
    }

    async fn ambient(&self, _: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        panic!("asked for {name}")
    }

    fn api_server_audiences(&self) -> Vec<String> {
        Vec::new()
    }
}

async fn load(grants: Grants) -> Option<Arc<Plugin>> {
    let egress = EgressConfig { allow_loopback: true, ..EgressConfig::default() };
    let host = PluginHost::new(HostConfig { egress, ..HostConfig::default() }).unwrap();
    Some(host.load("misbehaving", component("misbehaving")?, grants).await.unwrap())
}

async fn connect(plugin: &Arc<Plugin>, config: Value) -> Result<Arc<Session>, CallError> {
    let store = StoreRef {
        kind: "SecretStore".to_owned(),
        name: "s".to_owned(),
        namespace: Some("ns".to_owned()),
        uid: "uid".to_owned(),
        generation: 1,
    };
    let requester = Requester { namespace: "ns".to_owned() };
    plugin.connect(store, requester, config, Value::Null, Arc::new(NoCredentials)).await
}

fn item() -> Item {
    Item { key: "the-key".to_owned(), version: None, facet: Facet::Value }
}

/// One read; its value, or how it ended.
async fn read(plugin: &Arc<Plugin>, config: Value) -> Result<Vec<u8>, CallError> {
    let session = connect(plugin, config).await?;
    let mut answers = session.get(&[item()]).await?;
    Ok(answers.remove(0)?.data.expose().to_vec())
}

fn fault(outcome: Result<Vec<u8>, CallError>) -> Fault {
    match outcome {
        Err(CallError::Fault(fault)) => fault,
        other => panic!("no fault: {:?}", other.map(|value| value.len())),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_limit_is_met_and_named_while_others_go_on() {
    let grants = Grants { cpu: Duration::from_millis(300), ..Grants::default() };
    let Some(plugin) = load(grants).await else { return };
    let id = plugin.id().to_string();
    assert!(id.starts_with("misbehaving@"), "{id}");

    let mut looping = JoinSet::new();
    for _ in 0..2 {
        let plugin = plugin.clone();
        looping.spawn(async move { fault(read(&plugin, json!({"mode": "loop"})).await) });
    }
    // Others work while two of them burn both of the test's threads.
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(read(&plugin, json!({"mode": "ok"})).await.unwrap(), b"the-key");
    }
    println!("20 calls beside two that loop: {:?}", started.elapsed());
    while let Some(ended) = looping.join_next().await {
        assert_eq!(ended.unwrap(), Fault::CpuLimit { limit_ms: 300 });
    }

    let allocated = fault(read(&plugin, json!({"mode": "allocate"})).await);
    assert_eq!(allocated, Fault::MemoryLimit { limit_mib: 64 });
    assert!(allocated.to_string().contains("64 MiB"));
    assert!(matches!(fault(read(&plugin, json!({"mode": "trap"})).await), Fault::Trapped(_)));
    assert!(matches!(fault(read(&plugin, json!({"mode": "recurse"})).await), Fault::Trapped(_)));
    let huge = fault(read(&plugin, json!({"mode": "huge"})).await);
    assert_eq!(huge, Fault::OutputLimit { limit_bytes: 4 * 1024 * 1024 });
    assert!(matches!(fault(read(&plugin, json!({"mode": "never-ready"})).await), Fault::BadAnswer(_)));
    assert_eq!(read(&plugin, json!({"mode": "ok"})).await.unwrap(), b"the-key", "and it still works");
}

#[tokio::test]
async fn a_guest_that_looks_around_finds_nothing() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let seen = read(&plugin, json!({"mode": "environment"})).await.unwrap();
    // Variables, arguments, files, sockets.
    assert_eq!(String::from_utf8(seen).unwrap(), "[0, 0, 0, 0]");
}

/// A server that counts requests by path and answers each with `body`.
async fn server(body: &'static str) -> (String, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    let counted = requests.clone();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counted = counted.clone();
            connections.spawn(async move {
                let mut buffer = vec![0; 4096];
                while let Ok(read) = stream.read(&mut buffer).await {
                    if read == 0 {
                        break;
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (address, requests, tasks)
}

#[tokio::test]
async fn only_the_origin_that_the_store_names_is_reached() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let (own, own_requests, _own) = server("hello").await;
    let (foreign, foreign_requests, _foreign) = server("never").await;
    assert_eq!(read(&plugin, json!({"mode": "get", "server": own, "path": "/x"})).await.unwrap(), b"hello");
    assert_eq!(own_requests.load(Ordering::SeqCst), 1);

    let denied = fault(read(&plugin, json!({"mode": "foreign", "server": own, "path": foreign})).await);
    // Named in the config, but not asked for when it connected.
    assert!(matches!(&denied, Fault::EgressDenied { origin, .. } if *origin == foreign), "{denied}");
    assert_eq!(foreign_requests.load(Ordering::SeqCst), 0);

    // An address of documentation (RFC 5737), refused before any packet.
    let other =
        fault(read(&plugin, json!({"mode": "foreign", "server": own, "path": "http://192.0.2.1/"})).await);
    assert!(matches!(other, Fault::EgressDenied { .. }));
    assert_eq!(read(&plugin, json!({"mode": "get", "server": own, "path": "/y"})).await.unwrap(), b"hello");
}

#[tokio::test]
async fn loopback_needs_a_grant() {
    let Some(bytes) = component("misbehaving") else { return };
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let plugin = host.load("misbehaving", bytes.clone(), Grants::default()).await.unwrap();
    let (address, requests, _server) = server("hello").await;
    let port = address.rsplit(':').next().unwrap().to_owned();
    for url in [address.clone(), format!("http://localhost:{port}"), format!("http://[::1]:{port}")] {
        let denied = fault(read(&plugin, json!({"mode": "get", "server": url})).await);
        assert!(
            matches!(&denied, Fault::EgressDenied { why, .. } if why.contains("loopback")),
            "{url}: {denied}"
        );
    }
    assert_eq!(requests.load(Ordering::SeqCst), 0);
    let granted = host
        .load("misbehaving", bytes.clone(), Grants { loopback: true, ..Grants::default() })
        .await
        .unwrap();
    assert_eq!(read(&granted, json!({"mode": "get", "server": address})).await.unwrap(), b"hello");
}

#[tokio::test]
async fn a_thousand_calls_log_in_once() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let (server, logins, _server) = server("a-token").await;
    let session = connect(&plugin, json!({"mode": "memo", "server": server})).await.unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..1000 {
        let session = session.clone();
        calls.spawn(async move {
            session.get(&[item()]).await.unwrap().remove(0).unwrap().data.expose().to_vec()
        });
        if calls.len() >= 16 {
            assert_eq!(calls.join_next().await.unwrap().unwrap(), b"a-token");
        }
    }
    while let Some(token) = calls.join_next().await {
        assert_eq!(token.unwrap(), b"a-token");
    }
    assert_eq!(logins.load(Ordering::SeqCst), 1);
    // Another store is another scope, whatever it calls its key.
    let other = connect(&plugin, json!({"mode": "memo", "server": server, "other": true})).await.unwrap();
    other.get(&[item()]).await.unwrap();
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_unreachable_backend_is_said_to_be_that() {
    let Some(plugin) = load(Grants::default()).await else { return };
    // Nothing listens on port 1.
    let outcome = read(&plugin, json!({"mode": "get", "server": "http://127.0.0.1:1"})).await;
    let Err(CallError::Provider(ProviderError::Unavailable(detail))) = outcome else { panic!("reached") };
    let said = claviger_core::redact::Redactor::default().clean(&detail);
    assert!(said.contains("127.0.0.1:1") && said.contains("refused"), "{said}");
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_by_name() {
    let host = PluginHost::new(HostConfig::default()).unwrap();
    let cases: [(&[u8], &str); 4] = [
        (b"#!/bin/sh\n", "does not begin as wasm"),
        (b"\0asm\x01\0\0\0", "core module"),
        (b"\0asm\x0d\0\x01\0", "exports nothing"),
        (b"\0asm\x0d\0\x01\0\xff\xff", "not a WebAssembly component"),
    ];
    for (bytes, expected) in cases {
        let error = host.inspect(bytes.to_vec()).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
    }
}
