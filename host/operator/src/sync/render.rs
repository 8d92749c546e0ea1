//! Rendering: the target's template, by the engine that it names.

use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::names::ANNOTATION_RENDERED_FROM;
use claviger_core::provider::PluginId;
use claviger_core::rendered::{self, Left};
use claviger_core::template::{Job, Rendered, Sources, sources_needed};
use claviger_plugins::{Plugin, RenderError, RenderOptions, RenderedTexts};

use super::{Asker, Data, Delimiters, Notes, Pipeline, permitted};
use crate::sync::world::World;

impl Pipeline {
    /// The engine of that name, if the asker's namespace may use it.
    pub(super) async fn engine(
        &self,
        name: &str,
        asker: &Asker<'_>,
        world: &dyn World,
    ) -> Result<Arc<Plugin>, Failure> {
        let installed = self.registry.engine(name)?;
        permitted(&installed, name, asker.namespace, world).await?;
        Ok(installed.plugin)
    }

    /// What the template is read from.
    pub(super) async fn sources(&self, asker: &Asker<'_>, world: &dyn World) -> Result<Sources, Failure> {
        let mut sources = Sources::new();
        for (kind, name) in asker.spec.target.template.iter().flat_map(sources_needed) {
            if let Some(texts) = world.source(kind, asker.namespace, &name).await? {
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

    /// Renders; `None` if what is left there was rendered from the same, and a new rendering would be another for no
    /// reason.
    pub(super) async fn render(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        data: Data,
        sources: &Sources,
        left: Option<&Left>,
        notes: &mut Notes,
    ) -> Result<Option<Rendered>, Failure> {
        let Some(template) = &asker.spec.target.template else {
            return Ok(Some(Rendered::copied(data, asker.labels, asker.annotations)));
        };
        let engine = self.engine(&template.engine_version, asker, world).await?;
        let job = match &asker.spec.target.manifest {
            None => Job::new(template, asker.namespace, sources)?,
            Some(_) => Job::of_any_kind(template, asker.namespace, sources)?,
        };
        if job.templates.is_empty() {
            return job.finish(template, data, Vec::new()).map(Some);
        }
        let inputs = rendered::inputs(&asker.spec.target, &self.engine_as_set(&engine), &job, &data);
        if !asker.options.render_anew && left.is_some_and(|left| left.is_from(&inputs)) {
            return Ok(None);
        }
        let RenderedTexts { texts, varies } = engine
            .render(&job.templates, &data, &self.render_options())
            .await
            .map_err(|error| render_failure(engine.id(), error))?;
        for text in &texts {
            notes.redactor.seed(text);
        }
        let mut rendered = job.finish(template, data, texts)?;
        rendered.annotations.remove(ANNOTATION_RENDERED_FROM);
        // What is no Secret must not bear a hash of secrets.
        if varies && asker.spec.target.manifest.is_none() {
            let salt = format!("{:032x}", rand::random::<u128>());
            rendered::record(&mut rendered, &inputs, asker.left, &salt);
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
