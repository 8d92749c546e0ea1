//! What a store needs before it can work, and where it goes then: the host's rounds of `connect` behind one function
//! that says both.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::provider::connection::{
    AccountNeed, AmbientKind, AmbientNeed, ConnectInput, Material, Need, ObjectKind, ObjectNeed, Origin,
    Reach, Ready, Resolved, Step, TlsProfile, TokenNeed,
};
use crate::{Error, config};

/// A store that is being connected. See [`crate::Provider::connect`].
pub struct Store<C> {
    /// Its config.
    pub config: C,
    input: ConnectInput,
    json: Value,
    missing: Vec<Need>,
    /// Somewhere a reference leaves the namespace to whoever asks.
    referent: bool,
}

impl<C: DeserializeOwned> Store<C> {
    pub(crate) fn new(input: ConnectInput) -> Result<Self, Error> {
        let config = config::parse(&input.config)?;
        let json = serde_json::from_str(&input.config).unwrap_or_default();
        Ok(Self { config, input, json, missing: Vec::new(), referent: false })
    }
}

impl<C> Store<C> {
    /// Asks for something; what the host found of it, once it did. Every need is asked for in each round. One that can
    /// only be told from what another brought waits for that.
    pub fn need(&mut self, need: impl Into<Need>) -> Option<&Resolved> {
        let need = need.into();
        let (slot, at) = match &need {
            Need::Object(need) => (&need.slot, Some(&need.at)),
            Need::Account(need) => (&need.slot, Some(&need.at)),
            Need::Token(need) => (&need.slot, Some(&need.at)),
            Need::Ambient(need) => (&need.slot, None),
        };
        let namespace = at.map(|at| self.json.pointer(at).and_then(|object| object.get("namespace")));
        self.referent |=
            namespace.is_some_and(|namespace| namespace.and_then(Value::as_str).is_none_or(str::is_empty));
        let found = self.input.have.iter().position(|have| have.slot == *slot);
        if found.is_none() {
            self.missing.push(need);
        }
        found.map(|nth| &self.input.have[nth].value)
    }

    /// Is every need met that was named so far?
    pub fn is_met(&self) -> bool {
        self.missing.is_empty()
    }

    /// Of all stores of the cluster, or of one namespace?
    pub fn is_cluster(&self) -> bool {
        self.input.store.namespace.is_none()
    }

    /// All that the host said: the store, who asks, the admin's settings. A plugin whose answers depend on `requester` has to
    /// say so with the partition of `Ready`: without one, a tenant is handed what another's namespace was answered.
    pub fn input(&self) -> &ConnectInput {
        &self.input
    }

    pub(crate) fn step(self, ready: Ready) -> Step {
        if !self.missing.is_empty() {
            return Step::Need(self.missing);
        }
        let referent = self.referent && self.is_cluster();
        let partition = ready.partition.or_else(|| referent.then_some(self.input.requester.namespace));
        Step::Ready(Ready { partition, ..ready })
    }
}

/// A key of a Secret, at a place that the schema marks with [`crate::SecretRef`].
pub fn secret(slot: &str, at: &str) -> ObjectNeed {
    ObjectNeed {
        slot: slot.to_owned(),
        at: at.to_owned(),
        kind: ObjectKind::Secret,
        default_key: None,
        hidden: false,
        optional: false,
    }
}

/// A key of a Secret or a ConfigMap, at a place that the schema marks with [`crate::ObjectRef`].
pub fn object(slot: &str, at: &str) -> ObjectNeed {
    ObjectNeed { kind: ObjectKind::Either, ..secret(slot, at) }
}

/// A token of a ServiceAccount, at a place that the schema marks with [`crate::ServiceAccountRef`]. Its audiences must be
/// granted, or stand in the manifest or in an annotation of the ServiceAccount.
pub fn token(slot: &str, at: &str, audiences: &[&str]) -> TokenNeed {
    TokenNeed {
        slot: slot.to_owned(),
        at: at.to_owned(),
        audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
        audiences_at: None,
        expiration_seconds: None,
    }
}

/// Annotations of a ServiceAccount, at a place that the schema marks with [`crate::ServiceAccountRef`].
pub fn account(slot: &str, at: &str, annotations: &[&str]) -> AccountNeed {
    let annotations = annotations.iter().map(|name| (*name).to_owned()).collect();
    AccountNeed { slot: slot.to_owned(), at: at.to_owned(), annotations }
}

/// Something of the surroundings, which the admin must have granted.
pub fn ambient(slot: &str, kind: AmbientKind, name: &str) -> AmbientNeed {
    AmbientNeed {
        slot: slot.to_owned(),
        kind,
        name: name.to_owned(),
        audience: None,
        argument_at: None,
        optional: false,
    }
}

impl Origin {
    /// `scheme://host[:port]`, with every path of it and the public certificate authorities. The purpose is shown to the
    /// admin ("Vault server").
    pub fn new(url: impl Into<String>, purpose: &str) -> Self {
        Self {
            url: url.into(),
            reach: Reach::Network,
            paths: Vec::new(),
            tls: None,
            purpose: purpose.to_owned(),
            max_response_bytes: None,
            max_header_bytes: None,
        }
    }

    /// With these certificate authorities and no others, if it is https at all.
    #[must_use]
    pub fn ca(self, material: Option<Material>) -> Self {
        let tls = self.url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        let tls = material.filter(|_| tls).map(|ca| TlsProfile { ca: vec![ca], ..TlsProfile::default() });
        Self { tls, ..self }
    }
}

impl Ready {
    /// Goes to these origins and nowhere else. The partition is set by itself where references leave the namespace to
    /// whoever asks; the account is the store's config.
    pub fn to(origins: impl IntoIterator<Item = Origin>) -> Self {
        Self { origins: origins.into_iter().collect(), partition: None, account: None }
    }

    /// Nothing in the config but the credentials decides as whom the backend counts what is asked.
    #[must_use]
    pub fn counted_by_credential(self) -> Self {
        Self { account: Some(String::new()), ..self }
    }
}

impl Default for TlsProfile {
    /// As for any https: the public roots, no certificate of the client's.
    fn default() -> Self {
        Self { ca: Vec::new(), client_cert: None, client_key: None, server_name: None, insecure: None }
    }
}

impl From<ObjectNeed> for Need {
    fn from(need: ObjectNeed) -> Self {
        Self::Object(need)
    }
}

impl From<AccountNeed> for Need {
    fn from(need: AccountNeed) -> Self {
        Self::Account(need)
    }
}

impl From<TokenNeed> for Need {
    fn from(need: TokenNeed) -> Self {
        Self::Token(need)
    }
}

impl From<AmbientNeed> for Need {
    fn from(need: AmbientNeed) -> Self {
        Self::Ambient(need)
    }
}
