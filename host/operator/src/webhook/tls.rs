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
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::certificate::Certificates;
use crate::connections::{Connections, Mark};
use crate::error::OperatorError;

/// For a handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// What hyper keeps of a connection's bytes that nobody has taken yet: else it is some 400 KiB.
const MAX_BUFFER: usize = 64 * 1024;

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at once; with one more, an idle one of those who have most is closed.
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
        let mut tasks = JoinSet::new();
        let mut connections = Connections::new(self.bounds.connections);
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = tasks.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else { continue };
            let (acceptor, answer, idle) = (self.acceptor.clone(), answer.clone(), self.bounds.idle);
            let mark = Mark::idle();
            let task = tasks.spawn(connection(acceptor, stream, answer, idle, mark.clone()));
            connections.add(peer.ip(), mark, task);
        }
    }
}

async fn connection<A, F>(acceptor: TlsAcceptor, stream: TcpStream, answer: A, idle: Duration, mark: Mark)
where
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await else { return };
    let service = service_fn(|request| {
        let (answer, answering) = (answer(request), mark.answering());
        async move {
            let answer = answer.await;
            drop(answering);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    // An error here is a client that went away.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::Ipv4Addr;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ClientConfig;
    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;
    use tokio_rustls::{TlsConnector, client::TlsStream};

    use super::*;

    /// A TLS connection from that address of loopback.
    async fn connect(
        to: SocketAddr,
        from: Ipv4Addr,
        authority: &CertificateDer<'static>,
    ) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(to).await.unwrap();
        let name = ServerName::try_from("webhook.test").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    /// Asks, and reads the head and body of the answer, which is `ok`.
    async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
        stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await?;
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\nok") {
            let mut some = [0; 256];
            let read = stream.read(&mut some).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            text.extend_from_slice(&some[..read]);
        }
        Ok(())
    }

    #[tokio::test]
    async fn who_says_nothing_keeps_nobody_out_and_pushes_nobody_out() {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["webhook.test".to_owned()]).unwrap();
        let certificates = Arc::new(Certificates::default());
        certificates.offer(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes(), "the test");
        let bounds = Bounds { connections: 8, idle: Duration::from_secs(120) };
        let server = TlsServer::bind(([127, 0, 0, 1], 0).into(), certificates, bounds).await.unwrap();
        let address = server.address().unwrap();
        let stop = CancellationToken::new();
        let answer = |_: Request<Incoming>| async { Response::new(Full::new(Bytes::from_static(b"ok"))) };
        let serving = tokio::spawn(server.serve(answer, stop.clone()));

        let (silent, asking) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::LOCALHOST);
        let mut known = connect(address, asking, cert.der()).await;
        ask(&mut known).await.unwrap();
        let mut crowd = Vec::new();
        for _ in 0..3 * bounds.connections {
            crowd.push(connect(address, silent, cert.der()).await);
        }
        // What was open before the crowd came is used again, and a new one finds a place.
        ask(&mut known).await.unwrap();
        let mut new = connect(address, asking, cert.der()).await;
        timeout(PATIENCE, ask(&mut new)).await.unwrap().unwrap();
        // The oldest of the crowd have gone, the youngest has not.
        assert!(ask(&mut crowd[0]).await.is_err());
        ask(crowd.last_mut().unwrap()).await.unwrap();
        stop.cancel();
        serving.await.unwrap();
    }
}
