//! A network of one's own for tests: only loopback, so that no mistake of a plugin, a test or a server can
//! send a packet to another machine.
//!
//! The addresses that hostile plugins try are put on this loopback, where the tests' own servers answer.
//! Servers are not started here.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, unshare};

/// The clouds' metadata server, a private address, one of documentation (RFC 5737).
const ADDRESSES: [&str; 3] = ["169.254.169.254/32", "10.9.9.9/32", "192.0.2.1/32"];

/// Moves this thread, and so whatever it starts from now on, into a fresh network namespace.
///
/// # Errors
/// If the kernel does not let us, or `ip` is missing.
pub(crate) fn enter() -> Result<()> {
    ip(&["-V"]).context("ip (Debian: iproute2) is needed")?;
    unshare(CloneFlags::CLONE_NEWNET).context("a network namespace cannot be made")?;
    ip(&["link", "set", "lo", "up"])?;
    for address in ADDRESSES {
        ip(&["address", "add", address, "dev", "lo"])?;
    }
    Ok(())
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().context("ip")?;
    if !output.status.success() {
        bail!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
