//! A store that is open for writing, and the calls of its provider that a push is made of. Each is told to the audit log.

use std::collections::BTreeMap;

use claviger_core::access::Use;
use claviger_core::error::{Failure, StoreName};
use claviger_core::provider::{CallError, Item, ProviderError, Pushed, Removal, Value, Write};
use claviger_core::push::Way;
use claviger_plugins::Session;

use crate::sync::access::Opened;
use crate::sync::told::{Call, tell_each};
use crate::sync::world::World;
use crate::sync::{Pipeline, store_name};
use crate::watch::Object;

/// Keys of one call: each may be several requests of the plugin, which has half a minute for all.
pub(super) const AT_ONCE: usize = 10;

/// A store that is open for writing.
pub(super) struct Writable<'a> {
    pipeline: &'a Pipeline,
    world: &'a dyn World,
    opened: Opened,
    pub(super) name: StoreName,
}

impl Pipeline {
    /// Opens a store for writing.
    ///
    /// # Errors
    /// As of reading, and that its provider does not write.
    pub(super) async fn writable<'a>(
        &'a self,
        store: &Object,
        namespace: &str,
        world: &'a dyn World,
    ) -> Result<Writable<'a>, Failure> {
        let opened = self.open(store, namespace, world).await?;
        let (plugin, name) = (opened.session.plugin(), store_name(store));
        if !plugin.writes() {
            return Err(Failure::StoreReadOnly { store: name, plugin: plugin.id().to_string() });
        }
        Ok(Writable { pipeline: self, world, opened, name })
    }
}

impl Writable<'_> {
    pub(super) fn session(&self) -> &Session {
        &self.opened.session
    }

    /// How properties are named in its values.
    pub(super) fn way(&self) -> Way {
        Way::of(self.session().plugin().description().map_or(&[], |description| &description.property_order))
    }

    /// Whether a key may be written or taken back.
    ///
    /// # Errors
    /// [`Failure::KeyForbidden`].
    pub(super) fn check(&self, key: &str) -> Result<(), Failure> {
        self.opened.check(key, Use::Write)
    }

    /// The groups of keys that may be written or taken back; what is said of the others is put into `done`.
    pub(super) fn allowed<T, D>(
        &self,
        groups: BTreeMap<String, T>,
        done: &mut BTreeMap<String, Result<D, Failure>>,
    ) -> Vec<(String, T)> {
        let mut allowed = Vec::with_capacity(groups.len());
        for (key, group) in groups {
            match self.check(&key) {
                Ok(()) => allowed.push((key, group)),
                Err(failure) => drop(done.insert(key, Err(failure))),
            }
        }
        allowed
    }

    /// What is stored there; `None` where nothing is.
    pub(super) async fn read<'k>(
        &self,
        keys: &[&'k String],
    ) -> Result<BTreeMap<&'k str, Result<Option<Value>, Failure>>, Failure> {
        if keys.is_empty() {
            return Ok(BTreeMap::new());
        }
        let items: Vec<Item> = keys.iter().map(|key| Item::stored((*key).clone())).collect();
        let call = self.begin("get").of_each(keys.iter().map(|key| key.as_str()));
        let answers = self.pipeline.fetcher.call(self.session(), self.session().get(&items)).await;
        tell_each(&call, &answers, |value, access| {
            access.version = value.version.as_deref();
        });
        let answers = answers.map_err(|error| self.refused(None, error))?;
        let found = keys.iter().zip(answers).map(|(key, answer)| {
            let answer = match answer {
                Ok(value) => Ok(Some(value)),
                Err(ProviderError::NotFound(_)) => Ok(None),
                Err(error) => Err(self.refused(Some(key), error.into())),
            };
            (key.as_str(), answer)
        });
        Ok(found.collect())
    }

    /// Whether there is something under keys.
    pub(super) async fn exists(&self, keys: &[String]) -> Result<Vec<Result<bool, Failure>>, Failure> {
        let call = self.begin("exists").of_each(keys.iter().map(String::as_str));
        let answers = self.pipeline.fetcher.call(self.session(), self.session().exists(keys)).await;
        tell_each(&call, &answers, |_, _| {});
        let answers = answers.map_err(|error| self.refused(None, error))?;
        let named = keys.iter().zip(answers);
        Ok(named.map(|(key, answer)| answer.map_err(|error| self.refused(Some(key), error.into()))).collect())
    }

    /// Has values written.
    pub(super) async fn push(&self, writes: &[Write]) -> Result<Vec<Result<Pushed, ProviderError>>, Failure> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.begin("push").of_each(writes.iter().map(|write| write.key.as_str()));
        let answers = self.pipeline.fetcher.call(self.session(), self.session().push(writes)).await;
        tell_each(&call, &answers, |pushed, access| {
            access.effect = Some(match pushed {
                Pushed::Created => "created",
                Pushed::Updated => "updated",
                Pushed::Unchanged => "unchanged",
            });
        });
        answers.map_err(|error| self.refused(None, error))
    }

    /// Has keys deleted.
    pub(super) async fn delete(
        &self,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ProviderError>>, Failure> {
        if removals.is_empty() {
            return Ok(Vec::new());
        }
        let call = self.begin("delete").of_each(removals.iter().map(|removal| removal.key.as_str()));
        let answers = self.pipeline.fetcher.call(self.session(), self.session().delete(removals)).await;
        tell_each(&call, &answers, |(), _| {});
        answers.map_err(|error| self.refused(None, error))
    }

    /// What an error of one of these calls means.
    pub(super) fn refused(&self, key: Option<&str>, error: CallError) -> Failure {
        let plugin = self.session().plugin().id();
        match error {
            CallError::Provider(ProviderError::Denied(detail)) => Failure::WriteRefused {
                store: self.name.clone(),
                plugin: plugin.to_string(),
                key: key.map(ToOwned::to_owned),
                detail,
            },
            error => Failure::from_call(&self.name, key, None, plugin, error),
        }
    }

    fn begin(&self, operation: &'static str) -> Call<'_> {
        Call::begin(self.world, operation, &self.name, self.session())
    }
}
