//! Deployments, StatefulSets and DaemonSets: found, restarted by an annotation on their pod template, and looked at.

use claviger_core::error::Failure;
use claviger_core::names::{ANNOTATION_ROLLOUT_SELECTOR, OWN_FIELD_MANAGER};
use claviger_core::rollout::{Targets, WorkloadKind};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::cluster::live::api_failure;

/// Workloads of a kind that one selector may bring: who restarts more at once means something else.
const MAX_SELECTED: u32 = 500;

/// A workload that was found.
pub(crate) struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// All of it, as JSON.
    pub object: Value,
}

impl Workload {
    /// For messages.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.name)
    }

    /// An annotation of its pod template.
    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.object["spec"]["template"]["metadata"]["annotations"][name].as_str()
    }
}

/// What was found of the targets, and which of those named are not there.
///
/// # Errors
/// [`Failure::ApiServer`], or that too much is selected.
pub(crate) async fn find(
    client: &Client,
    namespace: &str,
    targets: &Targets,
) -> Result<(Vec<Workload>, Vec<String>), Failure> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (kind, name) in &targets.named {
        let failed = |error| api_failure("reading", kind.as_str(), namespace, name, &error);
        match api(client, *kind, namespace).get_opt(name).await.map_err(failed)? {
            Some(object) => found.push(workload(*kind, object)),
            None => missing.push(format!("{} {name}", kind.as_str())),
        }
    }
    if let Some(selector) = &targets.selector {
        for kind in WorkloadKind::ALL {
            let params = ListParams::default().labels(selector).limit(MAX_SELECTED);
            let failed = |error| api_failure("listing", kind.as_str(), namespace, selector, &error);
            let list = api(client, kind, namespace).list(&params).await.map_err(failed)?;
            if list.metadata.continue_.is_some_and(|more| !more.is_empty()) {
                let why = format!(
                    "{ANNOTATION_ROLLOUT_SELECTOR} selects more than {MAX_SELECTED} of kind {}",
                    kind.as_str()
                );
                return Err(Failure::PolicyInvalid { why });
            }
            let selected = list.items.into_iter().map(|object| workload(kind, object));
            let named = |one: &Workload| targets.named.contains(&(one.kind, one.name.clone()));
            found.extend(selected.filter(|one| !named(one)));
        }
    }
    Ok((found, missing))
}

/// Restarts one: its pods are replaced, as its own strategy says.
///
/// # Errors
/// [`Failure::ApiServer`].
pub(crate) async fn restart(
    client: &Client,
    namespace: &str,
    workload: &Workload,
    annotation: &str,
    mark: &str,
) -> Result<(), Failure> {
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {annotation: mark}}}}});
    let params = PatchParams { field_manager: Some(OWN_FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let patched =
        api(client, workload.kind, namespace).patch(&workload.name, &params, &Patch::Merge(&patch)).await;
    let failed = |error| api_failure("restarting", workload.kind.as_str(), namespace, &workload.name, &error);
    patched.map(drop).map_err(failed)
}

fn api(client: &Client, kind: WorkloadKind, namespace: &str) -> Api<DynamicObject> {
    let resource = match kind {
        WorkloadKind::Deployment => ApiResource::erase::<Deployment>(&()),
        WorkloadKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        WorkloadKind::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
    };
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn workload(kind: WorkloadKind, object: DynamicObject) -> Workload {
    let name = object.metadata.name.clone().unwrap_or_default();
    Workload { kind, name, object: json!(object) }
}
