//! What is known of ClusterExternalSecrets and namespaces, and who of them has to look again when one of these or an
//! ExternalSecret changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use claviger_core::scheduler::Class;
use claviger_core::spread::{NamespaceView, child_name, means};
use claviger_crds::cluster_external_secret::{ClusterExternalSecret, ClusterExternalSecretStatus};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::watcher::Event;

use super::children::controller;
use super::watched::shows_nothing_new;
use super::{Inner, Parsed, State, meta_of, stores_named};
use crate::watch::Object;
use crate::watch::cache::{Change, Name};

pub(super) const KIND: &str = "ClusterExternalSecret";

impl State {
    /// An event of the ClusterExternalSecret watch.
    pub(crate) fn cluster_external_secret_event(
        &self,
        event: Event<DeserializeGuard<ClusterExternalSecret>>,
    ) {
        let mut inner = self.lock();
        let wanted = |meta: &ObjectMeta| {
            (meta.uid.clone(), meta.generation, meta.annotations.clone(), meta.deletion_timestamp.is_some())
        };
        let same = shows_nothing_new(&inner.cluster_external_secrets, &event, wanted);
        for change in inner.cluster_external_secrets.apply(event, |guard| guard.0.map_err(Box::new)) {
            match change {
                Change::Upserted(_) if same => {}
                Change::Upserted(name) => {
                    inner.find_meant(&name.name);
                    inner.look_again(name.name);
                }
                Change::Deleted(name) => {
                    inner.spreading.meant.remove(&name.name);
                    self.metrics.forget(&Object::ClusterExternalSecret(name.name.clone()));
                    inner.look_again(name.name);
                }
                Change::Synced => {}
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// An event of the namespaces' watch: wakes those that mean it, or meant it before.
    pub(crate) fn namespace_event(&self, event: Event<PartialObjectMeta<Namespace>>) {
        let mut inner = self.lock();
        let name = match &event {
            Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => object.name_any(),
            Event::Init | Event::InitDone => String::new(),
        };
        let before = inner.namespaces.get(&Name::new("", &name));
        if matches!(event, Event::InitDone) {
            inner.wake_all_spreaders();
            inner.wake_all_push_spreaders();
        }
        for change in inner.namespaces.apply(event, view) {
            let (Change::Upserted(changed) | Change::Deleted(changed)) = change else { continue };
            let known = if changed.name == name { before.clone() } else { None };
            let after = inner.namespaces.get(&changed);
            if known.is_none() || known != after {
                inner.wake_push_meaning([known.as_deref(), after.as_deref()]);
                inner.wake_meaning(&changed.name, [known, after]);
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// Our own write of a status, before the watch shows it: the next one is compared with it.
    pub(crate) fn cluster_status_written(&self, name: &str, status: &ClusterExternalSecretStatus) {
        let mut inner = self.lock();
        let name = Name::new("", name);
        let known = inner.cluster_external_secrets.get(&name);
        if let Some(Ok(ces)) = known.as_deref() {
            let ces = ClusterExternalSecret { status: Some(status.clone()), ..ces.clone() };
            inner.cluster_external_secrets.insert(name, Ok(ces));
        }
    }

    /// A ClusterExternalSecret.
    pub(crate) fn cluster_external_secret(&self, name: &str) -> Option<Arc<Parsed<ClusterExternalSecret>>> {
        self.lock().cluster_external_secrets.get(&Name::new("", name))
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
        if !matches!(store, Object::ClusterSecretStore(_)) {
            return;
        }
        let names = |parsed: &Parsed<ClusterExternalSecret>| {
            let Ok(ces) = parsed else { return false };
            stores_named(&ces.spec.external_secret_spec, "").any(|named| named == *store)
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
        let before =
            known.as_deref().and_then(|parsed| controller(meta_of(parsed), KIND).map(ToOwned::to_owned));
        let Some(before) = before else { return };
        let maker = self.cluster_external_secrets.iter().find_map(|(name, parsed)| {
            (meta_of(parsed).uid.as_ref() == Some(&before)).then(|| name.name.clone())
        });
        if let Some(maker) = maker {
            self.look_again(maker);
        }
    }

    fn wake_meaning(&mut self, namespace: &str, [before, after]: [Option<Arc<NamespaceView>>; 2]) {
        let mut concerned = Vec::new();
        for (name, parsed) in self.cluster_external_secrets.iter() {
            let Ok(ces) = parsed.as_ref() else { continue };
            let meant = |view: &Option<Arc<NamespaceView>>| {
                view.as_ref().is_some_and(|view| means(&ces.spec, namespace, &view.labels))
            };
            self.spreading.set_meant(&name.name, namespace, meant(&after));
            if meant(&before) || meant(&after) {
                concerned.push(name.name.clone());
            }
        }
        for name in concerned {
            self.look_again(name);
        }
    }
}

fn view(namespace: PartialObjectMeta<Namespace>) -> NamespaceView {
    let meta = namespace.metadata;
    NamespaceView { labels: meta.labels.unwrap_or_default(), terminating: meta.deletion_timestamp.is_some() }
}

#[cfg(test)]
#[path = "spread_tests.rs"]
mod tests;
