//! What Go makes of the template corpus, made again: `expected.json` must not grow old. And Go's judgement of
//! keys and certificates that the engine made.
//!
//! The comparison of the engine with both files is the engine's own test.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use claviger_testenv::{Progress, workspace_root};

use super::Tally;
use crate::exec;

/// Runs `tests/gotemplates`. Without Go it is left out, loudly: CI fails then.
pub(super) fn run(progress: &Progress, tally: &mut Tally) {
    let go = Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !go.is_ok_and(|status| status.success()) {
        return tally.skip("the templates' corpus by Go: go is not installed".to_owned());
    }
    progress.say("rendering the templates' corpus with Go (the first build takes minutes)");
    match compare() {
        Ok(()) => tally.passed += 1,
        Err(error) => tally.fail(format!("the templates' corpus by Go: {error:#}")),
    }
}

fn compare() -> Result<()> {
    let dir = workspace_root().join("tests/gotemplates");
    let name = format!("claviger-corpus-{}.json", std::process::id());
    let again = std::env::temp_dir().join(name);
    let mut command = Command::new("go");
    command.current_dir(&dir).args(["run", "-mod=readonly", ".", "corpus.json"]).arg(&again);
    let ran = exec::run("go run", &mut command);
    let text = std::fs::read(&again).context("what Go wrote");
    let _ = std::fs::remove_file(&again);
    ran?;
    let mut judge = Command::new("go");
    judge.current_dir(&dir).args(["run", "-mod=readonly", ".", "judge", "made.json"]);
    exec::run("go run judge", &mut judge)?;
    let committed = std::fs::read(dir.join("expected.json")).context("expected.json")?;
    ensure!(
        text? == committed,
        "expected.json differs from what Go makes of corpus.json: run `go run . corpus.json expected.json` \
         in tests/gotemplates"
    );
    Ok(())
}
