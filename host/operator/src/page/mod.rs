//! `/status`: a page for people (and, as JSON, for scripts) of what this process knows of stores, ExternalSecrets,
//! PushSecrets and plugins: names, reasons, messages as they stand in the objects' status, ages. Never a value.
//!
//! It shows, and takes nothing: no script, no form that changes anything, nothing from elsewhere. It is off unless asked for
//! (`OperatorConfig::status_page`), since whoever reaches the port reads names and messages of all namespaces. `data` is
//! what is shown, `gather` makes it, `classes` says whose it is, `html` how it looks.

mod classes;
mod data;
mod gather;
mod html;
mod query;
#[cfg(test)]
mod tests;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use jiff::Timestamp;

use crate::reconcile::Context;
use data::{Page, Role};
use query::{Format, Query};

/// The answer to a request for the page; none: it is off.
pub(crate) fn answer(context: &Context, query: &str) -> Option<Response<Full<Bytes>>> {
    if !context.config.status_page {
        return None;
    }
    Some(match Query::parse(query) {
        Ok(query) => shown(&look(context, &query), query.format),
        Err(why) => response(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", format!("{why}\n")),
    })
}

/// The page as it is now. The lock on what the workers share is held twice, each time for a moment: see `state::view`.
fn look(context: &Context, query: &Query) -> Page {
    let view = context.state.view();
    let serves = |class: Option<&str>| context.config.serves(class);
    let mut page = gather::page(&view, &context.registry.listed(), query, serves, Timestamp::now());
    page.role = match &context.config.election {
        None => Role::Alone,
        Some(_) if context.leadership.holds() => Role::Leader,
        Some(_) => Role::Standby,
    };
    page.missing = crate::server::Exhibit::missing(context);
    page.scope.clone_from(&context.config.namespace);
    page.fill_times(
        |objects| context.state.timings(objects),
        |name, uid| context.state.push_progress(name, uid),
    );
    page
}

fn shown(page: &Page, format: Format) -> Response<Full<Bytes>> {
    match format {
        Format::Html => response(StatusCode::OK, "text/html; charset=utf-8", html::render(page)),
        Format::Json => match serde_json::to_string_pretty(page) {
            Ok(text) => response(StatusCode::OK, "application/json", format!("{text}\n")),
            Err(_) => {
                response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "the page is no JSON\n".to_owned())
            }
        },
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Of base64 and constants.
    if let Ok(policy) = HeaderValue::from_str(html::policy()) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}
