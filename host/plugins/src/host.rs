//! The plugin host: takes bytes, gives plugins.
//!
//! Where the bytes come from, and whether they are the ones that an admin named, is decided before
//! (`package`). Compiling is in `compile`, what a component says without being run in `component`.

use std::path::PathBuf;
use std::sync::Arc;

use claviger_core::provider::{Fault, PluginId};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::Component;

use crate::ambient::Ambient;
use crate::aot::{self, Ahead, Cache};
use crate::call::{self, CallSetup, CallState};
use crate::compile::{self, Compiler};
use crate::component::{self, Inspection, World};
use crate::egress::{EgressConfig, EgressPool};
use crate::engine::Machine;
use crate::error::{PluginsError, first_line};
use crate::generators;
use crate::grants::Grants;
use crate::guest::{EngineGuest, ProviderCode, engine as engine_guest};
use crate::log::{LogBudget, LogGate};
use crate::memo::Memo;
use crate::observe::Observer;
use crate::package::{MAX_COMPONENT, digest};
use crate::plugin::{Code, Description, Plugin, Provider, SEED};
use crate::rooms::Rooms;
use crate::schema::ConfigSchema;
use crate::usage::Usage;
use crate::v1;

/// Settings of the host.
#[derive(Clone, Debug, Default)]
pub struct HostConfig {
    /// Where compiled components are kept between runs; none: compile at each load.
    pub cache_dir: Option<PathBuf>,
    /// Where components lie that were compiled ahead, if that folder is there.
    pub ahead_dir: Option<PathBuf>,
    /// Who compiles.
    pub compiler: Compiler,
    /// How plugins may reach the network.
    pub egress: EgressConfig,
}

/// Loads plugins; owns the engine, the HTTP clients and the memos.
pub struct PluginHost {
    machine: Arc<Machine>,
    cache: Option<Cache>,
    ahead: Option<Ahead>,
    compiler: Compiler,
    /// One compilation at a time: each may take all the memory that can be spared.
    compiling: Semaphore,
    egress: Arc<EgressPool>,
    memo: Arc<Memo>,
    ambient: Option<Arc<Ambient>>,
}

impl PluginHost {
    /// Starts the engine.
    ///
    /// # Errors
    /// If this machine cannot run it, or the cache directory cannot be used.
    pub fn new(config: HostConfig) -> Result<Arc<Self>, PluginsError> {
        let machine = Machine::new()?;
        let cache = config.cache_dir.map(|dir| Cache::open(&dir, &machine.engine)).transpose()?;
        let ahead = config.ahead_dir.and_then(|dir| Ahead::open(&dir, &machine.engine));
        Ok(Arc::new(Self {
            machine: Arc::new(machine),
            cache,
            ahead,
            compiler: config.compiler,
            compiling: Semaphore::new(1),
            ambient: config.egress.metadata.then(|| Arc::new(Ambient::new())),
            egress: Arc::new(EgressPool::new(config.egress)),
            memo: Arc::default(),
        }))
    }

    /// The HTTP side, for its counters.
    pub fn egress(&self) -> &EgressPool {
        &self.egress
    }

