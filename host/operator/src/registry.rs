//! Which plugin answers to which name: the providers under `spec.provider`, the engines under
//! `engineVersion`.
//!
//! A plugin that does not load is kept with its reason, so that each store that names it says why; the
//! others go on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use claviger_core::error::Failure;
use claviger_plugins::{Grants, Plugin, PluginHost, PluginKind, builtin_grants};

/// A plugin that comes with the binary.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// Its name in manifests.
    pub name: &'static str,
    /// Its file in the plugin directory.
    pub file: &'static str,
}

/// Providers go by their key under `spec.provider`, template engines by their `engineVersion`.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn { name: "fake", file: "fake.wasm" },
    BuiltIn { name: "v2", file: "template-go.wasm" },
    BuiltIn { name: "vault", file: "vault.wasm" },
];

#[derive(Clone)]
enum Entry {
    Loaded(Arc<Plugin>),
    Failed(String),
}

/// The loaded plugins.
pub struct Registry {
    host: Arc<PluginHost>,
    directory: PathBuf,
    entries: RwLock<BTreeMap<String, Entry>>,
}

impl Registry {
    /// An empty registry over the directory where the built-in components lie.
    pub fn new(host: Arc<PluginHost>, directory: impl AsRef<Path>) -> Self {
        Self { host, directory: directory.as_ref().to_owned(), entries: RwLock::default() }
    }

    /// The host that the plugins run in.
    pub fn host(&self) -> &Arc<PluginHost> {
        &self.host
    }

    /// Loads every built-in with its default grants.
    pub async fn load_built_in(&self) {
        for built_in in BUILT_IN {
            // The reason is kept in the registry and shown by whoever asks for the plugin.
            let _ = self.load(built_in, builtin_grants(built_in.name)).await;
        }
    }

    /// Loads one built-in, replacing what stood under its name only if it loads.
    ///
    /// # Errors
    /// The reason, fit for a condition.
    pub async fn load(&self, built_in: &BuiltIn, grants: Grants) -> Result<Arc<Plugin>, String> {
        let path = self.directory.join(built_in.file);
        let loaded = match tokio::fs::read(&path).await {
            Ok(bytes) => {
                self.host.load(built_in.name, bytes, grants).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(format!(
                "{} cannot be read: {error}; point --plugin-dir (CLAVIGER_PLUGIN_DIR) at the directory with the built-in plugins",
                path.display()
            )),
        };
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(plugin) => {
                tracing::info!(plugin = %plugin.id(), digest = plugin.id().digest, "plugin loaded");
                entries.insert(built_in.name.to_owned(), Entry::Loaded(plugin.clone()));
                Ok(plugin)
            }
            Err(reason) => {
                tracing::error!(plugin = built_in.name, reason, "plugin not loaded");
                if !matches!(entries.get(built_in.name), Some(Entry::Loaded(_))) {
                    entries.insert(built_in.name.to_owned(), Entry::Failed(reason.clone()));
                }
                Err(reason)
            }
        }
    }

    /// The provider of that name.
    ///
    /// # Errors
    /// If there is none, it did not load, or it is a template engine.
    pub fn provider(&self, name: &str) -> Result<Arc<Plugin>, Failure> {
        self.find(name, PluginKind::Provider)
    }

    /// The template engine of that name.
    ///
    /// # Errors
    /// As [`Registry::provider`].
    pub fn engine(&self, name: &str) -> Result<Arc<Plugin>, Failure> {
        self.find(name, PluginKind::TemplateEngine)
    }

    fn find(&self, name: &str, kind: PluginKind) -> Result<Arc<Plugin>, Failure> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        match entries.get(name) {
            Some(Entry::Loaded(plugin)) if plugin.kind() == kind => Ok(plugin.clone()),
            Some(Entry::Failed(reason)) => {
                Err(Failure::PluginNotLoaded { name: name.to_owned(), why: reason.clone() })
            }
            Some(Entry::Loaded(_)) | None => {
                let known = entries
                    .iter()
                    .filter(|(_, entry)| matches!(entry, Entry::Loaded(plugin) if plugin.kind() == kind))
                    .map(|(name, _)| name.clone())
                    .collect();
                Err(Failure::ProviderUnknown { name: name.to_owned(), known })
            }
        }
    }
}
