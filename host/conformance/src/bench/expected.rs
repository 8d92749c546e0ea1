//! A value as a bench expects it: a text, base64, a file, a text repeated, JSON, or a digest. What is
//! said of a difference tells lengths and places, never bytes.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::secret::SecretBytes;
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::BenchError;
use super::expand::numbered;

/// As a bench writes it.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Given {
    Plain(String),
    Form(Form),
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Form {
    Text(String),
    Base64(String),
    File(PathBuf),
    Repeat(Repeat),
    /// Equal as JSON: backends put keys and spaces as they like.
    Json(Json),
    Sha256(String),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    text: String,
    times: usize,
}

/// A value that has to come.
#[derive(Clone, Deserialize)]
#[serde(from = "Given")]
pub(crate) struct Expected(Given);

impl From<Given> for Expected {
    fn from(given: Given) -> Self {
        Self(given)
    }
}

/// Larger ones no case needs, and a typing mistake should not fill the memory.
const MAX_BYTES: usize = 16 * 1024 * 1024;

impl Expected {
    /// Reads its file, if it names one, and checks the rest: from here on it has its bytes.
    pub(super) fn load(&mut self, folder: &Path) -> Result<(), BenchError> {
        let wrong = |why: String| Err(BenchError::Wrong(why));
        let Given::Form(form) = &self.0 else { return Ok(()) };
        match form {
            Form::File(name) => {
                let path = folder.join(name);
                let bytes = std::fs::read(&path)
                    .map_err(|source| BenchError::Unreadable { path: path.display().to_string(), source })?;
                self.0 = Given::Form(Form::Base64(STANDARD.encode(bytes)));
            }
            Form::Base64(text) if STANDARD.decode(text.trim()).is_err() => {
                return wrong("an expected value under base64 is not base64".to_owned());
            }
            Form::Repeat(Repeat { text, times }) if text.len().saturating_mul(*times) > MAX_BYTES => {
                return wrong(format!("an expected value of more than {MAX_BYTES} bytes"));
            }
            Form::Sha256(digest) if digest.len() != 64 || hex::decode(digest).is_err() => {
                return wrong("an expected value under sha256 is not 64 hexadecimal digits".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// With `{n}` replaced by a number.
    pub(crate) fn numbered(&self, n: usize) -> Self {
        let mut copy = self.clone();
        match &mut copy.0 {
            Given::Plain(text) | Given::Form(Form::Text(text)) => *text = numbered(text, n),
            Given::Form(Form::Json(json)) => {
                if let Ok(parsed) = serde_json::from_str(&numbered(&json.to_string(), n)) {
                    *json = parsed;
                }
            }
            Given::Form(_) => {}
        }
        copy
    }

    /// The bytes, where they are known.
    pub(crate) fn bytes(&self) -> Option<SecretBytes> {
        Some(SecretBytes::new(match &self.0 {
            Given::Plain(text) | Given::Form(Form::Text(text)) => text.clone().into_bytes(),
            Given::Form(Form::Base64(text)) => STANDARD.decode(text.trim()).ok()?,
            Given::Form(Form::Repeat(Repeat { text, times })) => text.repeat(*times).into_bytes(),
            Given::Form(Form::Json(json)) => json.to_string().into_bytes(),
            Given::Form(Form::File(_) | Form::Sha256(_)) => return None,
        }))
    }

    /// What is expected, without being it.
    pub(crate) fn described(&self) -> String {
        match &self.0 {
            Given::Form(Form::Sha256(_)) => "a value with the given SHA-256".to_owned(),
            Given::Form(Form::Json(_)) => "a value that is the given JSON".to_owned(),
            _ => format!("a value of {} bytes", self.bytes().map_or(0, |bytes| bytes.len())),
        }
    }

    /// How a value differs from it, if it does: lengths and places.
    pub(crate) fn difference(&self, value: &SecretBytes) -> Option<String> {
        match &self.0 {
            Given::Form(Form::Sha256(digest)) => {
                let found = hex::encode(Sha256::digest(value.expose()));
                (!found.eq_ignore_ascii_case(digest))
                    .then(|| format!("a value of {} bytes with another SHA-256", value.len()))
            }
            Given::Form(Form::Json(json)) => match serde_json::from_slice::<Json>(value.expose()) {
                Ok(found) if found == *json => None,
                Ok(_) => Some(format!("other JSON of {} bytes", value.len())),
                Err(_) => Some(format!("a value of {} bytes that is no JSON", value.len())),
            },
            _ => {
                let expected = self.bytes()?;
                let (a, b) = (expected.expose(), value.expose());
                if a == b {
                    return None;
                }
                let place = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
                Some(format!("a value of {} bytes, which differs from byte {place} on", b.len()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The digest of "abc" is FIPS 180-2's example.
    #[test]
    fn each_form_tells_equal_from_different_without_saying_the_bytes() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (form, value, difference) in [
            (r#""abc""#, "abc", None),
            (r#"{"text":"abc"}"#, "abd", Some("3 bytes, which differs from byte 2")),
            (r#"{"base64":"YWJj"}"#, "abc", None),
            (r#"{"base64":"YWJj"}"#, "ab", Some("2 bytes, which differs from byte 2")),
            (r#"{"repeat":{"text":"ab","times":3}}"#, "ababab", None),
            (r#"{"repeat":{"text":"ab","times":3}}"#, "abab", Some("differs from byte 4")),
            (r#"{"json":{"a":1,"b":[2]}}"#, r#"{ "b" : [2], "a": 1 }"#, None),
            (r#"{"json":{"a":1}}"#, r#"{"a":"1"}"#, Some("other JSON")),
            (r#"{"json":{"a":1}}"#, "<html>", Some("no JSON")),
            (&format!(r#"{{"sha256":"{abc}"}}"#), "abc", None),
            (&format!(r#"{{"sha256":"{abc}"}}"#), "abd", Some("another SHA-256")),
        ] {
            let mut expected: Expected = serde_json::from_str(form).unwrap();
            expected.load(Path::new("")).unwrap();
            let found = expected.difference(&SecretBytes::copied_from(value.as_bytes()));
            match difference {
                None => assert_eq!(found, None, "{form}"),
                Some(part) => {
                    let found = found.unwrap();
                    assert!(found.contains(part) && !found.contains("ab"), "{form}: {found}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_filled_in() {
        let expected: Expected = serde_json::from_str(r#"{"json":{"v":"value-{n}"}}"#).unwrap();
        let value = SecretBytes::copied_from(br#"{"v":"value-7"}"#);
        assert_eq!(expected.numbered(7).difference(&value), None);
        assert!(expected.numbered(8).difference(&value).is_some());
    }
}
