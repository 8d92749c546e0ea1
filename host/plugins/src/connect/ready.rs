//! A plugin that is ready: its origins, each allowed and with its TLS, and the session with them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::provider::{CallError, Fault, ProviderError};
use claviger_core::redact::Redactor;
use claviger_core::secret::{SecretBytes, Untrusted};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::{Work, guest, wrong};
use crate::convert;
use crate::egress::{Origin, OriginRule, Reach, TlsMaterial, is_dns_name};
use crate::identity::{account, identity};
use crate::session::{Scope, Session, Slot};
use crate::store_text;

/// Origins of one store: a data endpoint, a login, a few regions. Each costs a client with its pool.
const MAX_ORIGINS: usize = 32;
/// Path prefixes of one origin.
const MAX_PATHS: usize = 64;
/// Certificate bundles of one origin: each is copied for it, and a Secret may hold 1 MiB.
const MAX_BUNDLES: usize = 8;

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
        let tls = asked.tls.map(|profile| self.tls(profile)).transpose()?;
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
            Some(at) if says_insecure(&at) => {
                self.input.config.pointer(&at).and_then(Json::as_bool).unwrap_or(false)
            }
            Some(at) => {
                let at: String = at.chars().take(200).collect();
                return Err(wrong(format!(
                    "connect has {at:?} switch verification off: the name of such a field begins with \"insecure\""
                )));
            }
        };
        Ok(TlsMaterial {
            ca,
            client_cert: profile.client_cert.map(|material| self.material(material)).transpose()?,
            client_key: profile.client_key.map(|material| self.material(material)).transpose()?,
            server_name: profile.server_name.map(dns_name).transpose()?,
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
            guest::Material::InSlot(part) => self.part(&part),
            guest::Material::InlineBase64(at) => {
                let text = self.inline(&at)?;
                let clean: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                let decoded = STANDARD.decode(clean).map_err(|_| not_usable(&at, "it is not base64"))?;
                Ok(SecretBytes::new(decoded))
            }
            guest::Material::InlinePem(at) => Ok(SecretBytes::copied_from(self.inline(&at)?.as_bytes())),
        }
    }

    fn part(&self, part: &guest::SlotPart) -> Result<SecretBytes, CallError> {
        let slot = self.input.slots.iter().find(|(slot, _)| *slot == part.slot).map(|(_, value)| value);
        let found = match slot {
            Some(Slot::Bytes(value)) => within(value.expose(), &part.base64),
            _ => Err("names a slot that holds none"),
        };
        found.map_err(|what| Fault::BadAnswer(format!("TLS material {what}")).into())
    }

    fn inline(&self, at: &str) -> Result<&str, CallError> {
        self.input.config.pointer(at).and_then(Json::as_str).ok_or_else(|| not_usable(at, "it is missing"))
    }
}

/// Whether a field can be meant to switch verification off: who wrote `true` there has read its name. Else any `true` of the
/// store's would do.
fn says_insecure(pointer: &str) -> bool {
    let name = pointer.rsplit_once('/').map_or("", |(_, name)| name);
    name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("insecure"))
}

/// The longest part of a credential that is a certificate with its chain, or a key: in bytes of base64.
const MAX_PART: usize = 64 * 1024;

/// What stands as base64 in a credential that the guest has seen, but for white space: files fold it. Only what stands
/// there: whom a connection trusts is the store's word and not the plugin's.
fn within(value: &[u8], base64: &str) -> Result<SecretBytes, &'static str> {
    let plain = |bytes: &[u8]| -> Zeroizing<Vec<u8>> {
        Zeroizing::new(bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect())
    };
    if base64.len() > MAX_PART {
        return Err("is longer than certificates and keys are");
    }
    let (value, base64) = (plain(value), plain(base64.as_bytes()));
    // Linear in both, whatever a tenant has written there: it is done beside what others wait for.
    if base64.is_empty() || memchr::memmem::find(&value, &base64).is_none() {
        return Err("does not stand in the slot that it names");
    }
    STANDARD.decode(&*base64).map(SecretBytes::new).map_err(|_| "is not base64")
}

/// A name that certificates are verified for. It takes the host's place in URLs, so it must not be read as an address there.
fn dns_name(name: String) -> Result<String, CallError> {
    if is_dns_name(&name) {
        return Ok(name);
    }
    let detail = Untrusted::new(format!(
        "the name that certificates are verified for (tls.serverName) has to be a DNS name, and {name:?} is none"
    ));
    Err(ProviderError::InvalidConfig { path: String::new(), detail }.into())
}

fn not_usable(at: &str, why: &str) -> CallError {
    ProviderError::InvalidConfig { path: convert::pointer(at), detail: Untrusted::new(why) }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_brings_no_certificates_of_its_own() {
        let file = b"users:\n- user:\n    client-key-data: |\n      S0VZ\n      LUhFUkU=\n";
        for (base64, expected) in [
            ("S0VZLUhFUkU=", Ok(&b"KEY-HERE"[..])),
            ("S0VZ\n LUhFUkU=", Ok(b"KEY-HERE")),
            // Also a part of it, which is no certificate.
            ("S0VZ", Ok(b"KEY")),
            ("T1dO", Err("does not stand in the slot that it names")),
            ("", Err("does not stand in the slot that it names")),
            (" ", Err("does not stand in the slot that it names")),
            ("client-key-data", Err("is not base64")),
        ] {
            let found = within(file, base64);
            assert_eq!(found.as_ref().map(SecretBytes::expose).map_err(|what| *what), expected, "{base64:?}");
        }
        assert!(within(b"", "S0VZ").is_err());
        let long = "A".repeat(MAX_PART + 4);
        assert_eq!(within(long.as_bytes(), &long).err(), Some("is longer than certificates and keys are"));
    }

    #[test]
    fn what_switches_verification_off_says_so() {
        for (pointer, expected) in [
            ("/tls/insecureSkipVerify", true),
            ("/insecure", true),
            ("/clusters/0/cluster/insecure-skip-tls-verify", true),
            ("/tls/InsecureSkipTLSVerify", true),
            ("/forwardInconsistent", false),
            ("/insecure/0", false),
            ("/tls/notInsecure", false),
            ("/tls/insecur", false),
            ("/tls/ünsecureünsecure", false),
            ("insecure", false),
            ("", false),
        ] {
            assert_eq!(says_insecure(pointer), expected, "{pointer}");
        }
    }

    /// Text that nearly matches at every place, as large as a Secret can be. What compares at each of them takes tens of
    /// thousands of times the bytes: not to be waited for.
    #[test]
    fn a_search_takes_as_long_as_the_text() {
        let value = vec![b'A'; 1 << 20];
        let base64 = format!("{}B", "A".repeat(MAX_PART - 1));
        assert!(within(&value, &base64).is_err());
    }
}
