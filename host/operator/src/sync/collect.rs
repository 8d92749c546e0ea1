//! Collecting: every key that `data` and `dataFrom` name is fetched (one request for all that share a
//! store), looked up, decoded and rewritten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use claviger_core::error::{Failure, StoreName};
use claviger_core::provider::{CallError, Facet, Item, Query, Value};
use claviger_core::secret::SecretBytes;
use claviger_core::shape::{self, ShapeError, Values};
use claviger_crds::external_secret::{
    DataFrom, DecodingStrategy, DeletionPolicy, Find, MetadataPolicy, NullBytePolicy, RemoteRef, Rewrite,
    SecretStoreRef,
};
use claviger_plugins::{RenderOptions, Session};

use super::connect::store_name;
use super::render::render_failure;
use super::{Asker, Data, Notes, Pipeline};
use crate::state::store_object;
use crate::sync::world::World;
use crate::watch::Object;

/// What `rewrite.transform` is written in, as ESO's: it has no engineVersion of its own.
pub(crate) const TRANSFORM_ENGINE: &str = "v2";

/// Keys that one `find` may bring: a Secret holds 1 MiB.
const MAX_FOUND: usize = 5_000;

/// What was collected.
pub(super) struct Collected {
    pub(super) data: Data,
    /// Whether something that was asked for does not exist (and may be missing).
    pub(super) missing: bool,
}

/// One key that is wanted, and from where.
struct Wanted {
    store: Object,
    item: Item,
}

impl Pipeline {
    pub(super) async fn collect(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        not_older_than: Instant,
        notes: &mut Notes,
    ) -> Result<Collected, Failure> {
        let spec = asker.spec;
        let optional = spec.target.deletion_policy != DeletionPolicy::Retain;
        let mut wanted = Vec::new();
        for (index, entry) in spec.data.iter().enumerate() {
            let own = entry.source_ref.as_ref().and_then(|source| source.store_ref.as_ref());
            let store = store_of(asker, own, &format!("data[{index}]"))?;
            wanted.push(Wanted { store, item: item(&entry.remote_ref) });
        }
        for (index, entry) in spec.data_from.iter().enumerate() {
            if let Some(extract) = &entry.extract {
                wanted.push(Wanted { store: store_of_from(asker, entry, index)?, item: item(extract) });
            }
        }
        let fetched = self.fetch(asker, world, &wanted, not_older_than, notes).await?;

        let mut data = Data::new();
        let mut missing = false;
        for (index, entry) in spec.data_from.iter().enumerate() {
            let place = format!("dataFrom[{index}]");
            let values = match (&entry.extract, &entry.find) {
                (Some(extract), _) => {
                    let store = store_of_from(asker, entry, index)?;
                    match fetched.value(&store, &item(extract))? {
                        Some((value, session)) => Some(extracted(value, extract, session, &store, &place)?),
                        None => None,
                    }
                }
                (None, Some(find)) => {
                    let store = store_of_from(asker, entry, index)?;
                    Some(self.find(asker, world, &store, find, not_older_than, notes).await?)
                }
                (None, None) => {
                    return Err(unusable(&place, "generators are not supported yet: use extract or find"));
                }
            };
            let Some(values) = values else {
                missing = true;
                continue;
            };
            let options = Options::of(entry);
            for (key, value) in self.rewritten(asker, world, values, entry, &place).await? {
                let value = shape::decode(value, options.decoding, options.null_bytes)
                    .map_err(|error| shaped(&format!("{place} (key {key:?})"), &error))?;
                notes.redactor.seed(&value);
                data.insert(key, Arc::new(value));
            }
        }
        for (index, entry) in spec.data.iter().enumerate() {
            let own = entry.source_ref.as_ref().and_then(|source| source.store_ref.as_ref());
            let place = format!("data[{index}] (key {:?})", entry.remote_ref.key);
            let store = store_of(asker, own, &place)?;
            let Some((value, session)) = fetched.value(&store, &item(&entry.remote_ref))? else {
                missing = true;
                continue;
            };
            let value = one(value, &entry.remote_ref, session, &store, &place)?;
            let value =
                shape::decode(value, entry.remote_ref.decoding_strategy, entry.remote_ref.null_byte_policy)
                    .map_err(|error| shaped(&place, &error))?;
            notes.redactor.seed(&value);
            data.insert(entry.secret_key.clone(), Arc::new(value));
        }
        if missing && !optional {
            // Retain: what is missing is an error, and fetch has said which.
            return Err(unusable("data", "a key does not exist"));
        }
        Ok(Collected { data, missing: missing || data_is_all_optional(asker) })
    }

