//! Signatures by `cosign sign --key`: which keys are meant, and whether one of them has signed this very manifest. Pure.
//!
//! The payload is "simple signing" of the container tools; the cryptography is the crate sigstore's. Offline: neither a
//! transparency log nor a certificate authority is asked, so what is verified is the key and nothing else.

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use sigstore::crypto::{CosignVerificationKey, Signature};

/// Keys of one Plugin.
const MAX_KEYS: usize = 32;

/// Public keys, of which one signature is enough.
pub struct Keys(Vec<CosignVerificationKey>);

impl Keys {
    /// From texts with one key or several each, as PEM.
    ///
    /// # Errors
    /// Which text is none, counted from 1; or that there are too many.
    pub fn from_pem<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            let which = index + 1;
            let before = keys.len();
            for found in SubjectPublicKeyInfoDer::pem_slice_iter(text) {
                let der = found.map_err(|_| format!("key {which} is not PEM"))?;
                let key = CosignVerificationKey::try_from_der(&der).map_err(|_| {
                    format!("key {which} is of a kind that cosign does not sign with (ECDSA, RSA, Ed25519)")
                })?;
                keys.push(key);
                if keys.len() > MAX_KEYS {
                    return Err(format!("there are more than {MAX_KEYS} keys"));
                }
            }
            if keys.len() == before {
                return Err(format!("key {which} holds no public key in PEM (-----BEGIN PUBLIC KEY-----)"));
            }
        }
        Ok(Self(keys))
    }

    /// Whether one of them signed this payload, and that is about the manifest with this digest.
    pub(super) fn hold(&self, payload: &[u8], signature: &str, manifest: &str) -> bool {
        let about = serde_json::from_slice::<Payload>(payload).is_ok_and(|payload| {
            payload.critical.kind == "cosign container image signature"
                && payload.critical.image.digest == manifest
        });
        let signed = |key: &CosignVerificationKey| {
            key.verify_signature(Signature::Base64Encoded(signature.as_bytes()), payload).is_ok()
        };
        about && self.0.iter().any(signed)
    }
}

/// Where cosign puts the signatures of a manifest: a tag of the same repository.
pub(super) fn tag(manifest: &str) -> String {
    format!("{}.sig", manifest.replacen(':', "-", 1))
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What cosign signed: key, payload and signature are sigstore-rs's own test data.
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENptdY/l3nB0yqkXLBWkZWQwo6+cu\n\
        OSWS1X9vPavpiQOoTTGC0xX57OojUadxF1cdQmrsiReWg2Wn4FneJfa8xw==\n-----END PUBLIC KEY-----\n";
    const OTHER: &str = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETJP9cqpUQsn2ggmJniWGjHdlsHzD\n\
        JsB89BPhZYch0U0hKANx5TY+ncrm0s8bfJxxHoenAEFhwhuXeb4PqIrtoQ==\n-----END PUBLIC KEY-----\n";
    const PAYLOAD: &str = r#"{"critical":{"identity":{"docker-reference":"registry-testing.svc.lan/busybox"},"image":{"docker-manifest-digest":"sha256:f3cfc9d0dbf931d3db4685ec659b7ac68e2a578219da4aae65427886e649b06b"},"type":"cosign container image signature"},"optional":null}"#;
    const SIGNATURE: &str =
        "MEUCIQD6q/COgzOyW0YH1Dk+CCYSt4uAhm3FDHUwvPI55zwnlwIgE0ZK58ZOWpZw8YVmBapJhBqCfdPekIknimuO0xH8Jh8=";
    const MANIFEST: &str = "sha256:f3cfc9d0dbf931d3db4685ec659b7ac68e2a578219da4aae65427886e649b06b";

    fn keys(texts: &[&str]) -> Result<Keys, String> {
        Keys::from_pem(texts.iter().map(|text| text.as_bytes()))
    }

    #[test]
    fn a_signature_holds_for_one_manifest_and_one_key() {
        let both = format!("{OTHER}{KEY}");
        for texts in [&[KEY][..], &[OTHER, KEY], &[&both]] {
            assert!(keys(texts).unwrap().hold(PAYLOAD.as_bytes(), SIGNATURE, MANIFEST), "{texts:?}");
        }
        let key = keys(&[KEY]).unwrap();
        let elsewhere = MANIFEST.replace("f3cf", "f3c0");
        let moved = PAYLOAD.replace("f3cf", "f3c0");
        let flipped = SIGNATURE.replace("MEUC", "MEUD");
        for (payload, signature, manifest, what) in [
            (PAYLOAD, SIGNATURE, elsewhere.as_str(), "of another manifest"),
            (&moved, SIGNATURE, &elsewhere, "with another payload"),
            (PAYLOAD, &flipped, MANIFEST, "damaged"),
            (PAYLOAD, "not base64!", MANIFEST, "no base64"),
            (PAYLOAD, "", MANIFEST, "empty"),
            ("{}", SIGNATURE, MANIFEST, "of nothing"),
        ] {
            assert!(!key.hold(payload.as_bytes(), signature, manifest), "{what}");
        }
        assert!(!keys(&[OTHER]).unwrap().hold(PAYLOAD.as_bytes(), SIGNATURE, MANIFEST), "another key");
        assert_eq!(tag(MANIFEST), format!("{}.sig", MANIFEST.replace("sha256:", "sha256-")));
    }

    #[test]
    fn texts_that_are_no_keys_are_counted() {
        for (texts, expected) in [
            (vec![""], "key 1 holds no public key"),
            (vec![KEY, "hello"], "key 2 holds no public key"),
            (vec!["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"], "key 1 is of a kind"),
            (vec!["-----BEGIN PUBLIC KEY-----\nAAAA"], "key 1 is not PEM"),
            (vec![KEY; MAX_KEYS + 1], "more than 32"),
        ] {
            let said = keys(&texts).err().unwrap();
            assert!(said.contains(expected), "{expected:?} is not in {said:?}");
        }
    }
}
