//! The cluster, as far as the takeover asks it: lists, and merge patches of the very version that was looked at.

use std::collections::BTreeMap;

use anyhow::Context;
use futures::StreamExt;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

use super::crds::Edit;

/// Shown as the manager of what is written.
const MANAGER: &str = "claviger-takeover";
/// Objects in one answer of the API server.
const PAGE: u32 = 500;
/// Writes at once: the API server's priority and fairness lets more wait.
const AT_ONCE: usize = 16;

/// What an object is.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
}

impl Kind {
    pub(super) fn new(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let gvk = GroupVersionKind::gvk(group, version, kind);
        Self { resource: ApiResource::from_gvk_with_plural(&gvk, plural), namespaced }
    }

    /// The kind that a definition defines, in the version that is stored or one that is served.
    pub(super) fn of(crd: &Value) -> Option<Self> {
        let spec = &crd["spec"];
        let versions = || spec["versions"].as_array().into_iter().flatten();
        let served = |version: &&Value| version["served"] == true;
        let version = versions()
            .filter(served)
            .find(|version| version["storage"] == true)
            .or_else(|| versions().find(served))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self::new(
            &text(&spec["group"])?,
            &text(&version["name"])?,
            &text(&spec["names"]["kind"])?,
            &text(&spec["names"]["plural"])?,
            spec["scope"] == "Namespaced",
        ))
    }

    fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

/// All objects of a kind: of these namespaces, if some are named and the kind has them.
///
/// # Errors
/// If they may not be listed.
pub(super) async fn list(client: &Client, kind: &Kind, namespaces: &[String]) -> anyhow::Result<Vec<Value>> {
    let scopes: Vec<Option<&str>> = match namespaces {
        [] => vec![None],
        _ if !kind.namespaced => vec![None],
        some => some.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    let mut found = Vec::new();
    for scope in scopes {
        let api = kind.api(client, scope);
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = api.list(&params).await;
            let page = page.with_context(|| format!("{} cannot be listed", kind.resource.plural))?;
            for object in page.items {
                let mut value = serde_json::to_value(object).context("an object is no JSON")?;
                // Lists of built-in kinds leave it out.
                value["kind"] = kind.resource.kind.clone().into();
                found.push(value);
            }
            match page.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => params = params.continue_token(&next),
                None => break,
            }
        }
    }
    Ok(found)
}

/// One object, if it is there.
///
/// # Errors
/// If it may not be read.
pub(super) async fn get(
    client: &Client,
    kind: &Kind,
    namespace: &str,
    name: &str,
) -> anyhow::Result<Option<Value>> {
    let found = kind.api(client, Some(namespace)).get_opt(name).await;
    let found = found.with_context(|| format!("{} {namespace}/{name} cannot be read", kind.resource.kind))?;
    found.map(|object| serde_json::to_value(object).context("an object is no JSON")).transpose()
}

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
