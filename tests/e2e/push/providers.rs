//! What every provider that is written to has to do, whatever it is: one suite, run with each.
//!
//! A test makes a store of its provider's named `there`, whose login may write, and hands over how a key is read behind the
//! operator's back. See [`pushes`].

use serde_json::{Value, json};

use super::{counts, entry, push, secret, synced};
use crate::support::{Mount, Operator, World, world};

/// A provider, as the suite needs it.
pub(super) struct Provider<'a> {
    /// The value of a key, as the backend has it; `None`: it is not there.
    pub(super) read: &'a dyn Fn(&str) -> Option<Vec<u8>>,
    /// Puts a value there that nobody manages; `None`: the provider marks nothing.
    pub(super) put_unmanaged: Option<&'a dyn Fn(&str)>,
    /// What the provider attaches; `None`: nothing.
    pub(super) metadata: Option<Attached<'a>>,
    /// What keys begin with.
    pub(super) prefix: &'a str,
}

/// Something that is attached to a value.
pub(super) struct Attached<'a> {
    /// `metadata` of the entry.
    pub(super) metadata: Value,
    /// Whether the backend shows it for a key.
    pub(super) shows: &'a dyn Fn(&str) -> bool,
}

/// Waits until the backend has that.
fn wait_has(world: &World, provider: &Provider<'_>, key: &str, expected: Option<&Value>) {
    world.wait(&format!("{key} at the backend"), || {
        let found = (provider.read)(key);
        let found: Option<Value> = found.map(|bytes| {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))
        });
        if found.as_ref() == expected { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

/// Create, nothing without a change, update, properties, IfNotExists, what is not managed, metadata, deletion.
pub(super) fn pushes(world: &World, operator: &Operator, provider: &Provider<'_>) {
    let key = |name: &str| format!("{}{name}", provider.prefix);
    let to = |spec: Value| {
        let mut full = json!({"secretStoreRefs": [{"name": "there"}], "deletionPolicy": "Delete"});
        full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        full
    };
    // Whole values are JSON objects here: some backends hold nothing else.
    secret(world, "source", &json!({}), &json!({"whole": "{\"a\":\"1\"}", "one": "1", "two": "2"}));
    let data = json!([entry("whole", &key("whole")), entry("one", &format!("{}#one", key("parts")))]);
    push(world, "suite", &to(json!({"data": data})));
    synced(world, "suite");
    wait_has(world, provider, &key("whole"), Some(&json!({"a": "1"})));
    wait_has(world, provider, &key("parts"), Some(&json!({"one": "1"})));
    let [created, updated, ..] = counts(operator);
    assert_eq!((created, updated), (2, 0));

    // A comparison writes nothing.
    world.kubectl(&["-n", &world.name, "annotate", "pushsecret", "suite", "force-sync=1"]);
    world.wait("a comparison", || match counts(operator) {
        [2, 0, 2, 0, 0] => Ok(()),
        other => Err(format!("{other:?}")),
    });

    // An update of one of them; a property beside the first.
    secret(world, "source", &json!({}), &json!({"whole": "{\"a\":\"2\"}", "one": "1", "two": "2"}));
    wait_has(world, provider, &key("whole"), Some(&json!({"a": "2"})));
    push(world, "more", &to(json!({"data": [entry("two", &format!("{}#two", key("parts")))]})));
    synced(world, "more");
    wait_has(world, provider, &key("parts"), Some(&json!({"one": "1", "two": "2"})));

    // What is there stays, with IfNotExists.
    push(
        world,
        "wary",
        &to(json!({"updatePolicy": "IfNotExists", "deletionPolicy": "None",
        "data": [entry("one", &format!("{}#two", key("parts"))), entry("whole", &key("careful"))]})),
    );
    let message = world.wait_reason("pushsecret", "wary", "Errored");
    assert!(message.contains("is written by PushSecret"), "{message}");
    wait_has(world, provider, &key("careful"), Some(&json!({"a": "2"})));
    // It waits for the place, and would take it.
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "wary"]);

    if let Some(put) = provider.put_unmanaged {
        put(&key("foreign"));
        let before = (provider.read)(&key("foreign"));
        push(world, "thief", &to(json!({"data": [entry("whole", &key("foreign"))]})));
        let message = world.wait_reason("pushsecret", "thief", "Errored");
        assert!(message.contains("was refused"), "{message}");
        assert_eq!((provider.read)(&key("foreign")), before);
        world.kubectl(&["-n", &world.name, "delete", "pushsecret", "thief"]);
    }
    if let Some(Attached { metadata, shows }) = &provider.metadata {
        let mut with = entry("whole", &key("marked"));
        with["metadata"] = metadata.clone();
        push(world, "marked", &to(json!({"data": [with]})));
        synced(world, "marked");
        assert!(shows(&key("marked")));
    }

    // With one its property goes, with the other the key.
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "suite"]);
    wait_has(world, provider, &key("whole"), None);
    wait_has(world, provider, &key("parts"), Some(&json!({"two": "2"})));
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "more"]);
    wait_has(world, provider, &key("parts"), None);
}

