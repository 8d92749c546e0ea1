//! What somebody sees who looks at all of it at once: pointers to the objects, taken under the lock, and looked at without
//! it.
//!
//! Ten thousand objects are ten thousand counted pointers, some half a millisecond; nothing is sorted, formatted or
//! copied meanwhile. When an object is due is asked for the few that are shown.

use std::sync::Arc;
use std::time::Instant;

use claviger_core::scheduler::Next;
use claviger_crds::external_secret::ExternalSecret;
use claviger_crds::plugin::Plugin;
use claviger_crds::push_secret::PushSecret;
use jiff::Timestamp;

use super::{Parsed, State, Store};
use crate::watch::Object;
use crate::watch::cache::Name;

/// All objects of a moment, each kind in the order of namespaces and names.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) stores: Vec<Arc<Store>>,
    pub(crate) cluster_stores: Vec<Arc<Store>>,
    pub(crate) external_secrets: Vec<Arc<Parsed<ExternalSecret>>>,
    pub(crate) push_secrets: Vec<Arc<Parsed<PushSecret>>>,
    pub(crate) plugins: Vec<Arc<Parsed<Plugin>>>,
}

/// What this process knows of an object's times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// When it was last refreshed.
    pub(crate) last: Option<Timestamp>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// When it is looked at next; none: when it changes.
    pub(crate) next: Option<Instant>,
}

impl State {
    /// All objects as they are now.
    pub(crate) fn view(&self) -> View {
        let inner = self.lock();
        View {
            stores: inner.stores.iter().map(|(_, one)| one.clone()).collect(),
            cluster_stores: inner.cluster_stores.iter().map(|(_, one)| one.clone()).collect(),
            external_secrets: inner.external_secrets.iter().map(|(_, one)| one.clone()).collect(),
            push_secrets: inner.push_secrets.iter().map(|(_, one)| one.clone()).collect(),
            plugins: inner.plugins.iter().map(|(_, one)| one.clone()).collect(),
        }
    }

    /// The times of these.
    pub(crate) fn timings(&self, objects: &[Object]) -> Vec<Timing> {
        let now = Instant::now();
        let inner = self.lock();
        let timing = |object: &Object| {
            let counted = match object {
                Object::ExternalSecret(name) => Some(name.clone()),
                Object::ClusterExternalSecret(name) | Object::ClusterPushSecret(name) => {
                    Some(Name::new("", name))
                }
                _ => None,
            };
            let progress = counted.and_then(|name| inner.progress.get(&name).copied()).unwrap_or_default();
            let failures = match object {
                Object::SecretStore(_) | Object::ClusterSecretStore(_) => {
                    inner.store_failures.get(object).copied().unwrap_or_default()
                }
                _ => progress.failures,
            };
            let next = inner.queue.next_of(object).map(|next| match next {
                Next::InFlight => now,
                Next::At(at) => at,
            });
            Timing { last: progress.last, failures, next }
        };
        objects.iter().map(timing).collect()
    }
}
