//! The page of a moment that is made up: what is on it, in which order, and that it is safe to look at.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::provider::PluginId;
use claviger_crds::store::SecretStoreSpec;
use jiff::Timestamp;
use kube::core::error_boundary::InvalidObject;
use serde_json::{Value, json};

use super::data::{Page, ROWS, Role, State};
use super::gather::page;
use super::html;
use super::query::Query;
use crate::plugins::Listed;
use crate::state::Store;
use crate::state::push::PushProgress;
use crate::state::view::{Timing, View};

fn now() -> Timestamp {
    "2026-01-02T12:00:00Z".parse().unwrap()
}

fn ready(status: &str, reason: &str, message: &str, since: &str) -> Value {
    json!([{"type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": since}])
}

fn external_secret(namespace: &str, name: &str, store: &str, conditions: Option<Value>) -> Value {
    let mut object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}")},
        "spec": {"secretStoreRef": {"name": store}, "target": {"name": format!("{name}-secret")},
            "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]},
    });
    if let Some(conditions) = conditions {
        object["status"] = json!({"conditions": conditions, "refreshTime": "2026-01-02T11:57:00Z"});
    }
    object
}

fn store(namespace: Option<&str>, name: &str, spec: Value, conditions: Value) -> Arc<Store> {
    let metadata = serde_json::from_value(json!({"namespace": namespace, "name": name})).unwrap();
    let spec: SecretStoreSpec = serde_json::from_value(spec).unwrap();
    let status = serde_json::from_value(json!({"conditions": conditions})).unwrap();
    Arc::new(Store { metadata, spec: Ok(spec), status: Some(status) })
}

fn parsed<K: serde::de::DeserializeOwned>(object: Value) -> Arc<Result<K, Box<InvalidObject>>> {
    Arc::new(Ok(serde_json::from_value(object).unwrap()))
}

fn view() -> View {
    let fake = json!({"provider": {"fake": {"data": [{"key": "k", "value": "MARKED-value-of-a-store"}]}}});
    let valid = || ready("True", "Valid", "store validated", "2026-01-01T00:00:00Z");
    let hostile = "</p><script>alert(1)</script> \u{202e}<img src=x onerror=alert(2)>";
    let unparsed = InvalidObject {
        error: "MARKED-error".to_owned(),
        metadata: serde_json::from_value(json!({"namespace": "team-b", "name": "odd"})).unwrap(),
    };
    View {
        stores: vec![
            store(Some("team-a"), "fake", fake.clone(), valid()),
            store(Some("team-a"), "blue", json!({"controller": "blue", "provider": {"vault": {}}}), valid()),
        ],
        cluster_stores: vec![store(
            None,
            "shared",
            json!({"provider": {"vault": {}}}),
            ready("False", "ProviderUnavailable", "the backend is unavailable", "2026-01-02T11:59:30Z"),
        )],
        external_secrets: vec![
            parsed(external_secret("team-a", "blues", "blue", None)),
            parsed(external_secret(
                "team-a",
                "good",
                "fake",
                Some(ready("True", "SecretSynced", "secret synced", "2025-12-01T00:00:00Z")),
            )),
            parsed(external_secret(
                "team-a",
                "hostile",
                "fake",
                Some(ready("False", "ProviderFailed", hostile, "2026-01-02T10:00:00Z")),
            )),
            parsed(external_secret("team-b", "new", "fake", None)),
            Arc::new(Err(Box::new(unparsed))),
            parsed(external_secret(
                "team-b",
                "recent",
                "fake",
                Some(ready("False", "RemoteKeyNotFound", "key \"k\" does not exist", "2026-01-02T11:59:00Z")),
            )),
        ],
        push_secrets: vec![parsed(json!({
            "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": {"namespace": "team-a", "name": "push", "uid": "u"},
            "spec": {"secretStoreRefs": [{"name": "fake"}], "selector": {"secret": {"name": "s"}}},
            "status": {"conditions": ready("True", "Synced", "PushSecret synced successfully", "2026-01-02T00:00:00Z"),
                "refreshTime": "2026-01-02T11:00:00Z",
                "syncedPushSecrets": {"SecretStore/fake": {"k": {"match": {"remoteRef": {"remoteKey": "k"}}}}}},
        }))],
        plugins: vec![parsed(json!({
            "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "etcd"},
            "spec": {"source": {"configMap": {"name": "etcd-plugin"}}, "digest": ["sha256:00"]},
            "status": {"conditions": ready("False", "DigestMismatch", "x", "2026-01-01T00:00:00Z")},
        }))],
    }
}

fn listed() -> Vec<Listed> {
    let id = |name: &str| PluginId {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
    };
    vec![
        Listed { name: "etcd".to_owned(), plugin: None, refused: Some("the digest is another".to_owned()) },
        Listed { name: "v2".to_owned(), plugin: None, refused: None },
        Listed { name: "vault".to_owned(), plugin: Some(id("vault")), refused: None },
    ]
}

