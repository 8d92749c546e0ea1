//! A service account's key: reading its file, and signing JWTs with it. What they claim is the caller's.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use claviger_plugin_sdk::{Error, invalid_config};
use rsa::PrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

/// Where a key's assertion goes, and a refresh token, if the file does not say (as Google's libraries).
pub(crate) const DEFAULT_TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// A service account's key file.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The service account.
    pub email: String,
    /// Where its assertion is changed into an access token, and whom it is meant for.
    pub token_uri: String,
    id: String,
    pem: String,
    at: String,
}

/// Without the key: an accident in a log must not be one.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("email", &self.email)
            .field("token_uri", &self.token_uri)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    token_uri: String,
    #[serde(default)]
    universe_domain: String,
}

impl Key {
    /// Reads a key file that stands at `at` in the config.
    ///
    /// # Errors
    /// If it is none, without a word of it.
    pub fn read(json: &[u8], at: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Err(wrong(at, what));
        let Ok(file) = serde_json::from_slice::<File>(json) else { return wrong("no JSON of that form") };
        // First: files of other kinds have no client_email either, and that would be no help.
        if !(file.kind.is_empty() || file.kind == "service_account") {
            return wrong("its type is not service_account");
        }
        if file.client_email.is_empty() {
            return wrong("no client_email");
        }
        universe(&file.universe_domain)?;
        let token_uri = Some(file.token_uri)
            .filter(|uri| !uri.is_empty())
            .unwrap_or_else(|| DEFAULT_TOKEN_URI.to_owned());
        if crate::endpoint::split(&token_uri).is_none() {
            return wrong("token_uri is no URL");
        }
        Ok(Self {
            email: file.client_email,
            token_uri,
            id: file.private_key_id,
            pem: file.private_key,
            at: at.to_owned(),
        })
    }

    /// A JWT of these claims (RS256).
    ///
    /// # Errors
    /// If the file's private key is none.
    pub fn sign(&self, claims: &Value) -> Result<String, Error> {
        let private = PrivateKey::from_pkcs8_pem(self.pem.trim())
            .map_err(|_| wrong(&self.at, "private_key is no RSA key in PEM (PKCS #8)"))?;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = SigningKey::<Sha256>::new(private)
            .try_sign(signed.as_bytes())
            .map_err(|_| wrong(&self.at, "it cannot sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}

fn wrong(at: &str, what: &str) -> Error {
    invalid_config(at, format!("the key is not a service account's JSON key file: {what}"))
}

/// Refuses credentials of another cloud than Google's public one: its endpoints have other names.
///
/// # Errors
/// [`Error::Unsupported`] naming the domain.
pub fn universe(domain: &str) -> Result<(), Error> {
    if domain.is_empty() || domain == "googleapis.com" {
        return Ok(());
    }
    let domain: String = domain.chars().take(100).collect();
    Err(Error::Unsupported(format!(
        "universe_domain {domain}: only googleapis.com is supported, and the credential is for another cloud"
    )))
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Made for tests, and known to nobody.
    pub(crate) const PEM: &str = include_str!("test-key.pem");

    pub(crate) fn file() -> Value {
        json!({
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "key-1",
            "private_key": PEM,
            "client_email": "vault@project.iam.gserviceaccount.com",
            "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        })
    }

    #[test]
    fn what_is_no_key_is_said_without_it() {
        for (key, said) in [
            (json!("s3cr3t"), "no JSON of that form"),
            (
                json!({"type": "authorized_user", "refresh_token": "s3cr3t"}),
                "its type is not service_account",
            ),
            (json!({"type": "service_account", "private_key": "s3cr3t"}), "no client_email"),
            (json!({"type": "gdch_service_account", "client_email": "a@b"}), "type"),
            (json!({"client_email": "a@b", "private_key": "s3cr3t", "token_uri": "s3cr3t"}), "token_uri"),
            (json!({"client_email": "a@b", "private_key": "s3cr3t"}), "no RSA key"),
        ] {
            let found = Key::read(key.to_string().as_bytes(), "/at").and_then(|key| key.sign(&json!({})));
            let Err(Error::InvalidConfig(error)) = found else { panic!("{key}") };
            assert_eq!(error.path, "/at");
            assert!(error.detail.contains(said) && !error.detail.contains("s3cr3t"), "{}", error.detail);
        }
        let shown = format!("{:?}", Key::read(file().to_string().as_bytes(), "/at").unwrap());
        assert!(shown.contains("vault@project") && !shown.contains("PRIVATE"), "{shown}");
    }

    #[test]
    fn another_cloud_is_refused() {
        let mut file = file();
        file["universe_domain"] = json!("apis-berlin-build0.goog");
        let found = Key::read(file.to_string().as_bytes(), "/at");
        assert!(
            matches!(found, Err(Error::Unsupported(detail)) if detail.contains("apis-berlin-build0.goog"))
        );
        file["universe_domain"] = json!("");
        file["token_uri"] = json!(null);
        assert!(Key::read(file.to_string().as_bytes(), "/at").is_err(), "null is no text");
        file.as_object_mut().unwrap().remove("token_uri");
        let key = Key::read(file.to_string().as_bytes(), "/at").unwrap();
        assert_eq!(key.token_uri, DEFAULT_TOKEN_URI);
    }
}
