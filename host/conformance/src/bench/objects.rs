//! Secrets, ConfigMaps and ServiceAccounts of a bench, and how a plugin's needs are answered from them.
//! Which of them a plugin may see is decided before, by the host's own rules.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::provider::NeedError;
use claviger_core::secret::{SecretBytes, Untrusted};
use claviger_plugins::{AccountAnswer, AmbientKind, CredentialSource, ObjectAnswer, ObjectKind, TokenAnswer};
use serde::Deserialize;

use super::BenchError;
use super::expand::with_origins;
use crate::tape::Known;

/// Where objects lie that name no namespace, and the store with them.
pub(crate) const NAMESPACE: &str = "default";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Kind {
    Secret,
    ConfigMap,
    ServiceAccount,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
            Self::ServiceAccount => "ServiceAccount",
        }
    }
}

/// An object as a bench writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ObjectGiven {
    kind: Kind,
    name: String,
    namespace: Option<String>,
    /// Of a Secret in base64, of a ConfigMap plain, as in Kubernetes.
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    string_data: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    /// Ready-made tokens of a ServiceAccount.
    #[serde(default)]
    tokens: Vec<TokenGiven>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenGiven {
    /// For exactly these; none: for any.
    #[serde(default)]
    audiences: Vec<String>,
    token: String,
}

struct Object {
    values: BTreeMap<String, SecretBytes>,
    annotations: BTreeMap<String, String>,
    tokens: Vec<TokenGiven>,
    /// Changes with the content, as an object's resourceVersion does.
    identity: String,
}

/// The objects by kind, namespace and name.
pub(crate) struct Objects(BTreeMap<(Kind, String, String), Object>);

impl Objects {
    /// A later one replaces an earlier one of the same kind and name.
    pub(super) fn new<'a>(given: impl Iterator<Item = &'a ObjectGiven>) -> Result<Self, BenchError> {
        let mut objects = BTreeMap::new();
        for (index, object) in given.enumerate() {
            let mut values = BTreeMap::new();
            for (key, text) in &object.data {
                let value = match object.kind {
                    Kind::Secret => STANDARD.decode(text.trim()).map_err(|_| {
                        BenchError::Wrong(format!(
                            "data.{key} of Secret {} is not base64: use stringData for plain text",
                            object.name
                        ))
                    })?,
                    _ => text.clone().into_bytes(),
                };
                values.insert(key.clone(), SecretBytes::new(value));
            }
            for (key, text) in &object.string_data {
                values.insert(key.clone(), SecretBytes::copied_from(text.as_bytes()));
            }
            let namespace = object.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned());
            let made = Object {
                values,
                annotations: object.annotations.clone(),
                tokens: object.tokens.clone(),
                identity: format!("{}-{index}", object.name),
            };
            objects.insert((object.kind, namespace, object.name.clone()), made);
        }
        Ok(Self(objects))
    }

    /// `${NAME}` replaced where a value is text: a credential may name the server that it is for.
    pub(super) fn with_origins(mut self, origins: &BTreeMap<String, String>) -> Self {
        for object in self.0.values_mut() {
            for value in object.values.values_mut() {
                if let Ok(text) = std::str::from_utf8(value.expose()) {
                    *value = SecretBytes::new(with_origins(text, origins).into_bytes());
                }
            }
        }
        self
    }

    /// Values of Secrets, and tokens, by name.
    pub(super) fn secrets(&self) -> Vec<Known> {
        let mut secrets = Vec::new();
        for ((kind, namespace, name), object) in &self.0 {
            let place = format!("{}/{namespace}/{name}", kind.name());
            if *kind == Kind::Secret {
                let values = object.values.iter();
                secrets.extend(
                    values.map(|(key, value)| Known {
                        name: format!("{place}/{key}"),
                        value: value.duplicate(),
                    }),
                );
            }
            secrets.extend(object.tokens.iter().enumerate().map(|(index, token)| Known {
                name: format!("{place}/token/{index}"),
                value: SecretBytes::copied_from(token.token.as_bytes()),
            }));
        }
        secrets
    }

    fn find(&self, kind: Kind, namespace: &str, name: &str) -> Result<&Object, NeedError> {
        self.0.get(&(kind, namespace.to_owned(), name.to_owned())).ok_or_else(|| NeedError::NotFound {
            kind: kind.name(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            key: None,
        })
    }
}

#[async_trait]
impl CredentialSource for Objects {
    async fn object(
        &self,
        kind: ObjectKind,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<ObjectAnswer, NeedError> {
        let kind = match kind {
            ObjectKind::Secret => Kind::Secret,
            ObjectKind::ConfigMap => Kind::ConfigMap,
        };
        let object = self.find(kind, namespace, name)?;
        let value = object.values.get(key).ok_or_else(|| NeedError::NotFound {
            kind: kind.name(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            key: Some(key.to_owned()),
        })?;
        Ok(ObjectAnswer { value: value.duplicate(), identity: object.identity.clone() })
    }

    async fn account(&self, namespace: &str, name: &str) -> Result<AccountAnswer, NeedError> {
        let object = self.find(Kind::ServiceAccount, namespace, name)?;
        Ok(AccountAnswer { annotations: object.annotations.clone(), identity: object.identity.clone() })
    }

    async fn token(
        &self,
        namespace: &str,
        name: &str,
        audiences: &[String],
        _expiration: Option<Duration>,
    ) -> Result<TokenAnswer, NeedError> {
        let object = self.find(Kind::ServiceAccount, namespace, name)?;
        let fits = |given: &&TokenGiven| given.audiences.is_empty() || given.audiences == audiences;
        let found = object.tokens.iter().find(fits).ok_or_else(|| NeedError::Unreadable {
            what: format!("a token of ServiceAccount {namespace}/{name} for audiences {audiences:?}"),
            detail: Untrusted::new("the bench has none"),
            transient: false,
        })?;
        Ok(TokenAnswer {
            token: SecretBytes::copied_from(found.token.as_bytes()),
            annotations: object.annotations.clone(),
            identity: format!("{} {}", object.identity, audiences.join(" ")),
        })
    }

    /// A bench is nobody's pod.
    async fn ambient(&self, kind: AmbientKind, name: &str) -> Result<Option<SecretBytes>, NeedError> {
        Err(NeedError::AmbientRefused { profile: format!("{kind} {name}") })
    }

    fn api_server_audiences(&self) -> Vec<String> {
        vec!["https://kubernetes.default.svc".to_owned()]
    }
}
