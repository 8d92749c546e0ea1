//! `connect` in rounds: the plugin says what it needs, the host resolves it by its own rules, until the
//! plugin is ready and has named its origins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::provider::{CallError, Fault, NeedError, ProviderError};
use claviger_core::redact::Redactor;
use claviger_core::secret::{SecretBytes, Untrusted};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::bindings::provider::exports::claviger::plugin::connection as guest;
use crate::convert;
use crate::egress::{Origin, OriginRule, Reach, TlsMaterial};
use crate::identity::account;
use crate::needs::{Reference, Rules};
use crate::plugin::Plugin;
use crate::rooms::Room;
use crate::session::{Input, Requester, Scope, Session, Slot, StoreRef};
use crate::source::{AmbientKind, CredentialSource, ObjectKind};

/// Rounds before a plugin that never has enough is stopped. The deepest known needs three: annotations,
/// then a token whose audience stands in one, then a file.
const MAX_ROUNDS: usize = 8;
/// Needs of one connect.
const MAX_NEEDS: usize = 64;
/// Origins of one store: a data endpoint, a login, a few regions. Each costs a client with its pool.
const MAX_ORIGINS: usize = 32;
/// Path prefixes of one origin.
const MAX_PATHS: usize = 64;
/// Certificate bundles of one origin: each is copied for it, and a Secret may hold 1 MiB.
const MAX_BUNDLES: usize = 8;
/// Annotations of one account.
const MAX_ANNOTATIONS: usize = 16;
/// Bytes of what tells requesters apart: a namespace, a role, a hash.
const MAX_PARTITION: usize = 256;
/// Bytes of what tells accounts apart: a handful of ARNs, the part of a config about logging in.
const MAX_ACCOUNT: usize = 64 * 1024;
/// Life of a token: it is for one login. The API server has limits of its own.
const TOKEN_LIFE: std::ops::RangeInclusive<u64> = 600..=24 * 3600;

/// Connects.
pub(crate) async fn connect(
    plugin: &Arc<Plugin>,
    store: StoreRef,
    requester: Requester,
    config: Json,
    source: &dyn CredentialSource,
) -> Result<Arc<Session>, CallError> {
    let settings = plugin.grants().settings.clone();
    let mut work = Work {
        room: plugin.rooms.of(&requester.namespace),
        plugin,
        source,
        input: Input { store, requester, config, settings, slots: Vec::new() },
        identities: BTreeSet::new(),
        annotations: BTreeMap::new(),
        redactor: Redactor::default(),
    };
    match work.rounds().await {
        Ok(ready) => {
            let redactor = Arc::new(std::mem::take(&mut work.redactor));
            work.ready(ready, redactor.clone()).map_err(|error| convert::cleaned(error, &redactor))
        }
        // It has been handed credentials, and may quote them.
        Err(error) => Err(convert::cleaned(error, &work.redactor)),
    }
}

struct Work<'a> {
    room: Room,
    plugin: &'a Arc<Plugin>,
    source: &'a dyn CredentialSource,
    input: Input,
    /// What the credentials are, without being them.
    identities: BTreeSet<String>,
    /// Annotations that were shown, by account: they may name audiences for it.
    annotations: BTreeMap<Reference, Vec<(String, String)>>,
    redactor: Redactor,
}

