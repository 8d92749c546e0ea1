//! Turns untrusted text into text that may leave the process.
//!
//! Seeded with the values of one reconcile, it replaces them wherever they stand: plain, JSON-escaped,
//! percent-encoded, in base64 at any alignment, in hex. It is the last line: nothing that is known to be
//! secret is handed to it on purpose.

mod forms;

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;
use zeroize::Zeroizing;

use self::forms::Forms;
use crate::secret::{SecretBytes, UNTRUSTED_CAP, Untrusted};

/// Shorter values are not looked for: "5432" or "yes" stand in any text by accident, and hiding them
/// would make messages useless while hiding nothing.
const MIN_LENGTH: usize = 6;

/// Longer ones are looked for by their beginning: a text of at most [`UNTRUSTED_CAP`] bytes cannot hold
/// more of them.
const MAX_LENGTH: usize = UNTRUSTED_CAP;

/// What stands at the end of a text that was cut and is the beginning of a value, from this length on, is hidden. A
/// shorter one says little of a value, and words end by accident as one begins ("https:/").
const MIN_BEGINNING: usize = 8;

/// Values kept at once. A reconcile with more, or with more forms of them than [`Forms`] has room for, has its first ones
/// hidden and no untrusted text shown.
const MAX_VALUES: usize = 4096;

const HIDDEN: &str = "[redacted]";

/// Bytes of a cleaned text: what may stand at the end of a text that was cut in place of the beginning of a value is
/// longer than that.
pub const LONGEST_CLEANED: usize = UNTRUSTED_CAP + HIDDEN.len();

/// Replaces the values it was seeded with.
#[derive(Default)]
pub struct Redactor {
    forms: Forms,
    values: usize,
    overfull: bool,
    public: BTreeSet<String>,
}

