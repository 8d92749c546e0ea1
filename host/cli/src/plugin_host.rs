//! How commands come by plugins: the folder with those that come with the program, what was compiled of them ahead, and the
//! plugin host, whose compiler is this program in a process of its own.
//!
//! Which plugins are loaded, and what they may, is each command's own business.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use claviger_operator::plugins::Registry;
use claviger_plugins::egress::EgressConfig;
use claviger_plugins::{ChildCompiler, Compiler, HostConfig, PluginHost};

use crate::args::{CompileBudget, PluginDirArgs};

/// Where plugins lie, and what is compiled of them.
pub(crate) struct Folders {
    plugins: PathBuf,
    ahead: Option<PathBuf>,
    cache: Option<PathBuf>,
}

impl Folders {
    /// As told, or beside the binary.
    ///
    /// # Errors
    /// As [`built_in`].
    pub(crate) fn find(args: &PluginDirArgs) -> anyhow::Result<Self> {
        let given = args.plugin_dir.as_deref();
        let plugins = built_in(given)?;
        Ok(Self { ahead: ahead(given, &plugins), plugins, cache: args.cache_dir.clone() })
    }

    /// A registry of plugins over them, none of which is loaded yet.
    ///
    /// # Errors
    /// If this machine cannot run the plugin host, or the cache directory cannot be used.
    pub(crate) fn registry(
        self,
        budget: CompileBudget,
        egress: EgressConfig,
    ) -> anyhow::Result<Arc<Registry>> {
        let host = start(budget, self.cache, self.ahead, egress)?;
        Ok(Arc::new(Registry::new(host, self.plugins)))
    }
}

/// A host for components of files, which reach nothing.
///
/// # Errors
/// As [`Folders::registry`].
pub(crate) fn for_files(budget: CompileBudget, cache: Option<PathBuf>) -> anyhow::Result<Arc<PluginHost>> {
    start(budget, cache, None, EgressConfig::default())
}

fn start(
    budget: CompileBudget,
    cache_dir: Option<PathBuf>,
    ahead_dir: Option<PathBuf>,
    egress: EgressConfig,
) -> anyhow::Result<Arc<PluginHost>> {
    let program = std::env::current_exe()
        .context("the path of this program, which is also the compiler, cannot be found")?;
    let compiler = Compiler::Child(ChildCompiler {
        program,
        memory_mib: budget.compile_memory_mib,
        cpu: Duration::from_secs(budget.compile_cpu_seconds),
    });
    PluginHost::new(HostConfig { cache_dir, ahead_dir, compiler, egress })
        .context("the plugin host cannot start")
}

/// The folder with the built-in plugins: the one that is given, or the one beside the binary.
///
/// # Errors
/// If there is none, naming the ways to give one.
pub(crate) fn built_in(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(dir) = given {
        if !dir.is_dir() {
            bail!("plugin directory {} does not exist (--plugin-dir, CLAVIGER_PLUGIN_DIR)", dir.display());
        }
        return Ok(dir.to_owned());
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
fn ahead(given: Option<&Path>, dir: &Path) -> Option<PathBuf> {
    given.is_none().then(|| compiled(dir))
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
        assert_eq!(ahead(None, dir), Some(dir.join("compiled")));
        assert_eq!(ahead(Some(dir), dir), None);
    }
}
