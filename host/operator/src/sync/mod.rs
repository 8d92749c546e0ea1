//! The way of a secret, from a spec to the data of the Secret: resolve the store, connect, fetch,
//! shape, render. Shared by the operator and by `claviger render`; where objects come from is a
//! [`World`].
//!
//! It writes nothing, and it decides nothing about the target: that is the planner's.

mod access;
pub(crate) mod collect;
mod connect;
mod export;
mod fetch;
mod find;
mod generators;
#[cfg(test)]
mod heard;
mod leases;
mod noted;
pub(crate) mod push;
mod render;
mod rewrite;
mod slow;
mod told;
mod unwritten;
#[cfg(test)]
mod vaulted;
mod wanted;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use claviger_core::budget::Budget;
use claviger_core::error::{Failure, StoreName};
use claviger_core::failures::{Absent, EntryFailure, absent_events, may_be_partial, principal};
use claviger_core::lease::{Held, Pins, Record};
use claviger_core::options::Options;
use claviger_core::provider::{CallError, Health};
use claviger_core::redact::Redactor;
use claviger_core::rendered::Left;
pub use claviger_core::secret::Data;
use claviger_core::shape::Effort;
use claviger_core::template::Rendered;
use claviger_core::tenancy::plugin_allows;
use claviger_crds::external_secret::ExternalSecretSpec;
use claviger_plugins::fetch::Fetcher;
use claviger_plugins::{Seed, Session};
use jiff::Timestamp;

use crate::plugins::{Installed, Registry};
use crate::sync::collect::Collected;
use crate::sync::connect::Sessions;
pub use crate::sync::connect::{generator_name, store_name};
pub use crate::sync::leases::Renewal;
pub(crate) use crate::sync::leases::maker_store;
use crate::sync::slow::SlowHashes;
use crate::sync::told::Call;
use crate::sync::unwritten::UnwrittenByOwner;
use crate::sync::world::World;

/// Who asks: an ExternalSecret, as far as the pipeline needs it.
#[derive(Clone, Debug)]
pub struct Asker<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its uid: what is made for it is nobody else's.
    pub uid: &'a str,
    /// What it looks like, as the status says of what was synced: another manifest is made anew.
    pub version: &'a str,
    /// How its keys were found when they were first read.
    pub pins: &'a Pins,
    /// What is made for it, if that lives and is not due.
    pub held: Option<&'a Record>,
    /// Whether what has no lease is kept all the same, for an interval of its own.
    pub keeps_unleased: bool,
    /// What may be made for it.
    pub makes: Makes,
    /// What its annotations ask for.
    pub options: Options,
    /// What its Secret was rendered from, if that varies.
    pub left: Option<&'a Left>,
    /// Its labels, copied to the Secret where there is no template.
    pub labels: &'a BTreeMap<String, String>,
    /// Its annotations, likewise.
    pub annotations: &'a BTreeMap<String, String>,
    /// What it wants.
    pub spec: &'a ExternalSecretSpec,
}

/// What may be made for who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Credentials too: there is a Secret to record them in.
    Anything,
    /// Values that nobody else knows of, such as passwords: nothing is left behind if they are not recorded.
    Values,
    /// Nothing.
    Nothing,
}

/// What was asked for, shaped.
pub enum Desired {
    /// What the Secret should hold.
    Secret(Rendered),
    /// Nothing of it exists in the provider, and the deletionPolicy lets that be an answer.
    Nothing,
    /// What it holds: nothing differs from what its live credentials, or a text that varies, were rendered with; or it
    /// cannot be told what else it should hold.
    Kept,
}

/// What could not be had of a spec whose other entries are written all the same.
pub struct Shortfall {
    /// [`Failure::PartiallySynced`].
    pub failure: Failure,
    /// Entry by entry.
    pub keys: Vec<EntryFailure>,
}

/// Credentials that were made for a Secret, to be recorded on it in the same apply.
#[derive(Default)]
pub struct Issued {
    /// Salt of [`Issued::inputs`].
    pub salt: String,
    /// Hash of everything else.
    pub inputs: String,
    /// What was made.
    pub held: Vec<Held>,
}

