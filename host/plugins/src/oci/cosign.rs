//! Signatures by `cosign sign --key`: which keys are meant, and whether one of them has signed this very manifest. Pure.
//!
//! The payload is "simple signing" of the container tools; the cryptography is that of the TLS stack. Offline: neither a
//! transparency log nor a certificate authority is asked, so what is verified is the key and nothing else.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA256_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

/// Keys of one Plugin.
const MAX_KEYS: usize = 32;

/// How each kind of key signs: as sigstore's libraries have it by default, and with SHA-256 on every curve, as cosign has
/// it before 2.6. (Ed25519ph, as cosign has it since then, is not verified.) A key is read as one kind only.
const KINDS: [&[&dyn VerificationAlgorithm]; 5] = [
    &[&ECDSA_P256_SHA256_ASN1],
    &[&ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA256_ASN1],
    &[&ECDSA_P521_SHA512_ASN1, &ECDSA_P521_SHA256_ASN1],
    &[&RSA_PKCS1_2048_8192_SHA256],
    &[&ED25519],
];

/// A SubjectPublicKeyInfo is a SEQUENCE that begins with the algorithm's, which is one too (RFC 5280, 4.1). A bare key is
/// none, though aws-lc-rs reads it.
fn is_subject_public_key_info(der: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    // The length is one byte, or one that says how many follow.
    let lengths =
        der.get(1).map_or(0, |first| if first & 0x80 == 0 { 1 } else { 1 + usize::from(first & 0x7f) });
    der.first() == Some(&SEQUENCE) && der.get(1 + lengths) == Some(&SEQUENCE)
}

/// A public key, in each way that its kind signs.
type Key = Vec<ParsedPublicKey>;

fn key(der: &[u8]) -> Option<Key> {
    let read = |ways: &[&'static dyn VerificationAlgorithm]| -> Option<Key> {
        ways.iter().map(|way| ParsedPublicKey::new(*way, der).ok()).collect()
    };
    KINDS.into_iter().filter(|_| is_subject_public_key_info(der)).find_map(read)
}

