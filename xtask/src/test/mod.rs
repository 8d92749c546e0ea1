//! `cargo xtask test`: checks, unit tests, then end to end against real servers.
//!
//! Every stage runs even if one before it failed; what cannot run because the machine lacks something is
//! counted as skipped and said again at the end. The closing line is `N passed, N failed, N skipped`.

mod authors;
mod e2e;
mod oracle;
mod tally;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use claviger_testenv::{Progress, workspace_root};

pub(crate) use e2e::FORMER;
pub(crate) use tally::Tally;

use crate::exec::{Running, cargo};
use crate::{build, check, paths, twice};

/// The packages whose tests need servers: the product's from outside, and the servers' own.
const E2E: &str = "claviger-tests";
const ENVIRONMENT: &str = "claviger-testenv";

/// Runs everything, or the tests whose name contains `filter`, or one of several with commas between them.
///
/// # Errors
/// Never for a test that fails; that is in the exit code.
pub(crate) fn run(progress: &Progress, filter: Option<&str>) -> Result<ExitCode> {
    let mut tally = Tally::default();
    if filter.is_none() {
        check::with_tests(progress, &mut tally);
    }
    let plugins = build::plugins(progress);

    progress.say("unit tests: host");
    let mut host = cargo();
    host.current_dir(workspace_root()).args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    host.args(["--exclude", E2E, "--exclude", ENVIRONMENT]);
    // Where plugins could not be built, tests that load some must say so instead of passing.
    host.env("CLAVIGER_PLUGIN_DIR", paths::test_plugins()).env("CLAVIGER_REQUIRE_PLUGINS", "1");
    run_tests("unit tests of the host", host.arg("--").args(names(filter)), &mut tally);

    progress.say("unit tests: plugins");
    let mut guests = build::guests_cargo("test");
    guests.args(["--workspace", "--no-fail-fast"]).env("CARGO_TARGET_DIR", paths::guests_host_target());
    run_tests("unit tests of the plugins", guests.arg("--").args(names(filter)), &mut tally);

    if filter.is_none() {
        oracle::run(progress, &mut tally);
    }

    if filter.is_none_or(|_| names(filter).any(|name| name == "reproducible")) {
        reproducible(progress, &mut tally);
    }

    match plugins {
        Ok(_) => e2e::run(progress, &paths::test_plugins(), filter, &mut tally),
        Err(error) => tally.fail(format!("end-to-end tests: {error:#}")),
    }
    progress.say("done");
    Ok(tally.conclude())
}

/// Runs the end-to-end tests whose names contain `filter`, and nothing else.
///
/// # Errors
/// If the plugins do not build. A test that fails is in the exit code.
pub(crate) fn end_to_end(progress: &Progress, filter: Option<&str>) -> Result<ExitCode> {
    let mut tally = Tally::default();
    build::plugins(progress)?;
    e2e::run(progress, &paths::test_plugins(), filter, &mut tally);
    Ok(tally.conclude())
}

/// One plugin, twice: what makes it differ would make all of them differ, and all of them take minutes. A release does it
/// with each.
fn reproducible(progress: &Progress, tally: &mut Tally) {
    match twice::check(progress, &[twice::SAMPLE.to_owned()]) {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("reproducible plugins: {error:#}")),
    }
}

/// A filter is one part of a name, or several with commas between them.
fn names(filter: Option<&str>) -> impl Iterator<Item = &str> {
    filter.into_iter().flat_map(|filter| filter.split(','))
}

/// Runs a `cargo test`, shows its output as it comes and counts.
fn run_tests(what: &str, command: &mut Command, tally: &mut Tally) {
    let before = tally.failures();
    match stream(command, tally) {
        // Failed without a failed test: it did not build, or a test program crashed.
        Ok(false) if tally.failures() == before => tally.fail(format!("{what} did not build, or crashed")),
        Ok(_) => {}
        Err(error) => tally.fail(format!("{what}: {error:#}")),
    }
}

fn stream(command: &mut Command, tally: &mut Tally) -> Result<bool> {
    let mut running = Running::start(command.stdout(Stdio::piped()))?;
    let output = running.child.stdout.take().context("no output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("read the output")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.read(&line);
    }
    Ok(running.child.wait().context("wait")?.success())
}
