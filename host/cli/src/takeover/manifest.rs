//! The manifest that Helm keeps of a release: ESO's definitions in it are marked to be kept. Pure.
//!
//! The text is edited and not written anew: all else in it stays byte by byte. What was edited is read again, and must
//! be what was there and the mark; a text that cannot be edited so is refused.

use std::ops::Range;

use serde_json::Value;

use super::crds::{KEEP, RESOURCE_POLICY, is_esos};

/// The text with the marks, and the definitions that got one; `None` if each has it.
///
/// # Errors
/// If a definition of ESO's cannot be read or edited.
pub(super) fn keep(manifest: &str) -> Result<Option<(String, Vec<String>)>, String> {
    let mut text = String::with_capacity(manifest.len() + 4096);
    let (mut marked, mut end) = (Vec::new(), 0);
    for range in documents(manifest) {
        let document = &manifest[range.clone()];
        if !may_be_esos(document) {
            continue;
        }
        let object = parsed(document)?;
        if object["kind"] != "CustomResourceDefinition" || !is_esos(&object) {
            continue;
        }
        // As Helm looks at it.
        if object["metadata"]["annotations"][RESOURCE_POLICY] == KEEP {
            continue;
        }
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let edited = edited(document)
            .filter(|edited| is_marked(edited, object))
            .ok_or_else(|| format!("the definition {name} is written in a way that cannot be edited"))?;
        text.push_str(&manifest[end..range.start]);
        text.push_str(&edited);
        end = range.end;
        marked.push(name);
    }
    if marked.is_empty() {
        return Ok(None);
    }
    text.push_str(&manifest[end..]);
    Ok(Some((text, marked)))
}

/// The names of ESO's definitions in it.
///
/// # Errors
/// If one cannot be read.
pub(super) fn definitions(manifest: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for range in documents(manifest) {
        let document = &manifest[range];
        if may_be_esos(document) {
            let object = parsed(document)?;
            if object["kind"] == "CustomResourceDefinition" && is_esos(&object) {
                names.push(object["metadata"]["name"].as_str().unwrap_or_default().to_owned());
            }
        }
    }
    Ok(names)
}

/// Before anything is parsed: a manifest may be megabytes.
fn may_be_esos(document: &str) -> bool {
    document.contains("CustomResourceDefinition") && document.contains("external-secrets.io")
}

/// As Helm splits it: where three hyphens begin a line; what follows them in that line belongs to the document.
fn documents(manifest: &str) -> Vec<Range<usize>> {
    let (mut found, mut begin, mut at) = (Vec::new(), 0, 0);
    for line in manifest.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            found.push(begin..at);
            begin = at + line.len() - rest.trim_start_matches([' ', '\t']).len();
        }
        at += line.len();
    }
    found.push(begin..at);
    found.retain(|range| !manifest[range.clone()].trim().is_empty());
    found
}

fn parsed(document: &str) -> Result<Value, String> {
    // The parser's words may quote what is not for a terminal.
    serde_saphyr::from_str(document)
        .map_err(|_| "a document of the manifest cannot be read as YAML".to_owned())
}

