//! Which pages are asked for, and what is found on them. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;
use crate::fake::{Fake, refused, session};

fn query(path: Option<&str>, tags: &[(&str, &str)]) -> Query {
    let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Query { path: path.map(ToOwned::to_owned), tags: tags.collect(), name_regexp: None }
}

/// Filters as ESO sends them, where they mean what they say.
#[test]
fn filters() {
    for (path, tags, expected) in [
        ("", &[][..], ""),
        ("app", &[], "name:app"),
        ("", &[("team", "pay"), ("env", "prod")], "labels.team=pay labels.env=prod"),
        ("app", &[("team", "pay")], "labels.team=pay name:app"),
        ("", &[("team", "x OR labels.a=b"), ("émile", "zola"), ("empty", "")], ""),
    ] {
        assert_eq!(filter(path, &query(None, tags).tags), expected, "{path} {tags:?}");
    }
}

#[test]
fn pages_are_looked_at_again() {
    let secret = |id: &str, labels: serde_json::Value| json!({"name": format!("projects/1/secrets/{id}"), "labels": labels});
    let page = json!({"nextPageToken": "a/b=", "secrets": [
        secret("app-db", json!({"team": "pay", "note": ""})),
        secret("my-app", json!({"team": "pay"})),
        secret("app-web", json!({"team": "web"})),
        {"name": "projects/1/secrets/app-bare"},
    ]});
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        url if url.contains("pageToken=a%2Fb%3D") => (200, "{}".to_owned()),
        _ => (200, page.to_string()),
    });
    let session = session(&json!({}));
    let client = Client::new(&session, &fake).unwrap();
    let ids = |query: &Query| -> Vec<String> {
        find(&client, query, None).unwrap().found.into_iter().map(|found| found.key).collect()
    };
    assert_eq!(ids(&query(None, &[])), ["app-db", "my-app", "app-web", "app-bare"]);
    assert_eq!(ids(&query(Some("app"), &[])), ["app-db", "app-web", "app-bare"]);
    assert_eq!(ids(&query(Some("app"), &[("team", "pay")])), ["app-db"]);
    assert_eq!(ids(&query(None, &[("note", "")])), ["app-db"]);
    assert_eq!(ids(&query(None, &[("team", "pa")])), Vec::<String>::new());
    let next = find(&client, &query(None, &[]), Some("a/b=")).unwrap();
    assert_eq!((next.found.len(), next.next), (0, None));
    assert_eq!(find(&client, &query(None, &[]), None).unwrap().next.as_deref(), Some("a/b="));
    let before = fake.urls().len();
    assert_eq!(ids(&query(Some("/app"), &[])), Vec::<String>::new());
    assert_eq!(fake.urls().len(), before, "no name begins so");
    assert_eq!(
        fake.urls()[2],
        "https://secretmanager.googleapis.com/v1/projects/shop/secrets?pageSize=250&filter=name%3Aapp"
    );
}

#[test]
fn a_denial_names_the_right() {
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        _ => (403, refused(403, "PERMISSION_DENIED", "x", "")),
    });
    let session = session(&json!({"location": "us-east1"}));
    let found = find(&Client::new(&session, &fake).unwrap(), &query(None, &[]), None);
    let Err(Error::Denied(said)) = found else { panic!("{:?}", found.err()) };
    assert!(said.starts_with("secretmanager.secrets.list on locations/us-east1 "), "{said}");
}

/// ESO lists global secrets where tags are asked for.
#[test]
fn tags_in_a_location_are_looked_for_there() {
    let secret = json!({"name": "projects/1/locations/us-east1/secrets/a", "labels": {"team": "pay"}});
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => Fake::login(1),
        _ => (200, json!({"secrets": [secret]}).to_string()),
    });
    let session = session(&json!({"location": "us-east1"}));
    let query = query(None, &[("team", "pay")]);
    let found = find(&Client::new(&session, &fake).unwrap(), &query, None).unwrap().found;
    assert_eq!(found.into_iter().map(|found| found.key).collect::<Vec<_>>(), ["a"]);
    assert_eq!(
        fake.urls()[1..],
        [
            "https://secretmanager.us-east1.rep.googleapis.com/v1/projects/shop/locations/us-east1/secrets?pageSize=250&filter=labels.team%3Dpay"
        ]
    );
}
