//! A plugin that is ready: its origins, each allowed and with its TLS, and the session with them. What that TLS is made from
//! is in `tls`.

use std::sync::Arc;

use claviger_core::provider::{CallError, Fault};
use claviger_core::redact::Redactor;

use super::tls::Materials;
use super::{Work, guest, wrong};
use crate::egress::{Origin, OriginRule, Reach};
use crate::identity::{account, identity};
use crate::session::{Scope, Session};
use crate::store_text;

/// Origins of one store: a data endpoint, a login, a few regions. Each costs a client with its pool.
const MAX_ORIGINS: usize = 32;
/// Path prefixes of one origin.
const MAX_PATHS: usize = 64;

/// Bytes of what tells requesters apart: a namespace, a role, a hash.
const MAX_PARTITION: usize = 256;
/// Bytes of what tells accounts apart: a handful of ARNs, the part of a config about logging in.
const MAX_ACCOUNT: usize = 64 * 1024;

impl Work<'_> {
    pub(super) fn ready(
        self,
        ready: guest::Ready,
        redactor: Arc<Redactor>,
    ) -> Result<Arc<Session>, CallError> {
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
        let mut materials = Materials::of(&self.input);
        for origin in ready.origins {
            rules.push(self.origin(origin, &mut materials, &mut warnings)?);
        }
        let rules_origins = rules.iter().map(|rule| rule.origin.to_string()).collect();
        let grants = self.plugin.grants();
        let egress = self.plugin.egress().session(
            self.plugin.id(),
            &self.input.store.uid,
            rules,
            Reach { loopback: grants.loopback, link_local: grants.link_local, api_server: grants.api_server },
        )?;
        let config = self.input.config.to_string();
        let account = account(
            &self.plugin.id().digest,
            &self.input.store.uid,
            &rules_origins,
            &self.identities,
            ready.account.as_deref().unwrap_or(&config),
        );
        let scope = Scope {
            plugin: self.plugin.id().digest.as_str().into(),
            store: self.input.store.uid.as_str().into(),
            identity: identity(&self.identities, &config, &self.input.settings.to_string()),
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
            stand_ins: self.stand_in.into_found(),
            tenants: self.tenants,
        }))
    }

    /// An origin is taken if the store's config names it, or the grants do.
    fn origin(
        &self,
        asked: guest::Origin,
        materials: &mut Materials<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<OriginRule, CallError> {
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
            grants.store_origins.iter().any(|text| {
                let filled = store_text::fill(text, config, &self.surroundings);
                filled.and_then(|text| Origin::parse(&text).ok()).as_ref() == Some(&origin)
            })
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
        let switch = asked.tls.as_ref().and_then(|profile| profile.insecure.clone());
        let tls = asked.tls.map(|profile| materials.tls(profile)).transpose()?;
        let insecure_at = switch.filter(|_| tls.as_ref().is_some_and(|tls| tls.insecure));
        self.plugin.egress().demands().check(&origin, insecure_at.as_deref(), config)?;
        if insecure_at.is_some() {
            warnings.push(format!("the certificate of {origin} is not verified (insecureSkipVerify)"));
        }
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
}
