//! Calls of providers, told to the audit log when they end. What is asked, and what of it is made known, is each caller's.

use std::sync::atomic::{AtomicBool, Ordering};
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
    /// The keys, where it is about several.
    keys: Vec<&'a str>,
    /// Until it has returned.
    pending: AtomicBool,
}

/// Broken off: this process stops, or may not act any more. What became of it at the provider nobody knows.
impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.pending.load(Ordering::Relaxed) {
            return;
        }
        if self.keys.is_empty() {
            self.tell(INTERRUPTED, |_| {});
        }
        for key in &self.keys {
            self.tell(INTERRUPTED, |access| access.key = Some(key));
        }
    }
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
            references: Vec::new(),
            version: None,
            result: outcome::OK,
            effect: None,
            found: None,
            shared: false,
            took: Duration::ZERO,
        };
        let (began, pending) = (Instant::now(), AtomicBool::new(true));
        Self { world, access, began, keys: Vec::new(), pending }
    }

    /// About that key.
    pub(super) fn of(mut self, key: Option<&'a str>) -> Self {
        self.access.key = key;
        self
    }

    /// About these keys.
    pub(super) fn of_each(mut self, keys: impl Iterator<Item = &'a str>) -> Self {
        self.keys = keys.collect();
        self
    }

    /// It has returned, with something to tell or without.
    pub(super) fn returned(&self) {
        self.pending.store(false, Ordering::Relaxed);
    }

    /// It ended. What was not sent is not told.
    pub(super) fn ended<T>(&self, answer: &Result<T, CallError>) {
        self.tell(outcome::word(answer), |_| {});
    }

    /// One thing that it was about ended so; `more`: what else there is to say of it.
    pub(super) fn tell<'s>(&'s self, result: &'static str, more: impl FnOnce(&mut Access<'s>)) {
        self.returned();
        if !self.world.audits() || matches!(result, HELD | FULL) {
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
    answers: &'s Result<Vec<Result<T, ProviderError>>, CallError>,
    more: impl Fn(&'s T, &mut Access<'s>),
) {
    call.returned();
    for (index, key) in call.keys.iter().enumerate() {
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

/// The word for what was not sent, because who asks holds as much already as it may.
const FULL: &str = "full";

/// The word for what was broken off.
const INTERRUPTED: &str = "interrupted";

impl Pipeline {
    /// Reads keys, or takes what others read, while there is room for them; each is told. `properties`: what is taken of a
    /// key.
    pub(super) async fn read_told<'p>(
        &self,
        (session, store): (&Session, &StoreName),
        items: &[Item],
        (not_older_than, room): (Instant, usize),
        world: &dyn World,
        properties: impl Fn(&Item) -> Vec<&'p str>,
    ) -> Vec<Answer> {
        let keys = items.iter().map(|item| item.key.as_str());
        let call = Call::begin(world, "get", store, session).of_each(keys);
        let told = self.fetcher.get_told(session, items, not_older_than, room).await;
        call.returned();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_core::budget::Full;
    use claviger_core::provider::Fault;
    use claviger_core::secret::Untrusted;

    use super::*;
    use crate::sync::heard::Heard;

    /// What is heard of a call that goes so.
    fn heard(of: impl FnOnce(Call<'_>)) -> Vec<String> {
        let world = Heard::default();
        let store = StoreName { kind: "SecretStore".into(), namespace: None, name: "s".to_owned() };
        let plugin =
            PluginId { name: "p".to_owned(), version: "1".to_owned(), digest: "sha256:0".to_owned() };
        of(Call::by(&world, "push", &store, &plugin));
        world.lines()
    }

    #[test]
    fn every_end_of_a_call_is_told_once() {
        let denied = || ProviderError::Denied(Untrusted::new("MARKED"));
        let trapped = CallError::from(Fault::Trapped("MARKED".to_owned()));
        let held = CallError::Held { left: Duration::ZERO };
        let full = CallError::from(Full::Unread);
        let none: [&str; 0] = [];
        let one = |answer: Result<(), CallError>| heard(|call| call.of(Some("all")).ended(&answer));
        assert_eq!(one(Ok(())), ["push all ok"]);
        assert_eq!(one(Err(trapped.clone())), ["push all trapped"]);
        assert_eq!(one(Err(held)), none, "nothing was sent");
        assert_eq!(one(Err(full)), none, "nothing was sent");
        assert_eq!(heard(|call| call.returned()), none);
        assert_eq!(heard(|call| drop(call.of(Some("all")))), ["push all interrupted"]);

        let keys = || ["a", "b"].into_iter();
        let each = |answers: Result<Vec<Result<(), ProviderError>>, CallError>| {
            heard(|call| tell_each(&call.of_each(keys()), &answers, |(), _| {}))
        };
        assert_eq!(each(Ok(vec![Ok(()), Err(denied())])), ["push a ok", "push b denied"]);
        assert_eq!(each(Err(trapped)), ["push a trapped", "push b trapped"]);
        let interrupted = heard(|call| drop(call.of_each(keys())));
        assert_eq!(interrupted, ["push a interrupted", "push b interrupted"]);
        let nothing = Ok(Vec::new());
        assert_eq!(heard(|call| tell_each::<()>(&call, &nothing, |(), _| {})), none);
    }
}