/// The fake provider, which is read back by an ExternalSecret: nobody else can see what it was given.
#[test]
fn fake() {
    let world = world!("push-suite-fake");
    super::store(
        &world,
        "there",
        &json!({}),
        &json!({"fake": {"data": [{"key": "x-foreign", "value": "{}"}]}}),
    );
    let operator = Operator::start(&world);
    let read = |key: &str| {
        let name = format!("read-{}", key.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let es = json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": world.name},
            "spec": {"refreshInterval": "1s", "secretStoreRef": {"name": "there"},
                "target": {"deletionPolicy": "Delete"},
                "data": [{"secretKey": "v", "remoteRef": {"key": key}}]}});
        if world.get("externalsecret", &name).is_none() {
            world.apply(&es.to_string());
            world.wait("the first read", || world.ready("externalsecret", &name).ok_or(String::new()));
        }
        world.data(&name).and_then(|mut data| data.remove("v"))
    };
    let provider = Provider { read: &read, put_unmanaged: Some(&|_| {}), metadata: None, prefix: "x-" };
    pushes(&world, &operator, &provider);
}

/// The store `there`: a mount that its login may write to, at that address.
pub(super) fn vault_store(mount: &Mount<'_>, server: &str) {
    let world = mount.world;
    let policy = format!(
        "path \"{p}/data/*\" {{ capabilities = [\"create\", \"update\", \"read\"] }}\n\
         path \"{p}/metadata/*\" {{ capabilities = [\"create\", \"update\", \"read\", \"list\", \"delete\"] }}",
        p = mount.path
    );
    mount.api("PUT", &format!("sys/policies/acl/{}", mount.path), json!({"policy": policy}));
    let (login, role, id) = mount.app_role("10m");
    secret(world, "approle", &json!({}), &json!({"id": id}));
    super::store(
        world,
        "there",
        &json!({}),
        &json!({"vault": {"server": server, "path": mount.path, "auth": {"appRole": {
            "path": login, "roleId": role, "secretRef": {"name": "approle", "key": "id"}}}}}),
    );
}

/// KV version 2 of OpenBao, read with the root token.
#[test]
fn vault() {
    let world = world!("push-suite-vault");
    let mount = Mount::kv2(&world);
    vault_store(&mount, world.env.bao.address());
    let operator = Operator::start(&world);
    let data = |key: &str| {
        let (status, answer) =
            world.env.bao.api("GET", &format!("{}/data/{key}", mount.path), &Value::Null).unwrap();
        (status == 200).then(|| answer["data"]["data"].to_string().into_bytes())
    };
    let versions = |key: &str| {
        let (_, answer) =
            world.env.bao.api("GET", &format!("{}/metadata/{key}", mount.path), &Value::Null).unwrap();
        answer["data"]["custom_metadata"].clone()
    };
    let metadata = json!({"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata",
        "spec": {"customMetadata": {"team": "platform"}}});
    let provider = Provider {
        read: &data,
        put_unmanaged: Some(&|key| mount.put(key, json!({"a": "theirs"}))),
        metadata: Some(Attached { metadata, shows: &|key| versions(key)["team"] == "platform" }),
        prefix: "apps/",
    };
    pushes(&world, &operator, &provider);
    // The mark is ESO's.
    secret(&world, "source", &json!({}), &json!({"whole": "{\"a\":\"1\"}"}));
    let spec = json!({"secretStoreRefs": [{"name": "there"}], "data": [entry("whole", "apps/mark")]});
    push(&world, "mark", &spec);
    synced(&world, "mark");
    assert_eq!(versions("apps/mark"), json!({"managed-by": "external-secrets"}));
}
