//! A request to the backend, as it came, over a connection of its own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::upstream::Upstream;

/// A test backend is a busy process on this machine, and no more.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends it; the answer, whole.
pub(crate) async fn send(upstream: &Upstream, mut parts: Parts, body: Bytes) -> io::Result<Response<Bytes>> {
    without_hop(&mut parts.headers);
    let request = Request::from_parts(parts, Full::new(body));
    let exchange = async {
        let stream = TcpStream::connect((upstream.host.trim_matches(['[', ']']), upstream.port)).await?;
        if upstream.tls {
            let name = ServerName::try_from(upstream.host.trim_matches(['[', ']']).to_owned());
            let name = name.map_err(io::Error::other)?;
            exchange(connector(upstream)?.connect(name, stream).await?, request).await
        } else {
            exchange(stream, request).await
        }
    };
    tokio::time::timeout(PATIENCE, exchange).await.map_err(io::Error::other)?
}

/// Whether somebody answers there at all.
pub(crate) async fn reach(upstream: &Upstream) -> io::Result<()> {
    TcpStream::connect((upstream.host.trim_matches(['[', ']']), upstream.port)).await.map(drop)
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> io::Result<Response<Bytes>> {
    let mut http = http1::Builder::new();
    let (mut sender, connection) =
        http.preserve_header_case(true).handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let exchange = async {
        let (mut parts, body) = sender.send_request(request).await?.into_parts();
        without_hop(&mut parts.headers);
        Ok::<_, hyper::Error>(Response::from_parts(parts, body.collect().await?.to_bytes()))
    };
    // The connection does the work; it may end before the answer is taken over.
    let driven = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = exchange => answer.map_err(io::Error::other),
        () = driven => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// What is between two hops and no part of the message.
fn without_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING, HeaderName::from_static("keep-alive")] {
        headers.remove(name);
    }
}

fn connector(upstream: &Upstream) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let path = upstream.ca.as_deref().ok_or_else(|| io::Error::other("https without a CA"))?;
    for certificate in CertificateDer::pem_slice_iter(&std::fs::read(path)?) {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
