//! A network of one's own for tests: only loopback, so that no mistake of a plugin, a test or a server can
//! send a packet to another machine.
//!
//! The addresses that hostile plugins try are put on this loopback, where the tests' own servers answer.
//! Servers are not started here.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, unshare};

/// The clouds' metadata server, EKS Pod Identity's agent, a private address, one of documentation (RFC 5737).
const ADDRESSES: [&str; 4] = ["169.254.169.254/32", "169.254.170.23/32", "10.9.9.9/32", "192.0.2.1/32"];

/// Where AWS's metadata is asked for. Only inside may anything listen there, or ask.
pub(crate) const AWS_METADATA: [&str; 2] = ["169.254.169.254:80", "169.254.170.23:80"];

/// Moves this thread, and so whatever it starts from now on, into a fresh network namespace. `Some`: why that
/// cannot be done here, and we are where we were.
///
/// # Errors
/// If we are in one and it cannot be used: nothing can be started then.
pub(crate) fn enter() -> Result<Option<String>> {
    if let Err(why) = ip(&["-V"]) {
        return Ok(Some(format!("ip (Debian: iproute2) is needed: {why:#}")));
    }
    if let Err(why) = unshare(CloneFlags::CLONE_NEWNET) {
        return Ok(Some(format!("a network namespace cannot be made: {why}")));
    }
    ip(&["link", "set", "lo", "up"])?;
    for address in ADDRESSES {
        ip(&["address", "add", address, "dev", "lo"])?;
    }
    Ok(None)
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().context("ip")?;
    if !output.status.success() {
        bail!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
