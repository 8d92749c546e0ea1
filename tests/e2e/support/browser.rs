//! A browser without a screen: what it makes of a page, as a document and as a picture.

use std::path::{Path, PathBuf};
use std::process::Command;

use claviger_testenv::Tools;

/// Chromium, with a profile of its own.
pub(crate) struct Browser {
    program: PathBuf,
    profile: tempfile::TempDir,
}

impl Browser {
    /// The one that is installed.
    pub(crate) fn new(tools: &Tools) -> Self {
        Self { program: tools.chromium().unwrap().to_owned(), profile: tempfile::tempdir().unwrap() }
    }

    fn run(&self, flags: &[String], url: &str) -> String {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        // It may hang on a machine without what it looks for; that is no reason for a test to.
        let output = Command::new("timeout")
            .arg("90")
            .arg(&self.program)
            // Tests may run as root, in a network and on a disk of their own.
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--hide-scrollbars", "--virtual-time-budget=3000", &profile])
            .args(flags)
            .arg(url)
            .env("HOME", self.profile.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "chromium {flags:?} {url}: {}: {said}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }

    /// The document as it is when the page has loaded.
    pub(crate) fn document(&self, url: &str) -> String {
        self.run(&["--dump-dom".to_owned()], url)
    }

    /// A picture of it, in a file.
    pub(crate) fn picture(&self, url: &str, width: u32, height: u32, file: &Path) {
        let flags = [format!("--window-size={width},{height}"), format!("--screenshot={}", file.display())];
        self.run(&flags, url);
    }
}