impl Redactor {
    /// One that does not take for a secret what stands in a document that anybody reads, a store's manifest: a
    /// key file names its project too, and a message that hides it helps nobody.
    pub fn knowing(manifest: &Value) -> Self {
        fn texts(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::String(text) => drop(found.insert(text.trim().to_owned())),
                Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
                Value::Object(entries) => entries.values().for_each(|entry| texts(entry, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        let mut redactor = Self::default();
        texts(manifest, &mut redactor.public);
        redactor
    }

    /// Adds a value, and each string in it if it is JSON.
    pub fn seed(&mut self, value: &SecretBytes) {
        if self.overfull {
            // Nothing is said any more that it could stand in.
            return;
        }
        self.seed_bytes(value.expose());
        if let Ok(json) = serde_json::from_slice::<Value>(value.expose()) {
            self.seed_json(json);
        }
    }

    /// Adds a text.
    pub fn seed_text(&mut self, value: &str) {
        self.seed_bytes(value.as_bytes());
    }

    /// The text without the values, on one line, at most [`LONGEST_CLEANED`] bytes.
    pub fn clean(&self, text: &Untrusted) -> String {
        if self.overfull {
            return "(detail withheld: too many values to check it for)".to_owned();
        }
        let mut cleaned = self.clean_bytes(text.raw().as_bytes(), text.is_cut());
        // What stands in place of a short value is longer.
        cleaned.truncate(cleaned.floor_char_boundary(LONGEST_CLEANED));
        cleaned
    }

    /// The same for a text that another redactor cleans after this one.
    #[must_use]
    pub fn cleaned(&self, text: &Untrusted) -> Untrusted {
        Untrusted::rest_of(&self.clean(text), text.is_cut())
    }

    /// The same for a text of our own, without the cap.
    pub fn clean_text(&self, text: &str) -> String {
        self.clean_bytes(text.as_bytes(), false)
    }

    fn clean_bytes(&self, text: &[u8], cut: bool) -> String {
        let replaced = self.replaced(text, cut);
        let line = one_line(&replaced);
        if line.as_bytes() == replaced {
            return line;
        }
        // A break that became a space may have made a value of what was none.
        one_line(&self.replaced(line.as_bytes(), cut))
    }

    fn seed_json(&mut self, value: Value) {
        match value {
            Value::String(text) => self.seed_bytes(Zeroizing::new(text).as_bytes()),
            Value::Array(items) => items.into_iter().for_each(|item| self.seed_json(item)),
            Value::Object(entries) => entries.into_iter().for_each(|(_, entry)| self.seed_json(entry)),
            Value::Number(number) => self.seed_bytes(number.to_string().as_bytes()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn seed_bytes(&mut self, bytes: &[u8]) {
        if self.overfull {
            return;
        }
        let bytes = bytes.trim_ascii();
        let is_public = || std::str::from_utf8(bytes).is_ok_and(|text| self.public.contains(text));
        if bytes.len() < MIN_LENGTH || is_public() {
            return;
        }
        if self.values >= MAX_VALUES {
            self.overfull = true;
            return;
        }
        self.values += 1;
        let bytes = &bytes[..bytes.len().min(MAX_LENGTH)];
        let mut add = |form: Vec<u8>| {
            let form = SecretBytes::new(form);
            if form.len() >= MIN_LENGTH && !self.forms.add(form) {
                self.overfull = true;
            }
        };
        add(bytes.to_vec());
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| line.len() >= MIN_LENGTH) {
            add(line.trim_ascii().to_vec());
        }
        add(hex::encode(bytes).into_bytes());
        add(hex::encode_upper(bytes).into_bytes());
        add(percent(bytes));
        if let Ok(text) = std::str::from_utf8(bytes) {
            if let Ok(quoted) = serde_json::to_string(text).map(Zeroizing::new) {
                add(quoted.trim_matches('"').as_bytes().to_vec());
            }
            let debug = Zeroizing::new(format!("{text:?}"));
            add(debug.trim_matches('"').as_bytes().to_vec());
        }
        // Inside a longer text a value starts at one of three alignments; the groups that hold only its
        // own bytes are the same whatever stands around it.
        for skip in 0..3.min(bytes.len()) {
            let inner = &bytes[skip..];
            let whole = &inner[..inner.len() - inner.len() % 3];
            for engine in [&STANDARD, &URL_SAFE] {
                add(engine.encode(whole).into_bytes());
                if skip == 0 {
                    add(engine.encode(bytes).into_bytes());
                }
            }
        }
    }

    fn replaced(&self, text: &[u8], cut: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            // First: it is longer than any whole form that begins here.
            if cut && rest.len() >= MIN_BEGINNING && self.forms.continues(rest) {
                out.extend_from_slice(HIDDEN.as_bytes());
                break;
            }
            // The longest, so that a form that holds another is replaced as a whole.
            match self.forms.longest(rest) {
                Some(length) => {
                    out.extend_from_slice(HIDDEN.as_bytes());
                    rest = &rest[length..];
                }
                None => {
                    out.push(rest[0]);
                    rest = &rest[1..];
                }
            }
        }
        out
    }
}

/// Without control characters, and without what is no UTF-8.
fn one_line(text: &[u8]) -> String {
    let mut line = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        line.extend(chunk.valid().chars().map(|c| if c.is_control() { ' ' } else { c }));
        if !chunk.invalid().is_empty() {
            line.push(char::REPLACEMENT_CHARACTER);
        }
    }
    line
}

fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn seeded(value: &[u8]) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.seed(&SecretBytes::copied_from(value));
        redactor
    }

    #[test]
    fn hides_a_value_in_every_usual_dress() {
        let redactor = seeded(br#"{"password":"p\"a/s+s w0rd","port":5432}"#);
        for text in [
            r#"invalid type: string "p\"a/s+s w0rd", expected u16"#,
            "postgres://u:p%22a%2Fs%2Bs%20w0rd@h",
            "70226127",
            "at p\"a/s+s w0rd\nand more",
        ] {
            let cleaned = redactor.clean(&Untrusted::new(text));
            assert!(!cleaned.contains("w0rd") && !cleaned.contains('\n'), "{cleaned}");
        }
        assert_eq!(redactor.clean(&Untrusted::new("port 5432 refused")), "port 5432 refused");
    }

    #[test]
    fn what_a_manifest_says_is_no_secret() {
        let manifest = serde_json::json!({"projectID": "my-project", "auth": {"ref": {"key": "a-key"}}});
        let mut redactor = Redactor::knowing(&manifest);
        let key = br#"{"project_id":"my-project","private_key":"MIIE-my-project-9"}"#;
        redactor.seed(&SecretBytes::copied_from(key));
        let text = Untrusted::new("my-project: no right, with MIIE-my-project-9");
        assert_eq!(redactor.clean(&text), "my-project: no right, with [redacted]");
    }

    #[test]
    fn a_value_across_a_line_break_is_no_value_on_one_line() {
        let redactor = seeded(b"two words here");
        for text in ["it has two\twords here", "two\nwords\u{85}here and more", "two words\u{0}here"] {
            let cleaned = redactor.clean(&Untrusted::new(text));
            assert!(cleaned.contains("[redacted]") && !cleaned.contains("two words"), "{cleaned}");
            assert_eq!(redactor.clean_text(text), cleaned);
        }
    }

    #[test]
    fn what_is_hidden_makes_no_text_longer_than_its_cap() {
        let cleaned = seeded(b"secret").clean(&Untrusted::new("secret".repeat(85)));
        assert!(cleaned.len() <= LONGEST_CLEANED && cleaned.starts_with("[redacted][redacted]"), "{cleaned}");
        let cleaned = seeded(b"secret").clean(&Untrusted::new("secret\u{e9}".repeat(64)));
        assert!((LONGEST_CLEANED - 1..=LONGEST_CLEANED).contains(&cleaned.len()), "{}", cleaned.len());
    }

    /// `value` in a text that is cut after `shown` bytes of it.
    fn cut_in(value: &str, shown: usize) -> Untrusted {
        Untrusted::new(format!("{}{value} and more", ".".repeat(UNTRUSTED_CAP - shown)))
    }

    #[test]
    fn a_value_across_the_cut_does_not_show_its_beginning() {
        let value = "correct-horse-battery-staples";
        let redactor = seeded(value.as_bytes());
        let forms = [
            value.to_owned(),
            hex::encode(value),
            STANDARD.encode(value),
            // At another alignment, from the first group on that holds nothing else.
            STANDARD.encode(format!("a{value}"))[4..].to_owned(),
        ];
        for form in &forms {
            for shown in [0, 1, 7, 8, 9, form.len() - 1, form.len(), form.len() + 3] {
                let cleaned = redactor.clean(&cut_in(form, shown));
                let found = (8..=form.len()).rev().find(|length| cleaned.ends_with(&form[..*length]));
                assert_eq!(found, None, "{shown} of {form}: {cleaned}");
                assert_eq!(cleaned.ends_with("[redacted]"), (8..=form.len()).contains(&shown), "{cleaned}");
            }
        }
        // A text that was not cut says what it says.
        let whole = Untrusted::new(format!("{}{}", ".".repeat(UNTRUSTED_CAP - 10), &value[..10]));
        assert!(redactor.clean(&whole).ends_with(&value[..10]));
        assert!(redactor.clean_text(&value[..10]).ends_with(&value[..10]));
        // Cut at a character: three bytes short of the cap.
        let wide = format!("{}{}\u{1F600}", ".".repeat(UNTRUSTED_CAP - 13), &value[..10]);
        assert!(
            seeded(format!("{}\u{1F600}-and-more", &value[..10]).as_bytes())
                .clean(&Untrusted::new(wide))
                .ends_with("[redacted]")
        );
    }

    /// Of values longer than a text: its base64 never fits into one.
    #[test]
    fn the_beginning_of_a_long_value_is_hidden() {
        let value: String = (0..1000).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect();
        let redactor = seeded(value.as_bytes());
        for form in [value.clone(), STANDARD.encode(&value), hex::encode(&value)] {
            let cleaned = redactor.clean(&Untrusted::new(format!("quoted: {form}")));
            assert_eq!(cleaned, "quoted: [redacted]");
        }
    }

    /// The lines of a key are forms too: what is left of the whole after its first line is no line's beginning yet.
    #[test]
    fn a_key_across_the_cut_is_hidden_as_a_whole() {
        let key =
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----";
        let redactor = seeded(serde_json::json!({"private_key": key}).to_string().as_bytes());
        let quoted = serde_json::to_string(key).unwrap();
        for shown in 30..quoted.len() {
            let cleaned = redactor.clean(&cut_in(&quoted, shown));
            assert!(!cleaned.contains("MI") && !cleaned.contains("hk"), "{shown}: {cleaned}");
        }
    }

    /// The second of two knows other values, and where the text was cut.
    #[test]
    fn cleaned_twice() {
        let (first, second) = (seeded(b"first-value"), seeded(b"second-value"));
        let text = format!("first-value {}second-value", ".".repeat(UNTRUSTED_CAP - 22));
        let once = first.cleaned(&Untrusted::new(text));
        assert!(
            second.clean(&once).starts_with("[redacted] ....")
                && second.clean(&once).ends_with("..[redacted]")
        );
    }

    proptest! {
        #[test]
        fn no_value_comes_through(value in "[ -~]{8,64}", before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let value = value.trim().to_owned();
            prop_assume!(value.len() >= 8);
            let redactor = seeded(value.as_bytes());
            let whole = format!("{before}{value}{after}");
            for text in [whole.clone(), hex::encode(&value), STANDARD.encode(&whole), URL_SAFE.encode(&value)] {
                let cleaned = redactor.clean(&Untrusted::new(&text));
                prop_assert!(!cleaned.contains(&value));
                prop_assert!(!cleaned.contains(&hex::encode(&value)));
                for skip in 0..3 {
                    let inner = &value.as_bytes()[skip..];
                    let form = STANDARD.encode(&inner[..inner.len() - inner.len() % 3]);
                    prop_assert!(!cleaned.contains(&form), "{} in {}", form, cleaned);
                }
            }
        }

        #[test]
        fn never_panics(value in proptest::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,200}") {
            let _ = seeded(&value).clean(&Untrusted::new(text));
        }
    }
}
