//! Which addresses may be connected to. Pure.
//!
//! Private ranges are allowed, since a Vault usually lives in the cluster. Loopback, link-local and
//! metadata addresses and the API server's are not, unless granted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

use super::metadata::is_service;

/// What a session may reach besides the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Loopback addresses.
    pub loopback: bool,
    /// Link-local and metadata addresses.
    pub link_local: bool,
    /// The API server's.
    pub api_server: bool,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 127/8, ::1.
    #[error(
        "it is a loopback address (allowed only by spec.grants.loopback of the Plugin, or --allow-loopback)"
    )]
    Loopback,
    /// 169.254/16, fe80::/10 and the clouds' metadata addresses.
    #[error("it is a link-local or metadata address (allowed only by spec.grants.linkLocal of the Plugin)")]
    LinkLocal,
    /// Nothing one connects to.
    #[error("it is not the address of a host")]
    NotAHost,
    /// The API server.
    #[error(
        "it is the Kubernetes API server's address (allowed only by spec.grants.apiServer of the Plugin)"
    )]
    ApiServer,
}

/// Addresses that no plugin may connect to, as they become known.
#[derive(Debug, Default)]
pub(super) struct Denied {
    /// Known from the start, for good.
    always: Vec<SocketAddr>,
    now: RwLock<Arc<[SocketAddr]>>,
}

impl Denied {
    pub(super) fn new(always: Vec<SocketAddr>) -> Self {
        Self { now: RwLock::new(always.clone().into()), always }
    }

    /// These besides those of the start, and no others.
    pub(super) fn set(&self, also: impl IntoIterator<Item = SocketAddr>) {
        let all: Arc<[SocketAddr]> = self.always.iter().copied().chain(also).collect();
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        if *now != all {
            *now = all;
        }
    }

