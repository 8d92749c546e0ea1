//! Asking the server: for items, for a generator, and whether it is there at all.

use std::time::SystemTime;

use claviger_plugin_sdk::host::Host;
use claviger_plugin_sdk::prelude::*;
use claviger_plugin_sdk::provider::interface::Facet;

use crate::answer::{self, Values};
use crate::config::{Config, Manifest};
use crate::connect::objects;
use crate::request::{Data, Moment, json_path, request};

/// Requests at once, and items of a batch.
pub const AT_ONCE: usize = 8;

/// One answer per item. As ESO, 404 is a missing secret; of refusals the status is told and nothing of the answer, which may be
/// anybody's secret.
///
/// # Errors
/// A wrong config.
pub fn get(session: &Session<'_, Manifest>, items: &[Item]) -> Result<Vec<Result<Value, Error>>, Error> {
    let config = Config::of(&session.config, session.is_cluster())?;
    let secrets = objects(&config, session.input())?;
    let mut asked = Vec::new();
    let mut plans = Vec::new();
    for item in items {
        let data = Data::new(Some(item), &session.input().requester.namespace, secrets.clone());
        let moment = moment(session.host());
        let plan = planned(&config, item, &data, &moment);
        plans.push(plan.map(|(request, path)| {
            asked.push(request);
            path
        }));
    }
    let mut replies = session.host().send(asked, AT_ONCE, config.timeout).into_iter();
    let answer = |item: &Item, path: String| {
        let what = format!("key {:?}", item.key);
        let reply =
            replies.next().unwrap_or_else(|| Err(Error::Other("a request without an answer".to_owned())));
        let body = reply?.ok(&what)?.body;
        let data = answer::value(body, &path).map_err(|error| about(error, &what))?;
        Ok(Value { shareable: config.method == "GET", ..Value::new(data) })
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
pub fn generate(session: &Session<'_, Manifest>, moment: &Moment) -> Result<Values, Error> {
    let config = Config::of(&session.config, session.is_cluster())?;
    let input = session.input();
    let data = Data::new(None, &input.requester.namespace, objects(&config, input)?);
    let (asked, path) = (request(&config, &data, moment)?, json_path(&config, &data, moment)?);
    let reply = session.host().send(vec![asked], 1, config.timeout).pop();
    let reply = reply.unwrap_or_else(|| Err(Error::Other("a request without an answer".to_owned())))?;
    let body = match reply.ok("the request") {
        // There is no key that could be missing.
        Err(Error::NotFound(detail)) => Err(Error::Other(detail)),
        other => other,
    }?
    .body;
    answer::values(&body, &path)
}

/// Whether the server is there. ESO looks whether its port is open; this also sees its certificate. No template is
/// rendered: what it would ask for without a key nobody knows, and no secret is sent.
///
/// # Errors
/// That it is not.
pub fn check(session: &Session<'_, Manifest>) -> Result<Health, Error> {
    let config = Config::of(&session.config, session.is_cluster())?;
    let asked = Request::new("HEAD", format!("{}/", config.origin));
    match session.host().send(vec![asked], 1, config.timeout).pop() {
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

/// Time and chance of one of several.
fn moment(host: &dyn Host) -> Moment {
    let now = host.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment { now_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX), seed: host.seed().to_vec() }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
