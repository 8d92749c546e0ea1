//! The config schema, from the config's type. It is made by a native test into a file that the plugin brings along
//! ([`crate::testing::check_schema`]): made at run time it would be 70 KiB of every component.
//!
//! It is what the type says, and strict: a field that is `Option` may be left out and is never `null`; an object has no
//! fields but its own; and an enum whose variants are fields ("one of") is an object with exactly one of them, since the
//! host looks for marks of references in properties alone.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The schema of a type.
pub fn of<C: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<C>().to_value();
    strict(&mut schema);
    schema
}

/// A type's name says nothing to who writes a manifest, nor how wide Rust holds a number, nor a default, which is the one
/// of a field that is left out.
const NOISE: [&str; 3] = ["title", "format", "default"];

/// Keywords that hold one schema, a list of them, or schemas by name.
const ONE: [&str; 3] = ["items", "additionalProperties", "not"];
const LIST: [&str; 4] = ["oneOf", "anyOf", "allOf", "prefixItems"];
const NAMED: [&str; 2] = ["properties", "$defs"];

fn strict(node: &mut Value) {
    let Some(schema) = node.as_object_mut() else { return };
    schema.retain(|key, _| !NOISE.contains(&key.as_str()));
    without_null(schema);
    one_of_fields(schema);
    let combined = LIST.iter().any(|list| schema.contains_key(*list));
    if schema.contains_key("properties") && !combined && !schema.contains_key("unevaluatedProperties") {
        schema.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    // What is combined with fields of its own has some of its fields in each part.
    let parts: &[&str] = if combined && schema.contains_key("properties") { &[] } else { &LIST };
    for (key, value) in schema.iter_mut() {
        match key.as_str() {
            key if ONE.contains(&key) => strict(value),
            key if parts.contains(&key) => value.as_array_mut().into_iter().flatten().for_each(strict),
            key if NAMED.contains(&key) => {
                value.as_object_mut().into_iter().flatten().for_each(|(_, value)| strict(value));
            }
            _ => {}
        }
    }
}

/// `Option` is a field that may be left out.
fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(options)) = schema.get_mut("anyOf") else { return };
    let before = options.len();
    options.retain(|option| option != &json!({"type": "null"}));
    if options.len() == 1 && before == 2 {
        let only = options.pop();
        schema.retain(|key, _| key != "anyOf");
        if let Some(Value::Object(only)) = only {
            // Words of the field before those of its type.
            only.into_iter().for_each(|(key, value)| {
                schema.entry(key).or_insert(value);
            });
        }
    }
}

/// serde's usual form of an enum: names as such, and what has contents as properties.
fn one_of_fields(schema: &mut Map<String, Value>) {
    let Some(options) = schema.get("oneOf").and_then(Value::as_array) else { return };
    // Names alone, of which some have words of their own.
    let names = |option: &Value| match (option.get("const"), option.get("enum").and_then(Value::as_array)) {
        (Some(name), _) => Some(vec![name.clone()]),
        (None, names) => names.cloned(),
    };
    if let Some(names) = options.iter().map(names).collect::<Option<Vec<_>>>() {
        schema.retain(|key, _| key != "oneOf");
        schema.insert("type".to_owned(), json!("string"));
        schema.insert("enum".to_owned(), names.concat().into());
        return;
    }
    let field = |option: &Value| {
        let fields = option.get("properties")?.as_object()?;
        let required = option.get("required")?.as_array()?;
        let (name, value) = fields.iter().next().filter(|_| fields.len() == 1 && required.len() == 1)?;
        let mut value = value.clone();
        if let (Some(words), Some(value)) = (option.get("description"), value.as_object_mut()) {
            value.entry("description").or_insert_with(|| words.clone());
        }
        (value.get("const").is_none()).then(|| (name.clone(), value))
    };
    let Some(fields) = options.iter().map(field).collect::<Option<Map<String, Value>>>() else { return };
    schema.retain(|key, _| key != "oneOf");
    for (key, value) in [
        ("type", json!("object")),
        ("minProperties", json!(1)),
        ("maxProperties", json!(1)),
        ("properties", Value::Object(fields)),
    ] {
        schema.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(dead_code, reason = "only their types count")]
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::{ObjectRef, SecretRef, ServiceAccountRef};

    /// A store
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Config {
        /// Where it is
        url: String,
        #[serde(default)]
        labels: BTreeMap<String, String>,
        port: Option<u16>,
        version: Option<Version>,
        auth: Option<Auth>,
        ca_provider: Option<ObjectRef>,
        loose: Loose,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    enum Version {
        /// The old one
        V1,
        V2,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
    enum Auth {
        /// A password
        Basic { user: String, password_ref: SecretRef },
        /// Who it runs as
        Account(ServiceAccountRef),
    }

    /// Without a word about fields that it does not know.
    #[derive(Deserialize, JsonSchema)]
    struct Loose {
        list: Vec<SecretRef>,
    }

    fn at(schema: &Value, pointer: &str) -> Value {
        let mut place = schema.clone();
        for step in pointer.split('/').filter(|step| !step.is_empty()) {
            place = place[step].clone();
            while let Some(reference) = place["$ref"].as_str() {
                place = schema.pointer(&reference[1..]).cloned().unwrap_or_default();
            }
        }
        place
    }

    #[test]
    fn it_is_what_the_type_says_and_strict() {
        let schema = of::<Config>();
        let without_words = |pointer: &str| {
            let mut place = at(&schema, pointer);
            if let Some(place) = place.as_object_mut() {
                place.remove("description");
            }
            place
        };
        assert_eq!(at(&schema, "/required"), json!(["url", "loose"]));
        assert_eq!(at(&schema, "/description"), "A store");
        assert_eq!(at(&schema, "/properties/url"), json!({"type": "string", "description": "Where it is"}));
        for (pointer, expected) in [
            ("/additionalProperties", json!(false)),
            ("/properties/labels", json!({"type": "object", "additionalProperties": {"type": "string"}})),
            ("/properties/port", json!({"type": "integer", "minimum": 0, "maximum": 65535})),
            ("/properties/version", json!({"type": "string", "enum": ["v2", "v1"]})),
            ("/properties/loose/additionalProperties", json!(false)),
            ("/properties/auth/type", json!("object")),
            ("/properties/auth/minProperties", json!(1)),
            ("/properties/auth/maxProperties", json!(1)),
            ("/properties/auth/additionalProperties", json!(false)),
            ("/properties/auth/properties/basic/required", json!(["user", "passwordRef"])),
            ("/properties/auth/properties/basic/additionalProperties", json!(false)),
            ("/properties/auth/properties/basic/properties/passwordRef/x-claviger", json!("secretRef")),
            ("/properties/auth/properties/account/x-claviger", json!("serviceAccountRef")),
            ("/properties/caProvider/x-claviger", json!("objectRef")),
            ("/properties/caProvider/additionalProperties", json!(false)),
            (
                "/properties/caProvider/properties/type",
                json!({"type": "string", "enum": ["Secret", "ConfigMap"]}),
            ),
            ("/properties/loose/properties/list/items/x-claviger", json!("secretRef")),
        ] {
            assert_eq!(without_words(pointer), expected, "{pointer}");
        }
        assert!(!schema.to_string().contains("null"), "{schema}");
    }
}
