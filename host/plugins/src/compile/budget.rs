//! What the compiling child may use, and how it is held to it.
//!
//! Linux only, as the operator: limits of the process, and where there is one the cgroup's memory limit,
//! which kills whoever is largest when it is met — so the child gets less than what is left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, nice, setrlimit};

/// Left to the rest of the process while something is compiled: the answers of some reads, and the page
/// tables of the child.
const MARGIN_MIB: u64 = 24;

/// A limit below this is of no use: the smallest plugin takes some 30 MiB.
const LEAST_MIB: u64 = 16;

/// An artifact is about four times its component.
const MAX_ARTIFACT: u64 = 512 * 1024 * 1024;

/// Takes the limits on this process, for good.
///
/// # Errors
/// If the kernel refuses one.
pub(super) fn apply(memory_mib: u64, cpu: Duration) -> io::Result<()> {
    // Everybody else goes first, and if the machine runs out of memory this process is the one to go.
    // Neither is worth failing for.
    let _ = nice(19);
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let limit = |resource, current: u64, maximum: u64| {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
            .map_err(io::Error::from)
    };
    let seconds = cpu.as_secs().max(1);
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, MAX_ARTIFACT, MAX_ARTIFACT)?;
    limit(Resource::Cpu, seconds, seconds + 1)?;
    // Beyond what is mapped already: the program itself, which differs between builds.
    let bytes = mapped()?.saturating_add(memory_mib.saturating_mul(1024 * 1024));
    limit(Resource::As, bytes, bytes)
}

/// Address space of this process, bytes.
fn mapped() -> io::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split_whitespace().next().and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| io::Error::other("/proc/self/statm is not what Linux writes"))?;
    Ok(pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4096)))
}

/// How much of `wanted` MiB can be had without the cgroup's limit being met.
pub(super) fn affordable(wanted: u64) -> u64 {
    share(wanted, left_mib())
}

/// MiB until the nearest limit of a cgroup; `None` where there is none.
pub(crate) fn left_mib() -> Option<u64> {
    groups().into_iter().filter_map(|group| group.left_mib()).min()
}

fn share(wanted: u64, left: Option<u64>) -> u64 {
    left.map_or(wanted, |left| wanted.min(left.saturating_sub(MARGIN_MIB).max(LEAST_MIB)))
}

/// A memory cgroup: version 2 or 1.
#[derive(Debug)]
struct Group {
    folder: PathBuf,
    limit: &'static str,
    usage: &'static str,
    /// File pages that the kernel drops when it needs room.
    reclaimable: &'static str,
}

impl Group {
    fn left_mib(&self) -> Option<u64> {
        let number = |file: &str| fs::read_to_string(self.folder.join(file)).ok()?.trim().parse::<u64>().ok();
        // "max", and version 1's almost 2^63, are no limit.
        let limit = number(self.limit).filter(|limit| *limit < 1 << 50)?;
        let stat = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        let cache = stat.lines().find_map(|line| line.strip_prefix(self.reclaimable)?.trim().parse().ok());
        let used = number(self.usage)?.saturating_sub(cache.unwrap_or(0));
        Some(limit.saturating_sub(used) / (1024 * 1024))
    }
}

/// The groups whose limit may hold for us: where `/proc` says we are, and the root of what is mounted,
/// which is our own group inside a container.
fn groups() -> Vec<Group> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut found = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let path = path.trim_start_matches('/');
        let v1 = controllers.split(',').any(|controller| controller == "memory");
        if !v1 && !controllers.is_empty() {
            continue;
        }
        let root = Path::new("/sys/fs/cgroup").join(if v1 { "memory" } else { "" });
        for folder in [root.join(path), root] {
            found.push(if v1 {
                Group {
                    folder,
                    limit: "memory.limit_in_bytes",
                    usage: "memory.usage_in_bytes",
                    reclaimable: "total_inactive_file ",
                }
            } else {
                Group { folder, limit: "memory.max", usage: "memory.current", reclaimable: "inactive_file " }
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// In a process of its own, which is this test once more: limits are for good.
    #[test]
    fn the_limits_are_those_that_were_asked_for() {
        const NAME: &str = "compile::budget::tests::the_limits_are_those_that_were_asked_for";
        const MARK: &str = "CLAVIGER_TEST_LIMITS";
        if std::env::var_os(MARK).is_some() {
            apply(512, Duration::from_secs(7)).unwrap();
            println!("{}", fs::read_to_string("/proc/self/limits").unwrap());
            return;
        }
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", NAME, "--nocapture"]).env(MARK, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let limit = |name: &str| -> Vec<String> {
            let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{said}"));
            line[name.len()..].split_whitespace().take(2).map(ToOwned::to_owned).collect()
        };
        assert_eq!(limit("Max core file size"), ["0", "0"]);
        assert_eq!(limit("Max cpu time"), ["7", "8"]);
        assert_eq!(limit("Max file size"), ["536870912", "536870912"]);
        let [current, maximum] = &limit("Max address space")[..] else { panic!("{said}") };
        assert_eq!(current, maximum);
        assert!(current.parse::<u64>().unwrap() > 512 * 1024 * 1024);
    }

    #[test]
    fn what_is_left_is_the_limit_less_what_cannot_be_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let group = Group {
            folder: dir.path().to_owned(),
            limit: "memory.max",
            usage: "memory.current",
            reclaimable: "inactive_file ",
        };
        file("memory.max", "max\n");
        file("memory.current", "104857600\n");
        assert_eq!(group.left_mib(), None);
        file("memory.max", "268435456\n");
        assert_eq!(group.left_mib(), Some(156));
        file("memory.stat", "anon 1\ninactive_file 20971520\nactive_file 5\n");
        assert_eq!(group.left_mib(), Some(176));
    }

    #[test]
    fn the_child_gets_what_is_left_and_leaves_a_margin() {
        for (wanted, left, expected) in [
            (512, None, 512),
            (512, Some(4_000), 512),
            (512, Some(536), 512),
            (512, Some(128), 104),
            // Too little to be of use: it is tried, and says what it would need.
            (512, Some(30), LEAST_MIB),
            (512, Some(0), LEAST_MIB),
            (8, Some(0), 8),
        ] {
            assert_eq!(share(wanted, left), expected, "{wanted} of {left:?}");
        }
    }

    #[test]
    fn version_1_and_files_that_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        let group = Group {
            folder: dir.path().to_owned(),
            limit: "memory.limit_in_bytes",
            usage: "memory.usage_in_bytes",
            reclaimable: "total_inactive_file ",
        };
        assert_eq!(group.left_mib(), None, "no group");
        file("memory.limit_in_bytes", "9223372036854771712\n");
        file("memory.usage_in_bytes", "1048576\n");
        assert_eq!(group.left_mib(), None, "no limit");
        file("memory.limit_in_bytes", "1048576\n");
        file("memory.usage_in_bytes", "2097152\n");
        assert_eq!(group.left_mib(), Some(0), "more than there is");
        file("memory.limit_in_bytes", "134217728\n");
        assert_eq!(group.left_mib(), Some(126));
        file("memory.usage_in_bytes", "much\n");
        assert_eq!(group.left_mib(), None, "what cannot be read is no limit");
    }

    #[test]
    fn the_wish_is_never_exceeded() {
        assert!(affordable(64) <= 64);
        assert!(affordable(0) == 0);
    }
}
