//! Which requests reads make, and what their answers come to. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::connection::Session;
use serde_json::{Value as Json, json};

use super::*;
use crate::client::tests::kinds;
use crate::fake::{Fake, item, refused, session};

const SECRETS: &str = "https://secretmanager.googleapis.com/v1/projects/shop/secrets/";

fn version(number: &str, text: &str) -> (u16, String) {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(text);
    let name = format!("projects/1/secrets/s/versions/{number}");
    (200, json!({"name": name, "payload": {"data": data}}).to_string())
}

fn disabled(state: &str) -> (u16, String) {
    let message = format!("Secret Version [projects/1/secrets/s/versions/2] is in {state} state.");
    (400, refused(400, "FAILED_PRECONDITION", &message, ""))
}

fn of(more: Json) -> Session {
    session(&more)
}

#[test]
fn paths_of_items() {
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        url if url.ends_with(":access") => version("3", "x"),
        _ => (200, json!({"name": "projects/1/secrets/s"}).to_string()),
    });
    let session = of(json!({}));
    let items = [
        item("s", None, Facet::Value),
        item("s", Some(""), Facet::Value),
        item("s", Some("3"), Facet::Value),
        item("s", Some("blue"), Facet::Value),
        item("projects/shop/secrets/s/versions/3", None, Facet::Value),
        item("projects/shop/secrets/s/versions/3", Some("3"), Facet::Value),
        item("s", Some("3"), Facet::Metadata),
        // These are not asked for.
        item("projects/shop/secrets/s/versions/3", Some("4"), Facet::Value),
        item("../x", None, Facet::Value),
        item("projects/other/secrets/s", None, Facet::Value),
        item("s", Some("a/b"), Facet::Value),
    ];
    let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
    assert_eq!(
        kinds(&answers),
        ["value", "value", "value", "value", "value", "value", "value", "other", "other", "denied", "other"]
    );
    let at = |path: &str| format!("{SECRETS}{path}");
    assert_eq!(
        fake.urls()[1..],
        [
            at("s/versions/latest:access"),
            at("s/versions/latest:access"),
            at("s/versions/3:access"),
            at("s/versions/blue:access"),
            at("s/versions/3:access"),
            at("s/versions/3:access"),
            at("s"),
        ]
    );
    let first = answers.first().unwrap().as_ref().unwrap();
    assert_eq!(
        (first.data.as_slice(), first.version.as_deref(), first.shareable),
        (&b"x"[..], Some("3"), true)
    );
}

/// One of many is missing, and each answer stands in its place.
#[test]
fn answers_stand_in_order() {
    let missing = "Secret [projects/1/secrets/absent] not found or has no versions.";
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        url if url.contains("/absent/") => (404, refused(404, "NOT_FOUND", missing, "")),
        url if url.contains("/secret/") => (403, refused(403, "PERMISSION_DENIED", "x", "")),
        url if url.contains("/proxy/") => (404, "<html>".to_owned()),
        _ => version("3", "x"),
    });
    let session = of(json!({}));
    let items = ["good", "absent", "a/b", "secret", "proxy", "good"].map(|key| item(key, None, Facet::Value));
    let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
    assert_eq!(kinds(&answers), ["value", "not-found", "other", "denied", "unavailable", "value"]);
    let Err(Error::Denied(said)) = &answers[3] else { panic!() };
    assert!(said.starts_with("secretmanager.versions.access on secrets/secret/versions/latest is"), "{said}");
}

#[test]
fn a_version_that_is_known_is_not_modified() {
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        _ => version("3", "x"),
    });
    let session = of(json!({}));
    for (known, expected) in [("3", "not-modified"), ("2", "value")] {
        let items = [Item { known_version: Some(known.to_owned()), ..item("s", None, Facet::Value) }];
        let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
        assert_eq!(kinds(&answers), [expected]);
    }
}

/// The rules of ESO's LatestOrFetch: only where nobody asked for a version, and the newest that is enabled.
#[test]
fn policies_of_a_disabled_version() {
    let fetch = json!({"secretVersionSelectionPolicy": "LatestOrFetch"});
    let enabled = |numbers: &[u64], next: &str| {
        let versions: Vec<Json> = numbers
            .iter()
            .map(|number| json!({"name": format!("projects/1/secrets/s/versions/{number}"), "state": "ENABLED"}))
            .collect();
        (200, json!({"versions": versions, "nextPageToken": next}).to_string())
    };
    for (config, asked, state, pages, expected) in [
        (json!({}), None, "DISABLED", vec![], "other"),
        (json!({}), None, "DESTROYED", vec![], "other"),
        (fetch.clone(), None, "DISABLED", vec![enabled(&[9, 10, 2], "")], "versions/10"),
        (fetch.clone(), None, "DESTROYED", vec![enabled(&[1], "")], "versions/1"),
        (fetch.clone(), None, "DISABLED", vec![enabled(&[], "n&1"), enabled(&[4], "")], "versions/4"),
        (fetch.clone(), None, "DISABLED", vec![enabled(&[], "")], "other"),
        (fetch.clone(), None, "DISABLED", vec![(403, refused(403, "PERMISSION_DENIED", "x", ""))], "denied"),
        (fetch.clone(), Some("latest"), "DISABLED", vec![], "other"),
        (fetch.clone(), Some("2"), "DISABLED", vec![], "other"),
        // An alias is somebody's word for a version, as its number is.
        (fetch.clone(), Some("blue"), "DISABLED", vec![], "other"),
    ] {
        let fake = Fake::new(|request| match &request.url {
            url if url.contains("oauth2") => Fake::login(1),
            url if url.contains("pageToken=n%261") => pages[1].clone(),
            url if url.contains("/versions?filter=state%3AENABLED&pageSize=100") => pages[0].clone(),
            url if ["/latest:access", "/2:access", "/blue:access"].iter().any(|end| url.ends_with(end)) => {
                disabled(state)
            }
            url => version("0", url),
        });
        let session = of(config.clone());
        let answers = get(&Client::new(&session, &fake).unwrap(), &[item("s", asked, Facet::Value)]).unwrap();
        let found = match &answers[0] {
            Ok(value) => {
                let url = String::from_utf8(value.data.clone()).unwrap();
                url.trim_start_matches(SECRETS)
                    .trim_start_matches("s/")
                    .trim_end_matches(":access")
                    .to_owned()
            }
            Err(_) => kinds(&answers)[0].to_owned(),
        };
        assert_eq!(found, expected, "{config} {asked:?} {state}");
        assert_eq!(fake.count("/versions?"), pages.len(), "{config} {asked:?}");
        if let Err(Error::Other(said)) = &answers[0] {
            assert!(said.contains(state), "{said}");
        }
    }
}

