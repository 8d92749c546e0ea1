//! Logins: how many there are, what becomes of one that ended, and credentials that are wrong.

use claviger_core::provider::{CallError, Health, ProviderError};
use claviger_core::secret::Untrusted;
use claviger_plugins::Session;
use futures::future::join_all;
use http::Request;
use http::header::HOST;

use super::session::{Running, With, given, value_of};
use super::{Miss, Verdict};
use crate::bench::{Expire, ExpireRequest};
use crate::proxy::{Fault, Kind, send};

/// Reads at once, if the bench names no number: as many as one namespace may run.
const READS: usize = 16;
/// Logins before a plugin has to see that the credential is gone: one, and one again.
const ATTEMPTS: usize = 2;

fn is_unauthenticated(error: &CallError) -> bool {
    matches!(error, CallError::Provider(ProviderError::Unauthenticated(_)))
}

pub(super) async fn bad_credential(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.bad_credential)?;
    let outcome = match with_bad_credential(suite).await? {
        Ok(session) => suite.read(&session, value_of(suite.key(&case.key)?, None)).await.map(drop),
        Err(error) => Err(error),
    };
    suite.failed(&outcome, "unauthenticated", is_unauthenticated)
}

pub(super) async fn validate_bad_credential(suite: &Running<'_>) -> Verdict {
    let outcome = match with_bad_credential(suite).await? {
        Ok(session) => session.validate().await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(Health::Unknown(why)) => Err(Miss::new("unauthenticated", unknown(suite, why))),
        outcome => suite.failed(&outcome, "unauthenticated", is_unauthenticated),
    }
}

async fn with_bad_credential(
    suite: &Running<'_>,
) -> Result<Result<std::sync::Arc<Session>, CallError>, Miss> {
    if !suite.bench.has_bad_credential() {
        return Err(Miss::bench("no objects under badCredential"));
    }
    suite.connect(With { bad_credential: true, ..With::default() }).await
}

pub(super) async fn validate(suite: &Running<'_>) -> Verdict {
    let session = suite.fresh().await?;
    match session.validate().await {
        Ok(Health::Ready) => Ok(()),
        Ok(Health::Unknown(why)) => Err(Miss::new("ready", unknown(suite, why))),
        Err(error) => Err(Miss::new("ready", suite.said(&error))),
    }
}

/// What a plugin says that cannot tell; remembered as an error's text is.
fn unknown(suite: &Running<'_>, why: Untrusted) -> String {
    format!("unknown, {}", suite.said(&ProviderError::Other(why).into()))
}

/// The usual read, which has to work.
async fn reads(suite: &Running<'_>, session: &Session, key: &Option<String>, when: &str) -> Verdict {
    let key = suite.key(key)?;
    let (expected, property) = suite.expected(key, &None)?;
    let outcome = suite.read(session, value_of(key, None)).await;
    suite
        .brought(&outcome, property, expected)
        .map_err(|miss| Miss::new(format!("{} {when}", miss.expected), miss.seen))
}

pub(super) async fn once(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.login_once)?;
    let session = suite.fresh().await?;
    suite.proxy.counts();
    let all = (0..case.reads.unwrap_or(READS)).map(|_| reads(suite, &session, &case.key, "at once"));
    join_all(all).await.into_iter().collect::<Verdict>()?;
    let logins = suite.proxy.counts().logins;
    if logins == 1 { Ok(()) } else { Err(Miss::new("one login", format!("{logins}"))) }
}

/// A session that has logged in, whose login has ended.
async fn ended(
    suite: &Running<'_>,
    key: &Option<String>,
    expire: &Expire,
) -> Result<std::sync::Arc<Session>, Miss> {
    let session = suite.fresh().await?;
    suite.proxy.counts();
    reads(suite, &session, key, "before the login ended").await?;
    let counts = suite.proxy.counts();
    if counts.logins == 0 {
        let seen = format!("none ({} other requests): correct loginRequests", counts.data + counts.other);
        return Err(Miss::new("a login", seen));
    }
    match expire {
        Expire::Answer(answer) => suite.proxy.fail_until_login(Kind::Data, Fault::Answer(answer.clone())),
        // A recording has what the backend said afterwards.
        Expire::Request(_) if suite.proxy.tape(|tape| tape.is_replayed()) => {}
        Expire::Request(request) => past_the_proxy(suite, request).await?,
    }
    Ok(session)
}

async fn past_the_proxy(suite: &Running<'_>, given: &ExpireRequest) -> Verdict {
    let servers = &suite.bench.servers;
    let target = servers
        .iter()
        .find_map(|(name, upstream)| Some((upstream, given.url.strip_prefix(&format!("${{{name}}}"))?)));
    let (upstream, path) = target.ok_or_else(|| Miss::bench("expire: a url without ${NAME} of a server"))?;
    let mut request = Request::builder()
        .method(given.method.as_str())
        .uri(path)
        .header(HOST, format!("{}:{}", upstream.host, upstream.port));
    for (name, value) in &given.headers {
        request = request.header(name, value);
    }
    let request = request.body(()).map_err(|_| Miss::bench("expire: it makes no HTTP request"))?;
    let answer = send(upstream, request.into_parts().0, given.body.clone().into_bytes().into()).await;
    let status = answer.map_err(|error| Miss::bench(format!("expire: {error}")))?.status();
    if given.expect_status.map_or(status.is_success(), |expected| status == expected) {
        return Ok(());
    }
    Err(Miss::bench(format!("expire: the backend answers HTTP {}", status.as_u16())))
}

pub(super) async fn expired(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.expired_token)?;
    let session = ended(suite, &case.key, &case.expire).await?;
    reads(suite, &session, &case.key, "after the login ended").await?;
    let counts = suite.proxy.counts();
    if counts.logins != 1 {
        return Err(Miss::new("one new login", format!("{}", counts.logins)));
    }
    reads(suite, &session, &case.key, "after the new login").await?;
    let again = suite.proxy.counts().logins;
    if again == 0 { Ok(()) } else { Err(Miss::new("no further login", format!("{again}"))) }
}

pub(super) async fn refused_for_ever(suite: &Running<'_>) -> Verdict {
    let cases = &suite.bench.cases;
    let case = given(&cases.token_refused_for_ever)?;
    let usual = || cases.expired_token.as_ref().map(|case| &case.expire);
    let expire = case.expire.as_ref().or_else(usual);
    let expire = expire.ok_or_else(|| Miss::bench("nothing that ends a login"))?;
    let session = ended(suite, &case.key, expire).await?;
    suite.proxy.fail(Kind::Login, Fault::Answer(case.login_answer.clone()));
    let outcome = suite.read(&session, value_of(suite.key(&case.key)?, None)).await;
    suite.failed(&outcome, "unauthenticated", is_unauthenticated)?;
    let logins = suite.proxy.counts().logins;
    if (1..=ATTEMPTS).contains(&logins) {
        return Ok(());
    }
    Err(Miss::new(format!("1 to {ATTEMPTS} attempts to log in"), format!("{logins}")))
}
