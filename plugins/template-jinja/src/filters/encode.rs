//! Encodings and hashes, on the bytes of a value. Decoding gives text where the bytes are text, and bytes
//! that can be encoded and hashed again where they are not.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State, Value};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};

use crate::data::{Spoiled, bytes};
use crate::failure::refuse;
use crate::limits::pay;

/// Padding is written, and read or not.
const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);

pub(super) fn add(environment: &mut Environment<'_>, spoiled: &Spoiled) {
    environment.add_filter("b64encode", |state: &State<'_, '_>, value: &Value| {
        encode(state, "b64encode", &PLAIN, &bytes(state, value)?)
    });
    environment.add_filter("b64urlencode", |state: &State<'_, '_>, value: &Value, options: Kwargs| {
        let padding = options.get::<Option<bool>>("padding")?.unwrap_or(true);
        options.assert_all_used()?;
        let mut text = encode(state, "b64urlencode", &URL, &bytes(state, value)?)?;
        if !padding {
            text.truncate(text.trim_end_matches('=').len());
        }
        Ok(text)
    });
    let decoder = |name: &'static str, engine: &'static GeneralPurpose| {
        let spoiled = spoiled.clone();
        move |state: &State<'_, '_>, value: &Value| -> Result<Value, Error> {
            // PEM and the tools of many systems break their lines.
            let text: Vec<u8> =
                bytes(state, value)?.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let decoded =
                engine.decode(text).map_err(|_| refuse(format!("{name}: the value is not base64")))?;
            Ok(spoiled.value(decoded))
        }
    };
    environment.add_filter("b64decode", decoder("b64decode", &PLAIN));
    environment.add_filter("b64urldecode", decoder("b64urldecode", &URL));
    environment.add_filter("hexencode", |state: &State<'_, '_>, value: &Value| {
        let bytes = bytes(state, value)?;
        pay(state, "hexencode", bytes.len() * 2)?;
        Ok::<_, Error>(hex(&bytes))
    });
    let spoiled = spoiled.clone();
    environment.add_filter("hexdecode", move |state: &State<'_, '_>, value: &Value| {
        let decoded =
            unhex(&bytes(state, value)?).ok_or_else(|| refuse("hexdecode: the value is not hexadecimal"))?;
        Ok::<_, Error>(spoiled.value(decoded))
    });
    environment.add_filter("sha1", hash::<Sha1>);
    environment.add_filter("sha256", hash::<Sha256>);
    environment.add_filter("sha512", hash::<Sha512>);
}

fn encode(state: &State<'_, '_>, name: &str, engine: &GeneralPurpose, bytes: &[u8]) -> Result<String, Error> {
    pay(state, name, bytes.len().div_ceil(3) * 4)?;
    Ok(engine.encode(bytes))
}

fn hash<D: Digest>(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let bytes = bytes(state, value)?;
    // The work, not the result.
    state.consume_fuel((bytes.len() / 64) as u64)?;
    Ok(hex(&D::digest(&bytes)))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.trim_ascii().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
