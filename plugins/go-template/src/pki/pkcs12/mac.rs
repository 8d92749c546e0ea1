//! The checksum of a file and the derivation of keys from passwords: PKCS#12's own (RFC 7292, appendix B),
//! PBKDF2 and PBMAC1 (RFC 9579).

use hmac::digest::block_api::EagerHash;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::super::der::{self, Element};
use super::super::oid;
use super::utf8;

/// What a derived key is for: RFC 7292's `ID`.
pub(super) const KEY: u8 = 1;
pub(super) const IV: u8 = 2;
const MAC: u8 = 3;

/// A file names the rounds itself: more than this would be for burning time (a million takes a second).
const MAX_ROUNDS: u32 = 1_000_000;

/// Rounds that may be counted.
pub(super) fn rounds(item: &Element<'_>) -> Option<u32> {
    item.number().filter(|rounds| (1..=MAX_ROUNDS).contains(rounds))
}

/// PKCS#12's own derivation; `block` is the digest's block size.
pub(super) fn derive<D: Digest>(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    purpose: u8,
    block: usize,
    size: usize,
) -> Vec<u8> {
    let fill = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().next_multiple_of(block);
        bytes.iter().copied().cycle().take(length).collect()
    };
    let mut input = [fill(salt), fill(password)].concat();
    let diversifier = vec![purpose; block];
    let mut out = Vec::new();
    while out.len() < size {
        let mut digest = D::new().chain_update(&diversifier).chain_update(&input).finalize();
        for _ in 1..rounds {
            digest = D::digest(&digest);
        }
        out.extend_from_slice(&digest);
        // Each block of the input plus the digest plus one.
        let addend: Vec<u8> = digest.iter().copied().cycle().take(block).collect();
        for chunk in input.chunks_mut(block) {
            let mut carry = 1u16;
            for (byte, add) in chunk.iter_mut().zip(&addend).rev() {
                let sum = u16::from(*byte) + u16::from(*add) + carry;
                *byte = sum.to_be_bytes()[1];
                carry = sum >> 8;
            }
        }
    }
    out.truncate(size);
    out
}

/// The algorithm identifier's PBKDF2 key of that size; none where it is something else.
pub(super) fn pbkdf2(algorithm: &Element<'_>, password: &[u8], size: Option<usize>) -> Option<Vec<u8>> {
    let items = algorithm.items(der::SEQUENCE)?;
    let [id, parameters] = items.as_slice() else { return None };
    if id.as_a(der::OID)? != oid::PBKDF2 {
        return None;
    }
    let parameters = parameters.items(der::SEQUENCE)?;
    let (salt, count) = (parameters.first()?.as_a(der::OCTETS)?, rounds(parameters.get(1)?)?);
    let named = parameters.iter().skip(2).find_map(|item| usize::try_from(item.number()?).ok());
    let size = size.or(named).filter(|size| (1..=64).contains(size))?;
    let function = parameters.iter().skip(2).find_map(|item| item.items(der::SEQUENCE));
    let mut key = vec![0; size];
    match function.as_ref().map_or(Some(oid::HMAC_SHA1), |items| items.first()?.as_a(der::OID))? {
        oid::HMAC_SHA1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, count, &mut key),
        oid::HMAC_SHA256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, count, &mut key),
        oid::HMAC_SHA512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, count, &mut key),
        _ => return None,
    }
    Some(key)
}

/// Is `mac` (MacData) that of the message under this password? None where the algorithm is not known.
pub(super) fn holds(mac: &Element<'_>, message: &[u8], password: &[u8]) -> Option<bool> {
    let items = mac.items(der::SEQUENCE)?;
    let digest_info = items.first()?.items(der::SEQUENCE)?;
    let (algorithm, expected) = (digest_info.first()?, digest_info.get(1)?.as_a(der::OCTETS)?);
    let algorithm = algorithm.items(der::SEQUENCE)?;
    let id = algorithm.first()?.as_a(der::OID)?;
    if id == oid::PBMAC1 {
        let parameters = algorithm.get(1)?.items(der::SEQUENCE)?;
        let key = pbkdf2(parameters.first()?, &utf8(password), None)?;
        let function = parameters.get(1)?.items(der::SEQUENCE)?;
        return match function.first()?.as_a(der::OID)? {
            oid::HMAC_SHA1 => verify::<Sha1>(&key, message, expected),
            oid::HMAC_SHA256 => verify::<Sha256>(&key, message, expected),
            oid::HMAC_SHA512 => verify::<Sha512>(&key, message, expected),
            _ => None,
        };
    }
    let salt = items.get(1)?.as_a(der::OCTETS)?;
    let count = items.get(2).map_or(Some(1), rounds)?;
    match id {
        oid::SHA1 => verify::<Sha1>(&derive::<Sha1>(password, salt, count, MAC, 64, 20), message, expected),
        oid::SHA256 => {
            verify::<Sha256>(&derive::<Sha256>(password, salt, count, MAC, 64, 32), message, expected)
        }
        oid::SHA512 => {
            verify::<Sha512>(&derive::<Sha512>(password, salt, count, MAC, 128, 64), message, expected)
        }
        _ => None,
    }
}

fn verify<D: EagerHash>(key: &[u8], message: &[u8], expected: &[u8]) -> Option<bool>
where
    Hmac<D>: hmac::Mac + hmac::KeyInit,
{
    let mac = <Hmac<D> as hmac::KeyInit>::new_from_slice(key).ok()?;
    Some(mac.chain_update(message).verify_slice(expected).is_ok())
}

/// MacData of a message, by SHA-256.
pub(super) fn make(message: &[u8], password: &[u8], salt: &[u8], count: u32) -> Option<Vec<u8>> {
    let key = derive::<Sha256>(password, salt, count, MAC, 64, 32);
    let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?.chain_update(message).finalize().into_bytes();
    let algorithm = der::sequence(&[&der::oid(oid::SHA256), der::NULL]);
    let info = der::sequence(&[&algorithm, &der::element(der::OCTETS, &mac)]);
    Some(der::sequence(&[&info, &der::element(der::OCTETS, salt), &der::number(count)]))
}
