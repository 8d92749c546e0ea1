//! A store's config as the type of its provider. The host has checked it against the schema already; what does not fit
//! the type all the same is told with its place and never with what stands there.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::{Error, invalid_config};

/// Reads a config.
///
/// # Errors
/// [`Error::InvalidConfig`] with the pointer of the field that does not fit; for one that is missing, of what it is
/// missing from.
pub fn parse<C: DeserializeOwned>(json: &str) -> Result<C, Error> {
    serde_json::from_str(json).map_err(|error| {
        if error.classify() != Category::Data {
            return Error::Other("the host gave a config that is no JSON".to_owned());
        }
        // serde's own words may quote the config, except where they are about the type alone.
        let said = error.to_string();
        let missing = said.starts_with("missing field").then(|| said.split(" at line").next()).flatten();
        let detail = missing.unwrap_or("it is not what the config schema describes");
        invalid_config(&pointer(json, error.line(), error.column()), detail)
    })
}

/// The JSON pointer of the value that is read when so much of a document was seen: until a line, counted from 1, and
/// so many bytes of it. A document that is read to its end points to itself.
fn pointer(json: &str, line: usize, column: usize) -> String {
    let before: usize = json.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let seen = json.as_bytes().get(..before + column).unwrap_or(json.as_bytes());
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(byte) = seen.get(at) {
        at += 1;
        match (byte, open.last_mut()) {
            (b'"', last) => {
                let start = at - 1;
                while seen.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if seen[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
                if let (Some(Open::Object { key, value: false }), Some(text)) = (last, seen.get(start..at)) {
                    *key = serde_json::from_slice(text).unwrap_or_default();
                }
            }
            (b'{', _) => open.push(Open::Object { key: String::new(), value: false }),
            (b'[', _) => open.push(Open::Array(0)),
            (b'}' | b']', _) => drop(open.pop()),
            (b':', Some(Open::Object { value, .. })) => *value = true,
            (b',', Some(Open::Object { key, value })) => {
                key.clear();
                *value = false;
            }
            (b',', Some(Open::Array(index))) => *index += 1,
            _ => {}
        }
    }
    let token = |open: &Open| match open {
        Open::Array(index) => index.to_string(),
        Open::Object { key, .. } => key.replace('~', "~0").replace('/', "~1"),
    };
    open.iter().map(|open| format!("/{}", token(open))).collect()
}

/// What is not closed yet.
enum Open {
    Object { key: String, value: bool },
    Array(usize),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[expect(dead_code, reason = "only whether it is read counts")]
        list: Vec<BTreeMap<String, Inner>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only whether it is read counts")]
        port: u16,
    }

    #[test]
    fn what_is_wrong_is_named_and_not_quoted() {
        let words = "it is not what the config schema describes";
        for (json, path, detail) in [
            (r#"{"list": "hunter2"}"#, "/list", words),
            (r#"{"list": [{"a/b": {"port": 1}}, {"x": {"port": "hunter2"}}]}"#, "/list/1/x/port", words),
            ("{\"list\":\n [{\"a/b\": {\"port\": true}}]}", "/list/0/a~1b/port", words),
            (r#"{"list": [{"a": {"port": 70000}}]}"#, "/list/0/a/port", words),
            (r#"{"list": [{"\"{": {}}]}"#, "/list/0/\"{", "missing field `port`"),
            (r#"{"list": [], "hunter2": 1}"#, "/hunter2", words),
            ("{}", "", "missing field `list`"),
            ("7", "", words),
        ] {
            match parse::<Config>(json) {
                Err(Error::InvalidConfig(wrong)) => {
                    assert_eq!((wrong.path.as_str(), wrong.detail.as_str()), (path, detail), "{json}");
                }
                other => panic!("{json}: {other:?}"),
            }
        }
        assert!(matches!(parse::<Config>("{"), Err(Error::Other(_))));
        assert!(parse::<Config>(r#"{"list": [{"a": {"port": 1}}]}"#).is_ok());
    }
}
