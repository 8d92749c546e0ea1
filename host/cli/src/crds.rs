//! `claviger crds`: the CustomResourceDefinitions, for `kubectl apply --server-side -f -`.

use std::io::Write;
use std::process::ExitCode;

/// Prints them to standard output as one YAML stream.
///
/// # Errors
/// If standard output is closed.
pub(crate) fn print() -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for (_, yaml) in claviger_crds::generate::all() {
        writeln!(out, "---\n{}", yaml.trim_start_matches("---\n").trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}
