//! A world for tests: servers that are a function, with the SDK's memo. Only tests.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::interface::{Facet, Item};
use claviger_plugin_sdk::testing::{self, bytes};
use google_credentials::{Reply, Request, World as Google};
use serde_json::{Value, json};

use crate::world::World;

type Server<'f> = dyn Fn(&Request) -> (u16, String) + 'f;

/// See the module.
pub(crate) struct Fake<'f> {
    server: Box<Server<'f>>,
    urls: RefCell<Vec<String>>,
    memo: testing::Memo,
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
    testing::input(&config, &[("google-application-credentials", bytes(&file.to_string()))])
}

/// Of one whose token is the metadata server's.
pub(crate) fn session_of_node() -> Session {
    let token = bytes(r#"{"access_token":"token-0","expires_in":3599}"#);
    Session {
        have: testing::input(&json!({}), &[("google-access-token", token)]).have,
        ..session(&json!({}))
    }
}

pub(crate) fn item(key: &str, version: Option<&str>, facet: Facet) -> Item {
    Item { version: version.map(ToOwned::to_owned), facet, ..Item::new(key) }
}

impl<'f> Fake<'f> {
    pub(crate) fn new(server: impl Fn(&Request) -> (u16, String) + 'f) -> Self {
        Self {
            server: Box::new(server),
            urls: RefCell::default(),
            memo: testing::Memo::default(),
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
            Ok(Reply::new(status, body))
        };
        requests.into_iter().map(answer).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }
}

impl World for Fake<'_> {
    fn memo(&self) -> &dyn Memo {
        &self.memo
    }
}
