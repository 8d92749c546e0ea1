//! Which addresses may be connected to. Pure.
//!
//! Private ranges are allowed, since a Vault usually lives in the cluster. Loopback, link-local and
//! metadata addresses, the API server's and this process's own ports are not, unless granted.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
        "it is a loopback address (allowed only by spec.grants.loopback of the Plugin, or --allow-loopback; to claviger render and diff by --trust-files)"
    )]
    Loopback,
    /// 169.254/16, fe80::/10 and the clouds' metadata addresses.
    #[error("it is a link-local or metadata address (allowed only by spec.grants.linkLocal of the Plugin)")]
    LinkLocal,
    /// Where this process listens itself.
    #[error(
        "it is the operator's own port at an address of its own (allowed only by spec.grants.loopback of the Plugin, or \
         --allow-loopback)"
    )]
    OwnPort,
    /// Nothing one connects to.
    #[error("it is not the address of a host")]
    NotAHost,
    /// The API server.
    #[error(
        "it is the Kubernetes API server's address (allowed only by spec.grants.apiServer of the Plugin)"
    )]
    ApiServer,
}

/// What is denied besides what an address says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Forbidden {
    /// The API server's; with port 0 at every port.
    pub(super) api_server: Vec<SocketAddr>,
    /// Where this process listens: at one address, or at all of its own.
    pub(super) listening: Vec<SocketAddr>,
    /// This machine's addresses, undressed ([`plain`]).
    pub(super) own: HashSet<IpAddr>,
}

impl Forbidden {
    fn is_api_server(&self, ip: IpAddr, port: u16) -> bool {
        self.api_server.iter().any(|denied| plain(denied.ip()) == ip && [0, port].contains(&denied.port()))
    }

    fn is_own_port(&self, ip: IpAddr, port: u16) -> bool {
        let mut here = self.listening.iter().filter(|listening| listening.port() == port);
        here.any(|at| plain(at.ip()) == ip || (at.ip().is_unspecified() && self.own.contains(&ip)))
    }
}

/// Checks one address.
///
/// # Errors
/// Which rule refuses it.
pub(super) fn check(address: SocketAddr, reach: Reach, denied: &Forbidden) -> Result<(), Refusal> {
    let (ip, port) = (plain(address.ip()), address.port());
    if denied.is_api_server(ip, port) {
        // Its grant covers it wherever it lies: on loopback, in tests and on single nodes.
        return if reach.api_server { Ok(()) } else { Err(Refusal::ApiServer) };
    }
    let refusal = match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => v6(ip),
    };
    match refusal.or_else(|| denied.is_own_port(ip, port).then_some(Refusal::OwnPort)) {
        Some(Refusal::Loopback | Refusal::OwnPort) if reach.loopback => Ok(()),
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
        use Refusal::{ApiServer, LinkLocal, Loopback, NotAHost, OwnPort};
        let denied = Forbidden {
            api_server: vec!["10.96.0.1:443".parse().unwrap(), "10.0.0.7:0".parse().unwrap()],
            listening: vec!["0.0.0.0:8080".parse().unwrap(), "10.244.1.7:9443".parse().unwrap()],
            own: ["10.244.1.7", "10.0.0.7", "fd00::7", "127.0.0.1"].map(|ip| ip.parse().unwrap()).into(),
        };
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
            ("10.0.0.7:8080", Err(ApiServer)),
            ("10.244.1.7:8080", Err(OwnPort)),
            ("[::ffff:10.244.1.7]:8080", Err(OwnPort)),
            ("[64:ff9b::10.244.1.7]:8080", Err(OwnPort)),
            ("[fd00::7]:8080", Err(OwnPort)),
            ("127.0.0.1:8080", Err(Loopback)),
            ("10.244.1.7:9443", Err(OwnPort)),
            // Listened at one address; of another pod; another's port in this one.
            ("[fd00::7]:9443", Ok(())),
            ("10.244.1.8:8080", Ok(())),
            ("10.244.1.7:8200", Ok(())),
        ] {
            assert_eq!(check(address.parse().unwrap(), Reach::default(), &denied), expected, "{address}");
        }
    }

    #[test]
    fn grants_open_what_they_say_and_no_more() {
        let loopback = Reach { loopback: true, ..Reach::default() };
        let local = "127.0.0.1:6443".parse().unwrap();
        let none = Forbidden::default();
        let api_server_there = Forbidden { api_server: vec![local], ..Forbidden::default() };
        assert_eq!(check(local, loopback, &none), Ok(()));
        assert_eq!(check(local, loopback, &api_server_there), Err(Refusal::ApiServer));
        let api_server = Reach { api_server: true, ..Reach::default() };
        assert_eq!(check(local, api_server, &api_server_there), Ok(()));
        assert_eq!(
            check("127.0.0.1:8200".parse().unwrap(), api_server, &api_server_there),
            Err(Refusal::Loopback)
        );
        let own = "10.244.1.7:8080".parse().unwrap();
        let here = Forbidden { listening: vec![own], ..Forbidden::default() };
        assert_eq!(check(own, loopback, &here), Ok(()));
        assert_eq!(check(own, api_server, &here), Err(Refusal::OwnPort));
        let metadata = "169.254.169.254:80".parse().unwrap();
        assert_eq!(check(metadata, loopback, &none), Err(Refusal::LinkLocal));
        assert_eq!(check(metadata, Reach { link_local: true, ..Reach::default() }, &none), Ok(()));
    }
}
