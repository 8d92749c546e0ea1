//! Where the built-in plugins lie: as told, or beside the binary; and what was compiled of them ahead.

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::args::PluginDirArgs;

/// The folder with the built-in plugins.
///
/// # Errors
/// If there is none, naming the ways to give one.
pub(crate) fn find(args: &PluginDirArgs) -> anyhow::Result<PathBuf> {
    if let Some(dir) = &args.plugin_dir {
        if !dir.is_dir() {
            bail!("plugin directory {} does not exist (--plugin-dir, CLAVIGER_PLUGIN_DIR)", dir.display());
        }
        return Ok(dir.clone());
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|binary| Some(binary.parent()?.parent()?.join("plugins")))
        .filter(|dir| dir.is_dir());
    match beside {
        Some(dir) => Ok(dir),
        None => bail!(
            "no folder with the built-in plugins: there is no plugins/ beside the folder of this binary; \
             give one with --plugin-dir or CLAVIGER_PLUGIN_DIR"
        ),
    }
}

/// Where `claviger plugin precompile` puts what it makes of the plugins in `dir`.
pub(crate) fn ahead(dir: &Path) -> PathBuf {
    dir.join("compiled")
}
