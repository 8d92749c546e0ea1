//! Fake: the values that stand in the spec.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::kinds::Values;

/// ESO's fields, as far as they matter here: whose generator it is, the host looks at.
#[derive(Debug, Deserialize)]
pub struct Spec {
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "controller": {"type": "string"},
            "data": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    })
}

/// The values.
pub fn generate(spec: Spec) -> Values {
    spec.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_stands_there_is_what_it_gives() {
        let spec = |text: &str| generate(serde_json::from_str(text).unwrap());
        let given = spec(r#"{"controller": "x", "data": {"b": "", "a": "ü\n"}}"#);
        assert_eq!(given, [("a".to_owned(), "ü\n".as_bytes().to_vec()), ("b".to_owned(), Vec::new())]);
        assert_eq!(spec("{}"), []);
    }
}
