//! A compiler for the guests. If the active toolchain lacks wasm32-wasip2, rustup is asked for it, then
//! Debian's packages are (unpacked into the cache, nothing is installed). It is for guests only.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use claviger_testenv::{Progress, cache_home, workspace_root};

/// The target of all guests.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Environment variables for the guests' cargo.
pub(crate) fn prepare(progress: &Progress) -> Result<Vec<(String, PathBuf)>> {
    if has_target()? {
        return Ok(Vec::new());
    }
    let dir = cache_home().join("wasm-toolchain");
    if !dir.join("root/.complete").exists() {
        progress.say(format_args!("the active toolchain lacks {TARGET}: asking rustup for it"));
        let added = Command::new("rustup").args(["target", "add", TARGET]).output();
        if added.is_ok_and(|output| output.status.success()) && has_target()? {
            return Ok(Vec::new());
        }
        progress.say("rustup cannot get it: taking Debian's packages (some 200 MB, once)");
    }
    let script = workspace_root().join("xtask/tools/wasm-toolchain.sh");
    let output = Command::new(&script).arg(&dir).output().with_context(|| script.display().to_string())?;
    if !output.status.success() {
        bail!(
            "no Rust standard library for {TARGET}: rustup has none for this toolchain, and Debian's packages failed:\n{}\n\
             install one with `rustup target add {TARGET}`",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(["RUSTC", "RUSTDOC"]
        .into_iter()
        .map(|name| (name.to_owned(), dir.join("bin").join(name.to_lowercase())))
        .collect())
}

fn has_target() -> Result<bool> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().context("rustc cannot be run")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let lib = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let entries = std::fs::read_dir(lib).into_iter().flatten().flatten();
    Ok(entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| name.starts_with("libstd-")))
}
