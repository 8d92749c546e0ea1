//! From a key to a path of Vault's HTTP API, as ESO builds it: on KV version 2 `data` comes after the
//! mount; keys may be written with the mount, and with `data`, or without. Whether a key exists is not
//! known here.

use claviger_plugin_sdk::Error;

/// Version of the KV engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kv {
    /// Unversioned.
    V1,
    /// Versioned.
    V2,
}

/// A key without what Vault would redirect for: slashes at its ends, two in a row.
///
/// # Errors
/// `.` and `..` as segments: they lead out of the mount, to whatever else the token may read.
pub fn clean(key: &str) -> Result<String, Error> {
    let segments: Vec<&str> = key.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Err(Error::Other(format!("{key}: a key cannot have . or .. between slashes")));
    }
    Ok(segments.join("/"))
}

/// The path of a key's value.
pub fn data(mount: Option<&str>, kv: Kv, key: &str) -> String {
    let Some(mount) = mount else {
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
    let at = mount.map_or(0, str::len);
    match data[at..].split_once("/data/") {
        Some((before, rest)) => format!("{}{before}/metadata/{rest}", &data[..at]),
        None => data,
    }
}

/// The path under which a folder's keys are listed, and on version 2 a listed key's metadata read.
/// `folder` is taken as it is: what is listed has no mount before it. Without a mount its own first
/// segment is the mount, or what stands before `data`.
pub fn list(mount: Option<&str>, kv: Kv, folder: &str) -> String {
    let join = |base: &str, rest: &str| {
        let rest = rest.trim_end_matches('/');
        if rest.is_empty() { base.to_owned() } else { format!("{base}/{rest}") }
    };
    match (mount, kv) {
        (Some(mount), Kv::V1) => join(mount, folder),
        (Some(mount), Kv::V2) => join(&format!("{mount}/metadata"), folder),
        (None, Kv::V1) => folder.to_owned(),
        (None, Kv::V2) => {
            let whole = format!("{folder}/");
            let (mount, rest) =
                whole.split_once("/data/").or_else(|| whole.split_once('/')).unwrap_or((folder, ""));
            join(&format!("{mount}/metadata"), rest)
        }
    }
}

/// The path of a listed key's value, where it is not the one that [`data`] makes of the key: below the
/// mount `secret` the listed `secret/x` is `secret/data/secret/x`, while a manifest's `secret/x` is
/// `secret/data/x`.
pub fn listed(mount: Option<&str>, kv: Kv, key: &str) -> Option<String> {
    let listed = match (mount, kv) {
        (_, Kv::V1) => list(mount, kv, key),
        (Some(mount), Kv::V2) => format!("{mount}/data/{key}"),
        (None, Kv::V2) => list(mount, kv, key).replacen("/metadata/", "/data/", 1),
    };
    (listed != data(mount, kv, key)).then_some(listed)
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// ESO's rules, case by case.
    #[test]
    fn keys_become_paths_as_in_eso() {
        for (mount, kv, key, expected) in [
            (Some("secret"), Kv::V2, "foo/bar", "secret/data/foo/bar"),
            (Some("secret"), Kv::V2, "/foo//bar/", "secret/data/foo/bar"),
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
            assert_eq!(data(mount, kv, &clean(key).unwrap()), expected, "{mount:?} {kv:?} {key}");
        }
        for bad in ["../../sys/mounts", "a/./b", ".."] {
            assert!(clean(bad).is_err(), "{bad}");
        }
        assert_eq!(clean("a..b/...").unwrap(), "a..b/...");
    }

    #[test]
    fn metadata_and_lists() {
        assert_eq!(metadata(Some("secret"), "a/data/b"), "secret/metadata/a/data/b");
        assert_eq!(metadata(Some("secret"), "secret/data/b"), "secret/metadata/b");
        assert_eq!(metadata(None, "secret/a"), "secret/metadata/a");
        for (mount, kv, folder, expected) in [
            (Some("secret"), Kv::V2, "app", "secret/metadata/app"),
            (Some("secret"), Kv::V2, "secret", "secret/metadata/secret"),
            (Some("secret"), Kv::V2, "", "secret/metadata"),
            (Some("secret"), Kv::V1, "", "secret"),
            (None, Kv::V2, "secret/data", "secret/metadata"),
            (None, Kv::V2, "team/kv/data/app", "team/kv/metadata/app"),
            (None, Kv::V2, "secret", "secret/metadata"),
            (None, Kv::V2, "secret/app", "secret/metadata/app"),
            (None, Kv::V1, "kv/app", "kv/app"),
        ] {
            assert_eq!(list(mount, kv, folder), expected, "{mount:?} {kv:?} {folder}");
        }
    }

    #[test]
    fn listed_keys_that_a_manifest_would_mean_otherwise() {
        for (mount, kv, key, expected) in [
            (Some("secret"), Kv::V2, "app/x", None),
            (Some("secret"), Kv::V2, "secret/x", Some("secret/data/secret/x")),
            (Some("kv"), Kv::V1, "kv/x", Some("kv/kv/x")),
            (None, Kv::V2, "secret/data/x", None),
            (None, Kv::V2, "secret/app/x", None),
        ] {
            assert_eq!(listed(mount, kv, key).as_deref(), expected, "{mount:?} {key}");
        }
    }

    #[test]
    fn segments_are_encoded() {
        assert_eq!(encode("a b/c?d#e%/ü"), "a%20b/c%3Fd%23e%25/%C3%BC");
    }
}
