//! Fetching everything that a spec names: stored keys first, then, if anything differs from what the live
//! credentials' record says, what is made for the asker. What was made is kept until it is written.
//!
//! What generators make is in `generated`, and whether anything differs in `inputs`.

mod generated;
mod inputs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use claviger_core::access::Use;
use claviger_core::error::Failure;
use claviger_core::inputs::{Inputs, Slow};
use claviger_core::lease::{Held, Source};
use claviger_core::provider::{CallError, Facet, Generated, Item, Nature, ProviderError, Value};
use claviger_core::shape::Values;
use claviger_core::template::Sources;
use claviger_crds::external_secret::DeletionPolicy;
use claviger_plugins::Session;
use jiff::Timestamp;

use super::connect::store_name;
use super::unwritten::{Made, Unwritten};
use super::wanted::{AllWanted, Search, asked_of, key_source, nature, taken};
use super::world::World;
use super::{Asker, Makes, Notes, Pipeline};
use crate::watch::Object;

/// What became of one thing that was asked for.
#[derive(Clone)]
pub(super) enum Got<T> {
    There(T),
    /// It does not exist, and may be missing.
    Missing,
    /// It was not asked for: what is held stands for it, or something else failed before it would have been made.
    Unasked,
    Failed(Failure),
}

impl<T> Got<T> {
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::There(_) | Self::Missing | Self::Unasked => None,
        }
    }
}

/// What was fetched.
#[derive(Default)]
pub(super) struct Fetched {
    /// Under what was asked of the store's provider.
    values: BTreeMap<(Object, Item), Got<Arc<Value>>>,
    sessions: BTreeMap<Object, Arc<Session>>,
    found: BTreeMap<usize, Got<Values>>,
    /// By their places in `dataFrom`.
    generated: BTreeMap<usize, Got<Arc<Generated>>>,
    /// Stores of which one answer has shown that none will come: they are not asked any more.
    broken: BTreeMap<Object, Failure>,
    /// Whether the asker's live credentials stand for what was not read.
    pub(super) kept: bool,
    /// What of it was made for the asker.
    pub(super) held: Vec<Held>,
    /// Everything else.
    pub(super) inputs: Inputs,
    /// The slow hash that it was looked at with, and what it is of.
    pub(super) slow: Option<(Inputs, Slow)>,
}

impl Fetched {
    pub(super) fn value(&self, store: &Object, item: Item) -> Got<(&Value, &Session)> {
        let item = asked_of(item, self.sessions.get(store).map(Arc::as_ref));
        let got = self.values.get(&(store.clone(), item));
        match (got, self.sessions.get(store)) {
            (Some(Got::There(value)), Some(session)) => Got::There((value, session)),
            (Some(Got::Missing), _) => Got::Missing,
            (Some(Got::Failed(failure)), _) => Got::Failed(failure.clone()),
            (None | Some(Got::Unasked), _) | (Some(Got::There(_)), None) => Got::Unasked,
        }
    }

    /// What the search at that place of `dataFrom` brought.
    pub(super) fn found(&mut self, index: usize) -> Got<Values> {
        self.found.remove(&index).unwrap_or(Got::Unasked)
    }

    /// What the generator at that place of `dataFrom` made.
    pub(super) fn generated(&self, index: usize) -> Got<Arc<Generated>> {
        self.generated.get(&index).cloned().unwrap_or(Got::Unasked)
    }

    /// A failure, of more than its key perhaps.
    fn failed<T>(&mut self, store: &Object, failure: Failure) -> Got<T> {
        if !failure.concerns_one_entry() {
            self.broken.entry(store.clone()).or_insert_with(|| failure.clone());
        }
        Got::Failed(failure)
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        let values = self.values.values().filter_map(Got::failure);
        let found = self.found.values().filter_map(Got::failure);
        values.chain(found).chain(self.generated.values().filter_map(Got::failure))
    }
}

/// A fetch under way.
struct Fetch<'a> {
    pipeline: &'a Pipeline,
    asker: &'a Asker<'a>,
    world: &'a dyn World,
    not_older_than: Instant,
    notes: &'a mut Notes,
    /// Made by an earlier try.
    unwritten: BTreeMap<Source, Unwritten>,
    fetched: Fetched,
}

impl Pipeline {
    /// Fetches. What fails is among what was fetched, unless a store cannot be used at all.
    pub(super) async fn fetch(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        sources: &Sources,
        not_older_than: Instant,
        notes: &mut Notes,
    ) -> Result<Fetched, Failure> {
        let all = AllWanted::of(asker)?;
        let unwritten = self.unwritten.of(asker.uid, Timestamp::now());
        let mut fetch = Fetch {
            pipeline: self,
            asker,
            world,
            not_older_than,
            notes,
            unwritten,
            fetched: Fetched::default(),
        };
        if asker.makes != Makes::Anything {
            // There is nothing by now that it could be recorded in.
            fetch.lose_unused();
        }
        fetch.run(&all, sources).await
    }
}

/// What is asked of one store.
struct Asked<'w> {
    store: &'w Object,
    session: Arc<Session>,
    items: Vec<Item>,
}

