//! The plugin host: takes bytes, gives plugins.

use std::path::PathBuf;
use std::sync::Arc;

use claviger_core::provider::PluginId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::component::Component;

use crate::aot::Cache;
use crate::bindings::engine::TemplateEnginePre;
use crate::bindings::provider::ProviderPluginPre;
use crate::bindings::provider::exports::claviger::plugin::provider::Capability;
use crate::call::{self, CallSetup};
use crate::convert;
use crate::egress::{EgressConfig, EgressPool};
use crate::engine::Machine;
use crate::error::{PluginsError, first_line};
use crate::grants::Grants;
use crate::log::LogGate;
use crate::memo::Memo;
use crate::plugin::{Code, Description, Plugin};
use crate::schema::ConfigSchema;

/// A component larger than this is not compiled: Python's whole runtime is 18 MB.
const MAX_COMPONENT: usize = 64 * 1024 * 1024;
const PROVIDER: &str = "claviger:plugin/provider@0.1.0";
const CONNECTION: &str = "claviger:plugin/connection@0.1.0";
const ENGINE: &str = "claviger:plugin/engine@0.1.0";

/// Settings of the host.
#[derive(Clone, Debug, Default)]
pub struct HostConfig {
    /// Where compiled components are kept between runs; none: compile at each load.
    pub cache_dir: Option<PathBuf>,
    /// How plugins may reach the network.
    pub egress: EgressConfig,
}

/// What a component is and asks for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// What it calls itself.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `sha256:…` of its bytes.
    pub digest: String,
    /// Bytes.
    pub size: usize,
    /// Worlds it fits.
    pub worlds: Vec<String>,
    /// Interfaces it imports.
    pub imports: Vec<String>,
    /// Interfaces it exports.
    pub exports: Vec<String>,
    /// What a provider can do.
    pub capabilities: Vec<String>,
    /// Origins it may ask for, in its own words.
    pub origins: Vec<String>,
    /// JSON Schema of a provider's object in a store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<serde_json::Value>,
    /// Functions of a template engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

/// Loads plugins; owns the engine, the HTTP clients and the memos.
pub struct PluginHost {
    machine: Arc<Machine>,
    cache: Option<Cache>,
    egress: Arc<EgressPool>,
    memo: Arc<Memo>,
}

struct Loaded {
    plugin: Plugin,
    inspection: Inspection,
}

impl PluginHost {
    /// Starts the engine.
    ///
    /// # Errors
    /// If this machine cannot run it, or the cache directory cannot be used.
    pub fn new(config: HostConfig) -> Result<Arc<Self>, PluginsError> {
        let machine = Machine::new()?;
        let cache = config.cache_dir.map(|dir| Cache::open(&dir, &machine.engine)).transpose()?;
        Ok(Arc::new(Self {
            machine: Arc::new(machine),
            cache,
            egress: Arc::new(EgressPool::new(config.egress)),
            memo: Arc::default(),
        }))
    }

    /// The HTTP side, for its counters.
    pub fn egress(&self) -> &EgressPool {
        &self.egress
    }

    /// Loads a component as the plugin of that name.
    ///
    /// # Errors
    /// Why it is not taken.
    pub async fn load(&self, name: &str, bytes: &[u8], grants: Grants) -> Result<Arc<Plugin>, PluginsError> {
        Ok(Arc::new(self.take(name, bytes, grants).await?.plugin))
    }

    /// Looks at a component: loads it with no grants and reports what it says.
    ///
    /// # Errors
    /// As [`PluginHost::load`].
    pub async fn inspect(&self, bytes: &[u8]) -> Result<Inspection, PluginsError> {
        Ok(self.take("", bytes, Grants::default()).await?.inspection)
    }

    async fn take(&self, name: &str, bytes: &[u8], grants: Grants) -> Result<Loaded, PluginsError> {
        if bytes.len() > MAX_COMPONENT {
            return Err(PluginsError::TooLarge { size: bytes.len(), limit: MAX_COMPONENT });
        }
        check_encoding(bytes)?;
        let digest = hex::encode(Sha256::digest(bytes));
        let component = self.compile(bytes, &digest).await?;
        let types = component.component_type();
        let engine = &self.machine.engine;
        let imports: Vec<String> = types.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<String> = types.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let has = |interface: &str| exports.iter().any(|export| export == interface);
        let mut worlds = Vec::new();
        if has(PROVIDER) && has(CONNECTION) {
            worlds.push("claviger:plugin/provider-plugin@0.1.0".to_owned());
        }
        if has(ENGINE) {
            worlds.push("claviger:plugin/template-engine@0.1.0".to_owned());
        }
        let mut inspection = Inspection {
            name: String::new(),
            version: String::new(),
            digest: format!("sha256:{digest}"),
            size: bytes.len(),
            worlds,
            imports,
            exports: exports.clone(),
            capabilities: Vec::new(),
            origins: Vec::new(),
            config_schema: None,
            functions: Vec::new(),
        };
        let code = if has(PROVIDER) && has(CONNECTION) {
            self.provider(&component, &grants, &mut inspection).await?
        } else if has(ENGINE) {
            self.engine(&component, &grants, &mut inspection).await?
        } else {
            let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            return Err(PluginsError::WrongWorld { found });
        };
        let plugin = Plugin {
            id: PluginId {
                name: if name.is_empty() { inspection.name.clone() } else { name.to_owned() },
                version: inspection.version.clone(),
                digest: inspection.digest.clone(),
            },
            machine: self.machine.clone(),
            code,
            permits: Semaphore::new(grants.concurrency.clamp(1, Semaphore::MAX_PERMITS)),
            grants,
            egress: self.egress.clone(),
            memo: self.memo.clone(),
        };
        Ok(Loaded { plugin, inspection })
    }

