//! GeneratorState: what a generator left behind for one ExternalSecret, until it is taken back. Schema only.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::condition::Condition;
use crate::schema;

/// What was made, by what, and until when.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "generators.external-secrets.io",
    version = "v1alpha1",
    kind = "GeneratorState",
    doc = "What a generator left behind for an ExternalSecret. Deleting it has the generator take it back.",
    plural = "generatorstates",
    shortname = "gs",
    category = "external-secrets",
    category = "external-secrets-generators",
    namespaced,
    status = "GeneratorStateStatus",
    derive = "PartialEq",
    derive = "Default",
    printcolumn = r#"{"name": "GC Deadline", "type": "string", "jsonPath": ".spec.garbageCollectionDeadline"}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorStateSpec {
    /// When it is taken back; not before its ExternalSecret goes, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::date_time")]
    pub garbage_collection_deadline: Option<Time>,
    /// The generator as it was then: it is taken back with this.
    #[schemars(schema_with = "any")]
    pub resource: Value,
    /// What the generator needs to take it back.
    #[schemars(schema_with = "any")]
    pub state: Value,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorStateStatus {
    /// Ready is False while it cannot be taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"x-kubernetes-preserve-unknown-fields": true})
}
