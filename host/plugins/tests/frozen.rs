//! Components that were built when version 1 of the interface was frozen (`v1/`, kept byte for byte by `cargo xtask check`):
//! what they could do with the host of that day they can do with this one. Against backends two of them go through the
//! conformance suite besides (`tests/e2e/conformance`). And one that was built when the interface of events was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use claviger_core::provider::{CallError, Facet, Item, Nature, ProviderError};
use claviger_core::secret::SecretBytes;
use claviger_plugins::package::unpack;
use claviger_plugins::{Grants, Plugin, RenderOptions, Requester, StoreRef};
use serde_json::json;

use support::{NoCredentials, Reply, Server, connect, host};

fn kept(name: &str) -> Vec<u8> {
    kept_in("v1", name)
}

fn kept_in(folder: &str, name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/{folder}/{name}.wasm.zst"));
    unpack(std::fs::read(file).unwrap()).unwrap()
}

async fn load(name: &str, grants: Grants) -> Arc<Plugin> {
    host().load(name, kept(name), grants).await.unwrap()
}

#[tokio::test]
async fn what_they_are_is_understood() {
    let host = host();
    for (name, world, interfaces, capabilities) in [
        ("fake", "provider-plugin", &["writer"][..], &["get", "find-by-name", "writer"][..]),
        ("etcd", "provider-plugin", &[], &["get", "find-by-name", "find-by-path"]),
        (
            "vault",
            "provider-plugin",
            &["writer", "leases", "generator"],
            &["get", "metadata", "versions", "dynamic"],
        ),
        ("generators", "provider-plugin", &["generator"], &["generator"]),
        ("template-jinja", "template-engine", &[], &[]),
    ] {
        let said = host.inspect(kept(name)).await.unwrap();
        assert_eq!(said.worlds, [format!("claviger:plugin/{world}@1.0.0")], "{name}");
        for interface in ["writer", "leases", "generator"] {
            let there = said.exports.contains(&format!("claviger:plugin/{interface}@1.0.0"));
            assert_eq!(there, interfaces.contains(&interface), "{name}: {interface}");
        }
        for capability in capabilities {
            assert!(said.capabilities.iter().any(|said| said == capability), "{name}: {capability}");
        }
    }
}

#[tokio::test]
async fn a_provider_reads() {
    let fake = load("fake", Grants::default()).await;
    let session =
        connect(&fake, json!({"data": [{"key": "a", "value": "one"}, {"key": "b", "value": "two"}]}))
            .await
            .unwrap();
    let item = |key: &str| Item {
        key: key.to_owned(),
        version: None,
        property: None,
        facet: Facet::Value,
        nature: Nature::Stored,
    };
    let mut answers = session.get(&[item("b"), item("none"), item("a")]).await.unwrap().into_iter();
    assert_eq!(answers.next().unwrap().ok().unwrap().data.expose(), b"two");
    assert!(answers.next().unwrap().is_err());
    assert_eq!(answers.next().unwrap().ok().unwrap().data.expose(), b"one");
    // What came after it was built is not asked of it.
    assert!(!fake.listens());
    let heard = session.poll(1, std::time::Duration::ZERO).await;
    assert!(matches!(heard, Err(CallError::Provider(ProviderError::Unsupported(_)))));
}

/// `claviger:events` was frozen after the rest (`events-v1/`).
#[tokio::test]
async fn a_provider_tells_of_changes() {
    let herald = host().load("herald", kept_in("events-v1", "herald"), Grants::default()).await.unwrap();
    assert!(herald.listens());
    let server = Server::start(|request| {
        let news = request.starts_with("GET /news?most=3 ");
        Reply::Body(if news { r#"[{"keys": ["a", "b"], "receipt": "r"}]"# } else { "" }.to_owned())
    })
    .await;
    let session = connect(&herald, json!({"url": server.origin, "events": {}})).await.unwrap();
    let told = session.poll(3, std::time::Duration::ZERO).await.unwrap();
    assert_eq!(told.iter().map(|notice| notice.keys.as_slice()).collect::<Vec<_>>(), [["a", "b"]]);
    assert!(session.acknowledge(&[told[0].receipt.clone()]).await.unwrap().is_none());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_generator_makes() {
    let generators = load("generators", Grants::default()).await;
    let spec = json!({"length": 12, "digits": 0, "symbols": 0, "noUpper": true, "allowRepeat": true});
    let store = StoreRef {
        kind: "Password".to_owned(),
        name: "p".to_owned(),
        namespace: Some("ns".to_owned()),
        uid: "uid".to_owned(),
        generation: 1,
    };
    let requester = Requester { namespace: "ns".to_owned() };
    let session =
        generators.connect_generator(store, requester, &spec, Arc::new(NoCredentials)).await.unwrap();
    let made = session.generate(&spec, None, 0, [7; 32]).await.unwrap();
    let password = made.values["password"].expose();
    assert!(password.len() == 12 && password.iter().all(u8::is_ascii_lowercase));
}

#[tokio::test]
async fn an_engine_renders() {
    let engine = load("template-jinja", Grants::template_engine()).await;
    let data = BTreeMap::from([("user".to_owned(), Arc::new(SecretBytes::copied_from(b"admin")))]);
    let options = RenderOptions {
        strict: true,
        left: "{{".to_owned(),
        right: "}}".to_owned(),
        now_ms: 1_709_211_845_678,
        seed: [7; 32],
    };
    let templates = [("data.a".to_owned(), "{{ user | upper }}".to_owned())];
    let rendered = engine.render(&templates, &data, &options).await.ok().unwrap();
    assert_eq!(rendered.texts[0].expose(), b"ADMIN");
}
