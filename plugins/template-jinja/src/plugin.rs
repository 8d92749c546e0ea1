//! The engine behind the plugin interface. It translates and decides nothing.

use claviger_plugin_sdk::template::interface as wit;

use crate::render;

struct TemplateJinja;

impl wit::Guest for TemplateJinja {
    fn describe() -> wit::Description {
        wit::Description {
            name: "template-jinja".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            functions: crate::names(),
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
        };
        let mut answers = Vec::with_capacity(templates.len());
        for template in templates {
            let rendered =
                render::render(&template.text, &data, &options).map_err(|failure| wit::Failure {
                    template: template.name.clone(),
                    line: failure.line,
                    column: failure.column,
                    detail: failure.detail,
                })?;
            answers.push(wit::Rendered { name: template.name, data: rendered.text, varies: rendered.varies });
        }
        Ok(answers)
    }
}

claviger_plugin_sdk::template::export_template_engine!(TemplateJinja);
