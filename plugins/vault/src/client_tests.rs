//! What the client makes of a server's answers, and how often it asks. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Query};
use serde_json::{Value, json};

use crate::client::Client;
use crate::fake::{Fake, reply, session};
use crate::find::find;
use crate::read::get;
use crate::world::Request;

const DENIED: &str = "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}";
const BARE: &str = r#"{"errors":["permission denied"]}"#;
const NONE: &str = r#"{"errors":[]}"#;
const WAF: &str = "<html>forbidden</html>";
const SEALED: &str = r#"{"errors":["Vault is sealed"]}"#;

fn app_role() -> Value {
    json!({"appRole": {"roleId": "r", "secretRef": {"name": "s"}}})
}

fn store(more: Value) -> Value {
    let mut store = json!({"server": "https://v", "path": "secret", "auth": app_role()});
    store.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    store
}

fn login(n: usize) -> (u16, String) {
    (200, json!({"auth": {"client_token": format!("token-{n}"), "lease_duration": 600}}).to_string())
}

fn kinds(answers: &[Result<claviger_plugin_sdk::provider::interface::Value, Error>]) -> Vec<&'static str> {
    let kind = |answer: &Result<_, Error>| match answer {
        Ok(_) => "value",
        Err(Error::NotFound(_)) => "not-found",
        Err(Error::Unauthenticated(_)) => "unauthenticated",
        Err(Error::Denied(_)) => "denied",
        Err(Error::RateLimited(_)) => "rate-limited",
        Err(Error::Unavailable(_)) => "unavailable",
        Err(Error::InvalidConfig(_)) => "invalid-config",
        Err(_) => "other",
    };
    answers.iter().map(kind).collect()
}

