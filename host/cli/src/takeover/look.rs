//! What there is to do for a takeover, as the cluster is now: reads, and leaves each decision to the pure modules.

use anyhow::Context;
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::crds::{self, Edit, Release};
use super::differs::full_name;
use super::finalizers::{self, Decision};
use super::helm::{self, Releases};
use super::live::{Kind, Step, list};
use super::running::{Product, Running, running};
use super::webhooks;
use crate::args::TakeoverArgs;

/// Kinds with finalizers of ESO's, by their definitions. What is of the whole cluster is looked at for the whole cluster.
const FINALIZED: [(&str, bool); 6] = [
    ("ExternalSecret", true),
    ("SecretStore", true),
    ("PushSecret", true),
    ("GeneratorState", true),
    ("ClusterExternalSecret", false),
    ("ClusterSecretStore", false),
];

/// What was found.
pub(super) struct Look {
    /// What runs of ESO and concerns this takeover.
    pub(super) running: Vec<Running>,
    /// What runs of ESO for others.
    pub(super) others: Vec<Running>,
    /// ESO's definitions, also those of kinds that Claviger does not serve.
    pub(super) crds: Vec<Value>,
    /// What is to be written, stage by stage, in this order.
    pub(super) stages: Vec<(&'static str, Vec<Step>)>,
    /// What would delete the definitions all the same, each with what to do.
    pub(super) unsafe_: Vec<String>,
    /// What stays as it is, and why.
    pub(super) named: Vec<String>,
}

impl Look {
    /// Whether nothing is to be written.
    pub(super) fn is_done(&self) -> bool {
        self.stages.iter().all(|(_, steps)| steps.is_empty())
    }
}

/// What runs of a product.
///
/// # Errors
/// If Deployments, Pods or Leases may not be listed.
pub(super) async fn who_runs(client: &Client, product: Product) -> anyhow::Result<Vec<Running>> {
    let deployments = Kind::new("apps", "v1", "Deployment", "deployments", true);
    let pods = Kind::new("", "v1", "Pod", "pods", true);
    let leases = Kind::new("coordination.k8s.io", "v1", "Lease", "leases", true);
    let (deployments, pods, leases) = tokio::try_join!(
        list(client, &deployments, &[]),
        list(client, &pods, &[]),
        list(client, &leases, &[])
    )?;
    Ok(running(product, &deployments, &pods, &leases, Timestamp::now()))
}

/// The definitions of this cluster.
///
/// # Errors
/// If they may not be listed.
pub(super) async fn definitions(client: &Client) -> anyhow::Result<Vec<Value>> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let all = api.list(&ListParams::default()).await.context("the definitions cannot be listed")?;
    let all = all.items.into_iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    Ok(all)
}

