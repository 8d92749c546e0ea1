//! Which plugin answers to which name: the providers under `spec.provider`, the engines under
//! `engineVersion`.
//!
//! One plugin is loaded at a time, away from the reconciles that wait for it, and put in place when it
//! works: calls in flight end on what they began with. One that does not load leaves what ran before
//! running, or, where nothing did, stands here with its reason, so that each store that names it says why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use claviger_core::error::Failure;
use claviger_core::generator::CLUSTER_GENERATOR;
use claviger_core::provider::PluginId;
use claviger_crds::plugin::AllowedNamespaces;
use claviger_plugins::package::digest;
use claviger_plugins::{Grants, Plugin, PluginHost, PluginKind, package};
use tokio::sync::watch;

use super::InstallError;
use super::grants;
use super::source::file;

/// A plugin that comes with the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltIn {
    /// Its name in manifests.
    pub name: &'static str,
    /// Its file in the plugin directory.
    pub file: &'static str,
    /// What it is, known before it is loaded.
    pub kind: PluginKind,
    /// Kinds of generators that it answers to, likewise.
    pub generators: &'static [&'static str],
    /// It is another built-in's plugin, and only a provider under this name: kinds of generators are the other's.
    pub lent: bool,
}

const fn provider(name: &'static str, file: &'static str) -> BuiltIn {
    BuiltIn { name, file, kind: PluginKind::Provider, generators: &[], lent: false }
}

const fn making(generators: &'static [&'static str], built_in: BuiltIn) -> BuiltIn {
    BuiltIn { generators, ..built_in }
}

const fn engine(name: &'static str, file: &'static str) -> BuiltIn {
    BuiltIn { name, file, kind: PluginKind::TemplateEngine, generators: &[], lent: false }
}

/// Providers go by their key under `spec.provider`, template engines by their `engineVersion`.
pub const BUILT_IN: &[BuiltIn] = &[
    making(&["ECRAuthorizationToken", "STSSessionToken"], provider("aws", "aws.wasm")),
    making(&["ACRAccessToken"], provider("azurekv", "azure.wasm")),
    provider("fake", "fake.wasm"),
    making(&["GCRAccessToken"], provider("gcpsm", "gcp.wasm")),
    making(&["Fake", "Password", "SSHKey", "UUID"], provider("generators", "generators.wasm")),
    engine("jinja", "template-jinja.wasm"),
    provider("kubernetes", "kubernetes.wasm"),
    provider("onepassword", "onepassword.wasm"),
    BuiltIn { lent: true, ..provider("openBao", "vault.wasm") },
    engine("v2", "template-go.wasm"),
    making(&["VaultDynamicSecret"], provider("vault", "vault.wasm")),
    making(&["Webhook"], provider("webhook", "webhook.wasm")),
];

/// The built-in of that name.
pub fn built_in(name: &str) -> Option<BuiltIn> {
    BUILT_IN.iter().find(|built_in| built_in.name == name).copied()
}

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
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What is in place.
    pub plugin: Option<PluginId>,
    /// Why what is wanted is not what is in place; none, and nothing in place: it is being loaded.
    pub refused: Option<String>,
}

/// The longest reason that is kept and shown: parts of it may be names in somebody's ConfigMap.
const MAX_REASON: usize = 1024;

/// What should stand under a name.
pub struct Wanted<'a> {
    /// The name.
    pub name: &'a str,
    /// Digests that the bytes may have; empty where the source may do without (built-in, file).
    pub digests: &'a [String],
    /// What it may.
    pub grants: Grants,
    /// Whether the time that it may compute was left to the default, which depends on what it is.
    pub usual_cpu: bool,
    /// Who may use it.
    pub namespaces: Option<AllowedNamespaces>,
    /// Whether that is still wanted, asked when it is loaded.
    pub still: &'a (dyn Fn() -> bool + Sync),
}

impl Wanted<'_> {
    fn grants(&self, kind: PluginKind) -> Grants {
        let mut grants = self.grants.clone();
        if self.usual_cpu && kind == PluginKind::TemplateEngine {
            grants.cpu = Grants::template_engine().cpu.min(grants.wall);
        }
        grants
    }
}

