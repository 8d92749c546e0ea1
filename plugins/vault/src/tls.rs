//! Which places of a config hold TLS material: ESO's spelling (`caBundle`, `caProvider`,
//! `tls.certSecretRef`, `tls.keySecretRef`) and the reference document's (`tls.clientCert.secretRef` …). The
//! two spellings of one thing exclude each other. The document's `tls.caCert` stands beside `caBundle`, as in
//! the document: a connection may have many authorities, but shows one certificate.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// TLS of a store, as pointers into its config.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Inline base64 of PEM.
    pub ca_bundle: bool,
    /// References to PEM, all of which are trusted.
    pub ca_at: Vec<&'static str>,
    /// Reference to the client certificate.
    pub cert_at: Option<&'static str>,
    /// Reference to its key.
    pub key_at: Option<&'static str>,
    /// Instead of the URL's host.
    pub server_name: Option<String>,
}

impl Tls {
    /// Reads a config. `of_cluster`: of a ClusterSecretStore.
    ///
    /// # Errors
    /// Two spellings at once, a certificate without its key, or authorities that whoever asks would choose:
    /// then a tenant's own server would be trusted with a credential that is not the tenant's (as ESO).
    pub fn parse(config: &Value, of_cluster: bool) -> Result<Self, Error> {
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
        let ca = one(&["/caBundle", "/caProvider"])?;
        let more = one(&["/tls/caCert/secretRef"])?;
        for at in ca.iter().chain(&more).filter(|at| of_cluster && **at != "/caBundle") {
            if text(config, &format!("{at}/namespace")).is_none() {
                return Err(invalid_config(
                    at,
                    "a ClusterSecretStore must name the namespace of authorities",
                ));
            }
        }
        let of_tls = (
            one(&["/tls/certSecretRef", "/tls/clientCert/secretRef"])?,
            one(&["/tls/keySecretRef", "/tls/clientKey/secretRef"])?,
        );
        let of_login = (one(&["/auth/cert/clientCert"])?, one(&["/auth/cert/secretRef"])?);
        for (cert_at, key_at) in [of_tls, of_login] {
            if cert_at.is_some() != key_at.is_some() {
                let at = cert_at.or(key_at).unwrap_or("/tls");
                return Err(invalid_config(
                    at,
                    "a client certificate needs its key, and a key its certificate",
                ));
            }
        }
        // As ESO, where the certificate of the login is shown in the place of the other. Without one of its
        // own the login is by that of the connection.
        let (cert_at, key_at) = if of_login.0.is_some() { of_login } else { of_tls };
        if given(config, "/auth/cert") && cert_at.is_none() {
            return Err(invalid_config(
                "/auth/cert/clientCert",
                "clientCert and secretRef are needed (or tls.certSecretRef and tls.keySecretRef)",
            ));
        }
        Ok(Self {
            ca_bundle: ca == Some("/caBundle"),
            ca_at: ca.filter(|place| *place != "/caBundle").into_iter().chain(more).collect(),
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
        let tls = Tls::parse(&seed, false).unwrap();
        assert_eq!(tls.ca_at, ["/tls/caCert/secretRef"]);
        assert_eq!(
            (tls.cert_at, tls.key_at),
            (Some("/tls/clientCert/secretRef"), Some("/tls/clientKey/secretRef"))
        );
        // The document's secure-vault-store has both: authorities add up.
        let both = Tls::parse(&json!({"caBundle": "x", "tls": {"caCert": reference}}), false).unwrap();
        assert_eq!((both.ca_bundle, &both.ca_at[..]), (true, &["/tls/caCert/secretRef"][..]));
        let both =
            Tls::parse(&json!({"caProvider": {"name": "c"}, "tls": {"caCert": reference}}), false).unwrap();
        assert_eq!((both.ca_bundle, &both.ca_at[..]), (false, &["/caProvider", "/tls/caCert/secretRef"][..]));
        for (half, path) in [
            (json!({"caBundle": "x", "caProvider": {"name": "c"}}), "/caProvider"),
            (json!({"tls": {"certSecretRef": {"name": "c"}}}), "/tls/certSecretRef"),
            (json!({"tls": {"clientKey": reference}}), "/tls/clientKey/secretRef"),
            (json!({"auth": {"cert": {"secretRef": {"name": "c"}}}}), "/auth/cert/secretRef"),
            (json!({"auth": {"cert": {}}}), "/auth/cert/clientCert"),
        ] {
            let Err(Error::InvalidConfig(error)) = Tls::parse(&half, false) else { panic!("{half}") };
            assert_eq!(error.path, path, "{half}");
        }
        let (own, connection) = (json!({"name": "own"}), json!({"name": "mtls"}));
        let tls = json!({"certSecretRef": connection, "keySecretRef": connection});
        let both = json!({"tls": tls, "auth": {"cert": {"clientCert": own, "secretRef": own}}});
        assert_eq!(Tls::parse(&both, false).unwrap().cert_at, Some("/auth/cert/clientCert"), "as in ESO");
        let shared = json!({"tls": tls, "auth": {"cert": {"vaultRole": "r"}}});
        assert_eq!(Tls::parse(&shared, false).unwrap().cert_at, Some("/tls/certSecretRef"));
        assert_eq!(Tls::parse(&json!({}), true).unwrap(), Tls::default());
    }

    /// ESO's "missing namespace on caProvider secret".
    #[test]
    fn authorities_are_not_the_tenants_to_choose() {
        let (open, fixed) = (json!({"name": "c"}), json!({"name": "c", "namespace": "vault"}));
        let fine = json!({"caProvider": fixed, "tls": {"caCert": {"secretRef": fixed}}});
        for (config, refused) in [
            (json!({"caProvider": open}), Some("/caProvider")),
            (json!({"caProvider": {"name": "c", "namespace": ""}}), Some("/caProvider")),
            (json!({"tls": {"caCert": {"secretRef": open}}}), Some("/tls/caCert/secretRef")),
            (json!({"caBundle": "x", "tls": {"caCert": {"secretRef": open}}}), Some("/tls/caCert/secretRef")),
            (json!({"caBundle": "x"}), None),
            (fine, None),
        ] {
            let found = Tls::parse(&config, true).err().map(|error| match error {
                Error::InvalidConfig(error) => error.path,
                other => format!("{other:?}"),
            });
            assert_eq!(found.as_deref(), refused, "{config}");
            assert!(Tls::parse(&config, false).is_ok(), "{config}");
        }
    }
}