    async fn fetch(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        wanted: &[Wanted],
        not_older_than: Instant,
        notes: &mut Notes,
    ) -> Result<Fetched, Failure> {
        let optional = asker.spec.target.deletion_policy != DeletionPolicy::Retain;
        let mut by_store: BTreeMap<&Object, Vec<Item>> = BTreeMap::new();
        for wanted in wanted {
            let items = by_store.entry(&wanted.store).or_default();
            if !items.contains(&wanted.item) {
                items.push(wanted.item.clone());
            }
        }
        let mut fetched = Fetched::default();
        for (store, items) in by_store {
            let session = self.open(store, asker.namespace, world).await?;
            notes.stand_ins.extend(session.stand_ins().iter().cloned());
            let name = store_name(store);
            let answers = self.fetcher.get(session.as_ref(), &items, not_older_than).await;
            for (item, answer) in items.into_iter().zip(answers) {
                let value = match answer {
                    Ok(value) => {
                        notes.redactor.seed(&value.data);
                        Some(value)
                    }
                    Err(error) => {
                        let failure = failure(&name, &item, &session, error);
                        if !(optional && failure.is_missing_key()) {
                            return Err(failure);
                        }
                        None
                    }
                };
                fetched.values.insert((store.clone(), item), value);
            }
            fetched.sessions.insert(store.clone(), session);
        }
        Ok(fetched)
    }

    /// A session with a store that is there and not known to be broken.
    pub(super) async fn open(
        &self,
        store: &Object,
        namespace: &str,
        world: &dyn World,
    ) -> Result<Arc<Session>, Failure> {
        let view = world.store(store, namespace).await?;
        self.session(store, &view, namespace, world).await
    }

