//! Searches against a list in pages. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;
use crate::fake::{Fake, Said, granted, kind, said, session};
use crate::world::Request;

/// A vault of so many secrets, in pages of a size; every third is disabled, every second has a tag.
fn vault(count: usize, size: usize, link: &'static str) -> impl Fn(&Request) -> Said {
    move |request: &Request| {
        if request.url.starts_with("https://login.") {
            return granted("token-1");
        }
        let query = request.url.strip_prefix("https://my.vault.azure.net/secrets?").unwrap();
        assert!(query.contains("api-version=7.4") && query.contains("maxresults=25"), "{query}");
        let from: usize = query.split_once("$skiptoken=").map_or(0, |(_, at)| at.parse().unwrap());
        let entry = |n: usize| {
            let tags =
                if n.is_multiple_of(2) { json!({"team": "pay", "n": n.to_string()}) } else { json!(null) };
            json!({
                "id": format!("https://my.vault.azure.net/secrets/s{n:04}"),
                "attributes": {"enabled": !n.is_multiple_of(3)},
                "tags": tags,
            })
        };
        let to = (from + size).min(count);
        let entries: Vec<_> = (from..to).map(entry).collect();
        let next = (to < count).then(|| format!("{link}?api-version=7.4&maxresults=25&$skiptoken={to}"));
        (200, None, json!({"value": entries, "nextLink": next}).to_string())
    }
}

fn query(tags: &[(&str, &str)]) -> Query {
    let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Query { path: None, tags: tags.collect(), name_regexp: Some("^s".to_owned()) }
}

/// All pages of the host's loop.
fn all(fake: &Fake<'_>, query: &Query) -> Result<(Vec<String>, usize), Error> {
    let session = session();
    let (mut keys, mut cursor, mut calls) = (Vec::new(), None, 0);
    loop {
        calls += 1;
        let page = find(&Client::new(&session, fake)?, query, cursor.as_deref())?;
        assert!(page.found.iter().all(|found| found.value.is_none()));
        keys.extend(page.found.into_iter().map(|found| found.key));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok((keys, calls)),
        }
    }
}

const LINK: &str = "https://my.vault.azure.net:443/secrets";

#[test]
fn enabled_ones_page_by_page() {
    for (count, size, calls, requests) in [(0, 25, 1, 1), (25, 25, 1, 1), (60, 25, 1, 3), (1200, 25, 3, 48)] {
        let fake = Fake::new(vault(count, size, LINK));
        let expected: Vec<String> =
            (0..count).filter(|n| !n.is_multiple_of(3)).map(|n| format!("s{n:04}")).collect();
        assert_eq!(all(&fake, &query(&[])).unwrap(), (expected, calls), "{count}");
        assert_eq!((fake.count("/secrets?"), fake.count("login.")), (requests, 1), "{count}");
    }
}

#[test]
fn every_tag_must_be_there_with_its_value() {
    for (tags, expected) in [
        (&[("team", "pay")][..], &["s0002", "s0004", "s0008"][..]),
        (&[("team", "pay"), ("n", "4")], &["s0004"]),
        (&[("team", "pa")], &[]),
        (&[("Team", "pay")], &[]),
        (&[("n", "5")], &[]),
    ] {
        let fake = Fake::new(vault(10, 3, LINK));
        assert_eq!(all(&fake, &query(tags)).unwrap().0, expected, "{tags:?}");
    }
}

/// The token goes to the store's own address only, and a list ends.
#[test]
fn a_link_to_elsewhere_is_not_followed() {
    for (link, fine) in [
        (LINK, true),
        ("https://MY.vault.azure.net/secrets", true),
        ("http://my.vault.azure.net:80/secrets", true),
        ("https://other.vault.azure.net/secrets", false),
        ("https://evil.example/secrets", false),
        ("https://my.vault.azure.net:8443/secrets", false),
        ("https://my.vault.azure.net@evil.example/secrets", false),
        ("https://my.vault.azure.net/deletedsecrets", false),
        ("https://my.vault.azure.net/secrets/../keys", false),
        ("/secrets", false),
    ] {
        let fake = Fake::new(vault(30, 25, link));
        let found = all(&fake, &query(&[]));
        assert_eq!(kind(&found), if fine { "value" } else { "unavailable" }, "{link}");
        assert_eq!(fake.count("/secrets?"), if fine { 2 } else { 1 }, "{link}");
    }
    let endless = Fake::new(|request: &Request| match request.url.starts_with("https://login.") {
        true => granted("token-1"),
        false => {
            let link = "https://my.vault.azure.net/secrets?x";
            (200, None, json!({"value": [], "nextLink": link}).to_string())
        }
    });
    assert_eq!(kind(&all(&endless, &query(&[]))), "unavailable");
}

#[test]
fn there_are_no_folders() {
    let fake = Fake::new(|_| said(500, ""));
    let session = session();
    let path = Query { path: Some("app/".to_owned()), tags: Vec::new(), name_regexp: None };
    let found = find(&Client::new(&session, &fake).unwrap(), &path, None);
    assert!(matches!(found, Err(Error::Unsupported(_))));
    assert_eq!(fake.count(""), 0);
}
