//! The addresses of this machine (of the pod's network, in a pod), as Linux tells them in `/proc/net`: by each of them its
//! own ports are reached, and not only by loopback.
//!
//! Where there is no such file, none is known. A Service that leads back to them has another address, and is not known.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// As they are now.
pub(super) fn addresses() -> HashSet<IpAddr> {
    let read = |name| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    v4(&read("fib_trie")).chain(v6(&read("if_inet6"))).collect()
}

/// Of `fib_trie`: an address, and in the lines below it what it is for.
fn v4(table: &str) -> impl Iterator<Item = IpAddr> {
    let mut last = None;
    table.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
            return None;
        }
        last.filter(|_| line.starts_with("/32 ") && line.ends_with(" LOCAL")).map(IpAddr::V4)
    })
}

/// Of `if_inet6`: an address in 32 hexadecimal digits, then numbers and the device.
fn v6(table: &str) -> impl Iterator<Item = IpAddr> {
    table.lines().filter_map(|line| {
        let digits = line.split_ascii_whitespace().next().filter(|digits| digits.len() == 32)?;
        let bits = u128::from_str_radix(digits, 16).ok()?;
        Some(IpAddr::V6(Ipv6Addr::from_bits(bits)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What Linux 6.1 and later say.
    #[test]
    fn own_addresses_are_those_that_are_local() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                    \x20    +-- 127.0.0.0/8 2 0 2\n        +-- 127.0.0.0/31 1 0 0\n           |-- 127.0.0.0\n\
                    \x20             /8 host LOCAL\n           |-- 127.0.0.1\n              /32 host LOCAL\n\
                    \x20       |-- 127.255.255.255\n           /32 link BROADCAST\n\
                    \x20    +-- 10.244.1.0/24 2 0 2\n           |-- 10.244.1.0\n              /24 link UNICAST\n\
                    \x20          |-- 10.244.1.7\n              /24 link UNICAST\n              /32 host LOCAL\n\
                    \x20       |-- 10.244.1.255\n           /32 link BROADCAST\nLocal:\n           |-- 10.244.1.7\n\
                    \x20             /32 host LOCAL\n           |-- x\n              /32 host LOCAL\n";
        let found: Vec<_> = v4(trie).map(|ip| ip.to_string()).collect();
        assert_eq!(found, ["127.0.0.1", "10.244.1.7", "10.244.1.7"]);
        let interfaces = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n\
                          fd000000000000000000000000000002 04 40 00 82     eth0\n\
                          00000000000000000000000000000001 01 80 10 80       lo\n\
                          fd00 04 40 00 82 eth0\n\nzz000000000000000000000000000002 04 40 00 82     eth0\n";
        let found: Vec<_> = v6(interfaces).map(|ip| ip.to_string()).collect();
        assert_eq!(found, ["fe80::fc:ff:fe00:1", "fd00::2", "::1"]);
        assert_eq!((v4("").count(), v6("").count()), (0, 0));
    }
}
