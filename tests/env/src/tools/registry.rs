//! Docker's registry, as a distribution installs it. Nothing is fetched.

use std::path::PathBuf;

use crate::error::Missing;

/// The one on PATH.
pub(super) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("docker-registry")).find(|file| file.is_file())
}

pub(super) fn missing() -> Missing {
    Missing {
        what: "a container registry".to_owned(),
        why: "plugins from registries cannot be tested".to_owned(),
        how_to_get: "install it (Debian: apt-get install docker-registry)".to_owned(),
    }
}
