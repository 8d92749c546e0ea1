//! Which plugin answers to which name: the providers under `spec.provider`, the engines under
//! `engineVersion`.
//!
//! A plugin that is not there yet is being loaded (`load`), or stands here with the reason why it does not load, so that each
//! store that names it says why.

mod load;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::error::Failure;
use claviger_core::generator::CLUSTER_GENERATOR;
use claviger_core::provider::PluginId;
use claviger_crds::plugin::AllowedNamespaces;
use claviger_plugins::{Plugin, PluginHost, PluginKind};
use tokio::sync::watch;

use super::InstallError;
use super::built_in::{BUILT_IN, built_in};
pub(super) use load::{Taken, Wanted};

/// A plugin in place.
#[derive(Clone)]
pub struct Installed {
    /// It.
    pub plugin: Arc<Plugin>,
    /// Who may use it; none: everybody.
    pub namespaces: Option<AllowedNamespaces>,
}

/// A plugin, for who looks at all of them.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) name: String,
    /// What is in place.
    pub(crate) plugin: Option<PluginId>,
    /// Why what is wanted is not what is in place; none, and nothing in place: it is being loaded.
    pub(crate) refused: Option<String>,
}

/// The longest reason that is kept and shown: parts of it may be names in somebody's ConfigMap.
const MAX_REASON: usize = 1024;

#[derive(Default)]
struct Entry {
    installed: Option<Installed>,
    /// Why what is wanted is not what is in place; none: it is, or it is being loaded.
    refused: Option<String>,
    /// Since when somebody waits for it.
    announced: Option<Instant>,
}

/// The plugins.
pub struct Registry {
    host: Arc<PluginHost>,
    directory: PathBuf,
    entries: Mutex<BTreeMap<String, Entry>>,
    /// Whoever loads holds it from before the first byte is read: a component takes as much memory as it is
    /// large, and several at once would take that together.
    loading: tokio::sync::Mutex<()>,
    /// Whoever pulls from a registry holds it until that is loaded: one pulled component in memory at a time, and a
    /// registry that is slow keeps nobody waiting but those who want something of a registry too.
    pulling: tokio::sync::Mutex<()>,
    /// Built-ins that somebody asked for who found none, where they are loaded only then; none: all were asked for.
    asked: Mutex<Option<BTreeSet<&'static str>>>,
    /// Built-ins that are announced and not loaded yet. The others wait for them: somebody's large component
    /// must not keep everybody's Vault from working after a start.
    pending: watch::Sender<BTreeSet<&'static str>>,
}

impl Registry {
    /// No plugin yet, over the directory where the built-in components lie.
    pub fn new(host: Arc<PluginHost>, directory: impl AsRef<Path>) -> Self {
        let directory = directory.as_ref().to_owned();
        let (pending, _) = watch::channel(BTreeSet::new());
        Self {
            host,
            directory,
            entries: Mutex::default(),
            loading: tokio::sync::Mutex::default(),
            pulling: tokio::sync::Mutex::default(),
            asked: Mutex::default(),
            pending,
        }
    }

    /// The host that the plugins run in.
    pub fn host(&self) -> &Arc<PluginHost> {
        &self.host
    }