fn shown(query: &Query) -> Page {
    let serves = |class: Option<&str>| class.is_none_or(|class| class == "default");
    let mut page = page(&view(), &listed(), query, serves, now());
    page.version = "0.0.0";
    page.role = Role::Leader;
    let base = Instant::now();
    page.fill_times(
        |objects| {
            let timing =
                |n: u32| Timing { failures: n, next: Some(base + Duration::from_secs(600)), last: None };
            (0..).zip(objects).map(|(n, _)| timing(n)).collect()
        },
        |_, _| PushProgress { last: "2026-01-02T11:30:00Z".parse().ok(), ..PushProgress::default() },
    );
    // The clock goes on between the two looks at it.
    for section in [&mut page.stores, &mut page.external_secrets, &mut page.push_secrets, &mut page.plugins] {
        for row in &mut section.rows {
            row.next_look = row.next_look.map(|_| "2026-01-02T12:10:00Z".parse().unwrap());
        }
    }
    page
}

#[test]
fn what_fails_comes_first_and_the_newest_of_it() {
    let page = shown(&Query::default());
    let rows: Vec<_> = page.external_secrets.rows.iter().map(|row| (row.name.as_str(), row.state)).collect();
    let expected = [
        ("recent", State::Failing),
        ("hostile", State::Failing),
        ("odd", State::Failing),
        ("new", State::Pending),
        ("good", State::Ready),
    ];
    assert_eq!(rows, expected);
    let section = &page.external_secrets;
    assert_eq!(
        (section.total, section.ready, section.failing, section.pending, section.others),
        (5, 1, 3, 1, 1)
    );
    assert_eq!(
        section.reasons.keys().collect::<Vec<_>>(),
        ["ManifestInvalid", "ProviderFailed", "RemoteKeyNotFound"]
    );
    assert_eq!((page.stores.total, page.stores.others), (2, 1), "another class's store");
    assert_eq!(page.push_secrets.rows[0].last_sync, "2026-01-02T11:30:00Z".parse().ok(), "the later one");
}

#[test]
fn one_namespace_is_seen_alone_with_what_is_of_the_cluster() {
    let page = shown(&Query { namespace: Some("team-b".to_owned()), ..Query::default() });
    let names = |rows: &[super::data::Row]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&page.external_secrets.rows), ["recent", "odd", "new"]);
    assert_eq!(names(&page.stores.rows), ["shared"]);
    assert_eq!((page.push_secrets.total, page.plugins.total), (0, 3));
}

#[test]
fn ten_thousand_are_shown_in_parts() {
    let all = (0..10_000).map(|n| {
        let failing = n % 100 == 0;
        let status = if failing { ("False", "AccessDenied") } else { ("True", "SecretSynced") };
        let conditions = ready(status.0, status.1, "m", "2026-01-01T00:00:00Z");
        parsed(external_secret("a", &format!("es{n:05}"), "fake", Some(conditions)))
    });
    let view = View { external_secrets: all.collect(), ..View::default() };
    let of = |number: usize| {
        let query = Query { page: number, ..Query::default() };
        let page = page(&view, &[], &query, |_| true, now());
        let rows = &page.external_secrets.rows;
        let names = (rows.first().map(|row| row.name.clone()), rows.last().map(|row| row.name.clone()));
        (page.pages, rows.len(), names)
    };
    let names = |first: &str, last: &str| (Some(first.to_owned()), Some(last.to_owned()));
    assert_eq!(of(1), (200, ROWS, names("es00000", "es04900")));
    assert_eq!(of(2), (200, ROWS, names("es05000", "es09900")));
    assert_eq!(of(3), (200, ROWS, names("es00001", "es00050")));
    assert_eq!(of(200), (200, ROWS, names("es09950", "es09999")));
    assert_eq!(of(201), (200, 0, (None, None)));
    assert_eq!(of(usize::MAX).1, 0);
}

#[test]
fn the_page_is_safe_to_look_at() {
    let page = shown(&Query::default());
    let text = html::render(&page);
    assert!(!text.contains("MARKED"), "settings of a store, a parser's words");
    for forbidden in ["<script", "<img", "<link", "<iframe", "javascript:", "http://", "https://", "\u{202e}"]
    {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!serde_json::to_string(&page).unwrap().contains("MARKED"));
    // The policy allows the style that is there, and no other.
    let style = text.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let digest = {
        use base64::Engine as _;
        use sha2::Digest as _;
        base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style))
    };
    assert!(html::policy().contains(&format!("style-src 'sha256-{digest}'")));
    assert!(html::policy().starts_with("default-src 'none'; ") && !html::policy().contains("unsafe"));
}

#[test]
fn as_a_browser_gets_it() {
    insta::assert_snapshot!(html::render(&shown(&Query::default())));
}

#[test]
fn as_a_script_gets_it() {
    insta::assert_json_snapshot!(shown(&Query { namespace: Some("team-b".to_owned()), ..Query::default() }));
}
