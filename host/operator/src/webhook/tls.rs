//! HTTPS with the webhook's certificate: a bound number of connections, each of which has to get on.
//!
//! What is asked and answered is the caller's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::certificate::Certificates;
use crate::error::OperatorError;

/// For a handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at once; one more is closed.
    pub(crate) connections: usize,
    /// How long a connection may be idle, or take for the head of a request.
    pub(crate) idle: Duration,
}

/// A bound listener.
pub(crate) struct TlsServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    bounds: Bounds,
}

impl TlsServer {
    /// Binds.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub(crate) async fn bind(
        address: SocketAddr,
        certificates: Arc<Certificates>,
        bounds: Bounds,
    ) -> Result<Self, OperatorError> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| OperatorError::Listen { address, source })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OperatorError::Webhook(error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        Ok(Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), bounds })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until told to stop.
    pub(crate) async fn serve<A, F>(self, answer: A, stop: CancellationToken)
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(self.bounds.connections));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            let Ok(permit) = permits.clone().try_acquire_owned() else { continue };
            let (acceptor, answer, idle) = (self.acceptor.clone(), answer.clone(), self.bounds.idle);
            connections.spawn(async move {
                connection(acceptor, stream, answer, idle).await;
                drop(permit);
            });
        }
    }
}

async fn connection<A, F>(acceptor: TlsAcceptor, stream: TcpStream, answer: A, idle: Duration)
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await else { return };
    let service = service_fn(|request| {
        let answering = answer(request);
        async move { Ok::<_, std::convert::Infallible>(answering.await) }
    });
    // An error here is a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
