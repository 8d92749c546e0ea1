//! The engine behind the plugin interface. It translates and decides nothing.

use claviger_plugin_sdk::prelude::*;

use crate::render;

/// The engine.
pub struct TemplateJinja;

impl Engine for TemplateJinja {
    const NAME: &'static str = "template-jinja";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn functions() -> Vec<String> {
        crate::names()
    }

    fn render(text: &str, data: &Data<'_>, options: &Options) -> Result<Rendered, Failure> {
        let options = render::Options {
            strict: options.strict,
            left: options.left_delimiter.clone(),
            right: options.right_delimiter.clone(),
            now_ms: options.now_ms,
        };
        render::render(text, data.pairs(), &options)
    }
}

export_engine!(TemplateJinja);
