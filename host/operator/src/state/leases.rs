//! What this process knows of leases beyond their records: what renewing told, what was revoked, and the records of
//! Secrets that are gone. Lost with the process; then it is asked again, or runs out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use claviger_core::lease::{Live, Lives, Record};
use claviger_core::names::{LEASE_ANNOTATIONS, lease_annotation};
use claviger_core::provider::Lease;

use super::{Inner, State};
use crate::watch::cache::Name;
use crate::watch::managed::ManagedSecret;

/// Records of Secrets that are gone, kept until their ExternalSecret's turn, which comes at once. A process that stands by
/// keeps none: they are the other's to take back.
const MAX_ORPHANED: usize = 1_000;

/// Of one ExternalSecret.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaseMemory {
    /// What renewing told.
    pub lives: Lives,
    /// Ids that were revoked, or cannot be.
    pub revoked: BTreeSet<String>,
    /// When it was made anew because its Secret was not as it was left.
    repairs: Vec<Instant>,
}

/// The record of a Secret that is gone.
#[derive(Clone, Debug)]
pub(crate) struct Orphaned {
    /// Its annotation.
    pub record: String,
    /// Since when.
    pub since: Instant,
}

/// Of all.
#[derive(Default)]
pub(super) struct Leases {
    memory: BTreeMap<Name, LeaseMemory>,
    /// By ExternalSecret.
    orphaned: BTreeMap<Name, Orphaned>,
    /// Uids of ExternalSecrets that are gone.
    gone: BTreeMap<Name, BTreeSet<String>>,
}

impl State {
    /// What is known.
    pub(crate) fn leases(&self, name: &Name) -> LeaseMemory {
        self.lock().leases.memory.get(name).cloned().unwrap_or_default()
    }

    /// A renewal came to that.
    pub(crate) fn lease_renewed(&self, name: &Name, id: &str, live: Live) {
        let mut inner = self.lock();
        inner.leases.memory.entry(name.clone()).or_default().lives.insert(id.to_owned(), live);
    }

    /// It was revoked, or cannot be.
    pub(crate) fn lease_revoked(&self, name: &Name, id: &str) {
        let mut inner = self.lock();
        inner.leases.memory.entry(name.clone()).or_default().revoked.insert(id.to_owned());
    }

    /// What the record on its Secret names is all that there is to know of.
    pub(crate) fn leases_recorded(&self, name: &Name, record: &Record) {
        let live = |id: &String| {
            let ids = record.held.iter().chain(record.retired.iter().map(|retired| &retired.held));
            ids.filter_map(|held| held.lease.as_ref()).any(|lease| lease.id == *id)
        };
        let mut inner = self.lock();
        if let Some(memory) = inner.leases.memory.get_mut(name) {
            memory.lives.retain(|id, _| live(id));
            memory.revoked.retain(live);
        }
    }

    /// Whether a managed Secret holds that lease now.
    pub(crate) fn is_held(&self, id: &str) -> bool {
        self.holds(id, |lease| lease.id == id)
    }

    /// Whether a lease that a managed Secret holds now ends with the login of that accessor.
    pub(crate) fn holds_by(&self, accessor: &str) -> bool {
        self.holds(accessor, |lease| {
            lease.holder.as_ref().is_some_and(|holder| holder.accessor.as_deref() == Some(accessor))
        })
    }

    /// Whether a managed Secret holds such a lease, whose record has that text in it.
    fn holds(&self, said: &str, such: impl Fn(&Lease) -> bool) -> bool {
        // As JSON writes it.
        let said = serde_json::to_string(said).unwrap_or_default();
        let holds = |text: &str| {
            text.contains(&said)
                && Record::parse(text).is_some_and(|record| {
                    record.held.iter().filter_map(|held| held.lease.as_ref()).any(&such)
                })
        };
        let leased = self.lock().managed.leased();
        let mut saying =
            leased.iter().filter(|packed| packed.says(&said)).filter_map(|packed| packed.unpack());
        saying.any(|secret| records(&secret).any(|(_, text)| holds(text)))
    }

