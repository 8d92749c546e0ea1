//! A world for tests: servers that are a function, and a memo without a clock. Only tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::{Make, Memo};
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::provider::connection::{Resolved, Session, SlotValue};
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use google_credentials::{Reply, Request, World as Google};
use serde_json::{Value, json};

use crate::world::World;

type Server<'f> = dyn Fn(&Request) -> (u16, String) + 'f;

/// See the module.
pub(crate) struct Fake<'f> {
    server: Box<Server<'f>>,
    urls: RefCell<Vec<String>>,
    memo: RefCell<BTreeMap<String, Vec<u8>>>,
    sent: RefCell<Vec<usize>>,
}

/// Google's envelope.
pub(crate) fn refused(code: u16, status: &str, message: &str, reason: &str) -> String {
    let details = if reason.is_empty() { json!([]) } else { json!([{"reason": reason}]) };
    json!({"error": {"code": code, "status": status, "message": message, "details": details}}).to_string()
}

/// Of a SecretStore that logs in with a refresh token's file, in project `shop`.
pub(crate) fn session(more: &Value) -> Session {
    let mut config = json!({"projectID": "shop"});
    config
        .as_object_mut()
        .into_iter()
        .for_each(|own| own.extend(more.as_object().cloned().unwrap_or_default()));
    let file = json!({"type": "authorized_user", "client_id": "id", "client_secret": "value-of-a-slot",
        "refresh_token": "value-of-a-slot"});
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
        have: vec![SlotValue {
            slot: "google-application-credentials".to_owned(),
            value: Resolved::Bytes(file.to_string().into_bytes()),
        }],
    }
}

/// Of one whose token is the metadata server's.
pub(crate) fn session_of_node() -> Session {
    let slot = SlotValue {
        slot: "google-access-token".to_owned(),
        value: Resolved::Bytes(br#"{"access_token":"token-0","expires_in":3599}"#.to_vec()),
    };
    Session { have: vec![slot], ..session(&json!({})) }
}

pub(crate) fn item(key: &str, version: Option<&str>, facet: Facet) -> Item {
    Item {
        key: key.to_owned(),
        version: version.map(ToOwned::to_owned),
        facet,
        property: None,
        known_version: None,
        nature: Nature::Stored,
    }
}

impl<'f> Fake<'f> {
    pub(crate) fn new(server: impl Fn(&Request) -> (u16, String) + 'f) -> Self {
        Self {
            server: Box::new(server),
            urls: RefCell::default(),
            memo: RefCell::default(),
            sent: RefCell::default(),
        }
    }

    /// What a login answers: the n-th token.
    pub(crate) fn login(n: usize) -> (u16, String) {
        (200, json!({"access_token": format!("token-{n}"), "expires_in": 3599}).to_string())
    }

    /// Requests whose URL has this in it.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.urls.borrow().iter().filter(|url| url.contains(part)).count()
    }

    /// URLs, in order.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.urls.borrow().clone()
    }

    /// Most requests that were sent together.
    pub(crate) fn largest(&self) -> usize {
        self.sent.borrow().iter().copied().max().unwrap_or_default()
    }

    /// How many requests were sent together, each time.
    pub(crate) fn sent(&self) -> Vec<usize> {
        self.sent.borrow().clone()
    }
}

impl Google for Fake<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        self.sent.borrow_mut().push(requests.len());
        let answer = |request: Request| {
            self.urls.borrow_mut().push(request.url.clone());
            let (status, body) = (self.server)(&request);
            Ok(Reply { status, retry_after_ms: None, body: body.into_bytes() })
        };
        requests.into_iter().map(answer).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }
}

impl World for Fake<'_> {
    fn memo(&self) -> &dyn Memo {
        self
    }
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
