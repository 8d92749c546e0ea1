//! The JWT by which a service principal shows its certificate: signed with the certificate's key, which stays
//! here.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger_plugin_sdk::{Error, invalid_config};
use rsa::PrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::signature::{SignatureEncoding, Signer};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// How long it is good for: it is used at once, and this is what Microsoft's own libraries give it.
const LIFE_SECONDS: u64 = 600;

/// A certificate (DER) and its key.
pub struct Certificate {
    der: Vec<u8>,
    key: PrivateKey,
}

impl Certificate {
    /// Reads PEM with one RSA key (PKCS #8 or PKCS #1) and certificates, of which one is the key's. `at` is the
    /// field that refers to it.
    ///
    /// # Errors
    /// What is missing.
    pub fn read(pem: &[u8], at: &str) -> Result<Self, Error> {
        let wrong = |what: &str| invalid_config(at, format!("the certificate cannot be used: {what}"));
        if pem.trim_ascii().is_empty() {
            return Err(wrong("the key of the Secret is empty"));
        }
        let blocks = pem::parse_many(pem).map_err(|_| wrong("its PEM cannot be read"))?;
        if blocks.is_empty() {
            return Err(wrong(
                "PEM with a certificate and its key is needed (a PFX is made into it by openssl pkcs12 -nodes)",
            ));
        }
        let keys = blocks.iter().filter(|block| block.tag().ends_with("PRIVATE KEY"));
        let mut key = None;
        for block in keys {
            if block.tag() == "ENCRYPTED PRIVATE KEY" || block.headers().get("Proc-Type").is_some() {
                return Err(wrong("its key is encrypted"));
            }
            let der = block.contents();
            let read = PrivateKey::from_pkcs8_der(der).ok().or_else(|| PrivateKey::from_pkcs1_der(der).ok());
            key = Some(read.ok_or_else(|| wrong("its key is no RSA key"))?);
        }
        let key = key.ok_or_else(|| wrong("there is no key beside it"))?;
        let public = key
            .to_public_key()
            .to_public_key_der()
            .map_err(|_| wrong("its key has no public part"))?
            .into_vec();
        let mut certificates =
            blocks.iter().filter(|block| block.tag() == "CERTIFICATE").map(pem::Pem::contents).peekable();
        if certificates.peek().is_none() {
            return Err(wrong("there is no certificate beside the key"));
        }
        // A certificate has its public key in it, byte by byte; the others are those of its issuers.
        let der = certificates
            .find(|der| der.windows(public.len()).any(|part| part == public))
            .ok_or_else(|| wrong("its key is another one's"))?
            .to_vec();
        Ok(Self { der, key })
    }

    /// The assertion of a client for a token endpoint.
    ///
    /// # Errors
    /// If the key is too small to sign.
    pub fn assertion(&self, client_id: &str, endpoint: &str, now: SystemTime) -> Result<String, Error> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Needs only to be new each time, and a client logs in once at a time.
        let id = Sha256::digest(format!("{client_id} {endpoint} {}", now.as_nanos()));
        let header =
            json!({"alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(Sha1::digest(&self.der))});
        let claims = json!({
            "aud": endpoint,
            "iss": client_id,
            "sub": client_id,
            "jti": URL_SAFE_NO_PAD.encode(id),
            "nbf": now.as_secs(),
            "exp": now.as_secs().saturating_add(LIFE_SECONDS),
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = SigningKey::<Sha256>::new(self.key.clone())
            .try_sign(signed.as_bytes())
            .map_err(|_| Error::Unauthenticated("the certificate's key cannot sign".to_owned()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod tests;
