//! Which places of a config hold TLS material: ESO's spelling (`caBundle`, `caProvider`,
//! `tls.certSecretRef`, `tls.keySecretRef`) and the reference document's (`tls.caCert.secretRef` …). The
//! two spellings of one thing exclude each other.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// TLS of a store, as pointers into its config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Inline base64 of PEM.
    pub ca_bundle: bool,
    /// Reference to PEM, and the key where the reference leaves it out.
    pub ca_at: Option<(&'static str, &'static str)>,
    /// Reference to the client certificate.
    pub cert_at: Option<&'static str>,
    /// Reference to its key.
    pub key_at: Option<&'static str>,
    /// Instead of the URL's host.
    pub server_name: Option<String>,
}

impl Tls {
    /// Reads a config.
    ///
    /// # Errors
    /// Two spellings at once, or a certificate without its key.
    pub fn parse(config: &Value) -> Result<Self, Error> {
        let one = |places: &[&'static str]| {
            let found: Vec<&'static str> =
                places.iter().copied().filter(|place| given(config, place)).collect();
            match found[..] {
                [] => Ok(None),
                [place] => Ok(Some(place)),
                [first, second, ..] => {
                    Err(invalid_config(second, format!("{first} is given too: remove one")))
                }
            }
        };
        let ca = one(&["/caBundle", "/caProvider", "/tls/caCert/secretRef"])?;
        let cert_at = one(&["/tls/certSecretRef", "/tls/clientCert/secretRef", "/auth/cert/clientCert"])?;
        let key_at = one(&["/tls/keySecretRef", "/tls/clientKey/secretRef", "/auth/cert/secretRef"])?;
        if cert_at.is_some() != key_at.is_some() {
            let at = cert_at.or(key_at).unwrap_or("/tls");
            return Err(invalid_config(at, "a client certificate needs its key, and a key its certificate"));
        }
        Ok(Self {
            ca_bundle: ca == Some("/caBundle"),
            ca_at: ca.filter(|place| *place != "/caBundle").map(|place| (place, "ca.crt")),
            cert_at,
            key_at,
            server_name: text(config, "/tls/serverName").map(ToOwned::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn either_spelling_and_not_both() {
        let reference = json!({"secretRef": {"name": "s"}});
        let seed = json!({"tls": {"serverName": "v", "caCert": reference, "clientCert": reference, "clientKey": reference}});
        let tls = Tls::parse(&seed).unwrap();
        assert_eq!(tls.ca_at, Some(("/tls/caCert/secretRef", "ca.crt")));
        assert_eq!(
            (tls.cert_at, tls.key_at),
            (Some("/tls/clientCert/secretRef"), Some("/tls/clientKey/secretRef"))
        );
        let both = json!({"caBundle": "x", "tls": {"caCert": reference}});
        assert!(
            matches!(Tls::parse(&both), Err(Error::InvalidConfig(error)) if error.path == "/tls/caCert/secretRef")
        );
        assert!(Tls::parse(&json!({"tls": {"certSecretRef": {"name": "c"}}})).is_err(), "no key");
        assert_eq!(Tls::parse(&json!({})).unwrap(), Tls::default());
    }
}
