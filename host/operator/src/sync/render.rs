//! Rendering: the target's template, by the engine that it names.

use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::provider::PluginId;
use claviger_core::rendered::{self, Left, Same};
use claviger_core::template::{Job, KeptKeys, Rendered, Sources, sources_needed};
use claviger_crds::external_secret::Template;
use claviger_plugins::{Plugin, RenderError, RenderOptions, RenderedTexts};

use super::{Asker, Data, Delimiters, Notes, Pipeline, permitted, slow};
use crate::sync::world::World;

impl Pipeline {
    /// The engine of that name, if the namespace may use it.
    pub(super) async fn engine(
        &self,
        name: &str,
        namespace: &str,
        world: &dyn World,
    ) -> Result<Arc<Plugin>, Failure> {
        let installed = self.registry.engine(name)?;
        permitted(&installed, name, namespace, world).await?;
        Ok(installed.plugin)
    }

    /// What the template is read from.
    pub(super) async fn sources(
        &self,
        template: Option<&Template>,
        namespace: &str,
        world: &dyn World,
    ) -> Result<Sources, Failure> {
        let mut sources = Sources::new();
        for (kind, name) in template.into_iter().flat_map(sources_needed) {
            if let Some(texts) = world.source(kind, namespace, &name).await? {
                sources.insert((kind, name), texts);
            }
        }
        Ok(sources)
    }

    /// Options for templates: time and randomness are the host's.
    pub(super) fn render_options(&self) -> RenderOptions {
        let Delimiters { left, right } = self.delimiters.clone();
        let now = self.given.now.unwrap_or_else(jiff::Timestamp::now);
        RenderOptions {
            strict: true,
            left,
            right,
            now_ms: u64::try_from(now.as_millisecond()).unwrap_or(0),
            seed: self.given.seed.unwrap_or_else(rand::random),
        }
    }

    /// The engine's bytes and what it is told about all templates.
    fn engine_as_set(&self, engine: &Plugin) -> String {
        let Delimiters { left, right } = &self.delimiters;
        format!("{} {left} {right}", engine.id().digest)
    }

    /// Renders what could be read; `None` if what is left there was rendered from the same, and a new rendering would be
    /// another for no reason. Keys that could not be read stay as the Secret has them.
    pub(super) async fn render(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        (data, kept): (Data, KeptKeys),
        sources: &Sources,
        left: Option<&Left>,
        notes: &mut Notes,
    ) -> Result<Option<Rendered>, Failure> {
        let Some(template) = &asker.spec.target.template else {
            return Ok(Some(Rendered { kept, ..Rendered::copied(data, asker.labels, asker.annotations) }));
        };
        let engine = self.engine(&template.engine_version, asker.namespace, world).await?;
        let job = match &asker.spec.target.manifest {
            None => Job::new(template, asker.namespace, sources)?,
            Some(_) => Job::of_any_kind(template, asker.namespace, sources)?,
        };
        if job.templates.is_empty() {
            return Ok(Some(Rendered { kept, ..job.finish(template, data, Vec::new())? }));
        }
        let inputs = rendered::inputs(&asker.spec.target, &self.engine_as_set(&engine), &job, &data);
        // One slow hash does for all that is to be known of them.
        let (mut same, mut slow) = (Same::Nothing, None);
        if let Some(left) = left.filter(|_| !asker.options.render_anew) {
            let made = self.slow.of(inputs.clone(), left.salt().to_owned()).await;
            same = left.same(&made, |key| kept.holds(key) && !data.contains_key(key));
            slow = Some(made);
        }
        if same == Same::All {
            return Ok(None);
        }
        let RenderedTexts { texts, varies } = engine
            .render(&job.templates, &data, &self.render_options())
            .await
            .map_err(|error| render_failure(engine.id(), error))?;
        for text in &texts {
            notes.redactor.seed(text);
        }
        let mut rendered = Rendered { kept, ..job.finish(template, data, texts)? };
        // What is no Secret must not bear a hash of secrets.
        if varies && asker.spec.target.manifest.is_none() {
            let slow = match slow {
                Some(slow) => slow,
                None => {
                    // What says the same is not said otherwise.
                    let salt = asker.left.map_or_else(slow::salt, |left| left.salt().to_owned());
                    self.slow.of(inputs, salt).await
                }
            };
            let unbroken = left.filter(|_| same == Same::Data);
            rendered::record(&mut rendered, asker.name, &slow, unbroken);
            if let Some(left) = unbroken {
                left.keep_data(&mut rendered);
            }
        }
        Ok(Some(rendered))
    }
}

/// A template's error is the user's, an engine's is the plugin's.
pub(super) fn render_failure(engine: &PluginId, error: RenderError) -> Failure {
    match error {
        RenderError::Template { template, line, column, detail } => {
            Failure::TemplateFailed { template, line, column, detail }
        }
        RenderError::Fault(fault) => Failure::PluginFault { plugin: engine.to_string(), fault },
    }
}
