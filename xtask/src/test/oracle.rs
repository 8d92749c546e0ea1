//! What Go programs made of our inputs, made again: the files that tests compare with must not grow old. And Go's
//! judgement of keys and certificates that the template engine made.
//!
//! The comparison of the product with these files is the business of its own tests.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use claviger_testenv::{Progress, workspace_root};

use super::Tally;
use crate::exec;

/// A file that a Go program wrote.
struct Made {
    what: &'static str,
    /// The program's folder in `tests`, where the file lies too.
    dir: &'static str,
    /// Its arguments; the file to write comes last.
    arguments: &'static [&'static str],
    file: &'static str,
}

const MADE: [Made; 3] = [
    Made {
        what: "the templates' corpus by Go",
        dir: "gotemplates",
        arguments: &["corpus.json"],
        file: "expected.json",
    },
    Made {
        what: "the reference document's Secrets by ESO",
        dir: "gotemplates",
        arguments: &["seed", "../../crds/tests/seed", "seed-values.json"],
        file: "seed-expected.json",
    },
    Made {
        what: "the schedules of sync windows by robfig/cron",
        dir: "gocron",
        arguments: &[],
        file: "expected.json",
    },
];

/// Runs the programs. Without Go they are left out, loudly: CI fails then.
pub(super) fn run(progress: &Progress, tally: &mut Tally) {
    let go = Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !go.is_ok_and(|status| status.success()) {
        return tally.skip("what Go makes of the tests' inputs: go is not installed".to_owned());
    }
    progress.say("making again what Go programs made (the first build takes minutes)");
    for made in &MADE {
        count(tally, made.what, compare(&workspace_root().join("tests"), made));
    }
    let judge = go_run(&workspace_root().join("tests/gotemplates"), ["judge", "made.json"]);
    count(tally, "keys and certificates of the template engine, judged by Go", judge);
}

fn count(tally: &mut Tally, what: &str, outcome: Result<()>) {
    match outcome {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("{what}: {error:#}")),
    }
}

fn go_run(dir: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
    let mut command = Command::new("go");
    command.current_dir(dir).args(["run", "-mod=readonly", "."]).args(arguments);
    exec::run("go run", &mut command)
}

fn compare(tests: &Path, made: &Made) -> Result<()> {
    let Made { dir, arguments, file, .. } = made;
    let folder = tests.join(dir);
    let again = std::env::temp_dir().join(format!("claviger-{dir}-{}-{file}", std::process::id()));
    let ran = go_run(&folder, arguments.iter().map(OsStr::new).chain([again.as_os_str()]));
    let text = std::fs::read(&again).context("what Go wrote");
    let _ = std::fs::remove_file(&again);
    ran?;
    let committed = std::fs::read(folder.join(file)).with_context(|| format!("{dir}/{file}"))?;
    ensure!(
        text? == committed,
        "{file} differs from what Go makes now: run `go run . {}` in tests/{dir}",
        [arguments, &[*file][..]].concat().join(" ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A folder with a program that writes `good`, and what is committed beside it.
    fn program(tests: &Path, committed: &str) -> Made {
        let dir = tests.join("writer");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("go.mod"), "module claviger.test/writer\n\ngo 1.26.0\n").unwrap();
        let main = "package main\n\nimport \"os\"\n\nfunc main() {\n\tif os.WriteFile(os.Args[1], []byte(\"good\"), 0o600) != nil {\n\t\tos.Exit(1)\n\t}\n}\n";
        std::fs::write(dir.join("main.go"), main).unwrap();
        std::fs::write(dir.join("expected.json"), committed).unwrap();
        Made { what: "x", dir: "writer", arguments: &[], file: "expected.json" }
    }

    #[test]
    fn what_has_grown_old_fails() {
        if Command::new("go").arg("version").output().is_err() {
            assert!(!crate::paths::in_ci(), "go is not installed");
            eprintln!("SKIPPED: go is not installed");
            return;
        }
        let tests = tempfile::tempdir().unwrap();
        compare(tests.path(), &program(tests.path(), "good")).unwrap();
        let error = compare(tests.path(), &program(tests.path(), "old")).unwrap_err().to_string();
        assert!(error.contains("run `go run . expected.json` in tests/writer"), "{error}");
    }

    #[test]
    fn every_file_of_the_list_is_there() {
        for made in &MADE {
            assert!(workspace_root().join("tests").join(made.dir).join(made.file).is_file(), "{}", made.what);
        }
    }
}
