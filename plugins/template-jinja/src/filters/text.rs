//! Quoting, indenting, `required`, and a `join` that refuses what is undefined. What else minijinja has of
//! texts is used as it is.

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::value::{Kwargs, Rest, StringInput, ValueOrKwargs};
use minijinja::{Environment, Error, State, Value};

use crate::data::{is_binary, refuse_undefined};
use crate::failure::refuse;
use crate::limits::pay;

pub(super) fn add(environment: &mut Environment<'_>, text: &Arc<str>) {
    environment.add_filter("quote", quote);
    environment.add_filter("squote", squote);
    environment.add_filter("indent", indent);
    environment.add_filter("nindent", nindent);
    environment.add_filter("join", join);
    environment.add_filter("format", format);
    let text = text.clone();
    environment.add_filter("required", move |value: &Value, message: Option<Cow<'_, str>>| {
        let empty = value.is_undefined()
            || value.is_none()
            || (!is_binary(value) && value.as_str().is_some_and(str::is_empty));
        if !empty {
            return Ok(value.clone());
        }
        // A message that the template does not hold could hold a value.
        let message = message.filter(|message| text.contains(message.as_ref()));
        Err(refuse(message.map_or_else(|| "a required value is missing".to_owned(), Cow::into_owned)))
    });
}

/// minijinja's, which panics at a key of a mapping (`%(key)s`) that is not ASCII.
fn format(state: &mut State<'_, '_>, text: &Value, values: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    if text.as_str().is_some_and(|text| !keys_are_ascii(text)) {
        return Err(refuse("format: a key in %(…) has to be ASCII".to_owned()));
    }
    minijinja::filters::format(state, text, values)
}

/// Of `%(key)` up to the next `)`; `%%` is a percent sign.
fn keys_are_ascii(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        rest = after;
        if let Some(after) = rest.strip_prefix('%') {
            rest = after;
        } else if let Some(after) = rest.strip_prefix('(') {
            let (key, after) = after.split_once(')').unwrap_or((after, ""));
            if !key.is_ascii() {
                return false;
            }
            rest = after;
        }
    }
    true
}

/// In double quotes, escaped as in JSON: valid in JSON, YAML and most configuration languages.
fn quote(state: &State<'_, '_>, value: StringInput<'_>) -> Result<String, Error> {
    pay(state, "quote", value.as_str().len() + 2)?;
    Ok(serde_json::Value::from(value.as_str()).to_string())
}

/// In single quotes, those inside doubled: valid in YAML and SQL.
fn squote(state: &State<'_, '_>, value: StringInput<'_>) -> Result<String, Error> {
    pay(state, "squote", value.as_str().len() + 2)?;
    Ok(format!("'{}'", value.as_str().replace('\'', "''")))
}

/// As Jinja2's: minijinja's own drops a line end at the end, which a certificate must keep.
fn indent(
    state: &State<'_, '_>,
    value: StringInput<'_>,
    width: Option<usize>,
    first: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let width =
        width.map_or_else(|| options.get::<Option<usize>>("width"), |width| Ok(Some(width)))?.unwrap_or(4);
    let first =
        first.map_or_else(|| options.get::<Option<bool>>("first"), |first| Ok(Some(first)))?.unwrap_or(false);
    let blank = options.get::<Option<bool>>("blank")?.unwrap_or(false);
    options.assert_all_used()?;
    indented(state, "indent", value.as_str(), width, first, blank)
}

/// A line end, and every line indented: for blocks below a key of YAML.
fn nindent(state: &State<'_, '_>, value: StringInput<'_>, width: usize) -> Result<String, Error> {
    Ok(format!("\n{}", indented(state, "nindent", value.as_str(), width, true, false)?))
}

/// Empty lines stay empty, unless `blank`; the first line is indented, if `first`.
fn indented(
    state: &State<'_, '_>,
    name: &str,
    text: &str,
    width: usize,
    first: bool,
    blank: bool,
) -> Result<String, Error> {
    let lines = text.matches('\n').count() + 1;
    pay(state, name, lines.saturating_mul(width).saturating_add(text.len()))?;
    let pad = " ".repeat(width);
    let mut out = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if if index == 0 { first } else { blank || !line.is_empty() } {
            out.push_str(&pad);
        }
        out.push_str(line);
    }
    Ok(out)
}

/// minijinja's, after a look at each item: it would join nothing for what is undefined.
fn join(
    state: &mut State<'_, '_>,
    value: &Value,
    joiner: Option<StringInput<'_>>,
    attribute: Option<&str>,
    options: Kwargs,
) -> Result<Value, Error> {
    if !value.is_undefined() && value.as_str().is_none() {
        for item in value.try_iter()?.checked() {
            state.consume_fuel(1)?;
            let item = item?;
            if item.is_undefined() {
                refuse_undefined(state, &item)?;
            }
        }
    }
    minijinja::filters::join(state, value, joiner, attribute, options)
}
