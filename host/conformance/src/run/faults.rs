//! Reads while the backend or the network fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::provider::{CallError, Fault as PluginFault, ProviderError, Value};
use claviger_core::redact::Redactor;
use claviger_plugins::Grants;
use claviger_plugins::egress::EgressConfig;

use super::session::{Running, With, given, value_of};
use super::{Miss, Verdict};
use crate::bench::{Answer, FaultCase};
use crate::case::Case;
use crate::proxy::{Fault, Kind, closed};

/// What a call has while the backend is silent. The login is made before.
const WALL: Duration = Duration::from_secs(3);
/// The host's own part of ending a call.
const GRACE: Duration = Duration::from_secs(2);
/// `Retry-After` of the usual answer; no plugin has it by accident.
const DELAY: u64 = 7;
/// Beyond the host's limit, so that it does not depend on the last piece.
const MORE: u64 = 1024 * 1024;

const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome</body></html>";

/// A read under a fault. A fault that nothing met shows nothing.
async fn under(
    suite: &Running<'_>,
    case: &FaultCase,
    on: Kind,
    fault: Fault,
) -> Result<Result<Value, CallError>, Miss> {
    let key = suite.key(&case.key)?;
    let session = suite.fresh().await?;
    suite.proxy.counts();
    suite.proxy.fail(on, fault);
    let outcome = suite.read(&session, value_of(key, None)).await;
    suite.proxy.heal();
    met(suite, on)?;
    Ok(outcome)
}

fn met(suite: &Running<'_>, on: Kind) -> Verdict {
    let counts = suite.proxy.counts();
    if counts.faults > 0 {
        return Ok(());
    }
    let (what, rule) = match on {
        Kind::Login => ("login", "loginRequests"),
        Kind::Data | Kind::Other => ("data request", "dataRequests"),
    };
    Err(Miss::new(
        format!("a {what} that meets the fault"),
        format!(
            "none ({} logins, {} data requests, {} others): correct servers or {rule} of the bench",
            counts.logins, counts.data, counts.other
        ),
    ))
}

fn is_unavailable(error: &CallError) -> bool {
    matches!(error, CallError::Provider(ProviderError::Unavailable(_)))
}

pub(super) async fn throttled(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.throttled)?;
    let usual = || Answer {
        status: 429,
        headers: BTreeMap::from([("Retry-After".to_owned(), DELAY.to_string())]),
        body: r#"{"message":"too many requests"}"#.to_owned(),
    };
    let delay = case.delay_seconds.or_else(|| case.answer.is_none().then_some(DELAY));
    let answer = case.answer.clone().unwrap_or_else(usual);
    let outcome = under(suite, case, Kind::Data, Fault::Answer(answer)).await?;
    let expected = match delay {
        Some(seconds) => format!("rate-limited for {} ms", seconds * 1000),
        None => "rate-limited".to_owned(),
    };
    suite.failed(&outcome, &expected, |error| match error {
        CallError::Provider(ProviderError::RateLimited { retry_after, .. }) => {
            delay.is_none_or(|seconds| *retry_after == Some(Duration::from_secs(seconds)))
        }
        _ => false,
    })
}

