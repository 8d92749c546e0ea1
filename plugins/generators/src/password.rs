//! Password. Fields, defaults and what is refused are ESO's, which uses the Go library go-password: so many letters, digits
//! and symbols, each drawn evenly, in random order.
//!
//! Otherwise than there, symbols are characters and not bytes, and what can never be drawn without repeating is refused
//! instead of tried for ever.

use std::collections::BTreeSet;

use claviger_plugin_sdk::random::Random;
use claviger_plugin_sdk::{Error, invalid_config};
use data_encoding::{BASE32, BASE64, BASE64URL, HEXLOWER};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kinds::Values;

const LENGTH: usize = 24;
/// What a Secret holds at most, in all.
const LONGEST: usize = 1 << 20;
const KEY: &str = "password";

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";
const SYMBOLS: &str = "~!@#$%^&*()_+`-={}|[]\\:\"<>?,./";

/// ESO's fields.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    length: Option<i64>,
    digits: Option<i64>,
    symbols: Option<i64>,
    symbol_characters: Option<String>,
    no_upper: Option<bool>,
    allow_repeat: Option<bool>,
    secret_keys: Option<Vec<String>>,
    encoding: Option<Encoding>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Raw,
    Base64,
    Base64Url,
    Base32,
    Hex,
}

impl Encoding {
    fn encode(self, text: String) -> Vec<u8> {
        let bytes = text.into_bytes();
        match self {
            Self::Raw => bytes,
            Self::Base64 => BASE64.encode(&bytes).into_bytes(),
            Self::Base64Url => BASE64URL.encode(&bytes).into_bytes(),
            Self::Base32 => BASE32.encode(&bytes).into_bytes(),
            Self::Hex => HEXLOWER.encode(&bytes).into_bytes(),
        }
    }
}

pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "length": {"type": "integer"},
            "digits": {"type": "integer"},
            "symbols": {"type": "integer"},
            "symbolCharacters": {"type": "string"},
            "noUpper": {"type": "boolean"},
            "allowRepeat": {"type": "boolean"},
            "secretKeys": {"type": "array", "items": {"type": "string"}},
            "encoding": {"enum": ["base64", "base64url", "base32", "hex", "raw"]},
        },
    })
}

/// How a password is made.
struct Recipe {
    letters: usize,
    digits: usize,
    symbols: usize,
    alphabet: Vec<char>,
    signs: Vec<char>,
    repeats: bool,
}

impl Recipe {
    fn of(spec: &Spec) -> Result<Self, Error> {
        // As ESO: what is no length is the default.
        let length = spec.length.filter(|length| *length > 0);
        let length = length.map_or(Ok(LENGTH), |length| {
            let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST);
            length.ok_or_else(|| {
                invalid_config("/length", format!("it is above {LONGEST}, what a Secret can hold"))
            })
        })?;
        let count = |given: Option<i64>, at: &str| match given {
            // ESO rounds down.
            None => Ok(length / 4),
            Some(given) => usize::try_from(given).map_err(|_| invalid_config(at, "it cannot be negative")),
        };
        let (digits, symbols) = (count(spec.digits, "/digits")?, count(spec.symbols, "/symbols")?);
        let Some(letters) = length.checked_sub(digits.saturating_add(symbols)) else {
            let why = format!(
                "{length} characters are fewer than {digits} digits and {symbols} symbols: raise it, or lower digits or symbols"
            );
            return Err(invalid_config("/length", why));
        };
        let signs = spec.symbol_characters.as_deref().filter(|signs| !signs.is_empty()).unwrap_or(SYMBOLS);
        let upper = if spec.no_upper.unwrap_or_default() { "" } else { UPPER };
        Ok(Self {
            letters,
            digits,
            symbols,
            alphabet: LOWER.chars().chain(upper.chars()).collect(),
            signs: signs.chars().collect(),
            repeats: spec.allow_repeat.unwrap_or_default(),
        })
    }

    fn make(&self, random: &mut Random) -> Result<String, Error> {
        let digits: Vec<char> = DIGITS.chars().collect();
        let mut password = Vec::new();
        for (what, at, pool, count) in [
            ("letters", "/length", &self.alphabet, self.letters),
            ("digits", "/digits", &digits, self.digits),
            ("symbols", "/symbols", &self.signs, self.symbols),
        ] {
            if self.repeats {
                password.extend((0..count).map(|_| pool[random.below(pool.len())]));
                continue;
            }
            let unused = pool.iter().filter(|char| !password.contains(*char)).copied();
            let mut left: Vec<char> = unused.collect::<BTreeSet<_>>().into_iter().collect();
            if count > left.len() {
                let why = format!(
                    "{count} {what} are more than the {} that there are to choose from: set allowRepeat, or ask for fewer",
                    left.len()
                );
                return Err(invalid_config(at, why));
            }
            password.extend((0..count).map(|_| left.swap_remove(random.below(left.len()))));
        }
        for last in (1..password.len()).rev() {
            password.swap(last, random.below(last + 1));
        }
        Ok(password.into_iter().collect())
    }
}

/// A password for each key.
///
/// # Errors
/// A field that cannot be meant.
pub fn generate(spec: &Spec, random: &mut Random) -> Result<Values, Error> {
    let keys = spec.secret_keys.clone().filter(|keys| !keys.is_empty());
    let keys = keys.unwrap_or_else(|| vec![KEY.to_owned()]);
    let unique: BTreeSet<&String> = keys.iter().collect();
    if unique.len() < keys.len() || keys.iter().any(String::is_empty) {
        return Err(invalid_config("/secretKeys", "keys must be unique, and none may be empty"));
    }
    let recipe = Recipe::of(spec)?;
    if (recipe.letters + recipe.digits + recipe.symbols).saturating_mul(keys.len()) > LONGEST {
        return Err(invalid_config("/secretKeys", format!("all in all they are above {LONGEST} characters")));
    }
    let encoding = spec.encoding.unwrap_or_default();
    keys.into_iter().map(|key| Ok((key, encoding.encode(recipe.make(random)?)))).collect()
}

#[cfg(test)]
#[path = "password_tests.rs"]
mod tests;
