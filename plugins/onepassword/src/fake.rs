//! A Connect server that is a function, and a store of it. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::testing::{Host, bytes, input};
use serde_json::json;

use crate::config::{Manifest, TOKEN};

/// An item's id.
pub(crate) const BY_ID: &str = "wepiqdxdzncjtnvmv5fegud4qy";

/// Two vaults with some items.
pub(crate) fn server() -> Host<'static> {
    Host::new(|request| {
        let token = request.headers.iter().find(|(name, _)| name == "authorization");
        assert_eq!(token.map(|(_, value)| value.as_str()), Some("Bearer the-token"));
        let (status, body) = answer(request.url.strip_prefix("http://connect:8080/v1").unwrap_or_default());
        Reply::new(status, body)
    })
}

/// Titles, ids, tags and the rest of the items of a vault.
fn items(vault: &str) -> Vec<serde_json::Value> {
    let field =
        |label: &str, value: &str| json!({"id": label, "type": "STRING", "label": label, "value": value});
    let item = |id: &str, title: &str, tags: &[&str], fields: &[serde_json::Value]| json!({"id": id, "title": title, "category": "LOGIN", "tags": tags, "version": 1, "fields": fields});
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

/// Of a SecretStore with two vaults, and the token.
pub(crate) fn session_of<'h>(host: &'h Host<'_>) -> Session<'h, Manifest> {
    let config = json!({
        "connectHost": "http://connect:8080", "vaults": {"second": 2, "first": 1},
        "auth": {"secretRef": {"connectTokenSecretRef": {"name": "n", "key": "k"}}},
    });
    Session::new(input(&config, &[(TOKEN, bytes("the-token"))]), host).unwrap()
}

pub(crate) fn asked(key: &str, property: Option<&str>) -> Item {
    Item { property: property.map(ToOwned::to_owned), ..Item::new(key) }
}
