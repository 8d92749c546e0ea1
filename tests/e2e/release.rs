//! A release, tried with the development build: other people's tools take what is in the folder, it runs as it is unpacked,
//! and every package that the program and the components name is in their bills of materials.
//!
//! The image has a test of its own (`image.rs`); that plugins are the same twice is a stage of `cargo xtask test`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use claviger_testenv::{RunDir, workspace_root};
use serde_json::Value;

use crate::support::{World, world};

const MANIFESTS: &str = "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: s}\n\
    spec: {provider: {fake: {data: [{key: one, value: VALUE}]}}}\n---\n\
    apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: e}\n\
    spec:\n  secretStoreRef: {name: s}\n  data: [{secretKey: a, remoteRef: {key: one}}]\n";

fn said(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {out}\n{err}");
    out.into_owned()
}

/// Packages whose source files a program or component names, for the messages of panics, as `name-version`.
fn named(file: &Path) -> BTreeSet<String> {
    // Of cargo's folder, and of what that is called in components.
    let mut grep = Command::new("grep");
    grep.args(["--text", "--only-matching", "--extended-regexp"]);
    let found = said(grep.arg("/registry/(src/[^/]+/)?[A-Za-z0-9_-]+-[0-9][A-Za-z0-9_.+-]*/src/").arg(file));
    let package = |line: &str| line.trim_end_matches("/src/").rsplit('/').next().unwrap().to_owned();
    found.lines().map(package).collect()
}

/// What a bill says is in the product, in the same form.
fn listed(bill: &Value) -> BTreeSet<String> {
    let components = bill["components"].as_array().unwrap().iter();
    let linked = components.filter(|component| component["scope"] == "required");
    linked
        .map(|one| format!("{}-{}", one["name"].as_str().unwrap(), one["version"].as_str().unwrap()))
        .collect()
}

fn make(world: &World, folder: &Path) -> String {
    let plugins = world.env.plugin_dir.with_file_name("dist").join("plugins");
    let mut command = Command::new(std::env::var_os("CLAVIGER_XTASK").unwrap());
    command.args(["release", "--allow-dirty", "--without-image", "--output"]).arg(folder);
    command.arg("--binary").arg(&world.env.claviger).arg("--plugins").arg(plugins);
    said(command.env("CARGO_NET_OFFLINE", "true"))
}

#[test]
fn a_release_is_whole_and_says_what_is_in_it() {
    let world = world!("release");
    let dir = RunDir::create(&world.name).unwrap();
    let folder = dir.path().join("release");
    let steps = make(&world, &folder);
    let version = env!("CARGO_PKG_VERSION");
    assert!(steps.contains(&format!("git tag --annotate v{version}")), "{steps}");

    // Every file is in the sums, and the sums are right.
    let mut sums = Command::new("sha256sum");
    let checked = said(sums.args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder));
    let files: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "SHA256SUMS")
        .collect();
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count(), files.len(), "{checked}");

    // Unpacked, it runs.
    let platform = files.iter().find(|name| name.ends_with(".tar.gz")).unwrap();
    said(Command::new("tar").arg("-xzf").arg(folder.join(platform)).arg("-C").arg(dir.path()));
    let unpacked = dir.path().join(format!("claviger-{version}"));
    let manifests = dir.path().join("manifests.yaml");
    std::fs::write(&manifests, MANIFESTS).unwrap();
    let mut render = Command::new(unpacked.join("bin/claviger"));
    render.arg("render").arg("-f").arg(&manifests).arg("--cache-dir").arg(&world.env.cache_dir);
    // VALUE
    assert!(said(&mut render).contains("VkFMVUU="));
    let licences = std::fs::read_to_string(unpacked.join("THIRD-PARTY-LICENSES.txt")).unwrap();
    let terms = licences.lines().filter_map(|line| line.split_once(": "));
    let licensed: BTreeSet<String> = terms.map(|(package, _)| package.replace(' ', "-")).collect();
    for holder in ["The Rust Project Developers", "Rich Felker", "Nuxi"] {
        assert!(licences.contains(holder), "{holder}");
    }
    assert!(unpacked.join("LICENSE").is_file());

    // The bills: well-formed for CycloneDX's own library, of these very files, and nothing is missing.
    let bills: Vec<&String> = files.iter().filter(|name| name.ends_with(".cdx.json")).collect();
    let mut judge = Command::new(&world.env.tools.python);
    judge.arg(workspace_root().join("tests/servers/check_sbom.py"));
    said(judge.args(bills.iter().map(|name| folder.join(name))));
    let mut plugins = 0;
    for name in bills {
        let bill: Value = serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let component = folder.join(name.replace(".cdx.json", ".wasm"));
        let product = match component.is_file() {
            true => component,
            false => unpacked.join("bin/claviger"),
        };
        let plugin = product.extension().is_some();
        plugins += usize::from(plugin);
        // What comes with the compiler is in every file, and in components the C library too.
        let has = |name: &str| bill["components"].as_array().unwrap().iter().any(|part| part["name"] == name);
        assert!(has("rust-std") && has("wasi-libc") == plugin, "{name}");
        let digest = said(Command::new("sha256sum").arg(&product));
        let hash = bill["metadata"]["component"]["hashes"][0]["content"].as_str().unwrap();
        assert!(digest.starts_with(hash), "{name}: {digest}");
        let (named, listed) = (named(&product), listed(&bill));
        assert!(named.len() > 3, "{name}: {named:?}");
        let missing: Vec<_> = named.difference(&listed).collect();
        assert!(missing.is_empty(), "{name} has no {missing:?}");
        let unlicensed: Vec<_> = named.difference(&licensed).collect();
        assert!(unlicensed.is_empty(), "no licence of {unlicensed:?}");
    }
    assert_eq!(plugins, files.iter().filter(|name| name.ends_with(".wasm")).count());

    // Helm takes the chart, and makes the same of it as of the folder.
    let helm = world.env.tools.helm.as_deref().unwrap();
    let chart = folder.join(format!("claviger-{version}.tgz"));
    said(Command::new(helm).arg("lint").arg(&chart));
    let template = |chart: &Path| {
        said(Command::new(helm).args(["template", "x", "--kube-version", "1.36.4"]).arg(chart))
    };
    assert_eq!(template(&chart), template(&workspace_root().join("charts/claviger")));

    // The API server takes the definitions.
    let definitions = folder.join(format!("claviger-{version}-crds.yaml"));
    let definitions = definitions.to_str().unwrap();
    world.kubectl(&["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", definitions]);
}
