//! How values of flags are read: the same for a flag, its environment variable and its key in the file. Pure.
//!
//! No message quotes a value that may be a secret.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use claviger_core::duration::parse_go;

/// Where to serve, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub Option<SocketAddr>);

/// `IP:PORT`, `:PORT` for all (IPv4) addresses, `off`.
pub(crate) fn parse_listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen(None));
    }
    let everywhere = text.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let address = match everywhere {
        Some(port) => port.parse().ok().map(|port| (Ipv4Addr::UNSPECIFIED, port).into()),
        None => text.parse().ok(),
    };
    address.map(|address| Listen(Some(address))).ok_or_else(|| {
        "expected IP:PORT, such as 127.0.0.1:8080, or :PORT for all addresses, or off".to_owned()
    })
}

/// A switch; the words are those of the environment variables.
pub(super) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
        "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// Whole seconds, or a Go duration as ESO's flag has it; above zero.
pub(crate) fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    seconds
        .or_else(|| parse_go(text).ok())
        .filter(|interval| !interval.is_zero())
        .ok_or_else(|| "expected seconds, such as 300, or a duration, such as 5m; above zero".to_owned())
}

/// The URL of a proxy as it was given, which may hold a password; empty for none. Whether it is one is looked at later,
/// in a message of our own: that of the command line would quote it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProxyText(pub String);

impl FromStr for ProxyText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.trim().to_owned()))
    }
}

/// Not the text.
impl fmt::Debug for ProxyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyText")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_takes_an_address_a_port_or_off() {
        let at = |text: &str| Ok(Listen(text.parse().ok()));
        for (text, expected) in [
            ("off", Ok(Listen(None))),
            ("127.0.0.1:0", at("127.0.0.1:0")),
            ("[::]:8080", at("[::]:8080")),
            (":8080", at("0.0.0.0:8080")),
        ] {
            assert_eq!(parse_listen(text), expected, "{text}");
        }
        for text in ["", ":", "8080", ":65536", ":+80", "localhost:8080", "127.0.0.1", "0"] {
            assert!(parse_listen(text).is_err_and(|said| said.contains(":PORT for all")), "{text}");
        }
    }

    #[test]
    fn a_switch_is_said_in_words() {
        for (text, expected) in [("true", Some(true)), ("OFF", Some(false)), ("1", Some(true)), ("", None)] {
            assert_eq!(parse_switch(text).ok(), expected, "{text}");
        }
        assert!(parse_switch("fasle").is_err());
    }

    #[test]
    fn an_interval_is_seconds_or_a_duration_and_never_zero() {
        for (text, expected) in [
            ("300", Some(Duration::from_secs(300))),
            ("5m0s", Some(Duration::from_secs(300))),
            ("1500ms", Some(Duration::from_millis(1500))),
            ("0", None),
            ("0s", None),
            ("-5s", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(parse_interval(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_proxy_is_not_shown() {
        let text: Result<ProxyText, _> = "http://u:MARKED@proxy".parse();
        assert!(!format!("{text:?}").contains("MARKED"));
    }
}
