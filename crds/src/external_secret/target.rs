//! The object an ExternalSecret makes, and the template that shapes it.
//!
//! What a template engine understands is not known here: `engineVersion` names a plugin.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{CreationPolicy, DecodingStrategy, DeletionPolicy, MergePolicy, TemplateAs};
use crate::schema;

/// The Secret to be made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its name; by default the ExternalSecret's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::name")]
    pub name: Option<String>,
    /// Who creates and owns it.
    #[serde(default)]
    pub creation_policy: CreationPolicy,
    /// What happens when the values are gone from the external system.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Makes the Secret immutable.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub immutable: bool,
    /// An object of another kind than Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<ManifestRef>,
    /// Shape of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
}

/// The kind of a target that is no Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestRef {
    /// Group and version.
    #[schemars(length(min = 1))]
    pub api_version: String,
    /// Kind.
    #[schemars(length(min = 1))]
    pub kind: String,
}

/// Shape of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// The Secret's type.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
    /// The engine: v2 for Go templates, or the name of any template-engine Plugin.
    #[serde(default = "default_engine")]
    #[schemars(length(min = 1, max = 253), extend("pattern" = schema::NAME_PATTERN))]
    pub engine_version: String,
    /// Labels and annotations of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
    /// Whether rendered keys replace the fetched ones.
    #[serde(default)]
    pub merge_policy: MergePolicy,
    /// A template for each key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// More templates, rendered before `data`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub template_from: Vec<TemplateFrom>,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            type_: None,
            engine_version: default_engine(),
            metadata: None,
            merge_policy: MergePolicy::default(),
            data: BTreeMap::new(),
            template_from: Vec::new(),
        }
    }
}

fn default_engine() -> String {
    "v2".to_owned()
}

/// Labels and annotations of the target; their values are templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateMetadata {
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Finalizers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// Templates that lie elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateFrom {
    /// In a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<TemplateRef>,
    /// In a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<TemplateRef>,
    /// In place; renders to a YAML map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<String>,
    /// Where the result goes: Data, Annotations, Labels, or a path of a target that is no Secret.
    #[serde(default)]
    pub target: TemplateTarget,
    /// How rendered values are decoded.
    #[serde(default, skip_serializing_if = "schema::is_default")]
    pub values_decoding_strategy: DecodingStrategy,
}

/// Where a rendered template goes; compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct TemplateTarget(pub String);

impl Default for TemplateTarget {
    fn default() -> Self {
        Self("Data".to_owned())
    }
}

/// Keys of a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRef {
    /// Name of the object, in the ExternalSecret's namespace.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// Its keys.
    pub items: Vec<TemplateRefItem>,
}

/// A key that holds a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRefItem {
    /// The key.
    #[schemars(schema_with = "schema::key")]
    pub key: String,
    /// What it renders to.
    #[serde(default)]
    pub template_as: TemplateAs,
}
