//! The container image, as an OCI archive: a registry takes it, somebody else's tool finds it well-formed, and what it
//! holds runs as it would in a container: as its user, on its files alone, read-only, without compiling a plugin.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use claviger_testenv::{RunDir, free_port};
use serde_json::Value;

use crate::support::{World, world};

/// Enough for nothing to be compiled.
const NO_COMPILER: [&str; 2] = ["--compile-memory-mib", "16"];

const MANIFESTS: &str = "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: s}\n\
    spec: {provider: {fake: {data: [{key: one, value: VALUE}]}}}\n---\n\
    apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: e}\n\
    spec:\n  secretStoreRef: {name: s}\n  target: {template: {data: {a: '{{ .a }}-templated'}}}\n  \
    data: [{secretKey: a, remoteRef: {key: one}}]\n";

/// A registry on loopback, until dropped.
struct Registry(Child, String);

impl Registry {
    fn start(world: &World, crane: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let mut command = Command::new(crane);
        command
            .args(["registry", "serve", "--address", &address])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let registry = Self(command.spawn().unwrap(), address);
        world.wait("the registry", || {
            TcpStream::connect(&registry.1).map(drop).map_err(|error| error.to_string())
        });
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {out}\n{err}");
    out.into_owned()
}

fn make(world: &World, output: &Path) -> String {
    let plugins = world.env.plugin_dir.with_file_name("dist").join("plugins");
    let mut command = Command::new(std::env::var_os("CLAVIGER_XTASK").unwrap());
    command.args(["image", "--output"]).arg(output).arg("--binary").arg(&world.env.claviger);
    said(command.arg("--plugins").arg(plugins))
}

/// Runs the image's program as a container would: as its user, with its files for root, all of them read-only but /tmp
/// and /cache, an emptyDir as the kubelet makes it for a pod with an fsGroup.
fn contained(root: &Path, args: &[&str]) -> Output {
    let script = "set -e; mount --bind \"$ROOT\" \"$ROOT\"; mount -t proc proc \"$ROOT/proc\"; \
                  mount -t tmpfs -o mode=1777 tmp \"$ROOT/tmp\"; \
                  mount -t tmpfs -o mode=2777,uid=0,gid=65532 cache \"$ROOT/cache\"; cp \"$MANIFESTS\" \"$ROOT/tmp/manifests.yaml\"; \
                  mount -o remount,bind,ro \"$ROOT\"; \
                  exec chroot --userspec=65532:65532 --groups= \"$ROOT\" /claviger/bin/claviger \"$@\"";
    std::fs::create_dir_all(root.join("cache")).unwrap();
    let manifests = root.with_extension("yaml");
    std::fs::write(&manifests, MANIFESTS).unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "sh", "-c", script, "sh"]).args(args);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("ROOT", root).env("MANIFESTS", manifests).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn the_image_is_well_formed_and_runs_without_compiling() {
    let world = world!("image");
    let dir = RunDir::create(&world.name).unwrap();
    let archive = dir.path().join("image.tar");
    let sizes = make(&world, &archive);
    println!("{sizes}");
    let digest = format!("sha256:{}", sizes.trim().rsplit("sha256:").next().unwrap());

    // The same again is the same, byte for byte.
    let again = dir.path().join("again.tar");
    make(&world, &again);
    assert!(
        std::fs::read(&archive).unwrap() == std::fs::read(&again).unwrap(),
        "another archive of the same files"
    );

    let layout = dir.path().join("layout");
    std::fs::create_dir(&layout).unwrap();
    said(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&layout));
    let crane = world.env.tools.crane.as_deref().unwrap();
    let registry = Registry::start(&world, crane);
    let name = format!("{}/claviger:test", registry.1);
    said(Command::new(crane).arg("push").arg(&layout).arg(&name));
    assert_eq!(said(Command::new(crane).args(["digest", &name])).trim(), digest);
    let judged = Command::new(crane).args(["validate", "--remote", &name]).output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    let config: Value = serde_json::from_str(&said(Command::new(crane).args(["config", &name]))).unwrap();
    assert_eq!(config["config"]["User"], "65532:65532");
    assert_eq!(config["os"], "linux");
    // What the Dockerfile says of the same files.
    let dockerfile = std::fs::read_to_string(claviger_testenv::workspace_root().join("Dockerfile")).unwrap();
    for (word, value) in [("ENTRYPOINT", &config["config"]["Entrypoint"]), ("CMD", &config["config"]["Cmd"])]
    {
        assert!(dockerfile.contains(&format!("\n{word} {value}\n")), "{word} {value}");
    }
    assert!(dockerfile.contains("\nUSER 65532:65532\n"), "{dockerfile}");

    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let files = dir.path().join("files.tar");
    said(Command::new(crane).args(["export", &name]).arg(&files));
    said(Command::new("tar").arg("-xpf").arg(&files).arg("-C").arg(&root));
    let shells: Vec<PathBuf> = ["bin/sh", "usr/bin/sh", "bin/busybox"].map(|path| root.join(path)).into();
    assert!(shells.iter().all(|shell| !shell.exists()), "there is a shell");

    let version = contained(&root, &["--version"]);
    assert!(version.status.success(), "{}", String::from_utf8_lossy(&version.stderr));
    let render = || contained(&root, &[&["render", "-f", "/tmp/manifests.yaml"], &NO_COMPILER[..]].concat());
    let rendered = render();
    let (out, err) = (String::from_utf8_lossy(&rendered.stdout), String::from_utf8_lossy(&rendered.stderr));
    // VALUE-templated
    assert!(rendered.status.success() && out.contains("VkFMVUUtdGVtcGxhdGVk"), "{out}\n{err}");
    assert!(!err.contains("compil"), "{err}");

    // The proof that this was what was compiled ahead: without it nothing goes.
    std::fs::remove_dir_all(root.join("claviger/plugins/compiled")).unwrap();
    let rendered = render();
    assert!(!rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stdout));

    // What the chart says is a folder that this user can have there; the volume itself, which is root's, is refused.
    let chart = claviger_testenv::workspace_root().join("charts/claviger/templates/deployment.yaml");
    let chart = std::fs::read_to_string(chart).unwrap();
    let said = chart.lines().skip_while(|line| !line.ends_with("name: CLAVIGER_CACHE_DIR")).nth(1).unwrap();
    let folder = said.trim().strip_prefix("value: ").unwrap();
    assert!(chart.contains("- name: cache\n              mountPath: /cache\n"), "{chart}");
    let kept =
        |folder: &str| contained(&root, &["render", "-f", "/tmp/manifests.yaml", "--cache-dir", folder]);
    let rendered = kept(folder);
    assert!(rendered.status.success(), "{folder}: {}", String::from_utf8_lossy(&rendered.stderr));
    let refused = kept("/cache");
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("it belongs to user 0"), "{why}");
}
