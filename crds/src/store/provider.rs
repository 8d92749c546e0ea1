//! `spec.provider`: one entry, whose key names the Plugin and whose value is the plugin's business.
//!
//! The API server prunes unknown fields below a *declared* provider and none below another, so the
//! known ones are declared in full (see [`crate::providers`]) and any other name passes as it is.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::providers::{aws, azurekv, fake, gcpsm, kubernetes, onepassword, openbao, vault, webhook};

/// The provider's block, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provider(pub BTreeMap<String, Value>);

/// Names whose blocks the definition declares. No plugin from outside can be called so: its own fields
/// would be pruned.
pub const DECLARED: &[&str] =
    &["aws", "azurekv", "fake", "gcpsm", "kubernetes", "onepassword", "openBao", "vault", "webhook"];

impl Provider {
    /// Name and settings; none where the object does not have exactly one entry, which the API server
    /// refuses but a file may hold.
    pub fn entry(&self) -> Option<(&str, &Value)> {
        let mut entries = self.0.iter();
        match (entries.next(), entries.next()) {
            (Some((name, settings)), None) => Some((name, settings)),
            _ => None,
        }
    }
}

impl JsonSchema for Provider {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Provider".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "x-kubernetes-preserve-unknown-fields": true,
            "properties": {
                "aws": generator.subschema_for::<aws::Aws>(),
                "azurekv": generator.subschema_for::<azurekv::AzureKv>(),
                "fake": generator.subschema_for::<fake::Fake>(),
                "gcpsm": generator.subschema_for::<gcpsm::GcpSm>(),
                "kubernetes": generator.subschema_for::<kubernetes::Kubernetes>(),
                "onepassword": generator.subschema_for::<onepassword::OnePassword>(),
                "openBao": generator.subschema_for::<openbao::OpenBao>(),
                "vault": generator.subschema_for::<vault::Vault>(),
                "webhook": generator.subschema_for::<webhook::Webhook>(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_names_are_the_schemas() {
        let schema = SchemaGenerator::default().into_root_schema_for::<Provider>().to_value();
        let names: Vec<&str> =
            schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, DECLARED);
    }
}
