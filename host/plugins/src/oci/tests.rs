//! A registry that lies, refuses, redirects and floods, over plain HTTP on loopback: what is made of its answers, and
//! who is told the password. What a real one answers is tested end to end (`tests/e2e/plugins/oci.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_core::secret::SecretBytes;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::egress::{Demands, EgressConfig};

const PASSWORD: &str = "MARKED-pull-password";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 a component";

/// An answer, head and all; and whether it goes on for ever after that.
#[derive(Clone)]
struct Said {
    bytes: Vec<u8>,
    endless: bool,
}

fn said(status: u16, fields: &[(&str, &str)], body: &[u8]) -> Said {
    let mut head =
        format!("HTTP/1.1 {status} said\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    Said { bytes: [head.as_bytes(), b"\r\n", body].concat(), endless: false }
}

/// One that never ends, without a length.
fn flood() -> Said {
    Said { bytes: b"HTTP/1.1 200 said\r\nconnection: close\r\n\r\n".to_vec(), endless: true }
}

/// A server: a function from requests (request line and fields, as they came) to answers.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, answer) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(answer));
        let (kept, mut tasks) = (asked.clone(), JoinSet::new());
        tasks.spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let (kept, answer) = (kept.clone(), answer.clone());
                clients.spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match client.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8(head).unwrap();
                    kept.lock().unwrap().push(head.clone());
                    let said = answer(&head);
                    let _ = client.write_all(&said.bytes).await;
                    while said.endless && client.write_all(&[b' '; 16 * 1024]).await.is_ok() {}
                    let _ = client.shutdown().await;
                });
            }
        });
        Self { address, asked, _tasks: tasks }
    }

    /// Request lines and fields of all that was asked.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn pool() -> EgressPool {
    EgressPool::new(EgressConfig::default())
}

fn manifest(digest: &str, size: usize) -> Vec<u8> {
    let layer = json!({"mediaType": "application/wasm", "digest": digest, "size": size});
    json!({"schemaVersion": 2, "config": {}, "layers": [layer]}).to_string().into_bytes()
}

/// Looks at `REGISTRY/etcd:1` with a login, and pulls what is found.
async fn pulled(server: &Server, rest: &str, allowed: &[String]) -> Result<Vec<u8>, OciError> {
    let reference = Reference::parse(&format!("{}/etcd{rest}", server.address)).unwrap();
    let login = Login::new("puller".to_owned(), SecretBytes::copied_from(PASSWORD.as_bytes()));
    let pool = pool();
    let pull = Pull { reference: &reference, login: Some(&login), plain: true, keys: None };
    look(&pool, &pull, allowed).await?.component().await
}

async fn refused(server: &Server, rest: &str) -> OciError {
    let error = pulled(server, rest, &[digest(COMPONENT)]).await.unwrap_err();
    let told = format!("{error} {error:?}");
    let basic = STANDARD.encode(format!("puller:{PASSWORD}"));
    assert!(!told.to_lowercase().contains("marked") && !told.contains(&basic), "{told}");
    error
}

