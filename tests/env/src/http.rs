//! A small blocking HTTP client for setting servers up over plain HTTP on loopback.
//!
//! No TLS on purpose: it would pull a second TLS configuration into the build, and every server that
//! speaks TLS to the product also has a plain loopback listener for set-up, or is asked through kubectl.

use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;

use crate::error::{Error, Result};

/// More than any set-up call needs on a busy machine; a stopped server must not hang a test run.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends one request, with a body of JSON unless a header says of what. Any HTTP status is an answer; a body that is
/// not JSON becomes a JSON string, an empty one null.
pub(crate) fn call(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<(u16, Value)> {
    let what = || format!("{method} {url}");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .proxy(None)
        .build()
        .into();
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let text = body.map(Value::to_string).unwrap_or_default();
    if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", "application/json");
    }
    let failed = |source: ureq::Error| Error::Http { what: what(), source: Box::new(source) };
    let mut answer = if body.is_some() {
        agent.run(request.body(text).map_err(|error| failed(error.into()))?)
    } else {
        agent.run(request.body(()).map_err(|error| failed(error.into()))?)
    }
    .map_err(failed)?;
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string().map_err(failed)?;
    let value = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    Ok((status, value))
}
