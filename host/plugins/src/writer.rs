//! Pushing to a provider, and deleting there. What is pushed, what of a value is replaced, and what may be deleted is
//! decided elsewhere (`core::push`).

use claviger_core::provider::{CallError, ProviderError, Pushed, Removal, Write};
use claviger_core::redact::Redactor;
use claviger_core::secret::Untrusted;
use serde_json::Value as Json;

use crate::convert;
use crate::guest::writer as guest;
use crate::plugin::Plugin;
use crate::session::Session;

impl Plugin {
    /// Whether it can be pushed to.
    pub fn writes(&self) -> bool {
        self.description().is_some_and(|it| it.can("writer"))
    }

    /// Checks a push's metadata against the plugin's schema. One without a schema takes none.
    ///
    /// # Errors
    /// [`ProviderError::InvalidConfig`] with the place in the metadata and the rule.
    pub fn check_push_metadata(&self, metadata: &Json) -> Result<(), ProviderError> {
        match self.provider().and_then(|provider| provider.push_metadata.as_ref()) {
            Some(schema) => schema.check(metadata),
            None => Err(ProviderError::Unsupported(Untrusted::new("it takes no metadata"))),
        }
    }
}

impl Session {
    /// Writes several values. One answer per write, in order.
    ///
    /// # Errors
    /// If nothing could be tried, or the plugin failed. Of one write: [`ProviderError::Denied`] also where the key holds
    /// what is not managed by pushes; [`ProviderError::Conflict`] if its version is another.
    pub async fn push(&self, writes: &[Write]) -> Result<Vec<Result<Pushed, ProviderError>>, CallError> {
        for metadata in writes.iter().filter_map(|write| write.metadata.as_ref()) {
            self.plugin.check_push_metadata(metadata)?;
        }
        let wanted: Vec<_> = writes.iter().map(to_guest).collect();
        // Whatever it says may be of the values.
        let values: Vec<_> = writes.iter().map(|write| write.value.clone()).collect();
        let mut redactor = Redactor::default();
        values.iter().for_each(|value| redactor.seed(value));
        let input = self.input.to_guest();
        let answers = self
            .ask("push")
            .with_values(values)
            .each(wanted.len(), async |guest, store| guest.push(store, &input, &wanted).await)
            .await
            .map_err(|error| convert::cleaned(error, &redactor))?;
        Ok(answers
            .into_iter()
            .map(|answer| match answer {
                Ok(guest::Outcome::Created) => Ok(Pushed::Created),
                Ok(guest::Outcome::Updated) => Ok(Pushed::Updated),
                Ok(guest::Outcome::Unchanged) => Ok(Pushed::Unchanged),
                Err(error) => Err(convert::cleaned_item(error, &redactor)),
            })
            .collect())
    }

    /// Deletes several keys. One answer per key, in order; that one is not there is no error.
    ///
    /// # Errors
    /// As [`Session::push`].
    pub async fn delete(&self, removals: &[Removal]) -> Result<Vec<Result<(), ProviderError>>, CallError> {
        let wanted: Vec<_> = removals
            .iter()
            .map(|removal| guest::Removal {
                key: removal.key.clone(),
                expected_version: removal.expected_version.clone(),
            })
            .collect();
        let input = self.input.to_guest();
        let answers = self
            .ask("delete")
            .each(wanted.len(), async |guest, store| guest.delete(store, &input, &wanted).await)
            .await?;
        Ok(answers
            .into_iter()
            .map(|answer| match answer {
                Err(ProviderError::NotFound(_)) => Ok(()),
                other => other,
            })
            .collect())
    }

    /// Whether keys are there, whoever manages them. One answer per key, in order.
    ///
    /// # Errors
    /// As [`Session::push`].
    pub async fn exists(&self, keys: &[String]) -> Result<Vec<Result<bool, ProviderError>>, CallError> {
        let input = self.input.to_guest();
        self.ask("exists")
            .each(keys.len(), async |guest, store| guest.exists(store, &input, keys).await)
            .await
    }
}

fn to_guest(write: &Write) -> guest::Write {
    guest::Write {
        key: write.key.clone(),
        value: write.value.expose().to_vec(),
        expected_version: write.expected_version.clone(),
        metadata: write.metadata.as_ref().map(Json::to_string),
        replace: write.replace,
    }
}
