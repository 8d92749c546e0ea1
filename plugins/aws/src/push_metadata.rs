//! `data[].metadata` of a PushSecret: ESO's `PushSecretMetadata`, with the fields of the one service and of the other.
//! The host has checked its form against the schema, which both share; what one of them does not know is refused here.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::managed::MARK;

/// For a secret of Secrets Manager. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct SecretSpec {
    /// Whole: others are taken off. Left alone where there are none.
    pub tags: Option<BTreeMap<String, String>>,
    /// In words.
    pub description: Option<String>,
    /// `string` or `binary`.
    pub secret_push_format: Option<String>,
    /// Of the secret when it is made, and of its replicas.
    // Go's JSON takes a name in any case.
    #[serde(alias = "kmsKeyID")]
    pub kms_key_id: Option<String>,
    /// Who else may do what.
    pub resource_policy: Option<PolicySpec>,
    /// Regions: others are taken off. Left alone where there is no list.
    pub replication_locations: Option<Vec<String>>,
}

/// See [`SecretSpec`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct PolicySpec {
    /// Whether AWS refuses one that lets everybody in.
    pub block_public_policy: Option<bool>,
    /// The document; empty for none. ESO has it in an object of the cluster only.
    pub policy: Option<String>,
    /// A ConfigMap's or Secret's key, which no plugin can read.
    pub policy_source_ref: Option<Value>,
}

/// For a parameter. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ParameterSpec {
    /// `String`, `StringList`, `SecureString`.
    pub secret_type: Option<String>,
    /// Of a SecureString.
    #[serde(alias = "kmsKeyId", rename = "kmsKeyID")]
    pub kms_key_id: Option<String>,
    /// What it costs and can.
    pub tier: Option<Tier>,
    /// Without effect: a whole Secret is always texts.
    pub encode_as_decoded: Option<bool>,
    /// As [`SecretSpec::tags`].
    pub tags: Option<BTreeMap<String, String>>,
    /// In words.
    pub description: Option<String>,
}

/// See [`ParameterSpec`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tier {
    /// `Standard`, `Advanced`, `Intelligent-Tiering`.
    pub r#type: Option<String>,
    /// When it expires, and who is told.
    pub policies: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document<T> {
    kind: String,
    api_version: String,
    #[serde(default = "Option::default")]
    spec: Option<T>,
}

fn parse<T: DeserializeOwned + Default>(metadata: Option<&str>, service: &str) -> Result<T, Error> {
    let Some(metadata) = metadata else { return Ok(T::default()) };
    let document: Document<T> = serde_json::from_str(metadata)
        .map_err(|error| Error::Other(format!("the push's metadata is not for {service}: {error}")))?;
    let (kind, version) = ("PushSecretMetadata", "kubernetes.external-secrets.io/v1alpha1");
    if (document.kind.as_str(), document.api_version.as_str()) != (kind, version) {
        return Err(Error::Other(format!("the push's metadata must be {kind} of {version}")));
    }
    Ok(document.spec.unwrap_or_default())
}

fn without_mark(tags: Option<&BTreeMap<String, String>>) -> Result<(), Error> {
    match tags.is_some_and(|tags| tags.contains_key(MARK.0)) {
        true => Err(Error::Other(format!(
            "error parsing tags in metadata: Cannot specify a '{}' tag: it says whose the key is",
            MARK.0
        ))),
        false => Ok(()),
    }
}

/// Empty texts are as good as none, as in ESO.
fn tidy(text: &mut Option<String>) {
    text.take_if(|text| text.is_empty());
}

impl SecretSpec {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it; [`Error::Unsupported`] for a policy that stands in an object of the cluster.
    pub fn parse(metadata: Option<&str>) -> Result<Self, Error> {
        let mut spec: Self = parse(metadata, "Secrets Manager")?;
        without_mark(spec.tags.as_ref())?;
        let policy = spec.resource_policy.as_ref();
        if policy.is_some_and(|policy| policy.policy_source_ref.is_some()) {
            return Err(Error::Unsupported(
                "resourcePolicy.policySourceRef: the plugin reads no objects of the cluster; put the document itself under resourcePolicy.policy"
                    .to_owned(),
            ));
        }
        match spec.secret_push_format.as_deref() {
            None | Some("" | "string" | "binary") => {}
            Some(other) => return Err(Error::Other(format!("invalid secret push format: {other}"))),
        }
        tidy(&mut spec.description);
        tidy(&mut spec.secret_push_format);
        tidy(&mut spec.kms_key_id);
        spec.tags.take_if(|tags| tags.is_empty());
        Ok(spec)
    }
}

