//! A network of one's own for tests: only loopback, so that no mistake of a plugin, a test or a server can
//! send a packet to another machine. Names too: the clouds' mean an address of that loopback.
//!
//! The addresses that hostile plugins try are put on this loopback, where the tests' own servers answer.
//! Servers are not started here.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use claviger_testenv::hosts_file;
use nix::sched::{CloneFlags, unshare};

/// The clouds' metadata server, EKS Pod Identity's agent, a private address, one of documentation (RFC 5737).
const ADDRESSES: [&str; 4] = ["169.254.169.254/32", "169.254.170.23/32", "10.9.9.9/32", "192.0.2.1/32"];

/// Where EKS's agent gives pods their credentials. Only inside may anything listen there, or ask.
pub(crate) const POD_IDENTITY: &str = "169.254.170.23:80";

/// Where the metadata of every cloud is asked for. The same holds.
pub(crate) const METADATA: &str = "169.254.169.254:80";

/// Where the clouds' real names lead. The same holds.
pub(crate) const CLOUDS: &str = "192.0.2.1:443";

const HOSTS: &str = "/etc/hosts";

/// Moves this thread, and so whatever it starts from now on, into fresh network and mount namespaces, where
/// `/etc/hosts` is a file in `dir`. `Some`: why that cannot be done here, and we are where we were.
///
/// # Errors
/// If we are in them and they cannot be used: nothing can be started then.
pub(crate) fn enter(dir: &Path) -> Result<Option<String>> {
    for (program, package) in [("ip", "iproute2"), ("mount", "mount")] {
        if let Err(why) = run(program, &["-V"]) {
            return Ok(Some(format!("{program} (Debian: {package}) is needed: {why:#}")));
        }
    }
    let machines = match std::fs::read_to_string(HOSTS) {
        Ok(text) => text,
        // There is nothing to put the tests' own file over.
        Err(why) => return Ok(Some(format!("{HOSTS} cannot be read: {why}"))),
    };
    if let Err(why) = unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS) {
        return Ok(Some(format!("a network namespace cannot be made: {why}")));
    }
    run("ip", &["link", "set", "lo", "up"])?;
    for address in ADDRESSES {
        run("ip", &["address", "add", address, "dev", "lo"])?;
    }
    let hosts = dir.join("hosts");
    std::fs::write(&hosts, hosts_file(host(CLOUDS), host(METADATA), &machines))
        .with_context(|| hosts.display().to_string())?;
    // Or it would be mounted for everybody, where the machine's mounts are shared.
    run("mount", &["--make-rprivate", "/"])?;
    run("mount", &["--bind", hosts.to_str().context("a folder's name is not UTF-8")?, HOSTS])?;
    Ok(None)
}

fn host(address: &str) -> &str {
    address.split(':').next().unwrap_or(address)
}

fn run(program: &str, args: &[&str]) -> Result<()> {
    let output = Command::new(program).args(args).output().with_context(|| program.to_owned())?;
    if !output.status.success() {
        bail!("{program} {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
