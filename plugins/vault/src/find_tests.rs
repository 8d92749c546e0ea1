//! A search in a tree of keys: what it finds, page by page, and what it asks. Only tests.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::fake::{Fake, reply, session};
use crate::world::Request;

/// A server with these keys below the mount `secret`; those that end in "-red" have a tag.
fn server(keys: &[String]) -> impl Fn(&Request) -> (u16, String) + use<> {
    let keys = keys.to_vec();
    move |request| {
        let Some((_, path)) = request.url.split_once("/v1/secret/metadata") else {
            return match request.url.split_once("/v1/secret/data/") {
                Some((_, key)) => {
                    let body = json!({"data": {"data": {"of": key}, "metadata": {"version": 1}}});
                    (200, body.to_string())
                }
                None => reply(403, "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"),
            };
        };
        let path = path.trim_start_matches('/');
        if request.method == "GET" {
            let team = if path.ends_with("-red") { "red" } else { "blue" };
            return (200, json!({"data": {"custom_metadata": {"team": team}}}).to_string());
        }
        let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below = keys.iter().filter_map(|key| key.strip_prefix(&folder));
        let names: BTreeSet<&str> = below.map(|key| key.split_inclusive('/').next().unwrap()).collect();
        if names.is_empty() {
            return reply(404, r#"{"errors":[]}"#);
        }
        (200, json!({"data": {"keys": names}}).to_string())
    }
}

fn found(fake: &Fake<'_>, path: &str, query: &Query) -> (Vec<Found>, usize) {
    let store = json!({"server": "https://v", "path": path, "auth": {"tokenSecretRef": {"name": "t"}}});
    let session = session(&store);
    let (mut found, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let page = find(&Client::new(&session, fake).unwrap(), query, cursor.as_deref()).unwrap();
        found.extend(page.found);
        pages += 1;
        assert!(pages < 100, "no end");
        assert!(page.next.is_none() || page.next != cursor, "no way on from {cursor:?}");
        match page.next {
            Some(next) => cursor = Some(next),
            None => return (found, pages),
        }
    }
}

fn query(path: &str, name: Option<&str>, tags: &Value) -> Query {
    let tags = tags.as_object().unwrap();
    Query {
        path: Some(path.to_owned()).filter(|path| !path.is_empty()),
        tags: tags.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
        name_regexp: name.map(ToOwned::to_owned),
    }
}

#[test]
fn every_key_on_some_page() {
    let many = |count: usize, key: fn(usize) -> String| (0..count).map(key).collect::<Vec<_>>();
    for (keys, pages) in [
        (many(3, |n| format!("k{n}")), 1),
        (many(2_500, |n| format!("k{n}")), 3),
        // A folder and a key of one name, and names around the slash in order.
        (["a", "a/b", "a-/c", "a/b/c", "a0"].map(ToOwned::to_owned).to_vec(), 1),
        (many(250, |n| format!("f{n}/x")), 3),
        // Deeper than a page lists folders.
        (vec![format!("{}x", "d/".repeat(250))], 3),
        (many(600, |n| format!("f{}/g{}/k{n}", n % 7, n % 31)), 3),
    ] {
        let fake = Fake::new(server(&keys));
        let (found, turned) = found(&fake, "secret", &query("", None, &json!({})));
        let mut names: Vec<_> = found.into_iter().map(|found| found.key).collect();
        names.sort();
        let mut expected = keys.clone();
        expected.sort();
        assert_eq!(names, expected);
        assert_eq!(turned, pages, "{:?}", keys.first());
    }
}

/// Metadata is read of what the name leaves, and of all where the expression is not understood here.
#[test]
fn names_spare_requests() {
    let keys: Vec<String> =
        (0..300).map(|n| format!("app/k{n}-{}", if n % 2 == 0 { "red" } else { "blue" })).collect();
    for (name, found_keys, read) in [
        (Some("k1[0-9]-"), 5, 10),
        (None, 150, 300),
        // Not of this engine's syntax: the host compares.
        (Some(r"^app/\pL1[0-9]-"), 150, 300),
    ] {
        let fake = Fake::new(server(&keys));
        let (found, _) = found(&fake, "secret", &query("app", name, &json!({"team": "red"})));
        assert_eq!((found.len(), fake.count("-red") + fake.count("-blue")), (found_keys, read), "{name:?}");
    }
}

/// Without a mount in the store: names as a manifest would write them, and the values of those that would be
/// read elsewhere.
#[test]
fn folders_of_any_name() {
    let keys = ["app/data/x", "data/y", "z"].map(ToOwned::to_owned);
    let fake = Fake::new(server(&keys));
    let (found, _) = found(&fake, "", &query("secret", None, &json!({})));
    let of = |found: &Found| {
        let value = found.value.as_ref().map(|value| String::from_utf8(value.data.clone()).unwrap());
        (found.key.clone(), value)
    };
    let value = |key: &str| Some(json!({"of": key}).to_string());
    assert_eq!(
        found.iter().map(of).collect::<Vec<_>>(),
        [
            ("secret/app/data/x".to_owned(), value("app/data/x")),
            ("secret/data/y".to_owned(), value("data/y")),
            ("secret/z".to_owned(), None),
        ]
    );
}

#[test]
fn names_that_lead_elsewhere_are_none() {
    let fake = Fake::new(|request| match request.url.trim_end_matches('/').ends_with("/metadata") {
        true => (200, json!({"data": {"keys": ["a", "..", "b/..", "./c", "../", "/", "d..e"]}}).to_string()),
        false => panic!("{} was asked", request.url),
    });
    let query = Query { path: None, tags: Vec::new(), name_regexp: None };
    let (found, _) = found(&fake, "secret", &query);
    assert_eq!(found.iter().map(|found| found.key.as_str()).collect::<Vec<_>>(), ["a", "d..e"]);
}

#[test]
fn a_folder_that_is_not_there_is_empty() {
    let fake = Fake::new(server(&["a/b".to_owned()]));
    let (found, pages) = found(&fake, "secret", &query("no-such-folder", None, &json!({})));
    assert_eq!((found.len(), pages), (0, 1));
    assert_eq!(fake.count("/ui/mounts/"), 1, "said only of a mount that is right");
}
