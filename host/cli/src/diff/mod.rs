//! `claviger diff`: what the ExternalSecrets of a folder would change in a cluster.
//!
//! The operator's own pipeline and planner, over the files and, for what is not in them, the cluster. It only reads, but
//! for the tokens that a store logs in with. It never says a value, nor its length or hash. What the cluster has goes to its
//! own stores alone, unless somebody trusts the files.

mod change;
mod compare;
mod handed;
mod known;
mod world;

use std::io::Write;
use std::process::ExitCode;

pub(crate) use self::change::Change;
pub(crate) use self::compare::compare;
pub(crate) use self::world::Mixed;
use crate::args::{DiffArgs, DiffOutput};
use crate::cluster;
use crate::render::{listed, pipeline, read};
use crate::text::line;

/// Something could not be compared, as `kubectl diff` says more than 1.
pub(crate) const NOT_COMPARED: u8 = 2;

/// Compares.
///
/// # Errors
/// If nothing can be compared at all: no files, no plugins, no cluster.
pub(crate) async fn diff(args: &DiffArgs) -> anyhow::Result<ExitCode> {
    let config = cluster::config(args.kubeconfig.as_deref()).await?;
    let denied = cluster::api_server_addresses(&config).await;
    let trusted = args.inputs.trust_files;
    let egress = crate::config::own_egress(&args.inputs.reach, denied, trusted)?;
    let (files, unread) = read(&args.inputs)?;
    let world = Mixed::new(files.clone(), cluster::client(config)?, trusted);
    let (pipeline, unusable) = pipeline(&args.inputs, egress, &files, world.plugins().await).await?;
    let mut failed = unread + unusable;
    let external_secrets = files.external_secrets();
    if external_secrets.is_empty() && failed == 0 {
        anyhow::bail!("no ExternalSecret in {}", listed(&args.inputs.files));
    }
    let mut changes: Vec<Change> = Vec::new();
    for (name, es) in &external_secrets {
        match compare(&pipeline, &world, name, es).await {
            Ok(change) => {
                failed += usize::from(!change.failures.is_empty());
                for problem in &change.failures {
                    eprintln!("error: ExternalSecret {}: {}", line(name), line(problem));
                }
                changes.push(change);
            }
            Err(problem) => {
                failed += 1;
                eprintln!("error: ExternalSecret {}: {}", line(name), line(&problem));
            }
        }
    }
    let mut out = std::io::stdout().lock();
    match args.output {
        DiffOutput::Json => writeln!(out, "{}", serde_json::to_string_pretty(&changes)?)?,
        DiffOutput::Text => changes.iter().try_for_each(|change| write!(out, "{change}"))?,
    }
    out.flush()?;
    Ok(match (failed, changes.iter().any(Change::differs)) {
        (0, false) => ExitCode::SUCCESS,
        (0, true) => ExitCode::FAILURE,
        _ => ExitCode::from(NOT_COMPARED),
    })
}
