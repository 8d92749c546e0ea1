//! A plugin that asks for what is not its own: another key, another namespace, a place that its schema
//! does not mark, audiences that nobody vouches for, surroundings that are not granted, foreign origins.
//!
//! For each: what was refused in which words, and that nobody was asked for anything.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::provider::CallError;
use claviger_plugins::{AmbientGrant, AmbientKind, Grants, Plugin, Session};
use serde_json::{Value, json};

use crate::support::{API_SERVER, Manifest, connect_with, get, load, refusal};

/// The store's config around a plan for `connect`.
fn config(plan: Value) -> Value {
    json!({
        "mode": "have",
        "ref": {"name": "mine", "key": "token"},
        "foreign": {"name": "theirs", "key": "token", "namespace": "kube-system"},
        "ca": {"name": "ca"},
        "account": {"name": "reader", "audiences": ["in-the-manifest"]},
        "neighbour": {"name": "neighbour"},
        "unmarked": {"name": "mine", "key": "token"},
        "notes": ["in-the-notes"],
        "endpoint": "https://named.example/path",
        "connect": plan,
    })
}

fn needs(list: Value) -> Value {
    config(json!({"rounds": [list]}))
}

fn object(at: &str) -> Value {
    json!([{"object": {"slot": "s", "at": at}}])
}

fn token(audiences: Value) -> Value {
    json!([{"token": {"slot": "s", "at": "/account", "audiences": audiences}}])
}

fn source() -> Arc<Manifest> {
    Arc::new(Manifest::with(&[
        (
            "reader",
            &[
                ("eks.amazonaws.com/audience", "of-the-reader"),
                ("kubectl.kubernetes.io/last-applied-configuration", "whatever"),
                ("note", &"x".repeat(200_000)),
            ],
        ),
        ("neighbour", &[("eks.amazonaws.com/audience", "of-the-neighbour")]),
    ]))
}

async fn connect(
    plugin: &Arc<Plugin>,
    config: Value,
    source: &Arc<Manifest>,
) -> Result<Arc<Session>, CallError> {
    connect_with(plugin, "uid", config, source.clone()).await
}

/// Refused in these words, and nothing was asked for.
async fn refused(plugin: &Arc<Plugin>, config: Value, expected: &str) {
    let source = source();
    let shown: String = config["connect"].to_string().chars().take(200).collect();
    let said = refusal(plugin, connect(plugin, config, &source).await);
    assert!(said.contains(expected), "{shown}: {expected:?} is not in {said:?}");
    assert_eq!(source.asked(), Vec::<String>::new(), "{shown}");
}

/// What the guest was handed, and what was asked for to get it.
async fn handed(plugin: &Arc<Plugin>, config: Value) -> (Value, Vec<String>) {
    let source = source();
    let session = match connect(plugin, config, &source).await {
        Ok(session) => session,
        Err(error) => panic!("{error:?}"),
    };
    (serde_json::from_slice(&get(&session).await.unwrap()).unwrap(), source.asked())
}

#[tokio::test]
async fn objects_are_those_that_the_manifest_names() {
    let Some(plugin) = load(Grants::default()).await else { return };
    for (at, expected) in [
        ("/unmarked", "does not mark this place"),
        ("/foreign", "\"kube-system\""),
        ("/ca", "another kind of object"),
        ("/account", "a ServiceAccount"),
        ("/ref/name", "does not mark this place"),
        ("/ref/", "does not mark this place"),
        ("//ref", "does not mark this place"),
        ("/notes/0", "does not mark this place"),
        ("/connect/rounds/0/0/object", "does not mark this place"),
        ("", "does not mark this place"),
        ("ref", "does not mark this place"),
        (&"/ref".repeat(10_000), "too long"),
    ] {
        refused(&plugin, needs(object(at)), expected).await;
    }
    // It may say another key; what is read is the manifest's.
    let other = json!([{"object": {"slot": "s", "at": "/ref", "key": "admin-password"}}]);
    let (have, asked) = handed(&plugin, needs(other)).await;
    assert_eq!(asked, ["Secret ns/mine token"]);
    assert_eq!(have, json!({"s": "Secret ns/mine token"}));
    let hidden = json!([{"object": {"slot": "s", "at": "/ref", "hidden": true}}]);
    let (have, _) = handed(&plugin, needs(hidden)).await;
    assert_eq!(have, json!({"s": {"withheld": true}}), "hidden is hidden");
}

