//! Pushing to a provider, and deleting there. What is pushed, what of a value is replaced, and what may be deleted is
//! decided elsewhere (`core::push`).

use claviger_core::provider::{CallError, Fault, ProviderError, Pushed, Removal, Write};
use claviger_core::redact::Redactor;
use claviger_core::secret::Untrusted;
use serde_json::Value as Json;

use crate::convert;
use crate::guest::{types as wit, writer as guest};
use crate::plugin::{Plugin, say_why};
use crate::session::Session;

impl Plugin {
    /// Whether it can be pushed to.
    pub fn writes(&self) -> bool {
        self.description().is_some_and(|it| it.capabilities.iter().any(|known| known == "writer"))
    }

    /// Checks a push's metadata against the plugin's schema. One without a schema takes none.
    ///
    /// # Errors
    /// [`ProviderError::InvalidConfig`] with the place in the metadata and the rule.
    pub fn check_push_metadata(&self, metadata: &Json) -> Result<(), ProviderError> {
        match self.provider_code().and_then(|provider| provider.push_metadata.as_ref()) {
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
        let input = self.input.to_guest();
        let wanted: Vec<_> = writes.iter().map(to_guest).collect();
        let mut setup = self.plugin.setup(self);
        // Whatever it says may be of the values.
        let values = writes.iter().map(|write| write.value.clone()).collect();
        setup.log = self.plugin.log_gate(values, Some(self.redactor.clone()));
        let answer = self
            .plugin
            .provider(
                "push",
                setup,
                &self.room,
                self.plugin.grants().wall,
                async |guest, store| guest.push(store, &input, &wanted).await,
                |answers, trouble| improve(answers, trouble),
            )
            .await;
        let mut redactor = Redactor::default();
        for write in writes {
            redactor.seed(&write.value);
        }
        let answers = self.answer(answer).map_err(|error| convert::cleaned(error, &redactor))?;
        let answers = self.each(answers, writes.len())?.into_iter();
        Ok(answers
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
        let input = self.input.to_guest();
        let wanted: Vec<_> = removals
            .iter()
            .map(|removal| guest::Removal {
                key: removal.key.clone(),
                expected_version: removal.expected_version.clone(),
            })
            .collect();
        let answer = self
            .plugin
            .provider(
                "delete",
                self.plugin.setup(self),
                &self.room,
                self.plugin.grants().wall,
                async |guest, store| guest.delete(store, &input, &wanted).await,
                |answers, trouble| improve(answers, trouble),
            )
            .await;
        let answers = self.each(self.answer(answer)?, removals.len())?.into_iter();
        Ok(answers
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
        let answer = self
            .plugin
            .provider(
                "exists",
                self.plugin.setup(self),
                &self.room,
                self.plugin.grants().wall,
                async |guest, store| guest.exists(store, &input, keys).await,
                |answers, trouble| improve(answers, trouble),
            )
            .await;
        self.each(self.answer(answer)?, keys.len())
    }

    /// The answers, if there are as many as there were questions.
    fn each<T>(
        &self,
        answers: Vec<Result<T, wit::Error>>,
        asked: usize,
    ) -> Result<Vec<Result<T, ProviderError>>, CallError> {
        if answers.len() != asked {
            return Err(Fault::BadAnswer(format!("{} answers to {asked} keys", answers.len())).into());
        }
        let clean = |error| convert::cleaned_item(convert::error(error), &self.redactor);
        Ok(answers.into_iter().map(|answer| answer.map_err(clean)).collect())
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

fn improve<T>(answers: &mut [Result<T, wit::Error>], trouble: &str) {
    for error in answers.iter_mut().filter_map(|answer| answer.as_mut().err()) {
        say_why(error, trouble);
    }
}
