//! What cargo-deny says of the lock files: licences, bans and sources, which `check` holds, and advisories, which are
//! reported and hold nobody up.
//!
//! An advisory comes from outside and at any time: a check that fails by it would fail for whoever touches something
//! else. So `cargo xtask advisories` says what it found and ends well. It reads a copy of the RustSec database that
//! somebody fetched, by cargo-deny's own way, and asks nobody. Go modules and packages of npm and PyPI are not looked at:
//! they are tests' and examples', and nothing of them is shipped (`docs/dependencies.md`).

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use claviger_testenv::{Progress, RunDir, workspace_root};
use serde_json::{Deserializer, Value};

use super::{Outcome, has};
use crate::exec::{self, cargo};
use crate::paths;

/// Folders that hold no lock file of ours.
const PASSED_BY: [&str; 4] = ["target", "node_modules", ".git", ".venv"];

/// Where cargo-deny keeps the database that it fetched: this folder, below `advisory-dbs` in cargo's home. The number is a
/// hash of the database's address.
const FOLDER: &str = "advisory-db-3157b0e258782691";

const MISSING: &str = "cargo-deny is not installed (cargo install cargo-deny)";

/// How to get the database.
const FETCH: &str = "cargo deny fetch db";

/// Licences, bans and sources of every lock file.
pub(super) fn terms() -> Result<Outcome> {
    if !has("deny") {
        return Ok(Outcome::Skipped(MISSING.to_owned()));
    }
    for folder in locked(&workspace_root())? {
        let mut command = cargo();
        command
            .current_dir(&folder)
            .args(["deny", "--offline", "--config"])
            .arg(workspace_root().join("deny.toml"))
            .args(["check", "bans", "licenses", "sources"]);
        exec::run(&format!("cargo deny in {}", folder.display()), &mut command)?;
    }
    Ok(Outcome::Passed)
}