pub(super) async fn server_error(suite: &Running<'_>) -> Verdict {
    let cases = &suite.bench.cases;
    let (case, on) = match suite.case {
        Case::ServerErrorAtLogin => (given(&cases.server_error_at_login)?, Kind::Login),
        _ => (given(&cases.server_error)?, Kind::Data),
    };
    for status in [500, 503] {
        let usual = || Answer { body: r#"{"message":"internal error"}"#.to_owned(), ..Answer::default() };
        let answer = Answer { status, ..case.answer.clone().unwrap_or_else(usual) };
        let outcome = under(suite, case, on, Fault::Answer(answer)).await?;
        suite.failed(&outcome, &format!("unavailable (HTTP {status})"), is_unavailable)?;
    }
    Ok(())
}

pub(super) async fn timeout(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.timeout)?;
    let key = suite.key(&case.key)?;
    let session = suite.fresh().await?;
    suite
        .read(&session, value_of(key, None))
        .await
        .map_err(|error| Miss::new("a value", suite.said(&error)))?;
    let grants = suite.plugin.grants().clone();
    let (cpu, wall) = (grants.cpu.min(WALL), grants.wall.min(WALL));
    let plugin = Arc::new(suite.plugin.with_grants(Grants { cpu, wall, ..grants }));
    let session = suite.connect(With { plugin: Some(plugin), ..With::default() }).await?;
    let session = session.map_err(|error| Miss::new("the store connects", suite.said(&error)))?;
    suite.proxy.counts();
    suite.proxy.fail(Kind::Data, Fault::Silence);
    let start = Instant::now();
    let outcome = suite.read(&session, value_of(key, None)).await;
    let took = start.elapsed();
    suite.proxy.heal();
    met(suite, Kind::Data)?;
    if took > wall + GRACE {
        return Err(Miss::new(format!("an end within {wall:?}"), format!("one after {took:?}")));
    }
    suite.failed(&outcome, "unavailable, or the call's time is over", |error| {
        is_unavailable(error) || matches!(error, CallError::Fault(PluginFault::WallLimit { .. }))
    })
}

pub(super) async fn slow(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.slow)?;
    let (expected, property) = suite.expected(suite.key(&case.key)?, &case.expect)?;
    let outcome = under(suite, case, Kind::Data, Fault::Slow).await?;
    suite.brought(&outcome, property, expected)
}

pub(super) async fn truncated(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.truncated_body)?;
    let outcome = under(suite, case, Kind::Data, Fault::Truncated).await?;
    suite.failed(&outcome, "an error, and not not-found", is_no_answer)
}

pub(super) async fn oversized(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.oversized_body)?;
    let size = EgressConfig::default().max_response_bytes + MORE;
    let outcome = under(suite, case, Kind::Data, Fault::Oversized(size)).await?;
    // The host puts the limit into the detail of `unavailable`; whoever calls it otherwise hides it.
    suite.failed(&outcome, "unavailable, naming the limit", |error| match error {
        CallError::Provider(ProviderError::Unavailable(detail)) => {
            Redactor::default().clean(detail).contains("limit")
        }
        CallError::Fault(PluginFault::OutputLimit { .. }) => true,
        _ => false,
    })
}

pub(super) async fn not_the_backend(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.not_the_backend)?;
    let usual = || Answer {
        status: 200,
        headers: BTreeMap::from([("Content-Type".to_owned(), "text/html".to_owned())]),
        body: PAGE.to_owned(),
    };
    let answer = case.answer.clone().unwrap_or_else(usual);
    let outcome = under(suite, case, Kind::Data, Fault::Answer(answer)).await?;
    suite.failed(&outcome, "an error, and not not-found", is_no_answer)
}

/// An error that says nothing about the key: `not-found` could have it deleted.
fn is_no_answer(error: &CallError) -> bool {
    !matches!(error, CallError::Provider(ProviderError::NotFound(_) | ProviderError::NotModified))
        && !matches!(error, CallError::Fault(PluginFault::Trapped(_)))
}

pub(super) async fn unreachable(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.unreachable)?;
    if suite.proxy.origins().is_empty() {
        return Err(Miss::bench("no servers"));
    }
    let origins = closed(suite.proxy.origins().keys())
        .await
        .map_err(|error| Miss::bench(format!("no free port on loopback: {error}")))?;
    let grants = suite.bench.grants(&origins).map_err(|error| Miss::bench(error.to_string()))?;
    let plugin = Arc::new(suite.plugin.with_grants(grants));
    let with = With { origins: Some(&origins), plugin: Some(plugin), ..With::default() };
    let outcome = match suite.connect(with).await? {
        Ok(session) => suite.read(&session, value_of(suite.key(&case.key)?, None)).await,
        Err(error) => Err(error),
    };
    suite.failed(&outcome, "unavailable", is_unavailable)
}
