//! A world for tests: a server that is a function, with the SDK's memo. Only tests.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use aws_credentials::{Access, Credentials};
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::memo::Memo;
use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::interface::{Facet, Item};
use claviger_plugin_sdk::testing;
use serde_json::Value;

use crate::world::{Reply, Request, World};

type Server<'f> = dyn Fn(&Request) -> (u16, String) + 'f;

/// See the module.
pub(crate) struct Fake<'f> {
    server: Box<Server<'f>>,
    asked: RefCell<Vec<String>>,
    pub(crate) memo: testing::Memo,
    largest: Cell<usize>,
}

pub(crate) fn reply(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

/// Of a SecretStore; every slot that a login asks for has a value.
pub(crate) fn session(config: &Value) -> Session {
    let value = || testing::bytes("value-of-the-slot");
    testing::input(config, &["token", "secret-id", "role-id"].map(|slot| (slot, value())))
}

impl<'f> Fake<'f> {
    pub(crate) fn new(server: impl Fn(&Request) -> (u16, String) + 'f) -> Self {
        Self {
            server: Box::new(server),
            asked: RefCell::default(),
            memo: testing::Memo::default(),
            largest: Cell::new(0),
        }
    }

    pub(crate) fn item(&self, key: &str, facet: Facet) -> Item {
        Item { facet, ..Item::new(key) }
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
        self.memo.keys()
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
            Ok(Reply::new(status, body))
        };
        requests.into_iter().map(answer).collect()
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
    }

    fn memo(&self) -> &dyn Memo {
        &self.memo
    }

    fn aws(&self, _: &Access, _: &Session, _: &str) -> Result<(Credentials, bool), Error> {
        Err(Error::Unsupported("no AWS here".to_owned()))
    }

    fn evict_aws(&self, _: Credentials) {}
}
