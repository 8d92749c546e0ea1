//! Addresses: what a store's config gives as one, and keys as a path. Not a parser of URLs: what it does not know it
//! refuses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a path and in a query as it is (RFC 3986, unreserved).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one segment of a path, or as a value of a query.
pub fn escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A key with slashes as a path below something: `a b/c` is `a%20b/c`.
///
/// # Errors
/// If a segment is empty, `.` or `..`: it would lead elsewhere.
pub fn path(key: &str) -> Result<String, &'static str> {
    let segments: Vec<&str> = key.split('/').collect();
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err("a part of the key between slashes is empty, . or ..");
    }
    Ok(segments.into_iter().map(escaped).collect::<Vec<_>>().join("/"))
}

/// `scheme://host[:port]`, as an origin is written, and the path behind it, without a slash at its end.
///
/// # Errors
/// If it is no address of a server, or has a query, a fragment, a user, or a path with `..` or escapes.
pub fn server(url: &str) -> Result<(String, String), &'static str> {
    let scheme = ["https://", "http://"].into_iter().find(|scheme| url.starts_with(scheme));
    let scheme = scheme.ok_or("it is no URL of http or https")?;
    let rest = &url[scheme.len()..];
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if authority.is_empty() || !authority.chars().all(plain) {
        return Err("it is no URL of a server: a host and perhaps a port");
    }
    if path.contains(['?', '#', ' ', '%', '\\']) || path.split('/').any(|part| part == "..") {
        return Err("its path is none that a server is below");
    }
    Ok((format!("{scheme}{authority}"), path.trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (url, expected) in [
            ("http://connect:8080", Some(("http://connect:8080", ""))),
            ("https://connect.example/op/", Some(("https://connect.example", "/op"))),
            ("https://[::1]:8443/a/b", Some(("https://[::1]:8443", "/a/b"))),
            ("connect:8080", None),
            ("https://", None),
            ("https://a@b", None),
            ("https://a/..", None),
            ("https://a/b?c", None),
            ("ftp://a", None),
        ] {
            let expected = expected.map(|(origin, path)| (origin.to_owned(), path.to_owned()));
            assert_eq!(server(url).ok(), expected, "{url}");
        }
    }

    /// Python's `urllib.parse.quote(segment, safe="")`.
    #[test]
    fn keys_are_paths() {
        assert_eq!(path("team/a b~é?%2e"), Ok("team/a%20b~%C3%A9%3F%252e".to_owned()));
        for bad in ["", "/a", "a/", "a//b", "a/../b", ".", "a/."] {
            assert!(path(bad).is_err(), "{bad}");
        }
        assert!(path("a/...").is_ok());
    }
}
