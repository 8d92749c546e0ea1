//! Who is reached past a proxy: `NO_PROXY` with the rules of Go's `httpproxy`, which ESO goes by, and what no proxy
//! is ever asked for. Pure.

use std::net::{IpAddr, SocketAddr};

use super::address::{Forbidden, Reach, check, plain};
use super::origin::Origin;

/// More is a mistake, and each is looked at for each store that connects.
const MAX_RULES: usize = 1_000;

/// Why an entry of the list cannot be meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BypassError {
    /// None of the forms.
    #[error("entry {0} is no name, address, network (10.0.0.0/8) or *, with or without a port")]
    Entry(usize),
    /// Too many.
    #[error("there are more than {MAX_RULES} entries")]
    TooMany,
}

/// Entries of `NO_PROXY`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bypass(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    All,
    Address(IpAddr, Option<u16>),
    Network(IpAddr, u8),
    /// What a name ends with, its dot included; whether it may be that name itself too.
    Name {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Bypass {
    /// Entries between commas.
    ///
    /// # Errors
    /// Which entry, by its place and without its text.
    pub(super) fn parse(list: &str) -> Result<Self, BypassError> {
        let mut rules = Vec::new();
        for (place, entry) in
            list.split(',').map(str::trim).enumerate().filter(|(_, entry)| !entry.is_empty())
        {
            if rules.len() == MAX_RULES {
                return Err(BypassError::TooMany);
            }
            rules.push(rule(&entry.to_ascii_lowercase()).ok_or(BypassError::Entry(place + 1))?);
        }
        Ok(Self(rules))
    }

    /// Whether an origin is reached without a proxy, if there is one. `denied`: the API server's addresses and this
    /// process's own ports.
    pub(super) fn covers(&self, origin: &Origin, denied: &Forbidden) -> bool {
        let (host, port) = (origin.host(), origin.port());
        let address = host.parse::<IpAddr>().ok();
        stays_here(host, port, address, denied)
            || self.0.iter().any(|rule| match rule {
                Rule::All => true,
                Rule::Address(known, only) => {
                    address.map(plain) == Some(plain(*known)) && only.is_none_or(|only| only == port)
                }
                Rule::Network(network, bits) => {
                    address.is_some_and(|address| within(address, *network, *bits))
                }
                Rule::Name { suffix, itself, port: only } => {
                    let named = host.ends_with(suffix.as_str()) || (*itself && host == &suffix[1..]);
                    address.is_none() && named && only.is_none_or(|only| only == port)
                }
            })
    }
}

/// Addresses and names that mean something else to a proxy than here: loopback, metadata services, the API server. They
/// are never handed to one, so the check of addresses refuses them, or a grant lets them be reached directly.
fn stays_here(host: &str, port: u16, address: Option<IpAddr>, denied: &Forbidden) -> bool {
    const NAMES: [&str; 9] = [
        "localhost",
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
    ];
    match address {
        Some(ip) => check(SocketAddr::new(ip, port), Reach::default(), denied).is_err(),
        None => {
            NAMES.contains(&host)
                || host.ends_with(".localhost")
                || host.starts_with("kubernetes.default.svc.")
        }
    }
}

fn rule(entry: &str) -> Option<Rule> {
    if entry == "*" {
        return Some(Rule::All);
    }
    if let Some((network, bits)) = entry.split_once('/') {
        let (network, bits) = (network.parse::<IpAddr>().ok()?, bits.parse::<u8>().ok()?);
        let most = if network.is_ipv4() { 32 } else { 128 };
        return (bits <= most).then_some(Rule::Network(network, bits));
    }
    if let Ok(address) = entry.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Some(Rule::Address(address, None));
    }
    if let Ok(address) = entry.parse::<SocketAddr>() {
        return Some(Rule::Address(address.ip(), Some(address.port())));
    }
    let (name, port) = match entry.split_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (entry, None),
    };
    let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
    let bare = name.strip_prefix('.').unwrap_or(name);
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!bare.is_empty() && bare.chars().all(allowed)).then(|| Rule::Name {
        suffix: format!(".{}", bare.trim_end_matches('.')),
        itself: name == bare,
        port,
    })
}

