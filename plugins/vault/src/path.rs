//! From a key to a path of Vault's HTTP API, as ESO builds it: on KV version 2 `data` comes after the
//! mount; keys may be written with the mount, and with `data`, or without.

/// Version of the KV engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kv {
    /// Unversioned.
    V1,
    /// Versioned.
    V2,
}

/// The path of a key's value.
pub fn data(mount: Option<&str>, kv: Kv, key: &str) -> String {
    let key = key.trim_matches('/');
    let Some(mount) = mount.map(|mount| mount.trim_matches('/')).filter(|mount| !mount.is_empty()) else {
        return match (kv, key.split_once('/')) {
            (Kv::V2, Some((first, rest))) if !key.contains("/data/") => format!("{first}/data/{rest}"),
            _ => key.to_owned(),
        };
    };
    let inner = match key.strip_prefix(mount).and_then(|rest| rest.strip_prefix('/')) {
        Some(rest) if kv == Kv::V2 => rest.strip_prefix("data/").unwrap_or(rest),
        Some(rest) => rest,
        None => key,
    };
    match kv {
        Kv::V1 => format!("{mount}/{inner}"),
        Kv::V2 => format!("{mount}/data/{inner}"),
    }
}

/// The path of a key's metadata (version 2 only).
pub fn metadata(mount: Option<&str>, key: &str) -> String {
    let data = data(mount, Kv::V2, key);
    let at = mount.map_or(0, |mount| mount.trim_matches('/').len());
    match data[at..].split_once("/data/") {
        Some((before, rest)) => format!("{}{before}/metadata/{rest}", &data[..at]),
        None => data,
    }
}

/// The path under which keys are listed.
pub fn list(mount: Option<&str>, kv: Kv, folder: &str) -> String {
    let mount = mount.unwrap_or_default().trim_matches('/');
    let folder = folder.trim_matches('/');
    let base = match kv {
        Kv::V1 => mount.to_owned(),
        Kv::V2 => format!("{mount}/metadata"),
    };
    if folder.is_empty() { base } else { format!("{base}/{folder}") }
}

/// Percent-encodes each segment; slashes stay.
pub fn encode(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ESO's rules, case by case.
    #[test]
    fn keys_become_paths_as_in_eso() {
        for (mount, kv, key, expected) in [
            (Some("secret"), Kv::V2, "foo/bar", "secret/data/foo/bar"),
            (Some("secret"), Kv::V2, "secret/foo", "secret/data/foo"),
            (Some("secret"), Kv::V2, "secret/data/foo", "secret/data/foo"),
            (Some("secret"), Kv::V2, "data/foo", "secret/data/data/foo"),
            (Some("team/kv"), Kv::V2, "team/kv/foo", "team/kv/data/foo"),
            (Some("secret"), Kv::V1, "foo", "secret/foo"),
            (Some("secret"), Kv::V1, "secret/foo", "secret/foo"),
            (Some("secret"), Kv::V1, "secret/data/foo", "secret/data/foo"),
            (Some("secret"), Kv::V2, "secretive/foo", "secret/data/secretive/foo"),
            (None, Kv::V2, "secret/foo/bar", "secret/data/foo/bar"),
            (None, Kv::V2, "secret/data/foo", "secret/data/foo"),
            (None, Kv::V1, "secret/foo", "secret/foo"),
            (Some("secret"), Kv::V2, "database/creds/x", "secret/data/database/creds/x"),
        ] {
            assert_eq!(data(mount, kv, key), expected, "{mount:?} {kv:?} {key}");
        }
    }

    #[test]
    fn metadata_and_lists() {
        assert_eq!(metadata(Some("secret"), "a/data/b"), "secret/metadata/a/data/b");
        assert_eq!(metadata(None, "secret/a"), "secret/metadata/a");
        assert_eq!(list(Some("secret"), Kv::V2, "app/"), "secret/metadata/app");
        assert_eq!(list(Some("secret"), Kv::V1, ""), "secret");
    }

    #[test]
    fn segments_are_encoded() {
        assert_eq!(encode("a b/c?d#e%/ü"), "a%20b/c%3Fd%23e%25/%C3%BC");
    }
}
