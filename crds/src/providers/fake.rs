//! `spec.provider.fake`: values from the store's own manifest, for trying things out.
//!
//! Schema only.

use schemars::JsonSchema;

/// Values from the manifest.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Fake {
    /// The values.
    pub data: Vec<FakeData>,
    /// What validation says: 0 ready, 1 unknown, 2 an error.
    #[schemars(extend("format" = "int64"))]
    pub validation_result: Option<i64>,
}

/// One value.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct FakeData {
    /// Its key.
    pub key: String,
    /// The value.
    pub value: String,
    /// Its version.
    pub version: Option<String>,
}
