//! Plugins from a real registry: pushed by `claviger plugin push`, judged by crane, pulled by the operator with a login,
//! over TLS, with signatures; and every way in which a registry does not have what was meant.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Registry, RunDir, workspace_root};
use serde_json::{Value, json};

use crate::support::{Operator, World, assert_no_value_left, chameleon, digest, relabelled, world};

/// A registry, and a folder to work in.
struct Bench<'a> {
    world: &'a World,
    registry: Registry,
    dir: RunDir,
}

impl<'a> Bench<'a> {
    fn start(world: &'a World, tls: bool) -> Self {
        let dir = RunDir::create(&world.name).unwrap();
        let registry = Registry::start(&world.env.tools, dir.path(), tls).unwrap();
        Self { world, registry, dir }
    }

    fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    /// `claviger plugin push`, with that login on standard input.
    fn try_push(&self, file: &Path, reference: &str, password: &str, extra: &[&str]) -> Output {
        let mut command = Command::new(&self.world.env.claviger);
        command.args(["plugin", "push"]).arg(file).arg(reference);
        command.args(["--username", self.registry.login().0, "--password-stdin"]).args(extra);
        match self.registry.ca_file() {
            Some(ca) => command.arg("--ca-bundle").arg(ca),
            None => command.arg("--plain-http"),
        };
        for proxy in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(proxy);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The same, which must succeed; what it printed.
    fn push_file(&self, file: &Path, rest: &str, extra: &[&str]) -> String {
        let output = self.try_push(file, &self.reference(rest), self.registry.login().1, extra);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A component; the Plugin that was printed, made to be of this test's operator.
    fn push(&self, bytes: &[u8], rest: &str, extra: &[&str]) -> Value {
        let file = self.dir.path().join("component.wasm");
        std::fs::write(&file, bytes).unwrap();
        let text = self.push_file(&file, rest, extra);
        let mut object: Value = serde_saphyr::from_str(text.trim_start_matches("---\n")).unwrap();
        object["spec"]["controller"] = json!(self.world.name);
        object
    }

    /// crane, logged in; its standard output.
    fn crane(&self, arguments: &[&str]) -> Vec<u8> {
        let config = self.dir.path().join("docker");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(config.join("config.json"), self.docker_config(self.registry.login().1)).unwrap();
        let output = Command::new(self.world.env.tools.crane.as_deref().unwrap())
            .args(arguments)
            .env("DOCKER_CONFIG", &config)
            .output()
            .unwrap();
        assert!(output.status.success(), "crane {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn docker_config(&self, password: &str) -> String {
        let auth = STANDARD.encode(format!("{}:{password}", self.registry.login().0));
        json!({"auths": {self.registry.host(): {"auth": auth}}}).to_string()
    }

    /// A pull Secret in the operator's namespace.
    fn pull_secret(&self, name: &str, password: &str) {
        self.world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.world.name},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": self.docker_config(password)},
        }));
    }

    /// A Plugin of the artifact, with that digest.
    fn plugin(&self, name: &str, rest: &str, digests: &[String], source: Value) {
        let mut oci = json!({"reference": self.reference(rest), "pullSecretRef": {"name": "pull"}});
        if self.registry.ca_file().is_none() {
            oci["insecure"] = json!(true);
        }
        let oci_fields = oci.as_object_mut().unwrap();
        oci_fields.extend(source.as_object().unwrap().clone());
        oci_fields.retain(|_, value| !value.is_null());
        self.world.apply_json(&json!({
            "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": name},
            "spec": {"controller": self.world.name, "source": {"oci": oci}, "digest": digests},
        }));
    }
}

/// A component that no run before has compiled: what is compiled is not pulled.
fn fresh(world: &World, knob: &str) -> Vec<u8> {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    relabelled(&chameleon(world, knob), &now.to_string())
}

/// An ExternalSecret that the plugin reads.
fn use_it(world: &World, plugin: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": plugin, "namespace": world.name},
        "spec": {"controller": world.name, "provider": {plugin: {}}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": plugin, "namespace": world.name},
        "spec": {"secretStoreRef": {"name": plugin}, "data": [{"secretKey": "k", "remoteRef": {"key": "some-key"}}]},
    }));
    world.wait_ready("externalsecret", plugin);
}

