//! The demos: the main job without a cluster, and on a real control plane with a real Vault server.
//!
//! Both use the manifests in `examples/` as they are; the second puts addresses and keys of this run into
//! them. They show, they do not test.

mod cluster;

use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};
use claviger_testenv::{Progress, workspace_root};

pub(crate) use cluster::{install, run as cluster};

use crate::build;
use crate::exec::run;

/// Renders examples/quickstart, whose store is the `fake` provider, and prints the Secrets.
///
/// # Errors
/// If something does not build or does not render.
pub(crate) fn quickstart(progress: &Progress) -> Result<ExitCode> {
    let plugins = build::plugins(progress)?;
    let claviger = build::claviger(progress)?;
    progress.say("claviger render -f examples/quickstart");
    let mut command = Command::new(claviger);
    command
        .current_dir(workspace_root())
        .args(["render", "-f", "examples/quickstart", "--plugin-dir"])
        .arg(plugins)
        .arg("--cache-dir")
        .arg(crate::paths::compiled_plugins());
    run("claviger render", &mut command).context("the demo")?;
    progress.say("these Secrets came out of a provider plugin and a template plugin, both WebAssembly");
    progress.say("next: cargo xtask demo --cluster");
    Ok(ExitCode::SUCCESS)
}
