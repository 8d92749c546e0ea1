//! Pushes and deletions. Each case begins by deleting its key, so that a bench can be used again; what it leaves behind
//! bears the mark. That nothing is sent where nothing changes shows in the version: requests are counted elsewhere, at
//! servers that tell them apart.

use std::sync::Arc;

use claviger_core::provider::{CallError, Facet, Item, Nature, ProviderError, Pushed, Removal, Value, Write};
use claviger_core::secret::SecretBytes;
use claviger_plugins::Session;
use serde_json::Value as Json;

use super::session::{Running, given, named, value_of};
use super::values::lacking;
use super::{Miss, Verdict};
use crate::bench::PushCase;

/// A key of a store, written and read.
struct Key<'a> {
    suite: &'a Running<'a>,
    session: Arc<Session>,
    key: &'a str,
}

impl<'a> Key<'a> {
    /// Of a store that nobody used before.
    async fn new(suite: &'a Running<'a>, key: &'a str) -> Result<Self, Miss> {
        Ok(Self { suite, session: suite.fresh().await?, key })
    }

    /// The same, not there.
    async fn absent(suite: &'a Running<'a>, key: &'a str) -> Result<Self, Miss> {
        let this = Self::new(suite, key).await?;
        this.delete(None).await.map_err(|error| this.miss("the key of the case is deleted first", &error))?;
        match this.exists().await? {
            false => Ok(this),
            true => Err(Miss::new("no key after its deletion", "it exists")),
        }
    }

    fn write(&self, value: &str) -> Write {
        Write {
            key: self.key.to_owned(),
            value: Arc::new(SecretBytes::new(value.as_bytes().to_vec())),
            expected_version: None,
            metadata: None,
            replace: true,
        }
    }

    async fn push(&self, write: Write) -> Result<Pushed, CallError> {
        self.suite.ears.learn(&write.value);
        let mut answers = self.session.push(&[write]).await?;
        Ok(answers.remove(0)?)
    }

    /// A push that has to end like that.
    async fn pushed(&self, write: Write, expected: Pushed) -> Verdict {
        let said = format!("{expected:?}").to_lowercase();
        match self.push(write).await {
            Ok(outcome) if outcome == expected => Ok(()),
            Ok(outcome) => Err(Miss::new(said, format!("{outcome:?}").to_lowercase())),
            Err(error) => Err(self.miss(&said, &error)),
        }
    }

    async fn delete(&self, expected_version: Option<String>) -> Result<(), CallError> {
        let removal = Removal { key: self.key.to_owned(), expected_version };
        let mut answers = self.session.delete(&[removal]).await?;
        Ok(answers.remove(0)?)
    }

    async fn exists(&self) -> Result<bool, Miss> {
        let failed = |error| self.miss("whether it is there", &error);
        let mut answers = self.session.exists(&[self.key.to_owned()]).await.map_err(failed)?;
        answers.remove(0).map_err(|error| failed(error.into()))
    }

    async fn get(&self) -> Result<Value, Miss> {
        let answer = self.suite.read(&self.session, value_of(self.key, None)).await;
        answer.map_err(|error| self.miss("a value", &error))
    }

    /// Whether it holds that value; its version.
    async fn holds(&self, value: &str) -> Result<Option<String>, Miss> {
        let found = self.get().await?;
        let json = |bytes: &[u8]| serde_json::from_slice::<Json>(bytes).ok();
        let same = found.data.expose() == value.as_bytes()
            || json(found.data.expose()).is_some_and(|found| json(value.as_bytes()) == Some(found));
        match same {
            true => Ok(found.version),
            false => {
                Err(Miss::new("the value that was pushed", format!("another of {} bytes", found.data.len())))
            }
        }
    }

    fn miss(&self, expected: &str, error: &CallError) -> Miss {
        Miss::new(expected, self.suite.said(error))
    }
}

fn is_denied(error: &CallError) -> bool {
    matches!(error, CallError::Provider(ProviderError::Denied(_)))
}

fn is_conflict(error: &CallError) -> bool {
    matches!(error, CallError::Provider(ProviderError::Conflict(_)))
}

fn same_version(before: Option<String>, after: Option<String>) -> Verdict {
    match before == after {
        true => Ok(()),
        false => Err(Miss::new("the same version, since nothing changed", "another")),
    }
}

pub(super) async fn push(suite: &Running<'_>) -> Verdict {
    let PushCase { key, value, other } = given(&suite.bench.cases.push)?;
    let key = Key::absent(suite, key).await?;
    key.pushed(key.write(value), Pushed::Created).await?;
    let first = key.holds(value).await?;
    if !key.exists().await? {
        return Err(Miss::new("that it exists", "that it does not"));
    }
    key.pushed(key.write(value), Pushed::Unchanged).await?;
    same_version(first.clone(), key.holds(value).await?)?;
    let changed = Write { expected_version: first.clone(), ..key.write(other) };
    key.pushed(changed, Pushed::Updated).await?;
    let second = key.holds(other).await?;
    if first.is_some() && second == first {
        return Err(Miss::new("another version, since the value is another", "the same"));
    }
    Ok(())
}

