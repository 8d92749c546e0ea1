//! A provider's component with its interfaces looked up: those that every provider has, and those that it may have.
//!
//! An optional interface that is exported and is not ours in type is an error at load, not a capability less.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::provider::exports::claviger::plugin::{connection, generator, leases, provider, writer};
use crate::call::CallState;
use crate::component;

/// A component ready to be instantiated.
pub(crate) struct GuestPre {
    pre: InstancePre<CallState>,
    connection: connection::GuestIndices,
    provider: provider::GuestIndices,
    writer: Option<writer::GuestIndices>,
    leases: Option<leases::GuestIndices>,
    generator: Option<generator::GuestIndices>,
}

impl GuestPre {
    /// Looks the interfaces up, of a component with these exports.
    ///
    /// # Errors
    /// If one is missing or of other types.
    pub(crate) fn new(pre: InstancePre<CallState>, exports: &[String]) -> wasmtime::Result<Self> {
        let has = |interface: &str| component::exports(exports, interface);
        Ok(Self {
            connection: connection::GuestIndices::new(&pre)?,
            provider: provider::GuestIndices::new(&pre)?,
            writer: has("writer").then(|| writer::GuestIndices::new(&pre)).transpose()?,
            leases: has("leases").then(|| leases::GuestIndices::new(&pre)).transpose()?,
            generator: has("generator").then(|| generator::GuestIndices::new(&pre)).transpose()?,
            pre,
        })
    }

    /// A fresh instance.
    ///
    /// # Errors
    /// If it traps on the way.
    pub(crate) async fn instantiate(&self, store: &mut Store<CallState>) -> wasmtime::Result<Guest<'_>> {
        Ok(Guest { instance: self.pre.instantiate_async(store).await?, of: self })
    }
}

/// An instance.
pub(crate) struct Guest<'a> {
    instance: Instance,
    of: &'a GuestPre,
}

impl Guest<'_> {
    /// What every provider has.
    pub(crate) fn connection(&self, store: &mut Store<CallState>) -> wasmtime::Result<connection::Guest> {
        self.of.connection.load(store, &self.instance)
    }

    /// What every provider has.
    pub(crate) fn provider(&self, store: &mut Store<CallState>) -> wasmtime::Result<provider::Guest> {
        self.of.provider.load(store, &self.instance)
    }

    /// Writing, if it does.
    pub(crate) fn writer(&self, store: &mut Store<CallState>) -> wasmtime::Result<Option<writer::Guest>> {
        self.of.writer.as_ref().map(|indices| indices.load(store, &self.instance)).transpose()
    }

    /// Renewing and revoking, if it does.
    pub(crate) fn leases(&self, store: &mut Store<CallState>) -> wasmtime::Result<Option<leases::Guest>> {
        self.of.leases.as_ref().map(|indices| indices.load(store, &self.instance)).transpose()
    }

    /// Generating, if it does.
    pub(crate) fn generator(
        &self,
        store: &mut Store<CallState>,
    ) -> wasmtime::Result<Option<generator::Guest>> {
        self.of.generator.as_ref().map(|indices| indices.load(store, &self.instance)).transpose()
    }
}
