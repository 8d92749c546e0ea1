//! Rendering: the target's template, by the engine that it names.

use std::sync::Arc;

use claviger_core::error::Failure;
use claviger_core::provider::PluginId;
use claviger_core::template::{Job, Rendered, Sources, sources_needed};
use claviger_plugins::{Plugin, RenderError, RenderOptions};

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
        RenderOptions {
            strict: true,
            left,
            right,
            now_ms: u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0),
            seed: rand::random(),
        }
    }

    pub(super) async fn render(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        data: Data,
        sources: &Sources,
        notes: &mut Notes,
    ) -> Result<Rendered, Failure> {
        let Some(template) = &asker.spec.target.template else {
            return Ok(Rendered::copied(data, asker.labels, asker.annotations));
        };
        let engine = self.engine(&template.engine_version, asker, world).await?;
        let job = Job::new(template, asker.namespace, sources)?;
        if job.templates.is_empty() {
            return job.finish(template, data, Vec::new());
        }
        let rendered = engine
            .render(&job.templates, &data, &self.render_options())
            .await
            .map_err(|error| render_failure(engine.id(), error))?;
        for text in &rendered.texts {
            notes.redactor.seed(text);
        }
        job.finish(template, data, rendered.texts)
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
