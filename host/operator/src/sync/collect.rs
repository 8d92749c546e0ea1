//! Collecting: what was fetched is looked up, decoded and rewritten, entry by entry.

use std::sync::Arc;

use claviger_core::budget::{Budget, Full};
use claviger_core::error::Failure;
use claviger_core::failures::{Absent, EntryFailure};
use claviger_core::provider::Value;
use claviger_core::secret::SecretBytes;
use claviger_core::shape::{self, ShapeError, Values};
use claviger_core::template::KeptKeys;
use claviger_crds::external_secret::{
    DataEntry, DataFrom, DecodingStrategy, MetadataPolicy, NullBytePolicy, RemoteRef,
};
use claviger_plugins::Session;

use super::connect::store_name;
use super::fetch::{Fetched, Got};
use super::rewrite::bytes;
use super::wanted::{generator_of, item, store_of, unusable};
use super::{Asker, Data, Notes, Pipeline};
use crate::sync::world::World;
use crate::watch::Object;

/// What `rewrite.transform` is written in, as ESO's: it has no engineVersion of its own.
pub(crate) const TRANSFORM_ENGINE: &str = "v2";

/// What was collected.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) data: Data,
    /// Entries that failed, in the order of the spec's fields.
    pub(super) failures: Vec<EntryFailure>,
    /// What they would have given.
    pub(super) kept: KeptKeys,
    /// Entries that do not exist and may be missing.
    pub(super) absent: Vec<Absent>,
}

impl Pipeline {
    pub(super) async fn collect(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        fetched: &mut Fetched,
        notes: &mut Notes,
    ) -> Result<Collected, Failure> {
        let spec = asker.spec;
        let mut all = Collected::default();
        for (index, entry) in spec.data_from.iter().enumerate() {
            tokio::task::yield_now().await;
            match self.many(asker, world, fetched, (index, entry), notes).await {
                Ok(Got::There(values)) => {
                    for (key, value) in values {
                        notes.redactor.seed(&value);
                        all.data.insert(key, Arc::new(value));
                    }
                }
                Ok(Got::Missing) => all.absent.push(Absent::DataFrom { index }),
                // Something else has failed, and is among the failures.
                Ok(Got::Unasked) => {}
                Ok(Got::Failed(failure)) | Err(failure) => {
                    // It would have overridden any of what came before.
                    all.data.clear();
                    all.kept.others = true;
                    all.failures.push(failure_of_many(index, entry, failure));
                }
            }
        }
        for (index, entry) in spec.data.iter().enumerate() {
            // A path may take half a second, and a manifest may have a thousand: others have their turn between two.
            tokio::task::yield_now().await;
            let key = entry.secret_key.clone();
            match single(asker, fetched, (index, entry), &mut notes.budget) {
                Ok(Got::There(value)) => {
                    notes.redactor.seed(&value);
                    all.kept.named.remove(&key);
                    all.data.insert(key, Arc::new(value));
                }
                Ok(Got::Missing) => {
                    all.absent.push(Absent::Data { index, key: entry.remote_ref.key.clone() });
                }
                Ok(Got::Unasked) => {}
                Ok(Got::Failed(failure)) | Err(failure) => {
                    // It would have overridden what others give.
                    all.data.remove(&key);
                    all.kept.named.insert(key);
                    let key = entry.remote_ref.key.clone();
                    all.failures.push(EntryFailure { entry: format!("data[{index}]"), key, failure });
                }
            }
        }
        Ok(all)
    }

    /// What an entry of `dataFrom` gives, rewritten and decoded.
    async fn many(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        fetched: &mut Fetched,
        (index, entry): (usize, &DataFrom),
        notes: &mut Notes,
    ) -> Result<Got<Values>, Failure> {
        let place = format!("dataFrom[{index}]");
        let full = |full: Full| unusable(&place, &full.to_string());
        let got = match (&entry.extract, &entry.find, generator_of(entry)) {
            (Some(extract), _, _) => {
                let store = store_of(asker, entry.source_ref.as_ref(), &place)?;
                match fetched.value(&store, item(extract)) {
                    Got::There((value, session)) => {
                        Got::There(extracted(value, extract, session, &store, &place)?)
                    }
                    Got::Missing => Got::Missing,
                    Got::Unasked => Got::Unasked,
                    Got::Failed(failure) => Got::Failed(failure),
                }
            }
            (None, Some(_), _) => fetched.found(index),
            (None, None, Some(_)) => match fetched.generated(index) {
                Got::There(made) => {
                    notes.budget.fits(made.bytes()).map_err(full)?;
                    let values = made.values.iter().map(|(key, value)| (key.clone(), value.duplicate()));
                    Got::There(values.collect())
                }
                Got::Missing => Got::Missing,
                Got::Unasked => Got::Unasked,
                Got::Failed(failure) => Got::Failed(failure),
            },
            (None, None, None) => Got::Missing,
        };
        let values = match got {
            Got::There(values) => values,
            other => return Ok(other),
        };
        notes.budget.fits(bytes(&values)).map_err(full)?;
        let options = Strategies::of(entry);
        let mut decoded = Values::new();
        let rewritten = match entry.rewrite.is_empty() {
            true => shape::convert(values, options.conversion).map_err(|error| shaped(&place, &error))?,
            false => self.rewritten(asker, world, values, (entry, &place), notes).await?,
        };
        for (key, value) in rewritten.into_iter().filter(|(key, _)| !key.is_empty()) {
            let value = shape::decode(value, options.decoding, options.null_bytes)
                .map_err(|error| shaped(&format!("{place} (key {key:?})"), &error))?;
            decoded.insert(key, value);
        }
        notes.budget.collect(bytes(&decoded)).map_err(full)?;
        Ok(Got::There(decoded))
    }
}

