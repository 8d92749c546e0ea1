//! `claviger doctor`: what it says of rights, definitions, objects and the lease, and that it leaves nothing behind.

mod chart;
mod definitions;
mod findings;
mod rights;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::World;

/// What it says, and its exit code.
pub(crate) struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// The findings of `-o json`.
    fn findings(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    /// Those of one check.
    pub(crate) fn of(&self, check: &str) -> Vec<Value> {
        self.findings().into_iter().filter(|finding| finding["check"] == check).collect()
    }
}

pub(crate) fn doctor(world: &World, kubeconfig: &Path, flags: &[&str]) -> Said {
    let mut command = Command::new(&world.env.claviger);
    command.arg("doctor").args(flags).arg("--kubeconfig").arg(kubeconfig);
    // Nothing of the machine's own is to be used.
    command.env_remove("POD_NAMESPACE").env_remove("KUBECONFIG");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let said = Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!said.out.contains("MARKED") && !said.err.contains("MARKED"), "{} {}", said.out, said.err);
    said
}

/// One right as a line: place (`*` for everywhere), group (`core`), resource, verb and, if it is of one object, its name.
fn line(place: &str, group: &str, resource: &str, verb: &str, name: Option<&str>) -> String {
    let group = if group.is_empty() { "core" } else { group };
    let name = name.map_or(String::new(), |name| format!(" {name}"));
    format!("{place} {group} {resource} {verb}{name}")
}

/// Every right that roles give.
fn given<'a>(roles: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for role in roles {
        let place = match role["kind"].as_str().unwrap() {
            "ClusterRole" => "*",
            "Role" => role["metadata"]["namespace"].as_str().unwrap(),
            _ => continue,
        };
        for rule in role["rules"].as_array().unwrap() {
            let texts = |field: &str| -> Vec<&str> {
                rule[field].as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
            };
            let mut names: Vec<_> = texts("resourceNames").into_iter().map(Some).collect();
            if names.is_empty() {
                names.push(None);
            }
            for group in texts("apiGroups") {
                for resource in texts("resources") {
                    for verb in texts("verbs") {
                        lines.extend(names.iter().map(|name| line(place, group, resource, verb, *name)));
                    }
                }
            }
        }
    }
    lines
}

/// Documents of a YAML text.
fn documents(text: &str) -> Vec<Value> {
    let documents = text
        .split("---\n")
        .filter(|text| text.lines().any(|line| !line.starts_with('#') && !line.is_empty()));
    documents
        .map(|text| serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}