#[test]
fn a_plugin_of_a_real_registry_is_loaded_needs_registry() {
    let world = world!("plugin-oci");
    let bench = Bench::start(&world, false);
    let operator = Operator::start(&world);
    let password = bench.registry.login().1;
    bench.pull_secret("pull", password);

    let first = fresh(&world, "1.0.0 good");
    let object = bench.push(&first, "team/chameleon:1", &["--name", "oci-good", "--pull-secret", "pull"]);
    assert_eq!(object["spec"]["digest"], json!([digest(&first)]));

    // What somebody else's tool finds there, and what wkg asks of an artifact.
    let reference = bench.reference("team/chameleon:1");
    let manifest: Value = serde_json::from_slice(&bench.crane(&["manifest", &reference])).unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1));
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], json!(digest(&first)));
    let config: Value = serde_json::from_slice(&bench.crane(&["config", &reference])).unwrap();
    assert_eq!((&config["architecture"], &config["os"]), (&json!("wasm"), &json!("wasip2")));
    assert_eq!(config["layerDigests"], json!([digest(&first)]));
    let exports = config["component"]["exports"].as_array().unwrap();
    assert!(exports.contains(&json!("claviger:plugin/provider@1.0.0")), "{exports:?}");
    let blob = format!("{}@{}", bench.reference("team/chameleon"), digest(&first));
    assert_eq!(bench.crane(&["blob", &blob]), first);

    world.apply_json(&object);
    let status = world.wait_loaded("oci-good", &digest(&first));
    assert_eq!(status["version"], "1.0.0");
    use_it(&world, "oci-good");

    // The same bytes under another name are compiled already, so nothing is asked for them: not even of a registry
    // that is not there.
    let asked = bench.registry.log().len();
    bench.plugin("oci-again", "team/absent:9", &[digest(&first)], json!({}));
    world.wait_loaded("oci-again", &digest(&first));
    assert_eq!(bench.registry.log().len(), asked, "{}", bench.registry.log());

    // A tag that moves moves nobody: what is in place stays, and another Plugin does not take it for what it names.
    let second = fresh(&world, "2.0.0 good");
    bench.push(&second, "team/chameleon:1", &["--name", "oci-good"]);
    let unknown = fresh(&world, "3.0.0 good");
    bench.plugin("oci-good", "team/chameleon:1", &[digest(&first), digest(&unknown)], json!({}));
    let (message, status) = world.wait_refused("oci-good", "DigestMismatch");
    assert!(
        message.contains(&digest(&second)) && message.contains("meanwhile oci-good@1.0.0 goes on"),
        "{message}"
    );
    assert_eq!(status["digest"], json!(digest(&first)));
    bench.plugin("oci-good", "team/chameleon:1", &[digest(&first), digest(&second)], json!({}));
    world.wait_loaded("oci-good", &digest(&second));
    world.sync_now("oci-good");
    world.wait_ready("externalsecret", "oci-good");

    // Each thing that can be wrong, by its name.
    let third = fresh(&world, "4.0.0 good");
    bench.push(&third, "team/third:1", &["--name", "oci-third"]);
    let image = bench.reference("team/image:1");
    bench.crane(&["append", "--new_tag", &image, "--new_layer", &tarball(&bench)]);
    bench.pull_secret("wrong", "MARKED-wrong-password");
    let third = [digest(&third)];
    let named = json!({"reference": bench.reference(&format!("team/third@{}", digest(b"another")))});
    // Refused before anything is sent, and without a Secret that would have to know it.
    let metadata = json!({"reference": "169.254.169.254/x:1", "pullSecretRef": null});
    for (name, rest, source, reason, expected) in [
        ("absent", "team/absent:1", json!({}), "SourceNotFound", "team/absent:1"),
        ("password", "team/third:1", json!({"pullSecretRef": {"name": "wrong"}}), "RegistryDenied", "401"),
        ("anybody", "team/third:1", json!({"pullSecretRef": null}), "RegistryDenied", "pullSecretRef"),
        ("secret", "team/third:1", json!({"pullSecretRef": {"name": "none"}}), "PullSecretInvalid", "none"),
        ("image", "team/image:1", json!({}), "ArtifactInvalid", "application/wasm"),
        ("manifest", "team/third:1", named, "SourceNotFound", "does not exist"),
        ("tls", "team/third:1", json!({"insecure": false}), "RegistryUnavailable", "TLS"),
        ("odd", "team/../third:1", json!({}), "SourceInvalid", "repository"),
        ("metadata", "x:1", metadata, "RegistryForbidden", "link-local"),
    ] {
        let name = format!("oci-{name}");
        bench.plugin(&name, rest, &third, source);
        let (message, status) = world.wait_refused(&name, reason);
        assert!(message.contains(expected), "{name}: {expected:?} is not in {message:?}");
        assert!(status["digest"].is_null(), "{name}: {status}");
    }
    // The password is put right, and that alone wakes the Plugin.
    bench.pull_secret("wrong", password);
    world.wait_loaded("oci-password", &third[0]);

    // The API server refuses an artifact without a digest.
    let object = json!({
        "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "oci-open"},
        "spec": {"source": {"oci": {"reference": bench.reference("team/third:1")}}},
    });
    assert!(world.env.cluster.apply(&object.to_string()).is_err());
    assert_no_value_left(&world, &operator, &[password, "MARKED-wrong-password"]);
    world.kubectl(&["delete", "plugins", "oci-good", "oci-again", "oci-password", "oci-absent", "oci-image"]);
}