/// What was found for a name.
pub(super) enum Taken {
    /// What is in place has this digest, and it is the one that is wanted.
    InPlace(String),
    /// What was compiled before, under a digest that is wanted.
    Loaded(Arc<Plugin>),
    /// A component.
    Bytes(Vec<u8>),
}

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
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Says that a plugin of that name is coming: who asks for it waits instead of failing.
    pub fn announce(&self, name: &str) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(name.to_owned()).or_default().announced.get_or_insert_with(Instant::now);
    }

    /// How long a plugin has been coming that is not there yet, and was not refused.
    pub fn loading(&self, name: &str) -> Option<Duration> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(name).filter(|entry| entry.installed.is_none() && entry.refused.is_none());
        entry?.announced.map(|at| at.elapsed())
    }

    /// Says that these built-ins are coming, and before all others; and that from now on any other is loaded when somebody
    /// asks for it. Most clusters use two or three, and each takes some MiB and some hundredth of a second.
    pub fn announce_built_in(&self, names: &BTreeSet<&'static str>) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
        for name in names {
            self.announce(name);
        }
        self.pending.send_modify(|pending| pending.extend(names));
    }

    /// Built-ins that were asked for since the last time, to be loaded.
    pub fn asked(&self) -> BTreeSet<&'static str> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Asks for a built-in, if it is not there and nobody has asked for it.
    pub fn want(&self, name: &'static str) {
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
    pub fn are_built_ins_settled(&self) -> bool {
        self.pending.borrow().is_empty()
    }

    /// Waits until every built-in that was announced is loaded or refused.
    pub async fn built_ins_settled(&self) {
        // It fails only without a sender, and that is ours.
        let _ = self.pending.subscribe().wait_for(BTreeSet::is_empty).await;
    }

    /// A built-in was loaded or refused, or has nothing to wait for any more.
    pub fn settled(&self, name: &str) {
        self.pending.send_if_modified(|pending| pending.remove(name));
    }

    /// Loads every built-in with its default grants, one after the other.
    pub async fn load_built_in(&self) {
        for built_in in BUILT_IN {
            // The reason is kept in the registry and shown by whoever asks for the plugin.
            let _ = self.install_built_in(*built_in).await;
        }
    }

    /// Loads a built-in with its default grants.
    ///
    /// # Errors
    /// As [`Registry::install`].
    pub async fn install_built_in(&self, built_in: BuiltIn) -> Result<Installed, InstallError> {
        let grants = grants(built_in.name, true, None, None).inspect_err(|error| {
            self.refuse(built_in.name, error);
        })?;
        let wanted = Wanted {
            name: built_in.name,
            digests: &[],
            grants,
            usual_cpu: true,
            namespaces: None,
            still: &|| true,
        };
        self.install(wanted, file(&self.directory, built_in.file)).await
    }

    /// Puts a plugin in place: reads its bytes, checks their digest, and, unless just these are in place
    /// already, loads them. The admin's grants hold for what runs from the moment they are said, before any
    /// waiting and whether or not the new bytes are any good; rights that were not there before are for the
    /// bytes that the object names.
    ///
    /// # Errors
    /// Why not; what was in place stays.
    pub async fn install(
        &self,
        wanted: Wanted<'_>,
        bytes: impl Future<Output = Result<Vec<u8>, InstallError>>,
    ) -> Result<Installed, InstallError> {
        self.prepare(&wanted).await;
        let _turn = self.loading.lock().await;
        let taken = bytes.await.map(Taken::Bytes);
        self.put(&wanted, taken).await
    }

    /// The same for what is pulled from a registry. A pull may take minutes, in which others are loaded.
    ///
    /// # Errors
    /// As [`Registry::install`].
    pub(super) async fn install_pulled(
        &self,
        wanted: &Wanted<'_>,
        pull: impl Future<Output = Result<Taken, InstallError>>,
    ) -> Result<Installed, InstallError> {
        self.prepare(wanted).await;
        let _pull = self.pulling.lock().await;
        let taken = pull.await;
        let _turn = self.loading.lock().await;
        self.put(wanted, taken).await
    }

    async fn prepare(&self, wanted: &Wanted<'_>) {
        self.announce(wanted.name);
        self.hold_to(wanted);
        if built_in(wanted.name).is_none() {
            self.built_ins_settled().await;
        }
    }

    async fn put(
        &self,
        wanted: &Wanted<'_>,
        taken: Result<Taken, InstallError>,
    ) -> Result<Installed, InstallError> {
        let outcome = match taken {
            Ok(taken) => self.take(wanted, taken).await,
            Err(error) => Err(error),
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(wanted.name.to_owned()).or_default();
        match outcome {
            Ok(_) if !(wanted.still)() => {
                // Its object was changed or deleted while it was being loaded: what that says comes next.
                Err(InstallError::Superseded)
            }
            Ok(plugin) => {
                let installed = Installed { plugin, namespaces: wanted.namespaces.clone() };
                *entry = Entry { installed: Some(installed.clone()), ..Entry::default() };
                Ok(installed)
            }
            Err(error) => {
                tracing::error!(plugin = wanted.name, reason = error.reason(), why = %error, "plugin not loaded");
                entry.refused = Some(shown(&error));
                Err(error)
            }
        }
    }

    async fn take(&self, wanted: &Wanted<'_>, taken: Taken) -> Result<Arc<Plugin>, InstallError> {
        let found = match &taken {
            Taken::InPlace(digest) => digest.clone(),
            Taken::Loaded(plugin) => plugin.id().digest.clone(),
            Taken::Bytes(bytes) if wanted.digests.is_empty() => digest(bytes),
            Taken::Bytes(bytes) => package::verify(bytes, wanted.digests)?,
        };
        if let Some(Installed { plugin, .. }) = self.installed(wanted.name)
            && plugin.id().digest == found
        {
            return Ok(plugin);
        }
        let plugin = match taken {
            Taken::Bytes(bytes) => self.host.load(wanted.name, bytes, wanted.grants.clone()).await?,
            Taken::Loaded(plugin) => plugin,
            // Taken away while we waited for our turn.
            Taken::InPlace(_) => return Err(InstallError::Superseded),
        };
        tracing::info!(plugin = %plugin.id(), digest = plugin.id().digest, "plugin loaded");
        let grants = wanted.grants(plugin.kind());
        Ok(if *plugin.grants() == grants { plugin } else { Arc::new(plugin.with_grants(grants)) })
    }

    /// Restricts what is in place to those namespaces, whatever else is wrong with the object that says so.
    pub fn restrict(&self, name: &str, namespaces: Option<&AllowedNamespaces>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = entries.get_mut(name).and_then(|entry| entry.installed.as_mut()) {
            installed.namespaces = namespaces.cloned();
        }
    }

    /// Applies grants to what is in place. Bytes that the object does not name lose what it does not grant,
    /// and gain nothing: new rights may be meant for the version that is to come.
    fn hold_to(&self, wanted: &Wanted<'_>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(installed) = entries.get_mut(wanted.name).and_then(|entry| entry.installed.as_mut()) {
            let mut grants = wanted.grants(installed.plugin.kind());
            if !wanted.digests.is_empty() && !wanted.digests.contains(&installed.plugin.id().digest) {
                grants = installed.plugin.grants().narrowed_to(&grants);
            }
            if *installed.plugin.grants() != grants {
                installed.plugin = Arc::new(installed.plugin.with_grants(grants));
            }
        }
    }

    /// Notes that what is wanted under a name was refused before anything was loaded.
    pub fn refuse(&self, name: &str, why: &InstallError) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.entry(name.to_owned()).or_default().refused = Some(shown(why));
    }

    /// Takes a plugin out. Calls in flight end on it. Whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(name).is_some()
    }

    /// What is in place under a name.
    pub fn installed(&self, name: &str) -> Option<Installed> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.installed.clone()
    }

    /// All that are in place, by name.
    pub fn all(&self) -> Vec<(String, Installed)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let installed = |(name, entry): (&String, &Entry)| Some((name.clone(), entry.installed.clone()?));
        entries.iter().filter_map(installed).collect()
    }

    /// All that are known, by name, whether they are in place or not.
    pub fn listed(&self) -> Vec<Listed> {
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
    pub fn provider(&self, name: &str) -> Result<Installed, Failure> {
        self.find(name, PluginKind::Provider)
    }

    /// The template engine of that name.
    ///
    /// # Errors
    /// As [`Registry::provider`].
    pub fn engine(&self, name: &str) -> Result<Installed, Failure> {
        self.find(name, PluginKind::TemplateEngine)
    }

    /// The plugin that answers to a kind of generator; of several a built-in, else the first by name.
    ///
    /// # Errors
    /// If there is none. While the built-ins are being loaded one may be coming.
    pub fn generator(&self, kind: &str) -> Result<Installed, Failure> {
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
    pub fn may_generate(&self, kind: &str) -> Result<(), Failure> {
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
pub fn shown(error: &InstallError) -> String {
    error.to_string().chars().take(MAX_REASON).collect()
}
