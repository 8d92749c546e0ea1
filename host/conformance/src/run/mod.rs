//! Runs the cases of a bench over a plugin, one after the other, each with a store of its own: so with a
//! memo and connections that nobody used before.

mod ears;
mod faults;
mod find;
mod logins;
mod session;
mod unclaimed;
mod values;
mod writes;

use std::collections::BTreeMap;
use std::io;

use claviger_plugins::{PluginHost, PluginsError};
use tracing::instrument::WithSubscriber as _;

use crate::bench::{Bench, BenchError};
use crate::case::Case;
use crate::proxy::{Proxy, Rules, Upstream, reach};
use crate::report::{CaseReport, Outcome, Report};
use crate::tape::{Index, Recording, RecordingError, Tape, left_out};
use ears::Ears;
use session::Suite;

/// Why no case could run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The component is no plugin.
    #[error("the component is not taken: {0}")]
    Plugin(#[from] PluginsError),
    /// A template engine.
    #[error("it is a template engine: the suite is for providers")]
    NoProvider,
    /// The bench cannot be used.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Nobody there.
    #[error("server {name} of the bench does not answer at {origin}: {source}")]
    Server {
        /// Its name.
        name: String,
        /// Where.
        origin: String,
        /// Why.
        source: io::Error,
    },
    /// A recording that cannot be made or used.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// No proxy.
    #[error("the proxy cannot listen on loopback: {0}")]
    Proxy(io::Error),
}

/// How a case ended otherwise than it had to. Texts are clean.
struct Miss {
    expected: String,
    seen: String,
}

impl Miss {
    fn new(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { expected: expected.into(), seen: seen.into() }
    }

    /// The bench does not say what the case needs.
    fn bench(what: impl Into<String>) -> Self {
        Self::new("a bench that says what the case needs", what)
    }
}

type Verdict = Result<(), Miss>;

/// Runs the cases in `only`, or all, over the component as the plugin of that name (or the bench's). Each
/// row is handed to `each` when it is there. What passes is recorded, or answered from a recording, if that is wanted;
/// cases that failed are not recorded.
///
/// # Errors
/// If no case can run at all, or one cannot be recorded. A case that fails is a row.
pub async fn run(
    host: &PluginHost,
    component: Vec<u8>,
    name: Option<&str>,
    bench: &Bench,
    only: &[Case],
    recording: Recording<'_>,
    mut each: impl FnMut(&CaseReport),
) -> Result<Report, SuiteError> {
    let servers = servers(bench, recording)?;
    bench.check_servers(&servers)?;
    for (name, upstream) in servers.iter().filter_map(|(name, upstream)| Some((name, upstream.as_ref()?))) {
        reach(upstream).await.map_err(|source| SuiteError::Server {
            name: name.clone(),
            origin: upstream.origin(),
            source,
        })?;
    }
    let rules = Rules { logins: bench.login_requests.clone(), data: bench.data_requests.clone() };
    let proxy = Proxy::start(&servers, rules).await.map_err(SuiteError::Proxy)?;
    let ears = Ears::new(&bench.secrets()?);
    let grants = bench.grants(proxy.origins())?;
    let name = name.or(bench.plugin.as_deref()).unwrap_or("plugin");
    let plugin = host.load(name, component, grants).await?;
    let Some(description) = plugin.description().cloned() else { return Err(SuiteError::NoProvider) };
    proxy.load(match recording {
        Recording::None => Tape::None,
        Recording::Record(folder) => {
            let inspection = plugin.inspection();
            let plugin = format!("{} {}", inspection.name, inspection.version);
            Tape::record(folder, plugin, bench, proxy.origins())?
        }
        Recording::Replay(folder) => Tape::replay(folder, bench, proxy.origins())?,
    });
    let suite = Suite { bench, plugin, description, proxy, ears };
    let mut report = Report::default();
    for case in Case::all().filter(|case| only.is_empty() || only.contains(case)) {
        let left_out = left_out(bench, case).filter(|_| recording != Recording::None);
        let outcome = match left_out.filter(|_| !bench.unsupported.contains_key(&case)) {
            Some(reason) => Outcome::NotRecorded { reason: reason.to_owned() },
            None => taped(&suite, case).await?,
        };
        let row = CaseReport { case, outcome, log: suite.ears.log(case) };
        each(&row);
        report.cases.push(row);
    }
    suite.proxy.tape(|tape| tape.save())?;
    Ok(report)
}

/// The servers by name: without an address, if a recording stands for them.
fn servers(
    bench: &Bench,
    recording: Recording<'_>,
) -> Result<BTreeMap<String, Option<Upstream>>, RecordingError> {
    let own = bench.servers.iter().map(|(name, upstream)| (name.clone(), Some(upstream.clone())));
    match recording {
        Recording::Replay(folder) => {
            let recorded = Index::load(folder)?.servers;
            Ok(recorded.iter().chain(bench.servers.keys()).map(|name| (name.clone(), None)).collect())
        }
        Recording::None | Recording::Record(_) => Ok(own.collect()),
    }
}

