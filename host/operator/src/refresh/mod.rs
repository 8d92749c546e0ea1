//! `POST /refresh`: somebody says that a store's provider has something new (docs/refresh.md).
//!
//! It is off unless asked for, and at a port of its own, so that a crowd there takes no connection of the API server's from
//! the webhook, whose certificate it serves with. Only the replica that works takes a request; another says so. It writes
//! nothing and reads nothing: it marks who is to be refreshed, and the reconcile does the rest.

mod caller;
mod request;

use claviger_core::limit::{Limits, Pace};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::change::Keys;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::RefreshConfig;
use crate::error::OperatorError;
use crate::reconcile::Context;
use crate::watch::Object;
use crate::webhook::certificate::Certificates;
use crate::webhook::tls::{Bounds, TlsServer};
use caller::{Callers, Refusal};
use request::Wanted;

/// The only path.
const PATH: &str = "/refresh";

/// As counted (docs/metrics.md).
pub(crate) const SOURCE: &str = "endpoint";

/// A caller asks once and goes.
const BOUNDS: Bounds = Bounds { connections: 64, idle: Duration::from_secs(10) };

/// For a body to come in whole.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a caller may ask for.
const PACE: Pace = Pace { burst: 50.0, per_second: 10.0 };

/// What a request for a whole store costs, of which one with keys costs 1.
const WHOLE_STORE: f64 = 10.0;

/// Callers whose pace is kept.
const CALLERS: usize = 1024;

/// What happens to a request that is not taken.
struct Refused {
    status: StatusCode,
    outcome: &'static str,
    why: String,
    after: Option<Duration>,
}

fn refused(status: StatusCode, outcome: &'static str, why: impl Into<String>) -> Refused {
    Refused { status, outcome, why: why.into(), after: None }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown(why) => refused(StatusCode::UNAUTHORIZED, "unauthenticated", why),
            Refusal::Limited(after) => limited(after),
            Refusal::Unanswered(why) => {
                tracing::warn!(why, "nobody can be let in at /refresh");
                let after = Some(Duration::from_secs(1));
                Self { after, ..refused(StatusCode::SERVICE_UNAVAILABLE, "failed", why) }
            }
        }
    }
}

fn limited(after: Duration) -> Refused {
    let why = "too many requests: what is asked for within a second is read once, ask again then";
    Refused { after: Some(after), ..refused(StatusCode::TOO_MANY_REQUESTS, "limited", why) }
}

/// Who stands at the door.
struct Door {
    context: Arc<Context>,
    callers: Callers,
    paces: Limits<String>,
}

/// A bound listener.
pub(crate) struct Refresh {
    server: TlsServer,
    audience: String,
}

impl Refresh {
    /// Binds.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub(crate) async fn bind(
        config: &RefreshConfig,
        certificates: Arc<Certificates>,
    ) -> Result<Self, OperatorError> {
        let server = TlsServer::bind(config.listen, certificates, BOUNDS).await?;
        Ok(Self { server, audience: config.audience.clone() })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.server.address()
    }

    /// Serves until told to stop.
    pub(crate) async fn serve(self, context: Arc<Context>, stop: CancellationToken) {
        let callers = Callers::new(context.client.clone(), self.audience);
        let door = Arc::new(Door { context, callers, paces: Limits::new(PACE, CALLERS) });
        let answer = move |request| {
            let door = door.clone();
            async move { door.answer(request).await }
        };
        self.server.serve(answer, stop).await;
    }
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.uri().path() != PATH {
            return said(StatusCode::NOT_FOUND, &json!({"error": "try POST /refresh"}));
        }
        if request.method() != Method::POST {
            let mut answer = said(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "POST a store and keys"}));
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return answer;
        }
        let metrics = &self.context.metrics;
        match self.ask(request).await {
            Ok(asked) => {
                metrics.change_told(SOURCE, "asked", asked);
                said(StatusCode::ACCEPTED, &json!({"externalSecrets": asked}))
            }
            Err(Refused { status, outcome, why, after }) => {
                metrics.change_told(SOURCE, outcome, 0);
                let mut answer = said(status, &json!({"error": why}));
                if let Some(after) = after {
                    let seconds = after.as_secs_f64().ceil().clamp(1.0, 3600.0);
                    set(&mut answer, RETRY_AFTER, &format!("{seconds:.0}"));
                }
                if status == StatusCode::UNAUTHORIZED {
                    set(&mut answer, WWW_AUTHENTICATE, "Bearer realm=\"claviger\"");
                }
                answer
            }
        }
    }

    /// How many ExternalSecrets will be refreshed.
    async fn ask(&self, request: Request<Incoming>) -> Result<usize, Refused> {
        let at = Instant::now();
        let Some(term) = self.context.leadership.term() else {
            let why = "this replica stands by for the one that works; ask again, and another may answer";
            let after = Some(Duration::from_secs(1));
            return Err(Refused { after, ..refused(StatusCode::SERVICE_UNAVAILABLE, "standby", why) });
        };
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let caller = self.callers.who(authorization).await?;
        let pace = |cost| self.paces.take(caller.name().to_owned(), cost, at).map_err(limited);
        pace(1.0)?;
        let Wanted { store, keys } = request::parse(&body(request).await?)
            .map_err(|why| refused(StatusCode::BAD_REQUEST, "invalid", why))?;
        // Who may not is not told what there is.
        if !self.callers.may(&caller, &store).await? {
            let why = format!("{} may not: it needs {}", caller.name(), caller::right(&store));
            return Err(refused(StatusCode::FORBIDDEN, "denied", why));
        }
        if keys.is_none() {
            pace(WHOLE_STORE - 1.0)?;
        }
        let asked = ask(&self.context, &store, keys.as_deref(), at).ok_or_else(|| {
            refused(StatusCode::NOT_FOUND, "unknown", format!("{store} is not there, or not ours"))
        })?;
        // What was asked of one that has ceased to work meanwhile is forgotten.
        if !term.holds() {
            let why = "this replica has ceased to work; ask again";
            return Err(refused(StatusCode::SERVICE_UNAVAILABLE, "standby", why));
        }
        let (caller, keys) = (caller.name(), keys.map_or(0, |keys| keys.len()));
        tracing::info!(caller, %store, keys, asked, "refresh asked for");
        Ok(asked)
    }
}

/// Has those refreshed who read these keys from a store; how many that are. None: there is no such store of ours.
pub(crate) fn ask(context: &Context, store: &Object, keys: Option<&[String]>, at: Instant) -> Option<usize> {
    let found = context.state.store(store)?;
    let spec = found.spec.as_ref().ok()?;
    if !context.config.serves(spec.controller.as_deref()) {
        return None;
    }
    let (provider, config) = spec.provider.entry()?;
    let keys = keys.map(|keys| Keys::new(provider, config, keys.iter().map(String::as_str)));
    Some(context.state.ask(store, keys.as_ref(), at))
}

async fn body(request: Request<Incoming>) -> Result<Bytes, Refused> {
    let body = Limited::new(request.into_body(), request::MAX_BODY);
    match timeout(PATIENCE, body.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let why = format!("more than {} bytes", request::MAX_BODY);
            Err(refused(StatusCode::PAYLOAD_TOO_LARGE, "invalid", why))
        }
        Ok(Err(_)) => Err(refused(StatusCode::BAD_REQUEST, "invalid", "the body did not come in whole")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "invalid", "the body did not come in time")),
    }
}

fn said(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{body}\n"))));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, "application/json");
    response
}

fn set(response: &mut Response<Full<Bytes>>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
