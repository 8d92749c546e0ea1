//! Fetching everything that a spec names: stored keys first, then, if anything differs from what the live
//! credentials' record says, what is made for the asker. What was made is kept until it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use claviger_core::access::Use;
use claviger_core::error::Failure;
use claviger_core::inputs::{Inputs, Slow};
use claviger_core::lease::{Held, Record, Source};
use claviger_core::provider::{CallError, Facet, Generated, Item, Nature, ProviderError, Value};
use claviger_core::shape::Values;
use claviger_core::template::Sources;
use claviger_crds::external_secret::{DeletionPolicy, GeneratorRef, RefreshPolicy, RemoteRef};
use claviger_plugins::Session;
use jiff::Timestamp;

use super::collect::property;
use super::connect::{generator_name, store_name};
use super::unwritten::{Made, Unwritten};
use super::wanted::{AllWanted, asked_of, generator_source, item, key_source, nature, unusable};
use super::world::{GeneratorView, Owner, World};
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
        let (unwritten, mut lost) = self.unwritten.of(asker.uid, Timestamp::now());
        notes.lost.append(&mut lost);
        let mut fetch = Fetch {
            pipeline: self,
            asker,
            world,
            not_older_than,
            notes,
            unwritten,
            fetched: Fetched::default(),
        };
        fetch.run(&all, sources).await
    }
}

