//! A certificate from files: `tls.crt` and `tls.key` of a folder, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::certificate::Certificates;

/// Between two looks at the files. A mounted Secret shows a change after up to a minute anyway.
const LOOK: Duration = Duration::from_secs(2);

/// Reads the files until told to stop.
pub(crate) async fn follow(certificates: Arc<Certificates>, dir: PathBuf, stop: CancellationToken) {
    loop {
        look(&certificates, &dir).await;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn look(certificates: &Certificates, dir: &Path) {
    match read(dir).await {
        Ok((chain, key)) => certificates.offer(&chain, &key, &dir.display().to_string()),
        Err(why) => certificates.refuse(why),
    }
}

async fn read(dir: &Path) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), String> {
    let read = async |name: &str| {
        let path = dir.join(name);
        tokio::fs::read(&path).await.map_err(|error| format!("{}: {error}", path.display()))
    };
    Ok((read("tls.crt").await?, Zeroizing::new(read("tls.key").await?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn made() -> (String, String) {
        let Made { cert, signing_key } = generate_simple_self_signed(["webhook.test".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[tokio::test]
    async fn a_pair_is_served_until_a_better_one_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
        let certificates = Certificates::default();
        let missing = || certificates.missing().unwrap_or_default();
        look(&certificates, dir.path()).await;
        assert!(missing().contains("tls.crt: No such file"), "{}", missing());

        let (first, second) = (made(), made());
        write("tls.crt", &first.0);
        write("tls.key", "-----BEGIN PRIVATE KEY-----\nMARKED\n-----END PRIVATE KEY-----\n");
        look(&certificates, dir.path()).await;
        assert!(missing().contains("tls.key") && !missing().contains("MARKED"), "{}", missing());
        write("tls.key", &first.1);
        look(&certificates, dir.path()).await;
        assert_eq!((certificates.served(), certificates.missing()), (Some(der(&first.0)), None));

        write("tls.crt", &second.0);
        look(&certificates, dir.path()).await;
        assert_eq!(certificates.served(), Some(der(&first.0)), "the new key is not there yet");
        assert_eq!(certificates.missing(), None);
        write("tls.key", &second.1);
        look(&certificates, dir.path()).await;
        assert_eq!(certificates.served(), Some(der(&second.0)));
        write("tls.crt", "nothing");
        look(&certificates, dir.path()).await;
        assert_eq!(certificates.served(), Some(der(&second.0)));
    }
}