/// What was asked for, and what is to be said of it.
pub struct Answer {
    /// What the Secret should hold.
    pub desired: Desired,
    /// Knows every value that was read.
    pub redactor: Arc<Redactor>,
    /// Credentials that came from the namespace that stands in where a ClusterSecretStore names none.
    pub stand_ins: BTreeSet<String>,
    /// What was made, if something was.
    pub issued: Option<Issued>,
    /// For the status.
    pub pins: Pins,
    /// What was made by earlier tries and will not be used: to be taken back. It is told until [`Pipeline::taken_back`].
    pub lost: Vec<Held>,
    /// What is missing of it, where that is allowed.
    pub short: Option<Shortfall>,
    /// What events say of entries that do not exist and may be missing.
    pub absent: Vec<String>,
}

/// What is noted on the way.
#[derive(Default)]
struct Notes {
    redactor: Redactor,
    stand_ins: BTreeSet<String>,
    pins: Pins,
    issued: Option<Issued>,
    failures: Vec<EntryFailure>,
    short: Option<Failure>,
    absent: Vec<Absent>,
    /// What is left of what its regular expressions may cost.
    effort: Effort,
    /// What is left of what it may hold.
    budget: Budget,
}

/// A failure, and the means to write about it without saying a secret.
pub struct Failed {
    /// What went wrong.
    pub failure: Failure,
    /// Knows every value that was read until then.
    pub redactor: Arc<Redactor>,
    /// As of [`Answer`].
    pub stand_ins: BTreeSet<String>,
    /// As of [`Answer`].
    pub lost: Vec<Held>,
    /// The entries that failed, if it was some of them.
    pub keys: Vec<EntryFailure>,
}

impl Failed {
    /// One before anything was read.
    pub fn plain(failure: Failure) -> Self {
        let (redactor, stand_ins) = (Arc::default(), BTreeSet::new());
        Self { failure, redactor, stand_ins, lost: Vec::new(), keys: Vec::new() }
    }
}

/// What stands around an action of a template (ESO's `--template-left-delimiter` and `--template-right-delimiter`).
#[derive(Clone, Debug)]
pub struct Delimiters {
    /// Before it.
    pub left: String,
    /// Behind it.
    pub right: String,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { left: "{{".to_owned(), right: "}}".to_owned() }
    }
}

/// What stands in for the clock and the random numbers that templates see. Without them they see the real ones.
#[derive(Clone, Copy, Default)]
pub struct Given {
    /// The time.
    pub now: Option<Timestamp>,
    /// Where random numbers come from, in each rendering anew.
    pub seed: Option<Seed>,
}

/// The pipeline and what it keeps between runs: sessions and shared answers.
pub struct Pipeline {
    registry: Arc<Registry>,
    delimiters: Delimiters,
    given: Given,
    fetcher: Fetcher<Session>,
    sessions: Sessions,
    unwritten: UnwrittenByOwner,
    slow: SlowHashes,
}

impl Pipeline {
    /// A pipeline over these plugins.
    pub fn new(registry: Arc<Registry>, delimiters: Delimiters) -> Self {
        Self {
            registry,
            delimiters,
            given: Given::default(),
            fetcher: Fetcher::default(),
            sessions: Sessions::default(),
            unwritten: UnwrittenByOwner::default(),
            slow: SlowHashes::default(),
        }
    }

    /// The same with another clock and other randomness for templates: for comparisons, never for Secrets in use.
    #[must_use]
    pub fn given(self, given: Given) -> Self {
        Self { given, ..self }
    }

    /// What the Secret of `asker` should hold, and the means to write about it: whatever goes wrong later may
    /// quote what was read. Answers fetched before `not_older_than` are not taken.
    ///
    /// # Errors
    /// What stands in for all that failed: all or nothing, as ESO, unless the asker takes what there is.
    pub async fn desired(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        not_older_than: Instant,
    ) -> Result<Answer, Box<Failed>> {
        let mut notes = Notes { pins: asker.pins.clone(), ..Notes::default() };
        let outcome = self.run(asker, world, not_older_than, &mut notes).await;
        let Notes { redactor, stand_ins, pins, issued, failures: keys, short, absent, .. } = notes;
        let (redactor, lost) = (Arc::new(redactor), self.unwritten.lost(asker.uid, Timestamp::now()));
        match outcome {
            Ok(desired) => {
                let short = short.map(|failure| Shortfall { failure, keys });
                let absent = absent_events(&absent, &redactor);
                Ok(Answer { desired, redactor, stand_ins, issued, pins, lost, short, absent })
            }
            Err(failure) => Err(Box::new(Failed { failure, redactor, stand_ins, lost, keys })),
        }
    }

