//! Generators: kinds of objects whose plugin makes values for who asks. A generator is connected as a store is, with
//! the part of its spec that the plugin names as the config.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::generator::CLUSTER_GENERATOR;
use claviger_core::provider::{CallError, Fault, Generated, ProviderError};
use claviger_core::secret::Untrusted;
use serde_json::Value as Json;

use crate::connect::connect;
use crate::convert;
use crate::described;
use crate::error::PluginsError;
use crate::guest::{Generation, generator as guest};
use crate::plugin::{Plugin, Seed};
use crate::schema::ConfigSchema;
use crate::session::{Requester, Session, StoreRef};
use crate::source::CredentialSource;

/// Bytes of what a generator leaves behind: it is kept in an object of the API server's, whose own limit is 1.5 MiB.
const MAX_STATE: usize = 64 * 1024;

/// Kinds of one plugin; ESO has 17 in all.
const MAX_KINDS: usize = 32;

/// Kinds of other objects that make values, or stand for a generator: a record of what was made says who made it by these.
const RESERVED: [&str; 3] = ["SecretStore", "ClusterSecretStore", CLUSTER_GENERATOR];

/// A kind of generator.
pub(crate) struct Kind {
    schema: ConfigSchema,
    config_at: String,
}

/// By name.
pub(crate) type Kinds = BTreeMap<String, Kind>;

/// What a plugin said of its kinds, checked.
pub(crate) fn kinds(said: Vec<guest::Kind>) -> Result<Kinds, PluginsError> {
    let wrong = |why: String| PluginsError::BadDescription(why);
    if said.len() > MAX_KINDS {
        return Err(wrong(format!("{} kinds of generators, more than {MAX_KINDS}", said.len())));
    }
    let mut kinds = Kinds::new();
    for kind in said {
        let name = described::label("kind of generator", kind.name)?;
        if RESERVED.contains(&name.as_str()) {
            return Err(wrong(format!("a kind of generators must not be called {name}")));
        }
        let schema = ConfigSchema::new(&kind.spec_schema).map_err(wrong)?;
        if !(kind.config_at.is_empty() || kind.config_at.starts_with('/')) {
            return Err(wrong(format!("config-at of {name} is no JSON pointer")));
        }
        if kinds.insert(name.clone(), Kind { schema, config_at: kind.config_at }).is_some() {
            return Err(wrong(format!("two generators {name}")));
        }
    }
    Ok(kinds)
}

/// Of each kind's spec.
pub(crate) fn schemas(kinds: &Kinds) -> BTreeMap<String, Json> {
    kinds.iter().map(|(name, kind)| (name.clone(), kind.schema.document().clone())).collect()
}

impl Plugin {
    /// Whether it answers to that kind of generator.
    pub fn generates(&self, kind: &str) -> bool {
        self.provider().is_some_and(|provider| provider.kinds.contains_key(kind))
    }

    /// Connects a generator, whose kind is `generator.kind`. Its spec is held to the kind's schema, and a config in it to
    /// the plugin's own; where the spec as a whole is the config, the kind's schema is that of the config.
    ///
    /// # Errors
    /// As [`Plugin::connect`]; a pointer in the error is into the config.
    pub async fn connect_generator(
        self: &Arc<Self>,
        generator: StoreRef,
        requester: Requester,
        spec: &Json,
        source: Arc<dyn CredentialSource>,
    ) -> Result<Arc<Session>, CallError> {
        let kind = self.provider().and_then(|provider| provider.kinds.get(&generator.kind));
        let kind = kind.ok_or_else(|| {
            CallError::from(ProviderError::Unsupported(Untrusted::new("it does not generate that")))
        })?;
        kind.schema.check(spec)?;
        if kind.config_at.is_empty() {
            // Its own fields stand beside those about connecting: what it refers to is what its own schema marks.
            return connect(self, generator, requester, spec.clone(), &kind.schema, source.as_ref()).await;
        }
        let config = spec.pointer(&kind.config_at).cloned().unwrap_or_default();
        self.check_config(&config)?;
        self.connect(generator, requester, config, source).await
    }
}