    async fn find(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        store: &Object,
        find: &Find,
        not_older_than: Instant,
        notes: &mut Notes,
    ) -> Result<Values, Failure> {
        let session = self.open(store, asker.namespace, world).await?;
        notes.stand_ins.extend(session.stand_ins().iter().cloned());
        let name = store_name(store);
        let regexp = find.name.as_ref().and_then(|name| name.regexp.clone());
        let filter = regexp
            .as_deref()
            .map(regex::Regex::new)
            .transpose()
            .map_err(|_| unusable("dataFrom", "find.name.regexp is not a regular expression (RE2)"))?;
        let query = Query { path: find.path.clone(), tags: find.tags.clone(), name_regexp: regexp };
        let mut keys = Vec::new();
        let mut values = Values::new();
        let mut cursor = None;
        // As many pages as keys: who turns more, and finds little on them, never comes to an end.
        for page in 0.. {
            if page >= MAX_FOUND {
                return Err(unusable(
                    "dataFrom",
                    "find takes more than 5000 pages: narrow it by path, name or tags",
                ));
            }
            let (found, next) = self
                .fetcher
                .call(session.as_ref(), session.find(&query, cursor))
                .await
                .map_err(|error| Failure::from_call(&name, None, None, session.plugin().id(), error))?;
            for found in found {
                // What a plugin lists it may list too much of.
                if filter.as_ref().is_some_and(|filter| !filter.is_match(&found.key)) {
                    continue;
                }
                match found.value {
                    Some(value) => {
                        notes.redactor.seed(&value.data);
                        values.insert(found.key, value.data);
                    }
                    None => keys.push(found.key),
                }
            }
            if keys.len() + values.len() > MAX_FOUND {
                return Err(unusable(
                    "dataFrom",
                    "find brings more than 5000 keys: narrow it by path, name or tags",
                ));
            }
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let items: Vec<Item> =
            keys.iter().map(|key| Item { key: key.clone(), version: None, facet: Facet::Value }).collect();
        let answers = self.fetcher.get(session.as_ref(), &items, not_older_than).await;
        for (item, answer) in items.into_iter().zip(answers) {
            match answer {
                Ok(value) => {
                    notes.redactor.seed(&value.data);
                    values.insert(item.key, value.data.duplicate());
                }
                Err(error) => {
                    let failure = failure(&name, &item, &session, error);
                    // Listed, and deleted since: it is not there.
                    if !failure.is_missing_key() {
                        return Err(failure);
                    }
                }
            }
        }
        Ok(values)
    }

    async fn rewritten(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        mut values: Values,
        entry: &DataFrom,
        place: &str,
    ) -> Result<Values, Failure> {
        if entry.rewrite.is_empty() {
            return shape::convert(values, Options::of(entry).conversion)
                .map_err(|error| shaped(place, &error));
        }
        for (index, rewrite) in entry.rewrite.iter().enumerate() {
            let place = format!("{place}.rewrite[{index}]");
            let fail = |error: ShapeError| shaped(&place, &error);
            values = match rewrite {
                Rewrite { regexp: Some(regexp), .. } => shape::apply_regexp(values, regexp).map_err(fail)?,
                Rewrite { merge: Some(merge), .. } => shape::apply_merge(values, merge).map_err(fail)?,
                Rewrite { transform: Some(transform), .. } => {
                    let names = self.transformed(asker, world, &values, &transform.template, &place).await?;
                    shape::apply_transform(values, names).map_err(fail)?
                }
                _ => return Err(unusable(&place, "it is empty: give regexp, transform or merge")),
            };
        }
        Ok(values)
    }

    /// Renders a key-transforming template once for each key, with the key as `.value`.
    async fn transformed(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        values: &Values,
        template: &str,
        place: &str,
    ) -> Result<Vec<String>, Failure> {
        let engine = self.engine(TRANSFORM_ENGINE, asker, world).await?;
        let templates = [(place.to_owned(), template.to_owned())];
        let mut names = Vec::with_capacity(values.len());
        for key in values.keys() {
            let data = Data::from([("value".to_owned(), Arc::new(SecretBytes::copied_from(key.as_bytes())))]);
            let options = render_options();
            let rendered = engine
                .render(&templates, &data, &options)
                .await
                .map_err(|error| render_failure(engine.id(), error))?;
            let name =
                rendered.into_iter().next().and_then(|name| String::from_utf8(name.expose().to_vec()).ok());
            names.push(name.ok_or_else(|| unusable(place, "the new key is not UTF-8"))?);
        }
        Ok(names)
    }
}

/// Options for templates: time and randomness are the host's.
pub(super) fn render_options() -> RenderOptions {
    RenderOptions {
        strict: true,
        left: "{{".to_owned(),
        right: "}}".to_owned(),
        now_ms: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0),
        seed: rand::random(),
    }
}

#[derive(Default)]
struct Fetched {
    values: BTreeMap<(Object, Item), Option<Arc<Value>>>,
    sessions: BTreeMap<Object, Arc<Session>>,
}

impl Fetched {
    fn value(&self, store: &Object, item: &Item) -> Result<Option<(&Value, &Session)>, Failure> {
        let value = self.values.get(&(store.clone(), item.clone())).and_then(Option::as_deref);
        Ok(value.zip(self.sessions.get(store).map(Arc::as_ref)))
    }
}

