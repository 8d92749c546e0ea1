//! What the host asks of a plugin's code, whatever version of the interface it was built for. Each call is one of a fresh
//! instance, in a store that holds the call's limits.
//!
//! The words are those of the newest version, as generated: a version is one module that implements these traits (`v1`),
//! and an older one translates. Which a component speaks is told by its exports (`component`). Nothing else of the host
//! knows that there are versions.

use async_trait::async_trait;
use wasmtime::Store;

use crate::call::CallState;
pub(crate) use crate::v1::bindings::engine::exports::claviger::plugin::engine;
pub(crate) use crate::v1::bindings::provider::claviger::plugin::{log, memo, types};
pub(crate) use crate::v1::bindings::provider::exports::claviger::events::source;
pub(crate) use crate::v1::bindings::provider::exports::claviger::plugin::{
    connection, generator, leases, provider, writer,
};

/// What a guest says, or how it failed on the way.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

/// One answer per question.
pub(crate) type Each<T> = Answer<Vec<Result<T, types::Error>>>;

/// A provider's code, ready to be instantiated. What it does not export it answers `unsupported` to.
#[async_trait]
pub(crate) trait ProviderGuest: Send + Sync {
    /// What it says of itself, and the kinds of its generators.
    async fn describe(
        &self,
        store: &mut Store<CallState>,
    ) -> wasmtime::Result<(provider::Description, Vec<generator::Kind>)>;

    /// One round.
    async fn connect(
        &self,
        store: &mut Store<CallState>,
        input: &connection::ConnectInput,
    ) -> Answer<connection::Step>;

    /// Whether a store works.
    async fn validate(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
    ) -> Answer<provider::Health>;

    /// Reads.
    async fn get(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        items: &[provider::Item],
    ) -> Each<provider::Value>;

    /// Looks for keys, a page at a time.
    async fn find(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        query: &provider::Query,
        cursor: Option<&str>,
    ) -> Answer<provider::Page>;

    /// Writes.
    async fn push(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        writes: &[writer::Write],
    ) -> Each<writer::Outcome>;

    /// Deletes.
    async fn delete(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        removals: &[writer::Removal],
    ) -> Each<()>;

    /// Whether keys are there.
    async fn exists(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        keys: &[String],
    ) -> Each<bool>;

    /// Prolongs a lease.
    async fn renew(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        lease: &provider::Lease,
        increment_ms: u64,
    ) -> Answer<provider::Lease>;

    /// Takes a lease back.
    async fn revoke(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        lease: &provider::Lease,
    ) -> Answer<()>;

    /// Makes something.
    async fn generate(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        asked: Generation<'_>,
    ) -> Answer<generator::Generated>;

    /// Takes back what was made.
    async fn cleanup(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        kind: &str,
        spec: &types::Json,
        state: &types::Json,
    ) -> Answer<()>;

    /// Whether it can be listened to.
    fn listens(&self) -> bool {
        false
    }

    /// Waits for news.
    async fn poll(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        most: u32,
        wait_ms: u64,
    ) -> Answer<Vec<source::Notice>>;

    /// Takes news off the backend.
    async fn acknowledge(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        receipts: &[String],
    ) -> Each<()>;
}

/// A provider's code of whatever version. A type of its own: a future that borrows a trait object by name is not taken for
/// one that may change threads.
pub(crate) struct ProviderCode(Box<dyn ProviderGuest>);

impl ProviderCode {
    pub(crate) fn new(guest: impl ProviderGuest + 'static) -> Self {
        Self(Box::new(guest))
    }
}

impl std::ops::Deref for ProviderCode {
    type Target = dyn ProviderGuest;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref()
    }
}

/// What is to be made.
pub(crate) struct Generation<'a> {
    pub(crate) kind: &'a str,
    pub(crate) spec: &'a types::Json,
    pub(crate) previous: Option<&'a types::Json>,
    pub(crate) options: &'a generator::Options,
}

/// A template engine's code, ready to be instantiated.
#[async_trait]
pub(crate) trait EngineGuest: Send + Sync {
    /// What it says of itself.
    async fn describe(&self, store: &mut Store<CallState>) -> wasmtime::Result<engine::Description>;

    /// Renders.
    async fn render(
        &self,
        store: &mut Store<CallState>,
        templates: &[engine::Template],
        data: &[(String, Vec<u8>)],
        options: &engine::Options,
    ) -> wasmtime::Result<Result<Vec<engine::Rendered>, engine::Failure>>;
}
