//! Values that are maps of bytes, as a Secret of Kubernetes is: the whole, an entry, a property, byte for byte as far as
//! they are no JSON. Every other value is taken as [`lookup`] and [`entries`] take it.

use super::go_json;
use super::property::{entries, lookup};
use super::{ShapeError, Values};
use crate::provider::{PropertyStep, Value};
use crate::secret::SecretBytes;

/// A map of bytes as the JSON object that ESO makes of it.
pub fn whole(entries: &Values) -> SecretBytes {
    go_json::texts(entries)
}

/// A property of a value; `None` if no step finds it.
///
/// # Errors
/// As [`lookup`].
pub fn property_of(
    value: &Value,
    property: &str,
    steps: &[PropertyStep],
) -> Result<Option<SecretBytes>, ShapeError> {
    let Some(entries) = &value.entries else { return lookup(&value.data, property, steps) };
    for step in steps {
        let found = match step {
            PropertyStep::Literal => entries.get(property).map(SecretBytes::duplicate),
            PropertyStep::Nested => nested(entries, property),
            PropertyStep::Path | PropertyStep::EscapedPath => lookup(&value.data, property, &[*step])?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The entries of a value.
///
/// # Errors
/// As [`entries`].
pub fn entries_of(value: &Value) -> Result<Values, ShapeError> {
    match &value.entries {
        Some(entries) => Ok(entries.iter().map(|(key, value)| (key.clone(), value.duplicate())).collect()),
        None => entries(&value.data),
    }
}

/// An entry, or what is in one that is JSON: by a path, as ESO; then by a name that no path can be (a label with dots);
/// then in a text of it that is JSON itself (an annotation).
fn nested(entries: &Values, property: &str) -> Option<SecretBytes> {
    const INSIDE: [PropertyStep; 3] = [PropertyStep::Path, PropertyStep::Literal, PropertyStep::Nested];
    if let Some(found) = entries.get(property) {
        return Some(found.duplicate());
    }
    let (first, rest) = property.split_once('.')?;
    if first.is_empty() || rest.is_empty() {
        return None;
    }
    // What is no JSON has no parts.
    lookup(entries.get(first)?, rest, &INSIDE).ok().flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn value(entries: &[(&str, &[u8])]) -> Value {
        let entries: Values =
            entries.iter().map(|(key, value)| ((*key).to_owned(), SecretBytes::copied_from(value))).collect();
        Value {
            data: whole(&entries),
            entries: Some(entries),
            version: None,
            lease: None,
            shareable: true,
            dynamic: false,
        }
    }

    /// What Go 1.26's `json.Encoder` without `SetEscapeHTML` makes of a `map[string]string` with these bytes.
    #[test]
    fn the_whole_is_what_go_makes_of_it() {
        for (entries, expected) in [
            (&[][..], "{}"),
            (&[("html", &b"<foobar>"[..])][..], r#"{"html":"<foobar>"}"#),
            (&[("b", b"2"), ("a", b"1\n\"\\")], r#"{"a":"1\n\"\\","b":"2"}"#),
            (
                &[("bindata", b"\x00\xff\x00\xff\xac\xab(!")],
                r#"{"bindata":"\u0000\ufffd\u0000\ufffd\ufffd\ufffd(!"}"#,
            ),
            // A character that is cut off is as many replacements as it has bytes; one that is there stays.
            (
                &[("cut", b"\xe2\x82x\xef\xbf\xbd\xe2\x80\xa8\x7f")],
                "{\"cut\":\"\\ufffd\\ufffdx\u{fffd}\\u2028\u{7f}\"}",
            ),
        ] {
            assert_eq!(value(entries).data.expose(), expected.as_bytes(), "{expected}");
        }
    }

    /// ESO's own cases (`providers/v1/kubernetes`), and what they leave open.
    #[test]
    fn properties_of_entries() {
        let secret = value(&[
            ("token", b"foobar"),
            ("foo", br#"{"huga":{"bar":"val"},"png":"wrong","a.b":1,"text":"{\"deep\":2}"}"#),
            ("foo.png", b"correct"),
            ("bindata", b"\x00\xff\x00\xff\xac\xab(!"),
        ]);
        let steps = [PropertyStep::Literal, PropertyStep::Nested];
        for (property, expected) in [
            ("token", Some(&b"foobar"[..])),
            ("foo.huga.bar", Some(b"val")),
            ("foo.png", Some(b"correct")),
            ("bindata", Some(b"\x00\xff\x00\xff\xac\xab(!")),
            ("foo.a\\.b", Some(b"1")),
            ("foo.text.deep", Some(b"2")),
            ("not-the-token", None),
            ("token.x", None),
            ("bindata.x", None),
            (".token", None),
            ("token.", None),
            ("", None),
        ] {
            let found = property_of(&secret, property, &steps).unwrap();
            assert_eq!(found.as_ref().map(SecretBytes::expose), expected, "{property}");
        }
        let mut metadata = value(&[
            ("labels", br#"{"app.kubernetes.io/name":"shop","dev":"seb"}"#),
            ("annotations", br#"{"config":"{\"a\":[7]}"}"#),
        ]);
        for (property, expected) in [
            ("labels", Some(&br#"{"app.kubernetes.io/name":"shop","dev":"seb"}"#[..])),
            ("labels.dev", Some(b"seb")),
            ("labels.app.kubernetes.io/name", Some(b"shop")),
            ("annotations.config.a.0", Some(b"7")),
            ("labels.absent", None),
            ("foo", None),
        ] {
            let found = property_of(&metadata, property, &steps).unwrap();
            assert_eq!(found.as_ref().map(SecretBytes::expose), expected, "{property}");
        }
        // Any other value is as before.
        metadata.entries = None;
        assert!(property_of(&metadata, "labels.dev", &[PropertyStep::Literal]).unwrap().is_none());
        assert!(property_of(&metadata, "labels.dev", &[PropertyStep::Nested]).unwrap().is_some());
    }

    #[test]
    fn entries_are_exact() {
        let secret = value(&[("a", b"\xff\x00"), ("b", b"{\"x\":1}")]);
        let found = entries_of(&secret).unwrap();
        assert_eq!(found["a"].expose(), b"\xff\x00");
        assert_eq!(found["b"].expose(), b"{\"x\":1}");
        let text = Value { entries: None, ..secret };
        assert_eq!(entries_of(&text).unwrap()["a"].expose(), "\u{fffd}\0".as_bytes());
    }
}
