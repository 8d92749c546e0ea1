//! `claviger plugin …`: looks at components without a cluster and without giving them anything.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use claviger_plugins::{HostConfig, Inspection, PluginHost};

use crate::args::InspectArgs;

/// Prints what a component is and asks for. `describe` is run in the sandbox, with no network.
///
/// # Errors
/// If the file cannot be read or is no component for one of our worlds; the message says what was
/// expected.
pub(crate) async fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let bytes =
        tokio::fs::read(&args.file).await.with_context(|| format!("cannot read {}", args.file.display()))?;
    let host = PluginHost::new(HostConfig::default()).context("the plugin host cannot start")?;
    let inspection = host.inspect(bytes).await.with_context(|| args.file.display().to_string())?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&inspection)?)?;
    } else {
        text(&mut out, &inspection)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(out: &mut impl Write, inspection: &Inspection) -> anyhow::Result<()> {
    let list =
        |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join("\n              ") };
    writeln!(out, "Name:         {}", inspection.name)?;
    writeln!(out, "Version:      {}", inspection.version)?;
    writeln!(out, "Digest:       {}", inspection.digest)?;
    writeln!(out, "Size:         {} bytes", inspection.size)?;
    writeln!(out, "Worlds:       {}", list(&inspection.worlds))?;
    writeln!(out, "Imports:      {}", list(&inspection.imports))?;
    writeln!(out, "Capabilities: {}", list(&inspection.capabilities))?;
    writeln!(out, "Origins:      {}", list(&inspection.origins))?;
    if let Some(schema) = &inspection.config_schema {
        writeln!(out, "Config schema:\n{}", serde_json::to_string_pretty(schema)?)?;
    }
    if !inspection.functions.is_empty() {
        writeln!(out, "Functions:    {}", inspection.functions.join(" "))?;
    }
    Ok(())
}
