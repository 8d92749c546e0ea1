//! The values that a recording may not hold, in every dress in which they travel, and the name that stands in a
//! recording in place of each. Replaying makes the same table from its own bench, so the names lead back to values.
//!
//! Pure. A value is looked for whole, and by each text in it, if it is JSON.

use std::collections::HashMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use claviger_core::secret::SecretBytes;
use serde_json::Value as Json;

/// Shorter ones stand in any text by accident.
pub(crate) const SHORTEST: usize = 6;

const fn engine(alphabet: &alphabet::Alphabet, padded: bool) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(padded)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

/// The kinds of base64 that are in use, by name.
pub(super) const BASE64: [(&str, GeneralPurpose); 4] = [
    ("base64", engine(&alphabet::STANDARD, true)),
    ("base64 bare", engine(&alphabet::STANDARD, false)),
    ("base64url", engine(&alphabet::URL_SAFE, true)),
    ("base64url bare", engine(&alphabet::URL_SAFE, false)),
];

/// A value of the bench, and where it stands there.
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) value: SecretBytes,
}

/// A value in a dress, and what stands for it.
struct Needle {
    bytes: SecretBytes,
    token: String,
}

/// The table.
#[derive(Default)]
pub(crate) struct Needles {
    all: Vec<Needle>,
    /// Where each token is.
    tokens: HashMap<String, usize>,
    /// By their first bytes: so many, that each place of a text is compared with few.
    beginnings: HashMap<[u8; SHORTEST], Vec<usize>>,
}

impl Needles {
    /// Of values of the bench.
    pub(crate) fn of(known: &[Known]) -> Self {
        let mut needles = Self::default();
        for Known { name, value } in known {
            needles.add(&plain(name), value);
        }
        needles
    }

    /// A value in every dress, and what is in it if it is JSON.
    pub(crate) fn add(&mut self, name: &str, value: &SecretBytes) {
        self.add_forms(name, value.expose());
        for (place, text) in leaves(value) {
            self.add_forms(&format!("{name}#{}", plain(&place)), text.expose());
        }
    }

    /// A value in every dress. The first name for the same bytes stays. Of two values under one name the first is what
    /// the name stands for.
    pub(crate) fn add_forms(&mut self, name: &str, value: &[u8]) {
        for (form, bytes) in forms(value) {
            let token = if form.is_empty() { name.to_owned() } else { format!("{name}|{form}") };
            self.add_exact(&token, bytes);
        }
    }

    /// These bytes and no others.
    fn add_exact(&mut self, token: &str, bytes: Vec<u8>) {
        let Some(beginning) = bytes.first_chunk().copied() else { return };
        let index = self.all.len();
        self.tokens.entry(token.to_owned()).or_insert(index);
        let same = self.beginnings.entry(beginning).or_default();
        if !same.iter().any(|other| self.all[*other].bytes.expose() == bytes) {
            same.push(index);
        }
        self.all.push(Needle { bytes: SecretBytes::new(bytes), token: token.to_owned() });
    }

    /// What a token stands for.
    pub(super) fn value(&self, token: &str) -> Option<&[u8]> {
        self.tokens.get(token).map(|index| self.all[*index].bytes.expose())
    }

    /// The longest that a text begins with: its token and its length.
    pub(super) fn at_start(&self, text: &[u8]) -> Option<(&str, usize)> {
        let candidates = self.beginnings.get(text.first_chunk()?)?;
        let fitting = candidates.iter().map(|index| &self.all[*index]);
        let fitting = fitting.filter(|needle| text.starts_with(needle.bytes.expose()));
        fitting
            .max_by_key(|needle| needle.bytes.len())
            .map(|needle| (needle.token.as_str(), needle.bytes.len()))
    }

    /// Whether some of them are in a text, plainly.
    pub(super) fn any_in(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.at_start(&text[at..]).is_some())
    }
}

/// A name without what tokens are written with.
fn plain(name: &str) -> String {
    name.replace(['⟦', '⟧', '|'], "_")
}

/// The texts, and the longer numbers, of a value that is JSON.
pub(super) fn leaves(value: &SecretBytes) -> Vec<(String, SecretBytes)> {
    fn walk(json: &Json, place: String, found: &mut Vec<(String, SecretBytes)>) {
        match json {
            Json::String(text) => found.push((place, SecretBytes::copied_from(text.as_bytes()))),
            Json::Number(number) => found.push((place, SecretBytes::new(number.to_string().into_bytes()))),
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, format!("{place}/{index}"), found);
                }
            }
            Json::Object(entries) => {
                for (key, entry) in entries {
                    walk(entry, format!("{place}/{key}"), found);
                }
            }
            Json::Null | Json::Bool(_) => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(json @ (Json::Object(_) | Json::Array(_))) = serde_json::from_slice(value.expose()) {
        walk(&json, String::new(), &mut found);
    }
    found
}