struct Options {
    conversion: claviger_crds::external_secret::ConversionStrategy,
    decoding: DecodingStrategy,
    null_bytes: NullBytePolicy,
}

impl Options {
    fn of(entry: &DataFrom) -> Self {
        match (&entry.extract, &entry.find) {
            (Some(extract), _) => Self {
                conversion: extract.conversion_strategy,
                decoding: extract.decoding_strategy,
                null_bytes: extract.null_byte_policy,
            },
            (None, Some(find)) => Self {
                conversion: find.conversion_strategy,
                decoding: find.decoding_strategy,
                null_bytes: find.null_byte_policy,
            },
            (None, None) => Self {
                conversion: Default::default(),
                decoding: Default::default(),
                null_bytes: Default::default(),
            },
        }
    }
}

/// `find` with nothing found is an answer of its own: the deletionPolicy decides what it means.
fn data_is_all_optional(asker: &Asker<'_>) -> bool {
    asker.spec.data.is_empty() && asker.spec.data_from.iter().all(|entry| entry.find.is_some())
}

fn item(reference: &RemoteRef) -> Item {
    let facet = match reference.metadata_policy {
        MetadataPolicy::None => Facet::Value,
        MetadataPolicy::Fetch => Facet::Metadata,
    };
    let version = reference.version.clone().filter(|version| !version.is_empty());
    Item { key: reference.key.clone(), version, facet }
}

fn store_of(asker: &Asker<'_>, own: Option<&SecretStoreRef>, place: &str) -> Result<Object, Failure> {
    let chosen = own.filter(|store| store.name.is_some()).or(asker.spec.secret_store_ref.as_ref());
    let Some((name, kind)) = chosen.and_then(|store| Some((store.name.as_deref()?, store.kind))) else {
        return Err(unusable(place, "no store is named: give spec.secretStoreRef or sourceRef.storeRef"));
    };
    Ok(store_object(kind.unwrap_or_default(), asker.namespace, name))
}

fn store_of_from(asker: &Asker<'_>, entry: &DataFrom, index: usize) -> Result<Object, Failure> {
    let own = entry.source_ref.as_ref().and_then(|source| source.store_ref.as_ref());
    store_of(asker, own, &format!("dataFrom[{index}]"))
}

/// One value, or the property of it.
fn one(
    value: &Value,
    reference: &RemoteRef,
    session: &Session,
    store: &Object,
    place: &str,
) -> Result<SecretBytes, Failure> {
    let Some(property) = reference.property.as_deref().filter(|property| !property.is_empty()) else {
        return Ok(value.data.duplicate());
    };
    let description = session.plugin().description();
    let steps = description.map_or(&[][..], |description| match reference.metadata_policy {
        MetadataPolicy::None => &description.property_order[..],
        MetadataPolicy::Fetch => &description.metadata_order[..],
    });
    match shape::lookup(&value.data, property, steps) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Failure::PropertyNotFound {
            store: store_name(store),
            key: reference.key.clone(),
            property: property.to_owned(),
        }),
        Err(error) => Err(shaped(place, &error)),
    }
}

/// Every entry of a value, or of the property of it.
fn extracted(
    value: &Value,
    reference: &RemoteRef,
    session: &Session,
    store: &Object,
    place: &str,
) -> Result<Values, Failure> {
    let value = one(value, reference, session, store, place)?;
    shape::entries(&value).map_err(|error| shaped(&format!("{place} (key {:?})", reference.key), &error))
}

fn failure(store: &StoreName, item: &Item, session: &Session, error: CallError) -> Failure {
    Failure::from_call(store, Some(&item.key), item.version.as_deref(), session.plugin().id(), error)
}

fn shaped(place: &str, error: &ShapeError) -> Failure {
    unusable(place, &error.to_string())
}

fn unusable(place: &str, why: &str) -> Failure {
    Failure::ValueNotUsable { place: place.to_owned(), why: why.to_owned() }
}
