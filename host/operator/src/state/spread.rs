//! What is known of ClusterExternalSecrets and namespaces, and who of them has to look again when one of these or an
//! ExternalSecret changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use claviger_core::names::SPREAD_FIELD_MANAGER;
use claviger_core::scheduler::Class;
use claviger_core::spread::{Child, Given, NamespaceView, child_name, means};
use claviger_crds::cluster_external_secret::{ClusterExternalSecret, ClusterExternalSecretStatus};
use claviger_crds::external_secret::{ExternalSecret, StoreKind};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ObjectMeta};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::{Inner, Parsed, State, is_newer, store_refs};
use crate::watch::Object;
use crate::watch::cache::{Change, Name};

const KIND: &str = "ClusterExternalSecret";

impl State {
    /// An event of the ClusterExternalSecret watch.
    pub fn cluster_external_secret_event(&self, event: Event<DeserializeGuard<ClusterExternalSecret>>) {
        let mut inner = self.lock();
        let wanted = |meta: &ObjectMeta| {
            (meta.uid.clone(), meta.generation, meta.annotations.clone(), meta.deletion_timestamp.is_some())
        };
        let same = match &event {
            Event::Apply(object) | Event::InitApply(object) => {
                let known = inner.cluster_external_secrets.get(&Name::of(object));
                known.is_some_and(|known| wanted(meta_of(&known)) == wanted(object.meta()))
            }
            _ => false,
        };
        for change in inner.cluster_external_secrets.apply(event, |guard| guard.0.map_err(Box::new)) {
            match change {
                Change::Upserted(_) if same => {}
                Change::Upserted(name) => inner.look_again(name.name),
                Change::Deleted(name) => {
                    self.metrics.forget_cluster_external_secret(&name.name);
                    inner.look_again(name.name);
                }
                Change::Synced => {}
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// An event of the namespaces' watch: wakes those that mean it, or meant it before.
    pub fn namespace_event(&self, event: Event<PartialObjectMeta<Namespace>>) {
        let mut inner = self.lock();
        let name = match &event {
            Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => object.name_any(),
            Event::Init | Event::InitDone => String::new(),
        };
        let before = inner.namespaces.get(&Name::new("", &name));
        if matches!(event, Event::InitDone) {
            inner.wake_all_spreaders();
        }
        for change in inner.namespaces.apply(event, view) {
            let (Change::Upserted(changed) | Change::Deleted(changed)) = change else { continue };
            let known = if changed.name == name { before.clone() } else { None };
            let after = inner.namespaces.get(&changed);
            if known.is_none() || known != after {
                inner.wake_meaning(&changed.name, [known, after]);
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Our own write of a status, before the watch shows it: the next one is compared with it.
    pub fn cluster_status_written(&self, name: &str, status: &ClusterExternalSecretStatus) {
        let mut inner = self.lock();
        let name = Name::new("", name);
        let known = inner.cluster_external_secrets.get(&name);
        if let Some(Ok(ces)) = known.as_deref() {
            let ces = ClusterExternalSecret { status: Some(status.clone()), ..ces.clone() };
            inner.cluster_external_secrets.insert(name, Ok(ces));
        }
    }

    /// A ClusterExternalSecret.
    pub fn cluster_external_secret(&self, name: &str) -> Option<Arc<Parsed<ClusterExternalSecret>>> {
        self.lock().cluster_external_secrets.get(&Name::new("", name))
    }

    /// Every namespace.
    pub fn namespaces(&self) -> BTreeMap<String, NamespaceView> {
        let inner = self.lock();
        inner.namespaces.iter().map(|(name, view)| (name.name.clone(), view.as_ref().clone())).collect()
    }

    /// ExternalSecrets that a ClusterExternalSecret controls, and all of a name, by namespace and name. Looks at every
    /// ExternalSecret: at ten thousand that is a millisecond, and it is done for changes only.
    pub fn children(&self, owner: &str, name: &str) -> BTreeMap<(String, String), Child> {
        let inner = self.lock();
        let known = inner.external_secrets.iter().map(|(at, parsed)| (at, parsed.as_ref()));
        known
            .filter(|(at, parsed)| {
                at.name == name || controller(es_meta(parsed)).is_some_and(|uid| uid == owner)
            })
            .map(|(at, parsed)| ((at.namespace.clone(), at.name.clone()), child(parsed)))
            .collect()
    }

    /// Our own write of an ExternalSecret, before the watch shows it; what the watch has shown since is newer.
    pub fn child_written(&self, es: ExternalSecret) {
        let known = self.external_secret(&Name::of(&es));
        if known.is_none_or(|known| is_newer(&es.metadata, es_meta(&known))) {
            self.external_secret_event(Event::Apply(DeserializeGuard(Ok(es))));
        }
    }
}

impl Inner {
    fn look_again(&mut self, cluster_external_secret: String) {
        let object = Object::ClusterExternalSecret(cluster_external_secret);
        self.queue.push(object, Class::Fresh, Instant::now());
    }

    /// A list came in: what was there before and is not in it was deleted while nobody watched.
    pub(super) fn wake_all_spreaders(&mut self) {
        let all: Vec<String> =
            self.cluster_external_secrets.iter().map(|(name, _)| name.name.clone()).collect();
        for name in all {
            self.look_again(name);
        }
    }

    /// A store changed, perhaps its class: wakes those whose ExternalSecrets name it.
    pub(super) fn wake_spreaders_of(&mut self, store: &Object) {
        let Object::ClusterSecretStore(store) = store else { return };
        let names = |parsed: &Parsed<ClusterExternalSecret>| {
            let spec = parsed.as_ref().map(|ces| ces.spec.external_secret_spec.clone()).unwrap_or_default();
            let es = ExternalSecret { spec, ..ExternalSecret::default() };
            store_refs(&es).iter().any(|(kind, name)| *kind == StoreKind::ClusterSecretStore && name == store)
        };
        let all: Vec<String> = self
            .cluster_external_secrets
            .iter()
            .filter(|(_, parsed)| names(parsed))
            .map(|(name, _)| name.name.clone())
            .collect();
        for name in all {
            self.look_again(name);
        }
    }

    /// An ExternalSecret changed: wakes who made it, and who would have made one of that name.
    pub(super) fn wake_spreaders(&mut self, meta: &ObjectMeta) {
        let owners: BTreeSet<&str> = meta
            .owner_references
            .iter()
            .flatten()
            .filter(|owner| owner.kind == KIND)
            .map(|owner| owner.name.as_str())
            .collect();
        let concerned: Vec<String> = self
            .cluster_external_secrets
            .iter()
            .filter(|(name, parsed)| {
                let wants = |ces: &ClusterExternalSecret| Some(child_name(ces)) == meta.name.as_deref();
                owners.contains(name.name.as_str()) || parsed.as_ref().as_ref().is_ok_and(wants)
            })
            .map(|(name, _)| name.name.clone())
            .collect();
        for name in concerned {
            self.look_again(name);
        }
        // One whose owner was taken off names nobody: it is known from before.
        let known = self.external_secrets.get(&Name::new(
            meta.namespace.clone().unwrap_or_default(),
            meta.name.clone().unwrap_or_default(),
        ));
        let before = known.as_deref().and_then(|parsed| controller(es_meta(parsed)).map(ToOwned::to_owned));
        let Some(before) = before else { return };
        let maker = self.cluster_external_secrets.iter().find_map(|(name, parsed)| {
            (meta_of(parsed).uid.as_ref() == Some(&before)).then(|| name.name.clone())
        });
        if let Some(maker) = maker {
            self.look_again(maker);
        }
    }

    fn wake_meaning(&mut self, namespace: &str, views: [Option<Arc<NamespaceView>>; 2]) {
        let concerned: Vec<String> = self
            .cluster_external_secrets
            .iter()
            .filter(|(_, parsed)| {
                let Ok(ces) = parsed.as_ref() else { return false };
                views.iter().flatten().any(|view| means(&ces.spec, namespace, &view.labels))
            })
            .map(|(name, _)| name.name.clone())
            .collect();
        for name in concerned {
            self.look_again(name);
        }
    }
}

fn view(namespace: PartialObjectMeta<Namespace>) -> NamespaceView {
    let meta = namespace.metadata;
    NamespaceView { labels: meta.labels.unwrap_or_default(), terminating: meta.deletion_timestamp.is_some() }
}

fn meta_of(parsed: &Parsed<ClusterExternalSecret>) -> &ObjectMeta {
    match parsed {
        Ok(ces) => &ces.metadata,
        Err(invalid) => &invalid.metadata,
    }
}

fn es_meta(parsed: &Parsed<ExternalSecret>) -> &ObjectMeta {
    match parsed {
        Ok(es) => &es.metadata,
        Err(invalid) => &invalid.metadata,
    }
}

/// The uid of the ClusterExternalSecret that controls it.
fn controller(meta: &ObjectMeta) -> Option<&str> {
    let owners = meta.owner_references.iter().flatten();
    owners
        .into_iter()
        .find(|owner| owner.controller == Some(true) && owner.kind == KIND)
        .map(|o| o.uid.as_str())
}

fn child(parsed: &Parsed<ExternalSecret>) -> Child {
    let meta = es_meta(parsed);
    Child {
        uid: meta.uid.clone().unwrap_or_default(),
        resource_version: meta.resource_version.clone().unwrap_or_default(),
        controller: controller(meta).map(ToOwned::to_owned),
        deleting: meta.deletion_timestamp.is_some(),
        labels: meta.labels.clone().unwrap_or_default(),
        annotations: meta.annotations.clone().unwrap_or_default(),
        given: given(meta),
        spec: parsed.as_ref().ok().map(|es| es.spec.clone()),
    }
}

/// Drops field ownership but for the labels and annotations that a ClusterExternalSecret gave.
pub(super) fn keep_given(meta: &mut ObjectMeta) {
    let Some(mut entries) = meta.managed_fields.take() else { return };
    entries.retain(|entry| entry.manager.as_deref() == Some(SPREAD_FIELD_MANAGER));
    for entry in &mut entries {
        if let Some(fields) = &mut entry.fields_v1 {
            *fields = FieldsV1(json!({"f:metadata": fields.0["f:metadata"].take()}));
        }
    }
    meta.managed_fields = (!entries.is_empty()).then_some(entries);
}

fn given(meta: &ObjectMeta) -> Given {
    let mut given = Given::default();
    let entries = meta.managed_fields.iter().flatten();
    for entry in entries.filter(|entry| entry.manager.as_deref() == Some(SPREAD_FIELD_MANAGER)) {
        let Some(fields) = &entry.fields_v1 else { continue };
        let keys = |field: &str| {
            let owned = fields.0["f:metadata"][field].as_object();
            let names = owned.into_iter().flatten().filter_map(|(key, _)| key.strip_prefix("f:"));
            names.map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        given.labels.extend(keys("f:labels"));
        given.annotations.extend(keys("f:annotations"));
    }
    given
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::metrics::Metrics;

    fn ces(name: &str, selector: &str) -> DeserializeGuard<ClusterExternalSecret> {
        serde_json::from_value(json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret",
            "metadata": {"name": name, "uid": name, "generation": 1},
            "spec": {"externalSecretSpec": {}, "namespaceSelectors": [{"matchLabels": {"for": selector}}]},
        }))
        .unwrap()
    }

    fn namespace(name: &str, label: &str) -> PartialObjectMeta<Namespace> {
        serde_json::from_value(json!({"metadata": {"name": name, "labels": {"for": label}}})).unwrap()
    }

    #[test]
    fn a_later_version_is_newer() {
        let meta = |version: &str| ObjectMeta {
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        for (object, known, newer) in
            [("10", "9", true), ("9", "10", false), ("9", "9", false), ("x", "9", true)]
        {
            assert_eq!(is_newer(&meta(object), &meta(known)), newer, "{object} after {known}");
        }
        assert!(is_newer(&ObjectMeta::default(), &meta("9")));
    }

    fn popped(state: &State) -> Vec<String> {
        std::iter::from_fn(|| state.pop())
            .map(|(object, _)| {
                state.done(&object, None);
                object.to_string()
            })
            .collect()
    }

    fn woken(state: &State) -> Vec<String> {
        let all = popped(state).into_iter();
        all.filter_map(|object| Some(object.strip_prefix("ClusterExternalSecret ")?.to_owned())).collect()
    }

    fn two() -> State {
        let state = State::new(Arc::new(Metrics::default()));
        state.begin_work();
        for name in ["a", "b"] {
            state.cluster_external_secret_event(Event::Apply(ces(name, name)));
        }
        assert_eq!(woken(&state), ["a", "b"]);
        state
    }

    #[test]
    fn a_namespace_wakes_who_means_it_now_or_meant_it_before() {
        let state = two();
        state.namespace_event(Event::Apply(namespace("ns", "a")));
        assert_eq!(woken(&state), ["a"]);
        state.namespace_event(Event::Apply(namespace("ns", "a")));
        assert_eq!(woken(&state), Vec::<String>::new(), "nothing changed");
        state.namespace_event(Event::Apply(namespace("ns", "b")));
        assert_eq!(woken(&state), ["a", "b"]);
        state.namespace_event(Event::Apply(namespace("ns", "c")));
        assert_eq!(woken(&state), ["b"]);
        state.namespace_event(Event::Apply(namespace("ns", "b")));
        assert_eq!(woken(&state), ["b"]);
        let mut going = namespace("ns", "b");
        going.metadata.deletion_timestamp =
            Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        state.namespace_event(Event::Apply(going.clone()));
        assert_eq!(woken(&state), ["b"], "it goes");
        state.namespace_event(Event::Delete(going));
        assert_eq!(woken(&state), ["b"], "it is gone");
    }

    #[test]
    fn a_list_wakes_all_for_what_it_shows_no_more() {
        let state = two();
        state.namespace_event(Event::Init);
        state.namespace_event(Event::InitDone);
        assert_eq!(woken(&state), ["a", "b"]);
        state.external_secret_event(Event::Init);
        state.external_secret_event(Event::InitDone);
        assert_eq!(woken(&state), ["a", "b"]);
    }

    #[test]
    fn a_child_wakes_who_made_it_and_who_is_in_its_way() {
        let state = two();
        let es = |name: &str, owner: Option<&str>, generation: u64| -> ExternalSecret {
            let owners: Vec<_> = owner
                .iter()
                .map(|name| {
                    json!({"apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret", "name": name,
                        "uid": name, "controller": true})
                })
                .collect();
            serde_json::from_value(json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
                "metadata": {"name": name, "namespace": "ns", "uid": "u", "generation": generation,
                    "resourceVersion": (10 + generation).to_string(), "ownerReferences": owners,
                    "managedFields": [
                        {"manager": SPREAD_FIELD_MANAGER, "operation": "Apply", "fieldsV1":
                            {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:data": {}}}},
                        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:metadata": {"f:labels": {"f:x": {}}}}},
                    ]},
                "spec": {},
            }))
            .unwrap()
        };
        let event = |es| state.external_secret_event(Event::Apply(DeserializeGuard(Ok(es))));
        event(es("a", Some("b"), 1));
        assert_eq!(woken(&state), ["a", "b"], "by its name and by its owner");
        event(es("a", Some("b"), 1));
        assert_eq!(woken(&state), Vec::<String>::new(), "nothing but a status, perhaps");
        event(es("other", Some("b"), 1));
        assert_eq!(woken(&state), ["b"]);
        event(es("other", None, 1));
        assert_eq!(woken(&state), ["b"], "its owner was taken off");
        event(es("third", None, 1));
        assert_eq!(woken(&state), Vec::<String>::new());
        let children = state.children("b", "third");
        let found: Vec<_> = children.keys().map(|(_, name)| name.as_str()).collect();
        assert_eq!(found, ["a", "third"]);
        let given = &children[&("ns".to_owned(), "a".to_owned())].given;
        assert_eq!(*given, Given { labels: BTreeSet::from(["app".to_owned()]), ..Given::default() });

        state.child_written(es("a", Some("b"), 3));
        assert_eq!(woken(&state), ["a", "b"], "our own write is known at once");
        event(es("a", Some("b"), 3));
        state.child_written(es("a", Some("b"), 2));
        assert_eq!(woken(&state), Vec::<String>::new(), "the watch had shown something newer");
    }
}
