//! Base64, base32, hex. Decoders that fail answer Go's error text instead of data, as sprig's do; the text
//! says at which byte, not which one.

use super::args::{bytes, string};
use super::{Function, function};
use crate::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("b64enc", "s", |_, args| string("b64enc", base64(bytes(args, 0)))),
    function("b64dec", "s", |_, args| {
        Ok(Value::str(
            unbase64(bytes(args, 0))
                .unwrap_or_else(|at| format!("illegal base64 data at input byte {at}").into_bytes()),
        ))
    }),
    function("b32enc", "s", |_, args| string("b32enc", base32(bytes(args, 0)))),
    function("b32dec", "s", |_, args| {
        Ok(Value::str(
            unbase32(bytes(args, 0))
                .unwrap_or_else(|at| format!("illegal base32 data at input byte {at}").into_bytes()),
        ))
    }),
    function("hexdec", "s", |_, args| {
        Ok(Value::str(unhex(bytes(args, 0)).unwrap_or_else(|why| why.as_bytes().to_vec())))
    }),
];

const ALPHABET64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ALPHABET32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Bits regrouped: `from` bits a digit to `to` bits a digit, zero-filled where `fill`.
fn regroup(digits: impl Iterator<Item = u8>, from: u32, to: u32, fill: bool) -> Vec<u8> {
    let (mut bits, mut count) = (0u32, 0);
    let mut out = Vec::new();
    let low = |bits: u32| u8::try_from(bits & ((1 << to) - 1)).unwrap_or(0);
    for digit in digits {
        bits = (bits << from) | u32::from(digit);
        count += from;
        while count >= to {
            count -= to;
            out.push(low(bits >> count));
        }
    }
    if fill && count > 0 {
        out.push(low(bits << (to - count)));
    }
    out
}

fn encode(bytes: &[u8], bits: u32, alphabet: &[u8], group: usize) -> Vec<u8> {
    let mut out: Vec<u8> = regroup(bytes.iter().copied(), 8, bits, true)
        .into_iter()
        .map(|digit| alphabet[usize::from(digit)])
        .collect();
    out.resize(out.len().next_multiple_of(group), b'=');
    out
}

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    encode(bytes, 6, ALPHABET64, 4)
}

fn base32(bytes: &[u8]) -> Vec<u8> {
    encode(bytes, 5, ALPHABET32, 8)
}

fn digit(alphabet: &[u8], byte: u8) -> Option<u8> {
    alphabet.iter().position(|known| *known == byte).and_then(|at| u8::try_from(at).ok())
}

fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

/// `base64.StdEncoding.DecodeString`, or where it fails.
pub(crate) fn unbase64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut digits = Vec::with_capacity(text.len());
    let mut at = 0;
    let skip_line_ends = |at: &mut usize| {
        while text.get(*at).copied().is_some_and(is_line_end) {
            *at += 1;
        }
    };
    while let Some(&byte) = text.get(at) {
        at += 1;
        if is_line_end(byte) {
            continue;
        }
        if let Some(digit) = digit(ALPHABET64, byte) {
            digits.push(digit);
            continue;
        }
        let inside = digits.len() % 4;
        if byte != b'=' || inside < 2 {
            return Err(at - 1);
        }
        if inside == 2 {
            skip_line_ends(&mut at);
            match text.get(at) {
                None => return Err(text.len()),
                Some(b'=') => at += 1,
                Some(_) => return Err(at - 1),
            }
        }
        skip_line_ends(&mut at);
        if at < text.len() {
            return Err(at);
        }
        return Ok(regroup(digits.into_iter(), 6, 8, false));
    }
    match digits.len() % 4 {
        0 => Ok(regroup(digits.into_iter(), 6, 8, false)),
        open => Err(text.len() - open),
    }
}

/// `base32.StdEncoding.DecodeString`, or where it fails.
fn unbase32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !is_line_end(*byte)).collect();
    let mut digits = Vec::with_capacity(text.len());
    for (at, &byte) in text.iter().enumerate() {
        let inside = digits.len() % 8;
        let left = text.len() - at - 1;
        if byte == b'=' && inside >= 2 && left < 8 {
            if left + inside < 7 {
                return Err(text.len());
            }
            for k in 0..7 - inside {
                if text.get(at + 1 + k).is_some_and(|byte| *byte != b'=') {
                    return Err(at + k);
                }
            }
            if inside == 3 || inside == 6 {
                return Err(at);
            }
            return Ok(regroup(digits.into_iter(), 5, 8, false));
        }
        digits.push(digit(ALPHABET32, byte).ok_or(at)?);
    }
    match digits.len() % 8 {
        0 => Ok(regroup(digits.into_iter(), 5, 8, false)),
        open => Err(text.len() - open),
    }
}

fn unhex(text: &[u8]) -> Result<Vec<u8>, &'static str> {
    let digits: Option<Vec<u8>> = text
        .iter()
        .map(|byte| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match digits {
        // Go names the byte; a part of a secret does not belong into another text.
        None => Err("encoding/hex: invalid byte"),
        Some(digits) if digits.len() % 2 == 1 => Err("encoding/hex: odd length hex string"),
        Some(digits) => Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
