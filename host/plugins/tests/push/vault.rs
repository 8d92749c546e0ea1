//! KV version 1 and 2 of OpenBao.

use claviger_core::provider::{Pushed, Write};
use claviger_testenv::{Bao, BaoOptions, BaoView, Progress, Tools};
use serde_json::{Value, json};

use super::{Refused, Store, conflict, not_managed, write};

/// As docs/providers/vault.md says it.
pub(super) const POLICY: &str = r#"
path "secret/data/app/*"     { capabilities = ["create", "read", "update"] }
path "secret/metadata/app/*" { capabilities = ["create", "read", "update", "delete"] }
path "kv/app/*"              { capabilities = ["create", "read", "update", "delete"] }
"#;

struct Vault {
    bao: Bao,
    token: String,
    _dir: tempfile::TempDir,
}

impl Vault {
    /// With a mount of each version; the first demands check-and-set of all who write.
    fn start() -> Self {
        let tools = Tools::prepare(&Progress::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let bao = Bao::start(&tools, dir.path(), BaoOptions::default()).unwrap();
        let view = bao.view().clone();
        let must = |path: &str, body: Value| {
            let (status, answer) = view.api("POST", path, &body).unwrap();
            assert!(status < 300, "{path}: {status} {answer}");
            answer
        };
        view.mount_kv2("secret").unwrap();
        must("secret/config", json!({"cas_required": true}));
        must("sys/mounts/kv", json!({"type": "kv", "options": {"version": "1"}}));
        must("sys/policies/acl/push", json!({"policy": POLICY}));
        let made = must("auth/token/create", json!({"policies": ["push"], "no_default_policy": true}));
        let token = made["auth"]["client_token"].as_str().unwrap().to_owned();
        Self { bao, token, _dir: dir }
    }

    async fn store(&self, plugin: &str, mount: &str, version: &str) -> Option<Store> {
        let config = json!({
            "server": self.view().address(), "path": mount, "version": version,
            "auth": {"tokenSecretRef": {"name": "vault", "key": "token"}},
        });
        Store::connect(plugin, Value::Null, config, &[(("vault", "token"), &self.token)]).await
    }

    fn view(&self) -> &BaoView {
        self.bao.view()
    }

    /// With the root token.
    fn read(&self, path: &str) -> Value {
        let (status, answer) = self.view().api("GET", path, &json!({})).unwrap();
        if status == 200 { answer["data"].clone() } else { Value::Null }
    }

    fn put(&self, path: &str, body: Value) {
        let (status, answer) = self.view().api("POST", path, &body).unwrap();
        assert!(status < 300, "{path}: {status} {answer}");
    }

    /// Requests since then: operation and path, without the look at the mount.
    fn asked(&self, since: claviger_testenv::Mark) -> Vec<String> {
        let entries = self.view().audit_entries(since).unwrap();
        let asked = entries.iter().filter(|entry| entry.kind == "request" && !entry.path.starts_with("sys/"));
        let mut asked: Vec<String> =
            asked.map(|entry| format!("{} {}", entry.operation, entry.path)).collect();
        asked.sort();
        asked
    }
}

#[tokio::test]
async fn push_to_vault() {
    if super::support::component("vault").is_none() {
        return;
    }
    let vault = Vault::start();
    version_2(&vault).await;
    not_ours(&vault).await;
    version_1(&vault).await;
}

async fn version_2(vault: &Vault) {
    let Some(store) = vault.store("vault", "secret", "v2").await else { return };
    let managed = json!({"managed-by": "external-secrets"});
    let reads = ["read secret/data/app/x", "read secret/metadata/app/x"];

    let mark = vault.view().audit_mark();
    assert!(!store.exists("app/x").await);
    let value = r#"{"user":"app","nested":{"list":[1,"two",null]},"number":1.50}"#;
    assert_eq!(store.push("app/x", value).await, Ok(Pushed::Created));
    // The metadata first, so the value is an update.
    let expected = ["create secret/metadata/app/x", reads[0], reads[0], reads[1], "update secret/data/app/x"];
    assert_eq!(vault.asked(mark), expected);
    let stored = vault.read("secret/data/app/x");
    assert_eq!(stored["data"], serde_json::from_str::<Value>(value).unwrap());
    assert_eq!(
        (&stored["metadata"]["custom_metadata"], &stored["metadata"]["version"]),
        (&managed, &json!(1))
    );
    assert!(store.exists("secret/app/x").await, "the same key with its mount");

    // What is there already is two reads and no version, in whatever order its keys stand.
    let mark = vault.view().audit_mark();
    assert_eq!(store.push("app/x", value).await, Ok(Pushed::Unchanged));
    let again = r#"{"number":1.5,"nested":{"list":[1,"two",null]},"user":"app"}"#;
    assert_eq!(store.push("app/x", again).await, Ok(Pushed::Unchanged));
    assert_eq!(vault.asked(mark), [reads[0], reads[0], reads[1], reads[1]]);

    // The version that `get` tells is the one that must still be there.
    let version = store.version("app/x").await;
    let changed = |expected: &str| Write {
        expected_version: Some(expected.to_owned()),
        ..write("app/x", r#"{"user":"app-2"}"#)
    };
    assert_eq!(store.write(changed(&version)).await, Ok(Pushed::Updated));
    conflict(store.write(changed(&version)).await);
    assert_eq!(vault.read("secret/data/app/x")["metadata"]["version"], json!(2));

    // Custom metadata is merged, and alone makes no version.
    let spec = json!({"spec": {"customMetadata": {"team": "red"}}});
    vault.put(
        "secret/metadata/app/x",
        json!({"custom_metadata": {"managed-by": "external-secrets", "hand": "made"}}),
    );
    let with = || Write { metadata: Some(spec.clone()), ..write("app/x", r#"{"user":"app-2"}"#) };
    assert_eq!(store.write(with()).await, Ok(Pushed::Updated));
    assert_eq!(store.write(with()).await, Ok(Pushed::Unchanged));
    let stored = vault.read("secret/metadata/app/x");
    let all = json!({"managed-by": "external-secrets", "hand": "made", "team": "red"});
    assert_eq!((&stored["custom_metadata"], &stored["current_version"]), (&all, &json!(2)));
    let mark = json!({"spec": {"customMetadata": {"managed-by": "x"}}});
    let refused = store.0.push(&[Write { metadata: Some(mark), ..write("app/x", "{}") }]).await;
    assert!(refused.is_err(), "by the schema");

    // A deleted version is written again; a deletion takes all.
    let (status, _) = vault.view().api("DELETE", "secret/data/app/x", &json!({})).unwrap();
    assert_eq!((status, store.exists("app/x").await), (204, false));
    assert_eq!(store.push("app/x", value).await, Ok(Pushed::Created));
    conflict(store.delete_version("app/x", Some("2")).await);
    assert_eq!(store.delete("app/x").await, Ok(()));
    assert_eq!(vault.read("secret/metadata/app/x"), Value::Null);
    assert_eq!(store.delete("app/x").await, Ok(()), "nothing is there any more");
}

async fn not_ours(vault: &Vault) {
    let Some(store) = vault.store("openBao", "secret", "v2").await else { return };
    let theirs = json!({"data": {"password": "by-hand"}, "options": {"cas": 0}});
    vault.put("secret/data/app/hand", theirs);
    vault.put("secret/data/app/gone", json!({"data": {"password": "by-hand"}, "options": {"cas": 0}}));
    let (status, _) = vault.view().api("DELETE", "secret/data/app/gone", &json!({})).unwrap();
    assert_eq!(status, 204);
    let only_create = Write { replace: false, ..write("app/hand", r#"{"password":"pushed"}"#) };
    assert_eq!(store.write(only_create).await, Ok(Pushed::Unchanged));
    for key in ["app/hand", "app/gone"] {
        not_managed(store.push(key, r#"{"password":"pushed"}"#).await);
        not_managed(store.delete(key).await);
        let metadata = vault.read(&format!("secret/metadata/{key}"));
        assert_eq!((&metadata["current_version"], &metadata["custom_metadata"]), (&json!(1), &Value::Null));
    }
    assert_eq!(vault.read("secret/data/app/hand")["data"], json!({"password": "by-hand"}));

    // One of several is refused alone; what is no object too, and so is what the policy does not allow.
    let writes = [write("app/hand", "{}"), write("app/new", r#"{"a":"b"}"#), write("app/text", "hunter2")];
    let answers = store.push_all(&writes).await;
    assert_eq!(answers[1], Ok(Pushed::Created));
    assert!(matches!(answers[2], Err(Refused::Other(_))), "{answers:?}");
    let denied = store.push("elsewhere/x", "{}").await;
    assert!(matches!(denied, Err(Refused::Denied(_))), "{denied:?}");
    assert_eq!(vault.read("secret/metadata/elsewhere/x"), Value::Null);
}

async fn version_1(vault: &Vault) {
    let Some(store) = vault.store("vault", "kv", "v1").await else { return };
    let marked = json!({"a": "b", "custom_metadata": {"managed-by": "external-secrets"}});
    assert_eq!(store.push("app/x", r#"{"a":"b"}"#).await, Ok(Pushed::Created));
    assert_eq!(vault.read("kv/app/x"), marked);
    let mark = vault.view().audit_mark();
    assert_eq!(store.push("app/x", r#"{"a":"b"}"#).await, Ok(Pushed::Unchanged));
    assert_eq!(vault.asked(mark), ["read kv/app/x"]);
    assert_eq!(store.push("app/x", r#"{"a":"c"}"#).await, Ok(Pushed::Updated));
    assert_eq!(vault.read("kv/app/x")["a"], json!("c"));

    vault.put("kv/app/hand", json!({"a": "by-hand"}));
    not_managed(store.push("app/hand", r#"{"a":"b"}"#).await);
    not_managed(store.delete("app/hand").await);
    assert_eq!(vault.read("kv/app/hand"), json!({"a": "by-hand"}));

    // What is left when the last property is taken away is nothing.
    let rest = json!({"custom_metadata": marked["custom_metadata"]}).to_string();
    assert_eq!(store.push("app/x", &rest).await, Ok(Pushed::Updated));
    assert_eq!((vault.read("kv/app/x"), store.exists("app/x").await), (Value::Null, false));
    assert_eq!(store.push("app/x", r#"{"a":"b"}"#).await, Ok(Pushed::Created));
    assert_eq!(store.delete("app/x").await, Ok(()));
    assert_eq!((vault.read("kv/app/x"), store.delete("app/x").await), (Value::Null, Ok(())));

    // A store that means the other version writes nothing.
    let Some(wrong) = vault.store("vault", "kv", "v2").await else { return };
    let error = wrong.push("app/y", r#"{"a":"b"}"#).await;
    assert!(matches!(error, Err(Refused::InvalidConfig(_) | Refused::Denied(_))), "{error:?}");
    assert_eq!(vault.read("kv/metadata/app/y"), Value::Null);
}