impl Session {
    /// Has a connected generator make values. `seed` is all the randomness that it has, `previous` what it left behind
    /// when it last made something for the same.
    ///
    /// # Errors
    /// As every call.
    pub async fn generate(
        &self,
        spec: &Json,
        previous: Option<&Json>,
        now_ms: u64,
        seed: Seed,
    ) -> Result<Generated, CallError> {
        let (kind, spec) = (&self.input.store.kind, spec.to_string());
        let previous = previous.map(Json::to_string);
        let options = guest::Options { now_ms, seed: seed.to_vec() };
        let asked = Generation { kind, spec: &spec, previous: previous.as_ref(), options: &options };
        let input = self.input.to_guest();
        let made = self
            .ask("generate")
            .one(async |guest, store| {
                let made = guest.generate(store, &input, asked).await?;
                for (_, value) in made.iter().flat_map(|made| &made.values) {
                    store.data_mut().log.hide(value);
                }
                Ok(made)
            })
            .await?;
        let size = made.values.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        self.within_output(u64::try_from(size).unwrap_or(u64::MAX))?;
        let state = made.state.as_deref().map(state).transpose()?;
        Ok(Generated { state, ..convert::generated(made) })
    }

    /// Has a connected generator take back what it left behind. That it is not there any more is no error.
    ///
    /// # Errors
    /// As every call.
    pub async fn clean_up(&self, spec: &Json, state: &Json) -> Result<(), CallError> {
        let (kind, spec, state) = (&self.input.store.kind, spec.to_string(), state.to_string());
        let input = self.input.to_guest();
        let answer = self
            .ask("cleanUp")
            .one(async |guest, store| guest.cleanup(store, &input, kind, &spec, &state).await);
        match answer.await {
            Err(CallError::Provider(ProviderError::NotFound(_))) => Ok(()),
            other => other,
        }
    }
}

/// What it leaves behind, as JSON.
fn state(text: &str) -> Result<Json, CallError> {
    let wrong = |what: String| CallError::from(Fault::BadAnswer(what));
    if text.len() > MAX_STATE {
        return Err(wrong(format!("a state of {} bytes, more than {MAX_STATE}", text.len())));
    }
    serde_json::from_str(text).map_err(|_| wrong("a state that is not JSON".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_json_of_a_size() {
        assert!(state(r#"{"id": 1}"#).is_ok_and(|state| state["id"] == 1));
        assert!(state("id").is_err());
        assert!(state(&format!("\"{}\"", "x".repeat(MAX_STATE))).is_err());
    }

    fn kind(name: &str, schema: &str, at: &str) -> guest::Kind {
        guest::Kind { name: name.to_owned(), spec_schema: schema.to_owned(), config_at: at.to_owned() }
    }

    #[test]
    fn what_is_said_of_kinds_is_checked() {
        let one = || kind("VaultDynamicSecret", "{}", "/provider");
        assert!(kinds(vec![one()]).is_ok_and(|kinds| kinds.contains_key("VaultDynamicSecret")));
        let many = (0..=MAX_KINDS).map(|n| kind(&format!("k{n}"), "{}", "")).collect();
        for (what, said) in [
            ("two generators", vec![one(), one()]),
            ("no JSON pointer", vec![kind("x", "{}", "provider")]),
            ("kind of generator", vec![kind("a b", "{}", "")]),
            ("must not be called SecretStore", vec![kind("SecretStore", "{}", "")]),
            ("must not be called ClusterGenerator", vec![kind("ClusterGenerator", "{}", "")]),
            ("schema", vec![kind("x", "{", "")]),
            ("more than 32", many),
        ] {
            let found = kinds(said).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(found.contains(what), "{what}: {found}");
        }
    }
}
