//! `claviger plugin test`: the conformance suite over a component and a bench, a row for each case as it
//! ends. What the cases are is `claviger-conformance`'s.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use claviger_conformance::{Bench, CaseReport, Recording};

use crate::args::TestArgs;
use crate::text::shown;

/// Runs it and prints the table.
///
/// # Errors
/// If no case can run: the file is no provider, or bench or recording cannot be used; or one cannot be recorded. A case
/// that fails is a row and the exit code.
pub(crate) async fn test(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let bench = Bench::load(&args.bench)?;
    let (component, _) = super::read(&args.file)?;
    let host = crate::plugin_host::for_files(args.compile, args.cache_dir.clone())?;
    // Whoever reads no more sees the exit code.
    let row = |row: &CaseReport| drop(writeln!(std::io::stdout(), "{}", shown(&row.to_string())));
    let name = args.name.as_deref();
    let recording = match (&args.record, &args.replay) {
        (Some(folder), _) => Recording::Record(folder),
        (None, Some(folder)) => Recording::Replay(folder),
        (None, None) => Recording::None,
    };
    let report = claviger_conformance::run(&host, component, name, &bench, &args.only, recording, row)
        .await
        .with_context(|| args.file.display().to_string())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.summary())?;
    out.flush()?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
