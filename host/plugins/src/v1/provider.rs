//! Providers of version 1: the interfaces that every one has, and those that it may have.
//!
//! An optional interface that is exported and is not ours in type is an error at load, not a capability less.

use async_trait::async_trait;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::call::CallState;
use crate::component;
use crate::guest::{
    Answer, Each, Generation, ProviderGuest, connection, generator, leases, provider, source, types, writer,
};

/// A component of the world `provider-plugin`, or of one that includes it.
pub(crate) struct Provider {
    pre: InstancePre<CallState>,
    connection: connection::GuestIndices,
    provider: provider::GuestIndices,
    writer: Option<writer::GuestIndices>,
    leases: Option<leases::GuestIndices>,
    generator: Option<generator::GuestIndices>,
    events: Option<source::GuestIndices>,
}

impl Provider {
    /// Looks its interfaces up, of a component with these exports.
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
            events: component::exports_events(exports)
                .then(|| source::GuestIndices::new(&pre))
                .transpose()?,
            pre,
        })
    }

    async fn instance(&self, store: &mut Store<CallState>) -> wasmtime::Result<Instance> {
        self.pre.instantiate_async(store).await
    }

    async fn base(&self, store: &mut Store<CallState>) -> wasmtime::Result<provider::Guest> {
        let instance = self.instance(store).await?;
        self.provider.load(store, &instance)
    }

    async fn writer(&self, store: &mut Store<CallState>) -> Answer<writer::Guest> {
        let Some(indices) = &self.writer else { return unsupported("it cannot be written to") };
        let instance = self.instance(store).await?;
        indices.load(store, &instance).map(Ok)
    }

    async fn leases(&self, store: &mut Store<CallState>) -> Answer<leases::Guest> {
        let Some(indices) = &self.leases else { return unsupported("it has no leases") };
        let instance = self.instance(store).await?;
        indices.load(store, &instance).map(Ok)
    }

    async fn generator(&self, store: &mut Store<CallState>) -> Answer<generator::Guest> {
        let Some(indices) = &self.generator else { return unsupported("it has no generators") };
        let instance = self.instance(store).await?;
        indices.load(store, &instance).map(Ok)
    }

    async fn events(&self, store: &mut Store<CallState>) -> Answer<source::Guest> {
        let Some(indices) = &self.events else { return unsupported("it tells of no changes") };
        let instance = self.instance(store).await?;
        indices.load(store, &instance).map(Ok)
    }
}

/// What a plugin without an interface is taken to say.
fn unsupported<T>(what: &str) -> Answer<T> {
    Ok(Err(types::Error::Unsupported(what.to_owned())))
}

/// A session in the words of the events' package.
fn of_events(session: &connection::ConnectInput) -> source::Session {
    use connection::Resolved;
    let annotation = |it: &connection::Annotation| {
        let connection::Annotation { name, value } = it;
        source::Annotation { name: name.clone(), value: value.clone() }
    };
    let slot = |slot: &connection::SlotValue| source::SlotValue {
        slot: slot.slot.clone(),
        value: match &slot.value {
            Resolved::Bytes(bytes) => source::Resolved::Bytes(bytes.clone()),
            Resolved::Account(list) => source::Resolved::Account(list.iter().map(annotation).collect()),
            Resolved::Withheld => source::Resolved::Withheld,
            Resolved::Absent => source::Resolved::Absent,
        },
    };
    source::Session {
        store: session.store.clone(),
        requester: session.requester.clone(),
        config: session.config.clone(),
        settings: session.settings.clone(),
        have: session.have.iter().map(slot).collect(),
    }
}

#[async_trait]
impl ProviderGuest for Provider {
    async fn describe(
        &self,
        store: &mut Store<CallState>,
    ) -> wasmtime::Result<(provider::Description, Vec<generator::Kind>)> {
        let instance = self.instance(store).await?;
        let said = self.provider.load(&mut *store, &instance)?.call_describe(&mut *store).await?;
        let kinds = match &self.generator {
            Some(indices) => indices.load(&mut *store, &instance)?.call_kinds(store).await?,
            None => Vec::new(),
        };
        Ok((said, kinds))
    }

    async fn connect(
        &self,
        store: &mut Store<CallState>,
        input: &connection::ConnectInput,
    ) -> Answer<connection::Step> {
        let instance = self.instance(store).await?;
        self.connection.load(&mut *store, &instance)?.call_connect(store, input).await
    }

    async fn validate(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
    ) -> Answer<provider::Health> {
        self.base(store).await?.call_validate(store, session).await
    }

    async fn get(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        items: &[provider::Item],
    ) -> Each<provider::Value> {
        self.base(store).await?.call_get(store, session, items).await
    }

    async fn find(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        query: &provider::Query,
        cursor: Option<&str>,
    ) -> Answer<provider::Page> {
        self.base(store).await?.call_find(store, session, query, cursor).await
    }

    async fn push(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        writes: &[writer::Write],
    ) -> Each<writer::Outcome> {
        match self.writer(store).await? {
            Ok(writer) => writer.call_push(store, session, writes).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn delete(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        removals: &[writer::Removal],
    ) -> Each<()> {
        match self.writer(store).await? {
            Ok(writer) => writer.call_delete(store, session, removals).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn exists(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        keys: &[String],
    ) -> Each<bool> {
        match self.writer(store).await? {
            Ok(writer) => writer.call_exists(store, session, keys).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn renew(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        lease: &provider::Lease,
        increment_ms: u64,
    ) -> Answer<provider::Lease> {
        match self.leases(store).await? {
            Ok(leases) => leases.call_renew(store, session, lease, increment_ms).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn revoke(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        lease: &provider::Lease,
    ) -> Answer<()> {
        match self.leases(store).await? {
            Ok(leases) => leases.call_revoke(store, session, lease).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn generate(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        asked: Generation<'_>,
    ) -> Answer<generator::Generated> {
        let Generation { kind, spec, previous, options } = asked;
        match self.generator(store).await? {
            Ok(generator) => generator.call_generate(store, session, kind, spec, previous, options).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn cleanup(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        kind: &str,
        spec: &types::Json,
        state: &types::Json,
    ) -> Answer<()> {
        match self.generator(store).await? {
            Ok(generator) => generator.call_cleanup(store, session, kind, spec, state).await,
            Err(error) => Ok(Err(error)),
        }
    }

    fn listens(&self) -> bool {
        self.events.is_some()
    }

    async fn poll(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        most: u32,
        wait_ms: u64,
    ) -> Answer<Vec<source::Notice>> {
        match self.events(store).await? {
            Ok(source) => source.call_poll(store, &of_events(session), most, wait_ms).await,
            Err(error) => Ok(Err(error)),
        }
    }

    async fn acknowledge(
        &self,
        store: &mut Store<CallState>,
        session: &connection::ConnectInput,
        receipts: &[String],
    ) -> Each<()> {
        match self.events(store).await? {
            Ok(source) => source.call_acknowledge(store, &of_events(session), receipts).await,
            Err(error) => Ok(Err(error)),
        }
    }
}
