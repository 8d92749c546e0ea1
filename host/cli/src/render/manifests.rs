//! Reads manifests from files and folders: multi-document YAML, JSON, `kind: List`.
//!
//! A document that does not parse is a problem that names its file and document, not the end.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use claviger_core::generator::CLUSTER_GENERATOR;
use serde_json::Value;

use crate::yaml;

/// Files larger than this are not manifests; a mistaken path to a log or an image should not be read
/// whole.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Objects, each with `apiVersion`, `kind` and `metadata.name`.
    pub objects: Vec<Value>,
    /// What could not be read, one line each.
    pub problems: Vec<String>,
}

/// Reads all paths. Objects without a namespace get `namespace` unless they are cluster-scoped kinds.
///
/// # Errors
/// If a path does not exist or a folder cannot be listed.
pub(super) fn load(paths: &[PathBuf], namespace: &str) -> anyhow::Result<Loaded> {
    let mut loaded = Loaded::default();
    for path in paths {
        let files = if path.is_dir() { folder(path)? } else { vec![path.clone()] };
        for file in files {
            let size = fs::metadata(&file).with_context(|| format!("cannot read {}", file.display()))?.len();
            if size > MAX_FILE {
                loaded
                    .problems
                    .push(format!("{}: {size} bytes, more than the limit of {MAX_FILE}", file.display()));
                continue;
            }
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            parse(&file, &text, namespace, &mut loaded);
        }
    }
    Ok(loaded)
}

fn folder(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|file| file.is_file())
        .filter(|file| {
            let extension = file.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("yaml" | "yml" | "json"))
        })
        .collect();
    files.sort();
    Ok(files)
}

/// Reads one file's text.
pub(super) fn parse(file: &Path, text: &str, namespace: &str, loaded: &mut Loaded) {
    for (index, document) in documents(text).into_iter().enumerate() {
        let place = format!("{}, document {}", file.display(), index + 1);
        match yaml::document(document) {
            Err(at) => loaded.problems.push(format!("{place}: not valid YAML{at}")),
            Ok(Value::Null) => {}
            Ok(value) => add(value, &place, namespace, loaded),
        }
    }
}

/// Splits at document separators. A separator is `---` at the start of a line, alone or before a space.
fn documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            documents.push(&text[start..position]);
            start = position + line.len();
        }
        position += line.len();
    }
    documents.push(&text[start..]);
    documents
}

fn add(mut value: Value, place: &str, namespace: &str, loaded: &mut Loaded) {
    if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
        for item in std::mem::take(items) {
            add(item, place, namespace, loaded);
        }
        return;
    }
    let kind = value["kind"].as_str().unwrap_or_default().to_owned();
    if kind.is_empty() || value["metadata"]["name"].as_str().is_none() {
        loaded
            .problems
            .push(format!("{place}: no kind or no metadata.name, so this is no Kubernetes object"));
        return;
    }
    let cluster_scoped = matches!(
        kind.as_str(),
        "ClusterSecretStore" | "ClusterExternalSecret" | CLUSTER_GENERATOR | "Plugin" | "Namespace"
    );
    if !cluster_scoped && value["metadata"]["namespace"].as_str().is_none() {
        value["metadata"]["namespace"] = Value::from(namespace);
    }
    loaded.objects.push(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_no_namespace_is_given_none() {
        let mut loaded = Loaded::default();
        for kind in ["ClusterSecretStore", "ClusterExternalSecret", "ClusterGenerator", "Plugin", "Namespace"]
        {
            parse(Path::new("m.yaml"), &format!("kind: {kind}\nmetadata: {{name: a}}\n"), "ns", &mut loaded);
        }
        assert_eq!(loaded.objects.len(), 5);
        assert!(loaded.objects.iter().all(|object| object["metadata"]["namespace"].is_null()));
    }

    #[test]
    fn documents_lists_and_broken_ones() {
        let text = "# a comment\n---\nkind: A\nmetadata: {name: a}\n---\nkind: [\n--- # next\n\
                    kind: List\nitems:\n- kind: B\n  metadata: {name: b, namespace: x}\n---\nfoo: 1\n";
        let mut loaded = Loaded::default();
        parse(Path::new("m.yaml"), text, "ns", &mut loaded);
        let names: Vec<_> =
            loaded.objects.iter().map(|o| (&o["kind"], &o["metadata"]["namespace"])).collect();
        assert_eq!(format!("{names:?}"), r#"[(String("A"), String("ns")), (String("B"), String("x"))]"#);
        assert_eq!(loaded.problems.len(), 2);
        assert!(
            loaded.problems[0].starts_with("m.yaml, document 3: not valid YAML"),
            "{}",
            loaded.problems[0]
        );
        assert!(loaded.problems[1].contains("document 5"), "{}", loaded.problems[1]);
    }
}
