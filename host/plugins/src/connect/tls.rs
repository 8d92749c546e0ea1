//! Certificates and keys of a plugin's origins: from the slots, and from the store's own config.
//!
//! A slot's bytes are shared and not copied, whatever number of origins names them, and all that one connect names has a
//! limit: it is looked at again for each origin, in memory that is no plugin's.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::provider::{CallError, Fault, ProviderError};
use claviger_core::secret::{SecretBytes, Untrusted};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::{guest, wrong};
use crate::convert;
use crate::egress::{TlsMaterial, is_dns_name};
use crate::session::{Input, Slot};

/// Certificate bundles of one origin.
const MAX_BUNDLES: usize = 8;
/// Bytes of all TLS material of one connect, as often as it is named. A bundle of all public authorities has a quarter of
/// a MiB, a company's a hundredth.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// What TLS material is made from.
pub(super) struct Materials<'a> {
    input: &'a Input,
    /// Bytes that may be named yet.
    left: usize,
}

impl<'a> Materials<'a> {
    pub(super) fn of(input: &'a Input) -> Self {
        Self { input, left: MAX_BYTES }
    }

    /// Before anything is copied.
    fn take(&mut self, bytes: usize, place: &str) -> Result<(), CallError> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let place: String = place.chars().take(200).collect();
            wrong(format!(
                "connect names more than {MAX_BYTES} bytes of certificates and keys, with {bytes} of {place}"
            ))
        })?;
        Ok(())
    }

    /// The TLS of one origin.
    pub(super) fn tls(&mut self, profile: guest::TlsProfile) -> Result<TlsMaterial, CallError> {
        if profile.ca.len() > MAX_BUNDLES {
            let count = profile.ca.len();
            return Err(wrong(format!(
                "connect names {count} CA bundles of one origin, more than {MAX_BUNDLES}"
            )));
        }
        let mut ca = Vec::new();
        for material in profile.ca {
            ca.push(self.material(material)?);
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

    fn material(&mut self, material: guest::Material) -> Result<Arc<SecretBytes>, CallError> {
        match material {
            guest::Material::Slot(name) => {
                let Some(Slot::Bytes(bytes) | Slot::Hidden(bytes)) = self.slot(&name) else {
                    return Err(wrong("TLS material names a slot that holds none".to_owned()));
                };
                self.take(bytes.len(), &format!("slot {name:?}"))?;
                Ok(bytes.clone())
            }
            guest::Material::InSlot(part) => {
                self.take(part.base64.len(), &format!("slot {:?}", part.slot))?;
                self.part(&part).map(Arc::new)
            }
            guest::Material::InlineBase64(at) => {
                let text = self.inline(&at)?;
                self.take(text.len(), &at)?;
                let clean: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                let decoded = STANDARD.decode(clean).map_err(|_| not_usable(&at, "it is not base64"))?;
                Ok(Arc::new(SecretBytes::new(decoded)))
            }
            guest::Material::InlinePem(at) => {
                let text = self.inline(&at)?;
                self.take(text.len(), &at)?;
                Ok(Arc::new(SecretBytes::copied_from(text.as_bytes())))
            }
        }
    }

    fn part(&self, part: &guest::SlotPart) -> Result<SecretBytes, CallError> {
        let found = match self.slot(&part.slot) {
            Some(Slot::Bytes(value)) => within(value.expose(), &part.base64),
            _ => Err("names a slot that holds none"),
        };
        found.map_err(|what| Fault::BadAnswer(format!("TLS material {what}")).into())
    }

    fn slot(&self, name: &str) -> Option<&'a Slot> {
        self.input.slots.iter().find(|(slot, _)| *slot == name).map(|(_, value)| value)
    }

    fn inline(&self, at: &str) -> Result<&'a str, CallError> {
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
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::session::{Requester, StoreRef};

    fn input(slots: Vec<(String, Slot)>, config: Json) -> Input {
        let store = StoreRef {
            kind: "SecretStore".to_owned(),
            name: "s".to_owned(),
            namespace: Some("ns".to_owned()),
            uid: "u".to_owned(),
            generation: 1,
        };
        let requester = Requester { namespace: "ns".to_owned() };
        Input { store, requester, config, settings: Json::Null, slots }
    }

    fn profile(ca: Vec<guest::Material>) -> guest::TlsProfile {
        guest::TlsProfile { ca, client_cert: None, client_key: None, server_name: None, insecure: None }
    }

    #[test]
    fn a_slot_is_shared_by_all_that_names_it_and_the_sum_has_a_limit() {
        let large = Arc::new(SecretBytes::new(vec![b'x'; MAX_BYTES / 4]));
        let slots = vec![
            ("ca".to_owned(), Slot::Bytes(large.clone())),
            ("key".to_owned(), Slot::Hidden(large.clone())),
        ];
        let inline = "x".repeat(MAX_BYTES / 4);
        let input = input(slots, json!({"pem": inline, "base64": inline}));
        let slot = |name: &str| guest::Material::Slot(name.to_owned());
        let mut materials = Materials::of(&input);
        let mut made = Vec::new();
        for _ in 0..2 {
            let client_key = Some(slot("key"));
            made.push(materials.tls(guest::TlsProfile { client_key, ..profile(vec![slot("ca")]) }).unwrap());
        }
        for tls in &made {
            let key = tls.client_key.as_ref().unwrap();
            assert!(Arc::ptr_eq(&tls.ca[0], &large) && Arc::ptr_eq(key, &large), "nothing is copied");
        }
        assert_eq!(materials.left, 0);
        let part = guest::SlotPart { slot: "ca".to_owned(), base64: "eHh4".to_owned() };
        for (material, place) in [
            (slot("ca"), "524288 of slot \"ca\""),
            (slot("key"), "524288 of slot \"key\""),
            (guest::Material::InSlot(part), "4 of slot \"ca\""),
            (guest::Material::InlinePem("/pem".to_owned()), "524288 of /pem"),
            (guest::Material::InlineBase64("/base64".to_owned()), "524288 of /base64"),
        ] {
            let said = materials.tls(profile(vec![material])).err().unwrap().to_string();
            assert!(said.contains("more than 2097152 bytes") && said.contains(place), "{said}");
        }
        assert!(materials.tls(profile(Vec::new())).is_ok());
    }

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
