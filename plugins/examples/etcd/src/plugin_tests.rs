//! The whole provider against an etcd that is a function: three keys, and a login that ends. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::Cell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::testing::{Bench, Host, check_schema, kind};
use serde_json::{Value as Json, json};

use super::*;

/// Answers with the token of its `good`-th login alone.
fn etcd(good: &Cell<u32>) -> Host<'_> {
    let logins = Cell::new(0);
    Host::new(move |request| {
        let body: Json = serde_json::from_slice(&request.body).unwrap();
        if request.url == "https://etcd.example:2379/v3/auth/authenticate" {
            assert_eq!(body, json!({"name": "reader", "password": "p w"}));
            logins.set(logins.get() + 1);
            return Reply::new(200, json!({"header": {}, "token": logins.get().to_string()}).to_string());
        }
        assert_eq!(request.url, "https://etcd.example:2379/v3/kv/range");
        let token = request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, token)| token);
        if token != Some(&good.get().to_string()) {
            let refused = json!({"code": 16, "message": "etcdserver: invalid auth token"});
            return Reply::new(401, refused.to_string());
        }
        let text = |field: &str| {
            let base64 = body[field].as_str().unwrap_or_default();
            String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()
        };
        let (start, end) = (text("key"), text("range_end"));
        let within = |key: &str| {
            if end.is_empty() { key == start } else { key >= start.as_str() && key < end.as_str() }
        };
        let all: Vec<&str> =
            ["/prod/a", "/prod/b", "/test/c"].into_iter().filter(|key| within(key)).collect();
        // A page has one key.
        let kv = |key: &&str| json!({"key": STANDARD.encode(key), "value": STANDARD.encode("v"), "mod_revision": "4"});
        let kvs: Vec<Json> = all.iter().take(1).map(kv).collect();
        let answer = json!({"header": {"revision": "9"}, "kvs": kvs, "more": all.len() > 1});
        Reply::new(200, answer.to_string())
    })
}

fn store() -> Json {
    json!({
        "endpoint": "https://etcd.example:2379/", "prefix": "/prod/", "caBundle": "TUlJQg==",
        "auth": {"username": "reader", "passwordSecretRef": {"name": "etcd"}},
    })
}

#[test]
fn what_a_store_needs_and_where_it_goes() {
    let good = Cell::new(1);
    let bench = Bench::<Etcd>::new(&store(), etcd(&good)).cluster_store("team");
    assert_eq!(kind(&bench.connect()), "invalid-config", "there is no such Secret");
    let ready = bench.secret("etcd", "password", "p w\n").connect().unwrap();
    assert_eq!(ready.partition.as_deref(), Some("team"), "each namespace has a password of its own");
    let [origin] = &ready.origins[..] else { panic!("{ready:?}") };
    assert_eq!(origin.url, "https://etcd.example:2379");
    let ca = &origin.tls.as_ref().unwrap().ca[..];
    assert!(matches!(ca, [Material::InlineBase64(at)] if at == "/caBundle"));
}

#[test]
fn keys_are_read_with_one_login_until_it_ends() {
    let good = Cell::new(1);
    let bench = Bench::<Etcd>::new(&store(), etcd(&good)).secret("etcd", "password", "p w\n");
    let known = Item { known_version: Some("4".to_owned()), ..Item::new("b") };
    let odd = Item { version: Some("x".to_owned()), ..Item::new("b") };
    let items = [Item::new("a"), Item::new("absent"), known, odd];
    let answers = bench.get_all(&items).unwrap();
    assert_eq!(
        answers.iter().map(kind).collect::<Vec<_>>(),
        ["value", "not-found", "not-modified", "not-found"]
    );
    assert_eq!((answers[0].as_ref().unwrap().data.as_slice(), bench.host.count()), (&b"v"[..], 4));
    // The token was taken back.
    good.set(2);
    assert_eq!((kind(&bench.get("a")), bench.host.count()), ("value", 4 + 3));
    // And from now on every one is.
    good.set(0);
    assert_eq!((kind(&bench.get("a")), bench.host.count()), ("unauthenticated", 7 + 3));
}

#[test]
fn a_listing_has_pages() {
    let good = Cell::new(1);
    let bench = Bench::<Etcd>::new(&store(), etcd(&good)).secret("etcd", "password", "p w");
    let query = Query { path: None, tags: Vec::new(), name_regexp: None };
    let keys: Vec<String> = bench.find(&query).unwrap().into_iter().map(|found| found.key).collect();
    assert_eq!(keys, ["a", "b"]);
    let tagged = Query { tags: vec![("a".to_owned(), "b".to_owned())], ..query };
    assert_eq!(kind(&bench.find(&tagged)), "unsupported");
}

#[test]
fn the_schema_is_current() {
    check_schema::<Etcd>(concat!(env!("CARGO_MANIFEST_DIR"), "/config-schema.json"));
}
