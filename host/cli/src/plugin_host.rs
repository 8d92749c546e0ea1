//! How every command sets up the plugin host: components are compiled by a child, which is this program.
//!
//! What plugins may be loaded, and from where, is each command's own business.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use claviger_plugins::egress::EgressConfig;
use claviger_plugins::{ChildCompiler, Compiler, HostConfig, PluginHost};

use crate::args::CompileBudget;

/// Starts it. `ahead_dir` is where components lie that were compiled ahead, see [`crate::plugins_dir::ahead`].
///
/// # Errors
/// If this machine cannot run it, or the cache directory cannot be used.
pub(crate) fn start(
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
