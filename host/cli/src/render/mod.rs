//! `claviger render`: what the ExternalSecrets of a folder would become, without a cluster.
//!
//! The same pipeline as the operator's over another [`World`](claviger_operator::sync::world::World).
//! Good objects are printed to standard output as Secret manifests; each failing one is named on
//! standard error, and the exit code says that there was one.

mod files;
mod manifests;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::plan::rendered_secret_type;
use claviger_crds::external_secret::ExternalSecret;
use claviger_operator::registry::Registry;
use claviger_operator::sync::{Asker, Desired, Pipeline};
use claviger_plugins::egress::EgressConfig;
use claviger_plugins::{HostConfig, PluginHost};
use kube::ResourceExt;
use serde_json::json;

use crate::args::RenderArgs;
use crate::render::files::Files;

/// Renders.
///
/// # Errors
/// If nothing can be rendered at all: no files, no plugins. A single object that fails is not an error
/// but a line and the exit code.
pub async fn render(args: &RenderArgs) -> anyhow::Result<ExitCode> {
    let loaded = manifests::load(&args.files, &args.namespace)?;
    let host = PluginHost::new(HostConfig {
        cache_dir: args.plugins.cache_dir.clone(),
        // A person's own machine: a server on it is what they are trying out.
        egress: EgressConfig { allow_loopback: true, ..EgressConfig::default() },
        ..HostConfig::default()
    })
    .context("the plugin host cannot start")?;
    let dir = crate::plugins_dir::find(&args.plugins)?;
    let registry = Arc::new(Registry::new(host, Path::new(&dir)));
    registry.load_built_in().await;
    let pipeline = Pipeline::new(registry);

    let mut failed = loaded.problems.len();
    for problem in &loaded.problems {
        eprintln!("error: {problem}");
    }
    let files = Files::new(loaded.objects);
    let external_secrets = files.external_secrets();
    let mut out = std::io::stdout().lock();
    for es in &external_secrets {
        match one(&pipeline, &files, es).await {
            Ok(Some(manifest)) => writeln!(out, "---\n{}", manifest.trim_end())?,
            Ok(None) => eprintln!("note: ExternalSecret {} makes no Secret", full_name(es)),
            Err(problem) => {
                failed += 1;
                eprintln!("error: ExternalSecret {}: {problem}", full_name(es));
            }
        }
    }
    out.flush()?;
    if external_secrets.is_empty() && failed == 0 {
        anyhow::bail!("no ExternalSecret in {}", describe(&args.files));
    }
    if failed > 0 {
        eprintln!("{failed} of {} objects failed", external_secrets.len() + loaded.problems.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
