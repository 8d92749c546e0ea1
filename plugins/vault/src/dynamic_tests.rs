//! What is read as made for who asks, with which token, and what the host is told of it. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::Cell;

use claviger_plugin_sdk::provider::interface::{Facet, Item, Nature};
use serde_json::{Value as Json, json};

use super::*;
use crate::fake::{Fake, reply, session};
use crate::own::FOREVER_MS;
use crate::read::get;
use crate::world::Request;

// Of OpenBao 2.7.2, cut to what counts where nothing depends on the rest.
pub(crate) const CREDS: &str = r#"{"request_id":"9f539a6d-9aba-042b-d80b-da22044a5897","lease_id":"database/creds/readonly/2fTiJy4S77CFnEIoUeg4FvFp","renewable":true,"lease_duration":3600,"data":{"password":"YljlxOiAR9fusxoX1-Y6","username":"v-approle-readonly-OWK1wirJuEqR8jg1LiVn-1795660777"},"wrap_info":null,"warnings":null,"auth":null}"#;
const STATIC: &str = r#"{"request_id":"bffba3a8-d250-0336-0779-5da0a2c8e0b2","lease_id":"","renewable":false,"lease_duration":0,"data":{"last_vault_rotation":"2026-11-26T02:40:01.825607932Z","password":"XpG7rsrTKxDU-YUvdveY","rotation_period":3600,"ttl":3600,"username":"st"},"wrap_info":null,"warnings":null,"auth":null}"#;
const DATABASE: &str = r#"{"data":{"options":{},"path":"database/","type":"database"}}"#;
const KV1: &str = r#"{"data":{"options":{"version":"1"},"path":"kv/","type":"kv"}}"#;
const KV2: &str = r#"{"data":{"options":{"version":"2"},"path":"secret/","type":"kv"}}"#;
const LOGINS_BELOW: &str = r#"{"data":{"path":"team/auth/approle/","type":"approle"}}"#;
const NOT_THERE: &str = r#"{"errors":["preflight capability check returned 403, please ensure client's policies grant access to path \"x/\""]}"#;
pub(crate) const DENIED: &str = "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}";
const NONE: &str = r#"{"errors":[]}"#;
const UNKNOWN_ROLE: &str = r#"{"errors":["unknown role: nope"]}"#;

pub(crate) fn app_role() -> Json {
    json!({"appRole": {"roleId": "r", "secretRef": {"name": "s"}}})
}

