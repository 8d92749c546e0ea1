//! `data[].metadata` of a PushSecret, as ESO spells it: what is to be said about a secret, and how it is replicated and
//! encrypted when it is created. What of it is written is `push`'s to decide.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use serde::Deserialize;
use serde_json::{Value, json};

const KIND: &str = "PushSecretMetadata";
const API_VERSION: &str = "kubernetes.external-secrets.io/v1alpha1";

/// What it says. Nothing else is taken.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Spec {
    annotations: Option<BTreeMap<String, String>>,
    labels: Option<BTreeMap<String, String>>,
    /// None leaves those that are there.
    pub(crate) topics: Option<Vec<String>>,
    merge_policy: Option<String>,
    cmek_key_name: Option<String>,
    replication_location: Option<String>,
    replication_locations: Option<Vec<String>>,
}

impl Spec {
    /// Of a push's metadata.
    ///
    /// # Errors
    /// Where it is not as ESO has it.
    pub(crate) fn parse(metadata: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Metadata {
            #[serde(default)]
            api_version: String,
            #[serde(default)]
            kind: String,
            spec: Option<Spec>,
        }
        let wrong = |what: String| Error::Other(format!("the push's metadata: {what}"));
        let metadata: Metadata = serde_json::from_str(metadata).map_err(|error| wrong(error.to_string()))?;
        if metadata.api_version != API_VERSION || metadata.kind != KIND {
            return Err(wrong(format!("apiVersion must be {API_VERSION}, and kind {KIND}")));
        }
        let spec = metadata.spec.unwrap_or_default();
        match spec.merge_policy.as_deref() {
            None | Some("" | "Replace" | "Merge") => Ok(spec),
            Some(_) => Err(wrong("spec.mergePolicy must be Replace or Merge".to_owned())),
        }
    }

    /// The labels where these are there. One that is named here has the value that is named here.
    pub(crate) fn labels(&self, stored: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut labels = match self.merge_policy.as_deref() {
            Some("Merge") => stored.clone(),
            _ => BTreeMap::new(),
        };
        labels.extend(self.labels.clone().unwrap_or_default());
        labels
    }

    /// The annotations, whatever is there: as ESO, which merges labels only.
    pub(crate) fn annotations(&self) -> BTreeMap<String, String> {
        self.annotations.clone().unwrap_or_default()
    }

    /// The field of a new secret that says how it is replicated and encrypted, and its value. A regional one has its
    /// replication from its location.
    pub(crate) fn kept(&self, regional: bool) -> Option<(&'static str, Value)> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let with_key = |mut value: Value| {
            if let Some(key) = said(&self.cmek_key_name) {
                value["customerManagedEncryption"] = json!({"kmsKeyName": key});
            }
            value
        };
        if regional {
            let key = said(&self.cmek_key_name)?;
            return Some(("customerManagedEncryption", json!({"kmsKeyName": key})));
        }
        let several = self.replication_locations.clone().unwrap_or_default();
        let locations =
            if several.is_empty() { Vec::from_iter(said(&self.replication_location)) } else { several };
        let replication = if locations.is_empty() {
            json!({"automatic": with_key(json!({}))})
        } else {
            let replicas = locations.iter().map(|location| with_key(json!({"location": location})));
            json!({"userManaged": {"replicas": replicas.collect::<Vec<_>>()}})
        };
        Some(("replication", replication))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn metadata(spec: &Value) -> String {
        json!({"apiVersion": API_VERSION, "kind": KIND, "spec": spec}).to_string()
    }

    /// What ESO's ParseMetadataParameters refuses, and a policy that ESO takes for Replace.
    #[test]
    fn only_what_eso_knows() {
        for (text, words) in [
            (json!({"kind": KIND, "spec": {}}).to_string(), "apiVersion must be"),
            (json!({"apiVersion": API_VERSION, "kind": "Metadata"}).to_string(), "kind Push"),
            (json!({"apiVersion": API_VERSION, "kind": KIND, "topics": []}).to_string(), "`topics`"),
            (metadata(&json!({"label": {}})), "`label`"),
            (metadata(&json!({"labels": {"a": 1}})), "string"),
            (metadata(&json!({"topics": "x"})), "sequence"),
            (metadata(&json!({"mergePolicy": "merge"})), "mergePolicy must be"),
            ("{".to_owned(), "EOF"),
        ] {
            let error = Spec::parse(&text).unwrap_err();
            assert!(matches!(&error, Error::Other(said) if said.contains(words)), "{text}: {error:?}");
        }
        for text in [
            metadata(&json!(null)),
            metadata(&json!({})),
            metadata(&json!({"labels": null, "topics": null, "mergePolicy": ""})),
            json!({"apiVersion": API_VERSION, "kind": KIND}).to_string(),
        ] {
            assert_eq!(
                Spec::parse(&text).unwrap(),
                Spec { merge_policy: Spec::parse(&text).unwrap().merge_policy, ..Spec::default() }
            );
        }
    }

    /// ESO's buildReplication; of a regional secret the field that Google's reference has for its key.
    #[test]
    fn replication_and_keys() {
        let key = json!({"kmsKeyName": "k"});
        let replica = |location: &str| json!({"location": location});
        let with_key = |location: &str| json!({"location": location, "customerManagedEncryption": key});
        for (spec, regional, expected) in [
            (json!({}), false, Some(("replication", json!({"automatic": {}})))),
            (json!({}), true, None),
            (json!({"replicationLocation": "a"}), true, None),
            (
                json!({"cmekKeyName": "k"}),
                false,
                Some(("replication", json!({"automatic": {"customerManagedEncryption": key}}))),
            ),
            (json!({"cmekKeyName": "k"}), true, Some(("customerManagedEncryption", key.clone()))),
            (
                json!({"replicationLocation": "a"}),
                false,
                Some(("replication", json!({"userManaged": {"replicas": [replica("a")]}}))),
            ),
            (
                json!({"replicationLocation": "a", "replicationLocations": ["b", "c"], "cmekKeyName": "k"}),
                false,
                Some(("replication", json!({"userManaged": {"replicas": [with_key("b"), with_key("c")]}}))),
            ),
            (
                json!({"replicationLocation": "", "replicationLocations": [], "cmekKeyName": ""}),
                false,
                Some(("replication", json!({"automatic": {}}))),
            ),
        ] {
            assert_eq!(Spec::parse(&metadata(&spec)).unwrap().kept(regional), expected, "{spec}");
        }
    }

    /// The schema and the parser know the same fields.
    #[test]
    fn the_schema_has_every_field() {
        let schema: Value = serde_json::from_str(include_str!("../push-metadata-schema.json")).unwrap();
        let fields = schema["properties"]["spec"]["properties"].as_object().unwrap();
        let nothing: serde_json::Map<_, _> = fields.keys().map(|name| (name.clone(), Value::Null)).collect();
        assert_eq!(Spec::parse(&metadata(&Value::Object(nothing))).unwrap(), Spec::default());
        assert_eq!(fields.len(), 7, "as many as ESO's PushSecretMetadataSpec has");
        assert_eq!(schema["properties"]["kind"]["const"], KIND);
        assert_eq!(schema["properties"]["apiVersion"]["const"], API_VERSION);
    }
}
