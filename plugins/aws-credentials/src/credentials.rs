//! Credentials as they lie in slots and in the memo.

use claviger_plugin_sdk::Error;
use serde::{Deserialize, Serialize};

/// An access key; temporary if it has a token.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Credentials {
    /// Names the key without being a secret.
    #[serde(rename = "AccessKeyId")]
    pub id: String,
    /// Signs requests.
    #[serde(rename = "SecretAccessKey")]
    pub secret: String,
    /// Of temporary credentials.
    #[serde(rename = "Token", default)]
    pub token: Option<String>,
}

/// Without the secret: an accident in a log must not be one.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the session holds, before STS is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Ready for use.
    Keys(Credentials),
    /// A token that STS changes into credentials.
    WebIdentity {
        /// The role that it is good for.
        role_arn: String,
        /// Seen in CloudTrail.
        session_name: String,
        /// The token.
        token: Token,
    },
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Credentials {
    /// Reads what the metadata services answer and what is in the memo.
    ///
    /// # Errors
    /// If it is something else.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let odd = || Error::Unauthenticated("the credentials are not AWS's JSON document".to_owned());
        let read: Self = serde_json::from_slice(json).map_err(|_| odd())?;
        if read.id.is_empty() || read.secret.is_empty() { Err(odd()) } else { Ok(read) }
    }

    /// For the memo.
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// A text without what is secret here: AWS quotes a request that it could not verify.
    pub fn clean(&self, text: &str) -> String {
        let secrets = [Some(self.secret.as_str()), self.token.as_deref()];
        let mut clean = text.to_owned();
        for secret in secrets.into_iter().flatten().filter(|secret| !secret.is_empty()) {
            clean = clean.replace(secret, "[redacted]");
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As IMDS and the container endpoint answer; their further fields differ.
    #[test]
    fn documents_of_the_metadata_services() {
        let document = br#"{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC",
            "AccessKeyId":"ASIAX","SecretAccessKey":"s3cr3t","Token":"t0k3n","Expiration":"2026-01-01T06:00:00Z"}"#;
        let read = Credentials::read(document).unwrap();
        assert_eq!((read.id.as_str(), read.token.as_deref()), ("ASIAX", Some("t0k3n")));
        assert_eq!(Credentials::read(&read.write()).unwrap(), read);
        assert!(!format!("{read:?}").contains("s3cr3t") && !format!("{read:?}").contains("t0k3n"));
        for wrong in [&b""[..], b"{}", br#"{"AccessKeyId":"","SecretAccessKey":"x"}"#, b"<html>"] {
            assert!(matches!(Credentials::read(wrong), Err(Error::Unauthenticated(_))));
        }
    }

    #[test]
    fn cleaned_of_secrets() {
        let own =
            Credentials { id: "AKIA".to_owned(), secret: "sec".to_owned(), token: Some("tok".to_owned()) };
        assert_eq!(own.clean("AKIA sec and tok"), "AKIA [redacted] and [redacted]");
    }
}
