//! `cargo xtask test`: every test there is, and one line at the end that counts them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use claviger_testenv::{ENV_VAR, Error, Progress, workspace_root};

use crate::{build, check, cluster};

#[derive(Default)]
struct Sum {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// Runs everything; fails if anything failed, or, on CI, was skipped.
pub(crate) fn all(progress: &Progress, filter: Option<&str>) -> Result<()> {
    let mut sum = Sum::default();
    let plugins = build::plugins(progress)?;
    if filter.is_none() {
        progress.say("checks");
        check::quick(progress)?;
        progress.say("unit tests of the host");
        let mut host = cargo(&workspace_root());
        host.args(["test", "--no-fail-fast", "--locked", "--workspace", "--exclude", "claviger-tests"]);
        host.env("CLAVIGER_PLUGIN_DIR", &plugins).env("CLAVIGER_REQUIRE_PLUGINS", "1");
        sum.add(&mut host)?;
        progress.say("native tests of the plugins");
        let mut native = cargo(&workspace_root().join("plugins"));
        native.args(["test", "--no-fail-fast", "--locked", "--workspace", "--exclude", "claviger-plugin-misbehaving"]);
        native.env("CARGO_TARGET_DIR", build::target_dir().join("plugins"));
        sum.add(&mut native)?;
    }
    let claviger = build::binary(progress)?;
    match cluster::start(progress, claviger, plugins) {
        Ok(servers) => {
            let file = servers.dir.path().join("env.json");
            servers.env.write(&file)?;
            progress.say("end-to-end tests");
            let mut tests = cargo(&workspace_root());
            tests.args(["test", "--no-fail-fast", "--locked", "--package", "claviger-tests", "--", "--test-threads=4"]);
            tests.args(filter).env(ENV_VAR, &file);
            let before = sum.failed;
            sum.add(&mut tests)?;
            if sum.failed > before {
                servers.dir.keep();
            }
        }
        Err(error) => match error.downcast_ref::<Error>().and_then(Error::missing) {
            Some(missing) => {
                sum.skipped += 1;
                eprintln!("SKIPPED: end-to-end tests: {missing}");
            }
            None => return Err(error),
        },
    }
    progress.say("done");
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    if sum.failed > 0 {
        bail!("{} tests failed", sum.failed);
    }
    if ci && sum.skipped > 0 {
        bail!("on CI nothing may be skipped");
    }
    Ok(())
}

fn cargo(dir: &Path) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(dir).arg("--quiet");
    cargo
}

impl Sum {
    /// Runs tests, shows their output as it comes, and adds up their closing lines.
    fn add(&mut self, command: &mut Command) -> Result<()> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cargo cannot be started")?;
        let stdout = child.stdout.take().context("no output")?;
        let (mut results, failed_before) = (0, self.failed);
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            if let Some(counts) = line.strip_prefix("test result: ") {
                results += 1;
                self.count(counts);
            }
        }
        let status = child.wait()?;
        if !status.success() && self.failed == failed_before {
            // It did not come to the tests.
            self.failed += 1;
        }
        if results == 0 && status.success() {
            bail!("no test ran");
        }
        Ok(())
    }

    fn count(&mut self, counts: &str) {
        // "ok. 41 passed; 0 failed; 0 ignored; …; finished in 0.08s"
        for part in counts.split([';', '.']) {
            let mut words = part.split_whitespace();
            if let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<usize>), words.next()) {
                match what {
                    "passed" => self.passed += count,
                    "failed" => self.failed += count,
                    "ignored" => self.skipped += count,
                    _ => {}
                }
            }
        }
    }
}
