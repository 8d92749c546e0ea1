//! Whom a comparison hands what the cluster has. The cluster is a stand-in that notes every request, so that what is not
//! asked for has not been read either.

#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use claviger_core::provider::NeedError;
use claviger_crds::external_secret::StoreKind;
use claviger_plugins::{CredentialSource, ObjectKind};
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

const STORES: &str = "/apis/external-secrets.io/v1";

/// A store of vault's that logs in at that server.
fn store(kind: &str, server: &str) -> Value {
    let namespace = (kind == "SecretStore").then_some("shop");
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": {"name": "vault", "namespace": namespace},
        "spec": {"provider": {"vault": {"server": server, "auth": {"kubernetes": {"role": "shop"}}}}},
    })
}

fn plugin(grants: &Value) -> Value {
    json!({
        "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "vault"},
        "spec": {"source": {"builtin": {}}, "grants": grants},
    })
}

/// What that cluster has at each path; the rest is not there, or, if it may not be `seen`, forbidden.
fn cluster(seen: bool) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let noted = asked.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().path().to_owned();
        noted.lock().unwrap().push(format!("{} {path}", request.method()));
        let filled_in = |kind: &str| {
            let mut live = store(kind, "https://vault.example");
            live["spec"]["provider"]["vault"]["version"] = json!("v2");
            live["spec"]["provider"]["vault"]["auth"]["kubernetes"]["mountPath"] = json!("kubernetes");
            live
        };
        let own = path.starts_with("/apis/external-secrets.io") || path.starts_with("/apis/claviger.io");
        let (code, answer) = match path.as_str() {
            _ if own && !seen => (403, json!({})),
            "/apis/external-secrets.io/v1/namespaces/shop/secretstores/vault" => {
                (200, filled_in("SecretStore"))
            }
            "/apis/external-secrets.io/v1/clustersecretstores/vault" => {
                (200, filled_in("ClusterSecretStore"))
            }
            "/apis/claviger.io/v1alpha1/plugins/vault" => (200, plugin(&json!({"loopback": true}))),
            "/api/v1/namespaces/shop/secrets/login" => {
                (200, json!({"metadata": {"name": "login"}, "data": {"token": "bGl2ZQ=="}}))
            }
            "/api/v1/namespaces/shop/configmaps/login" => {
                (200, json!({"metadata": {"name": "login"}, "data": {"token": "live"}}))
            }
            "/api/v1/namespaces/shop/serviceaccounts/app" => {
                (200, json!({"metadata": {"name": "app", "uid": "u"}}))
            }
            "/api/v1/namespaces/shop/serviceaccounts/app/token" => (
                201,
                json!({
                    "metadata": {}, "spec": {"audiences": []},
                    "status": {"token": "live", "expirationTimestamp": "2100-01-01T00:00:00Z"},
                }),
            ),
            _ => (404, json!({})),
        };
        let answer = match code {
            200 | 201 => answer,
            code => {
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": if code == 404 { "NotFound" } else { "Forbidden" }, "message": "no"})
            }
        };
        async move {
            let body = Body::from(serde_json::to_vec(&answer)?);
            Ok::<_, tower::BoxError>(Response::builder().status(code).body(body)?)
        }
    });
    (Client::new(service, "shop"), asked)
}

/// What became of each credential of the cluster's: a Secret, a ConfigMap, a ServiceAccount, its token.
async fn all_of_it(source: &dyn CredentialSource) -> Vec<Result<String, NeedError>> {
    let text = |value: &SecretBytes| String::from_utf8_lossy(value.expose()).into_owned();
    let audiences = ["vault".to_owned()];
    vec![
        source.object(ObjectKind::Secret, "shop", "login", "token").await.map(|found| text(&found.value)),
        source.object(ObjectKind::ConfigMap, "shop", "login", "token").await.map(|found| text(&found.value)),
        source.account("shop", "app").await.map(|found| found.identity),
        source.token("shop", "app", &audiences, None).await.map(|found| text(&found.token)),
    ]
}

fn object(kind: &str, name: &str) -> Object {
    match kind {
        "SecretStore" => Object::store(StoreKind::SecretStore, "shop", name),
        _ => Object::store(StoreKind::ClusterSecretStore, "", name),
    }
}