struct Strategies {
    conversion: claviger_crds::external_secret::ConversionStrategy,
    decoding: DecodingStrategy,
    null_bytes: NullBytePolicy,
}

impl Strategies {
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

/// The value of an entry of `data`.
fn single(
    asker: &Asker<'_>,
    fetched: &Fetched,
    (index, entry): (usize, &DataEntry),
    budget: &mut Budget,
) -> Result<Got<SecretBytes>, Failure> {
    let reference = &entry.remote_ref;
    let place = format!("data[{index}] (key {:?})", reference.key);
    let store = store_of(asker, entry.source_ref.as_ref(), &place)?;
    let (value, session) = match fetched.value(&store, item(reference)) {
        Got::There(there) => there,
        Got::Missing => return Ok(Got::Missing),
        Got::Unasked => return Ok(Got::Unasked),
        Got::Failed(failure) => return Err(failure),
    };
    let known = part_of(reference, session).is_none().then_some(value.data.len());
    let value = copied(budget, known, &place, || one(value, reference, session, &store, &place))?;
    shape::decode(value, reference.decoding_strategy, reference.null_byte_policy)
        .map(Got::There)
        .map_err(|error| shaped(&place, &error))
}

/// One more copy, if it has room. How long a whole value is, is known before there is one more of it.
fn copied(
    budget: &mut Budget,
    known: Option<usize>,
    place: &str,
    copy: impl FnOnce() -> Result<SecretBytes, Failure>,
) -> Result<SecretBytes, Failure> {
    let full = |full: Full| unusable(place, &full.to_string());
    known.map_or(Ok(()), |bytes| budget.collect(bytes)).map_err(full)?;
    let value = copy()?;
    match known {
        Some(_) => Ok(value),
        None => budget.collect(value.len()).map(|()| value).map_err(full),
    }
}

fn failure_of_many(index: usize, entry: &DataFrom, failure: Failure) -> EntryFailure {
    let (part, key) = match (&entry.extract, &entry.find, generator_of(entry)) {
        (Some(extract), _, _) => (".extract", extract.key.clone()),
        (None, Some(find), _) => {
            let regexp = find.name.as_ref().and_then(|name| name.regexp.clone());
            (".find", find.path.clone().or(regexp).unwrap_or_default())
        }
        (None, None, Some(generator)) => {
            (".sourceRef.generatorRef", format!("{} {}", generator.kind, generator.name))
        }
        (None, None, None) => ("", String::new()),
    };
    EntryFailure { entry: format!("dataFrom[{index}]{part}"), key, failure }
}

/// One value, or the property of it.
fn one(
    value: &Value,
    reference: &RemoteRef,
    session: &Session,
    store: &Object,
    place: &str,
) -> Result<SecretBytes, Failure> {
    match property(value, reference, session) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(Failure::PropertyNotFound {
            store: store_name(store),
            key: reference.key.clone(),
            property: reference.property.clone().unwrap_or_default(),
        }),
        Err(error) => Err(shaped(place, &error)),
    }
}

/// The property that is to be looked up in what was read.
fn part_of<'r>(reference: &'r RemoteRef, session: &Session) -> Option<&'r str> {
    let own = session.has_own_properties();
    reference.property.as_deref().filter(|property| !property.is_empty() && !own)
}

/// The property that a reference names, if there is one; the whole value if it names none.
pub(super) fn property(
    value: &Value,
    reference: &RemoteRef,
    session: &Session,
) -> Result<Option<SecretBytes>, ShapeError> {
    let Some(property) = part_of(reference, session) else {
        return Ok(Some(value.data.duplicate()));
    };
    let description = session.plugin().description();
    let steps = description.map_or(&[][..], |description| match reference.metadata_policy {
        MetadataPolicy::None => &description.property_order[..],
        MetadataPolicy::Fetch => &description.metadata_order[..],
    });
    shape::property_of(value, property, steps)
}

/// Every entry of a value, or of the property of it.
fn extracted(
    value: &Value,
    reference: &RemoteRef,
    session: &Session,
    store: &Object,
    place: &str,
) -> Result<Values, Failure> {
    let entries = match reference.property.as_deref() {
        _ if session.has_own_properties() => shape::entries_of(value),
        None | Some("") => shape::entries_of(value),
        Some(_) => shape::entries(&one(value, reference, session, store, place)?),
    };
    entries.map_err(|error| shaped(&format!("{place} (key {:?})", reference.key), &error))
}

pub(super) fn shaped(place: &str, error: &ShapeError) -> Failure {
    unusable(place, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a manifest with 600 entries of one value of 1 MiB makes of it.
    #[test]
    fn no_more_copies_are_made_than_have_room() {
        for (known, expected) in [(Some(1 << 20), 4), (None, 5)] {
            let (mut budget, mut made, mut failed) = (Budget::default(), 0, Vec::new());
            for index in 0..600 {
                let copy = || {
                    made += usize::from(failed.is_empty());
                    Ok(SecretBytes::new(vec![b'x'; if failed.is_empty() { 1 << 20 } else { 1 }]))
                };
                if let Err(failure) = copied(&mut budget, known, &format!("data[{index}]"), copy) {
                    failed.push(failure.to_string());
                }
            }
            assert_eq!((made, failed.len()), (expected, 596));
            assert!(
                failed[0]
                    .starts_with("data[4]: with it, what this object collects has more than 4194304 bytes")
            );
        }
    }
}
