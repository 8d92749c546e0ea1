//! Sprig's functions, by family. Names and argument order are sprig's; what a function does is checked
//! against Go itself (see `tests/corpus.rs`).

mod collections;
mod dates;
mod encoding;
mod golayout;
mod logic;
mod math;
mod strings;

use std::sync::Arc;

use gotmpl::{FuncMap, TemplateError, Value};

type Outcome = Result<Value, TemplateError>;

/// Puts functions into a map.
pub(crate) struct Table(FuncMap);

impl Table {
    fn add(&mut self, name: &str, function: impl Fn(&[Value]) -> Outcome + Send + Sync + 'static) {
        self.0.insert(name.to_owned(), Arc::new(function));
    }

    /// A function of one text.
    fn text(&mut self, name: &'static str, function: impl Fn(&str) -> String + Send + Sync + 'static) {
        self.add(name, move |args| Ok(Value::String(function(&string(arg(args, 0, name)?)).into())));
    }
}

/// All functions; `now_ms` is what `now` says.
pub(crate) fn all(now_ms: u64) -> FuncMap {
    let mut table = Table(FuncMap::new());
    strings::add(&mut table);
    encoding::add(&mut table);
    collections::add(&mut table);
    logic::add(&mut table);
    math::add(&mut table);
    dates::add(&mut table, now_ms);
    table.0
}

/// Their names, in order.
pub fn names() -> Vec<String> {
    all(0).into_keys().collect()
}

/// The n-th argument.
fn arg<'a>(args: &'a [Value], index: usize, name: &str) -> Result<&'a Value, TemplateError> {
    args.get(index).ok_or_else(|| TemplateError::ArgCount {
        name: name.to_owned(),
        expected: index + 1,
        got: args.len(),
    })
}

/// Go's `fmt.Sprint`-like text of a value, as sprig's `strval`.
fn string(value: &Value) -> String {
    value.to_string()
}

/// An integer, as sprig's `toInt64`: texts are parsed, what is none is 0.
fn int(value: &Value) -> i64 {
    match value {
        Value::Int(n) => *n,
        Value::Uint(n) => i64::try_from(*n).unwrap_or(i64::MAX),
        #[expect(clippy::cast_possible_truncation, reason = "Go truncates too")]
        Value::Float(f) => *f as i64,
        Value::Bool(flag) => i64::from(*flag),
        Value::String(text) => {
            let text = text.trim();
            text.parse().unwrap_or_else(|_| text.parse::<f64>().map_or(0, |f| int(&Value::Float(f))))
        }
        _ => 0,
    }
}

fn failed(why: impl Into<String>) -> TemplateError {
    TemplateError::Exec(why.into())
}

fn text(value: impl Into<Arc<str>>) -> Value {
    Value::String(value.into())
}

fn list(items: Vec<Value>) -> Value {
    Value::List(items.into())
}
