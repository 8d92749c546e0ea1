//! What an author writes: [`Provider`], and what a provider may do besides, each against a [`Session`] with the config
//! as its own type. All of it is plain Rust that runs natively; [`crate::export_provider`] makes a component of it.
//!
//! A provider with leases, or one whose generators have a config other than the stores', implements the generated traits
//! of [`crate::provider`] instead.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::connect::Store;
use crate::provider::connection::Ready;
use crate::provider::generator::{Generated, Kind, Options};
use crate::provider::interface::{
    Capability, Description, Facet, Health, Item, Nature, Page, PropertyStep, Query, Value,
};
use crate::provider::writer::{Outcome, Removal, Write};
use crate::session::Session;

/// A provider. Only what has no default has to be written.
pub trait Provider: Sized + 'static {
    /// Its name, the key under `spec.provider` of a store.
    const NAME: &'static str;
    /// Its version, for humans: `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// The config's schema, `include_str!("../config-schema.json")`; a test holds the file current
    /// ([`crate::testing::check_schema`]).
    const CONFIG_SCHEMA: &'static str;
    /// The provider's object of a store.
    type Config: DeserializeOwned + JsonSchema;

    /// What it can do, and how properties are looked up; changes of [`described`].
    fn describe() -> Description {
        described::<Self>()
    }

    /// What a store needs and where it goes then. No network and no memo. It is called in rounds; what it answers counts
    /// once every need that it named is met.
    ///
    /// # Errors
    /// A config that cannot be right.
    fn connect(store: &mut Store<Self::Config>) -> Result<Ready, Error>;

    /// The cheapest real call that shows that a store works.
    ///
    /// # Errors
    /// What keeps it from working.
    fn validate(_session: &Session<'_, Self::Config>) -> Result<Health, Error> {
        Ok(Health::Unknown("this provider reads keys, and has no other call that would tell".to_owned()))
    }

    /// One key.
    ///
    /// # Errors
    /// See [`Error`]: each drives what the host does.
    fn get(_session: &Session<'_, Self::Config>, _item: &Item) -> Result<Value, Error> {
        Err(unsupported::<Self>("read keys"))
    }

    /// One answer per item, in order: each by [`Provider::get`], as far as what is asked is a capability. `max_batch` of
    /// the description says how many there are at most.
    ///
    /// # Errors
    /// What keeps anything from being tried.
    fn get_all(
        session: &Session<'_, Self::Config>,
        items: &[Item],
    ) -> Result<Vec<Result<Value, Error>>, Error> {
        let capabilities = Self::describe().capabilities;
        let one = |item: &Item| {
            if item.facet == Facet::Metadata && !capabilities.contains(Capability::METADATA) {
                return Err(unsupported::<Self>("read metadata: leave metadataPolicy out"));
            }
            if item.version.is_some() && !capabilities.contains(Capability::VERSIONS) {
                return Err(unsupported::<Self>("read versions: leave remoteRef.version out"));
            }
            let value = Self::get(session, item)?;
            let known = value.version.is_some() && value.version == item.known_version;
            if known { Err(Error::NotModified) } else { Ok(value) }
        };
        Ok(items.iter().map(one).collect())
    }

    /// A page of keys.
    ///
    /// # Errors
    /// What the backend says; by default that it cannot be searched.
    fn find(
        _session: &Session<'_, Self::Config>,
        _query: &Query,
        _cursor: Option<&str>,
    ) -> Result<Page, Error> {
        Err(unsupported::<Self>("be searched"))
    }
}

/// A provider that also writes: capability `WRITER`. What it writes bears the mark `managed-by: external-secrets`, and
/// what is there without it is `denied`.
pub trait Writer: Provider {
    /// Writes one.
    ///
    /// # Errors
    /// [`Error::Denied`] for what others keep, [`Error::Conflict`] where another version is there than was expected.
    fn push(session: &Session<'_, Self::Config>, write: &Write) -> Result<Outcome, Error>;

    /// Deletes one. That it is not there is no error.
    ///
    /// # Errors
    /// As of [`Writer::push`].
    fn delete(session: &Session<'_, Self::Config>, removal: &Removal) -> Result<(), Error>;

    /// Is it there, whoever keeps it?
    ///
    /// # Errors
    /// What the backend says.
    fn exists(session: &Session<'_, Self::Config>, key: &str) -> Result<bool, Error>;
}

/// A provider that also generates, with the stores' config: capability `GENERATOR`.
pub trait Generator: Provider {
    /// The kinds of generators.
    fn kinds() -> Vec<Kind>;

    /// New values, and a state if something has to be taken back of them.
    ///
    /// # Errors
    /// What the backend says.
    fn generate(session: &Session<'_, Self::Config>, asked: &Asked) -> Result<Generated, Error>;

    /// Takes back what was made. What is gone already is a success.
    ///
    /// # Errors
    /// What the backend says.
    fn cleanup(
        _session: &Session<'_, Self::Config>,
        _kind: &str,
        _spec: &str,
        _state: &str,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// What is asked of a generator.
pub struct Asked {
    /// Its kind.
    pub kind: String,
    /// The whole spec.
    pub spec: String,
    /// The last state of the same ExternalSecret and generator.
    pub previous: Option<String>,
    /// Time and chance.
    pub options: Options,
}

/// What the constants of a provider say, and for the rest: it reads keys, one a call, and properties are looked up by
/// name and then as a path.
pub fn described<P: Provider>() -> Description {
    Description {
        name: P::NAME.to_owned(),
        version: P::VERSION.to_owned(),
        config_schema: P::CONFIG_SCHEMA.to_owned(),
        push_metadata_schema: None,
        capabilities: Capability::GET,
        property_order: vec![PropertyStep::Literal, PropertyStep::Path],
        metadata_order: Vec::new(),
        origins: Vec::new(),
        max_batch: 1,
    }
}

pub(crate) fn unsupported<P: Provider>(what: &str) -> Error {
    Error::Unsupported(format!("the provider {} cannot {what}", P::NAME))
}

impl Value {
    /// A value that everybody who asks with the same credential may have.
    pub fn new(data: impl Into<Vec<u8>>) -> Self {
        Self {
            data: data.into(),
            entries: None,
            version: None,
            metadata: None,
            lease: None,
            shareable: true,
            dynamic: false,
        }
    }

    /// With a version, if there is one.
    #[must_use]
    pub fn version(self, version: Option<impl Into<String>>) -> Self {
        Self { version: version.map(Into::into), ..self }
    }
}

impl Item {
    /// The value of a key.
    pub fn new(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            version: None,
            property: None,
            facet: Facet::Value,
            known_version: None,
            nature: Nature::Stored,
        }
    }
}
