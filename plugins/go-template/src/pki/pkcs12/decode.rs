//! Reading a file: one private key, one certificate, and those that may follow it.

use super::super::cert::Certificate;
use super::super::der::{self, Element};
use super::super::key::Key;
use super::super::oid;
use super::{cipher, mac};

/// What a file holds.
pub(crate) struct Contents {
    pub(crate) key: Key,
    /// In the order of the file; the first is taken for the key's.
    pub(crate) certificates: Vec<Certificate>,
}

/// Decodes a file.
///
/// # Errors
/// Why not, without a word of what it holds.
pub(crate) fn decode(file: &[u8], password: &[u8]) -> Result<Contents, &'static str> {
    const MALFORMED: &str = "pkcs12: the data is no PKCS#12 file, or one of a form that is not supported";
    let mut password = super::password(password)?;
    let items = der::in_sequence(file).ok_or(MALFORMED)?;
    let (version, safe) = (items.first().and_then(Element::number), items.get(1).ok_or(MALFORMED)?);
    if version != Some(3) {
        return Err(MALFORMED);
    }
    let content = content(safe, oid::DATA).and_then(|inner| inner.as_a(der::OCTETS)).ok_or(MALFORMED)?;
    let empty = password == [0, 0];
    match items.get(2) {
        None if empty => {}
        None => return Err("pkcs12: no MAC in the data"),
        Some(data) => {
            let mut right = mac::holds(data, content, &password).ok_or(MALFORMED)?;
            // Some take no bytes at all for the empty password.
            if !right && empty {
                password.clear();
                right = mac::holds(data, content, &password).ok_or(MALFORMED)?;
            }
            if !right {
                return Err("pkcs12: decryption password incorrect");
            }
        }
    }
    let safes = der::in_sequence(content).filter(|safes| matches!(safes.len(), 1 | 2)).ok_or(MALFORMED)?;
    let (mut key, mut certificates) = (None, Vec::new());
    for safe in &safes {
        let data = opened(safe, &password).ok_or("pkcs12: a part of the file cannot be decrypted")?;
        for bag in der::in_sequence(&data).ok_or(MALFORMED)? {
            let bag = bag.items(der::SEQUENCE).ok_or(MALFORMED)?;
            let [id, value, ..] = bag.as_slice() else { return Err(MALFORMED) };
            let value = value.as_a(der::CONTEXT).ok_or(MALFORMED)?;
            let found = match id.as_a(der::OID).ok_or(MALFORMED)? {
                oid::CERT_BAG => {
                    certificates.push(certificate(value).ok_or("pkcs12: a certificate cannot be read")?);
                    continue;
                }
                oid::KEY_BAG => Key::pkcs8(value),
                oid::SHROUDED_KEY_BAG => shrouded(value, &password),
                _ => continue,
            };
            if key.is_some() {
                return Err("pkcs12: expected exactly one key bag");
            }
            key = Some(found.ok_or("pkcs12: the private key cannot be read")?);
        }
    }
    if certificates.is_empty() {
        return Err("pkcs12: certificate missing");
    }
    Ok(Contents { key: key.ok_or("pkcs12: private key missing")?, certificates })
}

/// What stands in a ContentInfo of that type.
fn content<'a>(info: &Element<'a>, kind: &[u8]) -> Option<Element<'a>> {
    let items = info.items(der::SEQUENCE)?;
    let [id, content] = items.as_slice() else { return None };
    if id.as_a(der::OID)? != kind {
        return None;
    }
    der::one(content.as_a(der::CONTEXT)?)
}

fn opened(safe: &Element<'_>, password: &[u8]) -> Option<Vec<u8>> {
    if let Some(plain) = content(safe, oid::DATA) {
        return plain.as_a(der::OCTETS).map(<[u8]>::to_vec);
    }
    let encrypted = content(safe, oid::ENCRYPTED_DATA)?.items(der::SEQUENCE)?;
    let [version, info, ..] = encrypted.as_slice() else { return None };
    let info = info.items(der::SEQUENCE)?;
    let [_, algorithm, data] = info.as_slice() else { return None };
    if version.number()? != 0 {
        return None;
    }
    cipher::decrypt(algorithm, data.as_a(der::CONTEXT_PRIMITIVE)?, password)
}

fn certificate(bag: &[u8]) -> Option<Certificate> {
    let items = der::in_sequence(bag)?;
    let [id, value] = items.as_slice() else { return None };
    if id.as_a(der::OID)? != oid::X509_CERTIFICATE {
        return None;
    }
    Certificate::parse(der::one(value.as_a(der::CONTEXT)?)?.as_a(der::OCTETS)?)
}

fn shrouded(bag: &[u8], password: &[u8]) -> Option<Key> {
    let items = der::in_sequence(bag)?;
    let [algorithm, data] = items.as_slice() else { return None };
    Key::pkcs8(&cipher::decrypt(algorithm, data.as_a(der::OCTETS)?, password)?)
}
