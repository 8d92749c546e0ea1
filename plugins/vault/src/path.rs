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

/// Where a search is: what is listed below its start is named and read relative to it, whatever the
/// folders are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What the names of found keys begin with; empty in a store with a mount.
    prefix: String,
    mount: String,
    kv: Kv,
}

impl Root {
    /// Splits the start of a search (clean) into the root and the folder below it. `start` is taken as it
    /// is: below the mount, or without one with it as the first segment, or as what stands before `data`.
    pub fn split(mount: Option<&str>, kv: Kv, start: &str) -> (Self, String) {
        if let Some(mount) = mount {
            return (Self { prefix: String::new(), mount: mount.to_owned(), kv }, start.to_owned());
        }
        let whole = format!("{start}/");
        let (prefix, mount, folder) = match (kv, whole.split_once("/data/"), whole.split_once('/')) {
            (Kv::V2, Some((mount, folder)), _) => (format!("{mount}/data"), mount, folder),
            (_, _, Some((mount, folder))) => (mount.to_owned(), mount, folder),
            (_, _, None) => (start.to_owned(), start, ""),
        };
        (Self { prefix, mount: mount.to_owned(), kv }, folder.trim_end_matches('/').to_owned())
    }

    /// The mount.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The path under which a folder's keys are listed, and on version 2 a key's metadata read.
    pub fn list(&self, below: &str) -> String {
        match self.kv {
            Kv::V1 => join(&self.mount, below),
            Kv::V2 => join(&format!("{}/metadata", self.mount), below),
        }
    }

    /// A key as a manifest's `key` would name it.
    pub fn name(&self, below: &str) -> String {
        if self.prefix.is_empty() { below.to_owned() } else { join(&self.prefix, below) }
    }

    /// The path of a key's value, where it is not the one that [`data`] makes of its name: below the mount
    /// `secret` the listed `secret/x` is `secret/data/secret/x`, while a manifest's `secret/x` is
    /// `secret/data/x`.
    pub fn value(&self, below: &str) -> Option<String> {
        let path = match self.kv {
            Kv::V1 => join(&self.mount, below),
            Kv::V2 => join(&format!("{}/data", self.mount), below),
        };
        let configured = self.prefix.is_empty().then_some(self.mount.as_str());
        (path != data(configured, self.kv, &self.name(below))).then_some(path)
    }
}

fn join(base: &str, rest: &str) -> String {
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() { base.to_owned() } else { format!("{base}/{rest}") }
}

/// The mount that a key (clean) of a store without one names.
pub fn mount_of(kv: Kv, key: &str) -> &str {
    let first = key.split('/').next().unwrap_or_default();
    match (kv, key.split_once("/data/")) {
        (Kv::V2, Some((mount, _))) => mount,
        _ => first,
    }
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
            (None, Kv::V1, "kv/data/app", "kv/data/app"),
        ] {
            let (root, folder_below) = Root::split(mount, kv, folder);
            assert_eq!(root.list(&folder_below), expected, "{mount:?} {kv:?} {folder}");
        }
    }

    /// Names, metadata and values of what is listed below the start of a search; a value's path only where the
    /// name would be read elsewhere.
    #[test]
    fn listed_keys() {
        for (mount, kv, start, below, name, metadata, value) in [
            (Some("secret"), Kv::V2, "", "app/x", "app/x", "secret/metadata/app/x", None),
            (
                Some("secret"),
                Kv::V2,
                "",
                "secret/x",
                "secret/x",
                "secret/metadata/secret/x",
                Some("secret/data/secret/x"),
            ),
            (Some("kv"), Kv::V1, "", "kv/x", "kv/x", "kv/kv/x", Some("kv/kv/x")),
            (None, Kv::V2, "secret/data", "x", "secret/data/x", "secret/metadata/x", None),
            (None, Kv::V2, "secret", "app/x", "secret/app/x", "secret/metadata/app/x", None),
            // Folders of these names.
            (
                None,
                Kv::V2,
                "secret",
                "app/data/x",
                "secret/app/data/x",
                "secret/metadata/app/data/x",
                Some("secret/data/app/data/x"),
            ),
            (
                None,
                Kv::V2,
                "secret",
                "data/x",
                "secret/data/x",
                "secret/metadata/data/x",
                Some("secret/data/data/x"),
            ),
            (
                None,
                Kv::V2,
                "secret/data",
                "metadata/x",
                "secret/data/metadata/x",
                "secret/metadata/metadata/x",
                None,
            ),
        ] {
            let (root, _) = Root::split(mount, kv, start);
            assert_eq!(root.name(below), name, "{start} {below}");
            assert_eq!(root.list(below), metadata, "{start} {below}");
            assert_eq!(root.value(below).as_deref(), value, "{start} {below}");
        }
    }

    #[test]
    fn the_mount_of_a_key() {
        for (kv, key, expected) in [
            (Kv::V2, "secret/app/x", "secret"),
            (Kv::V2, "team/kv/data/x", "team/kv"),
            (Kv::V1, "kv/data/x", "kv"),
            (Kv::V2, "secret", "secret"),
        ] {
            assert_eq!(mount_of(kv, key), expected, "{key}");
        }
    }

    #[test]
    fn segments_are_encoded() {
        assert_eq!(encode("a b/c?d#e%/ü"), "a%20b/c%3Fd%23e%25/%C3%BC");
    }
}