#[tokio::test]
async fn audiences_are_those_that_somebody_vouches_for() {
    let Some(plugin) = load(Grants { audiences: vec!["granted".to_owned()], ..Grants::default() }).await
    else {
        return;
    };
    for (audiences, expected) in [
        (json!(["sts.amazonaws.com"]), "it stands neither in the store nor in an annotation"),
        (json!(["in-the-manifest", "sts.amazonaws.com"]), "it stands neither"),
        (json!([API_SERVER]), "it is the API server's own"),
        (json!(["granted", API_SERVER]), "it is the API server's own"),
        (json!([]), "the API server's own audience is not granted"),
        (json!([""]), "an empty audience is none"),
        (json!(["in-the-notes"]), "it stands neither"),
    ] {
        refused(&plugin, needs(token(audiences)), expected).await;
    }
    for at in ["/notes", "/connect/rounds/0/0/token/audiences", "/endpoint"] {
        let audience = if at == "/notes" { "in-the-notes" } else { "forged" };
        let need =
            json!([{"token": {"slot": "s", "at": "/account", "audiences": [audience], "audiencesAt": at}}]);
        // Its plan is part of the config here, as it never is in a real store; that list is the manifest's.
        if at.ends_with("/audiences") {
            assert_eq!(handed(&plugin, needs(need)).await.1, ["token ns/reader forged"]);
        } else {
            refused(&plugin, needs(need), "it stands neither").await;
        }
    }
    let many = config(json!({"then": "many-audiences", "audience": "granted"}));
    refused(&plugin, many, "10000 audiences").await;

    let (_, asked) = handed(&plugin, needs(token(json!(["in-the-manifest", "granted"])))).await;
    assert_eq!(asked, ["token ns/reader in-the-manifest,granted"]);
    let long =
        json!([{"token": {"slot": "s", "at": "/account", "audiences": ["granted"], "seconds": u64::MAX}}]);
    assert_eq!(handed(&plugin, needs(long)).await.1, ["token ns/reader granted for 86400 s"]);
}

/// An annotation vouches for its own account, and only if it is there to.
#[tokio::test]
async fn annotations_vouch_for_their_own_account() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let plan = |account: &str, annotation: &str, of: &str, audience: &str| {
        config(json!({"rounds": [
            [{"account": {"slot": "a", "at": account, "annotations": [annotation]}}],
            [{"token": {"slot": "t", "at": of, "audiences": [audience]}}],
        ]}))
    };
    const EKS: &str = "eks.amazonaws.com/audience";
    const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
    let (_, asked) = handed(&plugin, plan("/account", EKS, "/account", "of-the-reader")).await;
    assert_eq!(asked, ["account ns/reader", "token ns/reader of-the-reader"]);
    for (account, annotation, of, audience) in [
        ("/account", EKS, "/neighbour", "of-the-reader"),
        ("/neighbour", EKS, "/account", "of-the-neighbour"),
        ("/account", APPLIED, "/account", "whatever"),
        ("/account", EKS, "/account", "of-the-neighbour"),
    ] {
        let source = source();
        let outcome = connect(&plugin, plan(account, annotation, of, audience), &source).await;
        let said = refusal(&plugin, outcome);
        assert!(said.contains(audience) && said.contains("it stands neither"), "{annotation} {of}: {said}");
        assert!(!source.asked().iter().any(|asked| asked.starts_with("token")), "{annotation} {of}");
    }
    // The API server's own is a grant of its own, whatever an annotation says.
    let source = Arc::new(Manifest::with(&[("reader", &[(EKS, API_SERVER)])]));
    let outcome = connect(&plugin, plan("/account", EKS, "/account", API_SERVER), &source).await;
    assert!(refusal(&plugin, outcome).contains("it is the API server's own"));
}

#[tokio::test]
async fn surroundings_are_those_that_are_granted() {
    let env = |name: &str| AmbientGrant { kind: AmbientKind::Env, name: name.to_owned() };
    let own = AmbientGrant { kind: AmbientKind::PodServiceAccountToken, name: API_SERVER.to_owned() };
    let grants = Grants { ambient: vec![env("GRANTED"), own], ..Grants::default() };
    let Some(plugin) = load(grants).await else { return };
    let ambient = |kind: &str, name: &str| {
        needs(json!([{"ambient": {"slot": "s", "kind": kind, "name": name, "audience": name}}]))
    };
    for (kind, name, expected) in [
        ("env", "KUBECONFIG", "ambient access env KUBECONFIG is not granted"),
        ("env", "GRANTED=", "is not granted"),
        ("fileByEnv", "GRANTED", "ambient access fileByEnv GRANTED is not granted"),
        ("podServiceAccountToken", "vault", "is not granted"),
        ("podServiceAccountToken", API_SERVER, "it is the API server's own"),
        ("awsMetadata", "", "ambient access awsMetadata is not granted"),
    ] {
        refused(&plugin, ambient(kind, name), expected).await;
    }
    assert_eq!(handed(&plugin, ambient("env", "GRANTED")).await.1, ["env GRANTED"]);
}

