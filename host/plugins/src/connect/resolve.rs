//! What a plugin needs, brought: the rules say what may be read, the source reads it, and what tells one
//! credential from another is noted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use claviger_core::access::Account;
use claviger_core::names::ANNOTATION_STORE_ACCESS;
use claviger_core::provider::{CallError, NeedError};
use claviger_core::secret::Untrusted;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

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
    /// Notes as which account of the asker's own namespace it is logged in, and what that is held to. Read twice, it
    /// may have changed in between: it is held to both.
    fn is_tenants(&mut self, reference: &Reference, annotations: &BTreeMap<String, String>) {
        if reference.namespace == self.input.requester.namespace {
            let access = annotations.get(ANNOTATION_STORE_ACCESS).cloned();
            self.tenants.insert(Account { name: reference.name.clone(), access });
        }
    }

    /// There is no such object. Of the asker's namespace, since that is where somebody can make one; and where
    /// nobody asks, nothing is known against those who will.
    fn nowhere(&self, at: &str, missing: Option<NeedError>) -> CallError {
        let nobody = self.input.requester.namespace.is_empty() && self.input.store.namespace.is_none();
        match missing {
            Some(missing) if !(nobody && self.is_left_out(at)) => missing.into(),
            _ => NeedError::NoRequester { pointer: at.to_owned() }.into(),
        }
    }

    /// Whether a reference names no namespace.
    fn is_left_out(&self, at: &str) -> bool {
        let namespace = self.input.config.pointer(at).and_then(|place| place["namespace"].as_str());
        namespace.is_none_or(str::is_empty)
    }

    pub(super) async fn object(&mut self, need: guest::ObjectNeed) -> Result<Slot, CallError> {
        let wanted = match need.kind {
            guest::ObjectKind::Secret => Some(ObjectKind::Secret),
            guest::ObjectKind::ConfigMap => Some(ObjectKind::ConfigMap),
            guest::ObjectKind::Either => None,
        };
        let (kind, reference, key) = self.rules().object(&need.at, wanted, need.default_key.as_deref())?;
        let mut search = self.stand_in.search(reference);
        let (answer, reference) = loop {
            let place = search.place().ok_or_else(|| self.nowhere(&need.at, search.missing.take()))?;
            let answer = self.source.object(kind, &place.namespace, &place.name, &key).await;
            if let Some(answer) = search.found(answer)? {
                break (answer, place);
            }
        };
        self.stand_in.found(kind.as_str(), &reference);
        self.identities.insert(format!("{}/{}/{key}", kind.as_str(), answer.identity));
        if kind == ObjectKind::Secret {
            self.redactor.seed(&answer.value);
        }
        let value = Arc::new(answer.value);
        Ok(if need.hidden { Slot::Hidden(value) } else { Slot::Bytes(value) })
    }

    pub(super) async fn account(&mut self, need: guest::AccountNeed) -> Result<Slot, CallError> {
        let wanted: BTreeSet<String> = need.annotations.into_iter().collect();
        if wanted.len() > MAX_ANNOTATIONS {
            return Err(wrong(format!("connect asks for {} annotations of one account", wanted.len())));
        }
        let reference = self.rules().account(&need.at)?;
        let mut search = self.stand_in.search(reference);
        let (answer, reference) = loop {
            let place = search.place().ok_or_else(|| self.nowhere(&need.at, search.missing.take()))?;
            let answer = self.source.account(&place.namespace, &place.name).await;
            if let Some(answer) = search.found(answer)? {
                break (answer, place);
            }
        };
        self.stand_in.found("ServiceAccount", &reference);
        self.is_tenants(&reference, &answer.annotations);
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
        let reference = self.rules().account(&need.at)?;
        let api_server = self.source.api_server_audiences();
        let expiration = need
            .expiration_seconds
            .map(|life| Duration::from_secs(life.clamp(*TOKEN_LIFE.start(), *TOKEN_LIFE.end())));
        let mut search = self.stand_in.search(reference);
        let (answer, reference) = loop {
            let place = search.place().ok_or_else(|| self.nowhere(&need.at, search.missing.take()))?;
            let shown = self.annotations.get(&place).map(Vec::as_slice).unwrap_or_default();
            let at = need.audiences_at.as_deref();
            self.rules().audiences(&need.at, at, &need.audiences, shown, &api_server)?;
            let answer = self.source.token(&place.namespace, &place.name, &need.audiences, expiration).await;
            if let Some(answer) = search.found(answer)? {
                break (answer, place);
            }
        };
        self.stand_in.found("ServiceAccount", &reference);
        self.is_tenants(&reference, &answer.annotations);
        self.identities
            .insert(format!("Token/{}/{}/{}", reference.namespace, reference.name, answer.identity));
        self.redactor.seed(&answer.token);
        Ok(Slot::Bytes(Arc::new(answer.token)))
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
        // anew is known by its audience, everything else by what it says. Around a token it counts seconds.
        let version = match kind {
            AmbientKind::PodServiceAccountToken => String::new(),
            _ => {
                let token = token_in(value.expose());
                hex::encode(Sha256::digest(token.as_deref().map_or(value.expose(), Vec::as_slice)))
            }
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
        Ok(Slot::Bytes(Arc::new(value)))
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

/// The token of a metadata service's answer, if it is one.
fn token_in(answer: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    #[derive(serde::Deserialize)]
    struct Token {
        access_token: String,
    }
    let token: Token = serde_json::from_slice(answer).ok()?;
    Some(Zeroizing::new(token.access_token.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_whatever_is_left_of_its_life() {
        let of = |answer: &str| token_in(answer.as_bytes()).map(|token| token.to_vec());
        assert_eq!(
            of(r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#),
            Some(b"t".to_vec())
        );
        assert_eq!(of(r#"{"access_token":"t","expires_on":"1","resource":"x"}"#), Some(b"t".to_vec()));
        assert_eq!(of(r#"{"AccessKeyId":"a"}"#), None);
        assert_eq!(of("my-project"), None);
    }
}
