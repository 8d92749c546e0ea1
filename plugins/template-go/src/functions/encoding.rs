//! Encodings and digests.

use base64::Engine;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use gotmpl::Value;
use sha2::Digest;

use super::{Table, arg, failed, list, string, text};

pub(super) fn add(table: &mut Table) {
    table.text("b64enc", |s| STANDARD.encode(s));
    table.text("sha1sum", |s| hex(&sha1::Sha1::digest(s)));
    table.text("sha256sum", |s| hex(&sha2::Sha256::digest(s)));
    table.text("sha512sum", |s| hex(&sha2::Sha512::digest(s)));
    table.add("b64dec", |args| {
        let encoded = string(arg(args, 0, "b64dec")?);
        // Sprig gives the error's text as the result.
        if let Some(offset) = corrupt(encoded.as_bytes()) {
            return Ok(text(format!("illegal base64 data at input byte {offset}")));
        }
        let clean: String = encoded.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        let decoded = LENIENT.decode(clean).map_err(|_| failed("b64dec: not base64"))?;
        String::from_utf8(decoded).map(text).map_err(|_| failed("b64dec: the result is not UTF-8 text"))
    });
    for name in ["toJson", "mustToJson", "toRawJson", "mustToRawJson"] {
        table.add(name, |args| Ok(text(json(arg(args, 0, "toJson")?).to_string())));
    }
    for name in ["toPrettyJson", "mustToPrettyJson"] {
        table.add(name, |args| {
            let pretty = serde_json::to_string_pretty(&json(arg(args, 0, "toPrettyJson")?));
            pretty.map(text).map_err(|_| failed("toPrettyJson: not possible"))
        });
    }
    for name in ["fromJson", "mustFromJson"] {
        table.add(name, |args| {
            let parsed = serde_json::from_str(&string(arg(args, 0, "fromJson")?));
            parsed.map(value).map_err(|_| failed("fromJson: not JSON"))
        });
    }
}

/// Go ignores what the last character has too many of bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD_ALPHABET,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Where Go's decoder gives up: at the character that cannot be there, or at the beginning of four that
/// are not complete. Line breaks are skipped and counted.
fn corrupt(encoded: &[u8]) -> Option<usize> {
    let (mut quantum, mut start, mut padding) = (0, 0, 0);
    for (index, byte) in encoded.iter().enumerate() {
        match byte {
            b'\n' | b'\r' => continue,
            b'=' if quantum >= 2 && quantum + padding < 4 => padding += 1,
            // One of two padding characters, and then something else.
            _ if quantum == 2 && padding == 1 => return Some(index - 1),
            byte if padding == 0 && (byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) => {
                if quantum == 0 {
                    start = index;
                }
                quantum = (quantum + 1) % 4;
            }
            _ => return Some(index),
        }
    }
    match (quantum, padding) {
        (0, 0) => None,
        (quantum, padding) if quantum + padding == 4 => None,
        (_, 0) => Some(start),
        _ => Some(encoded.len()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn json(from: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match from {
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(n) => (*n).into(),
        Value::Uint(n) => (*n).into(),
        // Go writes whole numbers without a fraction, up to 1e21; here up to what an i64 holds.
        #[expect(clippy::cast_possible_truncation, reason = "it was compared with the range")]
        Value::Float(f) if f.fract() == 0.0 && f.abs() < 9.2e18 => (*f as i64).into(),
        Value::Float(f) => (*f).into(),
        Value::String(s) => Json::String(s.to_string()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.to_string(), json(value))).collect())
        }
        _ => Json::Null,
    }
}

/// As Go's `encoding/json` into `any`: every number is a float64.
fn value(from: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match from {
        Json::Null => Value::Nil,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(0.0)),
        Json::String(s) => text(s),
        Json::Array(items) => list(items.into_iter().map(value).collect()),
        Json::Object(entries) => Value::Map(std::sync::Arc::new(
            entries.into_iter().map(|(key, entry)| (key.into(), value(entry))).collect(),
        )),
    }
}
