//! Where things are: the target folder and what is put into it.
//!
//! The guests have target folders of their own below the workspace's: they are compiled for another
//! target, possibly by another compiler, and the two must not overwrite each other's results.

use std::path::PathBuf;

use claviger_testenv::workspace_root;

/// An environment variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Whether this is a CI run, where nothing may be skipped.
pub(crate) fn in_ci() -> bool {
    variable("CI").is_some_and(|value| value == "true")
}

/// The workspace's target folder, absolute.
pub(crate) fn target() -> PathBuf {
    let set = variable("CARGO_TARGET_DIR").map(PathBuf::from);
    set.and_then(|path| std::path::absolute(path).ok()).unwrap_or_else(|| workspace_root().join("target"))
}

/// Guests for wasm32-wasip2.
pub(crate) fn guests_target() -> PathBuf {
    target().join("plugins")
}

/// Guests for the host: their unit tests and lints.
pub(crate) fn guests_host_target() -> PathBuf {
    target().join("plugins-host")
}

/// The finished product: `bin/claviger`, `plugins/*.wasm`.
pub(crate) fn dist() -> PathBuf {
    target().join("dist")
}

/// Where development runs keep compiled plugins.
pub(crate) fn compiled_plugins() -> PathBuf {
    target().join("aot")
}

/// The plugins for tests: the finished ones, the fixtures and the examples.
pub(crate) fn test_plugins() -> PathBuf {
    target().join("test-plugins")
}

/// The plugins' workspace.
pub(crate) fn guests() -> PathBuf {
    workspace_root().join("plugins")
}
