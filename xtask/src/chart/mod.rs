//! What is made of the chart: the table of values in its README, and the examples of rights and webhook for those who
//! install without Helm.
//!
//! The table is made of `values.yaml` here, and `check` compares it. The examples are what Helm renders; that they are
//! is tested where Helm is there (`tests/e2e/chart`).

mod example;
mod values;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use claviger_testenv::{Progress, Tools, workspace_root};

use values::{Withheld, readme};

fn folder() -> PathBuf {
    workspace_root().join("charts/claviger")
}

fn read(name: &str) -> Result<String> {
    let path = folder().join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The README as it is, and as it should be.
fn readmes() -> Result<(String, String)> {
    let withheld: Vec<Withheld> = serde_json::from_str(&read("files/eso.json")?).context("files/eso.json")?;
    let is = read("README.md")?;
    let should = readme(&is, &read("values.yaml")?, &withheld)?;
    Ok((is, should))
}

/// Writes the README's tables and the examples.
///
/// # Errors
/// If a file cannot be read or written, or Helm is neither there nor to be built.
pub(crate) fn write(progress: &Progress) -> Result<()> {
    let path = folder().join("README.md");
    std::fs::write(&path, readmes()?.1).with_context(|| path.display().to_string())?;
    let helm = Tools::helm(progress)?;
    for example in &example::EXAMPLES {
        let path = workspace_root().join("examples/cluster").join(example.file);
        std::fs::write(&path, example.make(&helm)?).with_context(|| path.display().to_string())?;
    }
    progress.say("charts/claviger/README.md and examples/cluster are written");
    Ok(())
}

/// Whether the README's tables are not what `values.yaml` says.
///
/// # Errors
/// If a file cannot be read, or `values.yaml` is not written as it has to be.
pub(crate) fn drift() -> Result<bool> {
    let (is, should) = readmes()?;
    Ok(is != should)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// Whether there is a place for that value in the schema: of its own, or in an object that is left open.
    fn has_place(schema: &Value, path: &str) -> bool {
        let mut node = schema;
        for part in path.split('.') {
            match node.pointer(&format!("/properties/{part}")) {
                Some(next) => node = next,
                None => return node["type"] == "object" && node["additionalProperties"] != false,
            }
        }
        true
    }

    fn leaves(node: &Value, path: &str, into: &mut Vec<String>) {
        match node["properties"].as_object() {
            Some(properties) if node["additionalProperties"] == false => {
                for (name, child) in properties {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    leaves(child, &path, into);
                }
            }
            _ => into.push(path.to_owned()),
        }
    }

    #[test]
    fn the_schema_knows_every_value_and_no_other() {
        let schema: Value = serde_json::from_str(&read("values.schema.json").unwrap()).unwrap();
        let rows = values::rows(&read("values.yaml").unwrap()).unwrap();
        for row in &rows {
            assert!(has_place(&schema, &row.path), "{} is not in values.schema.json", row.path);
        }
        assert!(!has_place(&schema, "replicacount"));
        let withheld: Vec<Withheld> = serde_json::from_str(&read("files/eso.json").unwrap()).unwrap();
        let withheld: BTreeSet<&str> = withheld.iter().map(|one| one.value.as_str()).collect();
        let mut known = Vec::new();
        leaves(&schema, "", &mut known);
        assert!(known.len() > 100, "{known:?}");
        for leaf in known {
            let inside = |row: &values::Row| row.path == leaf || row.path.starts_with(&format!("{leaf}."));
            let has_default = rows.iter().any(inside);
            assert_ne!(
                has_default,
                withheld.contains(leaf.as_str()),
                "{leaf}: in values.yaml, or in files/eso.json"
            );
        }
    }

    /// Words that look like a metric of ours in texts of these files.
    fn metrics(text: &str) -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_');
        let ours = ["externalsecret_", "secretstore_", "pushsecret_", "cluster", "claviger_"];
        words
            .filter(|word| word.contains('_') && ours.iter().any(|prefix| word.starts_with(prefix)))
            .map(str::to_owned)
            .collect()
    }

    fn registered(folder: &Path, into: &mut BTreeSet<String>) {
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                registered(&path, into);
            } else if path.display().to_string().contains("metric") {
                // What stands between quotes, alone.
                let text = std::fs::read_to_string(&path).unwrap();
                let quoted = text.split('"').skip(1).step_by(2);
                into.extend(quoted.clone().filter(|name| metrics(name).contains(*name)).map(str::to_owned));
                // Those that every kind of object has.
                for kind in quoted.filter(|word| word.ends_with("secret") || word.ends_with("store")) {
                    into.extend(
                        ["status_condition", "reconcile_duration"].map(|what| format!("{kind}_{what}")),
                    );
                }
            }
        }
    }

    #[test]
    fn the_dashboard_asks_for_metrics_that_are_there() {
        let mut there = BTreeSet::new();
        registered(&workspace_root().join("host/operator/src"), &mut there);
        assert!(
            there.contains("externalsecret_status_condition") && there.contains("claviger_fetch"),
            "{there:?}"
        );
        let dashboard: Value = serde_json::from_str(&read("files/dashboard.json").unwrap()).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
        let asked: BTreeSet<String> =
            targets.flat_map(|target| metrics(target["expr"].as_str().unwrap())).collect();
        assert!(asked.len() > 15, "{asked:?}");
        for name in &asked {
            // What the text format makes of counters and histograms.
            let base =
                ["_total", "_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            let is_there = there.contains(name) || base.is_some_and(|base| there.contains(base));
            assert!(is_there, "nobody registers {name}");
        }
        let rows =
            panels.iter().filter(|panel| panel["type"] == "row").map(|row| row["title"].as_str().unwrap());
        let rows: Vec<&str> = rows.collect();
        assert_eq!(rows, ["Overview", "Latency", "Fetches", "Writes", "Plugins", "Leases", "Process"]);
    }

    #[test]
    fn the_readme_is_what_values_say() {
        assert!(!drift().unwrap(), "run `cargo xtask chart`");
    }
}
