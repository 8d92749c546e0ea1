//! The proxy over a small backend, as a plain client sees it: nothing changed, and each fault.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::bench::Answer;

/// A backend that answers what it was sent, byte for byte, as text.
async fn echo() -> (Upstream, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = origin(listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            echo_to(stream).await;
        }
    });
    (serde_json::from_value(url.into()).unwrap(), tasks)
}

async fn echo_to(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"the-end") {
        if stream.read_buf(&mut seen).await.unwrap() == 0 {
            break;
        }
    }
    let head = format!("HTTP/1.1 203 Fine\r\nX-Mixed: Case\r\ncontent-length: {}\r\n\r\n", seen.len());
    stream.write_all(&[head.as_bytes(), &seen].concat()).await.unwrap();
    stream.flush().await.unwrap();
}

/// The same behind TLS, with a certificate of the CA in that file.
async fn echo_with_tls(ca: &std::path::Path) -> (Upstream, JoinSet<()>) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(ca, made.cert.pem()).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate goes away.
            if let Ok(stream) = acceptor.accept(stream).await {
                echo_to(stream).await;
            }
        }
    });
    (serde_json::from_value(serde_json::json!({"url": url, "ca": ca})).unwrap(), tasks)
}

struct Bench {
    proxy: Proxy,
    _backend: JoinSet<()>,
}

impl Bench {
    async fn start() -> Self {
        Self::before(echo().await).await
    }

    async fn before((upstream, backend): (Upstream, JoinSet<()>)) -> Self {
        let logins = serde_json::from_str(r#"[{"path": "^/login"}]"#).unwrap();
        let rules = Rules { logins, data: Vec::new() };
        let proxy = Proxy::start(&BTreeMap::from([("API".to_owned(), Some(upstream))]), rules).await.unwrap();
        Self { proxy, _backend: backend }
    }

    fn request(path: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nHost: signed.example:1\r\nX-Odd-Case: a, b\r\nContent-Length: 7\r\n\r\nthe-end"
        )
    }

    /// Everything that comes back until the answer is whole, or the connection ends.
    async fn ask(&self, path: &str) -> String {
        let address = self.proxy.origins()["API"].trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let last = Self::request(path).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        stream.write_all(last.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn without_a_fault_nothing_is_changed_either_way() {
    let bench = Bench::start().await;
    let answer = bench.ask("/a%2Fb/../c?x=%20y&z").await;
    assert_eq!(body(&answer), Bench::request("/a%2Fb/../c?x=%20y&z"), "what the backend was sent");
    assert!(answer.starts_with("HTTP/1.1 203 ") && answer.contains("\r\nX-Mixed: Case\r\n"), "{answer}");
    bench.ask("/login").await;
    assert_eq!(bench.proxy.counts(), Counts { logins: 1, data: 1, other: 0, faults: 0 });
    assert_eq!(bench.proxy.counts(), Counts::default(), "since the last time");
}

#[tokio::test]
async fn a_backend_behind_tls_is_verified_and_reached_in_plain() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, other) = (dir.path().join("ca.pem"), dir.path().join("other.pem"));
    let bench = Bench::before(echo_with_tls(&ca).await).await;
    assert_eq!(body(&bench.ask("/x").await), Bench::request("/x"));
    let (mut upstream, backend) = echo_with_tls(&other).await;
    upstream.ca = Some(ca);
    let bench = Bench::before((upstream, backend)).await;
    assert_eq!(bench.ask("/x").await, "", "another CA: the connection ends without an answer");
}

#[tokio::test]
async fn an_answer_is_made_up_for_requests_of_that_kind_alone() {
    let bench = Bench::start().await;
    let answer = Answer {
        status: 429,
        headers: BTreeMap::from([("Retry-After".to_owned(), "7".to_owned())]),
        body: "slow down".to_owned(),
    };
    bench.proxy.fail(Kind::Data, Fault::Answer(answer));
    let seen = bench.ask("/x").await;
    assert!(seen.starts_with("HTTP/1.1 429 ") && seen.contains("retry-after: 7\r\n"), "{seen}");
    assert_eq!(body(&seen), "slow down");
    assert!(bench.ask("/login").await.starts_with("HTTP/1.1 203 "));
    assert_eq!(bench.proxy.counts(), Counts { logins: 1, data: 1, other: 0, faults: 1 });
    bench.proxy.heal();
    assert!(bench.ask("/x").await.starts_with("HTTP/1.1 203 "));
}

#[tokio::test]
async fn a_login_ends_a_fault_that_lasts_until_one() {
    let bench = Bench::start().await;
    bench.proxy.fail_until_login(Kind::Data, Fault::Answer(Answer { status: 401, ..Answer::default() }));
    for _ in 0..2 {
        assert!(bench.ask("/x").await.starts_with("HTTP/1.1 401 "));
    }
    bench.ask("/login").await;
    assert!(bench.ask("/x").await.starts_with("HTTP/1.1 203 "));
}

#[tokio::test]
async fn a_slow_answer_takes_its_time_and_is_whole() {
    let bench = Bench::start().await;
    bench.proxy.fail(Kind::Data, Fault::Slow);
    let start = Instant::now();
    let answer = bench.ask("/x").await;
    assert_eq!(body(&answer), Bench::request("/x"));
    assert!(start.elapsed() >= Duration::from_millis(800), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_truncated_answer_names_the_length_of_the_whole() {
    let bench = Bench::start().await;
    bench.proxy.fail(Kind::Data, Fault::Truncated);
    let answer = bench.ask("/x").await;
    let (whole, half) = (Bench::request("/x").len(), body(&answer).len());
    assert!(answer.contains(&format!("content-length: {whole}\r\n")), "{answer}");
    assert_eq!(half, whole / 2);
}

#[tokio::test]
async fn an_oversized_answer_is_that_large() {
    let bench = Bench::start().await;
    bench.proxy.fail(Kind::Data, Fault::Oversized(200_000));
    assert_eq!(bench.ask("/x").await.bytes().filter(|byte| *byte == b'x').count(), 4 * 64 * 1024);
}

#[tokio::test]
async fn silence_lasts_until_the_other_side_gives_up() {
    let bench = Bench::start().await;
    bench.proxy.fail(Kind::Data, Fault::Silence);
    let url = format!("{}/x", bench.proxy.origins()["API"]);
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(Duration::from_millis(500)).build().unwrap();
    let error = client.post(url).body("the-end").send().await.err().unwrap();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(bench.proxy.counts().faults, 1);
}

#[tokio::test]
async fn nobody_listens_at_a_closed_address() {
    let origins = closed([&"API".to_owned()].into_iter()).await.unwrap();
    let address = origins["API"].trim_start_matches("http://");
    let error = TcpStream::connect(address).await.err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}
