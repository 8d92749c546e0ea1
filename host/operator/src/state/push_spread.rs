//! What is known of ClusterPushSecrets, and who of them has to look again when one of these, a namespace or a PushSecret
//! changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use claviger_core::push::spread::{child_name, means};
use claviger_core::scheduler::Class;
use claviger_core::spread::{Child, NamespaceView};
use claviger_crds::cluster_push_secret::{ClusterPushSecret, ClusterPushSecretStatus};
use claviger_crds::push_secret::{PushSecret, PushSecretSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;

use super::children::{child, controller};
use super::watched::shows_nothing_new;
use super::{Inner, Parsed, State, meta_of};
use crate::watch::Object;
use crate::watch::cache::{Change, Name};

const KIND: &str = "ClusterPushSecret";

/// What a ClusterPushSecret decides by.
pub(crate) struct PushConcerned {
    /// Every namespace.
    pub namespaces: BTreeMap<String, Arc<NamespaceView>>,
    /// Its PushSecrets, and those that have their name, by namespace and name.
    pub push_secrets: BTreeMap<(String, String), Arc<Parsed<PushSecret>>>,
}

impl PushConcerned {
    /// As the decision sees them.
    pub(crate) fn children(&self) -> BTreeMap<(String, String), Child<'_, PushSecretSpec>> {
        self.push_secrets.iter().map(|(name, parsed)| (name.clone(), child(parsed, KIND))).collect()
    }
}

impl State {
    /// An event of the ClusterPushSecret watch.
    pub(crate) fn cluster_push_secret_event(&self, event: Event<DeserializeGuard<ClusterPushSecret>>) {
        let mut inner = self.lock();
        let wanted =
            |meta: &ObjectMeta| (meta.uid.clone(), meta.generation, meta.deletion_timestamp.is_some());
        let same = shows_nothing_new(&inner.cluster_push_secrets, &event, wanted);
        for change in inner.cluster_push_secrets.apply(event, |guard| guard.0.map_err(Box::new)) {
            match change {
                Change::Upserted(_) if same => {}
                Change::Upserted(name) => inner.spread_pushes(name.name),
                Change::Deleted(name) => {
                    self.metrics.forget(&Object::ClusterPushSecret(name.name.clone()));
                    inner.spread_pushes(name.name);
                }
                Change::Synced => {}
            }
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// A ClusterPushSecret.
    pub(crate) fn cluster_push_secret(&self, name: &str) -> Option<Arc<Parsed<ClusterPushSecret>>> {
        self.lock().cluster_push_secrets.get(&Name::new("", name))
    }

    /// Our own write of a status, before the watch shows it: the next one is compared with it.
    pub(crate) fn cluster_push_status_written(&self, name: &str, status: &ClusterPushSecretStatus) {
        let mut inner = self.lock();
        let name = Name::new("", name);
        if let Some(Ok(cps)) = inner.cluster_push_secrets.get(&name).as_deref() {
            let cps = ClusterPushSecret { status: Some(status.clone()), ..cps.clone() };
            inner.cluster_push_secrets.insert(name, Ok(cps));
        }
    }

    /// What the ClusterPushSecret with that uid, whose PushSecrets have that name, decides by.
    pub(crate) fn push_concerned(&self, uid: &str, child: &str) -> PushConcerned {
        let inner = self.lock();
        let namespaces = inner.namespaces.iter().map(|(name, view)| (name.name.clone(), view.clone()));
        let own = inner
            .push_secrets
            .iter()
            .filter(|(name, parsed)| name.name == child || controller(meta_of(parsed), KIND) == Some(uid));
        PushConcerned {
            namespaces: namespaces.collect(),
            push_secrets: own
                .map(|(name, parsed)| ((name.namespace.clone(), name.name.clone()), parsed.clone()))
                .collect(),
        }
    }
}

impl Inner {
    fn spread_pushes(&mut self, name: String) {
        self.queue.push(Object::ClusterPushSecret(name), Class::Fresh, Instant::now());
    }

    /// A list came in.
    pub(super) fn wake_all_push_spreaders(&mut self) {
        let all: Vec<String> = self.cluster_push_secrets.iter().map(|(name, _)| name.name.clone()).collect();
        all.into_iter().for_each(|name| self.spread_pushes(name));
    }

    /// A PushSecret changed, or goes: wakes who made it, and who would have made one of that name.
    pub(super) fn wake_push_spreaders(&mut self, meta: &ObjectMeta) {
        let before = self.push_secrets.get(&Name::new(
            meta.namespace.clone().unwrap_or_default(),
            meta.name.clone().unwrap_or_default(),
        ));
        let before = before.as_deref().and_then(|parsed| controller(meta_of(parsed), KIND));
        let after = controller(meta, KIND);
        let concerned: Vec<String> = self
            .cluster_push_secrets
            .iter()
            .filter(|(_, parsed)| {
                let uid = meta_of(parsed).uid.as_deref();
                let named =
                    parsed.as_ref().as_ref().is_ok_and(|cps| Some(child_name(cps)) == meta.name.as_deref());
                named || uid.is_some() && (uid == before || uid == after)
            })
            .map(|(name, _)| name.name.clone())
            .collect();
        concerned.into_iter().for_each(|name| self.spread_pushes(name));
    }

    /// A namespace changed: wakes those that mean it, or meant it before.
    pub(super) fn wake_push_meaning(&mut self, views: [Option<&NamespaceView>; 2]) {
        let meant = |parsed: &Parsed<ClusterPushSecret>| {
            let Ok(cps) = parsed else { return false };
            views.iter().flatten().any(|view| means(&cps.spec, &view.labels))
        };
        let all = self.cluster_push_secrets.iter().filter(|(_, parsed)| meant(parsed));
        let all: Vec<String> = all.map(|(name, _)| name.name.clone()).collect();
        all.into_iter().for_each(|name| self.spread_pushes(name));
    }
}
