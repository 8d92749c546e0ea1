//! Where clouds tell whoever runs there who he is, and hand out credentials: one table, for what no plugin may connect to
//! and for where the host itself asks.
//!
//! 169.254/16 and fe80::/10 are refused as a whole, also where nothing stands here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A service, or all of a cloud's.
struct Service {
    network: IpAddr,
    /// Bits of the network.
    bits: u32,
    /// Whether it hands a container its own credentials.
    containers: bool,
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Service {
    Service { network: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits: 32, containers: false }
}

const fn v6(segments: [u16; 8], bits: u32) -> Service {
    let [a, b, c, d, e, f, g, h] = segments;
    Service { network: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), bits, containers: false }
}

const fn for_containers(service: Service) -> Service {
    Service { containers: true, ..service }
}

/// By their owners' documentation.
const SERVICES: [Service; 14] = [
    // The machine's, of nearly all.
    v4(169, 254, 169, 254),
    // Amazon: ECS, EKS Pod Identity in both families, and the network of all its services of a machine (::254 is IMDS).
    for_containers(v4(169, 254, 170, 2)),
    for_containers(v4(169, 254, 170, 23)),
    for_containers(v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], 128)),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),
    // Google.
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    // Azure's wire server.
    v4(168, 63, 129, 16),
    // Oracle, its older machines, and IPv6.
    v4(192, 0, 0, 192),
    v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
    // Alibaba, in shared address space, and IPv6.
    v4(100, 100, 100, 200),
    v6([0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200], 128),
    // Akamai (Linode).
    v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128),
    // Scaleway.
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128),
    // OpenStack.
    v6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
];

impl Service {
    fn holds(&self, ip: IpAddr) -> bool {
        match (self.network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                (network.to_bits() ^ ip.to_bits()).leading_zeros() >= self.bits
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                (network.to_bits() ^ ip.to_bits()).leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

/// Whether a cloud's service is there.
pub(super) fn is_service(ip: IpAddr) -> bool {
    SERVICES.iter().any(|service| service.holds(ip))
}

/// Whether containers are handed their own credentials there.
pub(crate) fn is_for_containers(ip: IpAddr) -> bool {
    SERVICES.iter().any(|service| service.containers && service.holds(ip))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::egress::address::{Forbidden, Reach, Refusal, check};

    #[test]
    fn where_the_host_may_ask_no_plugin_may() {
        for (service, ip) in SERVICES.iter().map(|service| (service, service.network)) {
            assert!(is_service(ip), "{ip}");
            assert_eq!(is_for_containers(ip), service.containers, "{ip}");
            let refused = check((ip, 80).into(), Reach::default(), &Forbidden::default());
            assert_eq!(refused, Err(Refusal::LinkLocal), "{ip}");
        }
        for text in ["169.254.170.3", "fd00:ec3::23", "fd00:42::43", "100.100.100.201", "10.0.0.1", "fd00::1"]
        {
            let ip = text.parse().unwrap();
            assert!(!is_service(ip) && !is_for_containers(ip), "{text}");
        }
    }
}
