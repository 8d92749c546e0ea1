//! The plugin host: takes bytes, gives plugins.
//!
//! Where the bytes come from, and whether they are the ones that an admin named, is decided before
//! (`package`). Here it is seen to that they are compiled, once (`compile`, `aot`); what makes a plugin of compiled code is in
//! `describe`.

mod describe;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime::component::Component;

use crate::ambient::Ambient;
use crate::aot::{self, Ahead, Cache};
use crate::compile::Compiler;
use crate::component::Inspection;
use crate::egress::{EgressConfig, EgressPool};
use crate::engine::Machine;
use crate::error::{PluginsError, first_line};
use crate::grants::Grants;
use crate::memo::Memo;
use crate::observe::Observer;
use crate::package::{MAX_COMPONENT, digest};
use crate::plugin::Plugin;

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
        self.take(bytes, grants, Some(name)).await.map(Arc::new)
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
        let plugin = self.describe(component, 0, digest.to_owned(), grants, Some(name)).await?;
        Ok(Some(Arc::new(plugin)))
    }

    /// Looks at a component: loads it with no grants and reports what it says.
    ///
    /// # Errors
    /// As [`PluginHost::load`].
    pub async fn inspect(&self, bytes: Vec<u8>) -> Result<Inspection, PluginsError> {
        Ok(self.take(bytes, Grants::default(), None).await?.inspection.as_ref().clone())
    }

    /// The plugin of that name; without one, of the name that it gives itself.
    async fn take(&self, bytes: Vec<u8>, grants: Grants, name: Option<&str>) -> Result<Plugin, PluginsError> {
        let size = bytes.len();
        if size > MAX_COMPONENT {
            return Err(PluginsError::TooLarge { size, limit: MAX_COMPONENT });
        }
        let digest = digest(&bytes);
        let component = self.compiled(bytes, digest.trim_start_matches("sha256:")).await?;
        self.describe(component, size, digest, grants, name).await
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
        let outcome = self.compiler.compile(bytes, artifact).await;
        self.machine.observing.tell(|observer| observer.compiled(outcome.is_ok(), began.elapsed()));
        outcome
    }
}
