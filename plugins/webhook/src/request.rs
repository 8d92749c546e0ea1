//! From an item to a request: the templates, rendered.

use claviger_plugin_sdk::provider::interface::Item;
use claviger_plugin_sdk::request::Request;
use claviger_plugin_sdk::{Error, invalid_config};
use go_template::{Object, Options, render_objects};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::Config;
use crate::place;

/// What Go's `url.QueryEscape` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What Go writes where there is nothing.
const NOTHING: &str = "<no value>";

/// Time and chance of one rendering.
pub struct Moment {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Bytes that nobody can guess.
    pub seed: Vec<u8>,
}

/// What the templates see.
pub struct Data {
    /// As they are.
    raw: Vec<Object>,
    /// For the URL: what the reference says is escaped, and Secrets are not. As ESO.
    escaped: Vec<Object>,
}

impl Data {
    /// Of an item; a generator has none.
    pub fn new(item: Option<&Item>, namespace: &str, secrets: Vec<Object>) -> Self {
        let Some(item) = item else { return Self { escaped: secrets.clone(), raw: secrets } };
        let reference = |write: &dyn Fn(&str) -> String| {
            let field = |name: &str, text: &str| (name.to_owned(), write(text).into_bytes());
            let mut fields = vec![
                field("key", &item.key),
                field("version", item.version.as_deref().unwrap_or_default()),
                field("property", item.property.as_deref().unwrap_or_default()),
            ];
            fields.push(("namespace".to_owned(), namespace.as_bytes().to_vec()));
            with(secrets.clone(), fields)
        };
        Self { raw: reference(&ToOwned::to_owned), escaped: reference(&query_escaped) }
    }
}

/// A Secret of the name `remoteRef` adds to it, as with ESO.
fn with(mut secrets: Vec<Object>, fields: Vec<(String, Vec<u8>)>) -> Vec<Object> {
    match secrets.iter_mut().find(|(name, _)| name == "remoteRef") {
        Some((_, known)) => {
            let new = fields.into_iter().filter(|(field, _)| known.iter().all(|(key, _)| key != field));
            known.extend(new.collect::<Vec<_>>());
        }
        None => secrets.push(("remoteRef".to_owned(), fields)),
    }
    secrets
}

/// Go's `url.QueryEscape`.
fn query_escaped(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string().replace("%20", "+")
}

/// The request.
///
/// # Errors
/// The template that fails, by its field, and never what it would have made.
pub fn request(config: &Config, data: &Data, moment: &Moment) -> Result<Request, Error> {
    let url = rendered("/url", &config.url, &data.escaped, moment, 0)?;
    let url = place::sent(&url, &config.origin).map_err(|why| invalid_config("/url", why))?;
    let mut headers = Vec::new();
    for (nth, (name, template)) in config.headers.iter().enumerate() {
        let value = rendered("/headers", template, &data.raw, moment, nth + 3)
            .map_err(|error| within(error, &format!("{name:?}: ")))?;
        // Secrets are often made with a line break at their end.
        let value = value.trim_ascii();
        let good = value.iter().all(|byte| *byte == b'\t' || (b' '..0x7f).contains(byte));
        let text = std::str::from_utf8(value).ok().filter(|_| good).ok_or_else(|| {
            invalid_config("/headers", format!("{name:?}: its value is not one line of ASCII"))
        })?;
        headers.push((name.clone(), text.to_owned()));
    }
    let body = rendered("/body", &config.body, &data.raw, moment, 1)?;
    Ok(Request { method: config.method, url, headers, body })
}

/// The path into the answer; empty: the whole.
///
/// # Errors
/// As of [`request`].
pub fn json_path(config: &Config, data: &Data, moment: &Moment) -> Result<String, Error> {
    let path = rendered("/result/jsonPath", &config.json_path, &data.raw, moment, 2)?;
    String::from_utf8(path).map_err(|_| invalid_config("/result/jsonPath", "it is no text"))
}

fn within(error: Error, what: &str) -> Error {
    match error {
        Error::InvalidConfig(wrong) => invalid_config(&wrong.path, format!("{what}{}", wrong.detail)),
        other => other,
    }
}

/// As ESO, a key that is not there is nothing, so that `if` can ask; but nobody means to send what Go writes for it.
fn rendered(
    at: &str,
    template: &str,
    data: &[Object],
    moment: &Moment,
    nth: usize,
) -> Result<Vec<u8>, Error> {
    let options = |strict| {
        let (now_ms, seed) = (moment.now_ms, moment.seed.clone());
        Options { strict, left: String::new(), right: String::new(), now_ms, seed }.of_nth(nth)
    };
    let failed = |failure: go_template::Failure| {
        let place = format!("line {}, column {}", failure.line, failure.column);
        invalid_config(at, format!("{place}: {}", failure.detail))
    };
    let made = render_objects(template, data, &options(false)).map_err(failed)?;
    let nothing = |text: &[u8]| text.windows(NOTHING.len()).any(|part| part == NOTHING.as_bytes());
    if nothing(&made.text) && !template.contains(NOTHING) {
        render_objects(template, data, &options(true)).map_err(failed)?;
    }
    Ok(made.text)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
