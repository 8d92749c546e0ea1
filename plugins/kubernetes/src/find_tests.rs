//! Searches: pages, labels, cursors that are too old. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::testing::{Host, kind};
use serde_json::{Value, json};

use super::*;
use crate::fake::{said, session, status};

fn query(name: Option<&str>, tags: &[(&str, &str)], path: Option<&str>) -> Query {
    let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Query {
        path: path.map(ToOwned::to_owned),
        tags: tags.collect(),
        name_regexp: name.map(ToOwned::to_owned),
    }
}

fn list(names: &[&str], next: &str) -> String {
    let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
    json!({"kind": "PartialObjectMetadataList", "metadata": {"continue": next}, "items": items}).to_string()
}

fn keys(page: &Page) -> Vec<&str> {
    page.found.iter().map(|found| found.key.as_str()).collect()
}

#[test]
fn pages_by_the_servers_cursor() {
    let fake = Host::new(|request| {
        let accept = request.headers.iter().find(|(name, _)| name == "accept").unwrap();
        assert!(accept.1.contains("as=PartialObjectMetadataList"));
        match request.url.split_once('?').unwrap() {
            ("https://api.example:6443/api/v1/namespaces/team-b/secrets", "limit=250") => {
                said(200, &list(&["a", "b"], "c/+=1"))
            }
            (_, "limit=250&continue=c%2F%2B%3D1") => said(200, &list(&["c"], "")),
            (_, other) => panic!("{other}"),
        }
    });
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    let first = find(&client, &query(Some("."), &[], None), None).unwrap();
    assert_eq!((keys(&first), first.next.as_deref()), (vec!["a", "b"], Some("c/+=1")));
    let last = find(&client, &query(Some("."), &[], None), first.next.as_deref()).unwrap();
    assert_eq!((keys(&last), last.next.as_deref()), (vec!["c"], None));
    assert!(last.found[0].value.is_none(), "the host reads what matches");
}

#[test]
fn labels_are_the_servers_to_compare() {
    let fake = Host::new(|request| {
        let (_, query) = request.url.split_once('?').unwrap();
        assert_eq!(query, "limit=250&labelSelector=app%3Dnginx%2Cexample.com%2Ftier%3D");
        said(200, &list(&["a"], ""))
    });
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    let tags = [("app", "nginx"), ("example.com/tier", "")];
    assert_eq!(keys(&find(&client, &query(None, &tags, None), None).unwrap()), ["a"]);
    for (name, value) in [
        ("a,b", "c"),
        ("a", "b,c!=d"),
        ("", "x"),
        ("a", "-"),
        ("a", "b c"),
        ("!a", ""),
        ("/a", "b"),
        ("A.b/c", "d"),
        ("a/", "b"),
    ] {
        assert_eq!(
            kind(&find(&client, &query(None, &[(name, value)], None), None)),
            "other",
            "{name:?} {value:?}"
        );
    }
}

/// kube-apiserver keeps a list for five minutes.
#[test]
fn an_old_cursor_begins_anew() {
    let gone = status(410, "Expired", "The provided continue parameter is too old", Value::Null);
    let fake = Host::new(|request| match request.url.contains("continue=") {
        true => said(410, &gone),
        false => said(200, &list(&["a"], "fresh")),
    });
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    let page = find(&client, &query(Some("."), &[], None), Some("old")).unwrap();
    assert_eq!((keys(&page), page.next.as_deref()), (vec!["a"], Some("fresh")));
    let always = Host::new(|_| said(410, &gone));
    let session = crate::fake::session(&always);
    let client = Client::new(&session).unwrap();
    for cursor in [None, Some("old")] {
        assert_eq!(kind(&find(&client, &query(Some("."), &[], None), cursor)), "unavailable");
    }
}

#[test]
fn what_is_no_search() {
    let fake = Host::new(|_| said(403, &status(403, "Forbidden", "no", json!({"kind": "secrets"}))));
    let session = session(&fake);
    let client = Client::new(&session).unwrap();
    assert_eq!(kind(&find(&client, &query(Some("."), &[], Some("a/")), None)), "unsupported");
    assert_eq!(kind(&find(&client, &query(None, &[], None), None)), "unsupported");
    let Err(Error::Denied(text)) = find(&client, &query(Some("."), &[], None), None) else { panic!() };
    assert!(text.contains("the right to list secrets in namespace team-b is needed"), "{text}");
    let web = Host::new(|_| said(200, "<html>"));
    assert_eq!(
        kind(&find(&Client::new(&crate::fake::session(&web)).unwrap(), &query(Some("."), &[], None), None)),
        "other"
    );
}
