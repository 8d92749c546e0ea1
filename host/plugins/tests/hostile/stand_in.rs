//! The namespace that stands in where a ClusterSecretStore names none: the asker's own comes first, one connect
//! takes all from one of them, and what is there at one moment and gone at the next makes no mixture.

use std::sync::Arc;

use claviger_core::access::Account;
use claviger_core::names::ANNOTATION_STORE_ACCESS;
use claviger_core::provider::{CallError, NeedError};
use claviger_plugins::{Grants, Plugin, Requester, Session, StoreRef};
use serde_json::{Value, json};

use crate::support::{Manifest, load, refusal};

/// Two references without a namespace, an account among them, and one with.
fn config(rounds: Value) -> Value {
    json!({
        "mode": "have",
        "ref": {"name": "mine", "key": "token"},
        "account": {"name": "reader", "audiences": ["a"]},
        "foreign": {"name": "named", "key": "token", "namespace": "elsewhere"},
        "connect": {"rounds": rounds},
    })
}

async fn connect(
    plugin: &Arc<Plugin>,
    requester: &str,
    rounds: Value,
    source: &Arc<Manifest>,
) -> Result<Arc<Session>, CallError> {
    let store = StoreRef {
        kind: "ClusterSecretStore".to_owned(),
        name: "s".to_owned(),
        namespace: None,
        uid: "uid".to_owned(),
        generation: 1,
    };
    let requester = Requester { namespace: requester.to_owned() };
    plugin.connect(store, requester, config(rounds), source.clone()).await
}

fn object(slot: &str, at: &str) -> Value {
    json!({"object": {"slot": slot, "at": at}})
}

fn account() -> Value {
    json!({"account": {"slot": "a", "at": "/account", "annotations": []}})
}

fn token() -> Value {
    json!({"token": {"slot": "t", "at": "/account", "audiences": ["a"]}})
}

#[tokio::test]
async fn the_first_that_is_found_decides_for_all() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let (secret, reader) = ("Secret tenant/mine", "ServiceAccount tenant/reader");
    let both = json!([[object("s", "/ref")], [account()], [token()], [object("f", "/foreign")]]);
    for (gone, expected, stand_ins) in [
        // All there: nothing stands in.
        (
            &[][..],
            &["Secret tenant/mine token", "account tenant/reader", "token tenant/reader a"][..],
            &[][..],
        ),
        // Nothing there: all stands in.
        (
            &[(secret, 0), (reader, 0)],
            &[
                "Secret tenant/mine token",
                "Secret ops/mine token",
                "account ops/reader",
                "token ops/reader a",
            ],
            &["Secret ops/mine", "ServiceAccount ops/reader"],
        ),
        // The tenant's account counts for nothing beside a Secret of the operator's.
        (
            &[(secret, 0)],
            &[
                "Secret tenant/mine token",
                "Secret ops/mine token",
                "account ops/reader",
                "token ops/reader a",
            ],
            &["Secret ops/mine", "ServiceAccount ops/reader"],
        ),
    ] {
        let source = Arc::new(Manifest::with_stand_in("ops", gone));
        let session = connect(&plugin, "tenant", both.clone(), &source).await.unwrap();
        let mut asked = source.asked();
        assert_eq!(asked.pop().as_deref(), Some("Secret elsewhere/named token"), "what is named is meant");
        assert_eq!(asked, expected);
        assert_eq!(session.stand_ins(), stand_ins);
    }
}

#[tokio::test]
async fn what_disappears_in_between_is_an_error() {
    let Some(plugin) = load(Grants::default()).await else { return };
    // The tenant's account shows its annotations and is gone when its token is asked for.
    let source = Arc::new(Manifest::with_stand_in("ops", &[("ServiceAccount tenant/reader", 1)]));
    let outcome = connect(&plugin, "tenant", json!([[account()], [token()]]), &source).await;
    let said = refusal(&plugin, outcome);
    assert!(said.contains("ServiceAccount tenant/reader"), "{said}");
    assert_eq!(source.asked(), ["account tenant/reader", "token tenant/reader a"]);
    // The same of a Secret, and an account after it.
    let source = Arc::new(Manifest::with_stand_in("ops", &[("ServiceAccount tenant/reader", 0)]));
    let outcome = connect(&plugin, "tenant", json!([[object("s", "/ref")], [account()]]), &source).await;
    assert!(refusal(&plugin, outcome).contains("ServiceAccount tenant/reader"));
}

#[tokio::test]
async fn where_nothing_is_there_the_asker_s_is_named_and_nobody_is_accused() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let nowhere = [("Secret tenant/mine", 0), ("Secret ops/mine", 0)];
    let read = json!([[object("s", "/ref")]]);
    let source = Arc::new(Manifest::with_stand_in("ops", &nowhere));
    let said = refusal(&plugin, connect(&plugin, "tenant", read.clone(), &source).await);
    assert!(said.contains("Secret tenant/mine"), "{said}");
    // When a store is validated on its own, that there is nothing is no failure of the store.
    let source = Arc::new(Manifest::with_stand_in("ops", &nowhere));
    let outcome = connect(&plugin, "", read.clone(), &source).await;
    assert!(matches!(outcome, Err(CallError::Need(NeedError::NoRequester { .. }))));
    let source = Arc::new(Manifest::with_stand_in("ops", &[]));
    let session = connect(&plugin, "", read, &source).await.unwrap();
    assert_eq!(
        (source.asked(), session.stand_ins()),
        (vec!["Secret ops/mine token".to_owned()], &["Secret ops/mine".to_owned()][..])
    );
}

/// Whose annotation `secret-store-access` is asked: an account of the asker's own namespace, whether the plugin looks at
/// it or only has a token of it, and nobody else's.
#[tokio::test]
async fn the_asker_s_own_accounts_are_known() {
    let Some(plugin) = load(Grants::default()).await else { return };
    let own = |access: Option<&str>| {
        vec![Account { name: "reader".to_owned(), access: access.map(ToOwned::to_owned) }]
    };
    let annotated = || Manifest::with(&[("reader", &[(ANNOTATION_STORE_ACCESS, "app-secrets-only")])]);
    let gone = ["ServiceAccount tenant/reader"];
    for (requester, rounds, source, expected) in [
        ("tenant", json!([[account()]]), annotated(), own(Some("app-secrets-only"))),
        ("tenant", json!([[token()]]), annotated(), own(Some("app-secrets-only"))),
        ("tenant", json!([[account()], [token()]]), Manifest::default(), own(None)),
        ("tenant", json!([[object("s", "/ref")]]), annotated(), Vec::new()),
        ("tenant", json!([[account()], [token()]]), annotated().without("ops", &gone), Vec::new()),
    ] {
        let session = connect(&plugin, requester, rounds.clone(), &Arc::new(source)).await.unwrap();
        assert_eq!(session.tenants().iter().cloned().collect::<Vec<_>>(), expected, "{rounds}");
    }
}