#[tokio::test]
async fn what_a_registry_says_is_a_reason_with_a_remedy() {
    let good = manifest(&digest(COMPONENT), COMPONENT.len());
    let login = [("www-authenticate", "Basic realm=\"x\"")];
    let echo = format!(r#"{{"errors": [{{"code": "{PASSWORD}", "message": "{PASSWORD}"}}]}}"#);
    let coded = r#"{"errors": [{"code": "DENIED", "message": "no"}]}"#;
    let list = br#"{"schemaVersion": 2, "manifests": []}"#;
    let image = json!({"layers": [{"mediaType": PASSWORD, "digest": digest(b"x"), "size": 1}]}).to_string();
    let cases: Vec<(&str, Said, &str, &str)> = vec![
        ("login", said(401, &login, b""), "RegistryDenied", "correct name and password in the Secret"),
        ("right", said(403, &[], coded.as_bytes()), "RegistryDenied", "403 DENIED"),
        ("echo", said(403, &[], echo.as_bytes()), "RegistryDenied", "give the login the right to pull"),
        ("absent", said(404, &[], b""), "SourceNotFound", "claviger plugin push"),
        ("busy", said(429, &[("retry-after", "900")], b""), "RegistryLimited", "429"),
        ("down", said(503, &[], b"<html>"), "RegistryUnavailable", "answered 503"),
        ("odd", said(418, &[], b""), "ArtifactInvalid", "418"),
        ("html", said(200, &[], b"<html>"), "ArtifactInvalid", "not that of an OCI artifact"),
        ("list", said(200, &[], list), "ArtifactInvalid", "several platforms"),
        (
            "image",
            said(200, &[], image.as_bytes()),
            "ArtifactInvalid",
            "no layer of the type application/wasm",
        ),
        ("huge", said(200, &[], &vec![b' '; MAX_MANIFEST + 1]), "ArtifactInvalid", "there is more of it"),
        ("flood", flood(), "ArtifactInvalid", "there is more of it"),
        (
            "half",
            Said { bytes: b"HTTP/1.1 200 said\r\ncontent-length: 9\r\n\r\n{".to_vec(), endless: false },
            "RegistryUnavailable",
            "broke off",
        ),
        ("large", said(200, &[], &manifest(&digest(COMPONENT), 1 << 40)), "TooLarge", "limit"),
        (
            "other",
            said(200, &[], &manifest(&digest(b"other"), 5)),
            "DigestMismatch",
            "spec.digest of the Plugin names",
        ),
        (
            "token",
            said(401, &[("www-authenticate", "Bearer realm=\"::\"")], b""),
            "ArtifactInvalid",
            "no URL",
        ),
        ("nowhere", said(307, &[], b""), "ArtifactInvalid", "leads nowhere"),
        (
            "metadata",
            said(307, &[("location", "https://169.254.169.254/latest/meta-data/")], b""),
            "RegistryForbidden",
            "link-local or metadata address",
        ),
        (
            "mapped",
            said(302, &[("location", "https://[::ffff:169.254.169.254]/")], b""),
            "RegistryForbidden",
            "link-local",
        ),
        (
            "realm",
            said(401, &[("www-authenticate", "Bearer realm=\"https://169.254.169.254/\"")], b""),
            "RegistryForbidden",
            "link-local or metadata address",
        ),
        // `insecure` is the registry's own.
        (
            "elsewhere",
            said(307, &[("location", "http://127.0.0.2:9/blob")], b""),
            "RegistryForbidden",
            "http is not encrypted",
        ),
        (
            "realm-elsewhere",
            said(401, &[("www-authenticate", "Bearer realm=\"http://127.0.0.2:9/token\"")], b""),
            "RegistryForbidden",
            "http is not encrypted",
        ),
        (
            "file",
            said(307, &[("location", "file:///etc/passwd")], b""),
            "RegistryForbidden",
            "no http or https",
        ),
        (
            "circle",
            said(307, &[("location", "/v2/etcd/manifests/circle")], b""),
            "ArtifactInvalid",
            "redirects more than",
        ),
        (
            "told",
            said(307, &[("location", &format!("http://169.254.1.1/{PASSWORD}"))], b""),
            "RegistryForbidden",
            "",
        ),
    ];
    let answers: Vec<(String, Said)> =
        cases.iter().map(|(tag, answer, ..)| (format!("/manifests/{tag} "), answer.clone())).collect();
    let server = Server::start(move |asked| {
        let found = answers.iter().find(|(path, _)| asked.contains(path.as_str()));
        found.map_or_else(|| said(200, &[], &good), |(_, answer)| answer.clone())
    })
    .await;
    for (tag, _, reason, expected) in &cases {
        let error = refused(&server, &format!(":{tag}")).await;
        assert_eq!(error.reason(), *reason, "{tag}: {error}");
        assert!(error.to_string().contains(expected), "{tag}: {expected:?} is not in {error}");
        let wait = error.try_again().expect("a registry's answer may change");
        assert!(wait.as_secs() >= 30 && wait.as_secs() <= 3600, "{tag}: {wait:?}");
        if *tag == "busy" {
            assert_eq!(wait.as_secs(), 900);
        }
    }
    // Where another manifest is named, it is not taken for that.
    let error = refused(&server, &format!("@{}", digest(b"another"))).await;
    assert_eq!(error.reason(), "ArtifactInvalid");
    assert!(error.to_string().contains("which is not the one that is named"), "{error}");
    // Nobody there.
    let nobody = Server::start(|_| said(200, &[], b"")).await;
    let Server { address, asked, _tasks } = nobody;
    drop(_tasks);
    let gone = Server { address, asked, _tasks: JoinSet::new() };
    tokio::task::yield_now().await;
    let error = refused(&gone, ":1").await;
    assert_eq!(error.reason(), "RegistryUnavailable", "{error}");
}

#[tokio::test]
async fn a_layer_is_what_its_manifest_says_or_nothing() {
    let good = digest(COMPONENT);
    let long = [COMPONENT, b"x"].concat();
    let flipped: Vec<u8> = COMPONENT.iter().map(|byte| byte ^ 1).collect();
    for (answer, expected) in [
        (said(200, &[], COMPONENT), None),
        (said(200, &[], &long), Some("there is more of it")),
        (flood(), Some("there is more of it")),
        (said(200, &[], &COMPONENT[1..]), Some("other bytes")),
        (said(200, &[], &flipped), Some("other bytes")),
        (said(404, &[], b""), Some("does not exist")),
    ] {
        let manifest = manifest(&good, COMPONENT.len());
        let server =
            Server::start(
                move |asked| {
                    if asked.contains("/blobs/") { answer.clone() } else { said(200, &[], &manifest) }
                },
            )
            .await;
        let outcome = pulled(&server, ":1", std::slice::from_ref(&good)).await;
        match expected {
            None => assert_eq!(outcome.unwrap(), COMPONENT),
            Some(expected) => {
                let error = outcome.unwrap_err().to_string();
                assert!(error.contains(expected), "{expected:?} is not in {error}");
            }
        }
    }
    // What is not admitted is not read.
    let manifest = manifest(&good, COMPONENT.len());
    let server = Server::start(move |_| said(200, &[], &manifest)).await;
    pulled(&server, ":1", &[digest(b"other")]).await.unwrap_err();
    assert!(server.asked().iter().all(|asked| !asked.contains("/blobs/")), "{:?}", server.asked());
}

#[tokio::test]
async fn a_password_is_told_to_the_registry_and_its_token_service_alone() {
    let storage = Server::start(|_| said(200, &[], COMPONENT)).await;
    let tokens = Server::start(|_| said(200, &[], br#"{"token": "MARKED-token"}"#)).await;
    let elsewhere = format!("http://{}/blob", storage.address);
    let challenge = format!(r#"Bearer realm="http://{}/token",service="s""#, tokens.address);
    let good = manifest(&digest(COMPONENT), COMPONENT.len());
    let server = Server::start(move |asked| match asked {
        asked if !asked.contains("Bearer MARKED-token") => {
            said(401, &[("www-authenticate", &challenge)], b"")
        }
        asked if asked.contains("/blobs/") => said(307, &[("location", &elsewhere)], b""),
        _ => said(200, &[], &good),
    })
    .await;
    assert_eq!(pulled(&server, ":1", &[digest(COMPONENT)]).await.unwrap(), COMPONENT);
    let basic = format!("Basic {}", STANDARD.encode(format!("puller:{PASSWORD}")));
    let asked = tokens.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with("GET /token?service=s&scope=repository%3Aetcd%3Apull "), "{asked:?}");
    assert!(asked[0].contains(&basic), "{asked:?}");
    assert!(server.asked().iter().all(|asked| !asked.contains("Basic ")), "{:?}", server.asked());
    let asked = storage.asked();
    assert!(asked.len() == 1 && !asked[0].to_lowercase().contains("authorization"), "{asked:?}");
}

#[tokio::test]
async fn without_signatures_that_are_wanted_nothing_is_pulled() {
    let good = manifest(&digest(COMPONENT), COMPONENT.len());
    let tag = cosign::tag(&digest(&good));
    let sent = tag.clone();
    let server =
        Server::start(
            move |asked| {
                if asked.contains(&sent) { said(404, &[], b"") } else { said(200, &[], &good) }
            },
        )
        .await;
    let reference = Reference::parse(&format!("{}/etcd:1", server.address)).unwrap();
    let (pool, keys) = (pool(), Keys::from_pem([]).unwrap());
    let pull = Pull { reference: &reference, login: None, plain: true, keys: Some(&keys) };
    let error = look(&pool, &pull, &[digest(COMPONENT)]).await.err().unwrap();
    assert_eq!(error.reason(), "SignatureInvalid");
    assert!(error.to_string().contains(&tag), "{error}");
}

#[tokio::test]
async fn plain_http_is_what_an_admin_may_forbid_and_nothing_falls_back_to() {
    let reference = Reference::parse("127.0.0.1:9/etcd:1").unwrap();
    let strict = EgressPool::new(EgressConfig {
        demands: Demands { encryption: true, ..Demands::default() },
        ..EgressConfig::default()
    });
    let pull = Pull { reference: &reference, login: None, plain: true, keys: None };
    let error = look(&strict, &pull, &[]).await.err().unwrap();
    assert_eq!(error.reason(), "RegistryForbidden");
    assert!(error.to_string().contains("security.encryptionInTransit"), "{error}");
    // A server that speaks plain HTTP is no registry by TLS.
    let server = Server::start(|_| said(200, &[], b"{}")).await;
    let reference = Reference::parse(&format!("{}/etcd:1", server.address)).unwrap();
    let pull = Pull { reference: &reference, login: None, plain: false, keys: None };
    let error = look(&pool(), &pull, &[]).await.err().unwrap();
    assert_eq!(error.reason(), "RegistryUnavailable", "{error}");
}