    /// Has calls told to whoever counts them. The first who asks for it stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.machine.observing.set(observer);
    }

    /// What became of look-ups in the memos of all plugins since the start, by outcome.
    pub fn memo_counts(&self) -> [(&'static str, u64); 5] {
        self.memo.counts()
    }

    /// Drops credentials of the surroundings that are too old. To be called now and then.
    pub fn sweep(&self) {
        if let Some(ambient) = &self.ambient {
            ambient.sweep();
        }
    }

    /// Loads a component as the plugin of that name: compiles it, asks it to describe itself and, if it is
    /// a template engine, renders something. What does not pass that is not a plugin.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn load(
        &self,
        name: &str,
        bytes: Vec<u8>,
        grants: Grants,
    ) -> Result<Arc<Plugin>, PluginsError> {
        let mut plugin = self.take(bytes, grants).await?;
        name.clone_into(&mut plugin.id.name);
        Ok(Arc::new(plugin))
    }

    /// Loads the component with that digest, if what was compiled of it is kept: then nobody needs its bytes.
    ///
    /// # Errors
    /// As [`PluginHost::load`].
    pub async fn load_kept(
        &self,
        name: &str,
        digest: &str,
        grants: Grants,
    ) -> Result<Option<Arc<Plugin>>, PluginsError> {
        let Some(component) = self.kept(digest.trim_start_matches("sha256:")) else { return Ok(None) };
        // How large it was is told only to who inspects a file.
        let mut plugin = self.describe(component, 0, digest.to_owned(), grants).await?;
        name.clone_into(&mut plugin.id.name);
        Ok(Some(Arc::new(plugin)))
    }

    /// Looks at a component: loads it with no grants and reports what it says.
    ///
    /// # Errors
    /// As [`PluginHost::load`].
    pub async fn inspect(&self, bytes: Vec<u8>) -> Result<Inspection, PluginsError> {
        Ok(self.take(bytes, Grants::default()).await?.inspection.as_ref().clone())
    }

    async fn take(&self, bytes: Vec<u8>, grants: Grants) -> Result<Plugin, PluginsError> {
        let size = bytes.len();
        if size > MAX_COMPONENT {
            return Err(PluginsError::TooLarge { size, limit: MAX_COMPONENT });
        }
        let digest = digest(&bytes);
        let component = self.compiled(bytes, digest.trim_start_matches("sha256:")).await?;
        self.describe(component, size, digest, grants).await
    }

    async fn describe(
        &self,
        component: Component,
        size: usize,
        digest: String,
        grants: Grants,
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
        Ok(Plugin {
            id: PluginId { name: inspection.name.clone(), version: inspection.version.clone(), digest },
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

    /// Compiled ahead, or from the cache.
    fn kept(&self, digest: &str) -> Option<Component> {
        let engine = &self.machine.engine;
        let ahead = self.ahead.as_ref().and_then(|ahead| ahead.load(engine, digest));
        ahead.or_else(|| self.cache.as_ref().and_then(|cache| cache.load(engine, digest)))
    }

    /// Compiled ahead, from the cache, or made now.
    async fn compiled(&self, bytes: Vec<u8>, digest: &str) -> Result<Component, PluginsError> {
        let engine = &self.machine.engine;
        if let Some(component) = self.kept(digest) {
            return Ok(component);
        }
        let failed = |error: &dyn std::fmt::Display| PluginsError::Compile(first_line(error));
        let full = |error: &std::io::Error| PluginsError::NoRoom(first_line(error));
        let _turn = self.compiling.acquire().await.map_err(|error| failed(&error))?;
        // Somebody else may have made it meanwhile.
        if let Some(component) = self.kept(digest) {
            return Ok(component);
        }
        match &self.cache {
            Some(cache) => {
                let pending = cache.begin(digest, bytes.len()).map_err(|error| full(&error))?;
                self.compile(bytes, pending.file().map_err(|error| full(&error))?).await?;
                pending.keep(engine)
            }
            None => {
                let file = tempfile::tempfile()
                    .map_err(|error| PluginsError::NoRoom(format!("there is no temporary file ({error})")))?;
                self.compile(bytes, file.try_clone().map_err(|error| full(&error))?).await?;
                aot::map(engine, &file).map_err(|error| failed(&error))
            }
        }
    }

    async fn compile(&self, bytes: Vec<u8>, artifact: std::fs::File) -> Result<(), PluginsError> {
        let began = Instant::now();
        let outcome = self.compile_into(bytes, artifact).await;
        self.machine.observing.tell(|observer| observer.compiled(outcome.is_ok(), began.elapsed()));
        outcome
    }

    async fn compile_into(&self, bytes: Vec<u8>, artifact: std::fs::File) -> Result<(), PluginsError> {
        match &self.compiler {
            Compiler::Child(child) => compile::run(child, bytes, artifact).await,
            Compiler::InProcess => {
                let work = move || {
                    let compiled = compile::here(&bytes)?;
                    std::io::Write::write_all(&mut &artifact, &compiled)
                        .map_err(|error| PluginsError::NoRoom(first_line(&error)))
                };
                let done = tokio::task::spawn_blocking(work).await;
                done.map_err(|error| PluginsError::Compile(error.to_string()))?
            }
        }
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
            property_order: component::steps("property-order", said.property_order)?,
            metadata_order: component::steps("metadata-order", said.metadata_order)?,
            capabilities: component::capabilities(said.capabilities),
            max_batch: usize::try_from(said.max_batch).unwrap_or(1).clamp(1, component::MAX_BATCH),
        };
        component::check_capabilities(&description.capabilities, exports)?;
        let kinds = generators::kinds(kinds)?;
        inspection.generators = kinds.keys().cloned().collect();
        inspection.generator_schemas = generators::schemas(&kinds);
        inspection.name = component::label("name", said.name)?;
        inspection.version = component::label("version", said.version)?;
        inspection.capabilities.clone_from(&description.capabilities);
        inspection.origins = component::lines("origins", said.origins)?;
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
        inspection.name = component::label("name", said.name)?;
        inspection.version = component::label("version", said.version)?;
        inspection.functions = component::lines("functions", said.functions)?;
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
            Err(failure) => Err(PluginsError::Smoke(component::line(&failure.detail))),
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
        let setup = CallSetup { egress: None, memo: None, log };
        call::run(&self.machine, grants, usage, setup, Instant::now() + grants.wall, body).await
    }
}