    async fn compile(&self, bytes: &[u8], digest: &str) -> Result<Component, PluginsError> {
        if let Some(component) =
            self.cache.as_ref().and_then(|cache| cache.load(&self.machine.engine, digest))
        {
            return Ok(component);
        }
        let (engine, owned) = (self.machine.engine.clone(), bytes.to_vec());
        let compiled = tokio::task::spawn_blocking(move || {
            let artifact = engine.precompile_component(&owned)?;
            Ok::<_, wasmtime::Error>(artifact)
        })
        .await
        .map_err(|error| PluginsError::Compile(error.to_string()))?
        .map_err(|error| PluginsError::Compile(first_line(&error)))?;
        if let Some(cache) = &self.cache {
            cache.store(digest, &compiled);
        }
        crate::aot::deserialize(&self.machine.engine, &compiled)
            .map_err(|error| PluginsError::Compile(first_line(&error)))
    }

    async fn provider(
        &self,
        component: &Component,
        grants: &Grants,
        inspection: &mut Inspection,
    ) -> Result<Code, PluginsError> {
        let link = |error: wasmtime::Error| PluginsError::Link(first_line(&error));
        let pre = self.machine.provider.instantiate_pre(component).map_err(link)?;
        let pre = ProviderPluginPre::new(pre).map_err(link)?;
        let mut store = call::store(&self.machine, grants, alone("describe"));
        let said = tokio::time::timeout(grants.wall, async {
            let instance = pre.instantiate_async(&mut store).await?;
            instance.claviger_plugin_provider().call_describe(&mut store).await
        })
        .await
        .map_err(|_| PluginsError::Describe(call::too_slow(grants)))?
        .map_err(|error| PluginsError::Describe(call::fault(&mut store, grants, &error)))?;
        let schema = ConfigSchema::new(&said.config_schema).map_err(PluginsError::BadDescription)?;
        let description = Description {
            property_order: said.property_order.into_iter().map(convert::step).collect(),
            metadata_order: said.metadata_order.into_iter().map(convert::step).collect(),
            capabilities: capabilities(said.capabilities),
            max_batch: usize::try_from(said.max_batch).unwrap_or(1).clamp(1, MAX_BATCH),
        };
        inspection.name = label(&said.name);
        inspection.version = label(&said.version);
        inspection.capabilities.clone_from(&description.capabilities);
        inspection.origins = said.origins.iter().take(64).map(|origin| line(origin)).collect();
        inspection.config_schema = Some(schema.document().clone());
        Ok(Code::Provider(pre, description, schema))
    }

    async fn engine(
        &self,
        component: &Component,
        grants: &Grants,
        inspection: &mut Inspection,
    ) -> Result<Code, PluginsError> {
        let link = |error: wasmtime::Error| PluginsError::Link(first_line(&error));
        let pre = self.machine.template.instantiate_pre(component).map_err(link)?;
        let pre = TemplateEnginePre::new(pre).map_err(link)?;
        let mut store = call::store(&self.machine, grants, alone("describe"));
        let said = tokio::time::timeout(grants.wall, async {
            let instance = pre.instantiate_async(&mut store).await?;
            instance.claviger_plugin_engine().call_describe(&mut store).await
        })
        .await
        .map_err(|_| PluginsError::Describe(call::too_slow(grants)))?
        .map_err(|error| PluginsError::Describe(call::fault(&mut store, grants, &error)))?;
        inspection.name = label(&said.name);
        inspection.version = label(&said.version);
        inspection.functions = said.functions.iter().take(1000).map(|name| label(name)).collect();
        Ok(Code::Engine(pre))
    }
}

/// Items of one get at most: an answer has to fit the output limit.
const MAX_BATCH: usize = 100;

/// A call that belongs to no session.
fn alone(what: &str) -> CallSetup {
    CallSetup { egress: None, memo: None, log: LogGate::new(what.into(), None) }
}

/// A core module and a text file are the usual mistakes, and deserve their names.
fn check_encoding(bytes: &[u8]) -> Result<(), PluginsError> {
    let refuse = |what: &str| Err(PluginsError::NotAComponent(what.to_owned()));
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => {}
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => return refuse("it is a core module"),
        Some([0, b'a', b's', b'm', ..]) => {
            return refuse("it is of an unknown version of the component format");
        }
        _ => return refuse("it does not begin as wasm does"),
    }
    // The whole file is parsed before the compiler sees it: broken bytes should be an error here and
    // never a surprise there.
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::default())
        .validate_all(bytes)
        .map(drop)
        .map_err(|error| PluginsError::NotAComponent(first_line(&error)))
}

fn capabilities(flags: Capability) -> Vec<String> {
    let names = [
        (Capability::GET, "get"),
        (Capability::FIND_BY_NAME, "find-by-name"),
        (Capability::FIND_BY_PATH, "find-by-path"),
        (Capability::FIND_BY_TAGS, "find-by-tags"),
        (Capability::METADATA, "metadata"),
        (Capability::VERSIONS, "versions"),
        (Capability::WRITER, "writer"),
        (Capability::LEASES, "leases"),
        (Capability::GENERATOR, "generator"),
    ];
    names.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| name.to_owned()).collect()
}

/// A name or version of a plugin's own choosing: shown everywhere, so it is held to plain characters.
fn label(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
        .take(64)
        .collect()
}

fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
