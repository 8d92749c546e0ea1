//! The parts of a Kubernetes control plane, built from their Go modules by `tests/kube/go.mod`.
//!
//! Upstream publishes no binaries that an ordinary package client could fetch everywhere, and building
//! them from the module proxy gives exactly the version that go.sum pins. `KUBEBUILDER_ASSETS`, the
//! convention of controller authors, is honoured; that folder has no controller manager, which is then
//! taken from beside it, from PATH, or built.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::{fresh_beside, lock, require, tools_dir};
use crate::cache::{cache_home, workspace_root};
use crate::error::{Error, Missing, Result};
use crate::progress::Progress;

/// The version that go.mod names; stamped in, because the server otherwise calls itself v0.0.0 and
/// clients misjudge what it can do.
const VERSION: (&str, &str, &str) = ("v1.36.4", "1", "36");

/// Packages of the Go module, and what `go build` calls their binaries.
const ETCD: (&str, &str) = ("go.etcd.io/etcd/server/v3", "server");
const APISERVER: (&str, &str) = ("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver");
const CONTROLLERS: (&str, &str) =
    ("k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager");
const KUBECTL: (&str, &str) = ("k8s.io/kubernetes/cmd/kubectl", "kubectl");

/// Where the parts are.
pub(super) struct Kube {
    pub(super) etcd: PathBuf,
    pub(super) apiserver: PathBuf,
    pub(super) controller_manager: PathBuf,
    pub(super) kubectl: PathBuf,
}

pub(super) fn prepare(progress: &Progress) -> Result<Kube> {
    if let Some(assets) = assets() {
        let part = |name: &str| {
            let path = assets.join(name);
            if path.is_file() {
                return Ok(path);
            }
            Err(Error::Missing(Missing {
                what: format!("{name} in KUBEBUILDER_ASSETS ({})", assets.display()),
                why: "no cluster can be started".to_owned(),
                how_to_get: "put it there, or unset the variable to have it built".to_owned(),
            }))
        };
        let beside = assets.join(CONTROLLERS.1);
        return Ok(Kube {
            etcd: part("etcd")?,
            apiserver: part(APISERVER.1)?,
            kubectl: part(KUBECTL.1)?,
            controller_manager: if beside.is_file() {
                beside
            } else {
                build(progress, &[CONTROLLERS])?.join(CONTROLLERS.1)
            },
        });
    }
    let dir = build(progress, &[ETCD, APISERVER, CONTROLLERS, KUBECTL])?;
    Ok(Kube {
        etcd: dir.join(ETCD.1),
        apiserver: dir.join(APISERVER.1),
        controller_manager: dir.join(CONTROLLERS.1),
        kubectl: dir.join(KUBECTL.1),
    })
}

fn assets() -> Option<PathBuf> {
    let value = std::env::var_os("KUBEBUILDER_ASSETS")?;
    (!value.is_empty()).then(|| PathBuf::from(value))
}

/// Builds the given packages, unless the cache has them, and returns their folder.
fn build(progress: &Progress, parts: &[(&str, &str)]) -> Result<PathBuf> {
    let module = workspace_root().join("tests/kube");
    let finished = tools_dir()?.join(format!("kube-{}", identity(&module, parts)?));
    let complete = |dir: &Path| parts.iter().all(|(_, name)| dir.join(name).is_file());
    if complete(&finished) {
        return Ok(finished);
    }
    let _lock = lock(progress, "kube")?;
    if complete(&finished) {
        return Ok(finished);
    }
    require("go", "version", || Missing {
        what: "Go 1.26 or newer".to_owned(),
        why: "kube-apiserver, etcd and kubectl cannot be built".to_owned(),
        how_to_get: "install Go (go.dev/dl, or your system's package), or set KUBEBUILDER_ASSETS to a \
                     folder that has the binaries"
            .to_owned(),
    })?;
    let new = fresh_beside(&finished)?;
    let log = tools_dir()?.join("kube-build.log");
    for (package, name) in parts {
        progress.say(format_args!("building {name} {} from its Go module", VERSION.0));
        let mut command = go(&module);
        command.args(["build", "-ldflags", &stamp(), "-o"]).arg(new.join(name)).arg(package);
        progress.run(&format!("go build {name}"), &mut command, &log)?;
    }
    std::fs::rename(&new, &finished).map_err(Error::file("rename", &new))?;
    Ok(finished)
}

/// Go in that module, with a cache of our own.
pub(super) fn go(module: &Path) -> Command {
    let cache = cache_home().join("go");
    let mut command = Command::new("go");
    command
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        // Module files are made writable, so that the cache can be deleted like any other folder.
        .env("GOFLAGS", "-modcacherw -buildvcs=false")
        .env("GOWORK", "off")
        .env("GOMODCACHE", cache.join("mod"))
        .env("GOCACHE", cache.join("build"));
    command
}

/// Linker flags: no debug information, and the version.
fn stamp() -> String {
    let (version, major, minor) = VERSION;
    let mut flags = "-s -w".to_owned();
    for package in ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"] {
        for (name, value) in [
            ("gitVersion", version),
            ("gitMajor", major),
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

/// Says what would be built: changes with the module's pins, the parts and the stamp.
fn identity(module: &Path, parts: &[(&str, &str)]) -> Result<String> {
    pinned(module, &format!("{parts:?}{}", stamp()))
}

/// Changes with the module's pins, and with what else is said.
pub(super) fn pinned(module: &Path, more: &str) -> Result<String> {
    let mut hash = Sha256::new();
    for name in ["go.mod", "go.sum"] {
        let path = module.join(name);
        hash.update(std::fs::read(&path).map_err(Error::file("read", &path))?);
    }
    hash.update(more);
    Ok(hex::encode(&hash.finalize()[..8]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn the_stamp_is_the_version_that_go_mod_pins() {
        let text = std::fs::read_to_string(workspace_root().join("tests/kube/go.mod")).unwrap();
        assert!(text.contains(&format!("k8s.io/kubernetes {}", VERSION.0)));
        for (package, _) in [ETCD, APISERVER, CONTROLLERS, KUBECTL] {
            assert!(text.contains(&format!("\t{package}\n")), "{package} is no tool of go.mod");
        }
    }
}
