//! Certificates and keys: made, read, and judged as an API server would judge them.
//!
//! ECDSA P-256 throughout. A key is in memory as the text that stands in the Secret; it is in no message.

use claviger_core::authority::{AUTHORITY_LIFE, Authority, Life, SERVING_LIFE};
use claviger_core::secret::SecretBytes;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::parse_x509_certificate;
use zeroize::Zeroize as _;

/// A certificate, and what is read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    der: CertificateDer<'static>,
    /// Which it is, and its life.
    pub(super) mark: Authority,
    /// Whether it may sign others.
    pub(super) is_authority: bool,
    /// SubjectPublicKeyInfo, in DER.
    public_key: Vec<u8>,
}

impl Certificate {
    /// Of DER; none if it is no certificate.
    fn read(der: CertificateDer<'static>) -> Option<Self> {
        let (rest, parsed) = parse_x509_certificate(&der).ok()?;
        let moment = |seconds: i64| Timestamp::from_second(seconds).ok();
        let validity = parsed.validity();
        let life = Life {
            begin: moment(validity.not_before.timestamp())?,
            end: moment(validity.not_after.timestamp())?,
        };
        let (is_authority, public_key) = (parsed.is_ca(), parsed.public_key().raw.to_vec());
        let mark = Authority { id: Sha256::digest(&der).into(), life };
        rest.is_empty().then_some(Self { mark, is_authority, public_key, der })
    }

    /// Those of a text in PEM, and whether that is all there is in it.
    pub(super) fn all(pem: &[u8]) -> (Vec<Self>, bool) {
        let mut whole = true;
        let mut certificates = Vec::new();
        for der in CertificateDer::pem_slice_iter(pem) {
            match der.ok().and_then(Self::read) {
                Some(certificate) => certificates.push(certificate),
                None => whole = false,
            }
        }
        (certificates, whole)
    }

    /// As text.
    pub(super) fn pem(&self) -> String {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.encode(&self.der);
        let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = after;
        }
        text.push_str("-----END CERTIFICATE-----\n");
        text
    }

    /// Whether the key is this certificate's.
    pub(super) fn is_of(&self, key: &Key) -> bool {
        self.public_key == key.public
    }

    /// Whether an API server that trusts `authority` would take this for a server's certificate at that time, with
    /// what else was sent.
    pub(super) fn is_taken(&self, authority: &Self, others: &[Self], at: Timestamp) -> bool {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let Ok(anchor) = anchor_from_trusted_cert(&authority.der) else { return false };
        let Ok(end) = EndEntityCert::try_from(&self.der) else { return false };
        let Ok(seconds) = u64::try_from(at.as_second()) else { return false };
        let others: Vec<_> = others.iter().map(|other| other.der.clone()).collect();
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let algorithms = provider.signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        end.verify_for_usage(algorithms, &[anchor], &others, time, usage, None, None).is_ok()
    }

    /// Whether it is for all of these names.
    pub(super) fn is_for(&self, names: &[String]) -> bool {
        let Ok(end) = EndEntityCert::try_from(&self.der) else { return false };
        names.iter().all(|name| {
            ServerName::try_from(name.as_str())
                .is_ok_and(|name| end.verify_is_valid_for_subject_name(&name).is_ok())
        })
    }
}

/// A private key.
pub(super) struct Key {
    pem: SecretBytes,
    /// SubjectPublicKeyInfo, in DER.
    public: Vec<u8>,
}

impl Key {
    /// Of PEM; none if it is no private key.
    pub(super) fn read(pem: &SecretBytes) -> Option<Self> {
        let mut pair = pair(pem)?;
        let public = pair.subject_public_key_info();
        pair.zeroize();
        Some(Self { pem: pem.duplicate(), public })
    }

    /// As text.
    pub(super) fn pem(&self) -> &SecretBytes {
        &self.pem
    }

    fn made() -> Result<(Self, KeyPair), String> {
        let pair = KeyPair::generate().map_err(|error| error.to_string())?;
        let pem = SecretBytes::new(pair.serialize_pem().into_bytes());
        Ok((Self { pem, public: pair.subject_public_key_info() }, pair))
    }
}

fn pair(pem: &SecretBytes) -> Option<KeyPair> {
    KeyPair::from_pem(std::str::from_utf8(pem.expose()).ok()?).ok()
}

/// A new authority.
///
/// # Errors
/// If the cryptography library refuses.
pub(super) fn authority(now: Timestamp) -> Result<(Certificate, Key), String> {
    let (key, mut pair) = Key::made()?;
    let mut params = params(Life::new(now, AUTHORITY_LIFE));
    // A name of its own: who looks an issuer up by name finds one only.
    let name = format!("claviger webhook {}", now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"));
    params.distinguished_name.push(DnType::CommonName, name);
    // It signs servers, and no further authorities.
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let made = params.self_signed(&pair).map_err(|error| error.to_string());
    pair.zeroize();
    finished(&made?).map(|certificate| (certificate, key))
}

/// A server's certificate for those names, by that authority.
///
/// # Errors
/// If a name is none, or the cryptography library refuses.
pub(super) fn serving(
    now: Timestamp,
    names: &[String],
    authority: &Certificate,
    by: &Key,
) -> Result<(Certificate, Key), String> {
    let (key, mut pair) = Key::made()?;
    let mut params = params(Life::new(now, SERVING_LIFE).within(authority.mark.life));
    params.distinguished_name.push(DnType::CommonName, "claviger webhook");
    params.subject_alt_names = CertificateParams::new(names)
        .map_err(|error| format!("{}: {error}", names.join(", ")))?
        .subject_alt_names;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let made = signed(&params, &pair, authority, by);
    pair.zeroize();
    finished(&made?).map(|certificate| (certificate, key))
}

fn signed(
    params: &CertificateParams,
    subject: &KeyPair,
    authority: &Certificate,
    by: &Key,
) -> Result<rcgen::Certificate, String> {
    let mut signer = pair(&by.pem).ok_or("the authority's key cannot be used")?;
    let made = Issuer::from_ca_cert_der(&authority.der, &signer)
        .and_then(|issuer| params.signed_by(subject, &issuer))
        .map_err(|error| error.to_string());
    signer.zeroize();
    made
}

fn params(life: Life) -> CertificateParams {
    let moment = |at: Timestamp| {
        let seconds = u64::try_from(at.as_second()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    (params.not_before, params.not_after) = (moment(life.begin), moment(life.end));
    params
}

fn finished(made: &rcgen::Certificate) -> Result<Certificate, String> {
    Certificate::read(made.der().clone())
        .ok_or_else(|| "a certificate was made that cannot be read".to_owned())
}
