//! A world for tests: a server that is a function, and a memo without a clock. Only tests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::{Make, Memo};
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::provider::connection::{Resolved, Session, SlotValue};
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use serde_json::{Value, json};

use crate::needs::CLIENT_SECRET;
use crate::world::{Reply, Request, World};

/// What a server says: status, `Retry-After` in milliseconds, body.
pub(crate) type Said = (u16, Option<u64>, String);

type Server<'f> = dyn Fn(&Request) -> Said + 'f;

/// See the module.
pub(crate) struct Fake<'f> {
    server: Box<Server<'f>>,
    urls: RefCell<Vec<String>>,
    memo: RefCell<BTreeMap<String, Vec<u8>>>,
    largest: Cell<usize>,
}

pub(crate) fn said(status: u16, body: &str) -> Said {
    (status, None, body.to_owned())
}

/// Entra's answer to a login (of its documentation).
pub(crate) fn granted(token: &str) -> Said {
    let body =
        json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token});
    (200, None, body.to_string())
}

/// A secret as Key Vault answers it.
pub(crate) fn secret(name: &str, value: &str) -> Said {
    let id = format!("https://my.vault.azure.net/secrets/{name}/4387e9f3d6e14c459867679a90fd0f79");
    (200, None, json!({"value": value, "id": id, "attributes": {"enabled": true}}).to_string())
}

/// Key Vault's error.
pub(crate) fn kv_error(status: u16, code: &str, message: &str, inner: Option<&str>) -> Said {
    let inner = inner.map(|code| json!({"code": code}));
    let body = json!({"error": {"code": code, "message": message, "innererror": inner}});
    (status, None, body.to_string())
}

/// Entra's error, with what changes each time.
pub(crate) fn entra_error(status: u16, error: &str, message: &str, code: u64) -> Said {
    let description = format!(
        "{message} Trace ID: 0d1f6a5b-0000-4a3b-8c6e-2f1e3d4c5b00 Correlation ID: 8b1c2d3e-0000-4f5a-9b8c-7d6e5f4a3b00 Timestamp: 2026-11-25 22:00:00Z"
    );
    let body = json!({"error": error, "error_description": description, "error_codes": [code], "timestamp": "2026-11-25 22:00:00Z"});
    (status, None, body.to_string())
}

/// A store with a service principal's secret, and more.
pub(crate) fn store(more: Value) -> Value {
    let mut store = json!({
        "vaultUrl": "https://my.vault.azure.net/",
        "tenantId": "contoso.example",
        "clientId": "11111111-2222-3333-4444-555555555555",
        "authSecretRef": {"clientSecret": {"name": "s", "key": "k"}},
    });
    if let (Some(store), Value::Object(more)) = (store.as_object_mut(), more) {
        store.extend(more);
    }
    store
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

/// Of [`store`].
pub(crate) fn session() -> Session {
    session_of(&store(json!({})), &[(CLIENT_SECRET, bytes("the~client.secret\n"))])
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

/// The same, with the field of a wrong config.
pub(crate) fn kind_at<T>(answer: &Result<T, Error>) -> String {
    match answer {
        Err(Error::InvalidConfig(wrong)) => wrong.path.clone(),
        other => kind(other).to_owned(),
    }
}

impl<'f> Fake<'f> {
    pub(crate) fn new(server: impl Fn(&Request) -> Said + 'f) -> Self {
        Self {
            server: Box::new(server),
            urls: RefCell::default(),
            memo: RefCell::default(),
            largest: Cell::new(0),
        }
    }

    /// Requests whose URL has this in it.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.urls.borrow().iter().filter(|url| url.contains(part)).count()
    }

    /// Most requests that were sent together.
    pub(crate) fn largest(&self) -> usize {
        self.largest.get()
    }

    /// What became old enough.
    pub(crate) fn forget(&self, key: &str) {
        self.memo.borrow_mut().remove(key);
    }
}

impl World for Fake<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        self.largest.set(self.largest.get().max(requests.len()));
        let answer = |request: Request| {
            self.urls.borrow_mut().push(request.url.clone());
            let (status, retry_after_ms, body) = (self.server)(&request);
            Ok(Reply { status, retry_after_ms, body: body.into_bytes() })
        };
        requests.into_iter().map(answer).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }

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
