//! What an answer holds: the whole, or what a JSON path (RFC 9535) finds in it. Never a word of it in an error.

use claviger_plugin_sdk::{Error, invalid_config};
use jsonpath_rust::JsonPath;
use serde_json::Value;

/// Keys with their values.
pub type Values = Vec<(String, Vec<u8>)>;

const AT: &str = "/result/jsonPath";

/// What stands at a path; without one the whole answer.
///
/// # Errors
/// An answer that is no JSON, a path that is none or leads nowhere.
pub fn value(body: Vec<u8>, path: &str) -> Result<Vec<u8>, Error> {
    if path.is_empty() {
        return Ok(body);
    }
    let json = parsed(&body)?;
    single(found(&json, path)?)
}

/// The entries of the object that stands at a path, or in a text there.
///
/// # Errors
/// As of [`value`], and what is no object.
pub fn values(body: &[u8], path: &str) -> Result<Values, Error> {
    let json = parsed(body)?;
    let found = if path.is_empty() { &json } else { found(&json, path)? };
    let inner = match found {
        Value::String(text) => &parsed(text.as_bytes())?,
        // As where one value is looked for.
        Value::Array(list) => list.first().unwrap_or(&Value::Null),
        other => other,
    };
    let Value::Object(entries) = inner else {
        return Err(Error::Other("the answer has no object there, which gives keys and values".to_owned()));
    };
    Ok(entries.iter().map(|(key, value)| (key.clone(), written(value))).collect())
}

/// The library's messages quote what they are about.
fn parsed(body: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(body).map_err(|_| Error::Other("the answer is no JSON".to_owned()))
}

fn found<'j>(json: &'j Value, path: &str) -> Result<&'j Value, Error> {
    let found = json.query(path).map_err(|_| {
        invalid_config(
            AT,
            "it is no JSON path (RFC 9535), such as $.data.value or $.list[?@.name == \"x\"].value",
        )
    })?;
    let nothing = || Error::Other("the answer has nothing at result.jsonPath".to_owned());
    found.into_iter().next().ok_or_else(nothing)
}

/// As ESO: of a list the first.
fn single(value: &Value) -> Result<Vec<u8>, Error> {
    match value {
        Value::Array(list) => match list.first() {
            Some(first) => single(first),
            None => Err(Error::Other("the answer has an empty list at result.jsonPath".to_owned())),
        },
        other => Ok(written(other)),
    }
}

fn written(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        other => sorted(other).to_string().into_bytes(),
    }
}

/// Objects in the order that Go writes them in.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let mut entries: Vec<_> =
                entries.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ANSWER: &str = r#"{
        "data": {"login": {"username": "u", "my-key": "dashed"}, "notes": "n", "fields": [
            {"name": "one", "value": "1"}, {"name": "two", "value": "2"}], "empty": [], "none": null,
            "count": 12, "big": 12345678901234, "half": 1.5, "yes": true, "tree": {"b": "<", "a": [1, "x"]},
            "inner": "{\"k\": \"v\"}"}
    }"#;

    /// The paths are those of ESO's documentation, and what it finds by them (PaesslerAG/jsonpath).
    #[test]
    fn paths_find_what_esos_find() {
        for (path, expected) in [
            ("$.data.login.username", "u"),
            ("$.data.login[\"my-key\"]", "dashed"),
            ("$.data.notes", "n"),
            ("$.data.fields[?@.name==\"two\"].value", "2"),
            ("$.data.fields[?(@.name == 'two')].value", "2"),
            ("$.data.fields[*].value", "1"),
            ("$..username", "u"),
            ("$.data.fields[1].value", "2"),
            ("$.data.fields[-1:].value", "2"),
            ("$.data.none", ""),
            ("$.data.count", "12"),
            ("$.data.big", "12345678901234"),
            ("$.data.yes", "true"),
            ("$.data.tree", r#"{"a":[1,"x"],"b":"<"}"#),
        ] {
            let value = value(ANSWER.as_bytes().to_vec(), path).unwrap();
            assert_eq!(String::from_utf8(value).unwrap(), expected, "{path}");
        }
        assert_eq!(value(b"\xff raw".to_vec(), "").unwrap(), b"\xff raw");
        // ESO rounds to whole numbers, which nobody means.
        assert_eq!(value(ANSWER.as_bytes().to_vec(), "$.data.half").unwrap(), b"1.5");
    }

    #[test]
    fn what_leads_nowhere_is_no_missing_secret() {
        for (body, path) in [
            (ANSWER, "$.data.gone"),
            (ANSWER, "$.data.fields[?@.name==\"three\"].value"),
            (ANSWER, "$.data.empty"),
            ("not-json-marked", "$.a"),
        ] {
            let Err(Error::Other(detail)) = value(body.as_bytes().to_vec(), path) else { panic!("{path}") };
            assert!(!detail.contains("marked"), "{detail}");
        }
        let wrong = value(ANSWER.as_bytes().to_vec(), "data.[");
        assert!(matches!(wrong, Err(Error::InvalidConfig(_))));
    }

    #[test]
    fn objects_give_keys_and_values() {
        let text = |(key, value): (String, Vec<u8>)| (key, String::from_utf8(value).unwrap());
        let of = |path: &str| -> Vec<_> {
            values(ANSWER.as_bytes(), path).unwrap().into_iter().map(text).collect()
        };
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(of("$.data.login"), [pair("username", "u"), pair("my-key", "dashed")]);
        assert_eq!(of("$.data.inner"), [pair("k", "v")]);
        assert_eq!(of("$.data.tree"), [pair("b", "<"), pair("a", r#"[1,"x"]"#)]);
        assert_eq!(of("$.data.fields"), [pair("name", "one"), pair("value", "1")]);
        for path in ["$.data.notes", "$.data.count", "$.data.empty"] {
            assert!(values(ANSWER.as_bytes(), path).is_err(), "{path}");
        }
        assert_eq!(values(br#"{"a":1}"#, "").unwrap(), [("a".to_owned(), b"1".to_vec())]);
    }
}