#[tokio::test]
async fn a_store_of_the_files_gets_nothing_of_the_clusters() {
    for kind in ["SecretStore", "ClusterSecretStore"] {
        let (evil, own) = (store(kind, "https://evil.example"), store(kind, "https://vault.example"));
        let mut unknown = evil.clone();
        unknown["metadata"]["name"] = json!("other");
        for (file, seen, why) in [
            (&evil, true, Some("and is another than the cluster's")),
            // The same to an operator, though the cluster's has the defaults.
            (&own, true, None),
            (&own, false, Some("whether it is the cluster's cannot be told")),
        ] {
            let (client, asked) = cluster(seen);
            let world = Mixed::new(Files::new(vec![file.clone()]), client, false);
            let answers = all_of_it(&*world.credentials(Some(&object(kind, "vault")))).await;
            let asked = asked.lock().unwrap();
            let Some(why) = why else {
                let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
                assert_eq!(answers, ["live", "live", "u", "live"]);
                continue;
            };
            // Once, to tell; and nothing of what was wanted.
            assert_eq!(asked.len(), 1, "{asked:?}");
            assert!(asked[0].starts_with(&format!("GET {STORES}/")), "{asked:?}");
            let wanted = [
                "Secret shop/login",
                "ConfigMap shop/login",
                "ServiceAccount shop/app",
                "a token of ServiceAccount shop/app",
            ];
            for (answer, what) in answers.into_iter().zip(wanted) {
                let said = answer.unwrap_err().to_string();
                assert!(
                    said.starts_with(&format!("{what} is not handed to it: it stands in the files, ")),
                    "{said}"
                );
                assert!(said.contains(why) && said.contains("--trust-files"), "{said}");
            }
        }

        // One that the cluster does not have at all.
        let (client, asked) = cluster(true);
        let world = Mixed::new(Files::new(vec![unknown]), client, false);
        for answer in all_of_it(&*world.credentials(Some(&object(kind, "other")))).await {
            let said = answer.unwrap_err().to_string();
            assert!(said.contains("the cluster has none of that name"), "{said}");
        }
        assert_eq!(asked.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_the_files_have_is_theirs_and_who_trusts_them_says_so() {
    let evil = store("SecretStore", "https://evil.example");
    let login = json!({
        "kind": "Secret", "metadata": {"name": "login", "namespace": "shop"}, "stringData": {"token": "of the files"},
    });
    let (client, asked) = cluster(true);
    let world = Mixed::new(Files::new(vec![evil.clone(), login]), client, false);
    let found = world
        .credentials(Some(&object("SecretStore", "vault")))
        .object(ObjectKind::Secret, "shop", "login", "token")
        .await;
    assert_eq!(found.unwrap().value.expose(), b"of the files");
    // A key that it has not is missing, as when it were applied.
    let source = world.credentials(Some(&object("SecretStore", "vault")));
    let absent = source.object(ObjectKind::Secret, "shop", "login", "other").await;
    assert!(matches!(absent, Err(NeedError::NotFound { key: Some(_), .. })));
    assert!(asked.lock().unwrap().is_empty());

    // With the flag; and a store that does not stand in the files.
    for (files, trusted) in [(vec![evil], true), (Vec::new(), false)] {
        let world = Mixed::new(Files::new(files), cluster(true).0, trusted);
        let answers = all_of_it(&*world.credentials(Some(&object("SecretStore", "vault")))).await;
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, ["live", "live", "u", "live"]);
    }
}

#[tokio::test]
async fn no_comparison_asks_for_a_token_that_the_api_server_takes() {
    let audiences: [&[&str]; 4] = [
        &[],
        &["https://kubernetes.default.svc"],
        &["vault", "kubernetes.default.svc"],
        &["https://kubernetes.default.svc.other"],
    ];
    for names in audiences {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        for trusted in [false, true] {
            let (client, asked) = cluster(true);
            let world = Mixed::new(Files::new(Vec::new()), client, trusted);
            let answer = world
                .credentials(Some(&object("SecretStore", "vault")))
                .token("shop", "app", &names, None)
                .await;
            assert!(matches!(answer, Err(NeedError::AudienceRefused { .. })), "{names:?}");
            assert!(asked.lock().unwrap().is_empty());
        }
        // As its operator would: of a cluster's own stores, before it is taken over.
        let world = Mixed::of_cluster(cluster(true).0);
        assert!(
            world
                .credentials(Some(&object("SecretStore", "vault")))
                .token("shop", "app", &names, None)
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn a_plugin_of_the_files_is_the_clusters_or_not_used() {
    let (own, other) = (plugin(&json!({"loopback": true})), plugin(&json!({"linkLocal": true})));
    let mut placed = own.clone();
    placed["metadata"]["namespace"] = json!("shop");
    let mut unknown = own.clone();
    unknown["metadata"]["name"] = json!("acme");
    for (file, seen, trusted, why) in [
        (&own, true, false, None),
        (&other, true, true, None),
        (&other, true, false, Some("is another than the cluster's")),
        (&unknown, true, false, Some("the cluster has none of that name")),
        (&placed, true, false, Some("in a namespace")),
        (&own, false, false, Some("cannot be told")),
    ] {
        let world = Mixed::new(Files::new(vec![file.clone()]), cluster(seen).0, trusted);
        let (_, judged) = world.plugins().await.pop().unwrap();
        match (judged, why) {
            (Ok(_), None) => {}
            (Err(said), Some(why)) => assert!(said.contains(why) && said.contains("--trust-files"), "{said}"),
            (judged, _) => panic!("{file}: {judged:?}"),
        }
    }
}
