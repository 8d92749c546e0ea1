//! Asking the server: for items, for a generator, and whether it is there at all.

use claviger_plugin_sdk::provider::connection::Session;
use claviger_plugin_sdk::provider::interface::{Facet, Health, Item, Value};
use claviger_plugin_sdk::{Error, RateLimit};

use crate::answer::{self, Values};
use crate::config::Config;
use crate::connect::objects;
use crate::request::{Data, Moment, json_path, request};
use crate::world::{Reply, Request, World};

/// Requests at once, and items of a batch.
pub const AT_ONCE: usize = 8;

/// One answer per item.
///
/// # Errors
/// A wrong config.
pub fn get(session: &Session, world: &dyn World, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
    let config = Config::parse(&session.config, session.store.namespace.is_none())?;
    let secrets = objects(&config, session)?;
    let mut asked = Vec::new();
    let mut plans = Vec::new();
    for (nth, item) in items.iter().enumerate() {
        let data = Data::new(Some(item), &session.requester.namespace, secrets.clone());
        let moment = world.moment(nth);
        let plan = planned(&config, item, &data, &moment);
        plans.push(plan.map(|(request, path)| {
            asked.push(request);
            path
        }));
    }
    let mut replies = world.send(asked).into_iter();
    let answer = |item: &Item, path: String| {
        let what = format!("key {:?}", item.key);
        let reply =
            replies.next().unwrap_or_else(|| Err(Error::Other("a request without an answer".to_owned())));
        let body = checked(reply, &what)?;
        let data = answer::value(body, &path).map_err(|error| about(error, &what))?;
        Ok(Value {
            data,
            entries: None,
            version: None,
            metadata: None,
            lease: None,
            shareable: config.method == "GET",
            dynamic: false,
        })
    };
    let mut answer = answer;
    Ok(items.iter().zip(plans).map(|(item, path)| path.and_then(|path| answer(item, path))).collect())
}

fn planned(config: &Config, item: &Item, data: &Data, moment: &Moment) -> Result<(Request, String), Error> {
    if item.facet == Facet::Metadata {
        return Err(Error::Unsupported(
            "an HTTP answer has no metadata: leave metadataPolicy out".to_owned(),
        ));
    }
    Ok((request(config, data, moment)?, json_path(config, data, moment)?))
}

/// What a generator gives.
///
/// # Errors
/// A wrong config, a refusal, an answer without an object.
pub fn generate(session: &Session, world: &dyn World, moment: &Moment) -> Result<Values, Error> {
    let config = Config::parse(&session.config, session.store.namespace.is_none())?;
    let data = Data::new(None, &session.requester.namespace, objects(&config, session)?);
    let (asked, path) = (request(&config, &data, moment)?, json_path(&config, &data, moment)?);
    let reply = world.send(vec![asked]).pop();
    let reply = reply.unwrap_or_else(|| Err(Error::Other("a request without an answer".to_owned())));
    let body = match checked(reply, "the request") {
        // There is no key that could be missing.
        Err(Error::NotFound(detail)) => Err(Error::Other(detail)),
        other => other,
    }?;
    answer::values(&body, &path)
}

/// Whether the server is there. ESO looks whether its port is open; this also sees its certificate. No template is
/// rendered: what it would ask for without a key nobody knows, and no secret is sent.
///
/// # Errors
/// That it is not.
pub fn check(session: &Session, world: &dyn World) -> Result<Health, Error> {
    let config = Config::parse(&session.config, session.store.namespace.is_none())?;
    let asked = Request {
        method: "HEAD",
        url: format!("{}/", config.origin),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: config.timeout,
    };
    match world.send(vec![asked]).pop() {
        Some(Ok(_)) => Ok(Health::Ready),
        Some(Err(error)) => Err(error),
        None => Err(Error::Other("a request without an answer".to_owned())),
    }
}

fn about(error: Error, what: &str) -> Error {
    match error {
        Error::Other(detail) => Error::Other(format!("{what}: {detail}")),
        other => other,
    }
}

/// As ESO, 404 is a missing secret. Of other refusals the status: what stands in the answer may be anybody's secret.
fn checked(reply: Result<Reply, Error>, what: &str) -> Result<Vec<u8>, Error> {
    let reply = reply?;
    let detail = format!("{what}: HTTP {}", reply.status);
    let retry_after_ms = reply.retry_after_ms;
    Err(match reply.status {
        200..=299 => return Ok(reply.body),
        300..=399 => Error::Other(format!("{detail}: redirects are not followed")),
        401 => Error::Unauthenticated(detail),
        403 => Error::Denied(detail),
        404 => Error::NotFound(detail),
        429 => Error::RateLimited(RateLimit { retry_after_ms, detail }),
        503 if retry_after_ms.is_some() => Error::RateLimited(RateLimit { retry_after_ms, detail }),
        408 | 500..=599 => Error::Unavailable(detail),
        _ => Error::Other(detail),
    })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
