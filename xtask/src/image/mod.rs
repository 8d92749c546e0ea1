//! `cargo xtask image`: the container image as an OCI archive, without a container engine.
//!
//! `files` says what is in it, `oci` how that is written down. It holds no shell, no package manager and nothing that
//! can be written: the program, the libraries that it is linked to, the authorities of the web, the plugins and what was
//! compiled of them ahead. It is made for the machine that makes it: an image for another architecture is made on such a
//! machine, or by the Dockerfile, which runs this very command there.

mod files;
mod oci;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use claviger_testenv::Progress;

use crate::exec::run;
use crate::{build, paths, release};
pub(crate) use oci::architecture;

/// What the image is made of, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// File that the archive is written to [default: dist/claviger-image.tar below the target folder]
    #[arg(long, value_name = "FILE", conflicts_with = "rootfs")]
    output: Option<PathBuf>,
    /// Folder that gets the files themselves in place of an archive, for a Dockerfile to copy
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// A program that is built already [default: it is built for release]
    #[arg(long, value_name = "FILE", requires = "plugins")]
    binary: Option<PathBuf>,
    /// Folder with the plugins that go with it
    #[arg(long, value_name = "DIR", requires = "binary")]
    plugins: Option<PathBuf>,
}

/// Makes it and says how large it is.
///
/// # Errors
/// If something does not build, or cannot be written.
pub(crate) fn make(progress: &Progress, args: ImageArgs) -> Result<ExitCode> {
    let (binary, plugins) = match (args.binary, args.plugins) {
        (Some(binary), Some(plugins)) => (binary, plugins),
        _ => {
            build::dist(progress)?;
            (paths::dist().join("bin/claviger"), paths::dist().join("plugins"))
        }
    };
    if let Some(rootfs) = args.rootfs {
        files::unpack(&layers(progress, &binary, &plugins)?, &rootfs)?;
        progress.say(format_args!("done: {}", rootfs.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let output = args.output.unwrap_or_else(|| paths::dist().join("claviger-image.tar"));
    write(progress, &binary, &plugins, &output)?;
    progress.say(format_args!("done: {}", output.display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes the archive of this program with these plugins, says how large it is, and returns the image's digest.
///
/// # Errors
/// If a plugin does not compile, or the archive cannot be written.
pub(crate) fn write(progress: &Progress, binary: &Path, plugins: &Path, output: &Path) -> Result<String> {
    let layers = layers(progress, binary, plugins)?;
    if let Some(parent) = output.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    progress.say("writing the image");
    let sizes = oci::write(&layers, output)?;
    for layer in &sizes.layers {
        println!("{:>9}  {:>9} unpacked  {}", mib(layer.compressed), mib(layer.unpacked), layer.what);
    }
    println!(
        "{:>9}  {:>9} unpacked  together, {}",
        mib(sizes.compressed()),
        mib(sizes.unpacked()),
        sizes.digest
    );
    Ok(sizes.digest)
}

fn layers(progress: &Progress, binary: &Path, plugins: &Path) -> Result<[files::Layer; 3]> {
    let plugins = precompiled(progress, binary, plugins, &paths::target().join("image"))?;
    files::layers(binary, &plugins, release::licences(progress)?)
}

/// A folder with the plugins and what was compiled of them ahead by the program that will read it.
fn precompiled(progress: &Progress, binary: &Path, plugins: &Path, work: &Path) -> Result<PathBuf> {
    let folder = work.join("plugins");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut found = false;
    for entry in std::fs::read_dir(plugins).with_context(|| plugins.display().to_string())? {
        let path = entry?.path();
        if let (Some(name), Some("wasm")) =
            (path.file_name(), path.extension().and_then(|kind| kind.to_str()))
        {
            std::fs::copy(&path, folder.join(name)).with_context(|| path.display().to_string())?;
            found = true;
        }
    }
    if !found {
        bail!("there is no plugin in {}", plugins.display());
    }
    progress.say("compiling the plugins ahead");
    let mut command = Command::new(binary);
    command.args(["plugin", "precompile", "--plugin-dir"]).arg(&folder);
    // Nothing of it belongs into what the image's user asked for.
    command.stdout(std::process::Stdio::null());
    run("claviger plugin precompile", &mut command)?;
    Ok(folder)
}

fn mib(bytes: u64) -> String {
    // Tenths of a MiB.
    let tenths = bytes.saturating_mul(10) / (1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
