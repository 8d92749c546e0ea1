//! What the client makes of answers, and how often it asks. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::Cell;

use claviger_plugin_sdk::provider::interface::{Facet, Value};
use serde_json::json;

use super::*;
use crate::fake::{
    Fake, Said, bytes, entra_error, granted, item, kind, kind_at, kv_error, said, secret, session,
    session_of, store,
};
use crate::identity::CLIENT_ID;
use crate::needs::{CLIENT_SECRET, MANAGED};
use crate::read::get;

fn kinds(answers: &[Result<Value, Error>]) -> Vec<&'static str> {
    answers.iter().map(kind).collect()
}

fn is_login(request: &Request) -> bool {
    request.url.starts_with("https://login.microsoftonline.com/")
}

fn shows(request: &Request, token: &str) -> bool {
    request.headers.iter().any(|(name, value)| name == "authorization" && *value == format!("Bearer {token}"))
}

fn ended() -> Said {
    kv_error(401, "Unauthorized", "[BearerReadAccessTokenFailed] Error validating token: IDX10223.", None)
}

#[test]
fn one_login_and_a_request_for_each_object() {
    let fake = Fake::new(|request: &Request| match request {
        request if is_login(request) => {
            assert_eq!((request.method, request.headers.len()), ("POST", 2));
            granted("token-1")
        }
        request if !shows(request, "token-1") => ended(),
        request if request.url.ends_with("/secrets/absent?api-version=7.4") => {
            kv_error(404, "SecretNotFound", "x", None)
        }
        request => secret("x", &request.url),
    });
    let session = session();
    let mut items = ["good", "../x", "absent", "good"].map(item).to_vec();
    items[3].version = Some("4387e9f3d6e14c459867679a90fd0f79".to_owned());
    for _ in 0..2 {
        let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
        assert_eq!(kinds(&answers), ["value", "other", "not-found", "value"]);
        let text = |at: usize| String::from_utf8(answers[at].as_ref().unwrap().data.clone()).unwrap();
        assert_eq!(text(0), "https://my.vault.azure.net/secrets/good?api-version=7.4");
        assert_eq!(
            text(3),
            "https://my.vault.azure.net/secrets/good/4387e9f3d6e14c459867679a90fd0f79?api-version=7.4"
        );
    }
    assert_eq!((fake.count("login."), fake.count("/secrets/"), fake.largest()), (1, 6, 3));
    let none = get(&Client::new(&session, &Fake::new(|_| said(500, ""))).unwrap(), &[item("a/b")]).unwrap();
    assert_eq!(kinds(&none), ["other"], "without a login");
}

/// 16 items of a store whose login is refused are one try, and so is the next call; what cannot tell is asked again.
#[test]
fn a_refused_login_is_tried_once() {
    for (login, expected, after_next_call) in [
        (entra_error(401, "invalid_client", "AADSTS7000215: x.", 7_000_215), "unauthenticated", 1),
        (entra_error(400, "invalid_request", "AADSTS90002: x.", 90_002), "/tenantId", 1),
        (said(503, ""), "unavailable", 2),
        (said(429, ""), "rate-limited", 2),
        (said(200, "<html>"), "unavailable", 2),
        (said(200, "{}"), "unavailable", 2),
    ] {
        let fake = Fake::new(|_| login.clone());
        let session = session();
        let items: Vec<_> = (0..16).map(|n| item(&format!("k{n}"))).collect();
        let first = get(&Client::new(&session, &fake).unwrap(), &items);
        assert_eq!((kind_at(&first), fake.count("login.")), (expected.to_owned(), 1), "{login:?}");
        let second = get(&Client::new(&session, &fake).unwrap(), &items);
        assert_eq!(fake.count("login."), after_next_call, "{login:?}");
        assert_eq!(format!("{:?}", first.err()), format!("{:?}", second.err()), "the same words");
        assert_eq!(fake.count("/secrets/"), 0);
        // After its ten seconds it is tried again.
        fake.forget("login-refused");
        let _ = get(&Client::new(&session, &fake).unwrap(), &items);
        assert_eq!(fake.count("login."), after_next_call + 1, "{login:?}");
    }
}

