//! The command line without a cluster: render and inspect.

use std::process::{Command, Output};

use claviger_testenv::workspace_root;

use crate::support::{World, world};

fn claviger(world: &World, args: &[&str]) -> Output {
    Command::new(&world.env.claviger)
        .args(["--log-level", "error"])
        .args(args)
        // Commands that take one keep there what they compile.
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .current_dir(workspace_root())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn render_prints_the_good_ones_and_names_the_bad() {
    let world = world!("render");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    std::fs::write(
        &file,
        r#"
apiVersion: external-secrets.io/v1beta1
kind: SecretStore
metadata: {name: s}
spec: {provider: {fake: {data: [{key: k, value: '{"a":"1","b":{"c":2}}'}]}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: good}
spec: {secretStoreRef: {name: s}, dataFrom: [{extract: {key: k}}]}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: no-key}
spec: {secretStoreRef: {name: s}, data: [{secretKey: x, remoteRef: {key: absent}}]}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: no-store}
spec: {secretStoreRef: {name: absent}, data: [{secretKey: x, remoteRef: {key: k}}]}
---
this: [is not YAML
"#,
    )
    .unwrap();
    let plugins = world.env.plugin_dir.to_str().unwrap();
    let output = claviger(&world, &["render", "-f", file.to_str().unwrap(), "--plugin-dir", plugins]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{err}");
    let secret: serde_json::Value = serde_saphyr::from_str(out.trim_start_matches("---\n")).unwrap();
    assert_eq!(secret["metadata"]["name"], "good");
    // base64 of 1 and of {"c":2}
    assert_eq!(secret["data"], serde_json::json!({"a": "MQ==", "b": "eyJjIjoyfQ=="}));
    for part in [
        "default/no-key: RemoteKeyNotFound",
        "\"absent\"",
        "default/no-store: StoreNotFound",
        "document 5: not valid YAML",
        "3 failed, 1 rendered",
    ] {
        assert!(err.contains(part), "{part:?} is not in:\n{err}");
    }

    let output = claviger(&world, &["render", "-f", "examples/quickstart", "--plugin-dir", plugins]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // base64 of postgresql://app:correct+horse+battery+staple@db.example.com:5432/orders
    assert!(text(&output.stdout).contains(
        "cG9zdGdyZXNxbDovL2FwcDpjb3JyZWN0K2hvcnNlK2JhdHRlcnkrc3RhcGxlQGRiLmV4YW1wbGUuY29tOjU0MzIvb3JkZXJz"
    ));
}

/// What the README shows of a first run, and of a mistake in it, is what is printed.
#[test]
fn the_first_run_is_as_the_readme_has_it() {
    let world = world!("first-run");
    let (root, plugins) = (workspace_root(), world.env.plugin_dir.to_str().unwrap());
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let quickstart = root.join("examples/quickstart");
    let output = claviger(&world, &["render", "-f", quickstart.to_str().unwrap(), "--plugin-dir", plugins]);
    let out = text(&output.stdout);
    assert!(!out.is_empty() && readme.contains(out.as_str()), "the README does not show this:\n{out}");

    let dir = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(&quickstart).unwrap() {
        let path = file.unwrap().path();
        let misspelt = std::fs::read_to_string(&path).unwrap().replace("property: port", "property: prot");
        std::fs::write(dir.path().join(path.file_name().unwrap()), misspelt).unwrap();
    }
    let files = dir.path().to_str().unwrap();
    let output = claviger(&world, &["render", "-f", files, "--plugin-dir", plugins]);
    let err = text(&output.stderr);
    let said = err.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{err}"));
    assert!(said.contains("prot") && readme.contains(said), "the README does not show this:\n{err}");
}

/// What `claviger render` makes of an ExternalSecret of a store `s` that has a key `k` with the value `v`.
fn render(world: &World, name_and_spec: &str, flags: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let manifests = format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: s}}\n\
         spec: {{provider: {{fake: {{data: [{{key: k, value: v}}]}}}}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n{name_and_spec}"
    );
    std::fs::write(dir.path().join("all.yaml"), manifests).unwrap();
    let (plugins, files) = (world.env.plugin_dir.to_str().unwrap(), dir.path().to_str().unwrap());
    claviger(world, &[&["render", "-f", files, "--plugin-dir", plugins], flags].concat())
}

/// The data of the one Secret that was printed.
fn data(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let secret: serde_json::Value =
        serde_saphyr::from_str(text(&output.stdout).trim_start_matches("---\n")).unwrap();
    secret["data"].clone()
}

/// As ESO's flags of the same name; what they leave alone other tools fill in.
#[test]
fn other_delimiters() {
    let world = world!("delimiters");
    let good = r#"
metadata: {name: good}
spec:
  secretStoreRef: {name: s}
  dataFrom: [{find: {name: {regexp: k}}, rewrite: [{transform: {template: "<< .value | upper >>-x"}}]}]
  data: [{secretKey: k, remoteRef: {key: k}}]
  target: {template: {mergePolicy: Merge, data: {t: "<< .k >>{{ .k }}"}}}
"#;
    let flags = ["--template-left-delimiter=<<", "--template-right-delimiter=>>"];
    // base64 of v, of v and of v{{ .k }}
    let expected = serde_json::json!({"K-x": "dg==", "k": "dg==", "t": "dnt7IC5rIH19"});
    assert_eq!(data(&render(&world, good, &flags)), expected);
    let output = render(&world, &good.replace(">>-x", ">>{{x"), &flags);
    assert!(!output.status.success(), "K{{{{x is no key: {}", text(&output.stdout));
    assert!(text(&output.stderr).contains("K{{x"), "{}", text(&output.stderr));
    assert_eq!(render(&world, good, &["--template-left-delimiter="]).status.code(), Some(2));
}

#[test]
fn random_values_of_one_secret_have_nothing_in_common() {
    let world = world!("random");
    let random = r#"
metadata: {name: random}
spec:
  secretStoreRef: {name: s}
  data: [{secretKey: k, remoteRef: {key: k}}]
  target: {template: {data: {a: "{{ randAlphaNum 30 }}", b: "{{ randAlphaNum 30 }}"}}}
"#;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let data = data(&render(&world, random, &[]));
        seen.extend(["a", "b"].map(|key| data[key].as_str().unwrap().to_owned()));
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn inspect_tells_what_a_component_asks_for() {
    let world = world!("inspect");
    let vault = world.env.plugin_dir.join("vault.wasm");
    let output = claviger(&world, &["plugin", "inspect", vault.to_str().unwrap()]);
    let out = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in [
        "Name:         vault",
        "sha256:",
        "claviger:plugin/provider-plugin@1.0.0",
        "wasi:http/outgoing-handler",
        "find-by-tags",
        "the store's server",
        "x-claviger",
    ] {
        assert!(out.contains(part), "{part:?} is not in:\n{out}");
    }
    let output = claviger(&world, &["plugin", "inspect", "README.md"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("not a WebAssembly component"), "{}", text(&output.stderr));
}
