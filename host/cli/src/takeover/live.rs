//! What the takeover writes: merge patches of the very version that was looked at.

use std::collections::BTreeMap;

use futures::StreamExt;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::Value;

use super::crds::Edit;
use crate::objects::Kind;

/// Shown as the manager of what is written.
const MANAGER: &str = "claviger-takeover";
/// Writes at once: the API server's priority and fairness lets more wait.
const AT_ONCE: usize = 16;

/// One write.
#[derive(Clone, Debug)]
pub(super) struct Step {
    kind: Kind,
    namespace: Option<String>,
    name: String,
    version: String,
    edit: Edit,
}

impl Step {
    /// Of an object as it was read.
    pub(super) fn new(kind: &Kind, object: &Value, edit: Edit) -> Self {
        let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
        Self {
            kind: kind.clone(),
            namespace: text("namespace"),
            name: text("name").unwrap_or_default(),
            version: text("resourceVersion").unwrap_or_default(),
            edit,
        }
    }

    /// `ExternalSecret a/b`.
    pub(super) fn what(&self) -> String {
        let name = self.name.as_str();
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind.resource.kind),
            None => format!("{} {name}", self.kind.resource.kind),
        }
    }

    /// What is done, in words.
    pub(super) fn says(&self) -> String {
        format!("{} {}", self.what(), self.edit.says.join(", "))
    }

    /// Does it; an object that is gone needs nothing, one that moved is looked at again.
    async fn carry_out(&self, client: &Client) -> Result<(), String> {
        let mut patch = self.edit.patch.clone();
        patch["metadata"]["resourceVersion"] = self.version.clone().into();
        let api = self.kind.api(client, self.namespace.as_deref());
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match api.patch_metadata(&self.name, &params, &Patch::Merge(&patch)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(format!("{}: {error}", self.what())),
        }
    }
}

/// Carries out all of them, many at once, and says on standard error how far it is. What failed comes back.
pub(super) async fn carry_out(client: &Client, title: &str, steps: &[Step]) -> Vec<String> {
    carry_out_each(client, title, steps).await.into_values().collect()
}

/// The same; what failed comes back by [`Step::what`].
pub(super) async fn carry_out_each(client: &Client, title: &str, steps: &[Step]) -> BTreeMap<String, String> {
    let mut failed = BTreeMap::new();
    let each = steps.iter().map(|step| async { (step.what(), step.carry_out(client).await) });
    let mut running = futures::stream::iter(each).buffer_unordered(AT_ONCE);
    let mut done = 0;
    while let Some((what, outcome)) = running.next().await {
        failed.extend(outcome.err().map(|why| (what, why)));
        done += 1;
        if done % 100 == 0 || done == steps.len() {
            eprintln!("{title}: {done} of {}", steps.len());
        }
    }
    failed
}
