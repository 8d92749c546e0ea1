//! A private certificate authority and leaf certificates, made anew for each run.
//!
//! All keys of certificates are ECDSA P-256: quick to make, and accepted by every server here. Nothing is reused between
//! runs, nothing is trusted by the system.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SanType, SigningKey as _,
};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::run::write_private;

/// What a leaf certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// A TLS server.
    Server,
    /// A TLS client.
    Client,
}

/// A certificate authority. Its key never leaves memory unless [`Authority::key_pem`] is written out.
#[derive(Debug)]
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

/// A certificate with its key, both PEM.
#[derive(Debug)]
pub struct Leaf {
    /// The certificate.
    pub cert_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: String,
}

impl Authority {
    /// A new authority with its own key.
    ///
    /// # Errors
    /// If the cryptography library refuses.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let params = Self::params(name);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { params, key, pem })
    }

    /// One that another process made by that name.
    pub(crate) fn again(name: &str, key_pem: &str, pem: &str) -> Result<Self> {
        Ok(Self { params: Self::params(name), key: KeyPair::from_pem(key_pem)?, pem: pem.to_owned() })
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's private key, PKCS#8 PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// A leaf for `common_name`, member of `organizations`, valid for loopback and `dns`.
    ///
    /// # Errors
    /// If a name is not a DNS name, or the cryptography library refuses.
    pub fn leaf(
        &self,
        usage: Usage,
        common_name: &str,
        organizations: &[&str],
        dns: &[&str],
    ) -> Result<Leaf> {
        let names: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        if usage == Usage::Server {
            params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }
        self.sign(params, usage, common_name, organizations)
    }

    /// A server's leaf that is valid for this DNS name and for no address.
    ///
    /// # Errors
    /// If it is no DNS name, or the cryptography library refuses.
    pub fn server(&self, name: &str) -> Result<Leaf> {
        self.sign(CertificateParams::new([name.to_owned()])?, Usage::Server, name, &[])
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        usage: Usage,
        common_name: &str,
        organizations: &[&str],
    ) -> Result<Leaf> {
        params.distinguished_name.push(DnType::CommonName, common_name);
        for organization in organizations {
            params.distinguished_name.push(DnType::OrganizationName, *organization);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match usage {
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        let key = KeyPair::generate()?;
        let issuer = Issuer::from_params(&self.params, &self.key);
        let cert = params.signed_by(&key, &issuer)?;
        Ok(Leaf { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }
}

impl Leaf {
    /// Writes `NAME.crt` and `NAME.key` (mode 0600) into `dir` and returns their paths.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, dir: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        let (cert, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
        std::fs::write(&cert, &self.cert_pem).map_err(Error::file("write", &cert))?;
        write_private(&key, &self.key_pem)?;
        Ok((cert, key))
    }
}

/// A fresh RSA key as (private PKCS#8 PEM, public PEM): what an API server signs tokens with. RSA, as
/// installers make it: Microsoft Entra takes no other tokens of a foreign issuer.
pub fn signing_key() -> Result<(String, String)> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}

/// A JSON Web Token (RS256) of those claims by an RSA key (PKCS#8 PEM) that others know as `kid`.
///
/// # Errors
/// If it is no such key.
pub fn sign_jwt(key_pem: &str, kid: &str, claims: &Value) -> Result<String> {
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(key_pem, &PKCS_RSA_SHA256)?;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT", "kid": kid})), part(claims));
    let signature = key.sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
