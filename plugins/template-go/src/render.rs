//! One template against the data: parse, execute, and name what went wrong without quoting a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{MissingKey, Template, TemplateError, Value};

use crate::functions;

/// Steps of all `range` loops of one template. The host's time limit is the real one; this one has a
/// message.
const MAX_ITERATIONS: u64 = 1_000_000;

/// How to render.
#[derive(Clone, Debug)]
pub struct Options {
    /// A key that is not there is an error (Go's `missingkey=error`).
    pub strict: bool,
    /// Usually `{{`.
    pub left: String,
    /// Usually `}}`.
    pub right: String,
    /// What `now` says, unix milliseconds.
    pub now_ms: u64,
}

/// Why a template failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// From 1; 0 if unknown.
    pub line: u32,
    /// From 1; 0 if unknown.
    pub column: u32,
    /// In the engine's words.
    pub detail: String,
}

/// Renders one template.
///
/// # Errors
/// Where and why it failed.
pub fn render(text: &str, data: &[(String, Vec<u8>)], options: &Options) -> Result<String, Failure> {
    let mut values: BTreeMap<Arc<str>, Value> = BTreeMap::new();
    let mut binary = Vec::new();
    for (key, value) in data {
        match std::str::from_utf8(value) {
            Ok(text) => {
                values.insert(key.as_str().into(), Value::String(text.into()));
            }
            Err(_) => binary.push(key.as_str()),
        }
    }
    let missing = if options.strict { MissingKey::Error } else { MissingKey::Invalid };
    let template = Template::new("template")
        .delims(&options.left, &options.right)
        .missing_key(missing)
        .max_range_iters(MAX_ITERATIONS)
        .funcs(functions::all(options.now_ms))
        .parse(text)
        .map_err(|error| failure(error, &binary))?;
    template.execute_to_string(&Value::Map(Arc::new(values))).map_err(|error| failure(error, &binary))
}

fn failure(error: TemplateError, binary: &[&str]) -> Failure {
    let at = |line: usize, column: usize, detail: String| Failure {
        line: u32::try_from(line).unwrap_or(0),
        column: u32::try_from(column).unwrap_or(0),
        detail,
    };
    match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            at(line, col, message)
        }
        TemplateError::MissingKey { key } if binary.contains(&key.as_str()) => {
            at(0, 0, format!("the value of {key:?} is not UTF-8 text, which templates do not take yet"))
        }
        // Go's words.
        TemplateError::MissingKey { key } => at(0, 0, format!("map has no entry for key {key:?}")),
        other => at(0, 0, other.to_string()),
    }
}
