//! Rendering: a call of a template engine, which reaches nothing and keeps nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use claviger_core::provider::Fault;
use claviger_core::secret::{SecretBytes, Untrusted};

use crate::call::CallSetup;
use crate::guest::engine as guest;
use crate::plugin::{Code, Plugin, Seed};

/// Options of a rendering.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// A key that the data lacks is an error.
    pub strict: bool,
    /// Usually `{{`.
    pub left: String,
    /// Usually `}}`.
    pub right: String,
    /// The time that templates see, unix milliseconds.
    pub now_ms: u64,
    /// Seed of the randomness that templates see.
    pub seed: Seed,
}

/// What a rendering gave.
pub struct RenderedTexts {
    /// One for each template, in their order.
    pub texts: Vec<SecretBytes>,
    /// Another time or another seed could have given another text in one of them.
    pub varies: bool,
}

/// Why a rendering failed.
#[derive(Clone, Debug)]
pub enum RenderError {
    /// A template is wrong.
    Template {
        /// Which, by the name it was given.
        template: String,
        /// From 1; 0 if unknown.
        line: u32,
        /// From 1; 0 if unknown.
        column: u32,
        /// The engine's text.
        detail: Untrusted,
    },
    /// The engine failed.
    Fault(Fault),
}

impl Plugin {
    /// Renders templates, each against all of the data, in order.
    ///
    /// # Errors
    /// The first template that fails, or the engine's own failure.
    pub async fn render(
        &self,
        templates: &[(String, String)],
        data: &BTreeMap<String, Arc<SecretBytes>>,
        options: &RenderOptions,
    ) -> Result<RenderedTexts, RenderError> {
        let Code::Engine(engine) = &*self.code else {
            return Err(RenderError::Fault(Fault::NotLoaded(format!("{} is no template engine", self.id))));
        };
        let texts: Vec<_> = templates
            .iter()
            .map(|(name, text)| guest::Template { name: name.clone(), text: text.clone() })
            .collect();
        let values: Vec<_> = data.iter().map(|(key, value)| (key.clone(), value.expose().to_vec())).collect();
        let options = guest::Options {
            strict: options.strict,
            left_delimiter: options.left.clone(),
            right_delimiter: options.right.clone(),
            now_ms: options.now_ms,
            seed: options.seed.to_vec(),
        };
        // Whatever it says may be of the data.
        let log = self.log_gate(data.values().cloned().collect(), None);
        let setup = CallSetup { holder: None, egress: None, memo: None, log };
        let answer = self
            .limited("render", setup, &self.rooms.whole(), self.grants.wall, async |store| {
                engine.render(store, &texts, &values, &options).await
            })
            .await
            .map_err(RenderError::Fault)?;
        let rendered = answer.map_err(|failure| RenderError::Template {
            template: templates
                .iter()
                .find(|(name, _)| *name == failure.template)
                .map_or_else(|| "(unknown)".to_owned(), |(name, _)| name.clone()),
            line: failure.line,
            column: failure.column,
            detail: Untrusted::new(failure.detail),
        })?;
        if rendered.len() != templates.len() {
            let what = format!("{} texts for {} templates", rendered.len(), templates.len());
            return Err(RenderError::Fault(Fault::BadAnswer(what)));
        }
        let total: usize = rendered.iter().map(|text| text.data.len()).sum();
        let limit_bytes = self.grants.output_bytes;
        if u64::try_from(total).unwrap_or(u64::MAX) > limit_bytes {
            return Err(RenderError::Fault(Fault::OutputLimit { limit_bytes }));
        }
        let varies = rendered.iter().any(|text| text.varies);
        let texts = rendered.into_iter().map(|text| SecretBytes::new(text.data)).collect();
        Ok(RenderedTexts { texts, varies })
    }
}
