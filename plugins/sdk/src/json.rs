//! JSON pointers into a store's config.

use serde_json::Value;

/// The text at a pointer, if there is one that is not empty.
pub fn text<'a>(config: &'a Value, pointer: &str) -> Option<&'a str> {
    config.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether something stands at a pointer.
pub fn given(config: &Value, pointer: &str) -> bool {
    config.pointer(pointer).is_some_and(|value| !value.is_null())
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
}