    /// As they are now: the same list until they change.
    pub(super) fn now(&self) -> Arc<[SocketAddr]> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Checks one address. A denied address with port 0 is denied at every port.
///
/// # Errors
/// Which rule refuses it.
pub fn check(address: SocketAddr, reach: Reach, denied: &[SocketAddr]) -> Result<(), Refusal> {
    let ip = plain(address.ip());
    if denied.iter().any(|denied| plain(denied.ip()) == ip && [0, address.port()].contains(&denied.port())) {
        // Its grant covers it wherever it lies: on loopback, in tests and on single nodes.
        return if reach.api_server { Ok(()) } else { Err(Refusal::ApiServer) };
    }
    let refusal = match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => v6(ip),
    };
    match refusal {
        Some(Refusal::Loopback) if reach.loopback => Ok(()),
        Some(Refusal::LinkLocal) if reach.link_local => Ok(()),
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}

/// An IPv4 address in IPv6 clothes is that IPv4 address: mapped, compatible, translated, NAT64 (RFC 6052,
/// and the local prefix of RFC 8215), 6to4, ISATAP; Teredo's is turned around.
pub(super) fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let segments = v6.segments();
    let tail = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] => tail(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => tail(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => tail(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => tail(high, low),
        [0x2002, high, low, ..] => tail(high, low),
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => tail(high, low),
        [0x2001, 0, _, _, _, _, high, low] => tail(!high, !low),
        _ => ip,
    }
}

fn v4(ip: Ipv4Addr) -> Option<Refusal> {
    if ip.is_loopback() {
        Some(Refusal::Loopback)
    } else if ip.is_link_local() || is_service(ip.into()) {
        Some(Refusal::LinkLocal)
    } else if ip.octets()[0] == 0 || ip.is_multicast() || ip.octets()[0] >= 240 {
        Some(Refusal::NotAHost)
    } else {
        None
    }
}

fn v6(ip: Ipv6Addr) -> Option<Refusal> {
    if ip.is_loopback() {
        Some(Refusal::Loopback)
    } else if ip.is_unicast_link_local() || is_service(ip.into()) {
        Some(Refusal::LinkLocal)
    } else if ip.is_unspecified() || ip.is_multicast() {
        Some(Refusal::NotAHost)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_dress_of_a_forbidden_address() {
        use Refusal::{ApiServer, LinkLocal, Loopback, NotAHost};
        let denied = ["10.96.0.1:443".parse().unwrap(), "10.0.0.7:0".parse().unwrap()];
        for (address, expected) in [
            ("10.0.0.5:8200", Ok(())),
            ("192.168.1.1:80", Ok(())),
            ("8.8.8.8:443", Ok(())),
            ("[2001:db8::1]:443", Ok(())),
            ("[fd00::1]:443", Ok(())),
            ("127.0.0.1:80", Err(Loopback)),
            ("127.8.8.8:80", Err(Loopback)),
            ("[::1]:80", Err(Loopback)),
            ("[::ffff:127.0.0.1]:80", Err(Loopback)),
            ("[64:ff9b::127.0.0.1]:80", Err(Loopback)),
            ("[2002:7f00:1::]:80", Err(Loopback)),
            ("[::127.0.0.1]:80", Err(Loopback)),
            ("[::ffff:0:127.0.0.1]:80", Err(Loopback)),
            ("[64:ff9b:1::127.0.0.1]:80", Err(Loopback)),
            ("[2001:db8::5efe:127.0.0.1]:80", Err(Loopback)),
            ("[2001:0:1:2:3:4:80ff:fffe]:80", Err(Loopback)),
            ("[64:ff9b::a9fe:a9fe]:80", Err(LinkLocal)),
            ("[2001:0:1:2:3:4:5601:5601]:80", Err(LinkLocal)),
            ("169.254.169.254:80", Err(LinkLocal)),
            ("[::ffff:169.254.169.254]:80", Err(LinkLocal)),
            ("[fe80::1]:80", Err(LinkLocal)),
            ("[fd00:ec2::254]:80", Err(LinkLocal)),
            ("[fd00:ec2::23]:80", Err(LinkLocal)),
            ("[fd00:0ec2:0:0:0:0:0:0023]:80", Err(LinkLocal)),
            ("[FD00:EC2:ffff::1]:80", Err(LinkLocal)),
            ("[fd00:ec1:ffff::1]:80", Ok(())),
            ("[fd00:ec3::]:80", Ok(())),
            ("[fd20:ce::254]:80", Err(LinkLocal)),
            ("[fd20:ce::253]:80", Ok(())),
            ("[fd00:c1::a9fe:a9fe]:80", Err(LinkLocal)),
            ("[fd00:c1::169.254.169.254]:80", Err(LinkLocal)),
            ("[fd00:a9fe:a9fe::1]:80", Err(LinkLocal)),
            ("[fd00:42::42]:80", Err(LinkLocal)),
            ("[fd00:42:0:0:0:0:0:42]:80", Err(LinkLocal)),
            ("[fd00:100::100:200]:80", Err(LinkLocal)),
            ("[fd00:100::1.0.2.0]:80", Err(LinkLocal)),
            ("[fe80::a9fe:a9fe]:80", Err(LinkLocal)),
            ("[::ffff:100.100.100.200]:80", Err(LinkLocal)),
            ("[64:ff9b::168.63.129.16]:80", Err(LinkLocal)),
            ("[2002:c000:c0::]:80", Err(LinkLocal)),
            ("100.100.100.200:80", Err(LinkLocal)),
            ("168.63.129.16:80", Err(LinkLocal)),
            ("192.0.0.192:80", Err(LinkLocal)),
            ("0.0.0.0:80", Err(NotAHost)),
            ("[::]:80", Err(NotAHost)),
            ("224.0.0.1:80", Err(NotAHost)),
            ("255.255.255.255:80", Err(NotAHost)),
            ("[ff02::1]:80", Err(NotAHost)),
            ("10.96.0.1:443", Err(ApiServer)),
            ("[::ffff:10.96.0.1]:443", Err(ApiServer)),
            ("10.96.0.1:8200", Ok(())),
            ("10.0.0.7:8200", Err(ApiServer)),
        ] {
            assert_eq!(check(address.parse().unwrap(), Reach::default(), &denied), expected, "{address}");
        }
    }

    #[test]
    fn what_is_denied_changes_and_the_start_s_stay() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let denied = Denied::new(vec![address("10.96.0.1:443")]);
        denied.set([address("10.0.0.1:6443"), address("10.0.0.2:6443")]);
        assert_eq!(*denied.now(), ["10.96.0.1:443", "10.0.0.1:6443", "10.0.0.2:6443"].map(address));
        denied.set([address("10.0.0.3:6443")]);
        assert_eq!(*denied.now(), ["10.96.0.1:443", "10.0.0.3:6443"].map(address));
        let before = denied.now();
        denied.set([address("10.0.0.3:6443")]);
        assert!(Arc::ptr_eq(&before, &denied.now()), "nothing changed");
    }

    #[test]
    fn grants_open_what_they_say_and_no_more() {
        let loopback = Reach { loopback: true, ..Reach::default() };
        let local = "127.0.0.1:6443".parse().unwrap();
        assert_eq!(check(local, loopback, &[]), Ok(()));
        assert_eq!(check(local, loopback, &[local]), Err(Refusal::ApiServer));
        let api_server = Reach { api_server: true, ..Reach::default() };
        assert_eq!(check(local, api_server, &[local]), Ok(()));
        assert_eq!(check("127.0.0.1:8200".parse().unwrap(), api_server, &[local]), Err(Refusal::Loopback));
        let metadata = "169.254.169.254:80".parse().unwrap();
        assert_eq!(check(metadata, loopback, &[]), Err(Refusal::LinkLocal));
        assert_eq!(check(metadata, Reach { link_local: true, ..Reach::default() }, &[]), Ok(()));
    }
}
