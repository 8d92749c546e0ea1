//! The way of a push: a Secret's data through the template, to entries for each store, to the provider.
//!
//! What is pushed where is decided in `claviger_core::push`; which of it may be pushed, and what is to be deleted, by the
//! reconcile. Nothing of what was read from a provider for it is kept or shared.

mod calls;
mod look;
mod remove;
mod write;

pub(crate) use look::{Keys, Looked};
pub(crate) use write::Done;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::lease::Source;
use claviger_core::push::{self, Bulk, Data, Entry, StoreView, meant_by};
use claviger_core::redact::Redactor;
use claviger_core::shape::{Effort, check_data_to};
use claviger_core::template::{Job, makes_data};
use claviger_crds::external_secret::{GeneratorRef, MergePolicy, Template};
use claviger_crds::push_secret::PushSecretSpec;
use claviger_plugins::RenderedTexts;
use jiff::Timestamp;

use super::Pipeline;
use super::connect::generator_name;
use super::render::render_failure;
use super::rewrite::aside;
use super::wanted::unusable;
use super::world::World;
use crate::watch::Object;

impl Pipeline {
    /// The data as the template leaves it. Rendered keys come beside those of the Secret, whatever the mergePolicy says: so
    /// ESO has it for PushSecrets, and entries may name either.
    ///
    /// # Errors
    /// As of a template of an ExternalSecret.
    pub(crate) async fn push_rendered(
        &self,
        template: Option<&Template>,
        namespace: &str,
        data: Data,
        world: &dyn World,
        redactor: &mut Redactor,
    ) -> Result<Data, Failure> {
        let Some(template) = template.filter(|template| makes_data(Some(template))) else { return Ok(data) };
        let engine = self.engine(&template.engine_version, namespace, world).await?;
        let sources = self.sources(Some(template), namespace, world).await?;
        let job = Job::new(template, namespace, &sources)?;
        let RenderedTexts { texts, .. } = engine
            .render(&job.templates, &data, &self.render_options())
            .await
            .map_err(|error| render_failure(engine.id(), error))?;
        for text in &texts {
            redactor.seed(text);
        }
        let merged = Template { merge_policy: MergePolicy::Merge, ..template.clone() };
        Ok(job.finish(&merged, data, texts)?.data)
    }

    /// What a Secret with that data brings to a store.
    ///
    /// # Errors
    /// What of the manifest cannot be meant, or does not fit the Secret.
    pub(crate) async fn push_entries(
        &self,
        spec: &PushSecretSpec,
        namespace: &str,
        data: &Data,
        store: &StoreView,
        world: &dyn World,
    ) -> Result<Vec<Entry>, Failure> {
        let meant = |why| Failure::PolicyInvalid { why };
        check_data_to(&spec.data_to).map_err(meant)?;
        let (mut bulks, mut effort) = (Vec::new(), Effort::default());
        let shared = Arc::new(data.clone());
        for (index, entry) in spec.data_to.iter().enumerate().filter(|(_, entry)| meant_by(entry, store)) {
            let place = format!("dataTo[{index}]");
            let (wanted, data) = (entry.clone(), shared.clone());
            let work = move || (Bulk::new(index, &wanted, &data, &mut effort), effort);
            let (bulk, left) = aside(&place, work).await?;
            let mut bulk = bulk.map_err(meant)?;
            effort = left;
            for (step, rewrite) in entry.rewrite.iter().enumerate() {
                match (&rewrite.regexp, &rewrite.transform) {
                    (Some(regexp), _) => {
                        let regexp = regexp.clone();
                        let work = move || {
                            let rewritten = bulk.rewrite(step, &regexp, &mut effort);
                            (rewritten.map(|()| bulk), effort)
                        };
                        let (rewritten, left) = aside(&place, work).await?;
                        (bulk, effort) = (rewritten.map_err(meant)?, left);
                    }
                    (None, Some(transform)) => {
                        let place = format!("{place}.rewrite[{step}].transform");
                        let names = bulk.names();
                        let keys = names.iter();
                        let made =
                            self.transformed(namespace, world, keys, &transform.template, &place).await?;
                        bulk.rename(step, made).map_err(meant)?;
                    }
                    (None, None) => {}
                }
            }
            push::hold(&mut bulks, bulk).map_err(meant)?;
        }
        push::entries(&spec.data, bulks, data).map_err(meant)
    }

    /// What a generator makes. Credentials on lease, which somebody would have to take back, are refused: nothing would
    /// record them. Tokens that end by themselves are not.
    ///
    /// # Errors
    /// That it makes credentials on lease, or the plugin's.
    pub(crate) async fn push_generated(
        &self,
        generator: &GeneratorRef,
        namespace: &str,
        world: &dyn World,
        redactor: &mut Redactor,
    ) -> Result<Data, Failure> {
        let GeneratorRef { kind, name, .. } = generator;
        let view = self.generator(kind, namespace, name, world).await?;
        let session = self.generator_session(&Source::generator(kind, name), &view, namespace, world).await?;
        let description = session.plugin().description();
        let leases = description.is_some_and(|it| it.capabilities.iter().any(|known| known == "leases"));
        if leases && !session.is_alone() {
            let why = "it makes credentials, which a PushSecret cannot record: let an ExternalSecret make them, and push \
                       its Secret";
            return Err(unusable(&format!("{kind} {name}"), why));
        }
        let named = generator_name(kind, namespace, name);
        let made = self.generate(&session, (&named, &view.spec), None, Timestamp::now(), world).await?;
        made.values.values().for_each(|value| redactor.seed(value));
        if let Some(state) = &made.state {
            // What nobody records nobody would take back later.
            let why = match self.cleaned_up(&session, (&named, &view.spec), state, world).await {
                Ok(()) => {
                    "it leaves something to be taken back later, which a PushSecret cannot record: let an ExternalSecret \
                           make it, and push its Secret"
                }
                Err(_) => {
                    "it leaves something to be taken back later, which a PushSecret cannot record, and taking it back \
                           failed: look for it in the backend, and let an ExternalSecret make it"
                }
            };
            return Err(unusable(&format!("{kind} {name}"), why));
        }
        Ok(made.values.into_iter().map(|(key, value)| (key, Arc::new(value))).collect())
    }

    /// Which of these keys may not be written from that namespace, and why; that of others is not decided by this.
    ///
    /// # Errors
    /// Why nothing of it may be pushed to that store at all.
    pub(crate) async fn push_refused(
        &self,
        store: &Object,
        namespace: &str,
        entries: &[Entry],
        world: &dyn World,
    ) -> Result<BTreeMap<String, Failure>, Failure> {
        let store = self.writable(store, namespace, world).await?;
        let keys: BTreeSet<&String> = entries.iter().map(|entry| &entry.place.key).collect();
        let refused = |key: &String| Some((key.clone(), store.check(key).err()?));
        Ok(keys.into_iter().filter_map(refused).collect())
    }
}

/// By the keys they go to, which are written once each.
fn by_key<'a, T>(
    entries: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&T) -> &str,
) -> BTreeMap<String, Vec<&'a T>> {
    let mut groups: BTreeMap<String, Vec<&T>> = BTreeMap::new();
    for entry in entries {
        groups.entry(key(entry).to_owned()).or_default().push(entry);
    }
    groups
}
