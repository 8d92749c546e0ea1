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

/// What was compiled ahead of the plugins in `dir`, if they lie beside this program: whoever put it there put the
/// program there. A folder that somebody names may come from anywhere, and machine code is not taken from it.
pub(crate) fn ahead(args: &PluginDirArgs, dir: &Path) -> Option<PathBuf> {
    args.plugin_dir.is_none().then(|| compiled(dir))
}

/// Where `claviger plugin precompile` puts what it makes of the plugins in `dir`.
pub(crate) fn compiled(dir: &Path) -> PathBuf {
    dir.join("compiled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_code_is_taken_from_beside_the_program_alone() {
        let dir = Path::new("/opt/claviger/plugins");
        let args = |plugin_dir| PluginDirArgs { plugin_dir, cache_dir: None };
        assert_eq!(ahead(&args(None), dir), Some(dir.join("compiled")));
        assert_eq!(ahead(&args(Some(dir.to_owned())), dir), None);
    }
}
