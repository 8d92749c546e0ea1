//! A pipeline for tests with one provider that makes credentials: Vault's plugin, and a backend on loopback that has a
//! database, and nothing that is stored. Each read of a role makes another user.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use claviger_core::provider::NeedError;
use claviger_core::secret::SecretBytes;
use claviger_crds::store::SecretStoreSpec;
use claviger_plugins::egress::EgressConfig;
use claviger_plugins::{
    AccountAnswer, AmbientKind, CredentialSource, HostConfig, ObjectAnswer, ObjectKind, PluginHost,
    TokenAnswer,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Delimiters, Pipeline};
use crate::plugins::{Registry, frozen};

/// It.
pub(super) struct Vaulted {
    pub(super) pipeline: Pipeline,
    origin: String,
    _backend: JoinSet<()>,
}

impl Vaulted {
    pub(super) async fn start() -> Self {
        let egress = EgressConfig { allow_loopback: true, ..EgressConfig::default() };
        let host = PluginHost::new(HostConfig { egress, ..HostConfig::default() }).unwrap();
        let registry = Arc::new(Registry::new(host, "/nowhere"));
        frozen::vault(&registry).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let mut backend = JoinSet::new();
        backend.spawn(async move {
            let (made, mut connections) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                connections.spawn(answer(stream, made.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        let pipeline = Pipeline::new(registry, Delimiters::default());
        Self { pipeline, origin, _backend: backend }
    }

    /// A store that refers to one Secret.
    pub(super) fn store(&self) -> SecretStoreSpec {
        let auth = json!({"tokenSecretRef": {"name": "token", "key": "token"}});
        let vault = json!({"server": self.origin, "path": "secret", "version": "v2", "auth": auth});
        serde_json::from_value(json!({"provider": {"vault": vault}})).unwrap()
    }
}

/// One request of a connection.
async fn answer(mut stream: TcpStream, made: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches("/v1/");
    let found = match path.split_once("database/creds/") {
        _ if path == "auth/token/lookup-self" => Some(json!({"data": {"ttl": 7200}})),
        _ if path.starts_with("sys/internal/ui/mounts/database") => {
            Some(json!({"data": {"options": {}, "path": "database/", "type": "database"}}))
        }
        _ if path.starts_with("sys/internal/ui/mounts/secret") => {
            Some(json!({"data": {"options": {"version": "2"}, "path": "secret/", "type": "kv"}}))
        }
        Some(("", role)) => {
            let name = format!("{role}-{}", made.fetch_add(1, Ordering::SeqCst) + 1);
            Some(json!({
                "lease_id": format!("database/creds/{role}/{name}"), "renewable": true, "lease_duration": 3600,
                "data": {"username": name},
            }))
        }
        _ => None,
    };
    let (code, body) = match found {
        Some(found) => ("200 OK", found.to_string()),
        None => ("404 Not Found", r#"{"errors":[]}"#.to_owned()),
    };
    let length = body.len();
    let text = format!("HTTP/1.1 {code}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let _ = stream.write_all(text.as_bytes()).await;
}

/// The Secret that its stores refer to, and nothing else.
#[derive(Default)]
pub(super) struct Token {
    /// Whether whoever asks waits until [`Token::given`].
    pub(super) held_back: bool,
    /// Somebody asks.
    pub(super) asked: Notify,
    pub(super) given: Notify,
}

#[async_trait]
impl CredentialSource for Token {
    async fn object(&self, _: ObjectKind, _: &str, _: &str, _: &str) -> Result<ObjectAnswer, NeedError> {
        self.asked.notify_one();
        if self.held_back {
            self.given.notified().await;
        }
        Ok(ObjectAnswer { value: SecretBytes::copied_from(b"token"), identity: "1".to_owned() })
    }

    async fn account(&self, _: &str, _: &str) -> Result<AccountAnswer, NeedError> {
        unreachable!("a token is enough")
    }

    async fn token(
        &self,
        _: &str,
        _: &str,
        _: &[String],
        _: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        unreachable!("a token is enough")
    }

    async fn ambient(&self, _: AmbientKind, _: &str) -> Result<Option<SecretBytes>, NeedError> {
        Ok(None)
    }

    fn api_server_audiences(&self) -> Vec<String> {
        Vec::new()
    }
}