impl Fetch<'_> {
    async fn run(&mut self, all: &AllWanted<'_>, sources: &Sources) -> Result<Fetched, Failure> {
        let mut keys = Vec::new();
        for (store, items) in &all.keys {
            let opened = self.pipeline.open(store, self.asker.namespace, self.world).await?;
            self.notes.stand_ins.extend(opened.session.stand_ins().iter().cloned());
            let mut asked = Vec::new();
            for item in items {
                let item = asked_of(item.clone(), Some(&opened.session));
                // Before anything else of it: neither what others were answered nor what is held stands for it then.
                if let Err(failure) = opened.check(&item.key, Use::Read) {
                    let refused = self.fetched.failed(store, failure);
                    self.fetched.values.insert((store.clone(), item), refused);
                } else if !asked.contains(&item) {
                    asked.push(item);
                }
            }
            keys.push((store, opened.session, asked));
        }
        let (mut first, mut made, mut stored) = (Vec::new(), Vec::new(), Vec::new());
        for (store, session, items) in &keys {
            let store = *store;
            let natures: Vec<(&Item, Nature)> = items
                .iter()
                .map(|item| match session.is_dynamic() {
                    true => (item, nature(self.asker, store, item)),
                    false => (item, Nature::Stored),
                })
                .collect();
            // What is made is read by itself: a login of its own holds it, and can be ended without ending another's.
            let mut of_store = Vec::new();
            for (item, nature) in natures {
                match nature {
                    Nature::Dynamic if self.is_read_anew(store, item) => first.push((store, item, nature)),
                    Nature::Dynamic => made.push((store, item, nature)),
                    Nature::Stored | Nature::Any => of_store.push((item, nature)),
                }
            }
            self.fetched.sessions.insert(store.clone(), session.clone());
            stored.push((store, of_store));
        }
        let mut open = Vec::new();
        for (store, items) in stored {
            open.extend(self.read_stored(store, items).await.into_iter().map(|asked| (store, asked)));
        }
        for (store, item, nature) in first {
            self.read(store, vec![(item, nature)]).await;
        }
        for (store, (item, missing)) in open {
            // It may be made now: not beside what fails.
            match self.fetched.sessions.get(store).cloned().filter(|_| self.fails()) {
                Some(session) => self.take(store, &session, item, Err(missing), Timestamp::now()),
                None => self.read(store, vec![(item, Nature::Any)]).await,
            }
        }
        for search in &all.searches {
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
        let mut generators = Vec::new();
        for (index, generator) in &all.generators {
            match self.generator(generator).await {
                Ok(view) => generators.push((*index, *generator, view)),
                Err(failure) => {
                    self.fetched.generated.insert(*index, Got::Failed(failure));
                }
            }
        }
        let held = self.asker.held.filter(|record| !self.fails() && self.holds_all(record));
        if held.is_some() && self.asker.spec.refresh_policy == RefreshPolicy::CreatedOnce {
            // It is looked at for its marks, or for its status: what is made once is not made again for that, whatever the
            // manifest says by now.
            self.fetched.kept = true;
        } else if let Some(record) = held {
            let inputs = self.inputs(sources, &generators);
            let slow = self.pipeline.slow.of(inputs.clone(), record.salt.clone()).await;
            self.fetched.kept = slow.is(&record.inputs);
            self.fetched.slow = Some((inputs, slow));
        }
        if self.fetched.kept {
            return Ok(std::mem::take(&mut self.fetched));
        }
        // Nothing is made beside what failed: it would not be written.
        for (store, item, nature) in made {
            if !self.fails() {
                self.read(store, vec![(item, nature)]).await;
            }
        }
        // By what can be taken back, or ends: that is one for all places that name it.
        let mut credentials: BTreeMap<Source, Arc<Generated>> = BTreeMap::new();
        for (index, generator, view) in &generators {
            if self.fails() {
                break;
            }
            let got = match credentials.get(&generator_source(generator)) {
                Some(made) => Got::There(made.clone()),
                None => match self.generate(generator, view).await {
                    Ok((made, alone)) => {
                        if !alone {
                            credentials.insert(generator_source(generator), made.clone());
                        }
                        Got::There(made)
                    }
                    Err(failure) => Got::Failed(failure),
                },
            };
            self.fetched.generated.insert(*index, got);
        }
        if self.fails() {
            return Ok(std::mem::take(&mut self.fetched));
        }
        self.fetched.inputs = self.inputs(sources, &generators);
        // Made by an earlier try for an entry that is not there any more.
        let wanted: BTreeSet<&Source> = self.fetched.held.iter().map(|held| &held.source).collect();
        let left = std::mem::take(&mut self.unwritten);
        self.notes
            .lost
            .extend(left.into_iter().filter(|(source, _)| !wanted.contains(source)).map(|(_, one)| one.held));
        let named =
            all.keys.iter().flat_map(|(store, items)| items.iter().map(|item| key_source(store, &item.key)));
        self.notes.pins.retain(&named.collect());
        Ok(std::mem::take(&mut self.fetched))
    }

    /// Whether nothing was made so far but what a record has, and has no lease.
    fn holds_all(&self, record: &Record) -> bool {
        let unleased =
            |made: &Held| record.held.iter().any(|held| held.lease.is_none() && held.source == made.source);
        self.fetched.held.iter().all(|made| made.lease.is_none() && unleased(made))
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
        let answers = self.pipeline.fetcher.get(session.as_ref(), &asked, self.not_older_than).await;
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
        let answers = self.pipeline.fetcher.get(session.as_ref(), &asked, self.not_older_than).await;
        for (item, answer) in asked.into_iter().zip(answers) {
            let item = Item { nature: Nature::Stored, ..item };
            self.take(store, &session, &item, answer, issued);
        }
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
                Got::There(value)
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

    fn made(&mut self, held: Held, made: Made) {
        self.pipeline.unwritten.keep(self.asker.uid, Unwritten { held: held.clone(), made });
        self.fetched.held.push(held);
    }

    async fn generator(&self, generator: &GeneratorRef) -> Result<GeneratorView, Failure> {
        if self.asker.makes == Makes::Nothing {
            return Err(refused(
                generator,
                "what a generator makes is another each time, and is not made here",
            ));
        }
        // A kind that nobody answers to need not be defined, nor may we read it.
        self.pipeline.registry.may_generate(&generator.kind)?;
        let view = self.world.generator(&generator.kind, self.asker.namespace, &generator.name).await?;
        self.pipeline.registry.generator(&view.kind)?;
        Ok(view)
    }

    /// What it makes, and whether nobody else knows of that.
    async fn generate(
        &mut self,
        generator: &GeneratorRef,
        view: &GeneratorView,
    ) -> Result<(Arc<Generated>, bool), Failure> {
        let source = generator_source(generator);
        let by = (view.uid.clone(), view.generation);
        let unwritten = self.unwritten.get(&source).cloned();
        if let Some(Unwritten { held, made: Made::Generated(of, _) }) = &unwritten
            && *of != by
        {
            // Of the generator as it was.
            self.unwritten.remove(&source);
            self.notes.lost.push(held.clone());
        } else if let Some(Unwritten { held, made: Made::Generated(_, made) }) = unwritten {
            made.values.values().for_each(|value| self.notes.redactor.seed(value));
            self.fetched.held.push(held);
            return Ok((made, false));
        }
        let namespace = self.asker.namespace;
        let session = self.pipeline.generator_session(&source, view, namespace, self.world).await?;
        let alone = session.is_alone();
        if self.asker.makes != Makes::Anything && !alone {
            return Err(refused(
                generator,
                "it makes credentials, which need a Secret that they are recorded in",
            ));
        }
        let issued = Timestamp::now();
        let now_ms = u64::try_from(issued.as_millisecond()).unwrap_or(0);
        let owner = Owner { namespace, name: self.asker.name, uid: self.asker.uid };
        let previous = self.world.left(&owner, &source);
        let call = session.generate(&view.spec, previous.as_ref(), now_ms, rand::random());
        let made = self.pipeline.fetcher.call(session.as_ref(), call).await.map_err(|error| {
            let name = generator_name(&source.kind, namespace, &source.name);
            Failure::from_call(&name, None, None, session.plugin().id(), error)
        })?;
        made.values.values().for_each(|value| self.notes.redactor.seed(value));
        let state = match made.state.clone() {
            Some(state) => Some(self.leave(&session, &owner, &source, view, state).await?),
            None => None,
        };
        let alone = alone && state.is_none();
        let made = Arc::new(made);
        let held = Held { source: source.clone(), issued, lease: made.lease.clone(), state };
        if !alone {
            self.made(held, Made::Generated(by, made.clone()));
        } else if !self.fetched.held.iter().any(|known| known.source == source) {
            // Another try may make another: this one is nowhere.
            self.fetched.held.push(held);
        }
        Ok((made, alone))
    }

    /// Records what a generator leaves behind; what cannot be recorded is taken back at once.
    async fn leave(
        &self,
        session: &Session,
        owner: &Owner<'_>,
        source: &Source,
        view: &GeneratorView,
        state: serde_json::Value,
    ) -> Result<String, Failure> {
        let recorded = match self.asker.makes {
            Makes::Anything => self.world.leave(owner, source, view, state.clone()).await,
            Makes::Values | Makes::Nothing => Err(unusable(
                &format!("{} {}", source.kind, source.name),
                "it leaves something behind, which needs a Secret that it belongs to",
            )),
        };
        if recorded.is_err() {
            let call = session.clean_up(&view.spec, &state);
            if let Err(error) = self.pipeline.fetcher.call(session, call).await {
                let name = generator_name(&source.kind, owner.namespace, &source.name);
                let failure = Failure::from_call(&name, None, None, session.plugin().id(), error);
                let message = failure.message(&self.notes.redactor);
                tracing::warn!(message, "what a generator left behind is recorded nowhere");
            }
        }
        recorded
    }

    /// What the manifest takes of an answer that differs each time: a static role's says how long its password still
    /// lives.
    fn add_used(&self, inputs: &mut Inputs, what: &str, store: &Object, wanted: &Item, value: &Value) {
        let spec = self.asker.spec;
        let whole = spec.data_from.iter().filter_map(|entry| entry.extract.as_ref());
        let named = spec.data.iter().map(|entry| &entry.remote_ref).chain(whole.clone());
        let session = self.fetched.sessions.get(store);
        let asked = |reference: &RemoteRef| asked_of(item(reference), session.map(Arc::as_ref));
        for reference in named.filter(|reference| asked(reference) == *wanted) {
            let found = session.and_then(|session| property(value, reference, session).ok().flatten());
            match found.filter(|_| !whole.clone().any(|extract| extract == reference)) {
                Some(found) => inputs.add(&format!("{what} {:?}", reference.property), found.expose()),
                None => inputs.add(what, value.data.expose()),
            }
        }
    }

    /// Everything that can be read again.
    fn inputs(&self, sources: &Sources, generators: &[(usize, &GeneratorRef, GeneratorView)]) -> Inputs {
        let mut inputs = Inputs::default();
        inputs.add("version", self.asker.version.as_bytes());
        for ((store, item), value) in &self.fetched.values {
            let mut what =
                format!("{} {store} {:?} {:?} {:?}", store.kind(), item.key, item.version, item.facet);
            if let Some(property) = &item.property {
                what.push_str(&format!(" of {property:?}"));
            }
            match value {
                Got::There(value)
                    if value.dynamic && (value.lease.is_some() || self.asker.keeps_unleased) => {}
                Got::There(value) if value.dynamic => {
                    self.add_used(&mut inputs, &what, store, item, value);
                }
                Got::There(value) => {
                    inputs.add(&what, value.data.expose());
                    for (key, entry) in value.entries.iter().flatten() {
                        inputs.add(&format!("{what} {key:?}"), entry.expose());
                    }
                }
                // What is not made any more is not looked for before something is made.
                _ if nature(self.asker, store, item) == Nature::Dynamic => {}
                Got::Missing | Got::Unasked | Got::Failed(_) => inputs.add(&format!("no {what}"), &[]),
            }
        }
        for (index, values) in &self.fetched.found {
            let Got::There(values) = values else { continue };
            for (key, value) in values {
                inputs.add(&format!("found {index} {key:?}"), value.expose());
            }
        }
        for ((kind, name), texts) in sources {
            for (key, text) in texts {
                inputs.add(&format!("{} {name:?} {key:?}", kind.as_str()), text.expose());
            }
        }
        for (_, generator, view) in generators {
            let what = format!("{} {:?}", generator.kind, generator.name);
            inputs.add(&what, format!("{} {}", view.uid, view.generation).as_bytes());
        }
        inputs
    }
}

fn refused(generator: &GeneratorRef, why: &str) -> Failure {
    unusable(&format!("{} {}", generator.kind, generator.name), why)
}

pub(super) fn failure(
    store: &claviger_core::error::StoreName,
    item: &Item,
    session: &Session,
    error: CallError,
) -> Failure {
    Failure::from_call(store, Some(&item.key), item.version.as_deref(), session.plugin().id(), error)
}
