//! The folder of one run: made fresh, swept of earlier runs' leftovers, removed at the end unless its
//! logs are wanted.
//!
//! Kept on failure: when the owner says so ([`RunDir::keep`]) or while it is panicking. Kept folders of
//! earlier runs are removed once there are more than a handful, so that a cache does not grow for ever.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::SystemTime;

use super::process::stop_leftover;
use crate::cache::cache_home;
use crate::error::{Error, Result};

/// Enough to compare a failure with the ones before it.
const KEPT_RUNS: usize = 5;

/// How much of a log's end is looked at; a line of a server's log is far below a kilobyte.
const TAIL_BYTES: u64 = 32 * 1024;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A run's folder. Dropping it removes it, unless it is to be kept.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    keep: AtomicBool,
    // Held open for its lock: whoever can take the lock knows that this owner is gone.
    _lock: File,
}

impl RunDir {
    /// Makes a folder below the cache (mode 0700: keys lie in it), after stopping what earlier owners
    /// left running.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn create(name: &str) -> Result<Self> {
        let runs = cache_home().join("runs");
        make_private(&runs)?;
        sweep(&runs);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = runs.join(format!("{name}-{}-{number}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
        make_private(&path)?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
        lock.lock().map_err(Error::file("lock", &lock_path))?;
        Ok(Self { path, keep: AtomicBool::new(false), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the folder when this run ends, and says where it is.
    pub fn keep(&self) {
        if !self.keep.swap(true, Ordering::Relaxed) {
            eprintln!("logs are kept in {}", self.path.display());
        }
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.keep();
        }
        if !self.keep.load(Ordering::Relaxed) {
            // Best effort: what cannot be removed now is swept by a later run.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes a folder and its parents, readable by nobody else.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file("create", path))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(Error::file("write", path))
}

/// The last `lines` lines of a text file; empty if it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    let Ok(mut file) = File::open(path) else { return String::new() };
    let length = file.metadata().map_or(0, |meta| meta.len());
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).is_err()
        || file.read_to_end(&mut bytes).is_err()
    {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Stops what is left of runs whose owner is gone, and removes all but the newest of their folders.
fn sweep(runs: &Path) {
    let Ok(entries) = std::fs::read_dir(runs) else { return };
    let mut gone: Vec<(SystemTime, PathBuf)> = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Ok(lock) = File::open(path.join("lock")) else { continue };
        if lock.try_lock().is_err() {
            continue;
        }
        for pid_file in files_with_extension(&path, "pid") {
            stop_leftover(&pid_file);
        }
        let made = std::fs::metadata(&path).and_then(|meta| meta.modified());
        gone.push((made.unwrap_or(SystemTime::UNIX_EPOCH), path));
    }
    gone.sort();
    for (_, path) in gone.iter().rev().skip(KEPT_RUNS) {
        let _ = std::fs::remove_dir_all(path);
    }
}

fn files_with_extension(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .flat_map(|path| if path.is_dir() { files_with_extension(&path, extension) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}
