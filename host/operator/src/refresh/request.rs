//! What is asked for: a store, and keys of it. Pure.

use serde::Deserialize;

use crate::watch::Object;
use crate::watch::cache::Name;

/// The largest body.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// Keys of one request. An event is about one; a whole store is asked for by naming none.
const MAX_KEYS: usize = 256;

/// Bytes of a key: an ARN has 2048 characters at most, and is the longest there is.
const MAX_KEY: usize = 2048;

/// Bytes of a name of an object, and of a namespace.
const MAX_NAME: usize = 253;

/// A request that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The store.
    pub(super) store: Object,
    /// As somebody spells them; none: everything of it.
    pub(super) keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    store: Store,
    keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Store {
    kind: Kind,
    name: String,
    namespace: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
enum Kind {
    SecretStore,
    ClusterSecretStore,
}

/// Reads a body.
///
/// # Errors
/// What is wrong with it, for whoever sent it.
pub(super) fn parse(body: &[u8]) -> Result<Wanted, String> {
    let Body { store, keys } = serde_json::from_slice(body).map_err(|error| format!("the body: {error}"))?;
    let named = |what: &str, text: &str| {
        if text.is_empty() || text.len() > MAX_NAME {
            Err(format!("{what}: 1 to {MAX_NAME} bytes"))
        } else {
            Ok(())
        }
    };
    named("store.name", &store.name)?;
    let store = match (store.kind, store.namespace) {
        (Kind::SecretStore, Some(namespace)) => {
            named("store.namespace", &namespace)?;
            Object::SecretStore(Name::new(namespace, store.name))
        }
        (Kind::SecretStore, None) => return Err("store.namespace: a SecretStore has one".to_owned()),
        (Kind::ClusterSecretStore, None) => Object::ClusterSecretStore(store.name),
        (Kind::ClusterSecretStore, Some(_)) => {
            return Err("store.namespace: a ClusterSecretStore has none".to_owned());
        }
    };
    if let Some(keys) = &keys {
        if keys.is_empty() {
            return Err("keys: name one, or leave keys out for all of the store".to_owned());
        }
        if keys.len() > MAX_KEYS {
            return Err(format!("keys: {}, more than {MAX_KEYS}", keys.len()));
        }
        let odd = |key: &String| key.is_empty() || key.len() > MAX_KEY;
        if let Some(index) = keys.iter().position(odd) {
            return Err(format!("keys[{index}]: 1 to {MAX_KEY} bytes"));
        }
    }
    Ok(Wanted { store, keys })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(body: &Value) -> Result<Wanted, String> {
        parse(body.to_string().as_bytes())
    }

    #[test]
    fn stores_and_keys() {
        let cluster = json!({"kind": "ClusterSecretStore", "name": "x"});
        let wanted = Wanted { store: Object::ClusterSecretStore("x".to_owned()), keys: None };
        assert_eq!(said(&json!({"store": cluster})), Ok(wanted.clone()));
        let keys = Some(vec!["a/b".to_owned()]);
        assert_eq!(said(&json!({"store": cluster, "keys": ["a/b"]})), Ok(Wanted { keys, ..wanted }));
        let store = json!({"kind": "SecretStore", "name": "x", "namespace": "ns"});
        let wanted = Wanted { store: Object::SecretStore(Name::new("ns", "x")), keys: None };
        assert_eq!(said(&json!({"store": store})), Ok(wanted));
    }

    #[test]
    fn what_cannot_be_meant() {
        let cluster = json!({"kind": "ClusterSecretStore", "name": "x"});
        #[rustfmt::skip]
        let cases = [
            (json!([]), "the body: "),
            (json!({}), "missing field `store`"),
            (json!({"store": {"kind": "Secret", "name": "x"}}), "unknown variant `Secret`"),
            (json!({"store": {"kind": "SecretStore", "name": "x"}}), "store.namespace: a SecretStore has one"),
            (json!({"store": {"kind": "ClusterSecretStore", "name": "x", "namespace": "n"}}), "has none"),
            (json!({"store": {"kind": "ClusterSecretStore", "name": ""}}), "store.name: 1 to 253 bytes"),
            (json!({"store": cluster, "key": ["a"]}), "unknown field `key`"),
            (json!({"store": cluster, "keys": []}), "leave keys out"),
            (json!({"store": cluster, "keys": ["a", ""]}), "keys[1]: 1 to 2048 bytes"),
            (json!({"store": cluster, "keys": ["x".repeat(MAX_KEY + 1)]}), "keys[0]"),
            (json!({"store": cluster, "keys": vec!["a"; MAX_KEYS + 1]}), "keys: 257, more than 256"),
        ];
        for (body, expected) in cases {
            let found = said(&body).err().unwrap_or_default();
            assert!(found.contains(expected), "{body}: {found}");
        }
        assert!(parse(b"{").is_err());
    }
}
