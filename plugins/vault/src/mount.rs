//! What `sys/internal/ui/mounts/<path>` says of the store's `path` and `version`. Asking is the client's;
//! a 403 says nothing, since the look-up needs a right somewhere below the mount.

use claviger_plugin_sdk::{Error, invalid_config};
use serde::Deserialize;

use crate::path::Kv;

#[derive(Deserialize)]
struct Answer {
    data: Mount,
}

#[derive(Deserialize)]
struct Mount {
    path: String,
    r#type: String,
    #[serde(default)]
    options: Option<Options>,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    version: Option<String>,
}

/// Where the engine is mounted, without slashes around it, and what it is ("database").
///
/// # Errors
/// An answer that is not Vault's.
pub fn engine(body: &[u8]) -> Result<(String, String), Error> {
    let Answer { data: mount } = parse(body)?;
    Ok((mount.path.trim_matches('/').to_owned(), mount.r#type))
}

/// Whether an engine keeps what is put into it: `generic` is what KV was called.
pub fn is_kv(engine: &str) -> bool {
    matches!(engine, "kv" | "generic")
}

fn parse(body: &[u8]) -> Result<Answer, Error> {
    serde_json::from_slice(body)
        .map_err(|_| Error::Unavailable("the look at the mount was not answered by Vault".to_owned()))
}

/// Compares an answer with the store.
///
/// # Errors
/// An answer that is not Vault's, or a mount that cannot be what the store says. With `version: v1` every engine that answers to GET will
/// do, as in ESO.
pub fn check(body: &[u8], path: &str, kv: Kv) -> Result<(), Error> {
    let Answer { data: mount } = parse(body)?;
    let at = mount.path.trim_matches('/');
    let version = mount.options.and_then(|options| options.version);
    match (kv, is_kv(&mount.r#type), version.as_deref()) {
        (Kv::V2, false, _) => Err(invalid_config(
            "/path",
            format!("what is mounted at {at} is {}, not KV: path must name a KV engine", mount.r#type),
        )),
        (Kv::V2, true, Some("2")) if at != path => Err(invalid_config(
            "/path",
            format!("the KV engine is mounted at {at}: set path to that, and begin the keys with the rest"),
        )),
        (Kv::V2, true, Some("2")) | (Kv::V1, false, _) => Ok(()),
        (Kv::V2, true, _) => Err(invalid_config(
            "/version",
            format!("the engine at {at} is KV version 1: set version to v1 (it is v2 if left out)"),
        )),
        (Kv::V1, true, Some("2")) => {
            Err(invalid_config("/version", format!("the engine at {at} is KV version 2: set version to v2")))
        }
        (Kv::V1, true, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of OpenBao 2.7.2, cut to what counts.
    #[test]
    fn what_is_mounted_is_compared_with_the_store() {
        const V2: &str = r#"{"request_id":"068ed50b-f14f-68e0-724d-b4c14f9cbb5c","lease_id":"","data":{"accessor":"kv_7cbdf62c","description":"key/value secret storage","local":false,"options":{"version":"2"},"path":"secret/","type":"kv"},"auth":null}"#;
        const V1: &str = r#"{"data":{"options":{"version":"1"},"path":"kv1/","type":"kv"}}"#;
        const BARE: &str = r#"{"data":{"options":null,"path":"kv1/","type":"kv"}}"#;
        const DATABASE: &str = r#"{"data":{"options":null,"path":"database/","type":"database"}}"#;
        for (body, path, kv, expected) in [
            (V2, "secret", Kv::V2, None),
            (V2, "secret", Kv::V1, Some(("/version", "is KV version 2"))),
            (V2, "secret/team", Kv::V2, Some(("/path", "mounted at secret:"))),
            (V1, "kv1", Kv::V1, None),
            (V1, "kv1/team", Kv::V1, None),
            (V1, "kv1", Kv::V2, Some(("/version", "is KV version 1"))),
            (BARE, "kv1", Kv::V1, None),
            (BARE, "kv1", Kv::V2, Some(("/version", "is KV version 1"))),
            (DATABASE, "database", Kv::V1, None),
            (DATABASE, "database", Kv::V2, Some(("/path", "is database, not KV"))),
            ("<html>", "secret", Kv::V2, Some(("unavailable", "not answered by Vault"))),
            ("{}", "secret", Kv::V2, Some(("unavailable", "not answered by Vault"))),
            (r#"{"data":{}}"#, "secret", Kv::V1, Some(("unavailable", "not answered by Vault"))),
        ] {
            match (check(body.as_bytes(), path, kv), expected) {
                (Ok(()), None) => {}
                (Err(Error::InvalidConfig(error)), Some((at, said))) => {
                    assert_eq!(error.path, at, "{body}");
                    assert!(error.detail.contains(said), "{}", error.detail);
                }
                (Err(Error::Unavailable(text)), Some(("unavailable", said))) => assert!(text.contains(said)),
                (got, expected) => panic!("{body} {path}: {got:?}, expected {expected:?}"),
            }
        }
    }
}
