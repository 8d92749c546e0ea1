//! Chromium, as a distribution installs it: it shows the pages that the product serves, without a screen.
//!
//! Nothing is fetched: it is a package of every distribution, and needs a hundred others.

use std::path::PathBuf;

use crate::error::Missing;

/// What it is called here and there.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The first of its names that is on PATH.
pub(super) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES.iter().find_map(|name| dirs.iter().map(|dir| dir.join(name)).find(|program| program.is_file()))
}

pub(super) fn missing() -> Missing {
    Missing {
        what: "Chromium".to_owned(),
        why: "pages cannot be looked at as a browser shows them".to_owned(),
        how_to_get: "install it (Debian: apt-get install chromium)".to_owned(),
    }
}