impl Fetch<'_> {
    async fn run(&mut self, all: &AllWanted<'_>, sources: &Sources) -> Result<Fetched, Failure> {
        let asked = self.open(&all.keys).await?;
        let dynamic = self.read_all(&asked).await;
        self.search(&all.searches).await;
        let generators = self.find_generators(&all.generators).await;
        self.fetched.kept = self.held_stands(sources, &generators).await;
        if self.fetched.kept {
            // The Secret stays as it is.
            self.lose_unused();
            return Ok(std::mem::take(&mut self.fetched));
        }
        // Nothing is made beside what failed: it would not be written.
        for (store, item) in dynamic {
            if !self.fails() {
                self.read(store, vec![(item, Nature::Dynamic)]).await;
            }
        }
        self.generate_all(&generators).await;
        if self.fails() {
            return Ok(std::mem::take(&mut self.fetched));
        }
        self.fetched.inputs = self.inputs(sources, &generators);
        // For an entry that is not there any more.
        self.lose_unused();
        let named =
            all.keys.iter().flat_map(|(store, items)| items.iter().map(|item| key_source(store, &item.key)));
        self.notes.pins.retain(&named.collect());
        Ok(std::mem::take(&mut self.fetched))
    }

    /// Opens every store, and asks of none what it keeps from this namespace.
    async fn open<'w>(&mut self, keys: &'w BTreeMap<Object, Vec<Item>>) -> Result<Vec<Asked<'w>>, Failure> {
        let mut asked = Vec::new();
        for (store, wanted) in keys {
            let opened = self.pipeline.open(store, self.asker.namespace, self.world).await?;
            self.notes.stand_ins.extend(opened.session.stand_ins().iter().cloned());
            let mut items = Vec::new();
            for item in wanted {
                let item = asked_of(item.clone(), Some(&opened.session));
                // Before anything else of it: neither what others were answered nor what is held stands for it then.
                if let Err(failure) = opened.check(&item.key, Use::Read) {
                    let refused = self.fetched.failed(store, failure);
                    self.fetched.values.insert((store.clone(), item), refused);
                } else if !items.contains(&item) {
                    items.push(item);
                }
            }
            asked.push(Asked { store, session: opened.session, items });
        }
        Ok(asked)
    }

    /// Reads every key but those that are known to be made when they are read, and are held: these are answered.
    async fn read_all<'k>(&mut self, asked: &'k [Asked<'_>]) -> Vec<(&'k Object, &'k Item)> {
        let (mut anew, mut dynamic, mut stored) = (Vec::new(), Vec::new(), Vec::new());
        for Asked { store, session, items } in asked {
            // What is made is read by itself: a login of its own holds it, and can be ended without ending another's.
            let mut of_store = Vec::new();
            for item in items {
                let nature = match session.is_dynamic() {
                    true => nature(self.asker, store, item),
                    false => Nature::Stored,
                };
                match nature {
                    Nature::Dynamic if self.is_read_anew(store, item) => anew.push((*store, item)),
                    Nature::Dynamic => dynamic.push((*store, item)),
                    Nature::Stored | Nature::Any => of_store.push((item, nature)),
                }
            }
            self.fetched.sessions.insert((*store).clone(), session.clone());
            stored.push((*store, of_store));
        }
        let mut open = Vec::new();
        for (store, items) in stored {
            open.extend(self.read_stored(store, items).await.into_iter().map(|asked| (store, asked)));
        }
        for (store, item) in anew {
            self.read(store, vec![(item, Nature::Dynamic)]).await;
        }
        for (store, (item, missing)) in open {
            // It may be made now: not beside what fails.
            match self.fetched.sessions.get(store).cloned().filter(|_| self.fails()) {
                Some(session) => self.take(store, &session, item, Err(missing), Timestamp::now()),
                None => self.read(store, vec![(item, Nature::Any)]).await,
            }
        }
        dynamic
    }

    async fn search(&mut self, searches: &[Search<'_>]) {
        for search in searches {
            if let Some(failure) = self.fetched.broken.get(&search.store).cloned() {
                self.fetched.found.insert(search.index, Got::Failed(failure));
                continue;
            }
            let (asker, world, since) = (self.asker, self.world, self.not_older_than);
            let found = self.pipeline.find(asker, world, &search.store, search.find, since, self.notes).await;
            let found = match found {
                Ok(values) => Got::There(values),
                Err(failure) => self.fetched.failed(&search.store, failure),
            };
            self.fetched.found.insert(search.index, found);
        }
    }

    fn fails(&self) -> bool {
        self.fetched.failures().next().is_some()
    }

    /// Whether what is made for a key is asked for at each refresh, like what is stored: it has no lease, as a static
    /// role's password, and no interval to be kept for.
    fn is_read_anew(&self, store: &Object, item: &Item) -> bool {
        let source = key_source(store, &item.key);
        let unleased = |held: &Held| held.source == source && held.lease.is_none();
        !self.asker.keeps_unleased && self.asker.held.is_some_and(|record| record.held.iter().any(unleased))
    }

    /// Reads what may be stored, together. What nobody has read before and is not stored is given back, with what the
    /// backend said.
    async fn read_stored<'i>(
        &mut self,
        store: &Object,
        items: Vec<(&'i Item, Nature)>,
    ) -> Vec<(&'i Item, CallError)> {
        let Some(session) = self.fetched.sessions.get(store).cloned() else { return Vec::new() };
        let asked: Vec<Item> =
            items.iter().map(|(item, _)| Item { nature: Nature::Stored, ..(*item).clone() }).collect();
        let answers = self.ask(store, &session, &asked).await;
        let mut open = Vec::new();
        for ((item, nature), answer) in items.into_iter().zip(answers) {
            match answer {
                Err(missing @ CallError::Provider(ProviderError::NotFound(_))) if nature == Nature::Any => {
                    open.push((item, missing));
                }
                answer => self.take(store, &session, item, answer, Timestamp::now()),
            }
        }
        open
    }

    /// Reads keys of a store that is connected.
    async fn read(&mut self, store: &Object, items: Vec<(&Item, Nature)>) {
        let Some(session) = self.fetched.sessions.get(store).cloned() else { return };
        if let Some(failure) = self.fetched.broken.get(store).cloned() {
            let items = items.into_iter().map(|(item, _)| ((store.clone(), item.clone()), failure.clone()));
            self.fetched.values.extend(items.map(|(at, failure)| (at, Got::Failed(failure))));
            return;
        }
        let mut asked = Vec::new();
        for (item, nature) in items {
            let source = key_source(store, &item.key);
            match self.unwritten.get(&source).filter(|_| nature != Nature::Stored).cloned() {
                Some(Unwritten { held, made: Made::Value(value) }) => {
                    self.notes.redactor.seed(&value.data);
                    self.notes.pins.set(source, true);
                    self.fetched.held.push(held);
                    self.fetched.values.insert((store.clone(), item.clone()), Got::There(value));
                }
                _ => asked.push(Item { nature, ..item.clone() }),
            }
        }
        if asked.is_empty() {
            return;
        }
        // What is made lives from here on: the answer may have been long on its way.
        let issued = Timestamp::now();
        let answers = self.ask(store, &session, &asked).await;
        for (item, answer) in asked.into_iter().zip(answers) {
            let item = Item { nature: Nature::Stored, ..item };
            self.take(store, &session, &item, answer, issued);
        }
    }

    async fn ask(
        &self,
        store: &Object,
        session: &Session,
        items: &[Item],
    ) -> Vec<claviger_plugins::fetch::Answer> {
        let name = store_name(store);
        let taken = |item: &Item| taken(self.asker, store, item);
        let since = (self.not_older_than, self.notes.budget.to_read());
        self.pipeline.read_told((session, &name), items, since, self.world, taken).await
    }

    /// One answer: what it brought, that it may be missing, or why it failed. What is made beside a failure is not lost.
    fn take(
        &mut self,
        store: &Object,
        session: &Session,
        item: &Item,
        answer: claviger_plugins::fetch::Answer,
        issued: Timestamp,
    ) {
        let value = match answer {
            Ok(value) => {
                self.notes.redactor.seed(&value.data);
                let plain = item.facet == Facet::Value && item.version.is_none();
                let source = key_source(store, &item.key);
                if value.dynamic {
                    let held =
                        Held { source: source.clone(), issued, lease: value.lease.clone(), state: None };
                    self.made(held, Made::Value(value.clone()));
                }
                if session.is_dynamic() && plain {
                    self.notes.pins.set(source, value.dynamic);
                }
                // What was made is known by now, and can be taken back.
                match self.notes.budget.read(value.bytes()) {
                    Ok(()) => Got::There(value),
                    Err(full) => {
                        let failure = failure(&store_name(store), item, session, full.into());
                        self.fetched.failed(store, failure)
                    }
                }
            }
            Err(error) => {
                let optional = self.asker.spec.target.deletion_policy != DeletionPolicy::Retain;
                let failure = failure(&store_name(store), item, session, error);
                if optional && failure.is_missing_key() {
                    Got::Missing
                } else {
                    self.fetched.failed(store, failure)
                }
            }
        };
        self.fetched.values.insert((store.clone(), item.clone()), value);
    }

    /// What an earlier try made and this one does not use will not be written.
    fn lose_unused(&mut self) {
        let left = std::mem::take(&mut self.unwritten).into_values();
        for Unwritten { held, .. } in
            left.filter(|one| !self.fetched.held.iter().any(|used| used.is(&one.held)))
        {
            self.pipeline.unwritten.lose(self.asker.uid, held);
        }
    }

    fn made(&mut self, held: Held, made: Made) {
        self.pipeline.unwritten.keep(self.asker.uid, Unwritten { held: held.clone(), made });
        self.fetched.held.push(held);
    }
}

pub(super) fn failure(
    store: &claviger_core::error::StoreName,
    item: &Item,
    session: &Session,
    error: CallError,
) -> Failure {
    Failure::from_call(store, Some(&item.key), item.version.as_deref(), session.plugin().id(), error)
}
