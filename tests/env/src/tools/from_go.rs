//! Programs that tests use and servers do without, each built from its Go module in `tests/`, where `go.mod` pins it.
//!
//! Helm is version 3: it deletes at `helm uninstall` whatever the stored release names, where version 4 asks first whose
//! the live object is. What survives this one survives both. crane judges images and holds a registry.

use std::path::PathBuf;

use super::kube::{go, pinned};
use super::{fresh_beside, lock, require, tools_dir};
use crate::cache::workspace_root;
use crate::error::{Error, Missing, Result};
use crate::progress::Progress;

/// One of them.
pub(super) struct FromGo {
    /// Of its module's folder in `tests/`, and of the program.
    name: &'static str,
    package: &'static str,
}

pub(super) const HELM: FromGo = FromGo { name: "helm", package: "helm.sh/helm/v3/cmd/helm" };
pub(super) const CRANE: FromGo =
    FromGo { name: "crane", package: "github.com/google/go-containerregistry/cmd/crane" };

impl FromGo {
    /// Finds it in the cache, or builds it there.
    pub(super) fn prepare(&self, progress: &Progress) -> Result<PathBuf> {
        let Self { name, package } = self;
        let module = workspace_root().join("tests").join(name);
        let finished = tools_dir()?.join(format!("{name}-{}", pinned(&module, package)?));
        let program = finished.join(name);
        if program.is_file() {
            return Ok(program);
        }
        let _lock = lock(progress, name)?;
        if program.is_file() {
            return Ok(program);
        }
        require("go", "version", || Missing {
            what: "Go 1.26 or newer".to_owned(),
            why: format!("{name} cannot be built"),
            how_to_get: "install Go (go.dev/dl, or your system's package)".to_owned(),
        })?;
        let new = fresh_beside(&finished)?;
        let log = tools_dir()?.join(format!("{name}-build.log"));
        progress.say(format_args!("building {name} from its Go module"));
        let mut command = go(&module);
        command.args(["build", "-ldflags", "-s -w", "-o"]).arg(new.join(name)).arg(package);
        progress.run(&format!("go build {name}"), &mut command, &log)?;
        std::fs::rename(&new, &finished).map_err(Error::file("rename", &new))?;
        Ok(program)
    }
}
