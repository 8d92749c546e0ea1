//! Template engines of version 1.

use async_trait::async_trait;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::bindings::engine::TemplateEnginePre;
use crate::call::CallState;
use crate::guest::{EngineGuest, engine};

/// A component of the world `template-engine`.
pub(crate) struct Engine(TemplateEnginePre<CallState>);

impl Engine {
    /// Looks its interface up.
    ///
    /// # Errors
    /// If it is missing or of other types.
    pub(crate) fn new(pre: InstancePre<CallState>) -> wasmtime::Result<Self> {
        TemplateEnginePre::new(pre).map(Self)
    }
}

#[async_trait]
impl EngineGuest for Engine {
    async fn describe(&self, store: &mut Store<CallState>) -> wasmtime::Result<engine::Description> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        instance.claviger_plugin_engine().call_describe(store).await
    }

    async fn render(
        &self,
        store: &mut Store<CallState>,
        templates: &[engine::Template],
        data: &[(String, Vec<u8>)],
        options: &engine::Options,
    ) -> wasmtime::Result<Result<Vec<engine::Rendered>, engine::Failure>> {
        let instance = self.0.instantiate_async(&mut *store).await?;
        instance.claviger_plugin_engine().call_render(store, templates, data, options).await
    }
}
