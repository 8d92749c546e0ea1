//! What a plugin needs, brought: the rules say what may be read, the source reads it, and what tells one
//! credential from another is noted.

use std::collections::BTreeSet;
use std::time::Duration;

use claviger_core::provider::{CallError, NeedError};
use claviger_core::secret::Untrusted;
use sha2::{Digest, Sha256};

use super::{Work, guest, wrong};
use crate::ambient::ACCESS_TOKEN;
use crate::convert;
use crate::needs::Reference;
use crate::session::Slot;
use crate::source::{AmbientKind, ObjectKind};

/// Annotations of one account.
const MAX_ANNOTATIONS: usize = 16;

/// Life of a token: it is for one login. The API server has limits of its own.
const TOKEN_LIFE: std::ops::RangeInclusive<u64> = 600..=24 * 3600;

impl Work<'_> {
    /// Where to look first. A place that led to what stands in leads there for the whole connect: a token must
    /// not be another account's than the annotations.
    fn begin(&self, at: &str, reference: Reference) -> Reference {
        match reference.next() {
            Some(next) if self.stand_ins.contains_key(at) => next,
            _ => reference,
        }
    }

    /// Notes where something was found.
    fn end(&mut self, at: &str, kind: &str, reference: &Reference) {
        if reference.stands_in {
            let found = format!("{kind} {}/{}", reference.namespace, reference.name);
            self.stand_ins.insert(at.to_owned(), found);
        }
    }

    pub(super) async fn object(&mut self, need: guest::ObjectNeed) -> Result<Slot, CallError> {
        let wanted = match need.kind {
            guest::ObjectKind::Secret => Some(ObjectKind::Secret),
            guest::ObjectKind::ConfigMap => Some(ObjectKind::ConfigMap),
            guest::ObjectKind::Either => None,
        };
        let (kind, reference, key) = self.rules()?.object(&need.at, wanted, need.default_key.as_deref())?;
        let mut reference = self.begin(&need.at, reference);
        let answer = loop {
            let answer = self.source.object(kind, &reference.namespace, &reference.name, &key).await;
            match (answer, reference.next()) {
                (Err(NeedError::NotFound { key: None, .. }), Some(next)) => reference = next,
                (answer, _) => break answer?,
            }
        };
        self.end(&need.at, &format!("{kind:?}"), &reference);
        self.identities.insert(format!("{kind:?}/{}/{key}", answer.identity));
        if kind == ObjectKind::Secret {
            self.redactor.seed(&answer.value);
        }
        Ok(if need.hidden { Slot::Hidden(answer.value) } else { Slot::Bytes(answer.value) })
    }

    pub(super) async fn account(&mut self, need: guest::AccountNeed) -> Result<Slot, CallError> {
        let wanted: BTreeSet<String> = need.annotations.into_iter().collect();
        if wanted.len() > MAX_ANNOTATIONS {
            return Err(wrong(format!("connect asks for {} annotations of one account", wanted.len())));
        }
        let reference = self.rules()?.account(&need.at)?;
        let mut reference = self.begin(&need.at, reference);
        let answer = loop {
            let answer = self.source.account(&reference.namespace, &reference.name).await;
            match (answer, reference.next()) {
                (Err(NeedError::NotFound { .. }), Some(next)) => reference = next,
                (answer, _) => break answer?,
            }
        };
        self.end(&need.at, "ServiceAccount", &reference);
        let shown = wanted.into_iter().filter_map(|name| {
            let value = answer.annotations.get(&name)?.clone();
            Some((name, value))
        });
        let shown: Vec<_> = shown.collect();
        // They say which role the account has: another role is somebody else.
        let said: Vec<String> = shown.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.identities.insert(format!("ServiceAccount/{}/{}", answer.identity, said.join(",")));
        self.annotations.entry(reference).or_default().extend(shown.iter().cloned());
        Ok(Slot::Account(shown))
    }

    pub(super) async fn token(&mut self, need: guest::TokenNeed) -> Result<Slot, CallError> {
        let reference = self.rules()?.account(&need.at)?;
        let mut reference = self.begin(&need.at, reference);
        let api_server = self.source.api_server_audiences();
        let expiration = need
            .expiration_seconds
            .map(|life| Duration::from_secs(life.clamp(*TOKEN_LIFE.start(), *TOKEN_LIFE.end())));
        let answer = loop {
            let shown = self.annotations.get(&reference).map(Vec::as_slice).unwrap_or_default();
            let at = need.audiences_at.as_deref();
            self.rules()?.audiences(&need.at, at, &need.audiences, shown, &api_server)?;
            let asked = self.source.token(&reference.namespace, &reference.name, &need.audiences, expiration);
            match (asked.await, reference.next()) {
                (Err(NeedError::NotFound { .. }), Some(next)) => reference = next,
                (answer, _) => break answer?,
            }
        };
        self.end(&need.at, "ServiceAccount", &reference);
        self.identities
            .insert(format!("Token/{}/{}/{}", reference.namespace, reference.name, answer.identity));
        self.redactor.seed(&answer.token);
        Ok(Slot::Bytes(answer.token))
    }

    /// Something of the operator's own surroundings: exactly what a grant names.
    pub(super) async fn ambient(&mut self, need: &guest::AmbientNeed) -> Result<Slot, CallError> {
        let kind = convert::ambient(need.kind);
        // A token is known by its audience; nothing else has a choice.
        let name = match kind {
            AmbientKind::PodServiceAccountToken => need.audience.as_deref().unwrap_or_default(),
            _ => need.name.as_str(),
        };
        let profile: String = format!("{kind} {name}").trim().chars().take(200).collect();
        let grants = self.plugin.grants();
        let granted = grants.ambient.iter().any(|grant| grant.kind == kind && grant.name == name);
        if !granted {
            return Err(NeedError::AmbientRefused { profile }.into());
        }
        if kind == AmbientKind::PodServiceAccountToken
            && (name.is_empty() || self.source.api_server_audiences().iter().any(|own| own == name))
            && !grants.api_server_audience
        {
            return Err(NeedError::AudienceRefused {
                audience: name.to_owned(),
                why: "it is the API server's own, and that is not granted to this plugin (spec.grants.apiServerAudience)".to_owned(),
            }
            .into());
        }
        let argument = need.argument_at.as_deref().map(|at| self.argument(at)).transpose()?.flatten();
        let value = match kind {
            AmbientKind::AwsMetadata | AmbientKind::AzureMetadata | AmbientKind::GcpMetadata => {
                match &self.plugin.ambient {
                    Some(ambient) => ambient.ask(kind, name, argument).await?,
                    None => return Err(NeedError::AmbientRefused { profile }.into()),
                }
            }
            AmbientKind::Env | AmbientKind::FileByEnv | AmbientKind::PodServiceAccountToken => {
                self.source.ambient(kind, name).await?
            }
        };
        let Some(value) = value else {
            return if need.optional {
                Ok(Slot::Absent)
            } else {
                let detail = Untrusted::new("it is not set");
                Err(NeedError::Unreadable { what: profile, detail, transient: false }.into())
            };
        };
        // What is handed over by the surroundings has no version but itself: a token that each request makes
        // anew is known by its audience, everything else by what it says.
        let version = match kind {
            AmbientKind::PodServiceAccountToken => String::new(),
            _ => hex::encode(Sha256::digest(value.expose())),
        };
        self.identities.insert(format!("Ambient/{profile}/{}/{version}", argument.unwrap_or_default()));
        // What project or cluster this is is no secret, and stands in messages.
        let about = kind == AmbientKind::GcpMetadata && name != ACCESS_TOKEN;
        if about {
            let text = String::from_utf8_lossy(value.expose()).trim().to_owned();
            self.surroundings.insert(profile, text);
        } else {
            self.redactor.seed(&value);
        }
        Ok(Slot::Bytes(value))
    }

    /// The text in the manifest that chooses within a profile; none where nothing stands there.
    fn argument(&self, at: &str) -> Result<Option<&str>, CallError> {
        match self.input.config.pointer(at) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(value) => match value.as_str() {
                Some("") => Ok(None),
                Some(text) => Ok(Some(text)),
                None => Err(wrong("the argument of an ambient need is no text of the manifest".to_owned())),
            },
        }
    }
}
