//! Free loopback ports.
//!
//! Taken from below the range that the kernel gives to outgoing connections (32768 and up on Linux), so
//! that a server which is stopped and started again finds its own port still free.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Above the registered ports that people's own servers use most, below the ephemeral range.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Handed out by this process already, listened on or not.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A loopback port on which nobody listens now and that this process has not handed out before.
///
/// # Errors
/// If the whole range is taken.
pub fn free_port() -> Result<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Two processes that start together should not try the same ports in the same order.
    let width = RANGE.end - RANGE.start;
    let offset = u16::try_from(std::process::id().wrapping_mul(7919) % u32::from(width)).unwrap_or(0);
    for step in 0..width {
        let port = RANGE.start + (offset + step) % width;
        if taken.contains(&port) {
            continue;
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            taken.insert(port);
            return Ok(port);
        }
    }
    Err(Error::Answer {
        what: "look for a free loopback port".to_owned(),
        answer: format!("none in {}..{}", RANGE.start, RANGE.end),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn never_the_same_port_twice() {
        let ports: BTreeSet<u16> = (0..20).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 20);
        assert!(ports.iter().all(|port| RANGE.contains(port)));
    }
}
