//! The certificate that the webhook serves with: `tls.crt` and `tls.key` of a folder, read again when they change.
//!
//! A pair that cannot be used, as in the midst of being replaced, does not take the place of one that can. The key is
//! in memory only, and in no message.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Between two looks at the files. A mounted Secret shows a change after up to a minute anyway.
const LOOK: Duration = Duration::from_secs(2);

/// What is served at present.
#[derive(Debug)]
pub struct Certificates {
    dir: PathBuf,
    current: RwLock<Current>,
}

#[derive(Debug, Default)]
struct Current {
    key: Option<Arc<CertifiedKey>>,
    /// The certificate's file, as it was when it was last looked at.
    chain: Vec<u8>,
    /// Why the files that are there are not served.
    wrong: Option<String>,
}

impl Certificates {
    /// Of a folder; nothing is read yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, current: RwLock::default() }
    }

    /// Reads the files until told to stop.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        loop {
            self.look().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// What keeps it from serving; none: it serves.
    pub fn missing(&self) -> Option<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        if current.key.is_some() {
            return None;
        }
        let why = current.wrong.as_deref().unwrap_or("it is being read");
        Some(format!("the webhook has no certificate: {why}"))
    }

    async fn look(&self) {
        let read = read(&self.dir).await;
        let known = |chain: &[u8]| {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            current.wrong.is_none() && current.chain == chain
        };
        let loaded = match read {
            Ok((chain, _)) if known(&chain) => return,
            Ok((chain, key)) => certified(&chain, &key).map(|key| (chain, key)),
            Err(why) => Err(why),
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok((chain, key)) => {
                tracing::info!(dir = %self.dir.display(), "serving the webhook with a new certificate");
                *current = Current { key: Some(Arc::new(key)), chain, wrong: None };
            }
            Err(why) => {
                if current.wrong.as_ref() != Some(&why) {
                    tracing::warn!(why, "the webhook's certificate cannot be used");
                }
                current.wrong = Some(why);
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).key.clone()
    }
}

async fn read(dir: &Path) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), String> {
    let read = async |name: &str| {
        let path = dir.join(name);
        tokio::fs::read(&path).await.map_err(|error| format!("{}: {error}", path.display()))
    };
    Ok((read("tls.crt").await?, Zeroizing::new(read("tls.key").await?)))
}

fn certified(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};

    use super::*;

    fn made() -> (String, String) {
        let Made { cert, signing_key } = generate_simple_self_signed(["webhook.test".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    fn served(certificates: &Certificates) -> Option<Vec<u8>> {
        let current = certificates.current.read().unwrap();
        current.key.as_ref().map(|key| key.cert[0].to_vec())
    }

    #[tokio::test]
    async fn a_pair_is_served_until_a_better_one_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
        let certificates = Certificates::new(dir.path().to_owned());
        let missing = || certificates.missing().unwrap_or_default();
        certificates.look().await;
        assert!(missing().contains("tls.crt: No such file"), "{}", missing());

        let (first, second) = (made(), made());
        write("tls.crt", &first.0);
        write("tls.key", "-----BEGIN PRIVATE KEY-----\nMARKED\n-----END PRIVATE KEY-----\n");
        certificates.look().await;
        assert!(missing().contains("tls.key") && !missing().contains("MARKED"), "{}", missing());
        write("tls.key", &first.1);
        certificates.look().await;
        assert_eq!((served(&certificates), certificates.missing()), (Some(der(&first.0)), None));

        write("tls.crt", &second.0);
        certificates.look().await;
        assert_eq!(served(&certificates), Some(der(&first.0)), "the new key is not there yet");
        assert_eq!(certificates.missing(), None);
        write("tls.key", &second.1);
        certificates.look().await;
        assert_eq!(served(&certificates), Some(der(&second.0)));
        write("tls.crt", "nothing");
        certificates.look().await;
        assert_eq!(served(&certificates), Some(der(&second.0)));
    }
}
