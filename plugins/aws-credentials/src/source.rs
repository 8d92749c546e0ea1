//! Where a config says that credentials come from: a ServiceAccount, an access key in Secrets, or the
//! operator's own surroundings; the first that is given counts, as in ESO. And which roles come after.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::chain::{self, Role};

/// Where the fields stand in a config.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Pointer to the object with `jwt` and `secretRef` ("/auth").
    pub auth: &'static str,
    /// Pointer to the object with `role`, `additionalRoles`, `externalID` and the session tags ("" for the
    /// whole config).
    pub role: &'static str,
    /// The `Plugin` object whose grants bring the operator's own credentials.
    pub plugin: &'static str,
}

/// Where the first credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A token of a ServiceAccount, whose annotation names the role (IRSA).
    Account {
        /// Pointer to the reference.
        at: String,
    },
    /// An access key.
    Keys {
        /// Pointer to the id's reference.
        id: String,
        /// Pointer to the secret key's reference.
        secret: String,
        /// Pointer to the session token's reference.
        token: Option<String>,
    },
    /// The operator's own, as far as it is granted.
    Ambient,
}

/// All that a config says about credentials.
#[derive(Clone, Debug)]
pub struct Access {
    /// The first ones.
    pub source: Source,
    /// Roles to assume with them, in order.
    pub roles: Vec<Role>,
    /// Whether a role's session tags name the ExternalSecret's namespace.
    pub tags_name_requester: bool,
    /// Where it stands.
    pub places: Places,
}

impl Access {
    /// Reads a config.
    ///
    /// # Errors
    /// What is missing, given twice or not to be set, and where.
    pub fn parse(
        config: &Value,
        places: Places,
        store: &StoreRef,
        requester: &Requester,
    ) -> Result<Self, Error> {
        let (roles, tags_name_requester) = chain::parse(config, places.role, store, &requester.namespace)?;
        Ok(Self { source: source(config, places.auth)?, roles, tags_name_requester, places })
    }

    /// Pointers to every reference in use.
    pub fn references(&self) -> Vec<&str> {
        match &self.source {
            Source::Account { at } => vec![at],
            Source::Keys { id, secret, token } => {
                let both = [Some(id.as_str()), Some(secret.as_str()), token.as_deref()];
                both.into_iter().flatten().collect()
            }
            Source::Ambient => Vec::new(),
        }
    }

    /// Whether who asks decides which credentials they are: a reference of a ClusterSecretStore that leaves
    /// the namespace out, or session tags that name it. Then `ready.partition` must be the requester.
    pub fn depends_on_requester(&self, config: &Value, store: &StoreRef) -> bool {
        let referent = store.namespace.is_none()
            && self.references().iter().any(|at| text(config, &format!("{at}/namespace")).is_none());
        referent || self.tags_name_requester
    }
}

