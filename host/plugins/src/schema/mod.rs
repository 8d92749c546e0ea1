//! A plugin's config schema: checks a store's config against it, and finds which places it marks as
//! references. Marks are what stands between a plugin and a name it has no business with.

mod guard;

use claviger_core::provider::ProviderError;
use claviger_core::secret::Untrusted;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// What a place in the config refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
    /// Either, told apart by `type`.
    Object,
    /// A ServiceAccount.
    ServiceAccount,
}

/// Bytes of one compiled pattern; what checks a name or a host is a tenth.
const PATTERN_BYTES: usize = 64 * 1024;

/// A schema, ready for use: a plugin's, or one that its author asks about.
pub struct ConfigSchema {
    document: Value,
    validator: Validator,
}

impl ConfigSchema {
    /// Parses and compiles; no reference to another document is ever followed. Patterns are matched in
    /// linear time: what a plugin wrote is run on what a tenant wrote.
    ///
    /// # Errors
    /// Why it is not taken, in words for the plugin's author.
    pub fn new(text: &str) -> Result<Self, String> {
        let document = guard::parse(text)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
        let validator = jsonschema::draft202012::options()
            .with_pattern_options(patterns)
            .build(&document)
            .map_err(|_| "config-schema is not a JSON Schema (draft 2020-12)".to_owned())?;
        Ok(Self { document, validator })
    }

    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// Checks a config. The error names the place and the rule, never a value.
    ///
    /// # Errors
    /// [`ProviderError::InvalidConfig`].
    pub fn check(&self, config: &Value) -> Result<(), ProviderError> {
        let Err(error) = self.validator.validate(config) else { return Ok(()) };
        let rule = error.masked_with("a value that does not fit").to_string();
        Err(ProviderError::InvalidConfig {
            path: error.instance_path().to_string(),
            detail: Untrusted::new(rule),
        })
    }

    /// The mark of the place that a JSON pointer into a config names, if its schema has one.
    pub fn mark(&self, pointer: &str) -> Option<Mark> {
        let mut node = self.resolve(&self.document)?;
        for token in pointer.strip_prefix('/')?.split('/') {
            let token = token.replace("~1", "/").replace("~0", "~");
            node = self.step(node, &token)?;
        }
        match node.get("x-claviger")?.as_str()? {
            "secretRef" => Some(Mark::Secret),
            "configMapRef" => Some(Mark::ConfigMap),
            "objectRef" => Some(Mark::Object),
            "serviceAccountRef" => Some(Mark::ServiceAccount),
            _ => None,
        }
    }

    fn step<'a>(&'a self, node: &'a Value, token: &str) -> Option<&'a Value> {
        let direct = node.get("properties").and_then(|properties| properties.get(token));
        let item = || node.get("items").filter(|_| token.parse::<usize>().is_ok());
        let additional = || node.get("additionalProperties").filter(|schema| schema.is_object());
        self.resolve(direct.or_else(item).or_else(additional)?)
    }

    fn resolve<'a>(&'a self, mut node: &'a Value) -> Option<&'a Value> {
        // No reference leads back (see `guard`), so this ends.
        loop {
            // A mark beside a `$ref` belongs to this place and not to what is shared.
            if node.get("x-claviger").is_some() {
                return Some(node);
            }
            match node.get("$ref").and_then(Value::as_str) {
                Some(reference) => node = self.document.pointer(reference.strip_prefix('#')?)?,
                None => return Some(node),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn schema() -> ConfigSchema {
        let text = json!({
            "type": "object",
            "required": ["server"],
            "additionalProperties": false,
            "properties": {
                "server": {"type": "string"},
                "auth": {"type": "object", "properties": {
                    "secretRef": {"$ref": "#/$defs/ref"},
                    "many": {"type": "array", "items": {"$ref": "#/$defs/ref"}},
                    "name": {"type": "string"}
                }}
            },
            "$defs": {"ref": {"type": "object", "x-claviger": "secretRef"}}
        });
        ConfigSchema::new(&text.to_string()).unwrap()
    }

    #[test]
    fn only_marked_places_are_references() {
        let schema = schema();
        for (pointer, expected) in [
            ("/auth/secretRef", Some(Mark::Secret)),
            ("/auth/many/0", Some(Mark::Secret)),
            ("/auth/many/x", None),
            ("/auth/name", None),
            ("/auth", None),
            ("/auth/secretRef/name", None),
            ("/unknown", None),
            ("", None),
            ("auth/secretRef", None),
        ] {
            assert_eq!(schema.mark(pointer), expected, "{pointer}");
        }
    }

    #[test]
    fn a_config_is_checked_without_quoting_it() {
        let schema = schema();
        assert!(schema.check(&json!({"server": "x"})).is_ok());
        let Err(ProviderError::InvalidConfig { path, detail }) =
            schema.check(&json!({"server": {"secret": "hunter2"}}))
        else {
            panic!("accepted");
        };
        let text = claviger_core::redact::Redactor::default().clean(&detail);
        assert_eq!(path, "/server");
        assert!(text.contains("string") && !text.contains("hunter2"), "{text}");
        assert!(schema.check(&json!({"sever": "x"})).is_err(), "a typo");
    }
}
