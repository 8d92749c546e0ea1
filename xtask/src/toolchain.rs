//! A compiler for the guests: the active one if it has wasm32-wasip2, else one that is fetched.
//!
//! In this order: the active toolchain; `rustup target add`; Debian's packages, unpacked into the cache
//! by `xtask/tools/wasm-toolchain.sh`. What is found is for the guests alone: the host is always built by
//! the active toolchain.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{Progress, cache_home, workspace_root};

use crate::paths::variable;

/// The guests' target.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// A slow line needs about a minute for the 20 MB; a machine that cannot reach the server at all should
/// not wait longer than that either.
const RUSTUP_DEADLINE: Duration = Duration::from_secs(90);

/// For how long a `rustup target add` that failed is not tried again.
const RUSTUP_RETRY: Duration = Duration::from_secs(24 * 3600);

/// Environment of a cargo that builds guests; empty if the active toolchain can do it.
pub(crate) fn for_guests(progress: &Progress) -> Result<Vec<(String, String)>> {
    if active_has_target()? {
        return Ok(Vec::new());
    }
    if rustup_adds_target(progress)? && active_has_target()? {
        return Ok(Vec::new());
    }
    debian(progress)
}

/// What the compiler of such an environment answers; without one that which cargo takes.
///
/// # Errors
/// If it cannot be run, or fails.
pub(crate) fn ask(environment: &[(String, String)], arguments: &[&str]) -> Result<String> {
    let named = environment.iter().find(|(name, _)| name == "RUSTC").map(|(_, path)| OsString::from(path));
    let rustc = named.or_else(|| variable("RUSTC")).unwrap_or_else(|| "rustc".into());
    let what = || format!("{} {}", rustc.display(), arguments.join(" "));
    // Those of the compiler that built us are not another one's.
    let output = Command::new(&rustc).args(arguments).env_remove("LD_LIBRARY_PATH").output();
    let output = output.with_context(|| format!("{} cannot be run; install Rust with rustup", what()))?;
    if !output.status.success() {
        bail!("{}: {}", what(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout).with_context(what)?.trim().to_owned())
}

fn active_has_target() -> Result<bool> {
    let library = Path::new(&ask(&[], &["--print", "sysroot"])?).join("lib/rustlib").join(TARGET).join("lib");
    let entries = std::fs::read_dir(library).into_iter().flatten().flatten();
    Ok(entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-")))
}

/// Lets rustup fetch the target, unless it failed lately. `false` if it could not.
fn rustup_adds_target(progress: &Progress) -> Result<bool> {
    let failed = marker()?;
    let age = std::fs::metadata(&failed).and_then(|meta| meta.modified()).ok();
    let age = age.and_then(|then| SystemTime::now().duration_since(then).ok());
    if age.is_some_and(|age| age < RUSTUP_RETRY) {
        return Ok(false);
    }
    progress.say(format_args!("fetching {TARGET} (rustup target add)"));
    let started = Command::new("rustup")
        .args(["target", "add", TARGET])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let done = match started {
        Ok(mut child) => {
            let start = Instant::now();
            loop {
                if let Some(status) = child.try_wait()? {
                    break status.success();
                }
                if start.elapsed() > RUSTUP_DEADLINE {
                    let _ = child.kill();
                    let _ = child.wait();
                    break false;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        Err(_) => false,
    };
    if done {
        let _ = std::fs::remove_file(&failed);
    } else {
        progress.say("rustup cannot fetch it; trying Debian's packages");
        std::fs::write(&failed, "").with_context(|| failed.display().to_string())?;
    }
    Ok(done)
}

fn marker() -> Result<PathBuf> {
    let cache = cache_home();
    std::fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
    Ok(cache.join("rustup-target-failed"))
}

/// Debian's rustc with the target, unpacked into the cache.
fn debian(progress: &Progress) -> Result<Vec<(String, String)>> {
    let dir = cache_home().join("wasm-toolchain");
    if !dir.join("root/.complete").exists() {
        progress.say("unpacking Debian's rustc for the guests (195 MB, under a minute, once)");
    }
    let output = Command::new("sh")
        .arg(workspace_root().join("xtask/tools/wasm-toolchain.sh"))
        .arg(&dir)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context("sh cannot be run")?;
    if !output.status.success() {
        bail!(
            "no compiler for {TARGET}: `rustup target add {TARGET}` failed, and so did Debian's packages:\n{}\n\
             with a connection, run `rustup target add {TARGET}` and try again",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    parse_exports(&String::from_utf8(output.stdout).context("wasm-toolchain.sh")?)
}

/// `export NAME='value' …` as pairs.
fn parse_exports(text: &str) -> Result<Vec<(String, String)>> {
    let assignments = text.trim().strip_prefix("export ").context("wasm-toolchain.sh names no compiler")?;
    let pair = |part: &str| {
        let (name, value) = part.split_once("='")?;
        Some((name.to_owned(), value.to_owned()))
    };
    assignments
        .split("' ")
        .map(|part| pair(part.trim_end_matches('\'')).with_context(|| format!("cannot read {part}")))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn the_compiler_that_is_named_is_the_one_that_is_asked() {
        let named = |program: &str| [("RUSTC".to_owned(), program.to_owned())];
        assert_eq!(ask(&named("echo"), &["rustc 1.90.0 (another)"]).unwrap(), "rustc 1.90.0 (another)");
        assert!(ask(&[], &["--version"]).unwrap().starts_with("rustc "));
        assert!(ask(&named("false"), &[]).is_err() && ask(&named("/nowhere/rustc"), &[]).is_err());
    }

    #[test]
    fn reads_what_the_script_prints() {
        let pairs = parse_exports("export RUSTC='/a b/bin/rustc' RUSTDOC='/a b/bin/rustdoc'\n").unwrap();
        let expected = [("RUSTC", "/a b/bin/rustc"), ("RUSTDOC", "/a b/bin/rustdoc")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(parse_exports("").is_err());
    }
}
