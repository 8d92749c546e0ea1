//! What an admin demands of every store's connections: encryption, and certificates that are verified. Pure.
//!
//! Asked in one place, when a store is connected (`connect/ready`), for each origin and before anything is sent.

use claviger_core::provider::{CallError, ProviderError};
use claviger_core::secret::Untrusted;
use serde_json::Value as Json;

use super::Origin;
use crate::convert::pointer;

/// Both off by default: then a store is warned about instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demands {
    /// No origin of `http://`, not on loopback either (`security.encryptionInTransit`).
    pub encryption: bool,
    /// No store that switches the verification of certificates off (`security.validateRemoteCertificates`).
    pub certificates: bool,
}

impl Demands {
    /// Whether a store may have a connection. `insecure_at` is the place in its config that switches verification off, if
    /// one does.
    ///
    /// # Errors
    /// Which setting refuses it, at the place in the config that says so.
    pub(crate) fn check(
        self,
        origin: &Origin,
        insecure_at: Option<&str>,
        config: &Json,
    ) -> Result<(), CallError> {
        if self.encryption && !origin.is_tls() {
            let why = format!(
                "{origin} is not encrypted, and the operator's setting security.encryptionInTransit allows https only"
            );
            return Err(refused(&origin.place_in(config).unwrap_or_default(), &why));
        }
        match insecure_at {
            Some(at) if self.certificates => {
                let why = format!(
                    "the certificate of {origin} would not be verified, and the operator's setting \
                     security.validateRemoteCertificates demands that: name its authority instead"
                );
                Err(refused(at, &why))
            }
            _ => Ok(()),
        }
    }
}

fn refused(at: &str, why: &str) -> CallError {
    ProviderError::InvalidConfig { path: pointer(at), detail: Untrusted::new(why) }.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_core::error::{Failure, StoreName};
    use claviger_core::provider::PluginId;
    use claviger_core::redact::Redactor;
    use serde_json::json;

    use super::*;

    /// Reason and message, as a condition has them.
    fn refusal(demands: Demands, origin: &str, insecure_at: Option<&str>) -> Option<(&'static str, String)> {
        let config = json!({"auth": {"a/b": [{"server": "http://127.0.0.1:8200/x"}]}, "tls": {"skip": true}});
        let error = demands.check(&Origin::parse(origin).unwrap(), insecure_at, &config).err()?;
        let plugin =
            PluginId { name: "p".to_owned(), version: "1".to_owned(), digest: "sha256:0".to_owned() };
        let store = StoreName { kind: "SecretStore".into(), namespace: None, name: "s".to_owned() };
        let failure = Failure::from_call(&store, None, None, &plugin, error);
        Some((failure.class().reason, failure.message(&Redactor::default())))
    }

    #[test]
    fn each_demand_refuses_what_it_is_about_and_names_itself() {
        let (neither, insecure) = (Demands::default(), Some("/tls/skip"));
        let encryption = Demands { encryption: true, ..neither };
        let certificates = Demands { certificates: true, ..neither };
        let both = Demands { encryption: true, certificates: true };
        let (http, https) = ("http://127.0.0.1:8200", "https://vault.example.com");
        for (demands, origin, insecure_at, expected) in [
            (neither, http, insecure, None),
            (encryption, http, None, Some(("/auth/a~1b/0/server", "security.encryptionInTransit"))),
            (encryption, "http://127.0.0.1:8201", None, Some(("", "security.encryptionInTransit"))),
            (encryption, https, insecure, None),
            (certificates, http, None, None),
            (certificates, https, None, None),
            (certificates, https, insecure, Some(("/tls/skip", "security.validateRemoteCertificates"))),
            (both, https, None, None),
            (both, http, insecure, Some(("/auth/a~1b/0/server", "security.encryptionInTransit"))),
        ] {
            let found = refusal(demands, origin, insecure_at);
            match (expected, &found) {
                (None, None) => {}
                (Some((path, setting)), Some((reason, message))) => {
                    assert_eq!(*reason, "InvalidProviderConfig");
                    assert!(message.contains(path) && message.contains(setting), "{message}");
                    assert!(message.contains(origin), "{message}");
                }
                other => panic!("{demands:?} {origin} {insecure_at:?}: {other:?}"),
            }
        }
    }
}
