//! Against a simulated API server: a status that cannot be written.
#![allow(clippy::unwrap_used)]

use claviger_core::status;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::status::write;
use super::*;
use crate::reconcile::sim::Api;

const STATUS: &str = "PATCH /apis/external-secrets.io/v1/namespaces/ns/externalsecrets/es/status";

fn external_secret(uid: &str) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "es", "namespace": "ns", "uid": uid, "generation": 1, "resourceVersion": "1"},
        "spec": {"secretStoreRef": {"name": "not-there"}, "refreshInterval": "1h",
            "target": {"creationPolicy": "Orphan"}, "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]},
    })
}

fn show(context: &Context, object: Value) {
    context.state.external_secret_event(Event::Apply(serde_json::from_value(object).unwrap()));
}

/// Its store is not there: whoever reads again says so in the status.
#[tokio::test]
async fn a_status_that_could_not_be_written_is_tried_again_and_nothing_else() {
    let (api, name) = (Api::default(), Name::new("ns", "es"));
    let context = api.context();
    show(&context, external_secret("u"));
    context.state.managed_event(Event::Apply(
        serde_json::from_value(json!({"metadata": {"name": "es", "namespace": "ns", "uid": "s"}})).unwrap(),
    ));
    let parsed = context.state.external_secret(&name).unwrap();
    let es = parsed.as_ref().as_ref().unwrap();
    let now = Timestamp::now();
    let version = synced_resource_version(1, es.labels(), es.annotations());
    let condition = status::ready(&[], true, "SecretSynced", "secret synced", now);
    let synced = status::refreshed(None, condition, &version, Some("es".to_owned()), Vec::new(), now);

    // What a refresh that went well ends with.
    api.refuse(|_, path| path.ends_with("/status").then_some(500));
    context.state.refreshed(&name, now);
    write(&context, &name, Some("u"), &synced).await;
    api.writes();
    let mut waits = Vec::new();
    for _ in 0..3 {
        let at = context.state.status_due(&name).unwrap();
        let wait = at.saturating_duration_since(Instant::now());
        waits.push(wait.as_millis());
        // Who is woken before does not hurry.
        let next = reconcile(&context, &name, Class::Retry).await;
        assert_eq!(next, Some((Class::Retry, at)));
        assert_eq!(api.writes(), Vec::<String>::new());
        context.state.status_is_due(&name);
        reconcile(&context, &name, Class::Retry).await;
        assert_eq!(api.writes(), [STATUS], "nothing but the status");
    }
    assert!(waits[1] > waits[0] && waits[2] > waits[1], "{waits:?}");

    // A watch that shows the object again, as the API server has it, changes nothing about that.
    show(&context, external_secret("u"));
    api.refuse(|_, _| None);
    context.state.status_is_due(&name);
    let next = reconcile(&context, &name, Class::Retry).await;
    assert_eq!(api.said(STATUS).unwrap()["status"], json!(synced));
    assert_eq!(api.writes(), [STATUS]);
    assert!(matches!(next, Some((Class::Refresh, _))), "then the next refresh: {next:?}");
    assert!(context.state.status_due(&name).is_none());
    reconcile(&context, &name, Class::Refresh).await;
    assert_eq!(api.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_to_be_said_of_one_object_is_not_said_of_its_successor() {
    let (api, name) = (Api::default(), Name::new("ns", "es"));
    let context = api.context();
    show(&context, external_secret("u"));
    api.refuse(|_, path| path.ends_with("/status").then_some(500));
    let condition = status::ready(&[], true, "SecretSynced", "of the first", Timestamp::now());
    write(&context, &name, Some("u"), &status::failed(None, condition, Vec::new())).await;
    show(&context, external_secret("another"));
    context.state.status_is_due(&name);
    api.refuse(|_, _| None);
    reconcile(&context, &name, Class::Fresh).await;
    let said = api.said(STATUS).unwrap().to_string();
    assert!(said.contains("StoreNotFound") && !said.contains("of the first"), "{said}");
    // Nor by a process that works no more.
    api.refuse(|_, path| path.ends_with("/status").then_some(500));
    let condition = status::ready(&[], true, "SecretSynced", "late", Timestamp::now());
    write(&context, &name, Some("another"), &status::failed(None, condition, Vec::new())).await;
    assert!(context.state.status_due(&name).is_some());
    context.state.end_work();
    assert!(context.state.status_due(&name).is_none());
}

/// Whoever replaces an object while it is refreshed has another of the same generation: a status of the first would have it
/// believed that this one was read.
#[tokio::test]
async fn a_status_of_one_object_is_not_put_on_its_successor() {
    const OBJECT: &str = "/apis/external-secrets.io/v1/namespaces/ns/externalsecrets/es";
    let (api, name) = (Api::default(), Name::new("ns", "es"));
    let context = api.context();
    show(&context, external_secret("u"));
    let condition = status::ready(&[], true, "SecretSynced", "of the first", Timestamp::now());
    let synced = status::failed(None, condition, Vec::new());
    let said = |uid: &str| {
        let parsed = context.state.external_secret(&name).unwrap();
        let es = parsed.as_ref().as_ref().unwrap();
        (es.metadata.uid.as_deref() == Some(uid), es.status.is_some())
    };
    // The watch has not shown it yet.
    api.put(OBJECT, external_secret("another"));
    write(&context, &name, Some("u"), &synced).await;
    assert_eq!(api.writes(), Vec::<String>::new(), "nothing was taken");
    assert!(context.state.status_due(&name).is_none(), "nor is it tried again: the object is gone");
    show(&context, external_secret("another"));
    write(&context, &name, Some("u"), &synced).await;
    assert_eq!(said("another"), (true, false));
    // The same code for another reason, which is tried again.
    api.refuse(|_, path| path.ends_with("/status").then_some(422));
    write(&context, &name, Some("another"), &synced).await;
    assert!(context.state.status_due(&name).is_some());
    api.refuse(|_, _| None);
    write(&context, &name, Some("another"), &synced).await;
    assert_eq!((said("another"), api.writes().last().map(String::as_str)), ((true, true), Some(STATUS)));
}

/// One that is in order is not read again after a start, and its series are there all the same; when it goes, they go.
#[tokio::test]
async fn after_a_start_its_series_say_what_its_status_says() {
    let (api, object) = (Api::default(), Object::ExternalSecret(Name::new("ns", "es")));
    let context = api.context();
    let at: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let mut shown = external_secret("u");
    // Not for as long as tests are run.
    shown["spec"]["refreshInterval"] = json!("876000h");
    let none = std::collections::BTreeMap::new();
    let version = synced_resource_version(1, &none, &none);
    let condition = status::ready(&[], true, "SecretSynced", "secret synced", at);
    let synced = status::refreshed(None, condition, &version, Some("es".to_owned()), Vec::new(), at);
    shown["status"] = json!(synced);
    show(&context, shown.clone());
    context.state.managed_event(Event::Apply(
        serde_json::from_value(json!({"metadata": {"name": "es", "namespace": "ns", "uid": "s"}})).unwrap(),
    ));
    crate::reconcile::reconcile(&context, &object, Class::Refresh).await;
    let page = context.metrics.encode().unwrap();
    let labels = "{name=\"es\",namespace=\"ns\"}";
    for line in [
        format!("external_secrets_sync_calls_total{labels} 1704067200.0\n"),
        format!("externalsecret_last_sync_timestamp_seconds{labels} 1704067200.0\n"),
        format!("external_secrets_sync_calls_error{labels} 0\n"),
        "externalsecret_status_condition{name=\"es\",namespace=\"ns\",condition=\"Ready\",status=\"True\"} 1\n".to_owned(),
        format!("claviger_external_secret_due_timestamp_seconds{labels} "),
    ] {
        assert!(page.contains(&line), "{line}: {page}");
    }
    assert!(!page.contains(&format!("externalsecret_sync_calls_total{labels}")), "nothing was asked: {page}");

    context.state.external_secret_event(Event::Delete(serde_json::from_value(shown).unwrap()));
    // What was under way when it went ends after it.
    context.metrics.not_synced(&Name::new("ns", "es"));
    crate::reconcile::reconcile(&context, &object, Class::Fresh).await;
    assert!(!context.metrics.encode().unwrap().contains("name=\"es\""));
}

/// What was made for a Secret before its target became a ConfigMap.
#[tokio::test]
async fn what_is_lost_is_taken_back_whatever_the_target_is() {
    for manifest in [Value::Null, json!({"apiVersion": "v1", "kind": "ConfigMap"})] {
        let (api, name) = (Api::default(), Name::new("ns", "es"));
        let kind = json!({"name": "configmaps", "singularName": "configmap", "namespaced": true, "kind": "ConfigMap", "verbs": []});
        api.put("/api/v1", json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [kind]}));
        let mut context = Arc::into_inner(api.context()).unwrap();
        context.config.allow_generic_targets = true;
        let context = Arc::new(context);
        let mut es = external_secret("u");
        if !manifest.is_null() {
            es["spec"]["target"]["manifest"] = manifest.clone();
        }
        show(&context, es);
        let lost = json!({
            "kind": "SecretStore", "name": "not-there", "key": "k", "issued": Timestamp::now(),
            "lease": {"id": "k/1", "seconds": 3600, "renewable": true},
        });
        context.pipeline.lose("u", serde_json::from_value(lost).unwrap());
        assert_eq!(context.pipeline.lost("u"), 1);
        reconcile(&context, &name, Class::Fresh).await;
        assert_eq!(context.pipeline.lost("u"), 0, "{manifest}: nobody can be asked to");
    }
}
