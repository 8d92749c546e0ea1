//! Stores of the suite, and reads through them. Every error and value that comes is remembered, for the
//! search for leaks at the end.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use claviger_core::provider::{CallError, Facet, Item, Nature, Value};
use claviger_core::secret::SecretBytes;
use claviger_core::shape;
use claviger_plugins::{Description, Grants, Plugin, Requester, Session, StoreRef};

use super::ears::Ears;
use super::{Miss, Verdict};
use crate::bench::{Bench, Expected, KeyCase, NAMESPACE, expand};
use crate::case::Case;
use crate::proxy::Proxy;

/// Values of one batch that are looked for in what the plugin says: a plugin that repeats values repeats
/// the first ones too.
const LEARNED: usize = 64;

/// Stores so far, of all runs in this process: a host may have kept something for an earlier one.
static STORES: AtomicU64 = AtomicU64::new(0);

/// What all cases share.
pub(super) struct Suite<'a> {
    pub(super) bench: &'a Bench,
    pub(super) plugin: Arc<Plugin>,
    pub(super) description: Description,
    pub(super) proxy: Proxy,
    pub(super) ears: Ears,
}

impl Suite<'_> {
    /// The suite as a case sees it.
    pub(super) fn about(&self, case: Case) -> Running<'_> {
        Running { suite: self, case }
    }
}

/// A case that runs.
pub(super) struct Running<'a> {
    suite: &'a Suite<'a>,
    pub(super) case: Case,
}

impl<'a> Deref for Running<'a> {
    type Target = Suite<'a>;

    fn deref(&self) -> &Suite<'a> {
        self.suite
    }
}

/// How a session is to differ from the usual one.
#[derive(Default)]
pub(super) struct With<'a> {
    pub(super) bad_credential: bool,
    /// In place of the proxy's addresses.
    pub(super) origins: Option<&'a BTreeMap<String, String>>,
    pub(super) plugin: Option<Arc<Plugin>>,
}