/// A Vault with what the tests name: KV at `secret` and `kv`, a database. Its logins give tokens of their own number.
pub(crate) fn vault(logins: &Cell<usize>) -> impl Fn(&Request) -> (u16, String) {
    move |request| {
        let path = request.url.split_once("/v1/").unwrap().1;
        match path {
            "auth/approle/login" => {
                logins.set(logins.get() + 1);
                let auth = json!({"client_token": format!("token-{}", logins.get()), "accessor": format!("accessor-{}", logins.get()), "lease_duration": 1200, "renewable": true});
                (200, json!({ "auth": auth }).to_string())
            }
            "auth/token/revoke-self" => reply(204, ""),
            "auth/token/lookup-self" => reply(200, r#"{"data":{"id":"value-of-the-slot","ttl":1198}}"#),
            "secret/data/app" => reply(200, r#"{"data":{"data":{"a":"b"},"metadata":{"version":1}}}"#),
            "secret/data/database/creds/denied" => reply(403, DENIED),
            "kv/app" => reply(200, r#"{"lease_id":"","data":{"a":"b"}}"#),
            "database/creds/readonly" => reply(200, CREDS),
            "database/creds/nope" => reply(400, UNKNOWN_ROLE),
            "database/creds/mine" => reply(403, DENIED),
            "database/static-creds/st" => reply(200, STATIC),
            "database/odd" => {
                reply(404, "{\"errors\":[\"1 error occurred:\\n\\t* unsupported path\\n\\n\"]}")
            }
            _ if path.starts_with("sys/internal/ui/mounts/secret") => reply(200, KV2),
            _ if path.starts_with("sys/internal/ui/mounts/kv") => reply(200, KV1),
            _ if path.starts_with("sys/internal/ui/mounts/database") => reply(200, DATABASE),
            _ if path.starts_with("sys/internal/ui/mounts/team/auth") => reply(200, LOGINS_BELOW),
            _ if path.starts_with("sys/internal/ui/mounts/broken") => {
                reply(503, r#"{"errors":["Vault is sealed"]}"#)
            }
            _ if path.starts_with("sys/internal/ui/mounts/") => reply(403, NOT_THERE),
            _ => reply(404, NONE),
        }
    }
}

fn item(key: &str, nature: Nature) -> Item {
    Item {
        key: key.to_owned(),
        version: None,
        facet: Facet::Value,
        property: None,
        known_version: None,
        nature,
    }
}

/// What a key is answered with, and the part of it that tells, for a store with `path` and `version`.
#[test]
fn what_may_answer() {
    use Nature::{Any, Dynamic, Stored};
    let creds = "v-approle-readonly";
    for (path, version, key, nature, expected, part) in [
        // KV first, and alone where nothing else may answer.
        ("secret", "v2", "app", Any, "stored", r#"{"a":"b"}"#),
        (
            "secret",
            "v2",
            "database/creds/readonly",
            Stored,
            "not-found",
            "secret/data/database/creds/readonly",
        ),
        ("secret", "v2", "database/creds/readonly", Any, "made", creds),
        ("secret", "v2", "/database//creds/readonly/", Any, "made", creds),
        ("secret", "v2", "database/creds/readonly", Dynamic, "made", creds),
        ("secret", "v2", "database/static-creds/st", Any, "made", "XpG7rsrTKxDU"),
        // It is not known whether KV has it.
        (
            "secret",
            "v2",
            "database/creds/denied",
            Any,
            "denied",
            "Only a key that KV does not have is read at database (database)",
        ),
        // Nothing makes it.
        ("secret", "v2", "absent", Any, "not-found", "secret/data/absent"),
        ("secret", "v2", "secret/absent", Any, "not-found", "secret/data/absent"),
        ("secret", "v2", "kv/app", Any, "not-found", "secret/data/kv/app"),
        ("secret", "v2", "nowhere/x", Any, "not-found", "secret/data/nowhere/x"),
        ("secret", "v2", "nowhere/x", Dynamic, "denied", r#"path "nowhere/x" { capabilities = ["read"] }"#),
        ("secret", "v2", "kv/app", Dynamic, "not-found", "what is mounted at kv is kv"),
        ("secret", "v2", "broken/x", Any, "unavailable", "sealed"),
        // Vault's own, whatever the token may.
        ("secret", "v2", "auth/token/lookup-self", Any, "not-found", "secret/data/auth/token/lookup-self"),
        ("secret", "v2", "auth/token/lookup-self", Dynamic, "other", "is not made"),
        ("secret", "v2", "%61uth/token/lookup-self", Any, "not-found", "secret/data/%61uth"),
        ("secret", "v2", "sys/health", Any, "not-found", "secret/data/sys/health"),
        ("secret", "v2", "team/auth/approle/role/x", Any, "not-found", "secret/data/team/auth"),
        ("secret", "v2", "team/auth/approle/role/x", Dynamic, "not-found", "is not made any more"),
        // What the engine says.
        (
            "secret",
            "v2",
            "database/creds/nope",
            Any,
            "other",
            "database/creds/nope: HTTP 400: unknown role: nope",
        ),
        (
            "secret",
            "v2",
            "database/creds/mine",
            Any,
            "denied",
            r#"path "database/creds/mine" { capabilities = ["read"] }"#,
        ),
        ("secret", "v2", "database/odd", Any, "other", "unsupported path"),
        // A store of version 1 may point at the engine itself.
        ("database", "v1", "creds/readonly", Any, "made", creds),
        ("database", "v1", "creds/readonly", Dynamic, "made", creds),
        (
            "database",
            "v1",
            "creds/readonly",
            Stored,
            "not-found",
            "creds/readonly is not stored: it is made by the database engine at database",
        ),
        ("kv", "v1", "app", Any, "stored", r#"{"a":"b"}"#),
        ("kv", "v1", "app", Stored, "stored", r#"{"a":"b"}"#),
        ("kv", "v1", "database/creds/readonly", Any, "made", creds),
        ("kv", "v1", "database/creds/readonly", Dynamic, "made", creds),
        ("kv", "v1", "database/creds/readonly", Stored, "not-found", "kv/database/creds/readonly"),
        // Without path, the key does.
        ("", "v1", "database/creds/readonly", Any, "made", creds),
        ("", "v1", "kv/app", Any, "stored", r#"{"a":"b"}"#),
        ("", "v2", "database/creds/readonly", Any, "made", creds),
        ("", "v2", "secret/app", Any, "stored", r#"{"a":"b"}"#),
        ("", "v2", "secret/app", Dynamic, "not-found", "what is mounted at secret is kv"),
        ("", "v2", "auth/token/lookup-self", Any, "denied", "auth, sys, identity"),
    ] {
        let logins = Cell::new(0);
        let fake = Fake::new(vault(&logins));
        let session =
            session(&json!({"server": "https://v", "path": path, "version": version, "auth": app_role()}));
        let found = get(&Client::new(&session, &fake).unwrap(), &[item(key, nature)]).unwrap().remove(0);
        let (kind, said) = match found {
            Ok(value) => {
                assert_eq!(value.shareable, !value.dynamic, "{key}");
                let kind = if value.dynamic { "made" } else { "stored" };
                (kind, String::from_utf8(value.data).unwrap())
            }
            Err(Error::NotFound(text)) => ("not-found", text),
            Err(Error::Denied(text)) => ("denied", text),
            Err(Error::Unavailable(text)) => ("unavailable", text),
            Err(Error::Other(text)) => ("other", text),
            Err(error) => panic!("{key}: {error:?}"),
        };
        assert_eq!(kind, expected, "{path} {version} {key} {nature:?}: {said}");
        assert!(said.contains(part), "{path} {version} {key} {nature:?}: {said}\n  lacks {part}");
    }
}

/// One login for all that one ExternalSecret has made; its token is nobody else's, and is ended where it holds nothing.
#[test]
fn a_login_of_its_own() {
    let asked = |keys: &[&str]| {
        let logins = Cell::new(0);
        let fake = Fake::new(vault(&logins));
        let session = session(
            &json!({"server": "https://v", "path": "secret", "namespace": "team", "auth": {"namespace": "logins", "appRole": app_role()["appRole"]}}),
        );
        let items: Vec<Item> = keys.iter().map(|key| item(key, Nature::Dynamic)).collect();
        let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
        assert!(fake.keys().iter().all(|key| key == "token" || key == "engines"), "{:?}", fake.keys());
        let token = fake.memo.peek("token").unwrap();
        assert!(String::from_utf8(token).unwrap().contains("token-1"), "the second is not kept");
        (answers, fake.asked())
    };
    let (login, look) = (
        "POST /auth/approle/login logins",
        "GET /sys/internal/ui/mounts/database/creds/readonly team token-1",
    );
    let (answers, calls) = asked(&["database/creds/readonly", "database/static-creds/st"]);
    let expected = [
        login,
        look,
        login,
        "GET /database/creds/readonly team token-2",
        "GET /database/static-creds/st team token-2",
    ];
    assert_eq!(calls, expected);
    let holders: Vec<_> = answers.iter().map(|answer| answer.as_ref().unwrap().lease.clone()).collect();
    let [Some(lease), None] = &holders[..] else { panic!("{holders:?}") };
    let holder = lease.holder.clone().unwrap();
    assert_eq!(
        (holder.accessor.as_deref(), holder.ttl_ms, holder.renewable),
        (Some("accessor-2"), 1_200_000, true)
    );
    // Nothing is leased, or nothing came of it.
    for key in ["database/static-creds/st", "database/creds/nope", "database/creds/mine"] {
        let (_, calls) = asked(&[key]);
        assert_eq!(calls.last().unwrap(), "PUT /auth/token/revoke-self logins token-2", "{key}: {calls:?}");
    }
}

/// Whom a lease ends with, by how the store logs in and what Vault says of the token.
#[test]
fn the_holder_of_a_lease() {
    let secret = json!({"name": "s"});
    let batch = r#"{"auth":{"client_token":"b.AAAAAQ","accessor":"","lease_duration":1200,"renewable":false,"token_type":"batch"}}"#;
    let endless = r#"{"auth":{"client_token":"t","accessor":"a","lease_duration":0,"renewable":false}}"#;
    let root = r#"{"data":{"id":"root","expire_time":null,"renewable":false,"ttl":0}}"#;
    let ending = r#"{"data":{"id":"s.x","renewable":true,"ttl":1198}}"#;
    for (auth, login, looked, expected) in [
        (app_role(), batch, (200, ending), Some((None, 1_200_000, false))),
        (app_role(), endless, (200, ending), Some((Some("a"), FOREVER_MS, false))),
        (json!({"tokenSecretRef": secret}), "", (200, ending), Some((None, 1_198_000, false))),
        (json!({"tokenSecretRef": secret}), "", (200, root), None),
        (json!({"tokenSecretRef": secret}), "", (403, DENIED), None),
        (json!(null), "", (200, ending), Some((None, 1_198_000, false))),
    ] {
        let fake = Fake::new(|request: &Request| match &request.url {
            url if url.contains("/login") => reply(200, login),
            url if url.contains("lookup-self") => reply(looked.0, looked.1),
            url if url.contains("/ui/mounts/") => reply(200, DATABASE),
            _ => reply(200, CREDS),
        });
        let session = session(&json!({"server": "https://v", "path": "secret", "auth": auth}));
        let items = [item("database/creds/readonly", Nature::Dynamic)];
        let value = get(&Client::new(&session, &fake).unwrap(), &items).unwrap().remove(0).unwrap();
        let lease = value.lease.unwrap();
        assert_eq!(
            (lease.id.as_str(), lease.duration_ms, lease.renewable),
            ("database/creds/readonly/2fTiJy4S77CFnEIoUeg4FvFp", 3_600_000, true)
        );
        let holder = lease.holder.map(|holder| (holder.accessor, holder.ttl_ms, holder.renewable));
        let expected = expected.map(|(accessor, ttl, renews)| (accessor.map(str::to_owned), ttl, renews));
        assert_eq!(holder, expected, "{auth}");
        assert_eq!(fake.count("revoke"), 0, "the lease would end");
    }
}

/// What is made has no versions: who names one means what is stored, unless it cannot be.
#[test]
fn no_versions_and_no_metadata_of_what_is_made() {
    let logins = Cell::new(0);
    let fake = Fake::new(vault(&logins));
    let session = session(&json!({"server": "https://v", "path": "secret", "auth": app_role()}));
    let client = Client::new(&session, &fake).unwrap();
    let key = "database/creds/readonly";
    for (item, said) in [
        (Item { version: Some("2".to_owned()), ..item(key, Nature::Dynamic) }, "no versions"),
        (Item { facet: Facet::Metadata, ..item(key, Nature::Dynamic) }, "no versions"),
        (Item { version: Some("2".to_owned()), ..item(key, Nature::Any) }, "no such key"),
        (Item { facet: Facet::Metadata, ..item(key, Nature::Any) }, "no such key"),
    ] {
        let found = get(&client, &[item]).unwrap().remove(0);
        let (Err(Error::Unsupported(text)) | Err(Error::NotFound(text))) = found else { panic!("{said}") };
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(fake.count("GET /database/"), 0);
}

/// Engines are looked at once, each; and a denial counts for the whole mount where it makes no difference.
#[test]
fn engines_are_looked_at_once() {
    for (version, path, keys, looks) in [
        ("v1", "kv", ["app", "app", "other"], 1),
        ("v1", "closed", ["app", "app", "other"], 1),
        ("v1", "", ["kv/app", "database/creds/readonly", "kv/other"], 2),
        ("v1", "", ["closed/app", "closed/app", "closed/other"], 1),
    ] {
        let logins = Cell::new(0);
        let fake = Fake::new(vault(&logins));
        let session =
            session(&json!({"server": "https://v", "path": path, "version": version, "auth": app_role()}));
        for key in keys {
            get(&Client::new(&session, &fake).unwrap(), &[item(key, Nature::Stored)]).unwrap();
        }
        // A look at the mount alone is `guard`'s, before it says that a key is missing.
        let engines =
            |asked: &&String| asked.split_once("/ui/mounts/").is_some_and(|(_, path)| path.contains('/'));
        assert_eq!(fake.asked().iter().filter(engines).count(), looks, "{path}: {:?}", fake.asked());
    }
}

/// Only what the data lacks, and nothing of the data is written anew.
#[test]
fn what_is_told_of_a_lease() {
    for (data, leased, expected) in [
        (
            r#"{"a":"\u003cb"}"#,
            true,
            r#"{"a":"\u003cb","lease_id":"x/1","lease_duration":60,"renewable":true}"#,
        ),
        (
            r#"{"a":{"b":{}}}"#,
            true,
            r#"{"a":{"b":{}},"lease_id":"x/1","lease_duration":60,"renewable":true}"#,
        ),
        ("{}", true, r#"{"lease_id":"x/1","lease_duration":60,"renewable":true}"#),
        (r#"{ }"#, true, r#"{ "lease_id":"x/1","lease_duration":60,"renewable":true}"#),
        (
            r#"{"lease_id":"own","n":1.50}"#,
            true,
            r#"{"lease_id":"own","n":1.50,"lease_duration":60,"renewable":true}"#,
        ),
        (
            r#"{"renewable":"r","lease_duration":null,"lease\u005fid":""}"#,
            true,
            r#"{"renewable":"r","lease_duration":null,"lease\u005fid":""}"#,
        ),
        (r#"{"a":1}"#, false, r#"{"a":1}"#),
    ] {
        let lease = Told { id: "x/1".to_owned(), seconds: 60, renewable: true };
        let raw: Box<RawValue> = serde_json::from_str(data).unwrap();
        assert_eq!(with_lease(&raw, leased.then_some(&lease)).unwrap(), expected);
    }
    let raw: Box<RawValue> = serde_json::from_str("[1]").unwrap();
    assert!(with_lease(&raw, None).is_err());
}
