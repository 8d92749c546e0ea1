//! Helm, built from its Go module by `tests/helm/go.mod`.
//!
//! Version 3: it deletes at `helm uninstall` whatever the stored release names, where version 4 asks first whose the live
//! object is. What survives this one survives both.

use std::path::PathBuf;

use super::kube::{go, pinned};
use super::{fresh_beside, lock, require, tools_dir};
use crate::cache::workspace_root;
use crate::error::{Error, Missing, Result};
use crate::progress::Progress;

const PACKAGE: &str = "helm.sh/helm/v3/cmd/helm";

/// Finds it in the cache, or builds it there.
pub(super) fn prepare(progress: &Progress) -> Result<PathBuf> {
    let module = workspace_root().join("tests/helm");
    let finished = tools_dir()?.join(format!("helm-{}", pinned(&module, PACKAGE)?));
    let program = finished.join("helm");
    if program.is_file() {
        return Ok(program);
    }
    let _lock = lock(progress, "helm")?;
    if program.is_file() {
        return Ok(program);
    }
    require("go", "version", || Missing {
        what: "Go 1.26 or newer".to_owned(),
        why: "Helm cannot be built".to_owned(),
        how_to_get: "install Go (go.dev/dl, or your system's package)".to_owned(),
    })?;
    let new = fresh_beside(&finished)?;
    let log = tools_dir()?.join("helm-build.log");
    progress.say("building Helm from its Go module");
    let mut command = go(&module);
    command.args(["build", "-ldflags", "-s -w", "-o"]).arg(new.join("helm")).arg(PACKAGE);
    progress.run("go build helm", &mut command, &log)?;
    std::fs::rename(&new, &finished).map_err(Error::file("rename", &new))?;
    Ok(program)
}
