//! Writing a file, in the form that go-pkcs12 calls modern: AES-256-CBC under PBKDF2 with SHA-256, a MAC by
//! SHA-256, 2048 rounds each, salts of 16 bytes from the host's seed.

use sha1::{Digest as _, Sha1};

use super::super::cert::Certificate;
use super::super::key::Key;
use super::super::{der, oid};
use super::{cipher, mac, ucs2};
use claviger_plugin_sdk::random::Random;

const ROUNDS: u32 = 2048;

/// A key with its certificate and those that follow it.
pub(crate) fn encode(
    key: &Key,
    certificate: &Certificate,
    more: &[Certificate],
    password: &[u8],
    random: &mut Random,
) -> Result<Vec<u8>, &'static str> {
    let password = super::password(password)?;
    let fingerprint = der::element(der::OCTETS, &Sha1::digest(&certificate.raw));
    let local_id = attribute(oid::LOCAL_KEY_ID, &fingerprint);
    let mut bags = cert_bag(certificate, &[&local_id]);
    for certificate in more {
        bags.extend(cert_bag(certificate, &[]));
    }
    let plain = key.to_pkcs8().ok_or("pkcs12: the private key cannot be encoded")?;
    let (algorithm, encrypted) = shroud(&plain, &password, random);
    let shrouded = der::sequence(&[&algorithm, &der::element(der::OCTETS, &encrypted)]);
    let key_bag = bag(oid::SHROUDED_KEY_BAG, &shrouded, &[&local_id]);
    let safes = [encrypted_safe(&bags, &password, random), plain_content(&der::sequence(&[&key_bag]))];
    file(&safes.concat(), &password, random)
}

/// Certificates that Java shall trust, under their subjects' names.
pub(crate) fn encode_trust_store(
    certificates: &[Certificate],
    password: &[u8],
    random: &mut Random,
) -> Result<Vec<u8>, &'static str> {
    let password = super::password(password)?;
    let trusted = attribute(oid::JAVA_TRUST, &der::oid(oid::ANY_EXT_KEY_USAGE));
    let mut bags = Vec::new();
    for certificate in certificates {
        let name = der::element(der::BMP, &ucs2(certificate.subject_text.as_bytes())?);
        bags.extend(cert_bag(certificate, &[&trusted, &attribute(oid::FRIENDLY_NAME, &name)]));
    }
    let safe = encrypted_safe(&bags, &password, random);
    file(&safe, &password, random)
}

fn file(safes: &[u8], password: &[u8], random: &mut Random) -> Result<Vec<u8>, &'static str> {
    let safes = der::element(der::SEQUENCE, safes);
    let mac =
        mac::make(&safes, password, &random.bytes::<16>(), ROUNDS).ok_or("pkcs12: no MAC can be made")?;
    Ok(der::sequence(&[&der::number(3), &plain_content(&safes), &mac]))
}

/// ContentInfo of plain data.
fn plain_content(data: &[u8]) -> Vec<u8> {
    let content = der::element(der::CONTEXT, &der::element(der::OCTETS, data));
    der::sequence(&[&der::oid(oid::DATA), &content])
}

/// ContentInfo of encrypted bags.
fn encrypted_safe(bags: &[u8], password: &[u8], random: &mut Random) -> Vec<u8> {
    let (algorithm, encrypted) = shroud(&der::element(der::SEQUENCE, bags), password, random);
    let encrypted = der::element(der::CONTEXT_PRIMITIVE, &encrypted);
    let info = der::sequence(&[&der::oid(oid::DATA), &algorithm, &encrypted]);
    let data = der::sequence(&[&der::number(0), &info]);
    der::sequence(&[&der::oid(oid::ENCRYPTED_DATA), &der::element(der::CONTEXT, &data)])
}

fn shroud(data: &[u8], password: &[u8], random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let (salt, iv) = (random.bytes::<16>(), random.bytes::<16>());
    cipher::encrypt(data, password, &salt, &iv, ROUNDS)
}

fn cert_bag(certificate: &Certificate, attributes: &[&[u8]]) -> Vec<u8> {
    let raw = der::element(der::CONTEXT, &der::element(der::OCTETS, &certificate.raw));
    bag(oid::CERT_BAG, &der::sequence(&[&der::oid(oid::X509_CERTIFICATE), &raw]), attributes)
}

fn bag(id: &[u8], value: &[u8], attributes: &[&[u8]]) -> Vec<u8> {
    let value = der::element(der::CONTEXT, value);
    // DER wants the elements of a set in order.
    let mut attributes = attributes.to_vec();
    attributes.sort_unstable();
    let attributes = match attributes.as_slice() {
        [] => Vec::new(),
        some => der::element(der::SET, &some.concat()),
    };
    der::sequence(&[&der::oid(id), &value, &attributes])
}

fn attribute(id: &[u8], value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(id), &der::element(der::SET, value)])
}
