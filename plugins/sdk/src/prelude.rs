//! Everything that a provider or an engine usually needs: `use claviger_plugin_sdk::prelude::*;`.

pub use schemars::{self, JsonSchema};

pub use crate::connect as need;
pub use crate::connect::Store;
pub use crate::engine::{Data, Engine, Failure, Options, Rendered};
pub use crate::plugin::{Provider, described};
pub use crate::provider::connection::{Material, Origin, Ready};
pub use crate::provider::interface::{
    Capability, Description, Found, Health, Item, Page, PropertyStep, Query, Value,
};
pub use crate::reference::{ConfigMapRef, ObjectRef, SecretRef, ServiceAccountRef};
pub use crate::request::{Reply, Request};
pub use crate::session::Session;
pub use crate::{Error, RateLimit, export_engine, export_events, export_provider, invalid_config, url};
