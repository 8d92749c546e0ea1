//! From what is wanted under a name to a plugin in place.
//!
//! One plugin is loaded at a time, away from the reconciles that wait for it, and put in place when it
//! works: calls in flight end on what they began with. One that does not load leaves what ran before
//! running.

use std::sync::{Arc, PoisonError};

use claviger_crds::plugin::AllowedNamespaces;
use claviger_plugins::package::{digest, verify};
use claviger_plugins::{Grants, Plugin, PluginKind};

use super::super::InstallError;
use super::super::built_in::{BUILT_IN, BuiltIn, built_in};
use super::super::granted::grants;
use super::super::source::file;
use super::{Entry, Installed, Registry, shown};

/// What should stand under a name.
pub(crate) struct Wanted<'a> {
    /// The name.
    pub(crate) name: &'a str,
    /// Digests that the bytes may have; empty where the source may do without (built-in, file).
    pub(crate) digests: &'a [String],
    /// What it may.
    pub(crate) grants: Grants,
    /// Whether the time that it may compute was left to the default, which depends on what it is.
    pub(crate) usual_cpu: bool,
    /// Who may use it.
    pub(crate) namespaces: Option<AllowedNamespaces>,
    /// Whether that is still wanted, asked when it is loaded.
    pub(crate) still: &'a (dyn Fn() -> bool + Sync),
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
pub(crate) enum Taken {
    /// What is in place has this digest, and it is the one that is wanted.
    InPlace(String),
    /// What was compiled before, under a digest that is wanted.
    Loaded(Arc<Plugin>),
    /// A component.
    Bytes(Vec<u8>),
}

impl Registry {
    /// Loads every built-in with its default grants, one after the other.
    pub async fn load_all_built_in(&self) {
        for built_in in BUILT_IN {
            // The reason is kept in the registry and shown by whoever asks for the plugin.
            let _ = self.load_built_in(*built_in).await;
        }
    }

    /// Loads a built-in with its default grants.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub(crate) async fn load_built_in(&self, built_in: BuiltIn) -> Result<Installed, InstallError> {
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
        self.load(wanted, file(&self.directory, built_in.file)).await
    }

    /// Puts a plugin in place: reads its bytes, checks their digest, and, unless just these are in place
    /// already, loads them. The admin's grants hold for what runs from the moment they are said, before any
    /// waiting and whether or not the new bytes are any good; rights that were not there before are for the
    /// bytes that the object names.
    ///
    /// # Errors
    /// Why not; what was in place stays.
    pub(crate) async fn load(
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
    /// As [`Registry::load`].
    pub(crate) async fn load_pulled(
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
            Taken::Bytes(bytes) => verify(bytes, wanted.digests)?,
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
}