/// A tar with one file, as a layer of an image.
fn tarball(bench: &Bench<'_>) -> String {
    let folder = bench.dir.path();
    std::fs::write(folder.join("hello"), "hello").unwrap();
    let made = Command::new("tar").args(["-cf", "layer.tar", "hello"]).current_dir(folder).status().unwrap();
    assert!(made.success());
    folder.join("layer.tar").to_str().unwrap().to_owned()
}

#[test]
fn a_signed_plugin_over_tls_is_loaded_and_others_are_not_needs_registry() {
    let world = world!("plugin-signed");
    let bench = Bench::start(&world, true);
    let ca = bench.registry.ca_file().unwrap().to_str().unwrap();
    let operator = Operator::start_flagged(&world, &["--ca-bundle", ca]);
    bench.pull_secret("pull", bench.registry.login().1);
    let (ours, theirs) =
        (bench.registry.cosign_key("ours").unwrap(), bench.registry.cosign_key("theirs").unwrap());
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keys", "namespace": world.name},
        "data": {"cosign.pub": format!("{theirs}{ours}")},
    }));
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": world.name},
        "stringData": {"cosign.pub": ours},
    }));
    let verify = |key: Value| json!({"verify": {"cosign": {"keys": [key]}}});

    let bytes = fresh(&world, "5.0.0 good");
    bench.push(&bytes, "team/signed:1", &["--name", "signed"]);
    let admitted = [digest(&bytes)];
    // Nobody has signed it yet.
    bench.plugin("signed-inline", "team/signed:1", &admitted, verify(json!({"pem": ours})));
    let (message, _) = world.wait_refused("signed-inline", "SignatureInvalid");
    assert!(message.contains("cosign sign"), "{message}");

    let manifest =
        bench.registry.cosign_sign("team/signed", &manifest_digest(&bench, "team/signed:1"), "ours");
    manifest.unwrap();
    for (name, key) in [
        ("signed-pem", json!({"pem": ours})),
        ("signed-map", json!({"configMapKeyRef": {"name": "keys", "key": "cosign.pub"}})),
        ("signed-secret", json!({"secretKeyRef": {"name": "keys", "key": "cosign.pub"}})),
    ] {
        bench.plugin(name, "team/signed:1", &admitted, verify(key));
        world.wait_loaded(name, &admitted[0]);
    }
    use_it(&world, "signed-pem");
    // Another's key, though the very bytes are in place under another name.
    bench.plugin("signed-other", "team/signed:1", &admitted, verify(json!({"pem": theirs})));
    let (message, _) = world.wait_refused("signed-other", "SignatureInvalid");
    assert!(message.contains("of its 1 signatures none"), "{message}");
    bench.plugin("signed-none", "team/signed:1", &admitted, verify(json!({"pem": "hello"})));
    world.wait_refused("signed-none", "SourceInvalid");
    let absent = json!({"configMapKeyRef": {"name": "keys", "key": "other.pub"}});
    bench.plugin("signed-absent", "team/signed:1", &admitted, verify(absent));
    world.wait_refused("signed-absent", "SourceNotFound");

    // A wrong authority is no registry.
    let file = bench.dir.path().join("component.wasm");
    let push = |reference: &str, password: &str, extra: &[&str]| {
        let output = bench.try_push(&file, reference, password, extra);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let reference = bench.reference("team/signed:2");
    let said = push(&reference, "MARKED-wrong-password", &["--name", "signed"]);
    assert!(
        said.contains("401") && said.contains("correct name and password") && !said.contains("MARKED"),
        "{said}"
    );
    let said = push(&bench.reference("team/signed"), bench.registry.login().1, &["--name", "signed"]);
    assert!(said.contains("neither tag nor digest"), "{said}");
    std::fs::write(&file, "hello").unwrap();
    let said = push(&reference, bench.registry.login().1, &[]);
    assert!(said.contains("not a WebAssembly component"), "{said}");
    assert_no_value_left(&world, &operator, &[bench.registry.login().1]);
    world.kubectl(&["delete", "plugins", "signed-inline", "signed-pem", "signed-map", "signed-secret"]);
}

