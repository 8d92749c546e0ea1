//! `claviger takeover back`: what ESO would not understand, and what the takeover did is undone as far as it can be.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use claviger_core::names::LABEL_MANAGED_SELECTOR;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;

use super::crds::Release;
use super::forms::{holds_leases, unknown_to_eso};
use super::live::{Step, carry_out};
use super::look::{definition_kind, kind_of, wanted_release, webhook_kind};
use super::{crds, helm, refuse, webhooks};
use crate::args::BackArgs;
use crate::cluster;
use crate::objects::{definitions, full_name, list};
use crate::running::{Product, who_runs};

/// Kinds whose objects may have forms of Claviger's alone.
const KINDS: [&str; 5] =
    ["ExternalSecret", "ClusterExternalSecret", "SecretStore", "ClusterSecretStore", "VaultDynamicSecret"];

/// Goes back.
///
/// # Errors
/// If Claviger runs, or the cluster refuses.
pub(super) async fn back(args: &BackArgs) -> anyhow::Result<ExitCode> {
    let scope = &args.takeover;
    let config = cluster::config(scope.kubeconfig.as_deref()).await?;
    let client = cluster::client(config)?;
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
    let releases: BTreeSet<Release> = release
        .into_iter()
        .chain(crds.iter().flat_map(|crd| [crds::owner_before(crd), crds::deleted_by(crd)]).flatten())
        .collect();
    let mut stored = Vec::new();
    for release in releases {
        if helm::is_stored(&client, &release).await? {
            stored.push(release);
        }
    }
    writeln!(
        out,
        "{unknown} forms that ESO does not understand; {} objects {}.\n{}",
        steps.len(),
        if args.dry_run { "to be written" } else { "written" },
        left_to_you(&stored),
    )?;
    out.flush()?;
    Ok(if unknown > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What remains to be done, with the releases that Helm would upgrade. Pure.
///
/// Helm takes a mark off that the release it has stored names and the chart does not.
fn left_to_you(stored: &[Release]) -> String {
    let rest = "which brings ESO's own schemas, versions and conversion back and starts it; ESO puts its finalizers on by \
                itself";
    let mark = format!("\"{}: {}\"", crds::RESOURCE_POLICY, crds::KEEP);
    if stored.is_empty() {
        return format!(
            "Left to you: helm install external-secrets external-secrets/external-secrets with the namespace and values of \
             before, {rest}. The mark {mark} stays on the definitions."
        );
    }
    let upgrades = stored.iter().map(|Release { namespace, name }| {
        format!(
            "\n  helm -n {namespace} upgrade {name} external-secrets/external-secrets --set \
             'crds.annotations.helm\\.sh/resource-policy=keep'"
        )
    });
    format!(
        "Left to you, with the values of before, {rest}:{}\nWithout that value Helm takes the mark {mark} off the \
         definitions, since the stored release has it and the chart has not.",
        upgrades.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_release_is_upgraded_with_the_mark() {
        let release = Release { namespace: "es".to_owned(), name: "eso".to_owned() };
        let upgrade = "helm -n es upgrade eso external-secrets/external-secrets --set \
                       'crds.annotations.helm\\.sh/resource-policy=keep'\n";
        for (stored, parts) in [
            (vec![], ["helm install external-secrets ", "keep\" stays on"]),
            (vec![release], [upgrade, "takes the mark"]),
        ] {
            let said = left_to_you(&stored);
            assert_eq!(said.contains("crds.annotations"), !stored.is_empty(), "{said}");
            for part in parts {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    }
}
