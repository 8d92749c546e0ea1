//! A value, in the first line, and a text that may quote it, behind it.
//!
//! Holds: what is left of the text has the value nowhere, neither plain nor in base64, hexadecimal or escaped; it is one
//! line, and no longer than a message may be.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use claviger_core::redact::{LONGEST_CLEANED, Redactor};
use claviger_core::secret::{SecretBytes, UNTRUSTED_CAP, Untrusted};

use crate::input::{lines, text};

const HIDDEN: &str = "[redacted]";

/// Shorter values are not looked for.
const LOOKED_FOR: usize = 6;

/// See the module.
pub fn run(data: &[u8]) {
    let ([value], rest) = lines(data);
    let value = value.trim_ascii();
    let mut redactor = Redactor::default();
    redactor.seed(&SecretBytes::copied_from(value.as_bytes()));
    let text = text(rest);
    let capped = redactor.clean(&Untrusted::new(text));
    assert!(capped.len() <= LONGEST_CLEANED, "{} bytes", capped.len());
    for cleaned in [&capped, &redactor.clean_text(text)] {
        assert!(!cleaned.chars().any(char::is_control), "more than a line: {cleaned:?}");
        if value.len() >= LOOKED_FOR && value.len() <= UNTRUSTED_CAP {
            let bytes = value.as_bytes();
            let forms = [
                value.to_owned(),
                hex::encode(bytes),
                hex::encode_upper(bytes),
                STANDARD.encode(bytes),
                URL_SAFE.encode(bytes),
                serde_json::to_string(value).expect("a text").trim_matches('"').to_owned(),
            ];
            for form in forms.iter().filter(|form| form.len() >= LOOKED_FOR) {
                assert!(!cleaned.split(HIDDEN).any(|part| part.contains(form)), "{form:?} in {cleaned:?}");
            }
        }
    }
}
