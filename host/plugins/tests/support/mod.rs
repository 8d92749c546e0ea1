//! What the tests with real components share: loading and connecting them, calling them, and the sentence
//! that a user would read when a call fails.

#![allow(dead_code, unused_imports, reason = "each test program uses a part of it")]

mod credentials;
mod latency;
mod server;

use std::path::PathBuf;
use std::sync::Arc;

use claviger_core::error::{Failure, StoreName};
use claviger_core::provider::{CallError, Facet, Fault, Item, Nature};
use claviger_core::redact::Redactor;
use claviger_plugins::egress::EgressConfig;
use claviger_plugins::{
    CredentialSource, Grants, HostConfig, Plugin, PluginHost, Requester, Session, StoreRef,
};
use serde_json::Value;

pub(crate) use credentials::{API_SERVER, Manifest, NoCredentials};
pub(crate) use latency::Neighbour;
pub(crate) use server::{Reply, Server};

/// The bytes of a component that `cargo xtask test` built.
pub(crate) fn component(name: &str) -> Option<Vec<u8>> {
    let dir = std::env::var_os("CLAVIGER_PLUGIN_DIR").map(PathBuf::from);
    let bytes = dir.and_then(|dir| std::fs::read(dir.join(format!("{name}.wasm"))).ok());
    if bytes.is_none() {
        let message = format!("SKIPPED: {name}.wasm is not built; run `cargo xtask test`");
        assert!(std::env::var_os("CLAVIGER_REQUIRE_PLUGINS").is_none(), "{message}");
        eprintln!("{message}");
    }
    bytes
}

/// A host whose plugins may reach loopback, where the tests' servers are.
pub(crate) fn host() -> Arc<PluginHost> {
    let egress = EgressConfig { allow_loopback: true, ..EgressConfig::default() };
    PluginHost::new(HostConfig { egress, ..HostConfig::default() }).unwrap()
}

/// The misbehaving plugin on a host of its own.
pub(crate) async fn load(grants: Grants) -> Option<Arc<Plugin>> {
    load_on(&host(), grants).await
}

/// The misbehaving plugin.
pub(crate) async fn load_on(host: &PluginHost, grants: Grants) -> Option<Arc<Plugin>> {
    Some(host.load("misbehaving", component("misbehaving")?, grants).await.unwrap())
}

/// A store of that uid.
pub(crate) fn store(uid: &str) -> StoreRef {
    StoreRef {
        kind: "SecretStore".to_owned(),
        name: "s".to_owned(),
        namespace: Some("ns".to_owned()),
        uid: uid.to_owned(),
        generation: 1,
    }
}

/// Connects a store whose references resolve through `source`.
pub(crate) async fn connect_with(
    plugin: &Arc<Plugin>,
    uid: &str,
    config: Value,
    source: Arc<dyn CredentialSource>,
) -> Result<Arc<Session>, CallError> {
    let requester = Requester { namespace: "ns".to_owned() };
    plugin.connect(store(uid), requester, config, source).await
}

/// Connects a store that refers to nothing.
pub(crate) async fn connect(plugin: &Arc<Plugin>, config: Value) -> Result<Arc<Session>, CallError> {
    connect_with(plugin, "uid", config, Arc::new(NoCredentials)).await
}

/// The one key that is read.
pub(crate) fn item() -> Item {
    Item {
        key: "the-key".to_owned(),
        version: None,
        property: None,
        facet: Facet::Value,
        nature: Nature::Stored,
    }
}

/// One read of a connected store.
pub(crate) async fn get(session: &Session) -> Result<Vec<u8>, CallError> {
    let mut answers = session.get(&[item()]).await?;
    Ok(answers.remove(0)?.data.expose().to_vec())
}

/// Connects and reads once; its value, or how it ended.
pub(crate) async fn read(plugin: &Arc<Plugin>, config: Value) -> Result<Vec<u8>, CallError> {
    get(connect(plugin, config).await?.as_ref()).await
}

/// The same for that namespace, of one store that serves all of them, as the administrator's do.
pub(crate) async fn read_for(
    plugin: &Arc<Plugin>,
    namespace: String,
    config: Value,
) -> Result<Vec<u8>, CallError> {
    let store = StoreRef { kind: "ClusterSecretStore".to_owned(), namespace: None, ..store("shared") };
    let session = plugin.connect(store, Requester { namespace }, config, Arc::new(NoCredentials)).await?;
    get(&session).await
}

/// The same as text.
pub(crate) async fn read_text(plugin: &Arc<Plugin>, config: Value) -> String {
    match read(plugin, config).await {
        Ok(value) => String::from_utf8(value).unwrap(),
        Err(error) => panic!("{}", sentence(plugin, error)),
    }
}

/// How a call failed that had to.
pub(crate) fn fault<T>(outcome: Result<T, CallError>) -> Fault {
    match outcome {
        Err(CallError::Fault(fault)) => fault,
        Err(other) => panic!("no fault, but: {other:?}"),
        Ok(_) => panic!("no fault"),
    }
}

/// What a user reads of a failure.
pub(crate) fn sentence(plugin: &Plugin, error: CallError) -> String {
    let store =
        StoreName { kind: "SecretStore".into(), namespace: Some("ns".to_owned()), name: "s".to_owned() };
    Failure::from_call(&store, Some("the-key"), None, plugin.id(), error).message(&Redactor::default())
}

/// The sentence of a call that must not have worked.
pub(crate) fn refusal<T>(plugin: &Plugin, outcome: Result<T, CallError>) -> String {
    match outcome {
        Err(error) => sentence(plugin, error),
        Ok(_) => panic!("it worked"),
    }
}
