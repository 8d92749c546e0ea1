//! The certificate that the webhook serves with, wherever it comes from: `files`, or `authority`.
//!
//! A pair that cannot be used, as in the midst of being replaced, does not take the place of one that can. The key is
//! in memory only, and in no message.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// What is served at present.
#[derive(Debug, Default)]
pub struct Certificates {
    current: RwLock<Current>,
}

#[derive(Debug, Default)]
struct Current {
    key: Option<Arc<CertifiedKey>>,
    /// The certificate's text, as it was offered.
    chain: Vec<u8>,
    /// Why what was offered last is not served.
    wrong: Option<String>,
}

impl Certificates {
    /// What keeps it from serving; none: it serves.
    pub fn missing(&self) -> Option<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if current.key.is_some() {
            return None;
        }
        let why = current.wrong.as_deref().unwrap_or("it is being read");
        Some(format!("the webhook has no certificate: {why}"))
    }

    /// Unix time at which the certificate that is served ends.
    pub fn ends(&self) -> Option<f64> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let (_, leaf) = x509_parser::parse_x509_certificate(current.key.as_ref()?.cert.first()?).ok()?;
        let ends = leaf.validity().not_after.timestamp();
        // A certificate's years have four digits.
        #[expect(clippy::cast_precision_loss, reason = "they fit a double's 53 bits")]
        let ends = ends as f64;
        Some(ends)
    }

    /// Serves with that pair from now on, in PEM, if it can be used.
    pub(super) fn offer(&self, chain: &[u8], key: &[u8], from: &str) {
        {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            if current.key.is_some() && current.chain == chain {
                current.wrong = None;
                return;
            }
        }
        match certified(chain, key) {
            Ok(key) => {
                tracing::info!(from, "serving the webhook with a new certificate");
                let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
                *current = Current { key: Some(Arc::new(key)), chain: chain.to_vec(), wrong: None };
            }
            Err(why) => self.refuse(why),
        }
    }

    /// Notes why there is nothing better than what is served already.
    pub(super) fn refuse(&self, why: String) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.wrong.as_ref() != Some(&why) {
            tracing::warn!(why, "the webhook's certificate cannot be used");
        }
        current.wrong = Some(why);
    }

    /// The certificate that is served, in DER.
    #[cfg(test)]
    pub(super) fn served(&self) -> Option<Vec<u8>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.key.as_ref().map(|key| key.cert[0].to_vec())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone()
    }
}

/// A pair in PEM, if its halves go together.
pub(super) fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<_, _>>()
        .map_err(|_| "tls.crt is not PEM".to_owned())?;
    if certificates.is_empty() {
        return Err("tls.crt has no certificate".to_owned());
    }
    // The parser's own text may quote a line of the key.
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| "tls.key has no private key in PEM".to_owned())?;
    CertifiedKey::from_der(certificates, key, &rustls::crypto::aws_lc_rs::default_provider())
        .map_err(|error| format!("tls.crt and tls.key do not go together: {error}"))
}
