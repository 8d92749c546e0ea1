//! Where a URL leads: the part of its template that stands there as it is, up to the path.
//!
//! The host lets a plugin reach only what the manifest names, so whoever writes a key must not choose the server that
//! the store's secrets are sent to.

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// What a URL on the wire does not have as it is, besides what is no ASCII.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// `scheme://host[:port]` of a template.
///
/// # Errors
/// Why it cannot be told.
pub fn origin(template: &str) -> Result<&str, &'static str> {
    let lower = template.get(..8).unwrap_or(template).to_ascii_lowercase();
    let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme)).ok_or(
        "it must begin with https:// or http:// and a host: where requests go is no template's to decide",
    )?;
    let rest = &template[scheme.len()..];
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    if authority.contains("{{") {
        return Err(
            "scheme, host and port must stand there as they are: where requests go is no template's to decide",
        );
    }
    if authority.contains('@') {
        return Err("it names a user: send credentials in a header");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(plain) {
        return Err("it has no host");
    }
    Ok(&template[..scheme.len() + authority.len()])
}

/// A rendered URL as it is sent: at its origin still, without a fragment, and with nothing in it that URLs cannot have.
///
/// # Errors
/// Why it is none.
pub fn sent(rendered: &[u8], origin: &str) -> Result<String, &'static str> {
    let rest = rendered.strip_prefix(origin.as_bytes()).ok_or("it is at another origin")?;
    if !matches!(rest.first(), None | Some(b'/' | b'?' | b'#')) {
        return Err("it is at another origin");
    }
    if rest.iter().any(u8::is_ascii_control) {
        return Err("it has a line break or another control character in it");
    }
    let end = rest.iter().position(|byte| *byte == b'#').unwrap_or(rest.len());
    let rest = &rest[..end];
    let path = rest.split(|byte| *byte == b'?').next().unwrap_or_default();
    if climbs(path) {
        return Err("its path has a segment . or .., which leads elsewhere");
    }
    let slash = if path.is_empty() { "/" } else { "" };
    Ok(format!("{origin}{slash}{}", percent_encode(rest, UNSAFE)))
}

/// Whether a server could take it for a way to another folder: such as decode once more than they should, take a backslash
/// for a slash, or pass over what follows a semicolon. A slash that is encoded is no step by itself: keys have such.
fn climbs(path: &[u8]) -> bool {
    let mut plain = String::from_utf8_lossy(path).to_ascii_lowercase();
    loop {
        let decoded = plain
            .replace("%25", "%")
            .replace("%2e", ".")
            .replace("%2f", "/")
            .replace("%5c", "/")
            .replace("%3b", ";");
        if decoded == plain {
            break;
        }
        plain = decoded;
    }
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    plain.split(['/', '\\']).any(dots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_what_no_template_touches() {
        for (template, expected) in [
            ("https://api.example/v1/{{ .remoteRef.key }}", Some("https://api.example")),
            ("HTTPS://API.example:8443?k={{ .remoteRef.key }}", Some("HTTPS://API.example:8443")),
            ("http://[::1]:80/{{ .a }}", Some("http://[::1]:80")),
            ("https://api.example", Some("https://api.example")),
            ("https://{{ .remoteRef.key }}/", None),
            ("https://api.example{{ .remoteRef.key }}/", None),
            ("https://api.example:{{ .remoteRef.key }}/", None),
            ("{{ .remoteRef.key }}", None),
            ("{{ `https://api.example/` }}", None),
            ("https{{ .s }}://api.example/", None),
            ("https://user:pass@api.example/", None),
            ("https:///path", None),
            ("https://api.example\\@evil.example/", None),
            ("https://api example/", None),
            (" https://api.example/", None),
            ("ftp://api.example/", None),
            ("", None),
        ] {
            assert_eq!(origin(template).ok(), expected, "{template}");
        }
    }

    #[test]
    fn a_rendered_url_stays_where_it_is() {
        let at = "https://api.example";
        for (rendered, expected) in [
            ("https://api.example/a b?c=\"d\"#e", Some("https://api.example/a%20b?c=%22d%22")),
            ("https://api.example/%7Ba%7D/é", Some("https://api.example/%7Ba%7D/%C3%A9")),
            ("https://api.example", Some("https://api.example/")),
            ("https://api.example?a=..", Some("https://api.example/?a=..")),
            ("https://api.example/a..b/...", Some("https://api.example/a..b/...")),
            ("https://api.example.evil/", None),
            ("https://api.example@evil/", None),
            ("https://api.example/a/../b", None),
            ("https://api.example/a/%2e%2E/b", None),
            ("https://api.example/a\\..\\b", None),
            // A key's own slashes, encoded, are no way out of anything.
            ("https://api.example/teams/a/b%2Fdb", Some("https://api.example/teams/a/b%2Fdb")),
            (
                "https://api.example/teams/a/b%2fc%5Cd%252Fe",
                Some("https://api.example/teams/a/b%2fc%5Cd%252Fe"),
            ),
            ("https://api.example/a/b;v=..", Some("https://api.example/a/b;v=..")),
            ("https://api.example/a/100%25..", Some("https://api.example/a/100%25..")),
            // A server that decodes them would be in another folder: by a key, a property or a version.
            ("https://api.example/teams/a/..%2Fb%2Fdb", None),
            ("https://api.example/teams/a/..%2fb", None),
            ("https://api.example/teams/a/x%2F..%2F..%2Fb", None),
            ("https://api.example/teams/a/%2E%2e%2Fb", None),
            ("https://api.example/teams/a/..%5Cb", None),
            ("https://api.example/teams/a/x%5c%2e%2e", None),
            ("https://api.example/teams/a/x%2F.", None),
            // One that decodes them twice, or knows parameters of segments.
            ("https://api.example/teams/a/%252e%252E%252fb", None),
            ("https://api.example/teams/a/..%25252Fb", None),
            ("https://api.example/teams/a/..;/b", None),
            ("https://api.example/teams/a/..%3Bx%2Fb", None),
            ("https://api.example/a\r\nhost: b", None),
        ] {
            assert_eq!(sent(rendered.as_bytes(), at).ok().as_deref(), expected, "{rendered}");
        }
    }
}
