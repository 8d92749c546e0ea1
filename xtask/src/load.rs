//! `cargo xtask bench` and `cargo xtask soak`: build the product for release, and put load on it in a network of its own.
//!
//! What is measured and what has to hold is `tests/load`'s.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};
use claviger_testenv::{Progress, RunDir, Tools, workspace_root};

use crate::exec::{cargo, run};
use crate::{build, isolation, paths};

/// The program's package.
const LOAD: &str = "claviger-load";

/// Runs a command of `claviger-load` with these arguments.
///
/// # Errors
/// If something does not build, or there can be no network of its own.
pub(crate) fn run_load(progress: &Progress, command: &str, args: &[String]) -> Result<ExitCode> {
    build::dist(progress)?;
    let load = build_load(progress)?;
    // Whatever has to be fetched is, while there is a network.
    Tools::prepare(progress)?;
    let dir = RunDir::create(command)?;
    if let Some(why) = isolation::enter(dir.path())? {
        bail!("{command} needs a network of its own: {why}; run it as root on Linux");
    }
    let mut program = Command::new(load);
    program
        .arg("--claviger")
        .arg(paths::dist().join("bin/claviger"))
        .arg("--plugin-dir")
        .arg(paths::dist().join("plugins"))
        .arg("--test-plugin-dir")
        .arg(paths::test_plugins())
        .arg("--cache-dir")
        .arg(paths::compiled_plugins())
        .arg(command)
        .args(args);
    run(command, &mut program)?;
    Ok(ExitCode::SUCCESS)
}

fn build_load(progress: &Progress) -> Result<PathBuf> {
    progress.say("building the load for release");
    let mut command = cargo();
    command.current_dir(workspace_root()).args(["build", "--locked", "--release", "--package", LOAD]);
    run("building the load", &mut command)?;
    Ok(paths::target().join("release").join(LOAD))
}