/// What defines the definitions.
pub(super) fn definition_kind() -> Kind {
    Kind::new("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false)
}

/// What holds webhooks.
pub(super) fn webhook_kind() -> Kind {
    Kind::new(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        false,
    )
}

/// The kind of that name among the definitions.
pub(super) fn kind_of(crds: &[Value], kind: &str) -> Option<Kind> {
    crds.iter().find(|crd| crd["spec"]["names"]["kind"] == kind).and_then(Kind::of)
}

/// The release that the definitions are to belong to.
pub(super) fn wanted_release(args: &TakeoverArgs) -> Option<Release> {
    let name = args.release.clone()?;
    Some(Release { namespace: args.release_namespace.clone().unwrap_or_default(), name })
}

/// Looks.
///
/// # Errors
/// If there is nothing of ESO's, or something may not be read.
pub(super) async fn look(client: &Client, args: &TakeoverArgs) -> anyhow::Result<Look> {
    let (crds, rest): (Vec<Value>, Vec<Value>) =
        definitions(client).await?.into_iter().partition(crds::is_esos);
    if crds.is_empty() {
        anyhow::bail!("there is no definition of external-secrets.io in this cluster: nothing to take over");
    }
    let (running, others): (Vec<Running>, Vec<Running>) = who_runs(client, Product::Eso)
        .await?
        .into_iter()
        .partition(|running| running.concerns(&args.namespaces));

    let kind = definition_kind();
    let (mut marks, mut unsafe_) = (Vec::new(), Vec::new());
    for crd in &crds {
        let name = full_name(crd);
        marks.extend(crds::mark(crd).map(|edit| Step::new(&kind, crd, edit)));
        // Who still has a server for it has the use of it.
        if others.is_empty() {
            match crds::without_webhook(crd) {
                Ok(edit) => marks.extend(edit.map(|edit| Step::new(&kind, crd, edit))),
                Err(why) => unsafe_.push(format!("the definition {name}: {why}")),
            }
        }
    }
    let releases = helm::look(client, &crds, args.no_stored_release).await?;
    let Releases { steps: releases, unsafe_: not_kept } = releases;
    unsafe_.extend(not_kept);
    // Whose they are is given up when nothing would delete them any more.
    let owners = if releases.is_empty() && unsafe_.is_empty() {
        let wanted = wanted_release(args);
        let own = rest.iter().filter(|crd| wanted.is_some() && crds::is_own(crd));
        let take = |crd| crds::take(crd, wanted.as_ref()).map(|edit| Step::new(&kind, crd, edit));
        crds.iter().chain(own).filter_map(take).collect()
    } else {
        Vec::new()
    };

    let kind = webhook_kind();
    let webhooks = if others.is_empty() {
        let all = list(client, &kind, &[]).await?;
        all.iter().filter_map(|found| Some(Step::new(&kind, found, webhooks::ignore(found)?))).collect()
    } else {
        Vec::new()
    };

    let mut named = Vec::new();
    let finalizers = finalizers(client, args, &crds, &mut named).await?;
    let stages = vec![
        ("definitions", marks),
        ("Helm releases", releases),
        ("webhooks", webhooks),
        ("finalizers", finalizers),
        ("owners of the definitions", owners),
    ];
    Ok(Look { running, others, crds, stages, unsafe_, named })
}

async fn finalizers(
    client: &Client,
    args: &TakeoverArgs,
    crds: &[Value],
    named: &mut Vec<String>,
) -> anyhow::Result<Vec<Step>> {
    let pushes = match kind_of(crds, "PushSecret") {
        Some(kind) => finalizers::deleting_pushes(&list(client, &kind, &[]).await?),
        None => Vec::new(),
    };
    let whole = args.namespaces.is_empty();
    let kinds = FINALIZED.iter().filter(|(_, namespaced)| *namespaced || whole);
    let mut kinds: Vec<Kind> = kinds.filter_map(|(kind, _)| kind_of(crds, kind)).collect();
    kinds.push(Kind::new("", "v1", "Namespace", "namespaces", false));
    let mut steps = Vec::new();
    for kind in &kinds {
        for object in list(client, kind, &args.namespaces).await? {
            let of_kind = object["kind"].as_str().unwrap_or_default();
            let name = full_name(&object);
            if of_kind == "Namespace" && !whole && !args.namespaces.contains(&name) {
                continue;
            }
            let (left, says) = match finalizers::decide(&object, &pushes) {
                Decision::Nothing => continue,
                Decision::Stay(why) => {
                    named.push(format!("{of_kind} {name} keeps ESO's finalizer: {why}"));
                    continue;
                }
                Decision::Deleting(_) if !args.finish_deletions => {
                    named.push(format!(
                        "{of_kind} {name} is being deleted and waits for ESO; --finish-deletions lets it go, with what \
                         it owns"
                    ));
                    continue;
                }
                Decision::Deleting(left) => (left, "goes, for it was deleted before"),
                Decision::Remove(left) => (left, "loses ESO's finalizer"),
            };
            let left = if left.is_empty() { Value::Null } else { json!(left) };
            let patch = json!({"metadata": {"finalizers": left}});
            steps.push(Step::new(kind, &object, Edit { patch, says: vec![says.to_owned()] }));
        }
    }
    Ok(steps)
}
