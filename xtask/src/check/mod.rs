//! `cargo xtask check`: the layout's rules, what pages name, generated files, format, lints, documentation, licences and
//! sources.
//!
//! Every part runs even if one before it failed, so that one run names everything. Lints are errors only
//! under the toolchain that the workspace names: a newer one knows new lints, and they are not a reason
//! for a user's tests to fail.

mod dependencies;
mod frozen;
mod pages;
mod rules;
mod supply;

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{Progress, workspace_root};

use crate::exec::{self, cargo};
use crate::test::Tally;
use crate::{build, chart, crds, paths};

pub(crate) use supply::{AdvisoriesArgs, advisories};

type Part = (&'static str, fn() -> Result<Outcome>);

/// What looks at the sources alone.
const SOURCES: &[Part] = &[
    ("rules of the layout", layout),
    ("what is frozen", frozen),
    ("what pages name", pages),
    ("dependencies", dependencies),
    ("generated files", generated),
    ("format", format),
];

/// What compiles everything once more.
const LINTS: &[Part] = &[
    ("lints, host", lint_host),
    ("lints, plugins", lint_guests),
    ("documentation, host", document_host),
    ("documentation, plugins", document_guests),
];

/// What needs a program that few have.
const SUPPLY: &[Part] = &[("licences and sources", supply::terms)];

/// Runs into `tally` what belongs to a test run: the sources, and on CI the lints.
pub(crate) fn with_tests(progress: &Progress, tally: &mut Tally) {
    run_parts(progress, SOURCES, tally);
    if paths::in_ci() {
        run_parts(progress, LINTS, tally);
    }
}

fn run_parts(progress: &Progress, parts: &[Part], tally: &mut Tally) {
    for (name, part) in parts {
        progress.say(format_args!("check: {name}"));
        match part() {
            Ok(Outcome::Passed) => tally.passed += 1,
            Ok(Outcome::Skipped(why)) => tally.skip(format!("check of {name}: {why}")),
            Err(error) => tally.fail(format!("check of {name}: {error:#}")),
        }
    }
}

/// The command: all checks, then the sum.
///
/// # Errors
/// Never; failures are in the exit code.
pub(crate) fn run(progress: &Progress) -> Result<ExitCode> {
    let mut tally = Tally::default();
    for parts in [SOURCES, LINTS, SUPPLY] {
        run_parts(progress, parts, &mut tally);
    }
    Ok(tally.conclude())
}

enum Outcome {
    Passed,
    Skipped(String),
}

fn layout() -> Result<Outcome> {
    let broken = rules::broken(&workspace_root())?;
    if !broken.is_empty() {
        bail!("\n{}", broken.join("\n"));
    }
    Ok(Outcome::Passed)
}

fn frozen() -> Result<Outcome> {
    let broken = frozen::broken(&workspace_root())?;
    if !broken.is_empty() {
        bail!("\n{}", broken.join("\n"));
    }
    Ok(Outcome::Passed)
}

fn pages() -> Result<Outcome> {
    let broken = pages::broken(&workspace_root())?;
    if !broken.is_empty() {
        bail!("\n{}", broken.join("\n"));
    }
    Ok(Outcome::Passed)
}

fn dependencies() -> Result<Outcome> {
    let broken = dependencies::broken(&workspace_root())?;
    if !broken.is_empty() {
        bail!("\n{}", broken.join("\n"));
    }
    Ok(Outcome::Passed)
}

fn generated() -> Result<Outcome> {
    let differing = crds::drift()?;
    if !differing.is_empty() {
        bail!(
            "crds/generated is not what the API types say ({}); run `cargo xtask crds`",
            differing.join(", ")
        );
    }
    if chart::drift()? {
        bail!("charts/claviger/README.md is not what values.yaml says; run `cargo xtask chart`");
    }
    Ok(Outcome::Passed)
}

fn format() -> Result<Outcome> {
    if !has("fmt") {
        return Ok(Outcome::Skipped("rustfmt is not installed (rustup component add rustfmt)".to_owned()));
    }
    for folder in [workspace_root(), paths::guests(), workspace_root().join("fuzz")] {
        let mut command = cargo();
        // Of a package's path dependencies in other workspaces too, which are looked at twice then.
        command.current_dir(folder).args(["fmt", "--all", "--check", "--", "-l"]);
        exec::run("cargo fmt --check", &mut command)?;
    }
    Ok(Outcome::Passed)
}

fn lint_host() -> Result<Outcome> {
    let mut command = cargo();
    command.current_dir(workspace_root()).args(["clippy", "--locked", "--workspace", "--all-targets"]);
    lint(command)
}

/// For the host target: the lints need no wasm standard library, and that compiler brings no clippy.
fn lint_guests() -> Result<Outcome> {
    let mut command = build::guests_cargo("clippy");
    command.args(["--workspace", "--all-targets"]).env("CARGO_TARGET_DIR", paths::guests_host_target());
    lint(command)
}

fn lint(mut command: Command) -> Result<Outcome> {
    if !has("clippy") {
        return Ok(Outcome::Skipped("clippy is not installed (rustup component add clippy)".to_owned()));
    }
    if toolchain_is_the_named_one()? {
        command.args(["--", "-D", "warnings"]);
    }
    exec::run("cargo clippy", &mut command)?;
    Ok(Outcome::Passed)
}

fn document_host() -> Result<Outcome> {
    let mut command = cargo();
    command.current_dir(workspace_root()).args(["doc", "--locked"]);
    document(command)
}

/// For the host target, as the lints: what is compiled for these is used again.
fn document_guests() -> Result<Outcome> {
    let mut command = build::guests_cargo("doc");
    command.env("CARGO_TARGET_DIR", paths::guests_host_target());
    document(command)
}

/// Whether links in comments lead somewhere: what is renamed is often named there.
fn document(mut command: Command) -> Result<Outcome> {
    command.args(["--workspace", "--no-deps"]);
    if toolchain_is_the_named_one()? {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    exec::run("cargo doc", &mut command)?;
    Ok(Outcome::Passed)
}

fn has(subcommand: &str) -> bool {
    let probe = cargo().args([subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    probe.is_ok_and(|status| status.success())
}

/// Whether the active toolchain has the minor version of `rust-version` in the workspace's manifest.
fn toolchain_is_the_named_one() -> Result<bool> {
    let manifest = std::fs::read_to_string(workspace_root().join("Cargo.toml")).context("Cargo.toml")?;
    let named = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .context("Cargo.toml names no rust-version")?;
    let output = Command::new("rustc").arg("--version").output().context("rustc")?;
    let active = String::from_utf8(output.stdout).context("rustc --version")?;
    Ok(active.starts_with(&format!("rustc {named}.")))
}