/// 20 items of a store whose login is refused are one try, and so is the next call; a server that cannot tell
/// is asked again.
#[test]
fn a_refused_login_is_tried_once() {
    for (status, body, after_next_call) in [
        (400, r#"{"errors":["invalid role or secret ID"]}"#, 1),
        (404, r#"{"errors":["no handler for route \"auth/approle/login\". route entry not found."]}"#, 1),
        (503, SEALED, 2),
        (429, "", 2),
    ] {
        let fake = Fake::new(|_| reply(status, body));
        let session = session(&store(json!({})));
        let items: Vec<_> = (0..20).map(|n| fake.item(&format!("k{n}"), Facet::Value)).collect();
        let first = get(&Client::new(&session, &fake).unwrap(), &items).err().unwrap();
        assert_eq!(fake.count("/auth/"), 1, "{status}");
        let second = get(&Client::new(&session, &fake).unwrap(), &items).err().unwrap();
        assert_eq!(fake.count("/auth/"), after_next_call, "{status}");
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "the same words");
        assert_eq!(fake.count("/data/"), 0);
    }
}

/// What stops the look at the mount is the answer, and is not kept.
#[test]
fn a_key_is_missing_only_if_the_mount_was_looked_at() {
    let right = r#"{"data":{"options":{"version":"2"},"path":"secret/","type":"kv"}}"#;
    let old = r#"{"data":{"options":{"version":"1"},"path":"secret/","type":"kv"}}"#;
    for (status, body, expected, looks) in [
        (200, right, "not-found", 1),
        (403, DENIED, "not-found", 1),
        (200, old, "invalid-config", 4),
        (503, SEALED, "unavailable", 2),
        (429, "", "rate-limited", 2),
        (404, NONE, "unavailable", 2),
        (404, WAF, "unavailable", 2),
        (200, WAF, "unavailable", 2),
        (200, "{}", "unavailable", 2),
    ] {
        for path in ["secret", ""] {
            let fake = Fake::new(move |request: &Request| match &request.url {
                url if url.contains("/login") => login(1),
                url if url.ends_with("/ui/mounts/secret") => (status, body.to_owned()),
                url if url.contains("lookup-self") => reply(200, "{}"),
                _ => reply(404, NONE),
            });
            let session = session(&store(json!({"path": path})));
            let key = |key: &str| if path.is_empty() { format!("secret/{key}") } else { key.to_owned() };
            let items = [fake.item(&key("a"), Facet::Value), fake.item(&key("b"), Facet::Value)];
            for _ in 0..2 {
                let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
                assert_eq!(kinds(&answers), [expected; 2], "{status} {body}");
            }
            assert_eq!(fake.count("/ui/mounts/"), looks, "{status} {body} {path:?}");
        }
    }
}

/// Ever so many mounts: four keys of the memo, and each mount is looked at.
#[test]
fn mounts_share_a_few_entries() {
    let fake = Fake::new(|request: &Request| match &request.url {
        url if url.contains("/login") => login(1),
        url if url.contains("/ui/mounts/") => {
            let path = url.rsplit('/').next().unwrap();
            (200, json!({"data": {"options": {"version": "2"}, "path": path, "type": "kv"}}).to_string())
        }
        _ => reply(404, NONE),
    });
    let session = session(&store(json!({"path": ""})));
    for n in 0..40 {
        let items = [fake.item(&format!("mount-{n}/x"), Facet::Value)];
        let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
        assert_eq!(kinds(&answers), ["not-found"]);
    }
    assert_eq!(fake.count("/ui/mounts/"), 40);
    assert!(fake.keys().len() <= 5, "{:?}", fake.keys());
}

/// A token that ended is logged in for once, for all that were refused; a policy's refusal costs no login, also
/// where something between answers for Vault.
#[test]
fn what_a_403_costs() {
    for (read, looked, after_login, expected, logins) in [
        // Vault's policy.
        ((403, DENIED), (200, "{}"), None, "denied", 1),
        // Ended.
        (
            (403, BARE),
            (403, BARE),
            Some((200, r#"{"data":{"data":{},"metadata":{"version":1}}}"#)),
            "value",
            2,
        ),
        // Ended, and what is logged in for may not: the new token is known at once.
        ((403, DENIED), (403, BARE), Some((403, DENIED)), "denied", 2),
        // A WAF that blocks auth/token/*: the policy's refusal counts.
        ((403, DENIED), (403, WAF), None, "denied", 1),
        // A WAF before everything: one more try, then a minute without.
        ((403, WAF), (403, WAF), None, "denied", 2),
    ] {
        let count = RefCell::new(0);
        let fake = Fake::new(|request: &Request| match &request.url {
            url if url.contains("/login") => {
                *count.borrow_mut() += 1;
                login(*count.borrow())
            }
            url if url.contains("lookup-self") => reply(looked.0, looked.1),
            _ => {
                let (status, body) = after_login.filter(|_| *count.borrow() > 1).unwrap_or(read);
                reply(status, body)
            }
        });
        let session = session(&store(json!({})));
        for _ in 0..3 {
            let items: Vec<_> = (0..4).map(|n| fake.item(&format!("k{n}"), Facet::Value)).collect();
            let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
            assert_eq!(kinds(&answers), [expected; 4], "{read:?} {looked:?}");
        }
        assert_eq!(fake.count("/login"), logins, "{read:?} {looked:?}");
    }
}

/// Whatever the server quotes.
#[test]
fn no_error_has_what_was_sent() {
    for at in ["/login", "/data/", "/ui/mounts/"] {
        let fake = Fake::new(move |request: &Request| {
            let sent: Vec<String> = request.headers.iter().map(|(_, value)| value.clone()).collect();
            let quoted = format!("{} {}", sent.join(" "), String::from_utf8_lossy(&request.body));
            match &request.url {
                url if url.contains(at) => (500, json!({"errors": [quoted]}).to_string()),
                url if url.contains("/login") => login(1),
                _ => reply(404, NONE),
            }
        });
        let session = session(&store(json!({})));
        let found = get(&Client::new(&session, &fake).unwrap(), &[fake.item("k", Facet::Value)]);
        let error = found.and_then(|mut found| found.remove(0)).err().unwrap();
        let said = format!("{error:?}");
        assert!(said.contains("[hidden]"), "{said}");
        assert!(!said.contains("token-1") && !said.contains("value-of-the-slot"), "{said}");
    }
}

/// Items that cannot be asked for are answered in their places, without a request.
#[test]
fn answers_stand_in_order() {
    let fake = Fake::new(|request: &Request| match &request.url {
        url if url.contains("/login") => login(1),
        url if url.ends_with("/good") => {
            reply(200, r#"{"data":{"data":{"a":"b"},"metadata":{"version":3}}}"#)
        }
        url if url.contains("/ui/mounts/") => reply(403, DENIED),
        _ => reply(404, NONE),
    });
    let session = session(&store(json!({})));
    let items = ["../x", "good", "absent", "good"].map(|key| fake.item(key, Facet::Value));
    let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
    assert_eq!(kinds(&answers), ["other", "value", "not-found", "value"]);
    assert_eq!(answers.last().unwrap().as_ref().unwrap().version.as_deref(), Some("3"));
    assert_eq!(fake.largest(), 3, "the reads go together");
}

/// A store without `path` asks for none of what is reserved, by key or by search.
#[test]
fn reserved_paths_are_not_asked_for() {
    for version in ["v1", "v2"] {
        let fake = Fake::new(|_| reply(200, r#"{"data":{"id":"token-1"}}"#));
        let auth = json!({"tokenSecretRef": {"name": "t"}});
        let session = session(&json!({"server": "https://v", "version": version, "auth": auth}));
        let client = Client::new(&session, &fake).unwrap();
        for key in ["auth/token/lookup-self", "/AUTH/token/lookup-self", "%61uth/data/x", "sys/data/mounts"] {
            let answers = get(&client, &[fake.item(key, Facet::Value)]).unwrap();
            assert_eq!(kinds(&answers), ["denied"], "{key}");
            let query = Query { path: Some(key.to_owned()), tags: Vec::new(), name_regexp: None };
            assert!(matches!(find(&client, &query, None), Err(Error::Denied(_))), "{key}");
        }
        assert_eq!(fake.count(""), 0);
    }
}
