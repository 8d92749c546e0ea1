//! Which texts of a backend's answers open something: tokens of logins, and what a plugin sent back as a credential.
//! Pure. What a login brings and nobody can tell from a name is taken for one too: a stand-in for a name costs nothing.

use std::collections::HashSet;
use std::sync::LazyLock;

use claviger_core::secret::SecretBytes;
use regex::Regex;

use super::exchange::{Answered, Asked, Exchange, is_credential};
use super::needles::{Needles, forms, leaves};
use crate::proxy::Kind;

/// Shorter ones are flags and names of kinds; tokens are longer.
const SHORTEST: usize = 8;
/// What of a login's answer is taken for a token although nobody sent it back (a key to sign with, a refresh token).
const TOKEN: usize = 16;
/// An answer that is one word may be a token as a whole.
const WORD: usize = 16 * 1024;

static XML: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r">\s*([^<>]{8,}?)\s*<").ok());
/// As RFC 3339 has it: when a login ends is what a plugin reads.
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d").ok());

/// The tokens in the answers of a case, in the order in which they came.
pub(super) fn tokens(exchanges: &[Exchange], needles: &Needles) -> Vec<SecretBytes> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (index, Exchange { asked, answered }) in exchanges.iter().enumerate() {
        let Some(answered) = answered else { continue };
        let later = || exchanges[index + 1..].iter().map(|exchange| &exchange.asked);
        for text in texts(answered) {
            let known = needles.at_start(text.expose()).is_some_and(|(_, length)| length == text.len());
            if text.len() < SHORTEST || known || seen.contains(text.expose()) {
                continue;
            }
            let token = match asked.kind {
                Kind::Login => {
                    looks_like_one(text.expose()) || later().any(|asked| sends(asked, &text, false))
                }
                Kind::Data | Kind::Other => later().any(|asked| sends(asked, &text, true)),
            };
            if token {
                seen.insert(text.expose().to_vec());
                found.push(text);
            }
        }
    }
    found
}

/// What stands by itself in an answer: texts of JSON and XML, cookies, or all of it.
fn texts(answered: &Answered) -> Vec<SecretBytes> {
    let body = SecretBytes::copied_from(&answered.body);
    let mut texts: Vec<SecretBytes> = leaves(&body).into_iter().map(|(_, text)| text).collect();
    if let (true, Some(xml), Ok(text)) = (texts.is_empty(), XML.as_ref(), std::str::from_utf8(&answered.body))
    {
        texts.extend(xml.captures_iter(text).filter_map(|found| Some(copied(found.get(1)?.as_str()))));
        let word = text.trim();
        if texts.is_empty() && word.len() <= WORD && !word.contains(char::is_whitespace) {
            texts.push(copied(word.trim_matches('"')));
        }
    }
    for (name, value) in &answered.headers {
        if let (true, Ok(value)) = (is_credential(name), std::str::from_utf8(value)) {
            let value = value.split(';').next().unwrap_or_default();
            texts.push(copied(value.split_once('=').map_or(value, |(_, value)| value).trim()));
        }
    }
    texts
}

fn copied(text: &str) -> SecretBytes {
    SecretBytes::copied_from(text.as_bytes())
}

/// One word, that is neither a time nor an address.
fn looks_like_one(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    text.len() >= TOKEN
        && !text.contains(char::is_whitespace)
        && !text.contains("://")
        && !TIME.as_ref().is_some_and(|time| time.is_match(text))
}

/// Whether a request has the text, in any dress: anywhere, or in a field for credentials.
fn sends(asked: &Asked, text: &SecretBytes, as_credential: bool) -> bool {
    let dresses = forms(text.expose());
    let within = |bytes: &[u8]| {
        dresses.iter().any(|(_, dress)| bytes.windows(dress.len()).any(|window| window == dress.as_slice()))
    };
    let fields = asked.headers.iter().filter(|(name, _)| !as_credential || is_credential(name));
    fields.map(|(_, value)| value.as_slice()).any(within)
        || !as_credential && (within(asked.path.as_bytes()) || within(&asked.body))
}
