//! Schema pieces that many fields share: names, keys, times, as the API server checks them.
//!
//! Lengths and patterns are the External Secrets Operator's, which takes them from Kubernetes: 253 is
//! the longest object name and Secret key, 63 the longest namespace name.

use schemars::{Schema, SchemaGenerator, json_schema};

/// DNS-1123 subdomain: the name of an object.
pub const NAME_PATTERN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// DNS-1123 label: the name of a namespace.
pub const NAMESPACE_PATTERN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A key in the data of a Secret or ConfigMap.
pub const KEY_PATTERN: &str = "^[-._a-zA-Z0-9]+$";

/// The name of an object.
pub fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 253, "pattern": NAME_PATTERN })
}

/// The name of a namespace.
pub fn namespace(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 63, "pattern": NAMESPACE_PATTERN })
}

/// A list of namespace names.
pub fn namespaces(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": namespace(generator) })
}

/// A key in the data of a Secret or ConfigMap.
pub fn key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 253, "pattern": KEY_PATTERN })
}

/// A time as RFC 3339.
pub fn date_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// A plain integer: Rust's unsigned formats are unknown to the API server.
pub fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int64", "minimum": 0 })
}

/// A plain integer that may be negative.
pub fn integer(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer" })
}

/// An object whose fields somebody else knows.
pub fn open_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

/// A limit that must be at least one to mean anything.
pub fn limit(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "format": "int64", "minimum": 1 })
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
