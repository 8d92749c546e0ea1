//! SSHKey: a key pair. Fields and defaults are ESO's.

use claviger_plugin_sdk::random::Random;
use claviger_plugin_sdk::{Error, invalid_config};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kinds::Values;
use crate::openssh::Key;

/// Of RSA.
const BITS: i64 = 2048;
/// Shorter ones Go does not make either; longer ones the definition does not let pass.
const RSA: std::ops::RangeInclusive<i64> = 1024..=8192;

/// ESO's fields.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    #[serde(default)]
    key_type: Option<KeyType>,
    key_size: Option<i64>,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyType {
    #[default]
    Rsa,
    Ecdsa,
    Ed25519,
}

pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "keyType": {"enum": ["rsa", "ecdsa", "ed25519"]},
            "keySize": {"type": "integer", "minimum": 256, "maximum": 8192},
            "comment": {"type": "string"},
        },
    })
}

/// The pair.
///
/// # Errors
/// A field that cannot be meant.
pub fn generate(spec: &Spec, random: &mut Random) -> Result<Values, Error> {
    let comment = spec.comment.as_deref().unwrap_or_default();
    // It would begin another line of authorized_keys.
    if comment.chars().any(char::is_control) {
        return Err(invalid_config("/comment", "it must be one line, without control characters"));
    }
    let key = match spec.key_type.unwrap_or_default() {
        KeyType::Rsa => rsa_key(spec.key_size.unwrap_or(BITS), random)?,
        KeyType::Ecdsa => ecdsa_key(spec.key_size, random),
        KeyType::Ed25519 => {
            let seed = random.bytes();
            let public = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key().to_bytes();
            Key::Ed25519 { public, seed }
        }
    };
    let private = key.to_private_key(comment, random.bytes());
    let public = key.to_authorized_key(comment);
    Ok(vec![("privateKey".to_owned(), private.into_bytes()), ("publicKey".to_owned(), public.into_bytes())])
}

fn rsa_key(bits: i64, random: &mut Random) -> Result<Key, Error> {
    let wrong =
        || invalid_config("/keySize", format!("an RSA key has {} to {} bits", RSA.start(), RSA.end()));
    let size = usize::try_from(bits).ok().filter(|_| RSA.contains(&bits)).ok_or_else(wrong)?;
    let failed = || Error::Other("no RSA key could be made".to_owned());
    let key = rsa::PrivateKey::new(random, size).map_err(|_| failed())?;
    // What the library shows of a key's numbers in common terms is this document.
    let document = key.to_pkcs1_der().map_err(|_| failed())?;
    let parts = rsa::pkcs1::RsaPrivateKeyRef::try_from(document.as_bytes()).map_err(|_| failed())?;
    let bytes = |number: rsa::pkcs1::UintRef<'_>| number.as_bytes().to_vec();
    Ok(Key::Rsa {
        n: bytes(parts.modulus),
        e: bytes(parts.public_exponent),
        d: bytes(parts.private_exponent),
        iqmp: bytes(parts.coefficient),
        p: bytes(parts.prime1),
        q: bytes(parts.prime2),
    })
}

/// As ESO: what is none of the three sizes is 256.
fn ecdsa_key(bits: Option<i64>, random: &mut Random) -> Key {
    macro_rules! on {
        ($library:ident, $curve:literal, $size:literal, $top:literal) => {
            loop {
                let mut d: [u8; $size] = random.bytes();
                d[0] &= $top;
                // Fails for 0 and what is not below the order: hardly ever, and then there is another.
                if let Ok(key) = $library::ecdsa::SigningKey::from_slice(&d) {
                    let point = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                    break Key::Ecdsa { curve: $curve, point, d: d.to_vec() };
                }
            }
        };
    }
    match bits {
        Some(384) => on!(p384, "nistp384", 48, 0xff),
        Some(521) => on!(p521, "nistp521", 66, 0x01),
        _ => on!(p256, "nistp256", 32, 0xff),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_cannot_be_made() {
        for (spec, at) in [
            (r#"{"keySize": 512}"#, "/keySize"),
            (r#"{"keySize": 9000}"#, "/keySize"),
            (r#"{"keySize": -1}"#, "/keySize"),
            (r#"{"keyType": "ed25519", "comment": "a\nssh-rsa AAAA"}"#, "/comment"),
        ] {
            let spec: Spec = serde_json::from_str(spec).unwrap();
            match generate(&spec, &mut Random::new(&[1; 32])) {
                Err(Error::InvalidConfig(error)) => assert_eq!(error.path, at),
                other => panic!("{spec:?}: {}", other.is_ok()),
            }
        }
    }
}