/// However many are disabled, their lists go together, and so do the reads of what is found.
#[test]
fn disabled_versions_of_a_batch_are_looked_for_together() {
    let list = |versions: &[u64], next: &str| {
        let version =
            |n: &u64| json!({"name": format!("projects/1/secrets/s/versions/{n}"), "state": "ENABLED"});
        let versions: Vec<Json> = versions.iter().map(version).collect();
        (200, json!({"versions": versions, "nextPageToken": next}).to_string())
    };
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        url if url.contains("/good/") => version("1", "good"),
        url if url.ends_with("/latest:access") => disabled("DISABLED"),
        url if url.contains("/long/versions?") && !url.contains("pageToken") => list(&[], "n"),
        url if url.contains("/none/versions?") => list(&[], ""),
        url if url.contains("/closed/versions?") => (403, refused(403, "PERMISSION_DENIED", "x", "")),
        url if url.contains("/versions?") => list(&[6, 7], ""),
        url if url.contains("/gone/versions/7:access") => (503, refused(503, "UNAVAILABLE", "x", "")),
        url => version("7", url.trim_start_matches(SECRETS)),
    });
    let session = of(json!({"secretVersionSelectionPolicy": "LatestOrFetch"}));
    let keys = ["a", "good", "closed", "long", "a/b", "none", "b", "gone"];
    let items = keys.map(|key| item(key, None, Facet::Value));
    let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
    assert_eq!(
        kinds(&answers),
        ["value", "value", "denied", "value", "other", "other", "value", "unavailable"]
    );
    for (at, read) in [(0, "a"), (3, "long"), (6, "b")] {
        let value = answers[at].as_ref().unwrap();
        assert_eq!(value.data, format!("{read}/versions/7:access").into_bytes());
        assert_eq!(value.version.as_deref(), Some("7"));
    }
    let Err(Error::Other(said)) = &answers[5] else { panic!() };
    assert!(said.contains("secrets/none/versions/latest") && said.contains("DISABLED"), "{said}");
    // The login; all items; six lists; the one list that goes on; what was found.
    assert_eq!(fake.sent(), [1, 7, 6, 1, 4]);
}

/// Without a token for what comes after, what was read stays.
#[test]
fn a_token_that_ends_in_between() {
    let ended = std::cell::Cell::new(false);
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") && ended.get() => (503, String::new()),
        url if url.contains("oauth2") => Fake::login(1),
        url if url.contains("/good/") => version("1", "good"),
        url if url.contains("/versions?") => {
            ended.set(true);
            (401, refused(401, "UNAUTHENTICATED", "x", ""))
        }
        _ => disabled("DISABLED"),
    });
    let session = of(json!({"secretVersionSelectionPolicy": "LatestOrFetch"}));
    let items = ["good", "a", "b"].map(|key| item(key, None, Facet::Value));
    let answers = get(&Client::new(&session, &fake).unwrap(), &items).unwrap();
    assert_eq!(kinds(&answers), ["value", "unavailable", "unavailable"]);
}

#[test]
fn versions_of_a_location_are_listed_there() {
    let base = "https://secretmanager.us-east1.rep.googleapis.com/v1/projects/shop/locations/us-east1/secrets/s/versions";
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        url if url.ends_with("/latest:access") => disabled("DESTROYED"),
        url if url.contains("/versions?") => {
            let name = "projects/1/locations/us-east1/secrets/s/versions/4";
            (200, json!({"versions": [{"name": name, "state": "ENABLED"}]}).to_string())
        }
        _ => version("4", "x"),
    });
    let session = of(json!({"location": "us-east1", "secretVersionSelectionPolicy": "LatestOrFetch"}));
    let answers = get(&Client::new(&session, &fake).unwrap(), &[item("s", None, Facet::Value)]).unwrap();
    assert_eq!(kinds(&answers), ["value"]);
    assert_eq!(
        fake.urls()[1..],
        [
            format!("{base}/latest:access"),
            format!("{base}?filter=state%3AENABLED&pageSize=100"),
            format!("{base}/4:access")
        ]
    );
}