/// A token that ended is logged in for once, for all that were refused; one that is refused fresh from its login is
/// not logged in for again for a while; and a right that is missing costs no login.
#[test]
fn what_a_refused_token_costs() {
    // From which login on its token is taken; u32::MAX: never.
    for (taken_from, denied, expected, logins) in [
        (1, false, "value", 1),
        (2, false, "value", 2),
        (u32::MAX, false, "unauthenticated", 2),
        (1, true, "denied", 1),
        (2, true, "denied", 2),
    ] {
        let count = Cell::new(0_u32);
        let fake = Fake::new(|request: &Request| {
            if is_login(request) {
                count.set(count.get() + 1);
                return granted(&format!("token-{}", count.get()));
            }
            assert!(shows(request, &format!("token-{}", count.get())), "the newest");
            match denied {
                _ if count.get() < taken_from => ended(),
                true => kv_error(403, "Forbidden", "x", Some("ForbiddenByRbac")),
                false => secret("x", "v"),
            }
        });
        let session = session();
        for _ in 0..3 {
            let items: Vec<_> = (0..4).map(|n| item(&format!("k{n}"))).collect();
            let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
            assert_eq!(kinds(&answers), [expected; 4], "{taken_from}");
        }
        assert_eq!(fake.count("login."), logins, "{taken_from}");
        // After its minute it is tried once more.
        fake.forget("refused");
        let _ = get(&Client::new(&session, &fake).unwrap(), &[item("k")]);
        let more = u32::from(taken_from == u32::MAX);
        assert_eq!(fake.count("login."), logins + more as usize, "{taken_from}");
    }
}

/// The login that should replace an ended token is refused: all that were refused hear of that, and what was not
/// keeps its value.
#[test]
fn no_other_token() {
    let count = Cell::new(0);
    let fake = Fake::new(|request: &Request| match request {
        request if is_login(request) => {
            count.set(count.get() + 1);
            match count.get() {
                1 => granted("token-1"),
                _ => entra_error(401, "invalid_client", "AADSTS7000222: expired.", 7_000_222),
            }
        }
        request if request.url.contains("good") => secret("good", "v"),
        _ => ended(),
    });
    let session = session();
    let answers = get(&Client::new(&session, &fake).unwrap(), &["good", "a", "b"].map(item)).unwrap();
    assert_eq!(kinds(&answers), ["value", "unauthenticated", "unauthenticated"]);
    assert!(format!("{:?}", answers[1]).contains("AADSTS7000222"));
    assert_eq!(fake.count("login."), 2);
}

