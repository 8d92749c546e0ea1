//! `claviger plugin precompile`: compiles the built-in plugins ahead, beside them, for whoever builds an image or a
//! package. What it makes is read by `run`, `render`, `diff` and `takeover`; it decides nothing about trust, the plugin host does.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use claviger_plugins::MAX_ARTIFACTS;

use crate::args::PrecompileArgs;
use crate::plugin_host;
use crate::text::size;

/// Compiles all, and says what it made.
///
/// # Errors
/// If there is no component, one does not compile, or the folder cannot be written.
pub(crate) async fn precompile(args: &PrecompileArgs) -> anyhow::Result<ExitCode> {
    let dir = plugin_host::built_in(args.plugin_dir.as_deref())?;
    let files = components(&dir)?;
    if files.is_empty() {
        bail!("there is no .wasm file in {}", dir.display());
    }
    if files.len() > MAX_ARTIFACTS {
        bail!("{} has {} components, and {MAX_ARTIFACTS} are kept at most", dir.display(), files.len());
    }
    let ahead = plugin_host::compiled(&dir);
    if ahead.exists() {
        // Of an older version of a plugin, or of this program: nobody would read it.
        std::fs::remove_dir_all(&ahead).with_context(|| format!("cannot empty {}", ahead.display()))?;
    }
    let host = plugin_host::for_files(args.compile, Some(ahead.clone()))?;
    for file in &files {
        let (component, _) = super::read(file)?;
        let (bytes, started) = (component.len(), Instant::now());
        let inspection = host.inspect(component).await.with_context(|| file.display().to_string())?;
        writeln!(
            std::io::stdout(),
            "{} {} ({}) in {:.1} s",
            inspection.name,
            inspection.version,
            size(bytes),
            started.elapsed().as_secs_f64()
        )?;
    }
    readable(&ahead).with_context(|| format!("cannot make {} readable for others", ahead.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The components of a folder, by name.
fn components(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", dir.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whoever runs the program need not be who built the image. Nobody may write.
fn readable(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        std::fs::set_permissions(entry?.path(), std::fs::Permissions::from_mode(0o644))?;
    }
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))
}
