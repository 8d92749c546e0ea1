//! The validating webhook: HTTPS for the API server, at ESO's paths.
//!
//! Every replica serves, whether it leads or not. What is asked is answered in `review`, with the rules of the reconcile;
//! the certificate is in `certificate`, and comes from `files` or from the operator's own `authority`.

pub(crate) mod authority;
pub mod certificate;
pub(crate) mod files;
mod review;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::error::OperatorError;
use crate::reconcile::Context;
pub use authority::{Flaw, Seen, judge};
use certificate::Certificates;
use review::Subject;
use tls::{Bounds, TlsServer};

/// An API server keeps a handful of connections and uses each again, and closes an idle one itself after 90 s: it is never
/// closed under a request on its way.
const BOUNDS: Bounds = Bounds { connections: 128, idle: Duration::from_secs(120) };

/// The largest request that the API server takes itself, so the largest that it sends on.
const MAX_BODY: usize = 3 * 1024 * 1024;

/// For a body to come in whole: the API server waits 10 s by default, and 30 s at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bound listener.
pub struct Webhook(TlsServer);

impl Webhook {
    /// Binds.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn bind(address: SocketAddr, certificates: Arc<Certificates>) -> Result<Self, OperatorError> {
        TlsServer::bind(address, certificates, BOUNDS).await.map(Self)
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.0.address()
    }

    /// Serves until told to stop.
    pub async fn serve(self, context: Arc<Context>, stop: CancellationToken) {
        let answer = move |request| {
            let context = context.clone();
            async move { answer(request, &context).await }
        };
        self.0.serve(answer, stop).await;
    }
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
