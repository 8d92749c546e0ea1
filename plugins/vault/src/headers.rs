//! Header fields: those a manifest may add, and `X-Vault-Index`, which tells a standby how new what it
//! reads must be. Which of them a request carries is the client's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// Fields that are not the manifest's to set, with what to do instead. Another token or namespace would
/// read as somebody else; a wrapped answer has no value in it; the rest belongs to the connection.
const RESERVED: [(&str, &str); 21] = [
    ("x-vault-token", "the token comes from auth"),
    ("authorization", "the token comes from auth, and Vault takes a bearer's for one"),
    ("x-vault-namespace", "set namespace, or auth.namespace for the login"),
    ("x-vault-request", "it is always sent"),
    ("x-vault-index", "set readYourWrites"),
    ("x-vault-inconsistent", "set forwardInconsistent"),
    ("x-vault-wrap-ttl", "a wrapped answer cannot be read"),
    ("host", "it is the server's"),
    ("content-length", CONNECTION),
    ("content-type", "it is always JSON"),
    ("connection", CONNECTION),
    ("http2-settings", CONNECTION),
    ("keep-alive", CONNECTION),
    ("proxy-authenticate", CONNECTION),
    ("proxy-authorization", CONNECTION),
    ("proxy-connection", CONNECTION),
    ("te", CONNECTION),
    ("trailer", CONNECTION),
    ("transfer-encoding", CONNECTION),
    ("upgrade", CONNECTION),
    ("expect", CONNECTION),
];
/// Of one connection and not of the request: the host lets no plugin set them, and without these words all
/// that is seen is that the request cannot be built.
const CONNECTION: &str = "it belongs to the connection";

/// The manifest's header fields.
///
/// # Errors
/// A field that is reserved, or is none of HTTP.
pub fn of_manifest(config: &Value) -> Result<Vec<(String, String)>, Error> {
    let Some(headers) = config.pointer("/headers").and_then(Value::as_object) else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for (name, value) in headers {
        let wrong = |what: &str| invalid_config("/headers", format!("header {name}: {what}"));
        let lower = name.to_ascii_lowercase();
        if let Some((_, instead)) = RESERVED.iter().find(|(reserved, _)| *reserved == lower) {
            return Err(wrong(&format!("it cannot be set here: {instead}")));
        }
        // RFC 9110: a field name is a token.
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(wrong("this is no name of a header field"));
        }
        let value = value.as_str().ok_or_else(|| wrong("its value must be a string"))?;
        if value.bytes().any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
            return Err(wrong("its value has control characters"));
        }
        out.push((name.clone(), value.to_owned()));
    }
    Ok(out)
}

/// Adds the state that an answer told to those already known, at most two: a state has two counters (of
/// the cluster itself and of what is replicated to it), so two states need not be ordered. As Vault's own
/// client and agent do, since only Vault can sign a merged one.
pub fn merge_index(old: &[String], new: &str) -> Vec<String> {
    let only_new = || vec![new.to_owned()];
    if old.is_empty() || old.len() > 2 {
        return only_new();
    }
    let Some(newer) = State::parse(new) else { return only_new() };
    let mut merged: Vec<String> = Vec::new();
    for state in old {
        let Some(older) = State::parse(state).filter(|older| older.cluster == newer.cluster) else {
            return only_new();
        };
        if !older.is_behind(&newer) {
            merged.push(state.clone());
        }
        if !newer.is_behind(&older) || older == newer {
            merged.push(new.to_owned());
        }
    }
    merged.sort();
    merged.dedup();
    merged
}

/// `v1:cluster:local index:replicated index:signature`, in base64.
#[derive(PartialEq, Eq)]
struct State {
    cluster: String,
    local: u64,
    replicated: u64,
}

impl State {
    fn parse(raw: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(raw).ok()?).ok()?;
        let parts: Vec<&str> = text.split(':').collect();
        let ["v1", cluster, local, replicated, _signature] = parts[..] else { return None };
        Some(Self {
            cluster: cluster.to_owned(),
            local: local.parse().ok()?,
            replicated: replicated.parse().ok()?,
        })
    }

    /// Nowhere ahead of the other.
    fn is_behind(&self, other: &Self) -> bool {
        self.local <= other.local && self.replicated <= other.replicated
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_the_manifests_is_refused() {
        for (name, value, said) in [
            ("X-Vault-Token", json!("root"), "header X-Vault-Token: it cannot be set here"),
            ("x-vault-namespace", json!("a"), "set namespace, or auth.namespace"),
            ("HOST", json!("a"), "header HOST"),
            ("Content-Length", json!("3"), "header Content-Length"),
            ("X-Vault-Wrap-TTL", json!("60s"), "wrapped"),
            ("Authorization", json!("Bearer root"), "the token comes from auth"),
            ("Proxy-Authorization", json!("Basic eA=="), "belongs to the connection"),
            ("keep-alive", json!("5"), "belongs to the connection"),
            ("Upgrade", json!("h2c"), "belongs to the connection"),
            ("Proxy-Connection", json!("close"), "belongs to the connection"),
            ("HTTP2-Settings", json!("x"), "belongs to the connection"),
            ("Connection", json!("close"), "belongs to the connection"),
            ("Transfer-Encoding", json!("chunked"), "belongs to the connection"),
            ("TE", json!("trailers"), "belongs to the connection"),
            ("Trailer", json!("x"), "belongs to the connection"),
            ("a b", json!("x"), "no name of a header field"),
            ("a", json!("x\r\nX-Vault-Token: root"), "control characters"),
            ("a", json!(1), "must be a string"),
        ] {
            let config = json!({"headers": {name: value}});
            let Err(Error::InvalidConfig(error)) = of_manifest(&config) else { panic!("{config}") };
            assert_eq!(error.path, "/headers");
            assert!(error.detail.contains(said), "{} / {said}", error.detail);
        }
        let fine = json!({"headers": {"X-Vault-Forward": "active-node", "CF-Access-Client-Id": "x"}});
        assert_eq!(of_manifest(&fine).unwrap().len(), 2);
        assert_eq!(of_manifest(&json!({})).unwrap(), []);
    }

    /// The cases of Vault's own client (api/client_test.go, TestMergeReplicationStates).
    #[test]
    fn states_merge_as_in_vaults_client() {
        let encode = |state: &str| STANDARD.encode(state);
        for (old, new, expected) in [
            (&[][..], "v1:cid:1:0:", &["v1:cid:1:0:"][..]),
            (&["v1:cid:1:0:"], "v1:cid:2:0:", &["v1:cid:2:0:"]),
            (&["v1:cid:2:0:"], "v1:cid:1:0:", &["v1:cid:2:0:"]),
            (&["v1:cid:1:0:"], "v1:cid:0:1:", &["v1:cid:0:1:", "v1:cid:1:0:"]),
            (&["v1:cid:0:1:"], "v1:cid:1:0:", &["v1:cid:0:1:", "v1:cid:1:0:"]),
            (&["v1:cid:0:1:", "v1:cid:1:0:"], "v1:cid:2:2:", &["v1:cid:2:2:"]),
            (&["v1:other:9:9:"], "v1:cid:1:0:", &["v1:cid:1:0:"]),
        ] {
            let old: Vec<String> = old.iter().map(|state| encode(state)).collect();
            let mut expected: Vec<String> = expected.iter().map(|state| encode(state)).collect();
            expected.sort();
            assert_eq!(merge_index(&old, &encode(new)), expected, "{new}");
        }
        assert_eq!(merge_index(&[encode("v1:cid:1:0:")], "opaque"), ["opaque"]);
    }
}