impl Running<'_> {
    /// A store that nobody used before.
    pub(super) async fn fresh(&self) -> Result<Arc<Session>, Miss> {
        let session = self.connect(With::default()).await?;
        session.map_err(|error| Miss::new("the store connects", self.said(&error)))
    }

    /// The same, otherwise.
    pub(super) async fn connect(&self, with: With<'_>) -> Result<Result<Arc<Session>, CallError>, Miss> {
        let origins = with.origins.unwrap_or(self.proxy.origins());
        let bench_error = |error: crate::bench::BenchError| Miss::bench(error.to_string());
        let objects = self.bench.objects(with.bad_credential, origins).map_err(bench_error)?;
        let plugin = with.plugin.unwrap_or_else(|| self.plugin.clone());
        let (store, settings) = (expand(&self.bench.store, origins), expand(&self.bench.settings, origins));
        plugin.check_config(&store).map_err(|error| {
            Miss::new("a store that fits the plugin's config schema", self.said(&error.into()))
        })?;
        let reference = StoreRef {
            kind: "SecretStore".to_owned(),
            name: "conformance".to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            uid: format!("conformance-{}", STORES.fetch_add(1, Ordering::Relaxed)),
            generation: 1,
        };
        let requester = Requester { namespace: NAMESPACE.to_owned() };
        // Settings are the admin's, so they come with the grants.
        let plugin = match settings.is_null() {
            true => plugin,
            false => Arc::new(plugin.with_grants(Grants { settings, ..plugin.grants().clone() })),
        };
        Ok(plugin.connect(reference, requester, store, Arc::new(objects)).await)
    }

    /// Reads keys in batches as large as the plugin wants them, in order.
    pub(super) async fn read_all(&self, session: &Session, items: &[Item]) -> Vec<Result<Value, CallError>> {
        let mut answers = Vec::with_capacity(items.len());
        for batch in items.chunks(self.description.max_batch.max(1)) {
            match session.get(batch).await {
                Ok(values) => {
                    answers.extend(values.into_iter().map(|value| value.map_err(CallError::from)));
                }
                Err(error) => answers.extend(batch.iter().map(|_| Err(error.clone()))),
            }
        }
        for value in answers.iter().flatten() {
            self.proxy.tape(|tape| tape.read(&value.data));
        }
        let known = answers.iter().zip(items).filter(|(_, item)| item.facet == Facet::Value);
        for value in known.filter_map(|(answer, _)| answer.as_ref().ok()).take(LEARNED) {
            self.ears.learn(&value.data);
        }
        answers
    }

    /// Reads one.
    pub(super) async fn read(&self, session: &Session, item: Item) -> Result<Value, CallError> {
        let mut answers = self.read_all(session, &[item]).await;
        answers.remove(0)
    }

    /// The key that a case names, or the one of `value`.
    pub(super) fn key<'k>(&'k self, given: &'k Option<String>) -> Result<&'k str, Miss> {
        let usual = || self.bench.cases.value.as_ref().and_then(|value| value.key.as_ref());
        let key = given.as_ref().or_else(usual);
        key.map(String::as_str).ok_or_else(|| Miss::bench("no key, here or in the case value"))
    }

    /// What a case expects, or `value` does; for its key alone.
    pub(super) fn expected<'k>(
        &'k self,
        key: &str,
        given: &'k Option<Expected>,
    ) -> Result<(&'k Expected, Option<&'k str>), Miss> {
        if let Some(expected) = given {
            return Ok((expected, None));
        }
        let usual = self.bench.cases.value.as_ref().filter(|value| value.key.as_deref() == Some(key));
        let found = usual.and_then(|value| Some((value.expect.as_ref()?, value.property.as_deref())));
        found.ok_or_else(|| Miss::bench(format!("nothing that is expected of key {key:?}")))
    }

    /// Whether a read brought what it had to.
    pub(super) fn brought(
        &self,
        outcome: &Result<Value, CallError>,
        property: Option<&str>,
        expected: &Expected,
    ) -> Verdict {
        let value = outcome.as_ref().map_err(|error| Miss::new(expected.described(), self.said(error)))?;
        let found;
        let data = match property {
            None => &value.data,
            Some(property) => {
                found = self.property(value, property)?.ok_or_else(|| {
                    Miss::new(expected.described(), format!("a value without property {property:?}"))
                })?;
                &found
            }
        };
        match expected.difference(data) {
            None => Ok(()),
            Some(difference) => Err(Miss::new(expected.described(), difference)),
        }
    }

    /// With the property, where the plugin looks it up.
    pub(super) fn asked(&self, item: Item, property: Option<&str>) -> Item {
        let own = self.description.can("own-properties");
        Item { property: property.filter(|_| own).map(ToOwned::to_owned), ..item }
    }

    /// A property, as the host looks it up; where the plugin does, the value is it.
    pub(super) fn property(&self, value: &Value, property: &str) -> Result<Option<SecretBytes>, Miss> {
        if self.description.can("own-properties") {
            return Ok(Some(value.data.duplicate()));
        }
        shape::property_of(value, property, &self.description.property_order)
            .map_err(|error| Miss::new(format!("a value with property {property:?}"), error.to_string()))
    }

    /// Whether a read failed as it had to.
    pub(super) fn failed<T>(
        &self,
        outcome: &Result<T, CallError>,
        expected: &str,
        right: impl FnOnce(&CallError) -> bool,
    ) -> Verdict {
        match outcome {
            Ok(_) => Err(Miss::new(expected, "no error, but an answer")),
            Err(error) => {
                let said = self.said(error);
                if right(error) { Ok(()) } else { Err(Miss::new(expected, said)) }
            }
        }
    }

    /// What an error says; remembered.
    pub(super) fn said(&self, error: &CallError) -> String {
        self.ears.error(self.case, error)
    }
}

/// A read of a value.
pub(super) fn value_of(key: &str, version: Option<&str>) -> Item {
    Item {
        key: key.to_owned(),
        version: version.map(ToOwned::to_owned),
        property: None,
        facet: Facet::Value,
        nature: Nature::Stored,
    }
}

/// What the bench gives for a case. A case that it does not give is not run.
pub(super) fn given<T>(input: &Option<T>) -> Result<&T, Miss> {
    input.as_ref().ok_or_else(|| Miss::bench("nothing about the case"))
}

/// A key that must be named.
pub(super) fn named(case: &KeyCase) -> Result<&str, Miss> {
    case.key.as_deref().ok_or_else(|| Miss::bench("no key"))
}
