//! Compiling a component in a process of its own.
//!
//! The compiler reads bytes that somebody else wrote, and needs ten times their size in memory. In a
//! child with limits, a component that makes it crash or swell costs that child. The child is this very
//! program; what it writes is machine code, so its output goes to a file that only we can write.

mod budget;
mod child;

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use wasmtime::Engine;

use crate::error::{PluginsError, first_line};
use crate::package::MAX_COMPONENT;
use crate::{component, engine};

pub(crate) use budget::left_mib;
pub use child::{EXIT_NO_ROOM, EXIT_NOT_A_COMPONENT};

/// Who compiles.
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// This process: for tests, whose program is not `claviger`.
    #[default]
    InProcess,
    /// A child.
    Child(ChildCompiler),
}

impl Compiler {
    /// Compiles `component` into `artifact`.
    ///
    /// # Errors
    /// Why it cannot be compiled, or the artifact not be kept.
    pub(crate) async fn compile(&self, component: Vec<u8>, artifact: File) -> Result<(), PluginsError> {
        match self {
            Self::Child(compiler) => child::run(compiler, component, artifact).await,
            Self::InProcess => {
                let work = move || {
                    let compiled = here(&component)?;
                    (&artifact).write_all(&compiled).map_err(|error| PluginsError::NoRoom(first_line(&error)))
                };
                let done = tokio::task::spawn_blocking(work).await;
                done.map_err(|error| PluginsError::Compile(error.to_string()))?
            }
        }
    }
}

/// How the child is started, and what it may use.
#[derive(Clone, Debug)]
pub struct ChildCompiler {
    /// The program; it is called with `plugin compile --memory-mib N --cpu-seconds N`, reads the component
    /// on standard input and writes the artifact to standard output.
    pub program: PathBuf,
    /// Address space beyond what the program has when it starts, MiB. Under a memory limit of a cgroup it
    /// gets what is left there, if that is less.
    pub memory_mib: u64,
    /// CPU time.
    pub cpu: Duration,
}

impl ChildCompiler {
    /// With the usual budget.
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            // Measured: 18 MB of Python take between 320 and 340.
            memory_mib: 512,
            // Measured: the same take 15 s; this is for a slower core and a larger component.
            cpu: Duration::from_secs(60),
        }
    }
}

/// What the child does: takes its limits, compiles standard input to standard output.
///
/// # Errors
/// Why not, in words for the parent to pass on.
pub fn child_main(memory_mib: u64, cpu: Duration) -> Result<(), PluginsError> {
    let failed = |error: std::io::Error| PluginsError::Compile(error.to_string());
    budget::apply(memory_mib, cpu).map_err(failed)?;
    let mut component = Vec::new();
    let limit = u64::try_from(MAX_COMPONENT).unwrap_or(u64::MAX).saturating_add(1);
    std::io::stdin().lock().take(limit).read_to_end(&mut component).map_err(failed)?;
    let artifact = here(&component)?;
    drop(component);
    let mut out = std::io::stdout().lock();
    out.write_all(&artifact)
        .and_then(|()| out.flush())
        .map_err(|error| PluginsError::NoRoom(error.to_string()))
}

/// Compiles in this process, on one thread: more would need more memory at once.
///
/// # Errors
/// [`PluginsError::NotAComponent`], [`PluginsError::Compile`].
fn here(bytes: &[u8]) -> Result<Vec<u8>, PluginsError> {
    component::check_encoding(bytes)?;
    let engine = engine::config().and_then(|mut config| Engine::new(config.parallel_compilation(false)));
    let engine = engine.map_err(|error| PluginsError::Engine(first_line(&error)))?;
    engine.precompile_component(bytes).map_err(|error| PluginsError::Compile(first_line(&error)))
}
