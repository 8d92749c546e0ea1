//! What processes took: time on a core, memory. Read from /proc; other machines than Linux have no such figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Ticks of a second in /proc/PID/stat: the kernel's USER_HZ, which is 100 on every architecture that we build for.
const TICKS: u64 = 100;

/// Time on a core since the process began, user and system.
///
/// # Errors
/// If it has ended.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    // The name may hold anything, parentheses too.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

/// Resident memory, KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// All that is resident.
    pub(crate) rss: u64,
    /// The part that is nobody else's and no file's.
    pub(crate) anonymous: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
}

/// Memory of a process.
///
/// # Errors
/// If it has ended.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    Ok(Memory { rss: field("VmRSS"), anonymous: field("RssAnon"), peak: field("VmHWM") })
}

/// Several processes by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree(BTreeMap<String, u32>);

impl Tree {
    /// The servers whose pid files lie in that folder.
    pub(crate) fn of_servers(dir: &Path) -> Self {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let pid = |file: &Path| std::fs::read_to_string(file).ok()?.lines().next()?.parse().ok();
        let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "pid"));
        let named =
            files.filter_map(|file| Some((file.file_stem()?.to_string_lossy().into_owned(), pid(&file)?)));
        Self(named.collect())
    }

    /// Time on a core, of each.
    pub(crate) fn cpu(&self) -> BTreeMap<String, Duration> {
        self.0.iter().filter_map(|(name, pid)| Some((name.clone(), cpu(*pid).ok()?))).collect()
    }
}

/// `kube-apiserver 12.1 s, etcd 3.0 s`: what each took between two looks.
pub(crate) fn between(before: &BTreeMap<String, Duration>, after: &BTreeMap<String, Duration>) -> String {
    let took = after.iter().map(|(name, after)| {
        let took = after.saturating_sub(before.get(name).copied().unwrap_or_default());
        format!("{name} {:.1} s", took.as_secs_f64())
    });
    took.collect::<Vec<_>>().join(", ")
}