fn source(config: &Value, auth: &str) -> Result<Source, Error> {
    if given(config, &format!("{auth}/jwt")) {
        let at = format!("{auth}/jwt/serviceAccountRef");
        if !given(config, &at) {
            return Err(invalid_config(&at, "it is needed"));
        }
        return Ok(Source::Account { at });
    }
    if !given(config, &format!("{auth}/secretRef")) {
        return Ok(Source::Ambient);
    }
    // ESO's spelling, then the reference document's.
    let one = |names: [&str; 2]| {
        let [first, second] = names.map(|name| format!("{auth}/secretRef/{name}"));
        match (given(config, &first), given(config, &second)) {
            (true, true) => Err(invalid_config(&second, format!("{} is given too: remove one", names[0]))),
            (true, false) => Ok(Some(first)),
            (false, true) => Ok(Some(second)),
            (false, false) => Ok(None),
        }
    };
    let needed = |names: [&str; 2]| {
        let at = format!("{auth}/secretRef/{}", names[0]);
        one(names)?.ok_or_else(|| invalid_config(&at, "it is needed"))
    };
    Ok(Source::Keys {
        id: needed(["accessKeyIDSecretRef", "accessKeyID"])?,
        secret: needed(["secretAccessKeySecretRef", "secretAccessKey"])?,
        token: one(["sessionTokenSecretRef", "sessionToken"])?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn parse(auth: Value) -> Result<Source, String> {
        source(&json!({"auth": auth}), "/auth").map_err(|error| match error {
            Error::InvalidConfig(error) => error.path,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn the_first_that_is_given_counts() {
        let (account, key) = (json!({"name": "sa"}), json!({"name": "s", "key": "k"}));
        let at = "/auth/jwt/serviceAccountRef".to_owned();
        let keys = json!({"accessKeyIDSecretRef": key, "secretAccessKeySecretRef": key});
        assert_eq!(
            parse(json!({"jwt": {"serviceAccountRef": account}})),
            Ok(Source::Account { at: at.clone() })
        );
        assert_eq!(
            parse(json!({"jwt": {"serviceAccountRef": account}, "secretRef": keys})),
            Ok(Source::Account { at: at.clone() })
        );
        assert_eq!(parse(json!({"jwt": {}})), Err(at));
        assert_eq!(parse(json!({})), Ok(Source::Ambient));
        assert_eq!(source(&json!({}), "/auth").unwrap(), Source::Ambient);
        // Nothing else would be right for an object that was meant to hold a key.
        assert_eq!(parse(json!({"secretRef": {}})), Err("/auth/secretRef/accessKeyIDSecretRef".to_owned()));
    }

    #[test]
    fn either_spelling_and_not_both() {
        let key = json!({"name": "s", "key": "k"});
        let at = |name: &str| format!("/auth/secretRef/{name}");
        let eso = json!({"accessKeyIDSecretRef": key, "secretAccessKeySecretRef": key, "sessionTokenSecretRef": key});
        assert_eq!(
            parse(json!({"secretRef": eso})),
            Ok(Source::Keys {
                id: at("accessKeyIDSecretRef"),
                secret: at("secretAccessKeySecretRef"),
                token: Some(at("sessionTokenSecretRef")),
            })
        );
        let seed = json!({"accessKeyID": key, "secretAccessKey": key});
        assert_eq!(
            parse(json!({"secretRef": seed})),
            Ok(Source::Keys { id: at("accessKeyID"), secret: at("secretAccessKey"), token: None })
        );
        let both = json!({"accessKeyID": key, "accessKeyIDSecretRef": key, "secretAccessKey": key});
        assert_eq!(parse(json!({"secretRef": both})), Err(at("accessKeyID")));
        assert_eq!(parse(json!({"secretRef": {"accessKeyID": key}})), Err(at("secretAccessKeySecretRef")));
    }

    #[test]
    fn who_asks_counts_only_where_the_store_leaves_it_open() {
        const PLACES: Places = Places { auth: "/auth/iam", role: "/auth/iam", plugin: "vault" };
        let store = |namespace: Option<&str>| StoreRef {
            kind: "ClusterSecretStore".to_owned(),
            name: "s".to_owned(),
            namespace: namespace.map(ToOwned::to_owned),
            uid: String::new(),
            generation: 1,
        };
        let requester = Requester { namespace: "team".to_owned() };
        let open = json!({"auth": {"iam": {"jwt": {"serviceAccountRef": {"name": "sa"}}}}});
        let named =
            json!({"auth": {"iam": {"jwt": {"serviceAccountRef": {"name": "sa", "namespace": "n"}}}}});
        let tagged = json!({"auth": {"iam": {"role": "r", "sessionTagsPolicy": "Simple"}}});
        for (config, namespace, expected) in [
            (&open, None, true),
            (&open, Some("own"), false),
            (&named, None, false),
            (&tagged, None, true),
            (&json!({}), None, false),
        ] {
            let access = Access::parse(config, PLACES, &store(namespace), &requester).unwrap();
            assert_eq!(access.depends_on_requester(config, &store(namespace)), expected, "{config}");
        }
    }
}