/// Whether an address lies in a network, both of one family. As it stands: of the forms that hold another address only
/// ::ffff:0:0/96 is that other one.
fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(address.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let rest = width - u32::from(bits);
    let shifted = |bits: u128| bits.checked_shr(rest).unwrap_or(0);
    shifted(address) == shifted(network)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn covers(list: &str, origin: &str) -> bool {
        Bypass::parse(list).unwrap().covers(&Origin::parse(origin).unwrap(), &Forbidden::default())
    }

    /// The table of golang.org/x/net/http/httpproxy, `TestUseProxy` (there: whether the proxy is used). Its one name that
    /// ends with `.localhost` goes to the proxy there; RFC 6761 says that it is loopback.
    #[test]
    fn entries_mean_what_they_mean_to_go() {
        let list = "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, \
                    2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64";
        for (host, by_proxy) in [
            ("localhost", false),
            ("127.0.0.1", false),
            ("127.0.0.2", false),
            ("[::1]", false),
            ("192.168.1.1", false),
            ("192.168.1.2", true),
            ("192.168.1.3", false),
            ("192.168.1.4", true),
            ("10.0.0.2", false),
            ("[2001:db8::52:0:1]", false),
            ("[2001:db8::52:0:2]", true),
            ("[2001:db8::52:0:3]", false),
            ("[2002:db8:a::123]", false),
            ("barbaz.net", true),
            ("www.barbaz.net", false),
            ("foobar.com", false),
            ("www.foobar.com", false),
            ("foofoobar.com", true),
            ("baz.com", true),
            ("localhost.net", true),
            ("local.localhost", false),
            ("barbarbaz.net", true),
            ("wildcard.io", true),
            ("nested.wildcard.io", false),
            ("awildcard.io", true),
        ] {
            assert_eq!(covers(list, &format!("http://{host}:80")), !by_proxy, "{host}");
        }
        assert!(covers("*", "https://vault.example.com"));
        assert!(!covers("", "https://vault.example.com"));
        assert!(!covers(" , ,", "https://vault.example.com"));
        assert!(covers("VAULT.example.com.:8200", "https://vault.Example.com:8200"));
        assert!(!covers("vault.example.com:8200", "https://vault.example.com:8201"));
        assert!(covers("0.0.0.0/0", "https://8.8.8.8") && covers("::/0", "https://[2001:db8::1]"));
        assert!(!covers("0.0.0.0/0", "https://[2001:db8::1]") && !covers("0.0.0.0/0", "https://a.example"));
    }

    #[test]
    fn what_means_something_else_to_a_proxy_is_never_handed_to_one() {
        for origin in [
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
            "http://[::ffff:127.0.0.1]:8200",
            "http://[64:ff9b::a9fe:a9fe]",
            "http://0x7f.1:8200",
            "http://0.0.0.0:8200",
            "http://LOCALHOST.:8200",
            "http://metadata.google.internal",
            "https://kubernetes.default.svc",
            "https://kubernetes.default.svc.cluster.local:443",
        ] {
            assert!(covers("", origin), "{origin}");
        }
        for origin in
            ["https://10.0.0.5:8200", "https://kubernetes.example.com", "https://vault.vault.svc:8200"]
        {
            assert!(!covers("", origin), "{origin}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_meant_is_named_by_its_place() {
        for (list, expected) in [
            ("a.example, http://b.example", BypassError::Entry(2)),
            ("10.0.0.0/33", BypassError::Entry(1)),
            ("10.0.0/8", BypassError::Entry(1)),
            ("a.example:http", BypassError::Entry(1)),
            ("a.*.example", BypassError::Entry(1)),
            ("a b", BypassError::Entry(1)),
            (".", BypassError::Entry(1)),
        ] {
            assert_eq!(Bypass::parse(list), Err(expected), "{list}");
        }
        assert_eq!(Bypass::parse(&"a,".repeat(MAX_RULES + 1)), Err(BypassError::TooMany));
    }
}
