//! TLS as stores ask for it, against real TLS servers on loopback: private CA, client certificate, another
//! name than the address's; and what is not followed, not trusted, not read to its end.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod own;
mod proxy;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use claviger_core::provider::{CallError, PluginId};
use claviger_core::secret::SecretBytes;
use claviger_testenv::isolated;
use http_body_util::{BodyExt, Full};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use wasmtime_wasi_http::{Error, WasiHttpHooks};

use super::{Authorities, EgressConfig, EgressPool, Hooks, Origin, OriginRule, Reach, TlsMaterial};

struct Authority {
    params: CertificateParams,
    key: KeyPair,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { params, key, pem }
    }

    /// Certificate and key, PEM.
    fn leaf(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    fn material(&self) -> TlsMaterial {
        TlsMaterial { ca: vec![shared(&self.pem)], ..TlsMaterial::default() }
    }
}

/// As a slot has it.
fn shared(pem: &str) -> Arc<SecretBytes> {
    Arc::new(SecretBytes::copied_from(pem.as_bytes()))
}

struct Server {
    origin: String,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// A TLS server that answers each request with `answer` (header and body).
async fn server(authority: &Authority, name: &str, clients: Option<&Authority>, answer: String) -> Server {
    server_at("127.0.0.1:0", authority, name, clients, answer).await
}

/// The same, there.
async fn server_at(
    address: &str,
    authority: &Authority,
    name: &str,
    clients: Option<&Authority>,
    answer: String,
) -> Server {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (cert, key) = authority.leaf(name);
    let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let builder = rustls::ServerConfig::builder();
    let config = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem.as_bytes()).unwrap()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        }
    };
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind(address).await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let (counted, mut tasks) = (connections.clone(), JoinSet::new());
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            open.spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut buffer = vec![0; 8192];
                while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.flush().await;
                }
            });
        }
    });
    Server { origin, connections, _tasks: tasks }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn hooks(server: &Server, tls: TlsMaterial) -> Result<Hooks, CallError> {
    let config = EgressConfig { allow_loopback: true, max_response_bytes: 1000, ..EgressConfig::default() };
    configured(config, &server.origin, Some(tls))
}

fn configured(config: EgressConfig, origin: &str, tls: Option<TlsMaterial>) -> Result<Hooks, CallError> {
    of_pool(&EgressPool::new(config), origin, tls)
}

fn of_pool(pool: &EgressPool, origin: &str, tls: Option<TlsMaterial>) -> Result<Hooks, CallError> {
    let plugin = PluginId { name: "p".to_owned(), version: "1".to_owned(), digest: "sha256:0".to_owned() };
    let rule = OriginRule {
        origin: Origin::parse(origin).unwrap(),
        link_local: false,
        paths: vec!["/v1/".to_owned()],
        tls,
        max_response_bytes: None,
        max_header_bytes: None,
    };
    Ok(Hooks::new(Some(pool.session(&plugin, "uid", vec![rule], Reach::default())?), Arc::default()))
}

async fn get(hooks: &mut Hooks, url: &str) -> Result<(u16, Bytes), Error> {
    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::get(url).body(body).unwrap();
    let (response, _) = Pin::from(hooks.send_request(request, None, Box::new(async { Ok(()) }))).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

#[tokio::test]
async fn a_private_ca_is_trusted_where_the_store_names_it_and_nowhere_else() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = server(&ours, "127.0.0.1", None, ok("hi")).await;
    let url = format!("{}/v1/x", server.origin);
    let mut trusting = hooks(&server, ours.material()).unwrap();
    for _ in 0..5 {
        assert_eq!(get(&mut trusting, &url).await.unwrap(), (200, Bytes::from("hi")));
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "connections are kept");

    for material in [theirs.material(), TlsMaterial::default()] {
        let mut wary = hooks(&server, material).unwrap();
        assert!(matches!(get(&mut wary, &url).await, Err(Error::TlsCertificateError)));
        let said = wary.trouble().unwrap();
        assert!(
            said.contains("TLS with https://127.0.0.1") && said.to_lowercase().contains("certificate"),
            "{said}"
        );
    }
    let mut careless = hooks(&server, TlsMaterial { insecure: true, ..TlsMaterial::default() }).unwrap();
    assert_eq!(get(&mut careless, &url).await.unwrap().0, 200);
}

