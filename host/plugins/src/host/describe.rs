//! From compiled code to a plugin: what it is, what it says of itself, and that it does something at all.

use std::sync::Arc;

use claviger_core::provider::{Fault, PluginId};
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::Component;

use super::PluginHost;
use crate::call::{self, CallSetup, CallState};
use crate::component::{self, Inspection, World};
use crate::described;
use crate::error::{PluginsError, first_line};
use crate::generators;
use crate::grants::Grants;
use crate::guest::{EngineGuest, ProviderCode, engine as engine_guest};
use crate::log::{LogBudget, LogGate};
use crate::plugin::{Code, Description, Plugin, Provider, SEED};
use crate::rooms::Rooms;
use crate::schema::ConfigSchema;
use crate::usage::Usage;
use crate::v1;

impl PluginHost {
    /// Asks a component to describe itself. `size` is that of its bytes, which only an inspection tells; `name` as in [`Self::take`].
    pub(super) async fn describe(
        &self,
        component: Component,
        size: usize,
        digest: String,
        grants: Grants,
        name: Option<&str>,
    ) -> Result<Plugin, PluginsError> {
        let (types, engine) = (component.component_type(), &self.machine.engine);
        let imports = component::interfaces("imports", types.imports(engine).map(|(name, _)| name))?;
        let exports = component::interfaces("exports", types.exports(engine).map(|(name, _)| name))?;
        let mut inspection = Inspection {
            digest: digest.clone(),
            size,
            worlds: component::world_names(&exports),
            ..Inspection::default()
        };
        let usage = Arc::new(Usage::default());
        let code = match component::world(&imports, &exports)? {
            World::Provider => self.provider(&component, &grants, &usage, &mut inspection, &exports).await?,
            World::Engine => self.engine(&component, &grants, &usage, &mut inspection).await?,
        };
        inspection.imports = imports;
        inspection.exports = exports;
        let name = name.unwrap_or(&inspection.name).to_owned();
        Ok(Plugin {
            id: PluginId { name, version: inspection.version.clone(), digest },
            machine: self.machine.clone(),
            code: Arc::new(code),
            inspection: Arc::new(inspection),
            usage,
            log: Arc::default(),
            rooms: Rooms::new(grants.concurrency),
            grants,
            egress: self.egress.clone(),
            memo: self.memo.clone(),
            ambient: self.ambient.clone(),
        })
    }

    async fn provider(
        &self,
        component: &Component,
        grants: &Grants,
        usage: &Arc<Usage>,
        inspection: &mut Inspection,
        exports: &[String],
    ) -> Result<Code, PluginsError> {
        let link = |error: wasmtime::Error| PluginsError::Link(first_line(&error));
        let pre = self.machine.provider.instantiate_pre(component).map_err(link)?;
        let guest = ProviderCode::new(v1::Provider::new(pre, exports).map_err(link)?);
        let (said, kinds) = self
            .alone("describe", grants, usage, async |store| guest.describe(store).await)
            .await
            .map_err(PluginsError::Describe)?;
        let schema = ConfigSchema::new(&said.config_schema).map_err(PluginsError::BadDescription)?;
        let push_metadata = said.push_metadata_schema.as_deref().map(ConfigSchema::new).transpose();
        let push_metadata = push_metadata.map_err(PluginsError::BadDescription)?;
        let description = Description {
            property_order: described::steps("property-order", said.property_order)?,
            metadata_order: described::steps("metadata-order", said.metadata_order)?,
            capabilities: described::capabilities(said.capabilities),
            max_batch: usize::try_from(said.max_batch).unwrap_or(1).clamp(1, described::MAX_BATCH),
        };
        described::check_capabilities(&description.capabilities, exports)?;
        let kinds = generators::kinds(kinds)?;
        inspection.generators = kinds.keys().cloned().collect();
        inspection.generator_schemas = generators::schemas(&kinds);
        inspection.name = described::label("name", said.name)?;
        inspection.version = described::label("version", said.version)?;
        inspection.capabilities.clone_from(&description.capabilities);
        inspection.origins = described::lines("origins", said.origins)?;
        inspection.config_schema = Some(schema.document().clone());
        inspection.push_metadata_schema = push_metadata.as_ref().map(|schema| schema.document().clone());
        Ok(Code::Provider(Box::new(Provider { guest, description, schema, push_metadata, kinds })))
    }

    async fn engine(
        &self,
        component: &Component,
        grants: &Grants,
        usage: &Arc<Usage>,
        inspection: &mut Inspection,
    ) -> Result<Code, PluginsError> {
        let link = |error: wasmtime::Error| PluginsError::Link(first_line(&error));
        let pre = self.machine.template.instantiate_pre(component).map_err(link)?;
        let guest: Box<dyn EngineGuest> = Box::new(v1::Engine::new(pre).map_err(link)?);
        let said = self
            .alone("describe", grants, usage, async |store| guest.describe(store).await)
            .await
            .map_err(PluginsError::Describe)?;
        inspection.name = described::label("name", said.name)?;
        inspection.version = described::label("version", said.version)?;
        inspection.functions = described::lines("functions", said.functions)?;
        self.first_rendering(guest.as_ref(), grants, usage).await?;
        Ok(Code::Engine(guest))
    }

    /// An empty template, which every language has: whether a rendering comes back at all.
    async fn first_rendering(
        &self,
        guest: &dyn EngineGuest,
        grants: &Grants,
        usage: &Arc<Usage>,
    ) -> Result<(), PluginsError> {
        let empty = [engine_guest::Template { name: "smoke".to_owned(), text: String::new() }];
        let options = engine_guest::Options {
            strict: true,
            left_delimiter: String::new(),
            right_delimiter: String::new(),
            now_ms: 0,
            seed: vec![0; SEED],
        };
        let answer = self
            .alone("smoke test", grants, usage, async |store| {
                guest.render(store, &empty, &[], &options).await
            })
            .await
            .map_err(|fault| PluginsError::Smoke(fault.to_string()))?;
        match answer {
            Ok(rendered) if rendered.len() == 1 => Ok(()),
            Ok(rendered) => Err(PluginsError::Smoke(format!("{} texts for one template", rendered.len()))),
            Err(failure) => Err(PluginsError::Smoke(described::line(&failure.detail))),
        }
    }

    /// A call that belongs to no store: it reaches nothing and keeps nothing.
    async fn alone<T>(
        &self,
        what: &str,
        grants: &Grants,
        usage: &Arc<Usage>,
        body: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let log = LogGate::new(what.into(), Arc::new(LogBudget::default()), Vec::new(), None);
        let setup = CallSetup { holder: None, egress: None, memo: None, log };
        call::run(&self.machine, grants, usage, setup, Instant::now() + grants.wall, body).await
    }
}
