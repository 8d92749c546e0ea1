//! The validating webhook: HTTPS for the API server, at ESO's paths.
//!
//! Every replica serves, whether it leads or not. What is asked is answered in `review`, with the rules of the reconcile;
//! the certificate is in `certificate`, and comes from `files` or from the operator's own `authority`; `intake` bounds what
//! is in memory of what anybody sends.

pub(crate) mod authority;
pub mod certificate;
pub(crate) mod files;
mod intake;
mod review;
pub(crate) mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::error::OperatorError;
use crate::reconcile::Context;
pub use authority::{Flaw, Seen, judge};
use certificate::Certificates;
use intake::Intake;
use review::Subject;
use tls::{Bounds, TlsServer};

/// An API server keeps a handful of connections and uses each again, and closes an idle one itself after 90 s: it is never
/// closed under a request on its way.
const BOUNDS: Bounds = Bounds { connections: 128, idle: Duration::from_secs(120) };

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
    pub(crate) async fn serve(self, context: Arc<Context>, stop: CancellationToken) {
        let intake = Arc::new(Intake::default());
        let answer = move |request| {
            let (context, intake) = (context.clone(), intake.clone());
            async move { answer(request, &context, &intake).await }
        };
        self.0.serve(answer, stop).await;
    }
}

async fn answer(request: Request<Incoming>, context: &Context, intake: &Intake) -> Response<Full<Bytes>> {
    let Some(subject) = Subject::at(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND, "no such path");
    };
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "POST an AdmissionReview");
    }
    let taken = match intake.take(request.into_body()).await {
        Ok(taken) => taken,
        Err((status, why)) => return plain(status, why),
    };
    match review::answer(context, subject, &taken.bytes, intake) {
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
