//! `remoteRef.property` and `extract`: parts of a JSON value.
//!
//! Paths are gjson's, as in all of ESO's providers; which fall-backs a provider has is what its
//! description says. A null is the empty text, as everywhere in ESO. Number texts are kept as they stand, but where
//! gjson finds them it writes them anew, as its `Result.String` does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::go_json::paired;
use super::{ShapeError, Values};
use crate::provider::PropertyStep;
use crate::secret::SecretBytes;

/// Longest property path, bytes. gjson's queries nest; no path that a person wrote comes near.
const MAX_PATH: usize = 1024;

/// Looks a property up, step by step; `None` if no step finds it.
///
/// # Errors
/// [`ShapeError::NotJson`] if the value is no JSON, so that no property can be there.
pub fn lookup(
    value: &SecretBytes,
    property: &str,
    steps: &[PropertyStep],
) -> Result<Option<SecretBytes>, ShapeError> {
    let text = std::str::from_utf8(value.expose()).map_err(|_| ShapeError::NotJson)?;
    // gjson does not validate, and a path into something that is no JSON would find by accident.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| ShapeError::NotJson)?;
    if property.len() > MAX_PATH {
        return Ok(None);
    }
    Ok(steps.iter().find_map(|step| match step {
        PropertyStep::Literal => literal(text, property),
        PropertyStep::Path => path(text, property),
        PropertyStep::EscapedPath => path(text, &property.replace('.', "\\.")),
        PropertyStep::Nested => nested(text, property),
    }))
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

fn literal(text: &str, property: &str) -> Option<SecretBytes> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    object.get(property).map(|raw| plain(raw.get()))
}

fn path(text: &str, path: &str) -> Option<SecretBytes> {
    let path = named(path);
    if counts_no_array(text, &path) {
        return None;
    }
    let found = gjson::get(text, &path);
    found.exists().then(|| match found.kind() {
        gjson::Kind::Number => SecretBytes::new(number(found.json()).into_bytes()),
        _ => plain(found.json()),
    })
}

/// Whether the first `#` of a path stands behind something that is no array: the crate counts there all the same.
fn counts_no_array(text: &str, path: &str) -> bool {
    let is_array = |json: &str| json.trim_start().starts_with('[');
    match [".#", "|#"].iter().filter_map(|hash| path.find(hash)).min() {
        _ if path.starts_with('#') => !is_array(text),
        _ if path.starts_with(['{', '[', '@', '!']) => false,
        Some(at) => !is_array(gjson::get(text, &path[..at]).json()),
        None => false,
    }
}

/// `{"p":a}` as `{p:a}`: the crate takes the quotes for a part of the name. Arguments of modifiers stay.
fn named(path: &str) -> Cow<'_, str> {
    static NAMES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"([{,])"([A-Za-z0-9_-]+)":"#).ok());
    match NAMES.as_ref().filter(|_| path.starts_with('{') && !path.contains('@')) {
        Some(names) => names.replace_all(path, "$1$2:"),
        None => path.into(),
    }
}

/// A number as gjson writes it: an integer as it stands, any other in decimals, as short as it can be.
fn number(raw: &str) -> String {
    let raw = raw.trim();
    let integer = raw.strip_prefix('-').unwrap_or(raw).bytes().all(|byte| byte.is_ascii_digit());
    match raw.parse::<f64>() {
        Ok(number) if !integer && number.is_finite() => number.to_string(),
        _ => raw.to_owned(),
    }
}

/// `tag` or `tag.rest`: an entry, or a path into an entry that is itself JSON.
fn nested(text: &str, property: &str) -> Option<SecretBytes> {
    if let Some(found) = literal(text, property) {
        return Some(found);
    }
    let (first, rest) = property.split_once('.')?;
    let inner = literal(text, first)?;
    let inner = std::str::from_utf8(inner.expose()).ok()?;
    serde_json::from_str::<IgnoredAny>(inner).ok()?;
    literal(inner, rest).or_else(|| path(inner, rest))
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
        assert_eq!(entries(&plain).err(), Some(ShapeError::NotAnObject));
        assert_eq!(entries(&SecretBytes::copied_from(b"[1]")).err(), Some(ShapeError::NotAnObject));
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
        fn no_path_makes_gjson_panic(property in "[a-z.#()=\"\\\\|@{}\\[\\]!%<>0-9:,*?~]{0,24}") {
            let value = SecretBytes::copied_from(VALUE.as_bytes());
            let steps = [PropertyStep::Path, PropertyStep::EscapedPath, PropertyStep::Literal, PropertyStep::Nested];
            let _ = lookup(&value, &property, &steps);
        }
    }
}