/// The folders with a lock file of cargo's, each a workspace.
fn locked(root: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut next) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = next.pop() {
        if folder.join("Cargo.lock").is_file() {
            found.push(folder.clone());
        }
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?.flatten() {
            let name = entry.file_name();
            let kind = entry.file_type().with_context(|| entry.path().display().to_string())?;
            if kind.is_dir() && !PASSED_BY.iter().any(|passed| *passed == name) {
                next.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Where the database is.
#[derive(Debug, Args)]
pub(crate) struct AdvisoriesArgs {
    /// Folder with a copy of the RustSec database [default: what `cargo deny fetch db` fetched]
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,
}

/// Prints the report.
///
/// # Errors
/// If cargo-deny cannot be run, or cannot read the database. Not for an advisory, nor for want of a database.
pub(crate) fn advisories(progress: &Progress, args: AdvisoriesArgs) -> Result<ExitCode> {
    let home = || paths::variable("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let home = paths::variable("CARGO_HOME").map(PathBuf::from).or_else(home);
    let fetched = home.context("neither CARGO_HOME nor HOME is set")?.join("advisory-dbs").join(FOLDER);
    let database = args.db.clone().unwrap_or(fetched);
    if !has("deny") {
        println!("NOTHING WAS LOOKED AT: {MISSING}");
        return Ok(ExitCode::SUCCESS);
    }
    let Some(newest) = newest(&database)? else {
        println!(
            "NOTHING WAS LOOKED AT: there is no advisory in {}.\n`{FETCH}` fetches the RustSec database; a copy from \
             elsewhere is named with --db.",
            database.display()
        );
        return Ok(ExitCode::SUCCESS);
    };
    println!("{}: its newest advisory is of {newest}", database.display());
    let run = RunDir::create("advisories")?;
    let config = configure(run.path(), &database)?;
    let mut count = 0;
    for folder in locked(&workspace_root())? {
        let name = folder.strip_prefix(workspace_root()).unwrap_or(&folder).join("Cargo.lock");
        progress.say(format_args!("advisories for {}", name.display()));
        let mut deny = cargo();
        deny.current_dir(&folder)
            .args(["deny", "--offline", "--log-level", "error", "--format", "json", "--config"])
            .arg(&config)
            .args(["check", "--hide-inclusion-graph", "--audit-compatible-output"])
            .arg("advisories");
        let lines = found(&ran(&mut deny)?)?;
        count += lines.len();
        println!("\n{}: {}", name.display(), if lines.is_empty() { "nothing" } else { "" });
        lines.iter().for_each(|line| println!("  {line}"));
    }
    println!("\n{count} in all; `cargo tree --invert PACKAGE` says what brings one");
    Ok(ExitCode::SUCCESS)
}

/// cargo-deny reads its own folder, and asks how old it is: a copy, perhaps without git, is shown to it as such a folder.
fn configure(dir: &Path, database: &Path) -> Result<PathBuf> {
    let (shown, config) = (dir.join(FOLDER), dir.join("deny.toml"));
    let git = shown.join(".git");
    std::fs::create_dir_all(&git).with_context(|| git.display().to_string())?;
    std::fs::write(git.join("FETCH_HEAD"), "").with_context(|| git.display().to_string())?;
    let crates = std::path::absolute(database.join("crates"))?;
    symlink(&crates, shown.join("crates")).with_context(|| shown.display().to_string())?;
    // Packages that were taken back are asked of the registry, which is not asked here.
    let text = format!(
        "[advisories]\ndb-path = {:?}\ndisable-yank-checking = true\nunmaintained = \"all\"\nunsound = \"all\"\n",
        dir.display().to_string()
    );
    std::fs::write(&config, text).with_context(|| config.display().to_string())?;
    Ok(config)
}

/// What it printed. Its exit code says that something was found, or that it could not look.
fn ran(command: &mut Command) -> Result<String> {
    let output = command.output().context("cargo deny")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.trim().is_empty() {
        bail!("cargo deny: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(text)
}

/// A line for each advisory in what cargo-deny prints as cargo-audit would.
fn found(text: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for report in Deserializer::from_str(text).into_iter::<Value>() {
        let report = report.context("cargo deny's report")?;
        let list = |value: &Value| value.as_array().into_iter().flatten().cloned().collect::<Vec<_>>();
        let warnings = report["warnings"].as_object().into_iter().flatten();
        let warnings =
            warnings.flat_map(|(kind, found)| list(found).into_iter().map(move |one| (kind.clone(), one)));
        let vulnerable =
            list(&report["vulnerabilities"]).into_iter().map(|one| ("vulnerable".to_owned(), one));
        for (kind, one) in vulnerable.chain(warnings) {
            let text = |pointer: &str| one.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
            let patched = list(&one["versions"]["patched"]);
            let patched: Vec<&str> = patched.iter().filter_map(Value::as_str).collect();
            let remedy =
                if patched.is_empty() { "no version is better".to_owned() } else { patched.join(" or ") };
            lines.push(format!(
                "{} {kind}: {} {}: {}; {remedy}",
                text("/advisory/id"),
                text("/package/name"),
                text("/package/version"),
                text("/advisory/title"),
            ));
        }
    }
    lines.sort();
    lines.dedup();
    Ok(lines)
}

/// The day of the newest advisory in the database, by which one knows how old it is; none, if there is none.
fn newest(database: &Path) -> Result<Option<String>> {
    let (mut newest, mut next) = (None, vec![database.join("crates")]);
    while let Some(folder) = next.pop() {
        // What is no folder is no database.
        for path in std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                next.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
                let date = text.lines().find_map(|line| line.strip_prefix("date = \"")?.strip_suffix('"'));
                newest = newest.max(date.map(ToOwned::to_owned));
            }
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// An advisory as the RustSec database has them (its README, "Advisory Format").
    fn advisory(id: &str, package: &str, more: &str) -> String {
        format!(
            "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\ndate = \"2026-05-04\"\n{more}\n\n\
             [versions]\npatched = [\">= 99.0.0\"]\n```\n\n# Made up\n\nFor a test.\n"
        )
    }

    fn database(advisories: &[(&str, &str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (id, package, more) in advisories {
            let folder = dir.path().join("crates").join(package);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{id}.md")), advisory(id, package, more)).unwrap();
        }
        dir
    }

    #[test]
    fn every_lock_file_is_looked_at() {
        let root = workspace_root();
        let folders = locked(&root).unwrap();
        let tool = root.join("plugins/starters/go/provider/tools/component");
        for folder in [root.clone(), root.join("plugins"), tool] {
            assert!(folders.contains(&folder), "{}", folder.display());
        }
    }

    #[test]
    fn the_age_of_a_database_is_that_of_its_newest_advisory() {
        let dir = database(&[("RUSTSEC-2026-9001", "serde", ""), ("RUSTSEC-2026-9002", "url", "")]);
        assert_eq!(newest(dir.path()).unwrap().as_deref(), Some("2026-05-04"));
        assert_eq!(newest(&dir.path().join("nowhere")).unwrap(), None);
    }

    #[test]
    fn a_report_is_a_line_for_each() {
        let one = |id: &str| {
            serde_json::json!({
                "advisory": {"id": id, "title": "It breaks"}, "package": {"name": "a", "version": "1.0.0"},
                "versions": {"patched": [">=1.0.1", ">=2.0.0"]},
            })
        };
        let report = serde_json::json!({"vulnerabilities": [one("R-2"), one("R-2")], "warnings": {"unsound": [one("R-1")]}});
        let lines = found(&report.to_string()).unwrap();
        let expected = [
            "R-1 unsound: a 1.0.0: It breaks; >=1.0.1 or >=2.0.0",
            "R-2 vulnerable: a 1.0.0: It breaks; >=1.0.1 or >=2.0.0",
        ];
        assert_eq!(lines, expected);
        assert!(found("not JSON").is_err());
    }

    /// Where cargo-deny is installed: a made-up advisory for a version that is locked is found, one for another is not.
    #[test]
    fn an_advisory_that_names_a_locked_version_is_reported() {
        if !has("deny") {
            eprintln!("skipped: {MISSING}");
            return;
        }
        let unaffected = "[versions]\nunaffected = [\"> 0\"]\n";
        let dir = database(&[
            ("RUSTSEC-2026-9001", "serde", ""),
            ("RUSTSEC-2026-9002", "wit-bindgen", "informational = \"unmaintained\""),
            ("RUSTSEC-2026-9003", "not-a-package-of-ours", ""),
        ]);
        let withdrawn = dir.path().join("crates/url");
        std::fs::create_dir_all(&withdrawn).unwrap();
        let text = advisory("RUSTSEC-2026-9004", "url", "").replace("[versions]\n", unaffected);
        std::fs::write(withdrawn.join("RUSTSEC-2026-9004.md"), text).unwrap();
        let work = tempfile::tempdir().unwrap();
        let config = configure(work.path(), dir.path()).unwrap();
        let mut deny = cargo();
        deny.current_dir(paths::guests()).args([
            "deny",
            "--offline",
            "--log-level",
            "error",
            "--format",
            "json",
        ]);
        deny.arg("--config").arg(config).args(["check", "--hide-inclusion-graph"]);
        let lines = found(&ran(deny.args(["--audit-compatible-output", "advisories"])).unwrap()).unwrap();
        assert!(
            lines.iter().any(|line| line.starts_with("RUSTSEC-2026-9001 vulnerable: serde 1.")),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.contains("9002 unmaintained: wit-bindgen")), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("9003") || line.contains("9004")), "{lines:?}");
    }
}
