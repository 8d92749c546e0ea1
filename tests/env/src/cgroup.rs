//! A cgroup with limits, version 1 or 2: a pod's `resources.limits` without a pod. Removed when dropped, if nothing runs in
//! it any more.

use std::path::{Path, PathBuf};

/// The group.
#[derive(Debug)]
pub struct Cgroup {
    folders: Vec<PathBuf>,
    v1: bool,
}

impl Cgroup {
    /// One that may have so many bytes of memory, and so many thousandths of a core.
    ///
    /// # Errors
    /// Why there can be none: the rights, or no cgroups here.
    pub fn new(name: &str, memory: u64, millicores: u64) -> Result<Self, String> {
        let root = Path::new("/sys/fs/cgroup");
        let v1 = root.join("memory").is_dir();
        let folders = if v1 {
            vec![root.join("memory").join(name), root.join("cpu").join(name)]
        } else {
            vec![root.join(name)]
        };
        for folder in &folders {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let group = Self { folders, v1 };
        let quota = millicores * 100;
        if v1 {
            group.set(0, "memory.limit_in_bytes", &memory.to_string())?;
            group.set(1, "cpu.cfs_period_us", "100000")?;
            group.set(1, "cpu.cfs_quota_us", &quota.to_string())?;
        } else {
            group.set(0, "memory.max", &memory.to_string())?;
            group.set(0, "cpu.max", &format!("{quota} 100000"))?;
        }
        Ok(group)
    }

    fn set(&self, folder: usize, file: &str, text: &str) -> Result<(), String> {
        let path = self.folders[folder].join(file);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Puts a process in; what it starts comes along.
    ///
    /// # Errors
    /// If it has ended.
    pub fn add(&self, pid: u32) -> Result<(), String> {
        (0..self.folders.len()).try_for_each(|folder| self.set(folder, "cgroup.procs", &pid.to_string()))
    }

    /// Files that a process writes 0 to in order to come in.
    pub fn doors(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs")).collect()
    }

    /// Peak of memory, bytes, and how often the kernel killed for want of it.
    pub fn memory(&self) -> (u64, u64) {
        let read = |file: &str| std::fs::read_to_string(self.folders[0].join(file)).unwrap_or_default();
        let (peak, events) = if self.v1 {
            (read("memory.max_usage_in_bytes"), read("memory.oom_control"))
        } else {
            (read("memory.peak"), read("memory.events"))
        };
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        (peak.trim().parse().unwrap_or(0), kills.unwrap_or(0))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _ = std::fs::remove_dir(folder);
        }
    }
}