#[tokio::test]
async fn origins_are_those_that_the_store_names() {
    let grants = Grants { origins: vec!["https://*.granted.example".to_owned()], ..Grants::default() };
    let Some(plugin) = load(grants).await else { return };
    // The plan is part of the config here; a URL in it would be one that the store names.
    let from = |host: &str| config(json!({"origins": [{"url": host}]}));
    for (url, expected) in [
        ("named.example", "it is no origin"),
        ("https://named.example/path", "it is no origin"),
        ("https://user:pass@named.example", "it is no origin"),
        ("ftp://named.example", "it is no origin"),
        ("javascript:alert(1)", "it is no origin"),
        ("file:///etc/passwd", "it is no origin"),
        ("", "it is no origin"),
    ] {
        refused(&plugin, from(url), expected).await;
    }
    let unnamed = config(json!({"then": "unnamed-origin"}));
    refused(&plugin, unnamed, "https://unnamed.example:443: the store does not name it").await;
    let source = source();
    assert!(connect(&plugin, from("https://a.granted.example"), &source).await.is_ok());
    assert!(connect(&plugin, from("https://named.example"), &source).await.is_ok());
    // Verification ends by a field that says so, and by no other `true`.
    let switched = |at: &str| {
        let origins = json!([{"url": "https://named.example", "insecure": at}]);
        let mut config = config(json!({"origins": origins}));
        config["forward"] = json!(true);
        config["insecureSkipVerify"] = json!(true);
        config
    };
    refused(&plugin, switched("/forward"), "begins with \"insecure\"").await;
    let session = connect(&plugin, switched("/insecureSkipVerify"), &source).await.unwrap();
    assert!(
        session.warnings().iter().any(|said| said.contains("is not verified")),
        "{:?}",
        session.warnings()
    );
    // One that stands nowhere: it is made of what the guest was handed.
    let made = config(json!({"rounds": [object("/ref")], "then": "deny-it"}));
    let said = refusal(&plugin, connect(&plugin, made, &source).await);
    assert!(said.contains("it is no origin"), "{said}");
}

/// What is small to ask for and large to give.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connecting_has_limits_of_its_own() {
    let grants =
        Grants { wall: Duration::from_secs(5), cpu: Duration::from_millis(200), ..Grants::default() };
    let Some(plugin) = load(grants).await else { return };
    for (plan, expected) in [
        (json!({"then": "never-ready"}), "asks for nothing"),
        (json!({"then": "many-needs"}), "20000 things, more than 64"),
        (json!({"then": "many-origins"}), "5000 origins, more than 32"),
        (json!({"then": "long-partition"}), "a partition of more than 256 bytes"),
        (json!({"then": "loop"}), "200 ms of CPU time"),
        (json!({"then": "trap"}), "crashed"),
        (json!({"then": "sleep"}), "limit of 5000 ms"),
    ] {
        refused(&plugin, config(plan), expected).await;
    }
    let source = source();
    let said = refusal(&plugin, connect(&plugin, config(json!({"then": "one-more"})), &source).await);
    assert!(said.contains("misbehaving@0.1.0") && said.contains("not ready after 8 rounds"), "{said}");
    assert_eq!(source.asked().len(), 8);

    let endpoint = json!([{"url": "https://named.example"}]);
    for (then, expected) in
        [("many-materials", "20000 CA bundles"), ("many-paths", "50000 paths of https://named.example:443")]
    {
        let plan = json!({"rounds": [[{"object": {"slot": "ref", "at": "/ref"}}]], "origins": endpoint, "then": then});
        let said = refusal(&plugin, connect(&plugin, config(plan), &source).await);
        assert!(said.contains("misbehaving@0.1.0") && said.contains(expected), "{then}: {said}");
    }
    // A hundred thousand times the same annotation is one annotation.
    let (have, _) = handed(&plugin, config(json!({"then": "many-annotations"}))).await;
    assert_eq!(have["account"].as_array().unwrap().len(), 1);
    let slots = json!([{"object": {"slot": "s", "at": "/ref"}}, {"object": {"slot": "s", "at": "/ref"}}]);
    let said = refusal(&plugin, connect(&plugin, needs(slots), &source).await);
    assert!(said.contains("one slot twice"), "{said}");
}
