//! A world for tests: a server that is a function, and a memo without a clock. Only tests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_credentials::{Access, Credentials};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::{Make, Memo};
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::provider::connection::{Resolved, Session, SlotValue};
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use serde_json::Value;

use crate::world::{Reply, Request, World};

type Server<'f> = dyn Fn(&Request) -> (u16, String) + 'f;

/// See the module.
pub(crate) struct Fake<'f> {
    server: Box<Server<'f>>,
    asked: RefCell<Vec<String>>,
    memo: RefCell<BTreeMap<String, Vec<u8>>>,
    largest: Cell<usize>,
}

pub(crate) fn reply(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

/// Of a SecretStore; every slot that a login asks for has a value.
pub(crate) fn session(config: &Value) -> Session {
    let slot = |name: &str| SlotValue {
        slot: name.to_owned(),
        value: Resolved::Bytes(b"value-of-the-slot".to_vec()),
    };
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
        have: ["token", "secret-id", "role-id"].map(slot).into(),
    }
}

impl<'f> Fake<'f> {
    pub(crate) fn new(server: impl Fn(&Request) -> (u16, String) + 'f) -> Self {
        Self {
            server: Box::new(server),
            asked: RefCell::default(),
            memo: RefCell::default(),
            largest: Cell::new(0),
        }
    }

    pub(crate) fn item(&self, key: &str, facet: Facet) -> Item {
        Item {
            key: key.to_owned(),
            version: None,
            facet,
            property: None,
            known_version: None,
            nature: Nature::Stored,
        }
    }

    /// Requests that have this in them.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.asked.borrow().iter().filter(|asked| asked.contains(part)).count()
    }

    /// All requests, in order: method, path with query, namespace and token as far as there are.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Keys of the memo.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.memo.borrow().keys().cloned().collect()
    }

    /// Most requests that were sent together.
    pub(crate) fn largest(&self) -> usize {
        self.largest.get()
    }
}

impl World for Fake<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        self.largest.set(self.largest.get().max(requests.len()));
        let answer = |request: Request| {
            let header = |name: &str| {
                let found = request.headers.iter().find(|(own, _)| own == name);
                found.map(|(_, value)| format!(" {value}")).unwrap_or_default()
            };
            let path = request.url.split_once("/v1/").map_or(request.url.as_str(), |(_, path)| path);
            let (namespace, token) = (header("x-vault-namespace"), header("x-vault-token"));
            self.asked.borrow_mut().push(format!("{} /{path}{namespace}{token}", request.method));
            let (status, body) = (self.server)(&request);
            Ok(Reply { status, retry_after_ms: None, index: None, body: body.into_bytes() })
        };
        requests.into_iter().map(answer).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }

    fn memo(&self) -> &dyn Memo {
        self
    }

    fn aws(&self, _: &Access, _: &Session, _: &str) -> Result<(Credentials, bool), Error> {
        Err(Error::Unsupported("no AWS here".to_owned()))
    }

    fn evict_aws(&self, _: Credentials) {}
}

impl Memo for Fake<'_> {
    fn get_or_make(&self, key: &str, make: &mut Make<'_>) -> Result<Vec<u8>, Error> {
        if let Some(found) = self.peek(key) {
            return Ok(found);
        }
        let (made, _) = make()?;
        self.memo.borrow_mut().insert(key.to_owned(), made.clone());
        Ok(made)
    }

    fn peek(&self, key: &str) -> Option<Vec<u8>> {
        self.memo.borrow().get(key).cloned()
    }

    fn keep(&self, key: &str, value: &[u8], _ttl_ms: u64) {
        self.memo.borrow_mut().entry(key.to_owned()).or_insert_with(|| value.to_vec());
    }

    fn evict(&self, key: &str, value: &[u8]) {
        self.memo.borrow_mut().retain(|own, held| own != key || held != value);
    }
}
