//! What the client makes of a token's end and of refusals, and how often it asks. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use claviger_plugin_sdk::provider::connection::Resolved;
use claviger_plugin_sdk::provider::interface::{Facet, Value};
use serde_json::json;

use super::*;
use crate::fake::{Fake, item, refused, session, session_of_node};
use crate::read::get;

pub(crate) fn kinds(answers: &[Result<Value, Error>]) -> Vec<&'static str> {
    let kind = |answer: &Result<_, Error>| match answer {
        Ok(_) => "value",
        Err(Error::NotFound(_)) => "not-found",
        Err(Error::Unauthenticated(_)) => "unauthenticated",
        Err(Error::Denied(_)) => "denied",
        Err(Error::RateLimited(_)) => "rate-limited",
        Err(Error::Unavailable(_)) => "unavailable",
        Err(Error::InvalidConfig(_)) => "invalid-config",
        Err(Error::NotModified) => "not-modified",
        Err(_) => "other",
    };
    answers.iter().map(kind).collect()
}

fn value() -> (u16, String) {
    (200, json!({"name": "projects/1/secrets/s/versions/1", "payload": {"data": "eA=="}}).to_string())
}

fn ended() -> (u16, String) {
    (401, refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", ""))
}

fn bears(request: &Request, token: &str) -> bool {
    request.headers.iter().any(|(_, value)| *value == format!("Bearer {token}"))
}

/// 20 items of a store whose login is refused are one try, and so is the next call; a server that cannot tell is
/// asked again.
#[test]
fn a_refused_login_is_tried_once() {
    let grant = json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
    for (status, body, after_next_call) in
        [(400, grant.to_string(), 1), (503, "<html>".to_owned(), 2), (429, String::new(), 2)]
    {
        let fake = Fake::new(|_| (status, body.clone()));
        let session = session(&json!({}));
        let items: Vec<_> = (0..20).map(|n| item(&format!("k{n}"), None, Facet::Value)).collect();
        let first = get(&Client::new(&session, &fake).unwrap(), &items).err().unwrap();
        assert_eq!(fake.count("oauth2"), 1, "{status}");
        let second = get(&Client::new(&session, &fake).unwrap(), &items).err().unwrap();
        assert_eq!(fake.count("oauth2"), after_next_call, "{status}");
        assert_eq!(format!("{first:?}"), format!("{second:?}"), "the same words");
        assert_eq!(fake.count("secretmanager"), 0);
    }
}

/// A token that ended is logged in for once, for all that were refused; what is refused for ever costs one more
/// login and then none for a while.
#[test]
fn what_a_401_costs() {
    for (good, expected, logins) in
        [("token-1", "value", 1), ("token-2", "value", 2), ("none", "unauthenticated", 2)]
    {
        let count = RefCell::new(0);
        let fake = Fake::new(|request| match &request.url {
            url if url.contains("oauth2") => {
                *count.borrow_mut() += 1;
                Fake::login(*count.borrow())
            }
            _ if bears(request, good) => value(),
            _ => ended(),
        });
        let session = session(&json!({}));
        for _ in 0..3 {
            let items: Vec<_> = (0..4).map(|n| item(&format!("k{n}"), None, Facet::Value)).collect();
            let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
            assert_eq!(kinds(&answers), [expected; 4], "{good}");
        }
        assert_eq!(fake.count("oauth2"), logins, "{good}");
        assert_eq!(fake.largest(), 4, "the reads go together");
    }
}

/// A login that is refused after a token ended is the answer of those that were refused, and of no others.
#[test]
fn what_was_read_stays() {
    let count = RefCell::new(0);
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => {
            *count.borrow_mut() += 1;
            if *count.borrow() == 1 { Fake::login(1) } else { (503, String::new()) }
        }
        url if url.contains("/k0/") => value(),
        _ => ended(),
    });
    let session = session(&json!({}));
    let items = ["k0", "k1"].map(|key| item(key, None, Facet::Value));
    let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
    assert_eq!(kinds(&answers), ["value", "unavailable"]);
}

/// There is no newer one to be had here: that is the host's.
#[test]
fn the_metadata_servers_token_is_not_logged_in_for() {
    for (good, expected) in [("token-0", "value"), ("none", "unauthenticated")] {
        let fake = Fake::new(|request| if bears(request, good) { value() } else { ended() });
        let session = session_of_node();
        let answers = get(&Client::new(&session, &fake).unwrap(), &[item("k", None, Facet::Value)]).unwrap();
        assert_eq!(kinds(&answers), [expected]);
        assert_eq!(
            fake.urls(),
            ["https://secretmanager.googleapis.com/v1/projects/shop/secrets/k/versions/latest:access"]
        );
    }
}

/// Whatever Google quotes.
#[test]
fn no_error_has_what_was_sent() {
    for at in ["oauth2", "secretmanager"] {
        let fake = Fake::new(|request| {
            let sent: Vec<&str> = request.headers.iter().map(|(_, value)| value.as_str()).collect();
            let quoted = format!("{} {}", sent.join(" "), String::from_utf8_lossy(&request.body));
            match &request.url {
                url if url.contains(at) => (400, refused(400, "INVALID_ARGUMENT", &quoted, "")),
                _ => Fake::login(1),
            }
        });
        let session = session(&json!({}));
        let found = get(&Client::new(&session, &fake).unwrap(), &[item("k", None, Facet::Value)]);
        let error = found.and_then(|mut found| found.remove(0)).err().unwrap();
        let said = format!("{error:?}");
        assert!(said.contains("[hidden]"), "{said}");
        assert!(!said.contains("token-1") && !said.contains("value-of-a-slot"), "{said}");
    }
}

#[test]
fn a_location_has_a_host_of_its_own() {
    let fake = Fake::new(|request| if request.url.contains("oauth2") { Fake::login(1) } else { value() });
    let regional = session(&json!({"location": "us-east1"}));
    get(&Client::new(&regional, &fake).unwrap(), &[item("k", None, Facet::Value)]).unwrap();
    assert_eq!(
        fake.urls().last().unwrap(),
        "https://secretmanager.us-east1.rep.googleapis.com/v1/projects/shop/locations/us-east1/secrets/k/versions/latest:access"
    );
}

/// The header of Google's "system parameters"; the login goes without.
#[test]
fn the_project_of_the_operators_own_file_pays() {
    let file = |more: &str| {
        format!(
            r#"{{"type":"authorized_user","client_id":"c","client_secret":"s","refresh_token":"r"{more}}}"#
        )
    };
    for (more, expected) in [(r#","quota_project_id":"payer""#, vec!["payer"]), ("", vec![])] {
        let payers = RefCell::new(Vec::new());
        let fake = Fake::new(|request| {
            let of = request.headers.iter().filter(|(name, _)| name == "x-goog-user-project");
            payers.borrow_mut().extend(of.map(|(_, value)| value.clone()));
            if request.url.contains("oauth2") { Fake::login(1) } else { value() }
        });
        let mut session = session(&json!({}));
        session.have[0].value = Resolved::Bytes(file(more).into_bytes());
        let answers = get(&Client::new(&session, &fake).unwrap(), &[item("k", None, Facet::Value)]).unwrap();
        assert_eq!(kinds(&answers), ["value"]);
        assert_eq!(*payers.borrow(), expected);
    }
}
