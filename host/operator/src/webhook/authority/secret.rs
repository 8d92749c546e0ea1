//! The Secret: read with its values taken over at once, written in the version that was seen.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_core::names::{ANNOTATION_WEBHOOK_SINCE, LABEL_WEBHOOK};
use claviger_core::secret::SecretBytes;
use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::{Map, Value, json};

use super::FIELD_MANAGER;
use super::content::{Content, KEYS};

/// The label's value.
const AUTHORITY: &str = "authority";

/// As it was seen.
#[derive(Default)]
pub(super) struct Found {
    /// None: it is not there.
    version: Option<String>,
    /// Ours, or empty: one that was made for us beforehand.
    pub(super) is_ours: bool,
    /// Since when its authorities are published.
    pub(super) since: Option<String>,
    /// Its values.
    pub(super) data: BTreeMap<String, SecretBytes>,
}

impl Found {
    /// Reads it.
    pub(super) async fn read(api: &Api<Secret>, name: &str) -> Result<Self, kube::Error> {
        Ok(api
            .get_opt(name)
            .await?
            .map(Self::of)
            .unwrap_or_else(|| Self { is_ours: true, ..Self::default() }))
    }

    fn of(mut secret: Secret) -> Self {
        let data: BTreeMap<_, _> = secret.data.take().unwrap_or_default().into_iter().collect();
        let data: BTreeMap<_, _> =
            data.into_iter().map(|(key, value)| (key, SecretBytes::new(value.0))).collect();
        let marked = secret.labels().get(LABEL_WEBHOOK).is_some_and(|value| value == AUTHORITY);
        Self {
            is_ours: marked || data.values().all(SecretBytes::is_empty),
            since: secret.annotations().get(ANNOTATION_WEBHOOK_SINCE).cloned(),
            version: secret.metadata.resource_version.take(),
            data,
        }
    }

    /// Whether it is there.
    pub(super) fn exists(&self) -> bool {
        self.version.is_some()
    }

    /// Whether it holds something else than that. Other keys than ours are nobody's business.
    pub(super) fn differs(&self, content: &Content) -> bool {
        let wanted = content.data();
        let same = |key: &str| match (self.data.get(key), wanted.get(key)) {
            (None, None) => true,
            (Some(found), Some(wanted)) => found.same(wanted),
            _ => false,
        };
        self.since != content.since() || !KEYS.iter().all(|key| same(key))
    }

    /// Writes it, and says which object that is.
    pub(super) async fn write(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
        content: &Content,
    ) -> Result<ObjectReference, kube::Error> {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let wanted = content.data();
        let encoded = |key: &str| wanted.get(key).map(|value| json!(STANDARD.encode(value.expose())));
        let mut metadata = json!({
            "labels": {LABEL_WEBHOOK: AUTHORITY},
            "annotations": {ANNOTATION_WEBHOOK_SINCE: content.since()},
        });
        let written = match &self.version {
            None => {
                metadata["name"] = json!(name);
                if content.since().is_none() {
                    metadata["annotations"] = json!({});
                }
                let data: Map<String, Value> =
                    KEYS.iter().filter_map(|key| Some(((*key).to_owned(), encoded(key)?))).collect();
                let object = json!({"metadata": metadata, "type": "Opaque", "data": data});
                let object: Secret = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
                let params =
                    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
                api.create(&params, &object).await?
            }
            Some(version) => {
                metadata["resourceVersion"] = json!(version);
                // In a merge patch null takes a key away.
                let data: Map<String, Value> =
                    KEYS.iter().map(|key| ((*key).to_owned(), encoded(key).unwrap_or(Value::Null))).collect();
                let patch = json!({"metadata": metadata, "data": data});
                let params =
                    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
                api.patch(name, &params, &Patch::Merge(&patch)).await?
            }
        };
        let reference = written.object_ref(&());
        for (_, value) in written.data.unwrap_or_default() {
            drop(SecretBytes::new(value.0));
        }
        Ok(reference)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(object: Value) -> Found {
        Found::of(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn what_bears_no_mark_is_somebody_elses() {
        let labels = |value: &str| json!({"resourceVersion": "7", "labels": {"claviger.io/webhook": value}});
        // (metadata, data, whether it is ours)
        let cases = [
            (json!({"resourceVersion": "7"}), json!({}), true),
            (json!({"resourceVersion": "7"}), json!({"tls.crt": "", "tls.key": ""}), true),
            (json!({"resourceVersion": "7"}), json!({"tls.crt": "eA=="}), false),
            (json!({"resourceVersion": "7"}), json!({"other": "eA=="}), false),
            (labels("authority"), json!({"tls.crt": "eA=="}), true),
            (labels("another"), json!({"tls.crt": "eA=="}), false),
        ];
        for (metadata, data, ours) in cases {
            let found = found(json!({"metadata": metadata, "data": data}));
            assert_eq!((found.is_ours, found.exists()), (ours, true), "{metadata} {data}");
        }
    }
}
