//! `claviger plugin inspect`: what a component is and asks for, without a cluster and without giving it
//! anything. `describe` is run in the sandbox, with no network; nothing is judged.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context;
use claviger_plugins::Inspection;

use crate::args::InspectArgs;
use crate::text::{shown, size};

/// Where values begin, and how long lines of many short ones get.
const INDENT: usize = 14;
const WIDTH: usize = 100;

/// Prints it.
///
/// # Errors
/// If the file cannot be read or is no component for one of our worlds; the message says what was
/// expected.
pub(crate) async fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let (component, in_file) = super::read(&args.file)?;
    let host = crate::plugin_host::for_files(args.compile, args.cache_dir.clone())?;
    let inspection = host.inspect(component).await.with_context(|| args.file.display().to_string())?;
    let text = if args.json {
        serde_json::to_string_pretty(&inspection)? + "\n"
    } else {
        text(&inspection, in_file)?
    };
    let mut out = std::io::stdout().lock();
    out.write_all(shown(&text).as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn text(inspection: &Inspection, in_file: usize) -> anyhow::Result<String> {
    let mut out = String::new();
    let packed = if in_file == inspection.size {
        String::new()
    } else {
        format!(", compressed to {} in the file", size(in_file))
    };
    let own_size = format!("{} bytes ({}){packed}", inspection.size, size(inspection.size));
    for (label, value) in [
        ("Name:", &inspection.name),
        ("Version:", &inspection.version),
        ("Digest:", &inspection.digest),
        ("Size:", &own_size),
    ] {
        writeln!(out, "{label:INDENT$}{value}")?;
    }
    lines(&mut out, "Worlds:", &inspection.worlds)?;
    let (means, empty): (Vec<_>, Vec<_>) = inspection.imports.iter().cloned().partition(|import| {
        let claviger = import.starts_with("claviger:") && !import.starts_with("claviger:plugin/types@");
        claviger || import.starts_with("wasi:http/outgoing-handler")
    });
    lines(&mut out, "Imports:", &means)?;
    if !empty.is_empty() {
        // Every program that is compiled for WASI names them.
        writeln!(
            out,
            "{:INDENT$}and {} that lead nowhere: no files, sockets, arguments or environment (see --json)",
            "",
            empty.len()
        )?;
    }
    match &inspection.config_schema {
        Some(schema) => {
            wrapped(&mut out, "Capabilities:", &inspection.capabilities)?;
            if !inspection.generators.is_empty() {
                wrapped(&mut out, "Generators:", &inspection.generators)?;
            }
            lines(&mut out, "Origins:", &inspection.origins)?;
            writeln!(out, "Config schema, of the object under spec.provider:")?;
            for line in serde_json::to_string_pretty(schema)?.lines() {
                writeln!(out, "  {line}")?;
            }
            if let Some(schema) = &inspection.push_metadata_schema {
                writeln!(out, "Schema of data[].metadata of a PushSecret:")?;
                for line in serde_json::to_string_pretty(schema)?.lines() {
                    writeln!(out, "  {line}")?;
                }
            }
        }
        None => wrapped(&mut out, "Functions:", &inspection.functions)?,
    }
    Ok(out)
}

/// One to a line.
fn lines(out: &mut String, label: &str, items: &[String]) -> std::fmt::Result {
    let none = ["none".to_owned()];
    let items = if items.is_empty() { &none[..] } else { items };
    for (index, item) in items.iter().enumerate() {
        writeln!(out, "{:INDENT$}{item}", if index == 0 { label } else { "" })?;
    }
    Ok(())
}

/// As many on a line as fit.
fn wrapped(out: &mut String, label: &str, items: &[String]) -> std::fmt::Result {
    let mut rows: Vec<String> = Vec::new();
    for item in items {
        match rows.last_mut() {
            Some(row) if INDENT + row.len() + 1 + item.len() <= WIDTH => {
                row.push(' ');
                row.push_str(item);
            }
            _ => rows.push(item.clone()),
        }
    }
    lines(out, label, &rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn columns_line_up_and_long_lists_wrap() {
        let functions = (0..30).map(|n| format!("function{n}")).collect();
        let inspection = Inspection { name: "e".to_owned(), size: 2048, functions, ..Inspection::default() };
        let text = text(&inspection, 1024).unwrap();
        assert!(
            text.contains("Size:         2048 bytes (2.0 KiB), compressed to 1.0 KiB in the file\n"),
            "{text}"
        );
        assert!(text.contains("Imports:      none\n"), "{text}");
        assert!(text.contains("Functions:    function0 function1 "), "{text}");
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(
            text.lines().filter(|line| line.starts_with("              function")).count() >= 3,
            "{text}"
        );
    }
}
