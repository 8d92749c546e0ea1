//! Every ExternalSecret of the reference document, byte for byte: `claviger render` of its manifest, with `fake` in
//! place of its store, against the whole Secret that ESO's own packages make of it (`tests/gotemplates/seed.go`), at the
//! same time. That the real stores give the same is shown by the end-to-end tests, with the same values.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// As in the Go program.
const NOW: &str = "2024-02-29T13:04:05.678Z";

/// Annotations that ESO copies to the Secret and Claviger does not: docs/eso-differences.md has the row.
const NOT_COPIED: [(&str, &str); 2] = [
    ("rotating-database-password", "external-secrets.io/rotation-policy"),
    ("rotating-database-password", "external-secrets.io/rotation-interval"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(root().join(path)).unwrap()).unwrap()
}

/// The built plugins that are needed, in a folder of their own; `None`, loudly, where they are not built.
fn plugins(into: &Path) -> Option<()> {
    let dir = std::env::var_os("CLAVIGER_PLUGIN_DIR").map(PathBuf::from);
    for name in ["fake.wasm", "template-go.wasm"] {
        let copied = dir.as_ref().and_then(|dir| std::fs::copy(dir.join(name), into.join(name)).ok());
        if copied.is_none() {
            let message = format!("SKIPPED: {name} is not built; run `cargo xtask test`");
            assert!(std::env::var_os("CLAVIGER_REQUIRE_PLUGINS").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        }
    }
    Some(())
}

/// What `claviger render` prints of a manifest beside these stores, by the Secret's name.
fn render(dir: &Path, manifests: &str, more: &[&str]) -> BTreeMap<String, Value> {
    let file = dir.join("all.yaml");
    std::fs::write(&file, manifests).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_claviger"))
        .args(["--log-level", "error", "render", "-f"])
        .arg(&file)
        .arg("--plugin-dir")
        .arg(dir)
        .arg("--cache-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("seed-compiled"))
        .args(more)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{err}");
    out.split("---\n")
        .filter(|document| !document.trim().is_empty())
        .map(|document| {
            let object: Value = serde_saphyr::from_str(document).unwrap();
            (object["metadata"]["name"].as_str().unwrap().to_owned(), object)
        })
        .collect()
}

/// A store of the document's name and kind, whose provider is `fake`.
fn store(name: &str, kind: &str, values: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let data: Vec<Value> = values
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| json!({"key": key, "value": text(value)}))
        .collect();
    let mut metadata = json!({"name": name});
    if kind == "SecretStore" {
        metadata["namespace"] = "production".into();
    }
    let object = json!({
        "apiVersion": "external-secrets.io/v1beta1", "kind": kind, "metadata": metadata,
        "spec": {"provider": {"fake": {"data": data}}},
    });
    format!("---\n{object}\n")
}

#[test]
fn every_external_secret_of_the_document_gives_what_eso_makes() {
    let dir = tempfile::tempdir().unwrap();
    if plugins(dir.path()).is_none() {
        return;
    }
    let values = read("tests/gotemplates/seed-values.json");
    let mut expected = read("tests/gotemplates/seed-expected.json");
    for (name, annotation) in NOT_COPIED {
        let annotations = expected[name]["metadata"]["annotations"].as_object_mut().unwrap();
        assert!(annotations.remove(annotation).is_some(), "{name}: {annotation}");
    }
    // The manifests as the document has them, and a store for each that they name.
    let mut manifests = String::new();
    let mut names = Vec::new();
    let mut stores = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("crds/tests/seed")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.split("\n---").next().unwrap();
        let object: Value = serde_saphyr::from_str(first).unwrap();
        if object["kind"] != "ExternalSecret" {
            continue;
        }
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        let reference = &object["spec"]["secretStoreRef"];
        stores.insert(
            reference["name"].as_str().unwrap().to_owned(),
            reference["kind"].as_str().unwrap().to_owned(),
        );
        manifests.push_str(&format!("---\n{text}\n"));
    }
    names.sort();
    let known: Vec<&String> = expected.as_object().unwrap().keys().collect();
    assert_eq!(names.iter().collect::<Vec<_>>(), known, "run the Go program again");
    assert_eq!(names.len(), 9, "all of the document");
    manifests.extend(stores.iter().map(|(name, kind)| store(name, kind, &values[name])));

    let made = render(dir.path(), &manifests, &["--now", NOW]);
    for (name, wanted) in expected.as_object().unwrap() {
        let found = &made[wanted["metadata"]["name"].as_str().unwrap()];
        assert_eq!(found, wanted, "{name}");
    }
    assert_eq!(made.len(), 9);
}

#[test]
fn what_is_random_follows_from_the_seed_that_is_given() {
    let dir = tempfile::tempdir().unwrap();
    if plugins(dir.path()).is_none() {
        return;
    }
    let manifests = format!(
        "{}---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: r, namespace: production}}\n\
         spec:\n  secretStoreRef: {{name: s}}\n  data: [{{secretKey: k, remoteRef: {{key: k}}}}]\n  \
         target: {{template: {{data: {{p: \"{{{{ randAlphaNum 24 }}}}\", at: \"{{{{ now | unixEpoch }}}}\"}}}}}}\n",
        store("s", "SecretStore", &json!({"k": "v"}))
    );
    let made = |more: &[&str]| render(dir.path(), &manifests, more)["r"]["data"].clone();
    let (seed, other) = ("07".repeat(32), "08".repeat(32));
    let first = made(&["--seed", &seed, "--now", NOW]);
    // base64 of 1709211845
    assert_eq!(first["at"], "MTcwOTIxMTg0NQ==");
    assert_eq!(made(&["--seed", &seed, "--now", NOW]), first);
    assert_ne!(made(&["--seed", &other])["p"], first["p"]);
    assert_ne!(made(&[])["p"], made(&[])["p"]);
}
