//! What is not read although the token may. What else policies allow is Vault's to say.

use claviger_plugin_sdk::Error;

/// What is mounted in every Vault and is no tenant's to read by a store that names no mount.
const RESERVED: [&str; 4] = ["auth", "sys", "identity", "cubbyhole"];

/// Engines that are there without anybody having mounted them; in namespaces below the root their names begin with
/// `ns_`.
const OWN_ENGINES: [&str; 4] = ["system", "identity", "cubbyhole", "token"];

/// Whether an engine (by Vault's name of it) is of that kind, wherever it is found.
pub fn is_vaults_own(engine: &str) -> bool {
    OWN_ENGINES.contains(&engine.strip_prefix("ns_").unwrap_or(engine))
}

/// Whether a path of a generator (clean) answers with the very token that asks. A policy seldom has a say there: `default`
/// allows both.
///
/// # Errors
/// If it does.
pub fn not_the_own_token(path: &str) -> Result<(), Error> {
    let path_as_read = decoded(&decoded(path)).to_ascii_lowercase();
    let segments: Vec<&str> = path_as_read.split('/').filter(|segment| !segment.is_empty()).collect();
    let own = |part: &[&str]| matches!(part, ["auth", "token", "lookup-self" | "renew-self"]);
    if segments.windows(3).any(own) || segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Err(Error::Denied(format!("{path}: the token of the login is not read back")));
    }
    Ok(())
}

/// Whether a key (clean) of a store without a mount may be read with its token: with `version: v1` it is the
/// whole path, and `auth/token/lookup-self` is answered with the token itself.
///
/// # Errors
/// If it may not.
pub fn allowed(mount: Option<&str>, key: &str) -> Result<(), Error> {
    if mount.is_some() {
        return Ok(());
    }
    // Vault decodes a path once, a proxy before it perhaps once more.
    let key_as_read = decoded(&decoded(key)).to_ascii_lowercase();
    let segments: Vec<&str> = key_as_read.split('/').filter(|segment| !segment.is_empty()).collect();
    let first = segments.first().copied().unwrap_or_default();
    // A namespace may stand before it.
    let token = segments.windows(2).any(|pair| pair == ["auth", "token"]);
    if token || RESERVED.contains(&first) || segments.iter().any(|segment| matches!(*segment, "." | "..")) {
        return Err(Error::Denied(format!(
            "{key}: auth, sys, identity and cubbyhole are not read by a store without path"
        )));
    }
    Ok(())
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::path::clean;

    /// Without a mount the key is the path, and the token may look at itself.
    #[test]
    fn the_stores_own_token_is_not_read() {
        for (mount, key, fine) in [
            (None, "auth/token/lookup-self", false),
            (None, "AUTH/token/lookup-self", false),
            (None, "%61uth/token/lookup-self", false),
            (None, "%2561uth/token/lookup-self", false),
            (None, "auth%2Ftoken/lookup-self", false),
            (None, "%2e/auth/token/lookup-self", false),
            (None, "team/auth/token/lookup-self", false),
            (None, "sys/mounts", false),
            (None, "identity/oidc/token/x", false),
            (None, "cubbyhole/response", false),
            (None, "secret/auth/db", true),
            (None, "authority/x", true),
            (None, "secret/100%/x", true),
            (Some("secret"), "auth/token/x", true),
        ] {
            let found = allowed(mount, &clean(key).unwrap());
            assert_eq!(found.is_ok(), fine, "{mount:?} {key}");
        }
    }

    /// Names of OpenBao 2.7.2, in the root namespace and below it.
    #[test]
    fn vaults_own_engines() {
        for engine in ["system", "ns_system", "identity", "ns_identity", "cubbyhole", "ns_cubbyhole", "token"]
        {
            assert!(is_vaults_own(engine), "{engine}");
        }
        for engine in ["database", "kv", "pki", "ssh", "nsx"] {
            assert!(!is_vaults_own(engine), "{engine}");
        }
    }

    /// However it is spelled, and from whatever namespace.
    #[test]
    fn a_generator_does_not_read_its_token() {
        for (path, fine) in [
            ("auth/token/lookup-self", false),
            ("AUTH/Token/renew-self", false),
            ("team/a/auth/token/lookup-self", false),
            ("%61uth/token/lookup%2dself", false),
            ("auth%252Ftoken/lookup-self", false),
            ("%2e%2e/auth/x", false),
            ("auth/token/create", true),
            ("auth/token/lookup", true),
            ("auth/approle/role/x/secret-id", true),
            ("sys/wrapping/wrap", true),
            ("database/creds/lookup-self", true),
        ] {
            assert_eq!(not_the_own_token(path).is_ok(), fine, "{path}");
        }
    }
}