/// It comes from the host, with every session anew.
#[test]
fn a_managed_identitys_token_is_not_logged_in_for() {
    let config = json!({"vaultUrl": "https://my.vault.azure.net", "authType": "ManagedIdentity"});
    for (answer, vault, expected, asked) in [
        (
            r#"{"access_token":"token-1","expires_on":"1767326645","resource":"https://vault.azure.net"}"#,
            secret("x", "v"),
            "value",
            1,
        ),
        (r#"{"access_token":"token-1"}"#, ended(), "unauthenticated", 1),
        (r#"{"error":"invalid_request"}"#, secret("x", "v"), "unauthenticated", 0),
        ("<html>", secret("x", "v"), "unauthenticated", 0),
    ] {
        let fake = Fake::new(|request: &Request| {
            assert!(shows(request, "token-1"));
            vault.clone()
        });
        let session = session_of(&config, &[(MANAGED, bytes(answer))]);
        let found =
            get(&Client::new(&session, &fake).unwrap(), &[item("x")]).and_then(|mut all| all.remove(0));
        assert_eq!((kind(&found), fake.count("")), (expected, asked), "{answer}");
    }
}

/// Whatever a server quotes.
#[test]
fn no_error_has_what_was_sent() {
    for at in ["login.", "/secrets/"] {
        let fake = Fake::new(move |request: &Request| {
            let sent: Vec<String> = request.headers.iter().map(|(_, value)| value.clone()).collect();
            let body: Vec<_> =
                form_urlencoded::parse(&request.body).map(|(_, value)| value.into_owned()).collect();
            let quoted = format!("{} {}", sent.join(" "), body.join(" "));
            match request {
                request if request.url.contains(at) && at == "login." => {
                    entra_error(401, "invalid_client", &quoted, 7_000_215)
                }
                request if request.url.contains(at) => kv_error(400, "BadParameter", &quoted, None),
                _ => granted("the-token-of-the-login"),
            }
        });
        let session = session();
        let found = get(&Client::new(&session, &fake).unwrap(), &[item("k")]);
        let error = found.and_then(|mut found| found.remove(0)).err().unwrap();
        let said = format!("{error:?}");
        assert!(said.contains("[hidden]"), "{said}");
        assert!(!said.contains("the-token") && !said.contains("the~client"), "{said}");
    }
}

/// An id in a Secret may be the wrong key of it.
#[test]
fn no_error_has_what_a_secret_holds() {
    let reference = json!({"name": "s", "key": "k"});
    for (more, said) in [
        (json!({}), "Application with identifier '11111111-2222-3333-4444-555555555555' was not found"),
        (json!({"clientId": null}), "Application with identifier '[hidden]' was not found"),
    ] {
        let fake = Fake::new(|request: &Request| {
            let id = form_urlencoded::parse(&request.body).find(|(name, _)| name == "client_id").unwrap().1;
            let text = format!("AADSTS700016: Application with identifier '{id}' was not found.");
            entra_error(400, "unauthorized_client", &text, 700_016)
        });
        let mut config = store(more);
        if config["clientId"].is_null() {
            config["authSecretRef"]["clientId"] = reference.clone();
        }
        let have = [(CLIENT_SECRET, bytes("the~client.secret")), (CLIENT_ID, bytes("the-password"))];
        let session = session_of(&config, &have);
        let error = get(&Client::new(&session, &fake).unwrap(), &[item("k")]).err().unwrap();
        assert!(format!("{error:?}").contains(said), "{error:?}");
    }
}

#[test]
fn a_known_version_is_not_sent_again() {
    let fake = Fake::new(|request: &Request| match request {
        request if is_login(request) => granted("token-1"),
        request if request.url.contains("/keys/") => said(
            200,
            r#"{"key":{"kid":"https://my.vault.azure.net/keys/x/4387e9f3d6e14c459867679a90fd0f79"}}"#,
        ),
        _ => secret("x", "v"),
    });
    for (key, facet, known, expected) in [
        ("x", Facet::Value, "4387e9f3d6e14c459867679a90fd0f79", "not-modified"),
        ("x", Facet::Value, "0123", "value"),
        ("x", Facet::Metadata, "4387e9f3d6e14c459867679a90fd0f79", "value"),
        ("key/x", Facet::Value, "4387e9f3d6e14c459867679a90fd0f79", "value"),
    ] {
        let session = session();
        let mut item = item(key);
        (item.facet, item.known_version) = (facet, Some(known.to_owned()));
        let answers = get(&Client::new(&session, &fake).unwrap(), &[item]).unwrap();
        assert_eq!(kinds(&answers), [expected], "{key} {facet:?} {known}");
    }
}

/// The store's own fields decide, whatever stands in it besides.
#[test]
fn a_wrong_config_is_said_before_anything_is_asked() {
    let fake = Fake::new(|_| said(500, ""));
    let session = session_of(&store(json!({"vaultUrl": "https://evil.example"})), &[]);
    assert_eq!(kind_at(&Client::new(&session, &fake).map(|_| ())), "/vaultUrl");
    assert_eq!(fake.count(""), 0);
}
