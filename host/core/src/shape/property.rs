//! `remoteRef.property` and `extract`: parts of a JSON value.
//!
//! Paths are gjson's, as in all of ESO's providers; which fall-backs a provider has is what its
//! description says. A null is the empty text, as everywhere in ESO. Number texts are kept as they stand, but where
//! a path finds them they are written anew, as `Result.String` of gjson does.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::go_json::paired;
use super::{ShapeError, Values};
use crate::gjson;
use crate::provider::PropertyStep;
use crate::secret::SecretBytes;

/// Looks a property up, step by step; `None` if no step finds it.
///
/// # Errors
/// [`ShapeError::NotJson`] if nothing is found and the value is no JSON: that is why. What a path finds in such a value
/// counts, as it does for ESO. [`ShapeError::PropertyRefused`] if a path takes more than a look-up may.
pub fn lookup(
    value: &SecretBytes,
    property: &str,
    steps: &[PropertyStep],
) -> Result<Option<SecretBytes>, ShapeError> {
    let json = value.expose();
    for step in steps {
        let found = match step {
            PropertyStep::Literal => literal(json, property),
            PropertyStep::Path => path(json, property)?,
            PropertyStep::EscapedPath => escaped(json, property)?,
            PropertyStep::Nested => nested(json, property)?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    if gjson::is_json(json) { Ok(None) } else { Err(ShapeError::NotJson) }
}

/// The top-level entries of a JSON object: texts as they are, everything else as its JSON text.
///
/// # Errors
/// [`ShapeError::NotAnObject`].
pub fn entries(value: &SecretBytes) -> Result<Values, ShapeError> {
    // As Go's decoder: what is no UTF-8 is replaced, and null is an empty object.
    let text = String::from_utf8_lossy(value.expose());
    let text = zeroize::Zeroizing::new(paired(&text).into_owned());
    let object: Option<BTreeMap<String, &RawValue>> =
        serde_json::from_str(&text).map_err(|_| ShapeError::NotAnObject)?;
    Ok(object.unwrap_or_default().into_iter().map(|(key, raw)| (key, plain(raw.get()))).collect())
}

/// An entry of that very name.
fn literal(json: &[u8], name: &str) -> Option<SecretBytes> {
    with_entry(json, name, plain)
}

/// An entry's JSON, read by someone who keeps nothing of it.
fn with_entry<R>(json: &[u8], name: &str, read: impl FnOnce(&str) -> R) -> Option<R> {
    let text = String::from_utf8_lossy(json);
    let text = zeroize::Zeroizing::new(paired(&text).into_owned());
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(&text).ok()?;
    object.get(name).map(|raw| read(raw.get()))
}

fn path(json: &[u8], path: &str) -> Result<Option<SecretBytes>, ShapeError> {
    Ok(gjson::get(json, path)?.map(|found| found.text()))
}

fn escaped(json: &[u8], property: &str) -> Result<Option<SecretBytes>, ShapeError> {
    path(json, &property.replace('.', "\\."))
}

/// `tag` or `tag.rest`: an entry; an entry of it by its very name, or a path into it where it is a text that holds JSON.
fn nested(json: &[u8], property: &str) -> Result<Option<SecretBytes>, ShapeError> {
    if let Some(found) = literal(json, property) {
        return Ok(Some(found));
    }
    let Some((first, rest)) = property.split_once('.') else { return Ok(None) };
    let inner = with_entry(json, first, |raw| (raw.starts_with('"'), plain(raw)));
    match inner {
        None => Ok(None),
        Some((false, object)) => Ok(literal(object.expose(), rest)),
        Some((true, text)) => match path(text.expose(), rest)? {
            None => escaped(text.expose(), rest),
            found => Ok(found),
        },
    }
}

/// A JSON string's content, nothing of a null; any other JSON as it stands.
fn plain(raw: &str) -> SecretBytes {
    match serde_json::from_str::<Option<String>>(&paired(raw)) {
        Ok(text) => SecretBytes::new(text.unwrap_or_default().into_bytes()),
        Err(_) => SecretBytes::copied_from(raw.trim().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const VALUE: &str = r#"{"a":{"b":"deep","n":1.50},"a.b":"flat","list":[{"id":"x","v":7},{"id":"y","v":true}],
        "s":"quo\"te","null":null,"e":-1e3,"i":-12,"tags":"{\"k\":\"json in a tag\"}"}"#;

    fn look(property: &str, steps: &[PropertyStep]) -> Option<String> {
        let found = lookup(&SecretBytes::copied_from(VALUE.as_bytes()), property, steps).unwrap();
        found.map(|value| String::from_utf8(value.expose().to_vec()).unwrap())
    }

    /// Expected values from gjson's own documentation of its path syntax; numbers and null as its `Result.String`.
    #[test]
    fn paths_and_fallbacks() {
        use PropertyStep::{EscapedPath, Literal, Nested, Path};
        for (property, steps, expected) in [
            ("a.b", &[Literal, Path][..], Some("flat")),
            ("a.b", &[Path, Literal], Some("deep")),
            ("a.b", &[EscapedPath, Path], Some("flat")),
            ("a.n", &[Path], Some("1.5")),
            ("e", &[Path], Some("-1000")),
            ("i", &[Path], Some("-12")),
            ("e", &[Literal], Some("-1e3")),
            ("list.#", &[Path], Some("2")),
            ("list.1.v", &[Path], Some("true")),
            (r#"list.#(id=="x").v"#, &[Path], Some("7")),
            ("s", &[Literal], Some("quo\"te")),
            ("a", &[Literal], Some(r#"{"b":"deep","n":1.50}"#)),
            ("null", &[Literal], Some("")),
            ("null", &[Path], Some("")),
            ("absent", &[Literal, Path, EscapedPath, Nested], None),
            ("tags.k", &[Nested], Some("json in a tag")),
        ] {
            assert_eq!(look(property, steps).as_deref(), expected, "{property} {steps:?}");
        }
    }

    #[test]
    fn what_is_no_json_has_no_properties() {
        let plain = SecretBytes::copied_from(b"hunter2");
        assert_eq!(lookup(&plain, "a", &[PropertyStep::Path]).err(), Some(ShapeError::NotJson));
        assert_eq!(lookup(&plain, "a", &[PropertyStep::Literal]).err(), Some(ShapeError::NotJson));
        assert_eq!(entries(&plain).err(), Some(ShapeError::NotAnObject));
        assert_eq!(entries(&SecretBytes::copied_from(b"[1]")).err(), Some(ShapeError::NotAnObject));
    }

    /// What gjson finds in them, and with it ESO: a comma too many, the end missing, bytes that are no UTF-8.
    #[test]
    fn paths_find_what_they_can_in_broken_json() {
        for (value, property, expected) in [
            (&br#"{"a":"x","b":2,}"#[..], "b", &b"2"[..]),
            (br#"{"a":"x","b":{"c":3"#, "b.c", b"3"),
            (b"{\"a\":\"\xff\xfe\"}", "a", b"\xff\xfe"),
        ] {
            let found = lookup(&SecretBytes::copied_from(value), property, &[PropertyStep::Path]).unwrap();
            assert_eq!(found.unwrap().expose(), expected);
        }
    }

    /// As ESO's Azure provider looks into tags: a path first, and then the same with its dots escaped.
    #[test]
    fn a_text_with_json_is_looked_into_by_path() {
        let tags = r#"{"t":"{\"a.b\":1,\"a\":{\"b\":2},\"c.d\":3}","labels":{"a.b":"x","a":{"b":"y"}}}"#;
        for (property, expected) in [
            ("t.a.b", Some("2")),
            ("t.c.d", Some("3")),
            ("t.a*", Some("1")),
            ("t.x", None),
            ("labels.a.b", Some("x")),
            ("labels.a*", None),
        ] {
            let found = lookup(&SecretBytes::copied_from(tags.as_bytes()), property, &[PropertyStep::Nested]);
            let found = found.unwrap().map(|found| String::from_utf8(found.expose().to_vec()).unwrap());
            assert_eq!(found.as_deref(), expected, "{property}");
        }
    }

    #[test]
    fn a_path_that_asks_for_too_much_is_an_error_and_not_a_missing_property() {
        let value = SecretBytes::copied_from(VALUE.as_bytes());
        let error = lookup(&value, &"@this|".repeat(300), &[PropertyStep::Path, PropertyStep::Literal]).err();
        assert_eq!(error, Some(ShapeError::PropertyRefused(gjson::Refused::Depth)));
    }

    #[test]
    fn entries_keep_texts_and_number_texts() {
        let values =
            entries(&SecretBytes::copied_from(br#"{"t":"x","n":1e3,"o":{"k":[1, 2]},"b":false,"z":null}"#))
                .unwrap();
        let found: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), value.expose())).collect();
        let expected: [(&str, &[u8]); 5] =
            [("b", b"false"), ("n", b"1e3"), ("o", br#"{"k":[1, 2]}"#), ("t", b"x"), ("z", b"")];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn no_property_panics(property in "[a-z.#()=\"\\\\|@{}\\[\\]!%<>0-9:,*?~]{0,24}") {
            let value = SecretBytes::copied_from(VALUE.as_bytes());
            let steps = [PropertyStep::Path, PropertyStep::EscapedPath, PropertyStep::Literal, PropertyStep::Nested];
            let _ = lookup(&value, &property, &steps);
        }
    }
}