/// Public keys, of which one signature is enough.
pub struct Keys(Vec<Key>);

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
                keys.push(key(&der).ok_or_else(|| {
                    format!("key {which} is of a kind that cosign does not sign with (ECDSA, RSA, Ed25519)")
                })?);
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
        // Some tools break lines.
        let signature: String = signature.split(['\r', '\n']).collect();
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        about && self.0.iter().flatten().any(|key| key.verify_sig(payload, &signature).is_ok())
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

    /// Other kinds of keys, with a signature of the same payload each, by OpenSSL.
    const KINDS: [(&str, &str, &str); 6] = [
        (
            "P-384",
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE4xAYlSIvEk8VUz3BAFqhYUh6kh8ue9CJz1Gf9sxaKJtsG38Q2uY6pb33oORn8z94WQKZsWknhv2c\
             SxBTlvFXlmncGYe7IZ5rnlaS+zSaaWLiJmZEMa70GJeeMHqEOb29",
            "MGQCMCJg0NlF6ggS+TivdoxiawXRJuBIlkCwzOsIvWM5P0bXppk4b1gGjMkgdBVdJmrG9wIwUHTlwcIaltKepjoqZTdsHY3jfXfzmsmgs86H\
             a1Jd5Y7mg5PRLZYyHrmtx/Vx1mzM",
        ),
        (
            "P-521",
            "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQA21GUroV0rDIhrbiBK9QO7zW6XqRb5MJKr7j+affKOAWDc/W1x4RPFVvbh97ED4UpvVhnDNLe\
             OjhuZX+bIdSb0sABsK/eZN/SjT13HPtdoml/oQsrJ5fda00KNMBu1v+kJvIbJW1lfcEs59pZzdcqd7cjzBbMLVshm5o4fgERpQxdHUc=",
            "MIGHAkIAlyuxDBVkNPr7/fq6cMqtow4uKAVSLPlqV6ebC75PNY066371Oyiw8tITHl7OpkrhiDqdaq0Q2SE48YFavA6WMBoCQSZvWr5ypKFv\
             ArebB0wKwzDc3NlP3VVmTqlkLp/NKWpBhBzL5lL53ij25YBaQyCKQQkbz11Zs35d/ZglHTeqnt5q",
        ),
        (
            "P-384 with SHA-256",
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEjWvrTho9MKqPxU4m2thgSSpwL3jBjsyhHQt+44YZIli9frSOM95EDQ+NlkLuJtVjo5sYTIByg0ES\
             uiMUAY8SME2uXxLvQEYGWqs+EcR6kwOP1AJh/UnoV1XU69+VnIWa",
            "MGYCMQCyNOUz1UXt3Oi4BNFC6X4np7sDqIFD085mo0ieqjuOhbSB1tv8xjHfkEwpQG/YtAgCMQChy4wnwEbmFaJqgBbppFXl2wGwOq35/+/C\
             lA52hO8GH+2lGrg3cTZuLC4ZbkdlODM=",
        ),
        (
            "P-521 with SHA-256",
            "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAbqRdJfAhlne/t9zzmtFwP4S6re0hALkDs6uAq6ZuqSaBXmfkMveghKgdiHgggyVqomn6PmoJ\
             XiiAkozLPs/HDwgACQlTJ9LuM7OBJevHGmROlDfYzYDKEgLx69Lm4R8MktkVzYBmNoKUJmAThzwZA/poNj7kzywv7ikCHwYkINADpYk=",
            "MIGIAkIBkyCTSYjHAxD+ahfrYZvpJHIjHzcrCxvMSajgz/XtpDAW6FUofhQWxFc80sxQy0/1k4DjGSO/wqTOnruegOOAjaQCQgHLm41nLrDH\
             JFwI8rNGy9vQTWW3azf886qwV2ZNv9QCh5RWolNyFjZYLaMP/BDjWpPaMURxBFaaI8qp0AXEV0d8Cw==",
        ),
        (
            "Ed25519",
            "MCowBQYDK2VwAyEAe8C8MorgPWd/367W112sIZGPDyi9Kw7KorjsLbO3tik=",
            "AUwpQNF/KwlV1OZkZlavT96MpJQZj+EQJx5JtGz9pRyNMe+VfTDDrK/wo7WaoYULeA6MWTOCKIP1HnFav4m8BQ==",
        ),
        (
            "RSA",
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwDFGaaGhaMI655hw/hQW66ukrY6lKnuVf1tceKTUZhvonfe+W69Zuymua/6Ucitq\
             49OrDfdtDdkLaITJU9HSlYqtl2U/pEXDf9nqc/7u/FknVApUVSkwcaf5aOvonNXLvSN0vyfQef8q3bjcVw+ehnVBV/F9DipKcLukOk9aCtga\
             tVmbo7MW0mchnr43PfY5KWim7GpVKYbEeajK2Drc/qI61TtCT23QidftJjhkUdTJpeylcB6l5DLL+tl3hCDYrYha2BjE9MZRipLGFGzmylT+\
             bgXrwfznT1mnjQGUHXWyHgFPZODOtnpaThLXVbUP0WSHmwDqx3Bmj2VSymFq4QIDAQAB",
            "IfbZNpjF8g4bPjNDht0jJrntV+aiQK5OatNRsS4UebBFdXJ71t2qx2EBwsaXj50/B9X9WVK7ocU90S6Qgz46xAQZG1GyVk8lR/vJj0w4A9zM\
             WoXtWscuhn8vTuQlihoo/2tsT+BDY3/YaWtqze0rvbu7RWJS6ZwiFF2CtDx3gLu44Zcxwb3x3gS/o76mgDAlOPgy330GoOGsgRsZUa4VtXTC\
             odrLnzDEvmHJQW4LQnAximn6M4JYsLxIGMB8jLrRJULWs/avWUi5gvCLeu60SfOWkyg3Dk427KlPjxSqjvQ8KKrKobYSpuHxL710+pfh+KS6\
             ZDTUZQ+e9U3MsG087A==",
        ),
    ];
    /// A key on secp256k1, which is as long as one on P-256.
    const BITCOIN: &str = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEqcrN1Jv3yQhdvhfz1HiR/UebpsccDtJ+5jcJ0AUOsS8s2Jt/9fpLd1lwnbPxRZFN\
         x+/ApJxnGaT1GOOsCCUQ4w==";

    fn pem(der: &str) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    }

    #[test]
    fn each_kind_of_key_is_taken_with_its_hashes() {
        let all: Vec<String> = KINDS.iter().map(|(_, der, _)| pem(der)).collect();
        for (index, (kind, _, signature)) in KINDS.iter().enumerate() {
            for (other, key) in all.iter().enumerate() {
                let held = keys(&[key]).unwrap().hold(PAYLOAD.as_bytes(), signature, MANIFEST);
                assert_eq!(held, other == index, "{kind}");
            }
            let broken: String = signature.chars().flat_map(|c| [c, '\n']).collect();
            assert!(
                keys(&[&all[index]]).unwrap().hold(PAYLOAD.as_bytes(), &broken, MANIFEST),
                "{kind}, in lines"
            );
        }
        let refused = keys(&[&pem(BITCOIN)]).err().unwrap();
        assert!(refused.starts_with("key 1 is of a kind"), "{refused}");
    }

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
            // A bare key of Ed25519; the head of a bare RSA key.
            (
                vec![
                    "-----BEGIN PUBLIC KEY-----\ne8C8MorgPWd/367W112sIZGPDyi9Kw7KorjsLbO3tik=\n-----END PUBLIC KEY-----\n",
                ],
                "key 1 is of a kind",
            ),
            (
                vec!["-----BEGIN PUBLIC KEY-----\nMIIBCgKCAQEA\n-----END PUBLIC KEY-----\n"],
                "key 1 is of a kind",
            ),
            (vec![KEY; MAX_KEYS + 1], "more than 32"),
        ] {
            let said = keys(&texts).err().unwrap();
            assert!(said.contains(expected), "{expected:?} is not in {said:?}");
        }
    }
}
