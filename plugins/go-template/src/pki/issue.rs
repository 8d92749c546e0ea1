//! Certificates, made: the one shape that sprig gives them, with the extensions in the order in which Go's
//! crypto/x509 writes them.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::cert::Certificate;
use super::key::Key;
use super::{der, oid};
use crate::time::{Time, layout};
use claviger_plugin_sdk::random::Random;

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// What a certificate shall say.
pub(crate) struct Request<'a> {
    pub(crate) common_name: &'a [u8],
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) names: Vec<Vec<u8>>,
    pub(crate) days: i64,
    pub(crate) is_authority: bool,
}

/// Who signs it: a certificate's subject and key identifier.
pub(crate) struct Authority<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) key: &'a Key,
}

/// A certificate in DER; its own key signs it where there is no authority.
pub(crate) fn issue(
    request: &Request<'_>,
    key: &Key,
    authority: Option<&Authority<'_>>,
    now: &Time,
    random: &mut Random,
) -> Result<Vec<u8>, &'static str> {
    const UNUSABLE: &str = "the key cannot be used for a certificate";
    let signer = authority.map_or(key, |authority| authority.key);
    let public = key.public().ok_or(UNUSABLE)?;
    let subject = name(request.common_name);
    let issuer = authority.map_or_else(|| subject.clone(), |authority| authority.certificate.subject.clone());
    // Go's Duration wraps, its days do not: what is beyond 292 years is refused instead of shown as the past.
    let span = request.days.checked_mul(DAY).filter(|span| span.abs() <= i64::MAX / 1_000_000_000);
    let span = span.ok_or("the days of validity are too many")?;
    let end = Time::utc(now.seconds + span, 0);
    let validity = der::sequence(&[&moment(now)?, &moment(&end)?]);
    let serial: [u8; 16] = std::array::from_fn(|_| random.byte());
    let algorithm = signer.signature_algorithm();
    let extensions = extensions(request, &public, &subject, &issuer, authority)?;
    let to_be_signed = der::sequence(&[
        // v3
        &der::element(der::CONTEXT, &der::number(2)),
        &der::unsigned(&serial),
        &algorithm,
        &issuer,
        &validity,
        &subject,
        &public,
        &der::element(der::CONTEXT + 3, &extensions),
    ]);
    let signature = signer.sign(&to_be_signed).ok_or(UNUSABLE)?;
    Ok(der::sequence(&[&to_be_signed, &algorithm, &der::bits(&signature)]))
}

fn extensions(
    request: &Request<'_>,
    public: &[u8],
    subject: &[u8],
    issuer: &[u8],
    authority: Option<&Authority<'_>>,
) -> Result<Vec<u8>, &'static str> {
    // digitalSignature and keyEncipherment, for an authority keyCertSign: bits 0, 2 and 5 from the left.
    let usage: &[u8] = if request.is_authority { &[2, 0b1010_0100] } else { &[5, 0b1010_0000] };
    let extended = der::sequence(&[&der::oid(oid::SERVER_AUTH), &der::oid(oid::CLIENT_AUTH)]);
    let constraints = der::sequence(&[if request.is_authority { der::TRUE } else { &[] }]);
    let mut all = vec![
        extension(oid::KEY_USAGE, true, &der::element(der::BIT_STRING, usage)),
        extension(oid::EXT_KEY_USAGE, false, &extended),
        extension(oid::BASIC_CONSTRAINTS, true, &constraints),
    ];
    if request.is_authority {
        all.push(extension(oid::SUBJECT_KEY_ID, false, &der::element(der::OCTETS, &key_id(public)?)));
    }
    // One of the same name is its own authority, as Go sees it.
    let by = authority.filter(|_| issuer != subject);
    if let Some(id) = by.and_then(|by| by.certificate.subject_key_id.as_ref()).filter(|id| !id.is_empty()) {
        let id = der::sequence(&[&der::element(der::CONTEXT_PRIMITIVE, id)]);
        all.push(extension(oid::AUTHORITY_KEY_ID, false, &id));
    }
    if !request.names.is_empty() || !request.addresses.is_empty() {
        let mut names = Vec::new();
        for name in &request.names {
            if !name.is_ascii() {
                return Err("an alternate DNS name is not ASCII");
            }
            names.extend(der::element(der::CONTEXT_PRIMITIVE + 2, name));
        }
        for address in &request.addresses {
            let bytes = match address.to_canonical() {
                IpAddr::V4(four) => four.octets().to_vec(),
                IpAddr::V6(six) => six.octets().to_vec(),
            };
            names.extend(der::element(der::CONTEXT_PRIMITIVE + 7, &bytes));
        }
        let unnamed = request.common_name.is_empty();
        all.push(extension(oid::SUBJECT_ALT_NAME, unnamed, &der::element(der::SEQUENCE, &names)));
    }
    Ok(der::element(der::SEQUENCE, &all.concat()))
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::TRUE } else { &[] };
    der::sequence(&[&der::oid(id), critical, &der::element(der::OCTETS, value)])
}

/// The leftmost 160 bits of the SHA-256 of the key's bits (RFC 7093, as Go since 1.25).
fn key_id(public: &[u8]) -> Result<Vec<u8>, &'static str> {
    let bits = der::in_sequence(public).and_then(|items| items.get(1)?.as_a(der::BIT_STRING));
    let bits = bits.and_then(|bits| bits.get(1..)).ok_or("the public key cannot be read")?;
    Ok(Sha256::digest(bits)[..20].to_vec())
}

/// A name that is a common name, or nothing.
fn name(common_name: &[u8]) -> Vec<u8> {
    if common_name.is_empty() {
        return der::sequence(&[]);
    }
    let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte);
    let tag = if common_name.iter().all(printable) { der::PRINTABLE } else { der::UTF8 };
    let attribute = der::sequence(&[&der::oid(oid::COMMON_NAME), &der::element(tag, common_name)]);
    der::sequence(&[&der::element(der::SET, &attribute)])
}

/// UTCTime until 2049, as RFC 5280 wants it.
fn moment(time: &Time) -> Result<Vec<u8>, &'static str> {
    match time.civil().year {
        1950..2050 => {
            let text = layout::format("060102150405", time) + "Z";
            Ok(der::element(der::UTC_TIME, text.as_bytes()))
        }
        0..10_000 => {
            let text = layout::format("20060102150405", time) + "Z";
            Ok(der::element(der::GENERALIZED_TIME, text.as_bytes()))
        }
        _ => Err("the years of validity have no form in a certificate"),
    }
}
