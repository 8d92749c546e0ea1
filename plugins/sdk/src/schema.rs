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

/// Keywords that hold one schema, a list of them, or schemas by name.
const ONE: [&str; 3] = ["items", "additionalProperties", "not"];
const LIST: [&str; 4] = ["oneOf", "anyOf", "allOf", "prefixItems"];
const NAMED: [&str; 2] = ["properties", "$defs"];

fn strict(node: &mut Value) {
    let Some(schema) = node.as_object_mut() else { return };
    // A type's name says nothing to who writes a manifest, nor how wide Rust holds a number, nor its default value, which
    // is the one of an empty field.
    for noise in ["title", "format", "default"] {
        schema.remove(noise);
    }
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
        schema.remove("anyOf");
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
        schema.remove("oneOf");
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
    schema.remove("oneOf");
    for (key, value) in [
        ("type", json!("object")),
        ("minProperties", json!(1)),
        ("maxProperties", json!(1)),
        ("properties", Value::Object(fields)),
    ] {
        schema.insert(key.to_owned(), value);
    }
}
