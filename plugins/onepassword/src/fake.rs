//! A world for tests: a Connect server that is a function. Only tests.

use std::cell::Cell;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::provider::connection::{Resolved, Session, SlotValue};
use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use serde_json::{Value, json};

use crate::world::{Reply, Request, World};

/// An item's id.
pub(crate) const BY_ID: &str = "wepiqdxdzncjtnvmv5fegud4qy";

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

    /// Two vaults with some items.
    pub(crate) fn server() -> Self {
        Self::new(|request| {
            let token = request.headers.iter().find(|(name, _)| name == "authorization");
            assert_eq!(token.map(|(_, value)| value.as_str()), Some("Bearer the-token"));
            answer(request.url.strip_prefix("http://connect:8080/v1").unwrap_or_default())
        })
    }

    /// Requests so far.
    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }
}

/// Titles, ids, tags and the rest of the items of a vault.
fn items(vault: &str) -> Vec<Value> {
    let field =
        |label: &str, value: &str| json!({"id": label, "type": "STRING", "label": label, "value": value});
    let item = |id: &str, title: &str, tags: &[&str], fields: &[Value]| json!({"id": id, "title": title, "category": "LOGIN", "tags": tags, "version": 1, "fields": fields});
    let login = |id: &str, of: &str| {
        item(id, "login", &["red", "test", "more"], &[field("username", "ada"), field("password", of)])
    };
    let file = |name: &str| json!({"id": name, "name": name, "size": 12});
    match vault {
        "first" => vec![
            login("login1", "of-first"),
            item("d1", "two of a title", &["red"], &[]),
            item("d2", "two of a title", &[], &[]),
            json!({"id": "doc", "title": "document", "category": "DOCUMENT", "files": [file("a.txt"), file("b.txt")]}),
        ],
        _ => vec![
            login("login2", "of-other"),
            item("s", "only second", &[], &[field("password", "of-second"), field("extra", "x")]),
            item(BY_ID, "by its id", &[], &[field("password", "by-id")]),
        ],
    }
}

fn answer(path: &str) -> (u16, String) {
    let missing = (404, json!({"status": 404, "message": "not found"}).to_string());
    for vault in ["first", "second"] {
        if path == format!("/vaults?filter=name%20eq%20%22{vault}%22") {
            return (200, json!([{"id": vault, "name": vault}]).to_string());
        }
        let Some(rest) = path.strip_prefix(&format!("/vaults/{vault}/items")) else { continue };
        let items = items(vault);
        if let Some(title) = rest.strip_prefix("?filter=title%20eq%20%22") {
            let title = title.trim_end_matches("%22").replace("%20", " ");
            let found: Vec<_> = items.iter().filter(|item| item["title"] == *title).collect();
            return (200, json!(found).to_string());
        }
        if rest.is_empty() {
            return (200, json!(items).to_string());
        }
        let mut parts = rest.trim_start_matches('/').split('/');
        let id = parts.next().unwrap_or_default();
        let Some(item) = items.iter().find(|item| item["id"] == id) else { return missing };
        return match parts.nth(1) {
            None => (200, item.to_string()),
            Some(file) => (200, format!("content of {}", &file[..1])),
        };
    }
    missing
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

/// Of a SecretStore with two vaults, and a token.
pub(crate) fn session_of(token: &str) -> Session {
    let config = json!({
        "connectHost": "http://connect:8080", "vaults": {"second": 2, "first": 1},
        "auth": {"secretRef": {"connectTokenSecretRef": {"name": "n", "key": "k"}}},
    });
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
        have: vec![SlotValue { slot: "token".to_owned(), value: Resolved::Bytes(token.as_bytes().to_vec()) }],
    }
}

pub(crate) fn asked(key: &str, property: Option<&str>) -> Item {
    Item {
        key: key.to_owned(),
        version: None,
        property: property.map(ToOwned::to_owned),
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
        Err(Error::Unsupported(_)) => "unsupported",
        Err(_) => "other",
    }
}
