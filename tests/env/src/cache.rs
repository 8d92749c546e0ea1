//! Where things live: the cache outside the work tree, and the workspace's own root.
//!
//! Everything built or fetched for tests goes below `$XDG_CACHE_HOME/claviger` (default
//! `~/.cache/claviger`), so that a work tree can be deleted and cloned again without paying twice. No
//! product code reads these places.

use std::path::PathBuf;

/// `$XDG_CACHE_HOME/claviger`, or `~/.cache/claviger`. The folder may not exist yet.
pub fn cache_home() -> PathBuf {
    let set = |name: &str| {
        let value = std::env::var_os(name);
        value.filter(|value| !value.is_empty()).map(PathBuf::from)
    };
    // The specification says that a relative path is to be ignored.
    set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("claviger")
}

/// The root of the workspace that this crate was compiled in.
pub fn workspace_root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // tests/env
    root.pop();
    root.pop();
    root
}
