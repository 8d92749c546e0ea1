//! A world for tests: a server that is a function. Only tests.

use std::cell::Cell;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::provider::connection::{Resolved, Session, SlotValue};
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use serde_json::Value;

use crate::request::Moment;
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

    fn moment(&self, _nth: usize) -> Moment {
        Moment { now_ms: 0, seed: vec![1; 32] }
    }
}

/// Of a SecretStore.
pub(crate) fn session_of(config: &Value, have: &[(&str, Resolved)]) -> Session {
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
            .iter()
            .map(|(slot, value)| SlotValue { slot: (*slot).to_owned(), value: value.clone() })
            .collect(),
    }
}

pub(crate) fn bytes(text: &str) -> Resolved {
    Resolved::Bytes(text.as_bytes().to_vec())
}

pub(crate) fn item(key: &str) -> Item {
    Item {
        key: key.to_owned(),
        version: None,
        property: None,
        facet: Facet::Value,
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
        Err(_) => "other",
    }
}