/// One case, and what the tape says of it.
async fn taped(suite: &Suite<'_>, case: Case) -> Result<Outcome, RecordingError> {
    suite.proxy.tape(|tape| tape.begin(case));
    let outcome = one(&suite.about(case)).with_subscriber(suite.ears.subscriber()).await;
    suite.proxy.heal();
    let passed = !matches!(outcome, Outcome::Failed { .. });
    Ok(match suite.proxy.tape(|tape| tape.end(case, passed))? {
        None => outcome,
        Some(stranger) => Outcome::Failed {
            expected: "requests that are in the recording".to_owned(),
            seen: suite.ears.clean(&stranger),
        },
    })
}

/// One case, from what the bench says about it to how it ended.
async fn one(suite: &session::Running<'_>) -> Outcome {
    let (bench, case) = (suite.bench, suite.case);
    let failed = |miss: Miss| Outcome::Failed { expected: miss.expected, seen: miss.seen };
    if let Some(reason) = bench.unsupported.get(&case) {
        return match unclaimed::excused(suite).await {
            Ok(()) => Outcome::NotSupported { reason: reason.clone() },
            Err(miss) => failed(miss),
        };
    }
    if bench.silent_about().contains(&case) {
        return failed(Miss::new("an entry under cases or unsupported", "the bench says nothing about it"));
    }
    let verdict = match unclaimed::claimed(suite) {
        Ok(()) => check(suite).await,
        Err(miss) => Err(miss),
    };
    match verdict {
        Ok(()) => Outcome::Passed,
        Err(miss) => failed(miss),
    }
}

async fn check(suite: &session::Running<'_>) -> Verdict {
    match suite.case {
        Case::Value => values::key(suite, &suite.bench.cases.value).await,
        Case::Binary => values::key(suite, &suite.bench.cases.binary).await,
        Case::Unicode => values::key(suite, &suite.bench.cases.unicode).await,
        Case::Large => values::key(suite, &suite.bench.cases.large).await,
        Case::Property => values::keys(suite, &suite.bench.cases.property).await,
        Case::Version => values::keys(suite, &suite.bench.cases.version).await,
        Case::MissingKey => values::missing_key(suite).await,
        Case::MissingVersion => values::missing_version(suite).await,
        Case::MissingProperty => values::missing_property(suite).await,
        Case::Denied => values::denied(suite).await,
        Case::Metadata => values::metadata(suite).await,
        Case::ThousandKeys => values::thousand_keys(suite).await,
        Case::OneBadKeyInBatch => values::one_bad_key(suite).await,
        Case::Throttled => faults::throttled(suite).await,
        Case::ServerError | Case::ServerErrorAtLogin => faults::server_error(suite).await,
        Case::Timeout => faults::timeout(suite).await,
        Case::Slow => faults::slow(suite).await,
        Case::TruncatedBody => faults::truncated(suite).await,
        Case::OversizedBody => faults::oversized(suite).await,
        Case::NotTheBackend => faults::not_the_backend(suite).await,
        Case::Unreachable => faults::unreachable(suite).await,
        Case::FindByName => find::exactly(suite, &suite.bench.cases.find_by_name).await,
        Case::FindByPath => find::exactly(suite, &suite.bench.cases.find_by_path).await,
        Case::FindByTags => find::exactly(suite, &suite.bench.cases.find_by_tags).await,
        Case::FindNothing => find::exactly(suite, &suite.bench.cases.find_nothing).await,
        Case::Paging => find::exactly(suite, &suite.bench.cases.paging).await,
        Case::BadCredential => logins::bad_credential(suite).await,
        Case::LoginOnce => logins::once(suite).await,
        Case::ExpiredToken => logins::expired(suite).await,
        Case::TokenRefusedForEver => logins::refused_for_ever(suite).await,
        Case::Validate => logins::validate(suite).await,
        Case::ValidateBadCredential => logins::validate_bad_credential(suite).await,
        Case::Push => writes::push(suite).await,
        Case::CreateOnly => writes::create_only(suite).await,
        Case::PushUnmanaged => writes::unmanaged(suite).await,
        Case::PushConflict => writes::conflict(suite).await,
        Case::PushMetadata => writes::metadata(suite).await,
        Case::DeletePushed => writes::delete(suite).await,
        Case::NoLeaks => no_leaks(suite),
    }
}

/// What all cases before have said.
fn no_leaks(suite: &session::Running<'_>) -> Verdict {
    let leaks = suite.ears.leaks();
    if leaks.is_empty() {
        return Ok(());
    }
    let cases: Vec<_> = leaks.iter().map(|case| case.name()).collect();
    Err(Miss::new(
        "no credential and no value in errors and log lines",
        format!("some in what was said during {}", cases.join(", ")),
    ))
}