impl ParameterSpec {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(metadata: Option<&str>) -> Result<Self, Error> {
        let mut spec: Self = parse(metadata, "Parameter Store")?;
        without_mark(spec.tags.as_ref())?;
        tidy(&mut spec.secret_type);
        tidy(&mut spec.kms_key_id);
        tidy(&mut spec.description);
        spec.tags.take_if(|tags| tags.is_empty());
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn document(spec: Value) -> String {
        json!({
            "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
        })
        .to_string()
    }

    /// The examples of ESO's documentation (docs/snippets/aws-{sm,pm}-push-secret-with-metadata.yaml), but for the
    /// policy's reference.
    #[test]
    fn what_eso_documents() {
        let secret = document(json!({
            "secretPushFormat": "string", "kmsKeyID": "bb123123-b2b0-4f60-ac3a-44a13f0e6b6c",
            "description": "this is a description", "tags": {"team": "platform"}, "replicationLocations": ["eu-west-1"],
        }));
        let spec = SecretSpec::parse(Some(&secret)).unwrap();
        assert_eq!(spec.kms_key_id.as_deref(), Some("bb123123-b2b0-4f60-ac3a-44a13f0e6b6c"));
        assert_eq!(spec.secret_push_format.as_deref(), Some("string"));
        let policies = json!([{"Type": "ExpirationNotification", "Version": "1.0"}]);
        let parameter = document(json!({
            "secretType": "SecureString", "kmsKeyID": "alias/x", "encodeAsDecoded": true,
            "tier": {"type": "Advanced", "policies": policies}, "tags": {"team": "platform"},
        }));
        let spec = ParameterSpec::parse(Some(&parameter)).unwrap();
        assert_eq!(spec.tier.unwrap().policies, Some(policies));
        assert_eq!(SecretSpec::parse(None).unwrap(), SecretSpec::default());
        assert_eq!(SecretSpec::parse(Some(&document(Value::Null))).unwrap(), SecretSpec::default());
    }

    #[test]
    fn what_is_refused() {
        let policy =
            json!({"resourcePolicy": {"policySourceRef": {"kind": "ConfigMap", "name": "a", "key": "b"}}});
        for (metadata, said) in [
            (document(json!({"secretType": "String"})), "unknown field `secretType`"),
            (document(json!({"tags": {"managed-by": "me"}})), "Cannot specify a 'managed-by' tag"),
            (document(json!({"secretPushFormat": "hex"})), "invalid secret push format: hex"),
            (document(policy), "unsupported: resourcePolicy.policySourceRef"),
            (json!({"kind": "PushSecretMetadata", "apiVersion": "v1", "spec": {}}).to_string(), "must be"),
            (json!({"secretPushFormat": "string"}).to_string(), "unknown field"),
        ] {
            let text = match SecretSpec::parse(Some(&metadata)) {
                Err(Error::Other(text)) => text,
                Err(Error::Unsupported(text)) => format!("unsupported: {text}"),
                other => panic!("{other:?}"),
            };
            assert!(text.contains(said), "{text}");
        }
        assert!(ParameterSpec::parse(Some(&document(json!({"secretPushFormat": "string"})))).is_err());
    }

    /// What one of the two takes, the schema takes.
    #[test]
    fn the_schema_has_every_field() {
        let schema: Value = serde_json::from_str(include_str!("../push-metadata-schema.json")).unwrap();
        let spec = schema["properties"]["spec"]["properties"].as_object().unwrap();
        for name in spec.keys() {
            let value = match name.as_str() {
                "tags" => json!({}),
                "resourcePolicy" | "tier" | "replicationLocations" => Value::Null,
                "encodeAsDecoded" => json!(true),
                _ => json!(""),
            };
            let metadata = document(json!({name: value}));
            let (secret, parameter) =
                (SecretSpec::parse(Some(&metadata)), ParameterSpec::parse(Some(&metadata)));
            assert!(secret.is_ok() || parameter.is_ok(), "{name}");
        }
        assert_eq!(spec.len(), 10);
    }
}
