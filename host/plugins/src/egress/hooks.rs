//! `wasi:http` of one call: buffers the request, checks it, sends it with the host's client, caps the
//! answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use claviger_core::provider::Fault;
use futures::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, Limited, StreamBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::failure::{Failure, Said, innermost};
use super::origin::{Origin, is_dns_name};
use super::pool::{EgressSession, count};
use crate::usage::Usage;

/// Requests of one call: a page of a thousand keys read one by one. More is a loop.
const MAX_REQUESTS: u32 = 2_000;

/// Of these at once: the rest waits. Each is a socket, and 64 calls of one plugin may run.
const AT_ONCE: usize = 32;

/// Bytes of all answers of one call, header fields included: sixteen times what it may answer itself.
const MAX_RECEIVED: u64 = 64 * 1024 * 1024;

/// Bytes of a request's body that are buffered before it is on its way, and of those that never are.
const CHUNK: usize = 64 * 1024;

/// What happened during the call, for the host's own messages.
#[derive(Default)]
struct Log {
    denial: Option<Fault>,
    trouble: Option<String>,
}

/// The hooks of one call.
pub(crate) struct Hooks {
    session: Option<Arc<EgressSession>>,
    log: Arc<Mutex<Log>>,
    usage: Arc<Usage>,
    requests: u32,
    flying: Arc<Semaphore>,
    received: Arc<AtomicU64>,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Io), Error>;

impl Hooks {
    /// Without a session nothing can be reached.
    pub(crate) fn new(session: Option<Arc<EgressSession>>, usage: Arc<Usage>) -> Self {
        Self {
            session,
            log: Arc::default(),
            usage,
            requests: 0,
            flying: Arc::new(Semaphore::new(AT_ONCE)),
            received: Arc::default(),
        }
    }

    /// The seats of requests under way. Closed, no further one is sent.
    pub(crate) fn seats(&self) -> Arc<Semaphore> {
        self.flying.clone()
    }

    /// The first request that was refused.
    pub(crate) fn denial(&self) -> Option<Fault> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).denial.clone()
    }

    /// What last went wrong on the network, in the host's words.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }
}

impl WasiHttpHooks for Hooks {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _fut: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        self.requests = self.requests.saturating_add(1);
        let (session, log, requests) = (self.session.clone(), self.log.clone(), self.requests);
        let (usage, flying, received) = (self.usage.clone(), self.flying.clone(), self.received.clone());
        Box::new(async move {
            let (parts, body) = request.into_parts();
            let limit = session.as_ref().map_or(0, |session| session.config.max_request_bytes);
            // Always drained, also before a refusal: a body that is dropped half-way looks to the guest
            // like a broken connection, and it would try again.
            let body = drain(body, limit).await;
            let mut url = Url::parse(&parts.uri.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
            let refuse = |why: String| Err(Fault::EgressDenied { origin: shown(&url), why });
            let outcome = match &session {
                None => refuse("this call has no network".to_owned()),
                Some(_) if requests > MAX_REQUESTS => {
                    refuse(format!("more than {MAX_REQUESTS} requests in one call"))
                }
                // It would make a tunnel of the connection.
                Some(_) if parts.method == http::Method::CONNECT => {
                    refuse("CONNECT is no request for an answer".to_owned())
                }
                Some(session) => session.admit(&url).map(|target| (session, target)),
            };
            let (session, target) = match outcome {
                Ok(admitted) => admitted,
                Err(denial) => {
                    if let Some(session) = &session {
                        count(&session.counters.denied);
                    }
                    log.lock().unwrap_or_else(PoisonError::into_inner).denial.get_or_insert(denial);
                    return Err(Error::HttpRequestDenied);
                }
            };
            let body = body?;
            let rule = &target.rule;
            let mut headers = parts.headers;
            headers.remove(http::header::HOST);
            // The body is whole, so its length is known, and not the guest's to say: the next request
            // on the connection would begin where it says.
            headers.remove(http::header::CONTENT_LENGTH);
            // What a proxy is told is the host's.
            headers.remove(http::header::PROXY_AUTHORIZATION);
            if let Some(name) = rule.tls.as_ref().and_then(|tls| tls.server_name.as_deref()) {
                // The URL's host is what the client verifies and sends as SNI; the connection goes where
                // the resolver says, and the server still sees whom it was asked for.
                if let Some(authority) = parts.uri.authority()
                    && let Ok(value) = http::HeaderValue::from_str(authority.as_str())
                {
                    headers.insert(http::header::HOST, value);
                }
                // An address here would be connected to without a look-up, and so without a check.
                let named = |url: &Url| matches!(url.host(), Some(Host::Domain(host)) if host.eq_ignore_ascii_case(name));
                if !is_dns_name(name) || url.set_host(Some(name)).is_err() || !named(&url) {
                    return Err(Error::ConfigurationError);
                }
            }
            let seat = flying.acquire_owned().await.map_err(|_| Error::ConnectionTerminated)?;
            let client = session.client(target).map_err(|_| Error::ConfigurationError)?;
            let mut sent = client.request(parts.method, url).headers(headers).body(body);
            if let Some(timeout) = options.and_then(|options| options.first_byte_timeout) {
                sent = sent.timeout(timeout.min(session.config.read_timeout * 2));
            }
            count(&session.counters.sent);
            usage.spoke_to(&rule.origin.to_string());
            let response = match sent.send().await {
                Ok(response) => response,
                Err(error) => {
                    count(&session.counters.failed);
                    let origin = target.place();
                    let Failure { code, said } = Failure::of(&error, &origin);
                    match said {
                        Said::Refused(why) => {
                            let denial = Fault::EgressDenied { origin, why };
                            log.lock().unwrap_or_else(PoisonError::into_inner).denial.get_or_insert(denial);
                        }
                        Said::Trouble(trouble) => note(&log, trouble),
                    }
                    return Err(code);
                }
            };
            let max_header = rule.max_header_bytes.unwrap_or(u32::MAX).min(session.config.max_header_bytes);
            let size: usize =
                response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
            if size > usize::try_from(max_header).unwrap_or(usize::MAX) {
                return Err(Error::HttpResponseHeaderSectionSize(Some(max_header)));
            }
            received.fetch_add(u64::try_from(size).unwrap_or(u64::MAX), Ordering::Relaxed);
            let limit = rule.max_response_bytes.unwrap_or(u64::MAX).min(session.config.max_response_bytes);
            // Many never read what is empty.
            let seat = (response.content_length() != Some(0)).then_some(seat);
            let answer = Receiving { limit, seen: 0, received, log, _seat: seat };
            Ok((answer.of(response), Box::new(async { Ok(()) }) as Io))
        })
    }
}