/// A value as it may stand in a request or an answer, by the name of the dress; each once, the plain one first.
pub(super) fn forms(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut all = vec![("", value.to_vec()), ("trim", value.trim_ascii().to_vec())];
    if let Ok(text) = std::str::from_utf8(value) {
        let once = [("json", quoted(text)), ("go", go(&quoted(text))), ("ascii", ascii(&quoted(text)))];
        for (name, quoted_once) in once {
            all.push((name, quoted_once.clone().into_bytes()));
            let twice = match name {
                "json" => "json json",
                "go" => "json go",
                _ => "json ascii",
            };
            all.push((twice, quoted(&quoted_once).into_bytes()));
        }
    }
    all.push(("percent", percent(value, b"%20")));
    all.push(("form", percent(value, b"+")));
    for (name, engine) in &BASE64 {
        all.push((name, engine.encode(value).into_bytes()));
    }
    all.push(("hex", hex::encode(value).into_bytes()));
    all.push(("HEX", hex::encode_upper(value).into_bytes()));
    let mut once: Vec<(&'static str, Vec<u8>)> = Vec::with_capacity(all.len());
    for (name, bytes) in all {
        if bytes.len() >= SHORTEST && !once.iter().any(|(_, other)| *other == bytes) {
            once.push((name, bytes));
        }
    }
    once
}

/// The inside of a JSON string.
fn quoted(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As Go escapes it: without what HTML minds.
fn go(quoted: &str) -> String {
    escaped(quoted, |char| matches!(char, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
}

/// As Python and Java escape it.
fn ascii(quoted: &str) -> String {
    escaped(quoted, |char| !char.is_ascii())
}

fn escaped(quoted: &str, which: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(quoted.len());
    for char in quoted.chars() {
        if which(char) {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(char);
        }
    }
    out
}

fn percent(value: &[u8], blank: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
            b' ' => out.extend_from_slice(blank),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Percent and form as Python's `quote(safe="")` and `quote_plus`, ascii as its `json.dumps`, go as Go's
    /// `json.Marshal`, base64 as coreutils' `base64`.
    #[test]
    fn a_value_is_known_in_every_dress() {
        let found: HashMap<_, _> = forms("a\"b <ü>?".as_bytes()).into_iter().collect();
        for (form, expected) in [
            ("", "a\"b <ü>?"),
            ("json", "a\\\"b <ü>?"),
            ("go", "a\\\"b \\u003cü\\u003e?"),
            ("ascii", "a\\\"b <\\u00fc>?"),
            ("json json", "a\\\\\\\"b <ü>?"),
            ("percent", "a%22b%20%3C%C3%BC%3E%3F"),
            ("form", "a%22b+%3C%C3%BC%3E%3F"),
            ("base64", "YSJiIDzDvD4/"),
            ("base64url", "YSJiIDzDvD4_"),
            ("hex", "612262203cc3bc3e3f"),
        ] {
            assert_eq!(String::from_utf8(found[form].clone()).unwrap(), expected, "{form}");
        }
        assert!(!found.contains_key("trim") && !found.contains_key("base64 bare"), "no dress twice");
    }

    #[test]
    fn the_longest_counts_and_json_is_known_by_its_texts() {
        let known = |name: &str, value: &str| Known {
            name: name.to_owned(),
            value: SecretBytes::copied_from(value.as_bytes()),
        };
        let needles = Needles::of(&[
            known("short", "correct"),
            known("long|er", "correct-horse"),
            known("json", r#"{"a":{"b":["battery-staple"]},"n":1234567,"s":"x"}"#),
        ]);
        assert_eq!(needles.at_start(b"correct-horse!"), Some(("long_er", 13)));
        assert_eq!(needles.at_start(b"correct-hors"), Some(("short", 7)));
        assert_eq!(needles.at_start(b"battery-staple"), Some(("json#/a/b/0", 14)));
        assert_eq!(needles.at_start(b"1234567"), Some(("json#/n", 7)));
        assert_eq!(needles.at_start(b"x"), None);
        assert_eq!(needles.value("long_er|hex"), Some(b"636f72726563742d686f727365".as_slice()));
        assert!(needles.any_in(b"so correct") && !needles.any_in(b"so corrupt"));
    }
}