pub(super) async fn create_only(suite: &Running<'_>) -> Verdict {
    let PushCase { key, value, other } = given(&suite.bench.cases.create_only)?;
    let key = Key::absent(suite, key).await?;
    key.pushed(Write { replace: false, ..key.write(value) }, Pushed::Created).await?;
    let first = key.holds(value).await?;
    key.pushed(Write { replace: false, ..key.write(other) }, Pushed::Unchanged).await?;
    same_version(first, key.holds(value).await?)
}

pub(super) async fn unmanaged(suite: &Running<'_>) -> Verdict {
    let case = named(given(&suite.bench.cases.push_unmanaged)?)?;
    let key = Key::new(suite, case).await?;
    let before = key.get().await?;
    let value = r#"{"pushed":"over-what-is-not-ours"}"#;
    suite.failed(&key.push(key.write(value)).await, "denied for a push", is_denied)?;
    suite.failed(&key.delete(None).await, "denied for a deletion", is_denied)?;
    key.pushed(Write { replace: false, ..key.write(value) }, Pushed::Unchanged).await?;
    let after = key.get().await?;
    match before.data.expose() == after.data.expose() && before.version == after.version {
        true => Ok(()),
        false => Err(Miss::new("the value that was there", "another")),
    }
}

pub(super) async fn conflict(suite: &Running<'_>) -> Verdict {
    let PushCase { key, value, other } = given(&suite.bench.cases.push_conflict)?;
    let key = Key::absent(suite, key).await?;
    key.pushed(key.write(value), Pushed::Created).await?;
    let first = key.holds(value).await?;
    let Some(first) = first else { return Err(Miss::new("a version of what was pushed", "none")) };
    key.pushed(key.write(other), Pushed::Updated).await?;
    let stale = Write { expected_version: Some(first.clone()), ..key.write(value) };
    suite.failed(&key.push(stale).await, "conflict for a push", is_conflict)?;
    suite.failed(&key.delete(Some(first)).await, "conflict for a deletion", is_conflict)?;
    key.holds(other).await.map(drop)
}

pub(super) async fn metadata(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.push_metadata)?;
    let key = Key::absent(suite, &case.key).await?;
    let write = |metadata: &Json| Write { metadata: Some(metadata.clone()), ..key.write(&case.value) };
    if let Ok(outcome) = key.push(write(&case.refused)).await {
        let outcome = format!("{outcome:?}").to_lowercase();
        return Err(Miss::new("an error for metadata that is none", outcome));
    }
    if key.exists().await? {
        return Err(Miss::new("no key, since its metadata was refused", "it exists"));
    }
    key.pushed(write(&case.metadata), Pushed::Created).await?;
    let first = key.holds(&case.value).await?;
    key.pushed(write(&case.metadata), Pushed::Unchanged).await?;
    same_version(first, key.holds(&case.value).await?)?;
    if !suite.description.can("metadata") {
        return Ok(());
    }
    let item = Item {
        key: key.key.to_owned(),
        version: None,
        property: None,
        facet: Facet::Metadata,
        nature: Nature::Stored,
    };
    let answer = suite.read(&key.session, item).await.map_err(|error| key.miss("metadata", &error))?;
    let found = serde_json::from_slice(answer.data.expose())
        .map_err(|_| Miss::new("metadata that is JSON", format!("{} bytes of none", answer.data.len())))?;
    match lacking(&case.expect, &found, String::new()) {
        None => Ok(()),
        Some(place) => Err(Miss::new("the metadata that was pushed", format!("another at {place:?}"))),
    }
}

pub(super) async fn delete(suite: &Running<'_>) -> Verdict {
    let PushCase { key, value, .. } = given(&suite.bench.cases.delete_pushed)?;
    let key = Key::absent(suite, key).await?;
    key.pushed(key.write(value), Pushed::Created).await?;
    key.delete(None).await.map_err(|error| key.miss("it is deleted", &error))?;
    if key.exists().await? {
        return Err(Miss::new("no key after its deletion", "it exists"));
    }
    let gone = suite.read(&key.session, value_of(key.key, None)).await;
    suite.failed(&gone, "not-found after its deletion", |error| {
        matches!(error, CallError::Provider(ProviderError::NotFound(_)))
    })?;
    key.delete(None).await.map_err(|error| key.miss("no error for what is not there", &error))?;
    // A backend may keep what is deleted for a while.
    key.pushed(key.write(value), Pushed::Created).await?;
    key.holds(value).await.map(drop)
}
