//! Calls of providers, told to the audit log when they end. What is asked, and what of it is made known, is each caller's.

use std::time::{Duration, Instant};

use claviger_core::error::StoreName;
use claviger_core::outcome;
use claviger_core::provider::{CallError, Item, PluginId, ProviderError};
use claviger_plugins::Session;
use claviger_plugins::fetch::{Answer, Told};

use super::Pipeline;
use super::world::World;
use crate::audit::Access;

/// A call that is under way.
pub(super) struct Call<'a> {
    world: &'a dyn World,
    access: Access<'a>,
    began: Instant,
}

impl<'a> Call<'a> {
    /// It begins.
    pub(super) fn begin(
        world: &'a dyn World,
        operation: &'static str,
        store: &'a StoreName,
        session: &'a Session,
    ) -> Self {
        Self::by(world, operation, store, session.plugin().id())
    }

    /// The same of what has no session yet.
    pub(super) fn by(
        world: &'a dyn World,
        operation: &'static str,
        store: &'a StoreName,
        plugin: &'a PluginId,
    ) -> Self {
        let access = Access {
            operation,
            store,
            plugin,
            key: None,
            properties: Vec::new(),
            version: None,
            result: outcome::OK,
            effect: None,
            found: None,
            shared: false,
            took: Duration::ZERO,
        };
        Self { world, access, began: Instant::now() }
    }

    /// About that key.
    pub(super) fn of(mut self, key: Option<&'a str>) -> Self {
        self.access.key = key;
        self
    }

    /// It ended. What was not sent is not told.
    pub(super) fn ended<T>(&self, answer: &Result<T, CallError>) {
        self.tell(outcome::word(answer), |_| {});
    }

    /// One thing that it was about ended so; `more`: what else there is to say of it.
    pub(super) fn tell<'s>(&'s self, result: &'static str, more: impl FnOnce(&mut Access<'s>)) {
        if !self.world.audits() || result == HELD {
            return;
        }
        let mut access: Access<'s> = Access { result, took: self.began.elapsed(), ..self.access.clone() };
        more(&mut access);
        self.world.audit(&access);
    }
}

/// Tells how each key of one call ended; `more`: what else there is to say of an answer.
pub(super) fn tell_each<'s, T>(
    call: &'s Call<'_>,
    keys: impl Iterator<Item = &'s str>,
    answers: &'s Result<Vec<Result<T, ProviderError>>, CallError>,
    more: impl Fn(&'s T, &mut Access<'s>),
) {
    for (index, key) in keys.enumerate() {
        let answer = answers.as_ref().map(|answers| answers.get(index));
        let result = match answer {
            Ok(Some(Err(error))) => error.word(),
            Ok(_) => outcome::OK,
            Err(error) => error.word(),
        };
        call.tell(result, |access| {
            access.key = Some(key);
            if let Ok(Some(Ok(answer))) = answer {
                more(answer, access);
            }
        });
    }
}

/// The word for what was not sent, because the backend limits the account at the moment.
const HELD: &str = "held";

impl Pipeline {
    /// Reads keys, or takes what others read; each is told. `properties`: what is taken of a key.
    pub(super) async fn read_told<'p>(
        &self,
        (session, store): (&Session, &StoreName),
        items: &[Item],
        not_older_than: Instant,
        world: &dyn World,
        properties: impl Fn(&Item) -> Vec<&'p str>,
    ) -> Vec<Answer> {
        let call = Call::begin(world, "get", store, session);
        let told = self.fetcher.get_told(session, items, not_older_than).await;
        if world.audits() {
            for (item, Told { answer, shared }) in items.iter().zip(&told) {
                let answered = answer.as_ref().ok().and_then(|value| value.version.as_deref());
                let properties = properties(item);
                call.tell(outcome::word(answer), |access| {
                    access.key = Some(&item.key);
                    access.properties = properties;
                    access.version = answered.or(item.version.as_deref());
                    access.shared = *shared;
                });
            }
        }
        told.into_iter().map(|told| told.answer).collect()
    }
}
