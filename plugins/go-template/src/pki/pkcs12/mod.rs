//! PKCS#12 (RFC 7292), as go-pkcs12 reads and writes it: DER, one or two safes, a password that fits into
//! UCS-2. Written is its "modern" form (AES-256, SHA-256); read are that and the old ones (RC2, 3DES).

mod cipher;
mod decode;
mod encode;
mod mac;

pub(crate) use decode::decode;
pub(crate) use encode::{encode, encode_trust_store};

use crate::text::chars;

/// A password as UCS-2 with a zero at its end.
fn password(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = ucs2(text)?;
    out.extend_from_slice(&[0, 0]);
    Ok(out)
}

/// Big-endian, two bytes a character.
fn ucs2(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let units: Option<Vec<[u8; 2]>> =
        chars(text).map(|(_, c, _)| u16::try_from(u32::from(c)).ok().map(u16::to_be_bytes)).collect();
    units.map(|units| units.concat()).ok_or("pkcs12: a character of the text cannot be encoded in UCS-2")
}

/// The password as newer algorithms want it, from UCS-2.
fn utf8(password: &[u8]) -> Vec<u8> {
    let units: Vec<u16> = password.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
    let units = units.strip_suffix(&[0]).unwrap_or(&units);
    String::from_utf16_lossy(units).into_bytes()
}
