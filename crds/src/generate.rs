//! The CustomResourceDefinitions as YAML, one file each, ready for `kubectl apply`.
//!
//! The External Secrets Operator's kinds come in two versions with one schema: v1 is stored, v1beta1 is
//! served for manifests that still say so. With one schema nothing is pruned between them, so no
//! conversion is needed. Nothing here talks to a cluster.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionVersion,
    CustomResourceSubresourceStatus, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;
use serde_json::Value;

use crate::cluster_external_secret::ClusterExternalSecret;
use crate::cluster_push_secret::ClusterPushSecret;
use crate::external_secret::ExternalSecret;
use crate::generators::{
    ACRAccessToken, ClusterGenerator, ECRAuthorizationToken, Fake, GCRAccessToken, GeneratorState, Password,
    SSHKey, STSSessionToken, UUID, VaultDynamicSecret, Webhook,
};
use crate::plugin::Plugin;
use crate::push_secret::PushSecret;
use crate::store::{ClusterSecretStore, SecretStore};

/// The version that is served besides the stored one.
const DEPRECATED_VERSION: &str = "v1beta1";

/// File name and YAML of every definition.
pub fn all() -> Vec<(String, String)> {
    definitions().into_iter().map(|crd| (file_name(&crd), to_yaml(&crd))).collect()
}

/// Every definition.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![
        with_deprecated_version(without_policy(finish(SecretStore::crd()))),
        with_deprecated_version(finish(ClusterSecretStore::crd())),
        with_deprecated_version(finish(ExternalSecret::crd())),
        with_deprecated_version(finish(ClusterExternalSecret::crd())),
        finish(PushSecret::crd()),
        finish(ClusterPushSecret::crd()),
        finish(Plugin::crd()),
        generator(finish(ACRAccessToken::crd())),
        generator(finish(ClusterGenerator::crd())),
        generator(finish(ECRAuthorizationToken::crd())),
        generator(finish(Fake::crd())),
        generator(finish(GCRAccessToken::crd())),
        finish(GeneratorState::crd()),
        generator(finish(Password::crd())),
        generator(finish(SSHKey::crd())),
        generator(finish(STSSessionToken::crd())),
        generator(finish(UUID::crd())),
        generator(finish(VaultDynamicSecret::crd())),
        generator(finish(Webhook::crd())),
    ]
}

/// `<group>_<plural>.yaml`, as controller-gen names them.
fn file_name(crd: &CustomResourceDefinition) -> String {
    format!("{}_{}.yaml", crd.spec.group, crd.spec.names.plural)
}

fn to_yaml(crd: &CustomResourceDefinition) -> String {
    #[expect(
        clippy::expect_used,
        reason = "the definitions are constants of this crate: strings, numbers and maps with string keys, \
                  all of which YAML can hold; a test renders every one"
    )]
    serde_saphyr::to_string(crd).expect("a definition is plain data")
}

/// What kube-derive leaves out.
fn finish(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    // Deleting a definition deletes every object of it and with them the Secrets they own, so neither
    // uninstalling the chart nor moving to another may do it.
    crd.metadata
        .annotations
        .get_or_insert_default()
        .insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    crd.metadata
        .labels
        .get_or_insert_default()
        .insert("app.kubernetes.io/part-of".to_owned(), "claviger".to_owned());
    crd.spec.names.list_kind = Some(format!("{}List", crd.spec.names.kind));
    crd.spec.conversion = Some(CustomResourceConversion { strategy: "None".to_owned(), webhook: None });
    for version in &mut crd.spec.versions {
        tidy_schema(version);
    }
    crd
}

/// A field that is left out of the schema is dropped in silence, and whoever wrote a policy would believe that it
/// holds. So the API server refuses one.
fn without_policy(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        let spec = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("spec"));
        let Some(fields) = spec.and_then(|spec| spec.properties.as_mut()) else { continue };
        let item = JSONSchemaProps { type_: Some("object".to_owned()), ..JSONSchemaProps::default() };
        let policy = JSONSchemaProps {
            description: Some("For ClusterSecretStores only: a SecretStore serves one namespace.".to_owned()),
            type_: Some("array".to_owned()),
            max_items: Some(0),
            items: Some(JSONSchemaPropsOrArray::Schema(Box::new(item))),
            ..JSONSchemaProps::default()
        };
        fields.insert("accessPolicy".to_owned(), policy);
    }
    crd
}

/// Adds the older version with the very same schema.
fn with_deprecated_version(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let older: Vec<_> = crd
        .spec
        .versions
        .iter()
        .map(|stored| CustomResourceDefinitionVersion {
            name: DEPRECATED_VERSION.to_owned(),
            storage: false,
            deprecated: Some(true),
            deprecation_warning: Some(format!(
                "{}/{DEPRECATED_VERSION} {} is deprecated; use {}/{}, which has the same fields",
                crd.spec.group, crd.spec.names.kind, crd.spec.group, stored.name
            )),
            ..stored.clone()
        })
        .collect();
    crd.spec.versions.extend(older);
    crd
}

/// A generator has no status and, as with the peer, the subresource of one. Its spec may be left out, where it has nothing
/// that must be in it.
fn generator(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        let status = CustomResourceSubresourceStatus::default();
        version.subresources.get_or_insert_default().status = Some(status);
        if let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            schema.required = None;
        }
    }
    crd
}

fn tidy_schema(version: &mut CustomResourceDefinitionVersion) {
    let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) else {
        return;
    };
    #[expect(clippy::expect_used, reason = "JSONSchemaProps serializes to JSON and back by construction")]
    let tidied = {
        let mut value = serde_json::to_value(&*schema).expect("a schema is JSON");
        tidy(&mut value);
        serde_json::from_value(value).expect("a tidied schema is a schema")
    };
    *schema = tidied;
}

/// Brings what schemars writes to what the API server's own generators write.
///
/// Only keywords are touched, never the names of properties.
fn tidy(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    // An optional field may be absent; a null is not a value, as for every field of Kubernetes' own kinds.
    object.remove("nullable");
    for keyword in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(keyword) {
            tidy(inner);
        }
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(tidy);
    }
}
