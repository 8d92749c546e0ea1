//! `cargo xtask upgrade`: a former version, built from its commit or unpacked from its release, and this one take over
//! from each other.
//!
//! The former one is built by its own `cargo xtask dist`, in a target folder of its own, and kept in the cache: its
//! sources have the same names as ours, so the two must never share one. What is looked at is the test's
//! (`tests/e2e/upgrade.rs`).

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use claviger_testenv::{Progress, cache_home, workspace_root};

use crate::exec::{Running, cargo, run};
use crate::test::FORMER;

/// The commit that was landed last, for who names none.
const FROM: &str = "tests/e2e/upgrade-from";

/// Which version is the former one.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// Commit that it is built from, which takes a quarter of an hour the first time [default: what tests/e2e/upgrade-from says]
    #[arg(long, value_name = "COMMIT", conflicts_with = "former")]
    from: Option<String>,
    /// Folder with bin/claviger and plugins/, as a release's tarball has them
    #[arg(long, value_name = "DIR")]
    former: Option<PathBuf>,
}

/// Builds the former version, if it has to be, and runs the test.
///
/// # Errors
/// If git does not know the commit, or it does not build.
pub(crate) fn check(progress: &Progress, args: UpgradeArgs) -> Result<ExitCode> {
    let former = match args.former {
        Some(folder) => std::path::absolute(&folder).with_context(|| folder.display().to_string())?,
        None => {
            let stored = || std::fs::read_to_string(workspace_root().join(FROM)).context(FROM);
            let commit = args.from.map_or_else(stored, Ok)?;
            built(progress, commit.trim())?
        }
    };
    for part in ["bin/claviger", "plugins"] {
        if !former.join(part).exists() {
            bail!("there is no {part} in {}", former.display());
        }
    }
    let mut test = Command::new(std::env::current_exe().context("this program")?);
    test.args(["test", "--e2e", "needs_former"]).env(FORMER, &former);
    let status = Running::start(&mut test)?.child.wait().context("cargo xtask test")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The folder of a commit's version; it is built unless the cache has it.
fn built(progress: &Progress, commit: &str) -> Result<PathBuf> {
    let full = commit_of(commit)?;
    let finished = cache_home().join("former").join(&full);
    if finished.join("bin/claviger").is_file() {
        return Ok(finished);
    }
    let work = cache_home().join("former").join(format!("{full}.new"));
    if work.exists() {
        std::fs::remove_dir_all(&work).with_context(|| work.display().to_string())?;
    }
    let (source, target) = (work.join("source"), work.join("target"));
    std::fs::create_dir_all(&source).with_context(|| source.display().to_string())?;
    progress.say(format_args!("building {commit} (a quarter of an hour on two cores)"));
    unpack(&full, &source)?;
    let mut dist = cargo();
    dist.args(["run", "--quiet", "--locked", "--package", "xtask", "--", "dist"]).current_dir(&source);
    // Ours, which cargo set for this program, are not that one's.
    dist.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH").env("CARGO_TARGET_DIR", &target);
    run("building the former version", &mut dist)?;
    std::fs::rename(target.join("dist"), &finished).with_context(|| finished.display().to_string())?;
    std::fs::remove_dir_all(&work).with_context(|| work.display().to_string())?;
    Ok(finished)
}

fn commit_of(name: &str) -> Result<String> {
    let verify = ["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")];
    let output = Command::new("git").args(verify).current_dir(workspace_root()).output().context("git")?;
    if !output.status.success() {
        bail!("git knows no commit {name:?}");
    }
    Ok(String::from_utf8(output.stdout).context("git rev-parse")?.trim().to_owned())
}

fn unpack(commit: &str, folder: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["archive", "--format=tar", commit]).current_dir(workspace_root()).stdout(Stdio::piped());
    let mut archive = Running::start(&mut git)?;
    let stream = archive.child.stdout.take().context("git archive says nothing")?;
    tar::Archive::new(stream).unpack(folder).with_context(|| folder.display().to_string())?;
    if !archive.child.wait().context("git archive")?.success() {
        bail!("git archive {commit} failed");
    }
    Ok(())
}
