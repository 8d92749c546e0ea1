//! YAML that a person wrote. What is wrong with it is said by its place: the parser quotes what it met, which may be secret.

use serde_json::Value;

/// What a document says: nothing, if it is empty or all comments.
///
/// # Errors
/// In words, where it is no YAML; empty, if the parser cannot tell.
pub(crate) fn document(text: &str) -> Result<Value, String> {
    let without_content = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(without_content) {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(text).map_err(|error| match error.location() {
        Some(location) => format!(" (line {}, column {})", location.line(), location.column()),
        None => String::new(),
    })
}
