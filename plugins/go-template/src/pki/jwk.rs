//! JSON Web Keys (RFC 7517, 7518, 8037) of the kinds that have a PEM form: RSA, EC, Ed25519. A symmetric key
//! has none. Keys on X25519 and secp256k1 are not here.

use rsa::BoxedUint;
use rsa::pkcs8::EncodePublicKey as _;
use serde_json::Value;

use super::ec::Curve;
use super::key::{Key, ec_public, ed25519_public};
use crate::functions::encode::unbase64;

/// A key.
pub(crate) enum Jwk {
    /// SubjectPublicKeyInfo.
    Public(Vec<u8>),
    Private(Box<Key>),
}

/// Reads one.
pub(crate) fn parse(text: &[u8]) -> Result<Jwk, &'static str> {
    let json: Value = serde_json::from_slice(text).map_err(|_| "the JWK is no JSON")?;
    let kind = json.get("kty").and_then(Value::as_str).ok_or("the JWK has no kty")?;
    let parsed = match kind {
        "RSA" => rsa(&json),
        "EC" => ec(&json),
        "OKP" => okp(&json),
        _ => return Err("keys of this kty have no PEM form"),
    };
    parsed.ok_or("the JWK is incomplete or inconsistent")
}

/// A member in base64url, as the bytes that it is.
fn member(json: &Value, name: &str) -> Option<Vec<u8>> {
    let text = json.get(name)?.as_str()?;
    let standard: Vec<u8> = text
        .bytes()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .filter(|byte| *byte != b'=')
        .collect();
    let padding = (4 - standard.len() % 4) % 4;
    unbase64(&[standard, vec![b'='; padding]].concat()).ok()
}

fn number(json: &Value, name: &str) -> Option<BoxedUint> {
    let bytes = member(json, name)?;
    BoxedUint::from_be_slice(&bytes, u32::try_from(bytes.len()).ok()?.checked_mul(8)?).ok()
}

fn rsa(json: &Value) -> Option<Jwk> {
    let (n, e) = (number(json, "n")?, number(json, "e")?);
    if json.get("d").is_none() {
        let key = rsa::PublicKey::new(n, e).ok()?;
        return Some(Jwk::Public(key.to_public_key_der().ok()?.into_vec()));
    }
    let primes = vec![number(json, "p")?, number(json, "q")?];
    let key = rsa::PrivateKey::from_components(n, e, number(json, "d")?, primes).ok()?;
    Some(Jwk::Private(Box::new(Key::Rsa(Box::new(key)))))
}

fn ec(json: &Value) -> Option<Jwk> {
    let curve = Curve::named(json.get("crv")?.as_str()?)?;
    let coordinate = |name| {
        let bytes = member(json, name)?;
        let mut padded = vec![0; curve.size().checked_sub(bytes.len())?];
        padded.extend_from_slice(&bytes);
        Some(padded)
    };
    let point = [vec![4], coordinate("x")?, coordinate("y")?].concat();
    if !curve.has(&point) {
        return None;
    }
    match json.get("d") {
        None => Some(Jwk::Public(ec_public(curve, &point))),
        Some(_) => {
            let key = Key::ec(curve, &member(json, "d")?)?;
            let Key::Ec(_, _, public) = &key else { return None };
            (*public == point).then(|| Jwk::Private(Box::new(key)))
        }
    }
}

fn okp(json: &Value) -> Option<Jwk> {
    if json.get("crv")?.as_str()? != "Ed25519" {
        return None;
    }
    let public: [u8; 32] = member(json, "x")?.try_into().ok()?;
    match json.get("d") {
        None => Some(Jwk::Public(ed25519_public(&public))),
        Some(_) => {
            let seed: [u8; 32] = member(json, "d")?.try_into().ok()?;
            Some(Jwk::Private(Box::new(Key::Ed25519(seed))))
        }
    }
}