    /// Uids of ExternalSecrets of that name that are gone; told once.
    pub(crate) fn gone(&self, name: &Name) -> BTreeSet<String> {
        self.lock().leases.gone.remove(name).unwrap_or_default()
    }

    /// The record of a Secret of that ExternalSecret's that is gone.
    pub(crate) fn orphaned(&self, name: &Name) -> Option<Orphaned> {
        self.lock().leases.orphaned.get(name).cloned()
    }

    /// Its leases are taken back, or named by another Secret's record.
    pub(crate) fn forget_orphaned(&self, name: &Name) {
        self.lock().leases.orphaned.remove(name);
    }

    /// Nothing is leased to it any more.
    pub(crate) fn forget_leases(&self, name: &Name) {
        self.lock().leases.memory.remove(name);
    }

    /// What is leased to it is made anew because its Secret is not as it was left. Whether it may be now: who changes
    /// Secrets as often as they are repaired would have credentials made at that speed.
    ///
    /// When it may, if not now.
    pub(crate) fn repair_held_back(&self, name: &Name) -> Option<Instant> {
        /// Repairs that count.
        const WINDOW: Duration = Duration::from_secs(600);
        /// Between the first and the second; each further one waits twice as long.
        const PAUSE: Duration = Duration::from_secs(5);
        let (mut inner, now) = (self.lock(), Instant::now());
        let repairs = &mut inner.leases.memory.entry(name.clone()).or_default().repairs;
        repairs.retain(|at| now.duration_since(*at) < WINDOW);
        if let Some(last) = repairs.last() {
            let doublings = u32::try_from(repairs.len() - 1).unwrap_or(u32::MAX).min(6);
            let next = *last + PAUSE * 2_u32.pow(doublings);
            return Some(next).filter(|next| *next > now);
        }
        None
    }

    /// That was done.
    pub(crate) fn repaired(&self, name: &Name) {
        self.lock().leases.memory.entry(name.clone()).or_default().repairs.push(Instant::now());
    }
}

impl Inner {
    /// A Secret is gone that an ExternalSecret controlled: what its record names nobody holds any more.
    pub(super) fn orphan(&mut self, secret: &ManagedSecret) -> Option<Name> {
        let owners = secret.metadata.owner_references.iter().flatten();
        let owner = owners
            .into_iter()
            .find(|owner| owner.controller == Some(true) && owner.kind == "ExternalSecret")?;
        let annotation = lease_annotation(&owner.name);
        let text = secret.metadata.annotations.as_ref()?.get(&annotation)?.clone();
        let name = Name::new(secret.metadata.namespace.as_deref().unwrap_or_default(), &owner.name);
        if self.working && self.leases.orphaned.len() < MAX_ORPHANED {
            self.leases.orphaned.insert(name.clone(), Orphaned { record: text, since: Instant::now() });
        }
        Some(name)
    }

    /// An ExternalSecret is gone.
    pub(super) fn external_secret_gone(&mut self, name: &Name, uid: String) {
        if self.working && self.leases.gone.len() < MAX_ORPHANED {
            self.leases.gone.entry(name.clone()).or_default().insert(uid);
        }
    }
}