impl Work<'_> {
    /// Asks until the plugin is ready. Its time is that of one call for all rounds; reading objects is not
    /// its doing.
    async fn rounds(&mut self) -> Result<guest::Ready, CallError> {
        let mut time = self.plugin.grants().wall;
        for _ in 0..MAX_ROUNDS {
            let began = Instant::now();
            let mut redactor = Redactor::default();
            for (_, slot) in &self.input.slots {
                if let Slot::Bytes(bytes) = slot {
                    redactor.seed(bytes);
                }
            }
            let step = self.plugin.connect_round(&self.input, Arc::new(redactor), &self.room, time).await?;
            time = time.saturating_sub(began.elapsed());
            match step.map_err(convert::error)? {
                guest::Step::Ready(ready) => return Ok(ready),
                guest::Step::Need(needs) => {
                    if needs.is_empty() {
                        return Err(wrong("connect is not ready and asks for nothing".to_owned()));
                    }
                    let count = self.input.slots.len() + needs.len();
                    if count > MAX_NEEDS {
                        return Err(wrong(format!("connect asks for {count} things, more than {MAX_NEEDS}")));
                    }
                    for need in needs {
                        self.resolve(need).await?;
                    }
                }
            }
        }
        Err(wrong(format!("connect was not ready after {MAX_ROUNDS} rounds")))
    }

    fn rules(&self) -> Result<Rules<'_>, CallError> {
        let schema =
            self.plugin.schema().ok_or_else(|| Fault::BadAnswer("it has no config schema".to_owned()))?;
        Ok(Rules {
            store: &self.input.store,
            requester: &self.input.requester,
            config: &self.input.config,
            schema,
            grants: self.plugin.grants(),
        })
    }

    async fn resolve(&mut self, need: guest::Need) -> Result<(), CallError> {
        let slot = match &need {
            guest::Need::Object(need) => &need.slot,
            guest::Need::Account(need) => &need.slot,
            guest::Need::Token(need) => &need.slot,
            guest::Need::Ambient(need) => &need.slot,
        };
        if slot.len() > 100 || self.input.slots.iter().any(|(known, _)| known == slot) {
            return Err(wrong("connect asks for one slot twice, or gives one an absurd name".to_owned()));
        }
        let slot = slot.clone();
        let (optional, outcome) = match need {
            guest::Need::Object(need) => (need.optional, self.object(need).await),
            guest::Need::Account(need) => (false, self.account(need).await),
            guest::Need::Token(need) => (false, self.token(need).await),
            guest::Need::Ambient(need) => (need.optional, self.ambient(&need).await),
        };
        let value = match outcome {
            Err(CallError::Need(NeedError::NotFound { .. } | NeedError::AmbientRefused { .. }))
                if optional =>
            {
                Slot::Absent
            }
            other => other?,
        };
        self.input.slots.push((slot, value));
        Ok(())
    }

    async fn object(&mut self, need: guest::ObjectNeed) -> Result<Slot, CallError> {
        let wanted = match need.kind {
            guest::ObjectKind::Secret => Some(ObjectKind::Secret),
            guest::ObjectKind::ConfigMap => Some(ObjectKind::ConfigMap),
            guest::ObjectKind::Either => None,
        };
        let (kind, reference, key) = self.rules()?.object(&need.at, wanted, need.default_key.as_deref())?;
        let answer = self.source.object(kind, &reference.namespace, &reference.name, &key).await?;
        self.identities.insert(format!("{kind:?}/{}/{key}", answer.identity));
        if kind == ObjectKind::Secret {
            self.redactor.seed(&answer.value);
        }
        Ok(if need.hidden { Slot::Hidden(answer.value) } else { Slot::Bytes(answer.value) })
    }

    async fn account(&mut self, need: guest::AccountNeed) -> Result<Slot, CallError> {
        let wanted: BTreeSet<String> = need.annotations.into_iter().collect();
        if wanted.len() > MAX_ANNOTATIONS {
            return Err(wrong(format!("connect asks for {} annotations of one account", wanted.len())));
        }
        let reference = self.rules()?.account(&need.at)?;
        let answer = self.source.account(&reference.namespace, &reference.name).await?;
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

    async fn token(&mut self, need: guest::TokenNeed) -> Result<Slot, CallError> {
        let rules = self.rules()?;
        let reference = rules.account(&need.at)?;
        let api_server = self.source.api_server_audiences();
        let at = need.audiences_at.as_deref();
        let shown = self.annotations.get(&reference).map(Vec::as_slice).unwrap_or_default();
        rules.audiences(&need.at, at, &need.audiences, shown, &api_server)?;
        let expiration = need
            .expiration_seconds
            .map(|life| Duration::from_secs(life.clamp(*TOKEN_LIFE.start(), *TOKEN_LIFE.end())));
        let answer =
            self.source.token(&reference.namespace, &reference.name, &need.audiences, expiration).await?;
        self.identities
            .insert(format!("Token/{}/{}/{}", reference.namespace, reference.name, answer.identity));
        self.redactor.seed(&answer.token);
        Ok(Slot::Bytes(answer.token))
    }

    /// Something of the operator's own surroundings: exactly what a grant names.
    async fn ambient(&mut self, need: &guest::AmbientNeed) -> Result<Slot, CallError> {
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
        let value = match kind {
            AmbientKind::AwsMetadata => match &self.plugin.ambient {
                Some(ambient) => ambient.aws(name).await?,
                None => return Err(NeedError::AmbientRefused { profile }.into()),
            },
            _ => self.source.ambient(kind, name).await?,
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
        self.identities.insert(format!("Ambient/{profile}/{version}"));
        self.redactor.seed(&value);
        Ok(Slot::Bytes(value))
    }

    fn ready(self, ready: guest::Ready, redactor: Arc<Redactor>) -> Result<Arc<Session>, CallError> {
        if ready.origins.len() > MAX_ORIGINS {
            let count = ready.origins.len();
            return Err(wrong(format!("connect names {count} origins, more than {MAX_ORIGINS}")));
        }
        if ready.account.as_ref().is_some_and(|account| account.len() > MAX_ACCOUNT) {
            return Err(wrong(format!("connect names an account of more than {MAX_ACCOUNT} bytes")));
        }
        if ready.partition.as_ref().is_some_and(|partition| partition.len() > MAX_PARTITION) {
            return Err(wrong(format!("connect names a partition of more than {MAX_PARTITION} bytes")));
        }
        let mut warnings = Vec::new();
        let mut rules = Vec::new();
        for origin in ready.origins {
            rules.push(self.origin(origin, &mut warnings)?);
        }
        let rules_origins = rules.iter().map(|rule| rule.origin.to_string()).collect();
        let grants = self.plugin.grants();
        let egress = self.plugin.egress().session(
            self.plugin.id(),
            &self.input.store.uid,
            rules,
            Reach { loopback: grants.loopback, link_local: grants.link_local, api_server: grants.api_server },
        )?;
        let mut identity = Sha256::new();
        for part in &self.identities {
            identity.update(part.as_bytes());
            identity.update([0]);
        }
        let config = self.input.config.to_string();
        let account = account(
            &self.plugin.id().digest,
            &self.input.store.uid,
            &rules_origins,
            &self.identities,
            ready.account.as_deref().unwrap_or(&config),
        );
        identity.update(config.as_bytes());
        identity.update([0]);
        identity.update(self.input.settings.to_string().as_bytes());
        let scope = Scope {
            plugin: self.plugin.id().digest.as_str().into(),
            store: self.input.store.uid.as_str().into(),
            identity: hex::encode(identity.finalize()).into(),
            partition: ready.partition.map(Into::into),
        };
        Ok(Arc::new(Session {
            plugin: self.plugin.clone(),
            input: self.input,
            scope,
            account,
            egress,
            room: self.room,
            redactor,
            warnings,
        }))
    }

    /// An origin is taken if the store's config names it, or the grants do.
    fn origin(&self, asked: guest::Origin, warnings: &mut Vec<String>) -> Result<OriginRule, CallError> {
        let origin = Origin::parse(&asked.url).map_err(|why| {
            CallError::from(Fault::EgressDenied {
                origin: asked.url.chars().take(200).collect(),
                why: why.to_string(),
            })
        })?;
        let grants = self.plugin.grants();
        let config = &self.input.config;
        let granted = grants.origins.iter().any(|pattern| origin.matches_grant(pattern, grants.built_in));
        let follows = || {
            grants.store_origins.iter().any(|it| Origin::of_template(it, config).as_ref() == Some(&origin))
        };
        let named = granted
            || Origin::all_in(config).contains(&origin)
            || Origin::all_in(&grants.settings).contains(&origin);
        if !named && !follows() {
            return Err(Fault::EgressDenied {
                origin: origin.to_string(),
                why: "the store does not name it, and it is not granted (spec.grants.origins of the Plugin)"
                    .to_owned(),
            }
            .into());
        }
        if asked.paths.len() > MAX_PATHS {
            let count = asked.paths.len();
            return Err(wrong(format!("connect names {count} paths of {origin}, more than {MAX_PATHS}")));
        }
        let tls = match asked.tls {
            Some(profile) => {
                let material = self.tls(profile)?;
                if material.insecure {
                    warnings
                        .push(format!("the certificate of {origin} is not verified (insecureSkipVerify)"));
                }
                Some(material)
            }
            None => None,
        };
        if !origin.is_tls() {
            warnings.push(format!("{origin} is plain http: secrets cross the network unencrypted"));
        }
        Ok(OriginRule {
            origin,
            link_local: asked.reach == guest::Reach::LinkLocal,
            paths: asked.paths,
            tls,
            max_response_bytes: asked.max_response_bytes,
            max_header_bytes: asked.max_header_bytes,
        })
    }

    fn tls(&self, profile: guest::TlsProfile) -> Result<TlsMaterial, CallError> {
        if profile.ca.len() > MAX_BUNDLES {
            let count = profile.ca.len();
            return Err(wrong(format!(
                "connect names {count} CA bundles of one origin, more than {MAX_BUNDLES}"
            )));
        }
        let mut ca = Vec::new();
        for material in profile.ca {
            ca.push(self.material(material)?.expose().to_vec());
        }
        let insecure = match profile.insecure {
            None => false,
            Some(at) => self.input.config.pointer(&at).and_then(Json::as_bool).unwrap_or(false),
        };
        Ok(TlsMaterial {
            ca,
            client_cert: profile.client_cert.map(|material| self.material(material)).transpose()?,
            client_key: profile.client_key.map(|material| self.material(material)).transpose()?,
            server_name: profile.server_name,
            insecure,
        })
    }

    fn material(&self, material: guest::Material) -> Result<SecretBytes, CallError> {
        match material {
            guest::Material::Slot(name) => {
                let slot = self.input.slots.iter().find(|(slot, _)| *slot == name).map(|(_, value)| value);
                match slot {
                    Some(Slot::Bytes(bytes) | Slot::Hidden(bytes)) => Ok(bytes.duplicate()),
                    _ => Err(Fault::BadAnswer("TLS material names a slot that holds none".to_owned()).into()),
                }
            }
            guest::Material::InlineBase64(at) => {
                let text = self.inline(&at)?;
                let clean: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                let decoded = STANDARD.decode(clean).map_err(|_| not_usable(&at, "it is not base64"))?;
                Ok(SecretBytes::new(decoded))
            }
            guest::Material::InlinePem(at) => Ok(SecretBytes::copied_from(self.inline(&at)?.as_bytes())),
        }
    }

    fn inline(&self, at: &str) -> Result<&str, CallError> {
        self.input.config.pointer(at).and_then(Json::as_str).ok_or_else(|| not_usable(at, "it is missing"))
    }
}

fn wrong(what: String) -> CallError {
    Fault::BadAnswer(what).into()
}

fn not_usable(at: &str, why: &str) -> CallError {
    ProviderError::InvalidConfig { path: convert::pointer(at), detail: Untrusted::new(why) }.into()
}
