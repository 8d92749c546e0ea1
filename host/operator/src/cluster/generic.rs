//! Objects of any namespaced kind, for targets that are no Secrets: read one by one, written by server-side apply.
//!
//! Nothing of them is watched or cached: each may hold secrets, and nobody knows how many there are.

use claviger_core::error::Failure;
use claviger_core::generic::{Document, Found};
use claviger_core::names::FIELD_MANAGER_PREFIX;
use claviger_core::plan::Force;
use claviger_core::secret::Untrusted;
use claviger_crds::external_secret::ManifestRef;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client};

use super::apply::{conflicting_managers, delete_seen, is_stale};
use super::live::api_failure;
use crate::watch::managed::controller;

/// A kind that the cluster has, in one namespace.
pub(crate) struct Objects {
    api: Api<DynamicObject>,
    kind: String,
    namespace: String,
}

impl Objects {
    /// Asks the cluster how the kind is reached.
    ///
    /// # Errors
    /// That there is no such kind, that it is not namespaced, or [`Failure::ApiServer`].
    pub(crate) async fn of(
        client: &Client,
        manifest: &ManifestRef,
        namespace: &str,
    ) -> Result<Self, Failure> {
        let (group, version) =
            manifest.api_version.split_once('/').unwrap_or(("", manifest.api_version.as_str()));
        let invalid = |why: String| Failure::PolicyInvalid { why: format!("target.manifest: {why}") };
        let ManifestRef { api_version, kind } = manifest;
        // They become part of a request's path.
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        if version.is_empty() || ![group, version, kind].into_iter().all(plain) {
            return Err(invalid(format!("{api_version:?} and {kind:?} are no apiVersion and kind")));
        }
        let wanted = GroupVersionKind::gvk(group, version, kind);
        let (resource, capabilities) = pinned_kind(client, &wanted).await.map_err(|error| match &error {
            kube::Error::Discovery(_) => invalid(format!(
                "the cluster has no {kind} of {api_version}: correct it, or install its definition"
            )),
            kube::Error::Api(status) if status.code == 404 => {
                invalid(format!("the cluster has no {api_version}: correct it, or install its definition"))
            }
            error => api_failure("looking up", kind, namespace, "", error),
        })?;
        if capabilities.scope != Scope::Namespaced {
            return Err(invalid(format!(
                "{kind} is not namespaced, and an ExternalSecret writes in its own namespace only"
            )));
        }
        let api = Api::namespaced_with(client.clone(), namespace, &resource);
        Ok(Self { api, kind: kind.clone(), namespace: namespace.to_owned() })
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Failure::ApiServer`].
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Found>, Failure> {
        let found = self.api.get_opt(name).await.map_err(|error| self.failure("reading", name, &error))?;
        let Some(object) = found else { return Ok(None) };
        let meta = &object.metadata;
        let controller = controller(meta);
        let (uid, version) = (meta.uid.clone(), meta.resource_version.clone());
        let deleting = meta.deletion_timestamp.is_some();
        let whole = serde_json::to_value(object).map_err(|_| Failure::ApiServer {
            doing: "reading",
            object: format!("{} {}/{name}", self.kind, self.namespace),
            code: None,
            detail: Untrusted::new("the object cannot be read"),
        })?;
        Ok(Some(Found {
            uid: uid.unwrap_or_default(),
            resource_version: version.unwrap_or_default(),
            deleting,
            controller,
            object: Document::new(whole),
        }))
    }

    /// Applies, and its metadata then; `None` if the object is not the one that was looked at any more. One that is `new`
    /// was not there: what somebody else has made since is left alone, as of Secrets.
    ///
    /// # Errors
    /// [`Failure::TargetConflict`] if another ExternalSecret owns one of the fields, else [`Failure::ApiServer`].
    pub(crate) async fn apply(
        &self,
        name: &str,
        body: &Document,
        manager: &str,
        force: Force,
        new: bool,
    ) -> Result<Option<ObjectMeta>, Failure> {
        let mut params = PatchParams::apply(manager);
        params.force = force == Force::Always && !new;
        let body = Patch::Apply(body.expose());
        let mut result = self.api.patch(name, &params, &body).await;
        if new && result.as_ref().is_err_and(|error| conflicting_managers(error).is_some()) {
            return Ok(None);
        }
        if let (Err(error), Force::UnlessExternalSecret) = (&result, force)
            && let Some(managers) = conflicting_managers(error)
        {
            if managers.iter().any(|manager| manager.contains(FIELD_MANAGER_PREFIX)) {
                let secret = format!("{} {}/{name}", self.kind, self.namespace);
                return Err(Failure::TargetConflict { secret, managers });
            }
            params.force = true;
            result = self.api.patch(name, &params, &body).await;
        }
        match result {
            Ok(written) => Ok(Some(written.metadata)),
            Err(error) if is_stale(&error) => Ok(None),
            Err(error) => Err(self.failure("writing", name, &error)),
        }
    }

    /// Deletes one if it is still the one that was looked at; whether it was.
    ///
    /// # Errors
    /// [`Failure::ApiServer`].
    pub(crate) async fn delete(
        &self,
        name: &str,
        uid: &str,
        resource_version: &str,
    ) -> Result<bool, Failure> {
        let deleted = delete_seen(&self.api, name, uid, resource_version).await;
        deleted.map_err(|error| self.failure("deleting", name, &error))
    }

    fn failure(&self, doing: &'static str, name: &str, error: &kube::Error) -> Failure {
        api_failure(doing, &self.kind, &self.namespace, name, error)
    }
}
