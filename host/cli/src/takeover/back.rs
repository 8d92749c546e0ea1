//! `claviger takeover back`: what ESO would not understand, and what the takeover did is undone as far as it can be.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use claviger_core::names::LABEL_MANAGED_SELECTOR;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client};

use super::differs::full_name;
use super::forms::{holds_leases, unknown_to_eso};
use super::live::{Step, carry_out, list};
use super::look::{definition_kind, definitions, kind_of, wanted_release, webhook_kind, who_runs};
use super::running::Product;
use super::{crds, refuse, webhooks};
use crate::args::BackArgs;

/// Kinds whose objects may have forms of Claviger's alone.
const KINDS: [&str; 5] =
    ["ExternalSecret", "ClusterExternalSecret", "SecretStore", "ClusterSecretStore", "VaultDynamicSecret"];

/// Goes back.
///
/// # Errors
/// If Claviger runs, or the cluster refuses.
pub(super) async fn back(args: &BackArgs) -> anyhow::Result<ExitCode> {
    let scope = &args.takeover;
    let config = crate::run::kube_config(scope.kubeconfig.as_deref()).await?;
    let client = Client::try_from(config).context("the cluster's address or credentials cannot be used")?;
    let crds: Vec<_> = definitions(&client).await?.into_iter().filter(crds::is_esos).collect();
    let mut out = std::io::stdout().lock();

    let running = who_runs(&client, Product::Claviger).await?;
    let running: Vec<_> = running.into_iter().filter(|found| found.concerns(&scope.namespaces)).collect();
    if !args.dry_run {
        refuse("Claviger", &running)?;
    }
    let mut unknown = 0;
    for kind in KINDS.iter().filter_map(|kind| kind_of(&crds, kind)) {
        if !kind.namespaced && !scope.namespaces.is_empty() {
            continue;
        }
        for object in list(&client, &kind, &scope.namespaces).await? {
            for form in unknown_to_eso(&object) {
                unknown += 1;
                writeln!(out, "{} {}: {form}", kind.resource.kind, full_name(&object))?;
            }
        }
    }
    let api: Api<Secret> = Api::all(client.clone());
    let managed = api.list_metadata(&ListParams::default().labels(LABEL_MANAGED_SELECTOR)).await;
    for secret in managed.context("Secrets cannot be listed")?.items {
        let secret = serde_json::to_value(secret)?;
        let namespace = secret["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        if holds_leases(&secret) && (scope.namespaces.is_empty() || scope.namespaces.contains(&namespace)) {
            unknown += 1;
            writeln!(
                out,
                "Secret {}: holds credentials on lease, which ESO neither renews nor takes back",
                full_name(&secret)
            )?;
        }
    }

    let kind = webhook_kind();
    let configurations = list(&client, &kind, &[]).await?;
    let mut steps: Vec<Step> = configurations
        .iter()
        .filter_map(|found| Some(Step::new(&kind, found, webhooks::restore(found)?)))
        .collect();
    let (kind, release) = (definition_kind(), wanted_release(scope));
    let give_back = |crd| crds::give_back(crd, release.as_ref()).map(|edit| Step::new(&kind, crd, edit));
    steps.extend(crds.iter().filter_map(give_back));
    if args.dry_run {
        for step in &steps {
            writeln!(out, "would be written: {}", step.says())?;
        }
    } else {
        let failed = carry_out(&client, "going back", &steps).await;
        if !failed.is_empty() {
            anyhow::bail!("not done: {}", failed.join("; "));
        }
    }
    writeln!(
        out,
        "{unknown} forms that ESO does not understand; {} objects {}.\nLeft to you: helm upgrade --install \
         external-secrets external-secrets/external-secrets with the namespace and values of before, which brings ESO's \
         own schemas, versions and conversion back and starts it. The mark \"{}: {}\" stays on the definitions, and ESO \
         puts its finalizers on by itself.",
        steps.len(),
        if args.dry_run { "to be written" } else { "written" },
        crds::RESOURCE_POLICY,
        crds::KEEP,
    )?;
    out.flush()?;
    Ok(if unknown > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
