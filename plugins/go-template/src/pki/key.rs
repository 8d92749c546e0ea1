//! Private keys in the three formats that Go reads: PKCS#1, SEC 1 and PKCS#8. DSA keys are made and not read:
//! Go signs nothing with them.

use rsa::pkcs1::{DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use sha2::Sha256;

use super::der::{self, Element};
use super::ec::Curve;
use super::{oid, pem};

/// A private key.
pub(crate) enum Key {
    Rsa(Box<rsa::PrivateKey>),
    /// The private number at the curve's size, the public point uncompressed.
    Ec(Curve, Vec<u8>, Vec<u8>),
    Ed25519([u8; 32]),
}

impl Key {
    /// Whatever format it is in, as ESO tries them.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        Self::pkcs1(bytes).or_else(|| Self::pkcs8(bytes)).or_else(|| Self::sec1(bytes, None))
    }

    /// The first block of a PEM text by its label, as sprig reads it.
    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, &'static str> {
        let Some((block, _)) = pem::decode(text) else { return Err("no PEM data in input") };
        match block.label.as_slice() {
            b"PRIVATE KEY" => Self::pkcs8(&block.bytes).ok_or("the PKCS#8 key cannot be read"),
            b"RSA PRIVATE KEY" => Self::pkcs1(&block.bytes).ok_or("the RSA key cannot be read"),
            b"EC PRIVATE KEY" => Self::sec1(&block.bytes, None).ok_or("the EC key cannot be read"),
            b"DSA PRIVATE KEY" => Err("a DSA key cannot be used for certificates"),
            _ => Err("no private key that can be used in the PEM block"),
        }
    }

    pub(crate) fn pkcs1(bytes: &[u8]) -> Option<Self> {
        rsa::PrivateKey::from_pkcs1_der(bytes).ok().map(|key| Self::Rsa(Box::new(key)))
    }

    pub(crate) fn pkcs8(bytes: &[u8]) -> Option<Self> {
        let items = der::in_sequence(bytes)?;
        let [version, algorithm, key, ..] = items.as_slice() else { return None };
        version.number()?;
        let algorithm = algorithm.items(der::SEQUENCE)?;
        let key = key.as_a(der::OCTETS)?;
        match algorithm.first()?.as_a(der::OID)? {
            oid::RSA => Self::pkcs1(key),
            oid::EC => {
                let curve = algorithm.get(1).and_then(|id| id.as_a(der::OID)).and_then(Curve::of);
                Self::sec1(key, curve)
            }
            oid::ED25519 => {
                let seed = der::one(key)?.as_a(der::OCTETS)?;
                seed.try_into().ok().map(Self::Ed25519)
            }
            _ => None,
        }
    }

    /// `curve` is what stands around it, in PKCS#8.
    fn sec1(bytes: &[u8], curve: Option<Curve>) -> Option<Self> {
        let items = der::in_sequence(bytes)?;
        let [version, private, more @ ..] = items.as_slice() else { return None };
        if version.number()? != 1 {
            return None;
        }
        let named = |item: &Element<'_>| Curve::of(der::one(item.as_a(der::CONTEXT)?)?.as_a(der::OID)?);
        let curve = curve.or_else(|| more.iter().find_map(named))?;
        Self::ec(curve, private.as_a(der::OCTETS)?)
    }

    /// From the private number.
    pub(crate) fn ec(curve: Curve, private: &[u8]) -> Option<Self> {
        let zeros = private.iter().take_while(|byte| **byte == 0).count();
        let digits = &private[zeros..];
        let mut padded = vec![0; curve.size().checked_sub(digits.len())?];
        padded.extend_from_slice(digits);
        let public = curve.public(&padded)?;
        Some(Self::Ec(curve, padded, public))
    }

    /// PKCS#8, as Go writes it.
    pub(crate) fn to_pkcs8(&self) -> Option<Vec<u8>> {
        let zero = der::number(0);
        Some(match self {
            Self::Rsa(key) => {
                let algorithm = der::sequence(&[&der::oid(oid::RSA), der::NULL]);
                let key = key.to_pkcs1_der().ok()?;
                der::sequence(&[&zero, &algorithm, &der::element(der::OCTETS, key.as_bytes())])
            }
            Self::Ec(curve, private, public) => {
                let algorithm = der::sequence(&[&der::oid(oid::EC), &der::oid(curve.oid())]);
                let key = sec1(private, public, None);
                der::sequence(&[&zero, &algorithm, &der::element(der::OCTETS, &key)])
            }
            Self::Ed25519(seed) => {
                let algorithm = der::sequence(&[&der::oid(oid::ED25519)]);
                let key = der::element(der::OCTETS, &der::element(der::OCTETS, seed));
                der::sequence(&[&zero, &algorithm, &key])
            }
        })
    }

    /// PEM in the format that sprig chooses for the kind of key.
    pub(crate) fn to_pem(&self) -> Option<Vec<u8>> {
        Some(match self {
            Self::Rsa(key) => pem::encode("RSA PRIVATE KEY", key.to_pkcs1_der().ok()?.as_bytes()),
            Self::Ec(curve, private, public) => {
                pem::encode("EC PRIVATE KEY", &sec1(private, public, Some(*curve)))
            }
            Self::Ed25519(_) => pem::encode("PRIVATE KEY", &self.to_pkcs8()?),
        })
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn public(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => Some(key.to_public_key().to_public_key_der().ok()?.into_vec()),
            Self::Ec(curve, _, public) => Some(ec_public(*curve, public)),
            Self::Ed25519(seed) => {
                let key = ed25519_dalek::SigningKey::from_bytes(seed);
                Some(ed25519_public(key.verifying_key().as_bytes()))
            }
        }
    }

    /// The algorithm identifier of its signatures.
    pub(crate) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Self::Rsa(_) => der::sequence(&[&der::oid(oid::SHA256_WITH_RSA), der::NULL]),
            Self::Ec(curve, ..) => der::sequence(&[&der::oid(curve.signature_oid())]),
            Self::Ed25519(_) => der::sequence(&[&der::oid(oid::ED25519)]),
        }
    }

    /// Signs what a certificate says.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let signer = SigningKey::<Sha256>::new(rsa::PrivateKey::clone(key));
                Some(signer.try_sign(message).ok()?.to_vec())
            }
            Self::Ec(curve, private, _) => curve.sign(private, message),
            Self::Ed25519(seed) => {
                Some(ed25519_dalek::SigningKey::from_bytes(seed).sign(message).to_bytes().to_vec())
            }
        }
    }
}

/// The curve is named where nothing around it names it.
fn sec1(private: &[u8], public: &[u8], curve: Option<Curve>) -> Vec<u8> {
    let named = curve.map(|curve| der::element(der::CONTEXT, &der::oid(curve.oid()))).unwrap_or_default();
    let public = der::element(der::CONTEXT + 1, &der::bits(public));
    der::sequence(&[&der::number(1), &der::element(der::OCTETS, private), &named, &public])
}

/// SubjectPublicKeyInfo of a point.
pub(crate) fn ec_public(curve: Curve, point: &[u8]) -> Vec<u8> {
    let algorithm = der::sequence(&[&der::oid(oid::EC), &der::oid(curve.oid())]);
    der::sequence(&[&algorithm, &der::bits(point)])
}

/// SubjectPublicKeyInfo of an Ed25519 key.
pub(crate) fn ed25519_public(key: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::sequence(&[&der::oid(oid::ED25519)]), &der::bits(key)])
}
