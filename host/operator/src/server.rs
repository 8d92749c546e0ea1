//! `/metrics`, `/healthz` and `/readyz` over plain HTTP, and `/status` where it is asked for (`page`).
//!
//! Ready means that the definitions are there, the caches filled and the plugins loaded, whether this replica leads
//! or stands by; while it is not, the page says what is missing. It serves no secret and no write,
//! so it needs no authentication; it is meant for the pod's own network.

mod pages;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connections::{Connections, Mark};
use crate::error::OperatorError;
use pages::{Pages, Reader};

/// Connections at once: a scraper, a few probes, a curious human. More would only cost memory. With one more another ends:
/// whoever opens connections and does not read must not keep the kubelet's probe out, which would have the pod killed.
const MAX_CONNECTIONS: usize = 32;

/// A client that sends its header more slowly than this is dropped.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// What the server shows.
pub(crate) trait Exhibit: Send + Sync + 'static {
    /// The metrics page.
    fn metrics(&self) -> Result<String, std::fmt::Error>;

    /// What it waits for before it is ready; none: it is.
    fn missing(&self) -> Option<String>;

    /// The status page, for what stands behind the question mark; none: there is none.
    fn page(&self, query: &str) -> Option<Response<Full<Bytes>>>;
}

/// A bound listener, so that the address is known (and an occupied port is an error) before anything
/// else starts.
pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    /// Binds.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, OperatorError> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| OperatorError::Listen { address, source })?;
        Ok(Self { listener })
    }

    /// Where it listens (the port is chosen by the system if 0 was asked for).
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves until told to stop.
    pub(crate) async fn serve(self, exhibit: Arc<dyn Exhibit>, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut connections = Connections::new(MAX_CONNECTIONS);
        let pages = Arc::new(Pages::default());
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = tasks.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else { continue };
            let task = tasks.spawn(connection(stream, peer.ip(), exhibit.clone(), pages.clone()));
            connections.add(peer.ip(), Mark::idle(), task);
        }
    }
}

async fn connection(stream: TcpStream, peer: IpAddr, exhibit: Arc<dyn Exhibit>, pages: Arc<Pages>) {
    let reader = Reader::new(peer);
    let service = service_fn(|request| {
        let (exhibit, pages, reader) = (&exhibit, &pages, &reader);
        async move { Ok::<_, std::convert::Infallible>(answer(&request, exhibit.as_ref(), pages, reader).await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error here is a client that went away.
        _ = serving => {}
        () = reader.pushed_out() => {}
    }
}

async fn answer(
    request: &Request<Incoming>,
    exhibit: &dyn Exhibit,
    pages: &Pages,
    reader: &Reader,
) -> Response<Full<Bytes>> {
    if (request.method(), request.uri().path()) == (&Method::GET, "/status")
        && let Some(page) = exhibit.page(request.uri().query().unwrap_or_default())
    {
        return page;
    }
    let text = |text: String| Bytes::from(text);
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => match pages.page(reader, || exhibit.metrics()).await {
            Ok(page) => (StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", page),
            Err(_) => {
                let what = "metrics cannot be formatted\n".to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, "text/plain", text(what))
            }
        },
        (&Method::GET, "/healthz") => (StatusCode::OK, "text/plain", Bytes::from_static(b"ok\n")),
        (&Method::GET, "/readyz") => match exhibit.missing() {
            None => (StatusCode::OK, "text/plain", Bytes::from_static(b"ok\n")),
            Some(missing) => {
                (StatusCode::SERVICE_UNAVAILABLE, "text/plain", text(format!("not ready: {missing}\n")))
            }
        },
        _ => {
            let what = Bytes::from_static(b"try /metrics, /healthz or /readyz\n");
            (StatusCode::NOT_FOUND, "text/plain", what)
        }
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Shows more than the buffers of a socket hold.
    struct Much;

    impl Exhibit for Much {
        fn metrics(&self) -> Result<String, std::fmt::Error> {
            Ok("m 1\n".repeat(4_000_000))
        }

        fn missing(&self) -> Option<String> {
            None
        }

        fn page(&self, _: &str) -> Option<Response<Full<Bytes>>> {
            None
        }
    }

    #[tokio::test]
    async fn who_does_not_read_does_not_keep_the_probes_out() {
        let server = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = server.address().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.serve(Arc::new(Much), stop.clone()));
        let mut idle = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            // The answer has begun, so this is a connection that is served.
            assert_eq!(connection.read(&mut [0; 4]).await.unwrap(), 4);
            idle.push(connection);
        }
        let mut probe = TcpStream::connect(address).await.unwrap();
        probe.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(Duration::from_secs(10), probe.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.ends_with("ok\n"), "{answer:?}");
        // The youngest of the others is still served.
        let last = idle.last_mut().unwrap();
        assert!(last.read(&mut [0; 1024]).await.unwrap() > 0);
        stop.cancel();
        serving.await.unwrap();
    }
}
