//! What a status records of places while they are pushed to: what was pushed, and what is about to be for the first time.
//!
//! The latter is written down before the provider is asked, so that who is killed in between, or never hears an answer,
//! finds it again. Whether it is there nobody knows then: it is pushed again, or taken back if it is ours.

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::push_secret::{PushData, PushSecretStatus, SyncedPushSecrets};

use super::entries::place_of;
use super::status::recorded;
use crate::error::Failure;

/// A part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `syncedPushSecrets`: what is there.
    Synced,
    /// `pushing`: what may be there.
    Pushing,
}

/// What a push of an entry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is there.
    Pushed,
    /// Something was there before, and stays (`updatePolicy: IfNotExists`).
    Found,
    /// Nothing was written by this try.
    Refused,
    /// It may have been written.
    Unknown,
}

impl Ended {
    /// What a failure tells of what was to be written. A request that was cut off may have been heard, and a write may be
    /// several requests, of which a later one was refused: so of what the provider said nothing is known.
    pub fn of(failure: &Failure) -> Self {
        match failure {
            Failure::ProviderUnavailable { .. }
            | Failure::ProviderFailed { .. }
            | Failure::InvalidProviderConfig { .. }
            | Failure::AuthenticationFailed { .. }
            | Failure::AccessDenied { .. }
            | Failure::WriteRefused { .. }
            | Failure::RemoteKeyNotFound { .. }
            | Failure::PluginFault { .. }
            | Failure::RateLimited { .. } => Self::Unknown,
            _ => Self::Refused,
        }
    }
}

/// What a status records, and what a look makes of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// What was pushed.
    pub synced: SyncedPushSecrets,
    /// What may have been.
    pub pushing: SyncedPushSecrets,
    /// What of the latter is tried for the first time: store and name.
    begun: BTreeSet<(String, String)>,
    /// What of the latter was looked at since: nothing stood there, or what is pushed.
    proven: BTreeSet<(String, String)>,
}

impl Record {
    /// What a status says.
    pub fn of(status: Option<&PushSecretStatus>) -> Self {
        let Some(status) = status else { return Self::default() };
        Self {
            synced: status.synced_push_secrets.clone(),
            pushing: status.pushing.clone(),
            ..Self::default()
        }
    }

    /// Whether nothing is at a provider.
    pub fn is_empty(&self) -> bool {
        self.synced.is_empty() && self.pushing.is_empty()
    }

    /// One of the two.
    pub fn part(&self, part: Part) -> &SyncedPushSecrets {
        match part {
            Part::Synced => &self.synced,
            Part::Pushing => &self.pushing,
        }
    }

    /// Whether it has that place, in either.
    pub fn knows(&self, store: &str, entry: &PushData) -> bool {
        self.has(Part::Synced, store, entry) || self.has(Part::Pushing, store, entry)
    }

    /// Whether it may have been pushed, and nobody knows.
    pub fn is_unsure(&self, store: &str, entry: &PushData) -> bool {
        self.has(Part::Pushing, store, entry) && !self.has(Part::Synced, store, entry)
    }

    /// Whether it is tried for the first time.
    pub fn is_begun(&self, store: &str, entry: &PushData) -> bool {
        self.begun.contains(&(store.to_owned(), recorded(entry).0))
    }

    /// What nobody knew of was looked at: nothing stands there, or what is pushed.
    pub fn prove(&mut self, store: &str, entry: &PushData) {
        self.proven.insert((store.to_owned(), recorded(entry).0));
    }

    /// What stands under the name of an entry that is about to be pushed, and is another place.
    pub fn namesake(&self, store: &str, entry: &PushData) -> Option<&PushData> {
        let known = self.pushing.get(store)?.get(&recorded(entry).0)?;
        (place_of(known) != place_of(entry)).then_some(known)
    }

    /// What is recorded under the name of an entry, if it is that or another place.
    pub(super) fn named(&self, store: &str, entry: &PushData) -> Option<&PushData> {
        let (name, _) = recorded(entry);
        [&self.synced, &self.pushing].into_iter().find_map(|part| part.get(store)?.get(&name))
    }

    fn has(&self, part: Part, store: &str, entry: &PushData) -> bool {
        let known = self.part(part).get(store).and_then(|entries| entries.get(&recorded(entry).0));
        known.is_some_and(|known| place_of(known) == place_of(entry))
    }