/// A name was looked up, and its connection stands, when its address becomes one that nobody may connect to.
#[tokio::test]
async fn what_is_open_to_an_address_that_becomes_denied_is_not_used_any_more() {
    let authority = Authority::new();
    let server = server(&authority, "localhost", None, ok("hi")).await;
    let origin = server.origin.replace("127.0.0.1", "localhost");
    let url = format!("{origin}/v1/x");
    let pool = EgressPool::new(EgressConfig { allow_loopback: true, ..EgressConfig::default() });
    let mut hooks = of_pool(&pool, &origin, Some(authority.material())).unwrap();
    let connections = || server.connections.load(Ordering::SeqCst);
    assert_eq!(get(&mut hooks, &url).await.unwrap().0, 200);
    let other = "10.0.0.1:6443".parse().unwrap();
    for _ in 0..3 {
        pool.deny([other]);
        assert_eq!(get(&mut hooks, &url).await.unwrap().0, 200);
    }
    assert_eq!(connections(), 2, "left behind when something changed, and else kept");
    let port = server.origin.rsplit(':').next().unwrap();
    pool.deny([other, format!("127.0.0.1:{port}").parse().unwrap()]);
    assert!(matches!(get(&mut hooks, &url).await, Err(Error::DestinationIpProhibited)));
    assert!(hooks.denial().unwrap().to_string().contains("API server"));
    assert_eq!(connections(), 2);
    // As a session that is made then.
    let mut later = of_pool(&pool, &origin, Some(authority.material())).unwrap();
    assert!(matches!(get(&mut later, &url).await, Err(Error::DestinationIpProhibited)));
    pool.deny([]);
    assert_eq!(get(&mut hooks, &url).await.unwrap().0, 200);
}

/// A bundle of authorities that is told to the process is there once, whatever number of stores is connected.
#[test]
fn sessions_share_what_is_configured() {
    let authorities = Authorities::from_pem(Authority::new().pem.as_bytes()).unwrap();
    let pool = EgressPool::new(EgressConfig { authorities, ..EgressConfig::default() });
    let plugin = PluginId { name: "p".to_owned(), version: "1".to_owned(), digest: "sha256:0".to_owned() };
    let of = |uid| pool.session(&plugin, uid, Vec::new(), Reach::default()).unwrap();
    let (one, another) = (of("one"), of("another"));
    assert!(Arc::ptr_eq(&one.config, &another.config));
}

#[tokio::test]
async fn another_name_is_verified_instead_of_the_address() {
    let authority = Authority::new();
    let server = server(&authority, "vault.company.com", None, ok("hi")).await;
    let url = format!("{}/v1/x", server.origin);
    let mut plain = hooks(&server, authority.material()).unwrap();
    assert!(matches!(get(&mut plain, &url).await, Err(Error::TlsCertificateError)));
    let named = |name: &str| TlsMaterial { server_name: Some(name.to_owned()), ..authority.material() };
    let mut right = hooks(&server, named("vault.company.com")).unwrap();
    assert_eq!(get(&mut right, &url).await.unwrap(), (200, Bytes::from("hi")));
    let mut wrong = hooks(&server, named("other.company.com")).unwrap();
    assert!(matches!(get(&mut wrong, &url).await, Err(Error::TlsCertificateError)));
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_asks() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = server(&authority, "127.0.0.1", Some(&clients), ok("hi")).await;
    let url = format!("{}/v1/x", server.origin);
    let (cert, key) = clients.leaf("store");
    let with = |cert: &str, key: &str| TlsMaterial {
        client_cert: Some(shared(cert)),
        client_key: Some(shared(key)),
        ..authority.material()
    };
    assert_eq!(get(&mut hooks(&server, with(&cert, &key)).unwrap(), &url).await.unwrap().0, 200);
    let (stranger, stranger_key) = Authority::new().leaf("store");
    for (whose, material) in
        [("none", authority.material()), ("a stranger's", with(&stranger, &stranger_key))]
    {
        let mut refused = hooks(&server, material).unwrap();
        assert!(get(&mut refused, &url).await.is_err(), "{whose}");
        let said = refused.trouble().unwrap();
        assert!(said.contains("client certificate"), "{whose}: {said}");
    }
    assert!(hooks(&server, with("not PEM", &key)).is_err());
    let alone = TlsMaterial { client_cert: Some(shared(&cert)), ..authority.material() };
    assert!(hooks(&server, alone).is_err(), "a certificate without its key");
}