fn manifest_digest(bench: &Bench<'_>, rest: &str) -> String {
    let said = bench.crane(&["--insecure", "digest", &bench.reference(rest)]);
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// The interface as it is published: what is pulled says what the folder says, to the letter.
#[test]
fn the_interface_is_pushed_as_a_wit_package_needs_registry() {
    let world = world!("plugin-wit");
    let bench = Bench::start(&world, false);
    let file = bench.dir.path().join("claviger-plugin.wasm");
    let mut command = Command::new(std::env::var_os("CLAVIGER_XTASK").unwrap());
    assert!(command.args(["wit", "--output"]).arg(&file).status().unwrap().success());
    assert_eq!(bench.push_file(&file, "claviger/plugin:1.0.0", &[]), "", "a WIT package has no Plugin");

    let reference = bench.reference("claviger/plugin:1.0.0");
    let manifest: Value = serde_json::from_slice(&bench.crane(&["manifest", &reference])).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/wasm");
    let blob = format!("{}@{}", bench.reference("claviger/plugin"), layer["digest"].as_str().unwrap());
    let bytes = bench.crane(&["blob", &blob]);

    let wit_component::DecodedWasm::WitPackage(found, package) = wit_component::decode(&bytes).unwrap()
    else {
        panic!("it is no WIT package");
    };
    let mut folder = wit_parser::Resolve::default();
    let (ours, _) = folder.push_dir(workspace_root().join("wit/v1")).unwrap();
    let printed = |resolve: &wit_parser::Resolve, package| {
        let mut printer = wit_component::WitPrinter::default();
        printer.print(resolve, package, &[]).unwrap();
        printer.output.to_string()
    };
    let text = printed(&found, package);
    assert!(
        text.contains("package claviger:plugin@1.0.0;") && text.contains("world provider-plugin"),
        "{text}"
    );
    assert_eq!(text, printed(&folder, ours));

    // What the config lists: the interfaces and worlds that the package defines.
    let config: Value = serde_json::from_slice(&bench.crane(&["config", &reference])).unwrap();
    let mut listed: Vec<String> = serde_json::from_value(config["component"]["exports"].clone()).unwrap();
    let defined = &found.packages[package];
    let names = defined.interfaces.keys().chain(defined.worlds.keys());
    let mut expected: Vec<String> = names.map(|name| format!("claviger:plugin/{name}@1.0.0")).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(config["component"]["imports"], json!([]));
}