/// A URL as a message may name it: what follows the origin may be a secret.
fn shown(url: &Url) -> String {
    let origin = Origin::from_url(url).map(|origin| origin.to_string());
    origin.unwrap_or_else(|| url.scheme().to_owned()).chars().take(200).collect()
}

async fn drain(body: WasiBody, limit: u64) -> Result<Bytes, Error> {
    let cap = usize::try_from(limit).unwrap_or(usize::MAX);
    match Limited::new(body, cap).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => Err(Error::HttpRequestBodySize(Some(limit))),
    }
}

/// An answer that comes in.
struct Receiving {
    limit: u64,
    seen: u64,
    /// Of all answers of the call.
    received: Arc<AtomicU64>,
    log: Arc<Mutex<Log>>,
    /// Given back when the answer is read, or dropped.
    _seat: Option<OwnedSemaphorePermit>,
}

impl Receiving {
    fn of(self, response: reqwest::Response) -> http::Response<WasiBody> {
        let (status, headers) = (response.status(), response.headers().clone());
        // Ends with its last piece or first error, and lets go of what it holds then.
        let frames = stream::unfold(Some((self, response.bytes_stream())), |state| async {
            let (mut receiving, mut pieces) = state?;
            let piece = receiving.take(pieces.next().await?);
            let rest = piece.is_ok().then_some((receiving, pieces));
            Some((piece, rest))
        });
        let mut out = http::Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
        *out.status_mut() = status;
        *out.headers_mut() = headers;
        out
    }

    fn take(&mut self, piece: reqwest::Result<Bytes>) -> Result<Frame<Bytes>, Error> {
        let bytes = match piece {
            Ok(bytes) => bytes,
            Err(error) if error.is_timeout() => {
                note(&self.log, "the answer stopped half-way (timeout)".to_owned());
                return Err(Error::ConnectionReadTimeout);
            }
            Err(error) => {
                note(&self.log, format!("the answer broke off: {}", innermost(&error)));
                return Err(Error::HttpResponseIncomplete);
            }
        };
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.seen = self.seen.saturating_add(more);
        if self.seen > self.limit {
            note(&self.log, format!("the answer is larger than the limit of {} bytes", self.limit));
            return Err(Error::HttpResponseBodySize(Some(self.limit)));
        }
        if self.received.fetch_add(more, Ordering::Relaxed).saturating_add(more) > MAX_RECEIVED {
            note(
                &self.log,
                format!("the answers are larger than the limit of {MAX_RECEIVED} bytes for one call"),
            );
            return Err(Error::HttpResponseBodySize(Some(MAX_RECEIVED)));
        }
        Ok(Frame::data(bytes))
    }
}

fn note(log: &Mutex<Log>, trouble: String) {
    log.lock().unwrap_or_else(PoisonError::into_inner).trouble = Some(trouble);
}