    /// Where the built-in components, and those of `source.file`, lie.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Says that a plugin of that name is coming: who asks for it waits instead of failing.
    pub(crate) fn announce(&self, name: &str) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(name.to_owned()).or_default().announced.get_or_insert_with(Instant::now);
    }

    /// How long a plugin has been coming that is not there yet, and was not refused.
    pub(crate) fn loading(&self, name: &str) -> Option<Duration> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(name).filter(|entry| entry.installed.is_none() && entry.refused.is_none());
        entry?.announced.map(|at| at.elapsed())
    }

    /// Says that these built-ins are coming, and before all others; and that from now on any other is loaded when somebody
    /// asks for it. Most clusters use two or three, and each takes some MiB and some hundredth of a second.
    pub(crate) fn announce_built_in(&self, names: &BTreeSet<&'static str>) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
        for name in names {
            self.announce(name);
        }
        self.pending.send_modify(|pending| pending.extend(names));
    }

    /// Built-ins that were asked for since the last time, to be loaded.
    pub(crate) fn asked(&self) -> BTreeSet<&'static str> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Asks for a built-in, if it is not there and nobody has asked for it.
    pub(crate) fn want(&self, name: &'static str) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if !entries.contains_key(name) {
            self.ask(&mut entries, name);
        }
    }

    /// Asks for a built-in that is not there. False: they are not loaded on demand.
    fn ask(&self, entries: &mut BTreeMap<String, Entry>, name: &'static str) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = asked.as_mut() else { return false };
        asked.insert(name);
        entries.entry(name.to_owned()).or_default().announced.get_or_insert_with(Instant::now);
        self.pending.send_if_modified(|pending| pending.insert(name));
        true
    }

    /// Whether every built-in was loaded or refused.
    pub(crate) fn are_built_ins_settled(&self) -> bool {
        self.pending.borrow().is_empty()
    }

    /// Waits until every built-in that was announced is loaded or refused.
    pub(crate) async fn built_ins_settled(&self) {
        // It fails only without a sender, and that is ours.
        let _ = self.pending.subscribe().wait_for(BTreeSet::is_empty).await;
    }

    /// A built-in was loaded or refused, or has nothing to wait for any more.
    pub(crate) fn settled(&self, name: &str) {
        self.pending.send_if_modified(|pending| pending.remove(name));
    }

    /// Restricts what is in place to those namespaces, whatever else is wrong with the object that says so.
    pub(crate) fn restrict(&self, name: &str, namespaces: Option<&AllowedNamespaces>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = entries.get_mut(name).and_then(|entry| entry.installed.as_mut()) {
            installed.namespaces = namespaces.cloned();
        }
    }

    /// Notes that what is wanted under a name was refused before anything was loaded.
    pub(crate) fn refuse(&self, name: &str, why: &InstallError) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(name.to_owned()).or_default().refused = Some(shown(why));
    }

    /// Takes a plugin out. Calls in flight end on it.
    pub(crate) fn remove(&self, name: &str) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// What is in place under a name.
    pub(crate) fn installed(&self, name: &str) -> Option<Installed> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.installed.clone()
    }

    /// All that are in place, by name.
    pub(crate) fn all(&self) -> Vec<(String, Installed)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let installed = |(name, entry): (&String, &Entry)| Some((name.clone(), entry.installed.clone()?));
        entries.iter().filter_map(installed).collect()
    }

    /// All that are known, by name, whether they are in place or not.
    pub(crate) fn listed(&self) -> Vec<Listed> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = |(name, entry): (&String, &Entry)| Listed {
            name: name.clone(),
            plugin: entry.installed.as_ref().map(|installed| installed.plugin.id().clone()),
            refused: entry.refused.clone(),
        };
        entries.iter().map(listed).collect()
    }

    /// The provider of that name.
    ///
    /// # Errors
    /// If there is none, it did not load or has not loaded yet, or it is a template engine.
    pub(crate) fn provider(&self, name: &str) -> Result<Installed, Failure> {
        self.find(name, PluginKind::Provider)
    }

    /// The template engine of that name.
    ///
    /// # Errors
    /// As [`Registry::provider`].
    pub(crate) fn engine(&self, name: &str) -> Result<Installed, Failure> {
        self.find(name, PluginKind::TemplateEngine)
    }

    /// The plugin that answers to a kind of generator; of several a built-in, else the first by name.
    ///
    /// # Errors
    /// If there is none. While the built-ins are being loaded one may be coming.
    pub(crate) fn generator(&self, kind: &str) -> Result<Installed, Failure> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |entry: &Entry| entry.installed.clone().filter(|found| found.plugin.generates(kind));
        let mut found: Vec<(bool, Installed)> = entries
            .iter()
            .filter(|(name, _)| built_in(name).is_none_or(|built_in| !built_in.lent))
            .filter_map(|(name, entry)| Some((built_in(name).is_none(), fits(entry)?)))
            .collect();
        found.sort_by_key(|(foreign, _)| *foreign);
        if let Some((_, installed)) = found.into_iter().next() {
            return Ok(installed);
        }
        let own = BUILT_IN.iter().find(|one| !one.lent && one.generators.contains(&kind));
        if let Some(own) = own.filter(|own| !entries.contains_key(own.name))
            && self.ask(&mut entries, own.name)
        {
            return Err(Failure::PluginLoading { name: own.name.to_owned() });
        }
        let coming = entries.iter().find(|(_, entry)| entry.installed.is_none() && entry.refused.is_none());
        Err(match coming {
            Some((name, _)) => Failure::PluginLoading { name: name.clone() },
            None => Failure::GeneratorUnknown { kind: kind.to_owned() },
        })
    }

    /// Whether a reference may name that kind of object: somebody answers to it, or it is a ClusterGenerator, in which
    /// any other may be.
    ///
    /// # Errors
    /// As [`Registry::generator`].
    pub(crate) fn may_generate(&self, kind: &str) -> Result<(), Failure> {
        if kind == CLUSTER_GENERATOR { Ok(()) } else { self.generator(kind).map(drop) }
    }

    fn find(&self, name: &str, kind: PluginKind) -> Result<Installed, Failure> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let unasked = built_in(name).filter(|one| one.kind == kind && !entries.contains_key(name));
        if let Some(built_in) = unasked
            && self.ask(&mut entries, built_in.name)
        {
            return Err(Failure::PluginLoading { name: name.to_owned() });
        }
        match entries.get(name) {
            Some(Entry { installed: Some(installed), .. }) if installed.plugin.kind() == kind => {
                Ok(installed.clone())
            }
            Some(Entry { installed: None, refused: Some(why), .. }) => {
                Err(Failure::PluginNotLoaded { name: name.to_owned(), why: why.clone() })
            }
            Some(Entry { installed: None, refused: None, .. }) => {
                Err(Failure::PluginLoading { name: name.to_owned() })
            }
            Some(Entry { installed: Some(_), .. }) | None => {
                let of_kind = |entry: &Entry| {
                    entry.installed.as_ref().is_some_and(|installed| installed.plugin.kind() == kind)
                };
                let known = entries.iter().filter(|(_, entry)| of_kind(entry)).map(|(name, _)| name.clone());
                let built_in = BUILT_IN.iter().filter(|one| one.kind == kind && one.name != "generators");
                let known: BTreeSet<String> = known.chain(built_in.map(|one| one.name.to_owned())).collect();
                Err(Failure::ProviderUnknown { name: name.to_owned(), known: known.into_iter().collect() })
            }
        }
    }
}

/// A refusal as it is kept and shown.
pub(crate) fn shown(error: &InstallError) -> String {
    error.to_string().chars().take(MAX_REASON).collect()
}
