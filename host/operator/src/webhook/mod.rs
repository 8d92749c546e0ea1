//! The validating webhook: HTTPS for the API server, at ESO's paths.
//!
//! Every replica serves, whether it leads or not. What is asked is answered in `review`, with the rules of the reconcile;
//! the certificate is in `certificate`, and comes from `files` or from the operator's own `authority`.

pub(crate) mod authority;
pub mod certificate;
pub(crate) mod files;
mod review;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::error::OperatorError;
use crate::reconcile::Context;
pub use authority::{Flaw, Seen, judge};
use certificate::Certificates;
use review::Subject;

/// Connections at once. An API server keeps a handful and uses each again.
const MAX_CONNECTIONS: usize = 128;

/// The largest request that the API server takes itself, so the largest that it sends on.
const MAX_BODY: usize = 3 * 1024 * 1024;

/// For a handshake, and for a body to come in whole: the API server waits 10 s by default, and 30 s at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may be idle: longer than the 90 s after which an API server closes it itself, so that it is
/// never closed under a request on its way.
const IDLE: Duration = Duration::from_secs(120);

/// A bound listener.
pub struct Webhook {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Webhook {
    /// Binds.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn bind(address: SocketAddr, certificates: Arc<Certificates>) -> Result<Self, OperatorError> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| OperatorError::Listen { address, source })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OperatorError::Webhook(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        Ok(Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves until told to stop.
    pub async fn serve(self, context: Arc<Context>, stop: CancellationToken) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            let Ok(permit) = permits.clone().try_acquire_owned() else { continue };
            let (acceptor, context) = (self.acceptor.clone(), context.clone());
            connections.spawn(async move {
                connection(acceptor, stream, context).await;
                drop(permit);
            });
        }
    }
}

async fn connection(acceptor: TlsAcceptor, stream: TcpStream, context: Arc<Context>) {
    let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await else { return };
    let service = service_fn(|request| {
        let context = context.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(request, &context).await) }
    });
    // An error here is a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, context: &Context) -> Response<Full<Bytes>> {
    let Some(subject) = Subject::at(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND, "no such path");
    };
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "POST an AdmissionReview");
    }
    let body = Limited::new(request.into_body(), MAX_BODY);
    let body = match timeout(PATIENCE, body.collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "more than 3 MiB");
        }
        Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST, "the body did not come in whole"),
        Err(_) => return plain(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    match review::answer(context, subject, &body) {
        Some(answer) => respond(StatusCode::OK, "application/json", answer),
        None => plain(StatusCode::BAD_REQUEST, "not an AdmissionReview of admission.k8s.io/v1"),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain", format!("{text}\n"))
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
