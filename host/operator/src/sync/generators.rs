//! Generators: found, connected and called, whoever asks. What becomes of what they make is each caller's.

use std::sync::Arc;

use claviger_core::error::{Failure, StoreName};
use claviger_core::generator::CLUSTER_GENERATOR;
use claviger_core::lease::Source;
use claviger_core::provider::Generated;
use claviger_plugins::{Requester, Session, StoreRef};
use jiff::Timestamp;
use serde_json::Value;

use super::connect::{CONNECT, connected, generator_name};
use super::noted::Noted;
use super::told::Call;
use super::world::{GeneratorView, World};
use super::{Pipeline, permitted};

impl Pipeline {
    /// A generator, as it is now.
    ///
    /// # Errors
    /// That it is not there, or that nobody answers to its kind.
    pub(crate) async fn generator(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        world: &dyn World,
    ) -> Result<GeneratorView, Failure> {
        // A kind that nobody answers to need not be defined, nor may we read it. It may come from an annotation, and becomes
        // part of a request's path.
        self.registry.may_generate(kind)?;
        let view = world.generator(kind, namespace, name).await?;
        self.registry.generator(&view.kind)?;
        Ok(view)
    }

    /// A session with a generator, which nobody else uses: it is connected when it makes something or takes it back.
    pub(super) async fn generator_session(
        &self,
        source: &Source,
        view: &GeneratorView,
        namespace: &str,
        world: &dyn World,
    ) -> Result<Arc<Session>, Failure> {
        let installed = self.registry.generator(&view.kind)?;
        permitted(&installed, &installed.plugin.id().name, namespace, world).await?;
        // A ClusterGenerator is what it would be in the namespace of who asks: another one in each.
        let uid = match source.kind.as_str() {
            CLUSTER_GENERATOR => format!("{}/{namespace}", view.uid),
            _ => view.uid.clone(),
        };
        let generator = StoreRef {
            kind: view.kind.clone(),
            name: source.name.clone(),
            namespace: Some(namespace.to_owned()),
            uid,
            generation: view.generation,
        };
        let requester = Requester { namespace: namespace.to_owned() };
        // Its references are resolved as those of a SecretStore in its namespace. That one of them changed is seen
        // when it is connected again: it makes nothing anew for that.
        let credentials = world.credentials(None);
        let plugin = &installed.plugin;
        let name = generator_name(&source.kind, namespace, &source.name);
        let (call, credentials) = (Call::by(world, CONNECT, &name, plugin.id()), Noted::new(credentials));
        let session = plugin.connect_generator(generator, requester, &view.spec, credentials.clone()).await;
        connected(&call, &session, &credentials);
        session.map_err(|error| Failure::from_call(&name, None, None, plugin.id(), error))
    }

    /// Has a generator of that name and spec make something. `previous`: what it left behind the last time.
    ///
    /// # Errors
    /// As every call of the plugin.
    pub(super) async fn generate(
        &self,
        session: &Session,
        (name, spec): (&StoreName, &Value),
        previous: Option<&Value>,
        now: Timestamp,
        world: &dyn World,
    ) -> Result<Generated, Failure> {
        let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let told = Call::begin(world, "generate", name, session);
        let call = session.generate(spec, previous, now_ms, rand::random());
        let made = self.fetcher.call(session, call).await;
        told.ended(&made);
        made.map_err(|error| Failure::from_call(name, None, None, session.plugin().id(), error))
    }

    /// Has it take back what it left behind.
    ///
    /// # Errors
    /// As every call of the plugin.
    pub(super) async fn cleaned_up(
        &self,
        session: &Session,
        (name, spec): (&StoreName, &Value),
        state: &Value,
        world: &dyn World,
    ) -> Result<(), Failure> {
        let told = Call::begin(world, "cleanUp", name, session);
        let cleaned = self.fetcher.call(session, session.clean_up(spec, state)).await;
        told.ended(&cleaned);
        cleaned.map_err(|error| Failure::from_call(name, None, None, session.plugin().id(), error))
    }

    /// The same of what it left behind long ago, with the spec that it had then.
    ///
    /// # Errors
    /// Why not: trying again may help.
    pub async fn clean_up(
        &self,
        source: &Source,
        view: &GeneratorView,
        namespace: &str,
        world: &dyn World,
        state: &Value,
    ) -> Result<(), Failure> {
        let session = self.generator_session(source, view, namespace, world).await?;
        let name = generator_name(&source.kind, namespace, &source.name);
        self.cleaned_up(&session, (&name, &view.spec), state, world).await
    }
}
