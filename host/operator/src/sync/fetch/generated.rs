//! What generators make for who asks, and what they leave behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::budget::Full;
use claviger_core::error::{Failure, StoreName};
use claviger_core::lease::{Held, Source};
use claviger_core::provider::Generated;
use claviger_crds::external_secret::GeneratorRef;
use claviger_plugins::Session;
use jiff::Timestamp;
use serde_json::Value;

use super::{Fetch, Got};
use crate::sync::Makes;
use crate::sync::generator_name;
use crate::sync::unwritten::{Made, Unwritten};
use crate::sync::wanted::unusable;
use crate::sync::world::{GeneratorView, Owner};

/// A generator that was found.
pub(super) struct Generator<'a> {
    /// Its place in `dataFrom`.
    index: usize,
    pub(super) reference: &'a GeneratorRef,
    pub(super) view: GeneratorView,
}

impl Fetch<'_> {
    /// The generators that the spec names, but for those that failed.
    pub(super) async fn find_generators<'a>(
        &mut self,
        named: &[(usize, &'a GeneratorRef)],
    ) -> Vec<Generator<'a>> {
        let mut generators = Vec::new();
        for &(index, reference) in named {
            match self.find_generator(reference).await {
                Ok(view) => generators.push(Generator { index, reference, view }),
                Err(failure) => drop(self.fetched.generated.insert(index, Got::Failed(failure))),
            }
        }
        generators
    }

    async fn find_generator(&self, generator: &GeneratorRef) -> Result<GeneratorView, Failure> {
        if self.asker.makes == Makes::Nothing {
            return Err(refused(
                generator,
                "what a generator makes is another each time, and is not made here",
            ));
        }
        let GeneratorRef { kind, name, .. } = generator;
        self.pipeline.generator(kind, self.asker.namespace, name, self.world).await
    }

    /// Has each make what it makes, until something fails.
    pub(super) async fn generate_all(&mut self, generators: &[Generator<'_>]) {
        // By what can be taken back, or ends: that is one for all places that name it.
        let mut credentials: BTreeMap<Source, Arc<Generated>> = BTreeMap::new();
        for generator in generators {
            if self.fails() {
                return;
            }
            let source = source_of(generator.reference);
            let got = match credentials.get(&source) {
                Some(made) => Got::There(made.clone()),
                None => match self.generate(generator.reference, &generator.view).await {
                    Ok((made, alone)) => {
                        if !alone {
                            credentials.insert(source, made.clone());
                        }
                        Got::There(made)
                    }
                    Err(failure) => Got::Failed(failure),
                },
            };
            self.fetched.generated.insert(generator.index, got);
        }
    }

    /// What it makes, and whether nobody else knows of that.
    async fn generate(
        &mut self,
        generator: &GeneratorRef,
        view: &GeneratorView,
    ) -> Result<(Arc<Generated>, bool), Failure> {
        let source = source_of(generator);
        let by = (view.uid.clone(), view.generation);
        let unwritten = self.unwritten.get(&source).cloned();
        if let Some(Unwritten { held, made: Made::Generated(of, _) }) = &unwritten
            && *of != by
        {
            // Of the generator as it was.
            self.unwritten.remove(&source);
            self.pipeline.unwritten.lose(self.asker.uid, held.clone());
        } else if let Some(Unwritten { held, made: Made::Generated(_, made) }) = unwritten {
            made.values.values().for_each(|value| self.notes.redactor.seed(value));
            self.fetched.held.push(held);
            return Ok((made, false));
        }
        let namespace = self.asker.namespace;
        let session = self.pipeline.generator_session(&source, view, namespace, self.world).await?;
        let alone = session.is_alone();
        if self.asker.makes != Makes::Anything && !alone {
            return Err(refused(
                generator,
                "it makes credentials, which need a Secret that they are recorded in",
            ));
        }
        let issued = Timestamp::now();
        let owner = Owner { namespace, name: self.asker.name, uid: self.asker.uid };
        let previous = self.world.left(&owner, &source);
        let name = generator_name(&source.kind, namespace, &source.name);
        let asked = (&name, &view.spec);
        let made = self.pipeline.generate(&session, asked, previous.as_ref(), issued, self.world).await?;
        made.values.values().for_each(|value| self.notes.redactor.seed(value));
        let state = match made.state.clone() {
            Some(state) => Some(self.leave(&session, &name, &owner, &source, view, state).await?),
            None => None,
        };
        let alone = alone && state.is_none();
        let made = Arc::new(made);
        let held = Held { source: source.clone(), issued, lease: made.lease.clone(), state };
        if !alone {
            self.made(held, Made::Generated(by, made.clone()));
        } else if !self.fetched.held.iter().any(|known| known.source == source) {
            // Another try may make another: this one is nowhere.
            self.fetched.held.push(held);
        }
        // What was made is known by now, and can be taken back.
        let full = |full: Full| refused(generator, &full.to_string());
        self.notes.budget.read(made.bytes()).map_err(full)?;
        Ok((made, alone))
    }

    /// Records what a generator leaves behind; what cannot be recorded is taken back at once.
    async fn leave(
        &self,
        session: &Session,
        name: &StoreName,
        owner: &Owner<'_>,
        source: &Source,
        view: &GeneratorView,
        state: Value,
    ) -> Result<String, Failure> {
        let recorded = match self.asker.makes {
            Makes::Anything => self.world.leave(owner, source, view, state.clone()).await,
            Makes::Values | Makes::Nothing => Err(unusable(
                &format!("{} {}", source.kind, source.name),
                "it leaves something behind, which needs a Secret that it belongs to",
            )),
        };
        if recorded.is_err()
            && let Err(failure) =
                self.pipeline.cleaned_up(session, (name, &view.spec), &state, self.world).await
        {
            let message = failure.message(&self.notes.redactor);
            tracing::warn!(message, "what a generator left behind is recorded nowhere");
        }
        recorded
    }
}

/// As it is recorded.
fn source_of(generator: &GeneratorRef) -> Source {
    Source::generator(&generator.kind, &generator.name)
}

fn refused(generator: &GeneratorRef, why: &str) -> Failure {
    unusable(&format!("{} {}", generator.kind, generator.name), why)
}