fn records(secret: &ManagedSecret) -> impl Iterator<Item = (&String, &String)> {
    let annotations = secret.metadata.annotations.iter().flatten();
    annotations.filter(|(name, _)| name.starts_with(LEASE_ANNOTATIONS))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;
    use crate::metrics::Metrics;

    fn record(ids: &[&str], retired: &[&str]) -> String {
        let one = |id: &&str| {
            json!({"kind": "SecretStore", "name": "vault", "key": "db", "issued": "2026-01-01T00:00:00Z",
            "lease": {"id": id, "seconds": 60, "renewable": true}})
        };
        let old = |id: &&str| {
            let mut old = one(id);
            old["revoke"] = json!("rollout");
            old
        };
        let held: Vec<_> = ids.iter().map(one).collect();
        let retired: Vec<_> = retired.iter().map(old).collect();
        json!({"salt": "s", "inputs": "i", "held": held, "retired": retired}).to_string()
    }

    fn secret(owner: &str, record: &str) -> ManagedSecret {
        serde_json::from_value(json!({"metadata": {
            "name": "target", "namespace": "ns", "uid": "u", "resourceVersion": "1",
            "ownerReferences": [{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": owner,
                "uid": "o", "controller": true}],
            "annotations": {lease_annotation(owner): record},
        }}))
        .unwrap()
    }

    #[test]
    fn a_lease_is_held_while_a_secret_s_record_says_so() {
        let state = State::new(Arc::new(Metrics::default()));
        state.managed_event(Event::Apply(secret("db", &record(&["live"], &["old"]))));
        assert!(state.is_held("live"));
        assert!(!state.is_held("old"), "it is named, and replaced");
        assert!(!state.is_held("liv"), "a part of an id is none");
        // As JSON in JSON writes it.
        let odd = r#"a"b\c/ü"#;
        state.managed_event(Event::Apply(secret("db", &record(&["live", odd], &[]))));
        assert!(state.is_held(odd) && state.is_held("live"));
        assert!(!state.is_held(r#"a"b"#));
        state.managed_event(Event::Delete(secret("db", &record(&["live"], &[]))));
        assert!(!state.is_held("live"));
    }

    #[test]
    fn a_login_is_held_by_while_a_lease_ends_with_it() {
        let state = State::new(Arc::new(Metrics::default()));
        let mut held: serde_json::Value = serde_json::from_str(&record(&["live"], &["old"])).unwrap();
        for (list, accessor) in [("held", "one"), ("retired", "two")] {
            held[list][0]["lease"]["holder"] =
                json!({"accessor": accessor, "seconds": 60, "renewable": false});
        }
        state.managed_event(Event::Apply(secret("db", &held.to_string())));
        assert!(state.holds_by("one"));
        for other in ["two", "live", "on", ""] {
            assert!(!state.holds_by(other), "{other}");
        }
    }

    #[test]
    fn the_record_of_a_secret_that_is_gone_is_told_once_to_who_works() {
        let state = State::new(Arc::new(Metrics::default()));
        let (name, gone) = (Name::new("ns", "db"), secret("db", &record(&["live"], &[])));
        state.managed_event(Event::Delete(gone.clone()));
        assert!(state.orphaned(&name).is_none(), "who stands by leaves it to who works");
        state.begin_work();
        state.managed_event(Event::Delete(gone));
        assert_eq!(state.orphaned(&name).unwrap().record, record(&["live"], &[]));
        state.forget_orphaned(&name);
        assert!(state.orphaned(&name).is_none());
    }

    /// With the first at once, a second a moment later has to wait, and a third longer.
    #[test]
    fn who_breaks_a_secret_again_and_again_does_not_get_a_credential_each_time() {
        let state = State::new(Arc::new(Metrics::default()));
        let name = Name::new("ns", "db");
        assert_eq!(
            (state.repair_held_back(&name), state.repair_held_back(&name)),
            (None, None),
            "a try is none"
        );
        let pause =
            || state.repair_held_back(&name).map(|until| until.duration_since(Instant::now()).as_secs());
        state.repaired(&name);
        assert_eq!(pause(), Some(4));
        state.repaired(&name);
        assert_eq!(pause(), Some(9));
        assert_eq!(state.repair_held_back(&Name::new("ns", "other")), None);
    }

    #[test]
    fn what_is_recorded_no_more_is_forgotten() {
        let state = State::new(Arc::new(Metrics::default()));
        let name = Name::new("ns", "db");
        let live = Live::gone(jiff::Timestamp::UNIX_EPOCH);
        for id in ["live", "old", "older"] {
            state.lease_renewed(&name, id, live);
            state.lease_revoked(&name, id);
        }
        state.leases_recorded(&name, &Record::parse(&record(&["live"], &["old"])).unwrap());
        let memory = state.leases(&name);
        assert_eq!(memory.lives.into_keys().collect::<Vec<_>>(), ["live", "old"]);
        assert_eq!(memory.revoked.into_iter().collect::<Vec<_>>(), ["live", "old"]);
    }
}
