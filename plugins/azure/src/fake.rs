//! A world for tests: a server that is a function, with the SDK's memo. Only tests.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::interface::Item;
use claviger_plugin_sdk::testing;
pub(crate) use claviger_plugin_sdk::testing::{bytes, input as session_of, kind};
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
    memo: testing::Memo,
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

/// Of [`store`].
pub(crate) fn session() -> Session {
    session_of(&store(json!({})), &[(CLIENT_SECRET, bytes("the~client.secret\n"))])
}

pub(crate) fn item(key: &str) -> Item {
    Item::new(key)
}

/// The kind of an answer, or the field of a wrong config.
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
            memo: testing::Memo::default(),
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
        if let Some(value) = self.memo.peek(key) {
            self.memo.evict(key, &value);
        }
    }
}

impl World for Fake<'_> {
    fn send(&self, requests: Vec<Request>) -> Vec<Result<Reply, Error>> {
        self.largest.set(self.largest.get().max(requests.len()));
        let answer = |request: Request| {
            self.urls.borrow_mut().push(request.url.clone());
            let (status, retry_after_ms, body) = (self.server)(&request);
            Ok(Reply { retry_after_ms, ..Reply::new(status, body) })
        };
        requests.into_iter().map(answer).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }

    fn memo(&self) -> &dyn Memo {
        &self.memo
    }
}
