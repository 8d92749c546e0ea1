//! Prometheus and promtool: found on the machine, or Debian's package unpacked into the cache, installed nowhere.
//!
//! There is no building it here: with its web page it takes longer than all other servers together. What a distribution
//! ships is what people run.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{fresh_beside, lock, tools_dir};
use crate::error::{Error, Missing, Result};
use crate::progress::Progress;

const PROGRAMS: [&str; 2] = ["prometheus", "promtool"];

/// The folder with both programs; none where neither they nor the package can be had, which concerns few tests.
pub(super) fn prepare(progress: &Progress) -> Result<Option<PathBuf>> {
    let finished = tools_dir()?.join("prometheus-debian");
    let bin = finished.join("usr/bin");
    if has_both(&bin) {
        return Ok(Some(bin));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(installed) = std::env::split_paths(&path).find(|dir| has_both(dir)) {
        return Ok(Some(installed));
    }
    let _lock = lock(progress, "prometheus")?;
    if has_both(&bin) {
        return Ok(Some(bin));
    }
    progress.say("fetching Prometheus as Debian packages it (about 20 MB)");
    match fetch(progress, &finished) {
        Ok(()) => Ok(Some(bin)),
        Err(error) => {
            progress.say(format_args!("Prometheus cannot be fetched: {error}"));
            Ok(None)
        }
    }
}

fn has_both(dir: &Path) -> bool {
    PROGRAMS.iter().all(|program| dir.join(program).is_file())
}

fn fetch(progress: &Progress, finished: &Path) -> Result<()> {
    let new = fresh_beside(finished)?;
    let log = tools_dir()?.join("prometheus.log");
    let mut download = Command::new("apt-get");
    progress.run("apt-get download", download.args(["download", "prometheus"]).current_dir(&new), &log)?;
    let package = std::fs::read_dir(&new).map_err(Error::file("read", &new))?.flatten();
    let package =
        package.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|it| it == "deb"));
    let package = package.ok_or_else(|| Error::Answer {
        what: "apt-get download prometheus".to_owned(),
        answer: "no package".to_owned(),
    })?;
    let mut unpack = Command::new("dpkg-deb");
    progress.run("dpkg-deb -x", unpack.arg("-x").arg(&package).arg(&new), &log)?;
    std::fs::remove_file(&package).map_err(Error::file("remove", &package))?;
    std::fs::rename(&new, finished).map_err(Error::file("rename", &new))
}

pub(super) fn missing() -> Missing {
    Missing {
        what: "Prometheus".to_owned(),
        why: "metrics are not scraped by a real one, and alerts are not tested".to_owned(),
        how_to_get: "install it (Debian: apt-get install prometheus), or let apt-get download it".to_owned(),
    }
}
