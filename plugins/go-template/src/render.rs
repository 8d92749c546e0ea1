//! One template against the data: parse, execute, and name what went wrong without quoting a value.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::error::EngineError;
use crate::functions::{Env, lookup};
use crate::language::{execute, parser};
use crate::value::{Map, Value};

/// How to render.
#[derive(Clone, Debug)]
pub struct Options {
    /// A key that is not there is an error (Go's `missingkey=error`).
    pub strict: bool,
    /// Empty is `{{`.
    pub left: String,
    /// Empty is `}}`.
    pub right: String,
    /// What `now` says, unix milliseconds.
    pub now_ms: u64,
    /// Of `rand…`, `shuffle` and `uuidv4`.
    pub seed: Vec<u8>,
}

impl Options {
    /// Those of one of several templates: with a seed of its own, or two passwords of one Secret would be the same.
    pub fn of_nth(&self, nth: usize) -> Self {
        let place = u64::try_from(nth).unwrap_or(u64::MAX).to_le_bytes();
        let seed = Sha256::new().chain_update(&self.seed).chain_update(place).finalize();
        Self { seed: seed.to_vec(), ..self.clone() }
    }
}

/// Why a template failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// In Go's words where Go has any; never with a value.
    pub detail: String,
}

/// A rendered text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Bytes, as Go's strings are.
    pub text: Vec<u8>,
    /// Another time or another seed could have given another text.
    pub varies: bool,
}

/// Renders one template. Values are bytes, as Go's strings are.
///
/// # Errors
/// Where and why it failed.
pub fn render(text: &str, data: &[(String, Vec<u8>)], options: &Options) -> Result<Rendered, Failure> {
    run(text, &strings(data), options).map_err(|error| failure(text, &error))
}

/// An object of a template's data: `.name.key` is a value of it.
pub type Object = (String, Vec<(String, Vec<u8>)>);

/// Renders one template whose data are objects of values, a `map[string]map[string]string` in Go.
///
/// # Errors
/// Where and why it failed.
pub fn render_objects(text: &str, data: &[Object], options: &Options) -> Result<Rendered, Failure> {
    let objects = data.iter().map(|(name, values)| (name.as_bytes().into(), strings(values))).collect();
    run(text, &Value::Map(Map::new(objects)), options).map_err(|error| failure(text, &error))
}

/// A `map[string]string`.
fn strings(data: &[(String, Vec<u8>)]) -> Value {
    let entries: BTreeMap<_, _> =
        data.iter().map(|(key, value)| (key.as_bytes().into(), Value::str(value))).collect();
    Value::Map(Map::of_strings(entries))
}

fn run(text: &str, dot: &Value, options: &Options) -> Result<Rendered, EngineError> {
    let templates = parser::parse(text, &options.left, &options.right, &|name| lookup(name).is_some())?;
    let env = Env::new(options.now_ms, &options.seed, text);
    let text = execute::execute(&templates, dot, options.strict, &env)?;
    Ok(Rendered { text, varies: env.varies() })
}

fn failure(text: &str, error: &EngineError) -> Failure {
    let at = match error {
        EngineError::Syntax { at, .. } | EngineError::Execution { at, .. } => *at,
        EngineError::Function(_) => 0,
    };
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Failure { line: small(line), column: small(column), detail: error.to_string() }
}