    /// These are about to be written to a store. Answers those that it did not know, which the status has to say first.
    pub fn begin<'e>(
        &mut self,
        store: &str,
        entries: impl IntoIterator<Item = &'e PushData>,
    ) -> BTreeMap<String, PushData> {
        let unknown = entries.into_iter().filter(|entry| !self.knows(store, entry));
        let new: BTreeMap<String, PushData> = unknown.map(recorded).collect();
        if !new.is_empty() {
            self.begun.extend(new.keys().map(|name| (store.to_owned(), name.clone())));
            self.pushing.entry(store.to_owned()).or_default().extend(new.clone());
        }
        new
    }

    /// A push of an entry ended so.
    pub fn end(&mut self, store: &str, entry: &PushData, ended: Ended) {
        let (name, record) = recorded(entry);
        let place = (store.to_owned(), name.clone());
        let (begun, proven) = (self.begun.contains(&place), self.proven.contains(&place));
        match ended {
            Ended::Found if !begun && self.is_unsure(store, entry) => {
                // Whose it is stays as unsure as it was, but if it is what is pushed.
                if proven {
                    self.forget(Part::Pushing, store, entry);
                    self.synced.entry(store.to_owned()).or_default().insert(name, record);
                }
            }
            Ended::Found if !self.has(Part::Synced, store, entry) => self.forget(Part::Pushing, store, entry),
            Ended::Pushed | Ended::Found => {
                self.forget(Part::Pushing, store, entry);
                self.synced.entry(store.to_owned()).or_default().insert(name, record);
            }
            // An earlier try may have written it.
            Ended::Refused if !begun => {}
            Ended::Refused => self.forget(Part::Pushing, store, entry),
            Ended::Unknown => {}
        }
    }

    /// It is there no more, or not ours any more.
    pub fn forget(&mut self, part: Part, store: &str, entry: &PushData) {
        if !self.has(part, store, entry) {
            return;
        }
        let of = match part {
            Part::Synced => &mut self.synced,
            Part::Pushing => &mut self.pushing,
        };
        let Some(entries) = of.get_mut(store) else { return };
        entries.remove(&recorded(entry).0);
        if entries.is_empty() {
            of.remove(store);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const STORE: &str = "SecretStore/vault";

    fn entry(place: &str) -> PushData {
        let (key, property) = place.split_once('#').unwrap_or((place, ""));
        serde_json::from_value(
            json!({"match": {"secretKey": "s", "remoteRef": {"remoteKey": key, "property": property}}}),
        )
        .unwrap_or_default()
    }

    fn part(places: &[&str]) -> SyncedPushSecrets {
        let entries: BTreeMap<_, _> = places.iter().map(|place| recorded(&entry(place))).collect();
        if entries.is_empty() { SyncedPushSecrets::new() } else { [(STORE.to_owned(), entries)].into() }
    }

    fn record(synced: &[&str], pushing: &[&str]) -> Record {
        let (synced_push_secrets, pushing) = (part(synced), part(pushing));
        Record::of(Some(&PushSecretStatus { synced_push_secrets, pushing, ..PushSecretStatus::default() }))
    }

    /// What the status says before, what is pushed, what it has to say first, how each push ends, what it says then.
    #[test]
    fn what_is_new_is_said_first_and_what_came_of_it_afterwards() {
        use Ended::{Found, Pushed, Refused, Unknown};
        type Case = (
            &'static str,
            (&'static [&'static str], &'static [&'static str]),
            &'static [(&'static str, Ended)],
            &'static [&'static str],
            (&'static [&'static str], &'static [&'static str]),
        );
        #[rustfmt::skip]
        let cases: &[Case] = &[
            ("a first push", (&[], &[]), &[("k", Pushed), ("k#p", Pushed)], &["k", "k/p"], (&["k", "k#p"], &[])),
            ("nothing new", (&["k"], &[]), &[("k", Pushed)], &[], (&["k"], &[])),
            ("one more", (&["k"], &[]), &[("k", Pushed), ("l", Pushed)], &["l"], (&["k", "l"], &[])),
            ("refused", (&[], &[]), &[("k", Refused), ("l", Pushed)], &["k", "l"], (&["l"], &[])),
            ("no answer", (&[], &[]), &[("k", Unknown)], &["k"], (&[], &["k"])),
            ("again after a kill", (&[], &["k"]), &[("k", Pushed)], &[], (&["k"], &[])),
            ("refused after a kill", (&[], &["k"]), &[("k", Refused)], &[], (&[], &["k"])),
            ("no answer after a kill", (&[], &["k"]), &[("k", Unknown)], &[], (&[], &["k"])),
            ("another was faster", (&[], &[]), &[("k", Found)], &["k"], (&[], &[])),
            ("found after a kill", (&[], &["k"]), &[("k", Found)], &[], (&[], &["k"])),
            ("found again", (&["k"], &[]), &[("k", Found)], &[], (&["k"], &[])),
            ("refused, and known", (&["k"], &[]), &[("k", Refused)], &[], (&["k"], &[])),
            ("of another name", (&[], &["a"]), &[("k", Pushed)], &["k"], (&["k"], &["a"])),
            ("of that name, elsewhere", (&["a/b"], &[]), &[("a#b", Pushed)], &["a/b"], (&["a#b"], &[])),
        ];
        for (what, (synced, pushing), pushes, said, (then_synced, then_pushing)) in cases {
            let mut record = record(synced, pushing);
            let entries: Vec<PushData> = pushes.iter().map(|(place, _)| entry(place)).collect();
            let new = record.begin(STORE, &entries);
            assert_eq!(new.keys().collect::<Vec<_>>(), *said, "{what}");
            for (entry, (_, ended)) in entries.iter().zip(*pushes) {
                record.end(STORE, entry, *ended);
            }
            assert_eq!((record.synced, record.pushing), (part(then_synced), part(then_pushing)), "{what}");
        }
    }

    #[test]
    fn what_was_found_after_a_kill_is_ours_if_it_is_what_is_pushed() {
        let mut record = record(&["known"], &["k", "known"]);
        assert!(record.is_unsure(STORE, &entry("k")) && !record.is_unsure(STORE, &entry("known")));
        assert!(!record.is_unsure(STORE, &entry("another")));
        record.prove(STORE, &entry("k"));
        assert_eq!(record.begin(STORE, &[entry("k")]).len(), 0);
        record.end(STORE, &entry("k"), Ended::Found);
        assert_eq!((record.synced, record.pushing), (part(&["k", "known"]), part(&["known"])));
    }

    #[test]
    fn two_places_of_one_name_are_told_apart() {
        let record = record(&[], &["a/b", "k"]);
        assert_eq!(record.namesake(STORE, &entry("a#b")), Some(&entry("a/b")));
        assert_eq!(record.namesake(STORE, &entry("a/b")), None);
        assert_eq!(record.namesake("SecretStore/other", &entry("a#b")), None);
    }

    #[test]
    fn what_is_taken_back_is_forgotten_and_nothing_else() {
        let mut record = record(&["k", "a#b"], &["l"]);
        record.forget(Part::Synced, STORE, &entry("k"));
        record.forget(Part::Synced, STORE, &entry("a/b"));
        record.forget(Part::Synced, STORE, &entry("l"));
        record.forget(Part::Synced, "SecretStore/other", &entry("a#b"));
        assert_eq!((&record.synced, &record.pushing), (&part(&["a#b"]), &part(&["l"])));
        record.forget(Part::Pushing, STORE, &entry("l"));
        record.forget(Part::Synced, STORE, &entry("a#b"));
        assert!(record.is_empty());
    }

    #[test]
    fn what_the_provider_says_tells_nothing_and_what_was_not_sent_wrote_nothing() {
        use crate::error::StoreName;
        use crate::secret::Untrusted;
        let store = StoreName { kind: "SecretStore".into(), namespace: None, name: "s".to_owned() };
        let (plugin, detail) = ("vault@1".to_owned(), Untrusted::new("x"));
        let cases = [
            (
                Failure::ProviderUnavailable {
                    store: store.clone(),
                    plugin: plugin.clone(),
                    detail: detail.clone(),
                },
                Ended::Unknown,
            ),
            (
                Failure::ProviderFailed {
                    store: store.clone(),
                    plugin: plugin.clone(),
                    key: None,
                    detail: detail.clone(),
                },
                Ended::Unknown,
            ),
            (
                Failure::WriteRefused {
                    store: store.clone(),
                    plugin: plugin.clone(),
                    key: None,
                    detail: detail.clone(),
                },
                Ended::Unknown,
            ),
            (Failure::AuthenticationFailed { store: store.clone(), plugin, detail }, Ended::Unknown),
            (Failure::ValueNotUsable { place: "k".to_owned(), why: "x".to_owned() }, Ended::Refused),
            (Failure::Held { store, left: std::time::Duration::ZERO }, Ended::Refused),
        ];
        for (failure, ended) in cases {
            assert_eq!(Ended::of(&failure), ended, "{failure}");
        }
    }
}
