//! `cargo xtask fuzz`: each target in `fuzz/` for some minutes by cargo-fuzz, one after the other, and one table at the end.
//!
//! By the toolchain that builds everything else: what cargo-fuzz needs a nightly one for are the sanitizers, which find
//! what unsafe code does. Inputs that found new ways through the code lie in the target folder, and go on from there the
//! next time; the seeds in the tree stay as they are. A finding stays in `fuzz/artifacts`.

mod report;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{Progress, workspace_root};

use self::report::{Run, table};
use crate::exec::{Running, cargo};
use crate::paths;

/// Seconds for one input, which has some kilobytes at most: what takes longer hangs.
const TIMEOUT: u32 = 30;

/// Memory of the whole program. A package may unpack to 64 MiB, and a template may make texts of 4.
const MEMORY_MIB: u32 = 1536;

/// Bytes of an input.
const LONGEST: u32 = 8192;

/// How often a target that runs is told about.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Lines that are shown of a target that failed.
const LAST_LINES: usize = 40;

/// What `cargo xtask fuzz` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct FuzzArgs {
    /// Targets, as `fuzz/fuzz_targets` has them; all without a name
    names: Vec<String>,
    /// Minutes for each
    #[arg(long, default_value_t = 10.0, value_name = "N")]
    minutes: f64,
}

/// Runs the targets.
///
/// # Errors
/// If there is no such target, or no cargo-fuzz. A finding is in the exit code.
pub(crate) fn run(progress: &Progress, args: &FuzzArgs) -> Result<ExitCode> {
    let known = targets()?;
    if let Some(name) = args.names.iter().find(|name| !known.contains(*name)) {
        bail!("there is no target {name:?}: there are {}", known.join(", "));
    }
    let probe = cargo().args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        bail!(
            "cargo-fuzz is not installed: `cargo install cargo-fuzz` (it needs a C++ compiler). Without it the seeds go \
             through the same functions: `cargo test --locked -p claviger-fuzz`, and in plugins/ `cargo test --locked -p \
             claviger-plugin-fuzz`"
        );
    }
    let names = if args.names.is_empty() { &known } else { &args.names };
    progress.say(
        "the first target builds everything with instruments, which takes some ten minutes on two cores",
    );
    let mut runs = Vec::new();
    for (index, name) in names.iter().enumerate() {
        progress.say(format_args!("{name}, {} of {}, for {} minutes", index + 1, names.len(), args.minutes));
        runs.push(one(progress, name, Duration::from_secs_f64(args.minutes.clamp(0.05, 10_000.0) * 60.0))?);
    }
    print!("{}", table(&runs));
    Ok(if runs.iter().all(Run::is_fine) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The targets by name.
fn targets() -> Result<Vec<String>> {
    let folder = workspace_root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| stem(entry.path())).collect();
    names.sort();
    Ok(names)
}

fn one(progress: &Progress, name: &str, time: Duration) -> Result<Run> {
    let grown = paths::target().join("fuzz/grown").join(name);
    std::fs::create_dir_all(&grown).with_context(|| grown.display().to_string())?;
    let mut command = cargo();
    command
        .current_dir(workspace_root())
        .args(["fuzz", "run", "--sanitizer", "none", "--no-cfg-fuzzing", "--target-dir"])
        .arg(paths::target().join("fuzz"))
        .arg(name)
        .arg(&grown)
        .arg(workspace_root().join("fuzz/corpus").join(name))
        .arg("--")
        .args([format!("-max_total_time={}", time.as_secs().max(1)), format!("-timeout={TIMEOUT}")])
        .args([format!("-rss_limit_mb={MEMORY_MIB}"), format!("-max_len={LONGEST}")])
        .arg("-print_final_stats=1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let dictionary = workspace_root().join("fuzz/dictionaries").join(format!("{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let mut running = Running::start(&mut command)?;
    let output = running.child.stderr.take().context("no output")?;
    let (mut run, mut told, mut last) = (Run::new(name), Instant::now(), Vec::new());
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("read what the target says")?;
        let line = String::from_utf8_lossy(&line).into_owned();
        run.read(&line);
        if told.elapsed() > SIGN_OF_LIFE {
            told = Instant::now();
            progress.say(format_args!("{name}: {line}"));
        }
        last.push(line);
        if last.len() > LAST_LINES {
            last.remove(0);
        }
    }
    run.end(running.child.wait().context("wait")?.success());
    if !run.is_fine() {
        eprintln!("{}", last.join("\n"));
    }
    Ok(run)
}
