//! The engine behind the plugin interface.

use claviger_plugin_sdk::template::interface as wit;

use go_template as render;

struct TemplateGo;

impl wit::Guest for TemplateGo {
    fn describe() -> wit::Description {
        wit::Description {
            name: "template-go".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            functions: render::names(),
        }
    }

    fn render(
        templates: Vec<wit::Template>,
        data: Vec<(String, Vec<u8>)>,
        options: wit::Options,
    ) -> Result<Vec<wit::Rendered>, wit::Failure> {
        let options = render::Options {
            strict: options.strict,
            left: options.left_delimiter,
            right: options.right_delimiter,
            now_ms: options.now_ms,
            seed: options.seed,
        };
        let mut answers = Vec::with_capacity(templates.len());
        for (nth, template) in templates.into_iter().enumerate() {
            let rendered =
                render::render(&template.text, &data, &options.of_nth(nth)).map_err(|failure| {
                    wit::Failure {
                        template: template.name.clone(),
                        line: failure.line,
                        column: failure.column,
                        detail: failure.detail,
                    }
                })?;
            answers.push(wit::Rendered { name: template.name, data: rendered.text, varies: rendered.varies });
        }
        Ok(answers)
    }
}

claviger_plugin_sdk::template::export_template_engine!(TemplateGo);
