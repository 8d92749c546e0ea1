//! URLs as Go's net/url takes them apart and writes them, and the query escaping of `urlquery`.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use super::args::{lossy, map, refuse, string};
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::value::{Map, Value};

pub(super) const TABLE: &[Function] =
    &[function("urlParse", "s", url_parse), function("urlJoin", "m", url_join)];

/// What stays as it is, besides letters, digits and `-_.~`.
const PATH: &str = "$&+,/:;=@";
const FRAGMENT: &str = "$&+,/:;=?@!()*";
const USER: &str = "$&+,;=";
const HOST: &str = "!$&'()*+,;=:[]<>\"";

fn stays(byte: u8, set: &str) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || set.as_bytes().contains(&byte)
}

fn escape(text: &[u8], set: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        if stays(*byte, set) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `url.QueryEscape`: a blank is `+`.
pub(super) fn query_escape(text: &[u8]) -> String {
    escape(text, " ").replace(' ', "+")
}

fn invalid<T>(why: &str) -> Result<T, EngineError> {
    refuse(format!("unable to parse url: {why}"))
}

fn unescape(text: &str, host: bool) -> Result<Vec<u8>, EngineError> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let code = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            match code {
                Some(code) if !host || code >= 0x80 || code == b'%' => out.push(code),
                _ => return invalid("invalid URL escape"),
            }
            at += 3;
        } else {
            if host && byte.is_ascii() && !stays(byte, HOST) {
                return invalid("invalid character in host name");
            }
            out.push(byte);
            at += 1;
        }
    }
    Ok(out)
}

#[derive(Default)]
struct Url {
    scheme: String,
    opaque: String,
    userinfo: String,
    host: Vec<u8>,
    path: Vec<u8>,
    query: String,
    fragment: Vec<u8>,
}

fn scheme(text: &str) -> Result<(&str, &str), EngineError> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return invalid("missing protocol scheme"),
            ':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn parse(text: &str) -> Result<Url, EngineError> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return invalid("invalid control character in URL");
    }
    let mut url = Url { fragment: unescape(fragment, false)?, ..Url::default() };
    if text == "*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (scheme, rest) = scheme(text)?;
    url.scheme = scheme.to_lowercase();
    let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    query.clone_into(&mut url.query);
    if !rest.starts_with('/') {
        if !url.scheme.is_empty() {
            rest.clone_into(&mut url.opaque);
            return Ok(url);
        }
        if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
            return invalid("first path segment in URL cannot contain colon");
        }
    }
    if (!url.scheme.is_empty() || !rest.starts_with("///")) && rest.starts_with("//") {
        let authority = &rest[2..];
        let end = authority.find('/').unwrap_or(authority.len());
        rest = &authority[end..];
        url.authority(&authority[..end])?;
    }
    url.path = unescape(rest, false)?;
    Ok(url)
}

impl Url {
    fn authority(&mut self, text: &str) -> Result<(), EngineError> {
        let (user, host) = match text.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, text),
        };
        self.host = self.checked_host(host)?;
        if let Some(user) = user {
            self.userinfo = userinfo(user)?;
        }
        Ok(())
    }

    fn checked_host(&self, host: &str) -> Result<Vec<u8>, EngineError> {
        let port_of = |port: &str| {
            port.is_empty()
                || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        };
        if let Some(inner) = host.strip_prefix('[') {
            let Some((address, port)) = inner.rsplit_once(']') else { return invalid("missing ']' in host") };
            let bare = address.split_once("%25").map_or(address, |(bare, _)| bare);
            if !port_of(port) || bare.parse::<Ipv6Addr>().is_err() {
                return invalid("invalid host");
            }
            return Ok([b"[", unescape(address, false)?.as_slice(), b"]", port.as_bytes()].concat());
        }
        if host.contains('[') {
            return invalid("invalid IP-literal");
        }
        let colon = match self.scheme.as_str() {
            "http" | "https" => host.find(':'),
            // Databases list several hosts with ports.
            _ => host.rfind(':'),
        };
        if colon.is_some_and(|at| !port_of(&host[at..])) {
            return invalid("invalid port after host");
        }
        unescape(host, true)
    }

    /// Without port and brackets.
    fn hostname(&self) -> Vec<u8> {
        let host = &self.host;
        if host.starts_with(b"[") {
            let end = host.iter().rposition(|byte| *byte == b']').unwrap_or(host.len());
            return host[1..end.max(1)].to_vec();
        }
        let colon = host.iter().rposition(|byte| *byte == b':');
        let port = colon.filter(|at| host[at + 1..].iter().all(u8::is_ascii_digit));
        host[..port.unwrap_or(host.len())].to_vec()
    }
}

/// Read and written again, so that it is escaped as Go does.
fn userinfo(text: &str) -> Result<String, EngineError> {
    if !text.bytes().all(|byte| stays(byte, ":!$&'()*+,;=%@")) {
        return invalid("invalid userinfo");
    }
    let again = |part: &str| Ok::<String, EngineError>(escape(&unescape(part, false)?, USER));
    match text.split_once(':') {
        Some((user, password)) => Ok(format!("{}:{}", again(user)?, again(password)?)),
        None => again(text),
    }
}

fn url_parse(_: &Env, args: &[Value]) -> Outcome {
    let url = parse(&lossy(args, 0))?;
    let hostname = url.hostname();
    let parts: [(&str, Vec<u8>); 8] = [
        ("scheme", url.scheme.into_bytes()),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query.into_bytes()),
        ("opaque", url.opaque.into_bytes()),
        ("fragment", url.fragment),
        ("userinfo", url.userinfo.into_bytes()),
    ];
    let entries = parts.into_iter().map(|(name, part)| (name.as_bytes().into(), Value::str(part)));
    Ok(Value::Map(Map::new(entries.collect::<BTreeMap<_, _>>())))
}

fn url_join(_: &Env, args: &[Value]) -> Outcome {
    let Some(dict) = map(args, 0) else { return Ok(Value::str("")) };
    let part = |name: &str| match dict.get(name.as_bytes()) {
        Some(Value::Str(text)) => Ok(text.to_vec()),
        None => Ok(Vec::new()),
        Some(Value::Nil) => refuse("invalid memory address or nil pointer dereference"),
        Some(other) => {
            let kind = other.kind_name();
            refuse(format!("unable to parse {name} key, must be of type string, but {kind} found"))
        }
    };
    let (scheme, host, path) = (part("scheme")?, part("host")?, part("path")?);
    let (opaque, query, fragment) = (part("opaque")?, part("query")?, part("fragment")?);
    let user = userinfo(&String::from_utf8_lossy(&part("userinfo")?))?;
    let mut out = Vec::new();
    if !scheme.is_empty() {
        out.extend_from_slice(&scheme);
        out.push(b':');
    }
    if opaque.is_empty() {
        if !host.is_empty() || !user.is_empty() || (!scheme.is_empty() && !path.is_empty()) {
            out.extend_from_slice(b"//");
        }
        if !user.is_empty() {
            out.extend_from_slice(user.as_bytes());
            out.push(b'@');
        }
        out.extend_from_slice(escape(&host, HOST).as_bytes());
        let path = if path == b"*" { "*".to_owned() } else { escape(&path, PATH) };
        if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
            out.extend_from_slice(b"./");
        }
        out.extend_from_slice(path.as_bytes());
    } else {
        out.extend_from_slice(&opaque);
    }
    if !query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(&query);
    }
    if !fragment.is_empty() {
        out.push(b'#');
        out.extend_from_slice(escape(&fragment, FRAGMENT).as_bytes());
    }
    string("urlJoin", out)
}
