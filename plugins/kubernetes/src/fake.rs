//! A world for tests: an API server that is a function. Only tests.

use std::cell::Cell;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::provider::connection::{Resolved, Session, SlotValue};
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use serde_json::{Value, json};

use crate::connect::TOKEN;
use crate::world::{Reply, Request, World};

/// What a server says: status and body.
pub(crate) type Said = (u16, String);

/// See the module.
pub(crate) struct Fake<'f> {
    server: Box<dyn Fn(&Request) -> Said + 'f>,
    count: Cell<usize>,
}

impl<'f> Fake<'f> {
    pub(crate) fn new(server: impl Fn(&Request) -> Said + 'f) -> Self {
        Self { server: Box::new(server), count: Cell::new(0) }
    }

    /// Requests so far.
    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }
}

impl World for Fake<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        let answer = |request: Request| {
            self.count.set(self.count.get() + 1);
            let (status, body) = (self.server)(&request);
            Ok(Reply { status, retry_after_ms: None, body: body.into_bytes() })
        };
        requests.into_iter().map(answer).collect()
    }
}

pub(crate) fn said(status: u16, body: &str) -> Said {
    (status, body.to_owned())
}

/// A `Status` as kube-apiserver writes it.
pub(crate) fn status(code: u16, reason: &str, message: &str, details: Value) -> String {
    let mut status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code,
    });
    if !details.is_null() {
        status["details"] = details;
    }
    status.to_string()
}

/// A Secret, of version 41.
pub(crate) fn secret(name: &str, data: Value) -> Said {
    let metadata = json!({"name": name, "namespace": "team-b", "resourceVersion": "41"});
    let secret =
        json!({"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": data, "type": "Opaque"});
    said(200, &secret.to_string())
}

/// Of a SecretStore.
pub(crate) fn session_of(config: &Value, have: &[(&str, Resolved)]) -> Session {
    let have = have.iter();
    Session {
        store: StoreRef {
            kind: "SecretStore".to_owned(),
            name: "s".to_owned(),
            namespace: Some("team".to_owned()),
            uid: "u".to_owned(),
            generation: 1,
        },
        requester: Requester { namespace: "team".to_owned() },
        config: config.to_string(),
        settings: String::new(),
        have: have
            .map(|(slot, value)| SlotValue { slot: (*slot).to_owned(), value: value.clone() })
            .collect(),
    }
}

/// One with a bearer token.
pub(crate) fn session() -> Session {
    let config = json!({
        "server": {"url": "api.example:6443"}, "remoteNamespace": "team-b",
        "auth": {"token": {"bearerToken": {"name": "n", "key": "k"}}},
    });
    session_of(&config, &[(TOKEN, bytes("the-token\n"))])
}

pub(crate) fn bytes(text: &str) -> Resolved {
    Resolved::Bytes(text.as_bytes().to_vec())
}

pub(crate) fn item(key: &str) -> Item {
    Item {
        key: key.to_owned(),
        version: None,
        facet: Facet::Value,
        property: None,
        known_version: None,
        nature: Nature::Stored,
    }
}

/// The kind of an answer, for tables.
pub(crate) fn kind<T>(answer: &Result<T, Error>) -> &'static str {
    match answer {
        Ok(_) => "value",
        Err(Error::NotFound(_)) => "not-found",
        Err(Error::Unauthenticated(_)) => "unauthenticated",
        Err(Error::Denied(_)) => "denied",
        Err(Error::RateLimited(_)) => "rate-limited",
        Err(Error::Unavailable(_)) => "unavailable",
        Err(Error::InvalidConfig(_)) => "invalid-config",
        Err(Error::NotModified) => "not-modified",
        Err(Error::Unsupported(_)) => "unsupported",
        Err(_) => "other",
    }
}