    /// The cheapest real call that shows that a store works.
    ///
    /// # Errors
    /// As every call of the plugin.
    pub async fn validate(
        &self,
        session: &Session,
        store: &StoreName,
        world: &dyn World,
    ) -> Result<Health, CallError> {
        let call = Call::begin(world, "validate", store, session);
        let answer = self.fetcher.call(session, session.validate()).await;
        call.ended(&answer);
        answer
    }

    /// Drops what is kept and too old: answers with their values, credentials of the surroundings.
    pub fn sweep(&self) {
        /// Nobody writes them after that: their ExternalSecret has gone unseen.
        const UNWRITTEN: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
        self.fetcher.sweep();
        self.unwritten.clear(Timestamp::now().checked_sub(UNWRITTEN).ok());
        self.registry.host().sweep();
    }

    async fn run(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        not_older_than: Instant,
        notes: &mut Notes,
    ) -> Result<Desired, Failure> {
        let sources = self.sources(asker.spec.target.template.as_ref(), asker.namespace, world).await?;
        let mut fetched = self.fetch(asker, world, &sources, not_older_than, notes).await?;
        if fetched.kept {
            return Ok(Desired::Kept);
        }
        let mut collected = self.collect(asker, world, &mut fetched, notes).await?;
        notes.failures = std::mem::take(&mut collected.failures);
        notes.absent = std::mem::take(&mut collected.absent);
        if let Some(first) = principal(&notes.failures) {
            // What was made once and fails now would be taken for what is not wanted any more.
            let makes = asker.pins.has_dynamic() || !fetched.held.is_empty();
            let partial = asker.options.partial && may_be_partial(asker.spec) && !makes;
            if !(partial && !collected.data.is_empty() && first.failure.concerns_one_entry()) {
                return Err(first.failure.clone());
            }
            let of = asker.spec.data.len() + asker.spec.data_from.len();
            let (failed, first) = (notes.failures.len(), Box::new(first.failure.clone()));
            notes.short = Some(Failure::PartiallySynced { failed, of, first });
        }
        // Whatever is empty: a search, an object without keys. The deletionPolicy decides what that means.
        if collected.data.is_empty() {
            return Ok(Desired::Nothing);
        }
        // A credential that is new is to be recorded.
        let renewed = asker.keeps_unleased && !fetched.held.is_empty()
            || fetched.held.iter().any(|held| held.lease.is_some());
        if !fetched.held.is_empty() {
            let looked_at = fetched.slow.take().filter(|(inputs, _)| *inputs == fetched.inputs);
            let slow = match looked_at {
                Some((_, slow)) => slow,
                None => self.slow.of(fetched.inputs.clone(), slow::salt()).await,
            };
            let (salt, inputs) = (slow.salt().to_owned(), slow.text().to_owned());
            notes.issued = Some(Issued { salt, inputs, held: std::mem::take(&mut fetched.held) });
        }
        let left = asker.left.filter(|_| !renewed);
        let Collected { data, kept, .. } = collected;
        let rendered = self.render(asker, world, (data, kept), &sources, left, notes).await?;
        Ok(rendered.map_or(Desired::Kept, Desired::Secret))
    }
}

/// Whether a namespace may use a plugin. Nobody's namespace is a cluster-scoped store's own validation: that is
/// let where anybody is.
async fn permitted(
    installed: &Installed,
    name: &str,
    namespace: &str,
    world: &dyn World,
) -> Result<(), Failure> {
    let Some(allowed) = installed.namespaces.as_ref() else { return Ok(()) };
    if namespace.is_empty() && (allowed.selector.is_some() || !allowed.names.is_empty()) {
        return Ok(());
    }
    // Labels are read only where they decide.
    let named = allowed.names.iter().any(|named| named == namespace);
    let labels = match &allowed.selector {
        Some(_) if !named && !namespace.is_empty() => world.namespace_labels(namespace).await?,
        _ => Arc::default(),
    };
    if plugin_allows(Some(allowed), namespace, &labels) {
        return Ok(());
    }
    Err(Failure::PluginForbidden { name: name.to_owned(), namespace: namespace.to_owned() })
}
