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

/// The root of the workspace that this program belongs to.
///
/// Asked of the environment, which cargo sets for what it runs: clones that share a target folder share
/// programs too, and a path that was compiled in is the other clone's.
pub fn workspace_root() -> PathBuf {
    let compiled_in = || PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let member = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(compiled_in, PathBuf::from);
    let root = member.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.map_or(member.clone(), Into::into)
}
