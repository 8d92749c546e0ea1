//! The provider against an API that is a function. Only tests; `claviger plugin test` runs the component itself.

use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::testing::{Bench, Host, check_schema, kind};
use serde_json::json;

use super::PluginName;

/// A store with a token, and an API that knows it and one key.
fn bench() -> Bench<'static, PluginName> {
    let api = Host::new(|request| {
        let token = request.headers.iter().find(|(name, _)| name == "authorization");
        assert_eq!(token.map(|(_, value)| value.as_str()), Some("Bearer the-token"));
        match request.url.as_str() {
            "https://api.example/v1/team/a%20b" => Reply::new(200, "hello").with("ETag", "\"7\""),
            "https://api.example/v1/busy" => Reply::new(429, "").with("Retry-After", "7"),
            "https://api.example/v1/refused" => Reply::new(401, ""),
            "https://api.example/v1/forbidden" => Reply::new(403, ""),
            "https://api.example/v1/broken" => Reply::new(500, ""),
            _ => Reply::new(404, ""),
        }
    });
    let config = json!({"url": "https://api.example/v1/", "tokenSecretRef": {"name": "api", "key": "token"}});
    Bench::new(&config, api).secret("api", "token", "the-token\n")
}

#[test]
fn a_key_is_read() {
    let value = bench().get("team/a b").unwrap();
    assert_eq!((value.data.as_slice(), value.version.as_deref()), (&b"hello"[..], Some("\"7\"")));
}

#[test]
fn a_version_that_is_known_is_not_sent_again() {
    let item = Item { known_version: Some("\"7\"".to_owned()), ..Item::new("team/a b") };
    assert_eq!(kind(&bench().get_item(item)), "not-modified");
}

#[test]
fn refusals_are_told_apart() {
    for (key, expected) in [
        ("absent", "not-found"),
        ("refused", "unauthenticated"),
        ("forbidden", "denied"),
        ("busy", "rate-limited"),
        ("broken", "unavailable"),
        ("../team", "other"),
    ] {
        assert_eq!(kind(&bench().get(key)), expected, "{key}");
    }
}

#[test]
fn without_a_token_none_is_sent() {
    let api = Host::new(|request| {
        assert!(request.headers.is_empty());
        Reply::new(200, "hello")
    });
    assert_eq!(Bench::<PluginName>::new(&json!({"url": "http://api"}), api).get("k").unwrap().data, b"hello");
}

#[test]
fn a_store_works_if_its_token_is_taken() {
    assert!(matches!(bench().validate(), Ok(Health::Ready)));
    let api = Host::new(|_| Reply::new(401, ""));
    let bench = Bench::<PluginName>::new(&json!({"url": "https://api.example"}), api);
    assert_eq!(kind(&bench.validate()), "unauthenticated");
}

/// After a change of `Config`: `CLAVIGER_WRITE_SCHEMA=1 cargo test`.
#[test]
fn the_schema_is_current() {
    check_schema::<PluginName>(concat!(env!("CARGO_MANIFEST_DIR"), "/config-schema.json"));
}
