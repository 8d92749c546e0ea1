//! Authorities that are trusted for providers besides the system's: a company's own, for instance, or that of what
//! looks into TLS on the way.
//!
//! For stores that name none. A store that names authorities trusts these and nothing else.

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// A bundle of all public authorities has some 150; each client takes a copy.
const MAX: usize = 1_000;

/// Certificates of authorities; none by default.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<Certificate>);

/// Why a bundle cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthoritiesError {
    /// Damaged.
    #[error("it is not PEM")]
    NotPem,
    /// Nothing in it.
    #[error("it holds no certificate in PEM")]
    None,
    /// Too much in it.
    #[error("it holds more than {MAX} certificates")]
    TooMany,
    /// Not an X.509 certificate that can be an authority's.
    #[error("certificate {0} in it cannot be used")]
    Unusable(usize),
}

impl Authorities {
    /// From PEM with one or more certificates; text between them, and other objects, are passed over.
    ///
    /// # Errors
    /// If there is none, or one that cannot be used.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuthoritiesError> {
        let mut certificates = Vec::new();
        for found in CertificateDer::pem_slice_iter(pem) {
            let der = found.map_err(|_| AuthoritiesError::NotPem)?;
            let place = certificates.len() + 1;
            if place > MAX {
                return Err(AuthoritiesError::TooMany);
            }
            let certificate = Certificate::from_der(&der).map_err(|_| AuthoritiesError::Unusable(place))?;
            RootCertStore::empty().add(der).map_err(|_| AuthoritiesError::Unusable(place))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(AuthoritiesError::None);
        }
        Ok(Self(certificates))
    }

    /// For one client.
    pub(super) fn certificates(&self) -> Vec<Certificate> {
        self.0.clone()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_testenv::Authority;

    use super::*;

    #[test]
    fn a_bundle_holds_certificates_that_can_be_used() {
        let (one, another) = (Authority::new("one").unwrap(), Authority::new("another").unwrap());
        let both = format!("# ours\n{}\n{}", one.pem(), another.pem());
        assert_eq!(Authorities::from_pem(both.as_bytes()).unwrap().len(), 2);
        let key = one.leaf(claviger_testenv::Usage::Server, "s", &[], &[]).unwrap().key_pem;
        assert_eq!(Authorities::from_pem(format!("{key}\n{both}").as_bytes()).unwrap().len(), 2);
        let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (pem, expected) in [
            (String::new(), AuthoritiesError::None),
            ("hello".to_owned(), AuthoritiesError::None),
            (key, AuthoritiesError::None),
            ("-----BEGIN CERTIFICATE-----\nAAAA".to_owned(), AuthoritiesError::NotPem),
            (format!("{both}{rubbish}"), AuthoritiesError::Unusable(3)),
            (one.pem().repeat(MAX + 1), AuthoritiesError::TooMany),
        ] {
            assert_eq!(Authorities::from_pem(pem.as_bytes()).unwrap_err(), expected);
        }
    }
}
