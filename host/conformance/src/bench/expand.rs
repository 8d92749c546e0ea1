//! What stands for something longer in a bench: `${NAME}` for the address of a server, and
//! `{$repeat: X, times: N}` for many entries, where `{n}` is the number of each.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// More than that no backend has to hold for a test.
const MAX_TIMES: u64 = 1_000_000;

/// Replaces in every text; a text repeated is longer, an entry of a list repeated is many entries.
pub(crate) fn expand(value: &Json, origins: &BTreeMap<String, String>) -> Json {
    match value {
        Json::String(text) => Json::String(with_origins(text, origins)),
        Json::Array(items) => {
            let mut expanded = Vec::with_capacity(items.len());
            for item in items {
                match repeated(item) {
                    Some((inner, times)) if !inner.is_string() => {
                        expanded.extend((0..times).map(|n| expand(&filled(inner, n), origins)));
                    }
                    _ => expanded.push(expand(item, origins)),
                }
            }
            Json::Array(expanded)
        }
        Json::Object(entries) => match repeated(value) {
            Some((Json::String(text), times)) => Json::String(with_origins(text, origins).repeat(times)),
            _ => Json::Object(
                entries.iter().map(|(key, value)| (key.clone(), expand(value, origins))).collect(),
            ),
        },
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
    }
}

/// `{$repeat: X, times: N}`.
fn repeated(value: &Json) -> Option<(&Json, usize)> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    let times = object.get("times")?.as_u64().filter(|times| *times <= MAX_TIMES)?;
    Some((object.get("$repeat")?, usize::try_from(times).ok()?))
}

fn filled(value: &Json, n: usize) -> Json {
    match value {
        Json::String(text) => Json::String(numbered(text, n)),
        Json::Array(items) => items.iter().map(|item| filled(item, n)).collect(),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.clone(), filled(value, n))).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => value.clone(),
    }
}

/// `{n}` replaced.
pub(crate) fn numbered(text: &str, n: usize) -> String {
    text.replace("{n}", &n.to_string())
}

/// `${NAME}` replaced.
pub(crate) fn with_origins(text: &str, origins: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, origin) in origins {
        text = text.replace(&format!("${{{name}}}"), origin);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn servers_and_repetitions_are_written_out() {
        let origins = BTreeMap::from([("API".to_owned(), "http://127.0.0.1:1".to_owned())]);
        let given = json!({
            "server": "${API}/v1", "other": "${NONE}",
            "large": {"$repeat": "ab", "times": 3},
            "data": [{"key": "a"}, {"$repeat": {"key": "k-{n}", "value": "v{n}"}, "times": 2}],
        });
        let expected = json!({
            "server": "http://127.0.0.1:1/v1", "other": "${NONE}", "large": "ababab",
            "data": [{"key": "a"}, {"key": "k-0", "value": "v0"}, {"key": "k-1", "value": "v1"}],
        });
        assert_eq!(expand(&given, &origins), expected);
    }
}
