//! JSON pointers into a store's config, and maps as ESO writes them.

use std::collections::BTreeMap;

use serde_json::Value;

/// The text at a pointer, if there is one that is not empty.
pub fn text<'a>(config: &'a Value, pointer: &str) -> Option<&'a str> {
    config.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether something stands at a pointer.
pub fn given(config: &Value, pointer: &str) -> bool {
    config.pointer(pointer).is_some_and(|value| !value.is_null())
}

/// JSON of a map as Go writes it, which is what ESO hands out: sorted, and without what HTML minds.
pub fn go_map(map: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    for char in serde_json::json!(map).to_string().chars() {
        match char {
            // They can only stand in strings.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_null_are_as_good_as_absent() {
        let config = serde_json::json!({"a": {"b": "x", "e": "", "n": null}});
        assert_eq!(text(&config, "/a/b"), Some("x"));
        assert_eq!(text(&config, "/a/e"), None);
        assert!(given(&config, "/a/e") && !given(&config, "/a/n") && !given(&config, "/z"));
    }

    /// Go 1.26's `json.Marshal` of the same map.
    #[test]
    fn maps_as_go_writes_them() {
        let pairs = [("b", "<a href=\"x\">&\u{2028}"), ("a", "ü\n")];
        let map = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = r#"{"a":"ü\n","b":"\u003ca href=\"x\"\u003e\u0026\u2028"}"#;
        assert_eq!(go_map(&BTreeMap::from(map)), expected);
    }
}
