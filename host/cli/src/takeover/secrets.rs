//! What would become of each Secret: `claviger diff`'s comparison, for all ExternalSecrets in scope.

use std::collections::BTreeSet;

use claviger_crds::external_secret::ExternalSecret;
use claviger_operator::plugins::{BUILT_IN, plugin_of};
use claviger_operator::sync::Pipeline;
use futures::StreamExt;
use kube::{Client, Config};
use serde_json::Value;

use crate::args::PlanArgs;
use crate::cluster;
use crate::diff::{Change, Mixed, compare};
use crate::objects::full_name;
use crate::plugin_host::Folders;

/// ExternalSecrets compared at once, as many as an operator reconciles.
const AT_ONCE: usize = 10;

/// Names that there is a plugin for: the built-in ones, and those of the cluster's `Plugin` objects.
pub(super) fn plugin_names(plugins: &[Value]) -> BTreeSet<String> {
    let installed = plugins.iter().filter_map(|plugin| plugin["metadata"]["name"].as_str()).map(plugin_of);
    BUILT_IN.iter().map(|built_in| built_in.name).chain(installed).map(str::to_owned).collect()
}

/// Compares them all: what would change, and what could not be compared and why.
///
/// # Errors
/// If there are no plugins.
pub(super) async fn compare_all(
    args: &PlanArgs,
    config: &Config,
    client: &Client,
    external_secrets: &[Value],
) -> anyhow::Result<(Vec<Change>, Vec<String>)> {
    let denied = cluster::api_server_addresses(config).await;
    let egress = crate::config::own_egress(&args.reach, denied, true)?;
    let registry = Folders::find(&args.plugins)?.registry(args.compile, egress)?;
    registry.load_all_built_in().await;
    let pipeline = Pipeline::new(registry, args.templates.delimiters());
    let world = Mixed::of_cluster(client.clone());
    let comparisons = external_secrets.iter().map(|object| {
        let (pipeline, world) = (&pipeline, &world);
        async move {
            let name = full_name(object);
            let es: Result<ExternalSecret, String> =
                serde_json::from_value(object.clone()).map_err(|error| error.to_string());
            let outcome = compare(pipeline, world, &name, &es).await;
            outcome.map_err(|problem| format!("ExternalSecret {name}: {problem}"))
        }
    });
    let mut running = futures::stream::iter(comparisons).buffered(AT_ONCE);
    let (mut changes, mut problems) = (Vec::new(), Vec::new());
    let mut done = 0;
    while let Some(outcome) = running.next().await {
        match outcome {
            Ok(change) => changes.push(change),
            Err(problem) => problems.push(problem),
        }
        done += 1;
        if done % 100 == 0 || done == external_secrets.len() {
            eprintln!("comparing: {done} of {}", external_secrets.len());
        }
    }
    Ok((changes, problems))
}