#[tokio::test]
async fn what_is_not_followed_and_not_read() {
    if !isolated("egress::tests::what_is_not_followed_and_not_read") {
        return;
    }
    let metadata = TcpListener::bind("169.254.169.254:80").await.unwrap();
    let authority = Authority::new();
    let redirect =
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";
    let server_ = server(&authority, "127.0.0.1", None, redirect.to_owned()).await;
    let mut hooks_ = hooks(&server_, authority.material()).unwrap();
    assert_eq!(
        get(&mut hooks_, &format!("{}/v1/x", server_.origin)).await.unwrap().0,
        302,
        "an answer like any other"
    );
    // Who follows it is refused, before any packet.
    assert!(matches!(get(&mut hooks_, "http://169.254.169.254/latest").await, Err(Error::HttpRequestDenied)));
    assert!(hooks_.denial().is_some());
    let nobody = tokio::time::timeout(std::time::Duration::from_millis(100), metadata.accept()).await;
    assert!(nobody.is_err(), "somebody came");
    // Steps upwards, as our parser, the server or a proxy between them may read them.
    for path in [
        "/v2/x",
        "/v1/../sys",
        "/v1x",
        "/v1/%2e%2e/sys",
        "/v1/.%2E/sys",
        "/v1/x/..\\..\\..\\sys",
        "/v1/%2e%2e%2fsys",
        "/v1/..%5csys",
        "/v1/./../sys",
    ] {
        let mut hooks_ = hooks(&server_, authority.material()).unwrap();
        let outcome = get(&mut hooks_, &format!("{}{path}", server_.origin)).await;
        assert!(matches!(outcome, Err(Error::HttpRequestDenied)), "{path}");
    }
    let mut hooks_ = hooks(&server_, authority.material()).unwrap();
    let dotted = get(&mut hooks_, &format!("{}/v1/a..b/%2f.x/...", server_.origin)).await;
    assert_eq!(dotted.unwrap().0, 302, "dots in names are dots in names");

    let long = server(&authority, "127.0.0.1", None, ok(&"x".repeat(2000))).await;
    let mut hooks_ = hooks(&long, authority.material()).unwrap();
    let outcome = get(&mut hooks_, &format!("{}/v1/x", long.origin)).await;
    assert!(matches!(outcome, Err(Error::HttpResponseBodySize(Some(1000)))));
    assert!(hooks_.trouble().unwrap().contains("1000 bytes"));
}

/// A name for the certificate that a URL takes for an address: the connection would go there, past every check.
#[tokio::test]
async fn a_name_for_the_certificate_is_no_address() {
    if !isolated("egress::tests::a_name_for_the_certificate_is_no_address") {
        return;
    }
    let reached = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for address in ["169.254.169.254:8200", "127.0.0.1:8200", "[::1]:8200"] {
        let (listener, reached) = (TcpListener::bind(address).await.unwrap(), reached.clone());
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                reached.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(ok("a credential").as_bytes()).await;
            }
        });
    }
    for name in [
        // What `str::parse` takes for an address too.
        "169.254.169.254",
        "::1",
        // What only the URL standard does: cut at the colon, in brackets, with a dot, in numbers, in wide digits.
        "169.254.169.254:",
        "169.254.169.254:443",
        "127.0.0.1:x",
        "[::1]",
        "[::ffff:169.254.169.254]",
        "169.254.169.254.",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "127.1",
        "\u{ff11}69.254.169.254",
        "%31%36%39.254.169.254",
    ] {
        for scheme in ["http", "https"] {
            let tls =
                TlsMaterial { server_name: Some(name.to_owned()), insecure: true, ..TlsMaterial::default() };
            // Refused when it connects, or at the request; which of them is not this test's.
            if let Ok(mut hooks) =
                configured(EgressConfig::default(), &format!("{scheme}://10.9.9.9:8200"), Some(tls))
            {
                let outcome = get(&mut hooks, &format!("{scheme}://10.9.9.9:8200/v1/x")).await;
                assert!(outcome.is_err(), "{scheme} {name}");
            }
        }
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}