fn is_marked(edited: &str, mut before: Value) -> bool {
    let Some(metadata) = before.get_mut("metadata").and_then(Value::as_object_mut) else { return false };
    let annotations = metadata.entry("annotations").or_insert(Value::Null);
    if annotations.is_null() {
        *annotations = Value::Object(serde_json::Map::new());
    }
    let Some(annotations) = annotations.as_object_mut() else { return false };
    annotations.insert(RESOURCE_POLICY.to_owned(), KEEP.into());
    parsed(edited).is_ok_and(|after| after == before)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn is_content(line: &&str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// With the annotation, in a block mapping; whether that is what came out is for the caller to see.
fn edited(document: &str) -> Option<String> {
    let lines: Vec<&str> = document.split_inclusive('\n').collect();
    let metadata = lines.iter().position(|line| line.trim_end() == "metadata:")?;
    let block = lines[metadata + 1..].iter().take_while(|line| !is_content(line) || indent(line) > 0).count();
    let within = metadata + 1..metadata + 1 + block;
    let child = indent(lines[within.clone()].iter().find(|line| is_content(line))?);
    let is_annotations = |line: &str| indent(line) == child && line.trim_start().starts_with("annotations:");
    let mark = |indent: usize| format!("{}{RESOURCE_POLICY}: {KEEP}\n", " ".repeat(indent));
    let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let Some(annotations) = within.clone().find(|index| is_annotations(lines[*index])) else {
        out.insert(within.start, format!("{}annotations:\n{}", " ".repeat(child), mark(child + 2)));
        return Some(out.concat());
    };
    let value = lines[annotations].trim().strip_prefix("annotations:")?.trim();
    if value == "{}" || value == "null" {
        out[annotations] = format!("{}annotations:\n{}", " ".repeat(child), mark(child + 2));
        return Some(out.concat());
    }
    let first = lines[annotations + 1..within.end].iter().find(|line| is_content(line));
    let deeper = first.map(|line| indent(line)).filter(|deeper| *deeper > child).unwrap_or(child + 2);
    let other = (annotations + 1..within.end)
        .take_while(|index| !is_content(&lines[*index]) || indent(lines[*index]) > child)
        .find(|index| {
            let line = lines[*index].trim_start().trim_start_matches(['"', '\'']);
            indent(lines[*index]) == deeper && line.starts_with(RESOURCE_POLICY)
        });
    match other {
        Some(other) => out[other] = mark(deeper),
        None => out.insert(annotations + 1, mark(deeper)),
    }
    Some(out.concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn crd(metadata: &str) -> String {
        format!(
            "# Source: external-secrets/templates/crds/x.yaml\napiVersion: apiextensions.k8s.io/v1\n\
             kind: CustomResourceDefinition\n{metadata}spec:\n  group: external-secrets.io\n  names: {{kind: X}}\n"
        )
    }

    #[test]
    fn the_mark_comes_and_nothing_else_changes() {
        for (before, after) in [
            (
                "metadata:\n  annotations:\n    a: b\n  name: x\n",
                "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n    a: b\n  name: x\n",
            ),
            (
                "metadata:\n  name: x\n",
                "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n  name: x\n",
            ),
            (
                "metadata:\n  annotations: {}\n  name: x\n",
                "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n  name: x\n",
            ),
            (
                "metadata:\n  annotations:\n  name: x\n",
                "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n  name: x\n",
            ),
            // Of another policy, with a comment, indented otherwise, and labels that have such a name too.
            (
                "metadata:\n    # why\n    labels:\n        helm.sh/resource-policy: x\n    name: x\n    annotations:\n\n      \"helm.sh/resource-policy\": \"delete\"\n      z: \"1\"\n",
                "metadata:\n    # why\n    labels:\n        helm.sh/resource-policy: x\n    name: x\n    annotations:\n\n      helm.sh/resource-policy: keep\n      z: \"1\"\n",
            ),
        ] {
            let others = "---\n# Source: a\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: metadata\ndata:\n  \
                          k: \"CustomResourceDefinition <&>\"\n--- \n";
            let text = format!("{others}{}---\n{others}", crd(before));
            let (marked, names) = keep(&text).unwrap().unwrap();
            assert_eq!(marked, format!("{others}{}---\n{others}", crd(after)));
            assert_eq!(names, ["x"]);
            assert_eq!(keep(&marked), Ok(None), "it is done");
            assert_eq!(definitions(&text).unwrap(), ["x"]);
        }
    }

    #[test]
    fn what_cannot_be_edited_is_refused() {
        for metadata in [
            "metadata: {name: x}\n",
            "metadata:\n  annotations: {a: b}\n  name: x\n",
            "metadata:\n  annotations: &a\n    b: c\n  labels: *a\n  name: x\n",
        ] {
            let error = keep(&crd(metadata)).unwrap_err();
            assert_eq!(error, "the definition x is written in a way that cannot be edited", "{metadata}");
        }
        // Texts where there should be maps.
        for metadata in ["metadata:\n  x\n", "metadata:\n  annotations:\n    text\n  name: x\n"] {
            assert!(keep(&crd(metadata)).is_err(), "{metadata}");
        }
        assert!(keep("kind: CustomResourceDefinition\n  group: external-secrets.io - b: c\n").is_err());
    }

    #[test]
    fn others_definitions_are_left() {
        let other = crd("metadata:\n  name: x\n").replace("external-secrets.io", "example.com");
        assert_eq!(keep(&other), Ok(None));
        assert_eq!(keep("---\n---\n\n"), Ok(None));
        let generators = crd("metadata:\n  name: other\n").replace("group: ", "group: generators.");
        assert_eq!(keep(&generators).unwrap().unwrap().1, ["other"]);
    }
}
