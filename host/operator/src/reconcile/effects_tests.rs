//! Against a simulated API server: what is counted and told of a write that was too late, or was broken off.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use claviger_core::plan::{ApplySecret, Force};
use claviger_core::secret::SecretBytes;
use claviger_core::template::Rendered;
use claviger_crds::external_secret::ManifestRef;
use futures::FutureExt as _;
use serde_json::{Value, json};

use super::*;
use crate::audit::AuditLog;
use crate::config::Audit;
use crate::reconcile::refresh::controller_of;
use crate::reconcile::sim::Api;

/// Where lines go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `act` leaves in the audit log (operation, uid, result), with the writes that are counted.
async fn told(api: &Api, act: impl AsyncFnOnce(&Context)) -> (Vec<[String; 3]>, bool) {
    let mut context = Arc::into_inner(api.context()).unwrap();
    let lines = Lines::default();
    let (log, writer) = AuditLog::start(Audit { access: false, sync: true }, lines.clone());
    context.audit = log;
    act(&context).await;
    let counted = !context.metrics.encode().unwrap().contains("claviger_secret_writes_total 0\n");
    drop((context, writer));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let said = |line: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        [text(&line["operation"]), text(&line["target"]["uid"]), text(&line["result"])]
    };
    (text.lines().map(|line| said(&serde_json::from_str(line).unwrap())).collect(), counted)
}

fn who() -> Who<'static> {
    let object = ObjectName { kind: "ExternalSecret".into(), namespace: "ns", name: "es" };
    Who { object, uid: "u" }
}

fn delete(uid: &str) -> Vec<Effect> {
    let (uid, resource_version) = (uid.to_owned(), "1".to_owned());
    vec![Effect::Delete { name: "s".to_owned(), uid, resource_version }]
}

fn line(operation: &str, uid: &str, result: &str) -> [String; 3] {
    [operation, uid, result].map(ToOwned::to_owned)
}

#[tokio::test]
async fn a_deletion_that_is_too_late_is_none() {
    for (uid, done, result) in [("first", true, "ok"), ("another", false, "conflict")] {
        let api = Api::default();
        api.put("/api/v1/namespaces/ns/secrets/s", json!({"metadata": {"uid": "first"}}));
        let found = told(&api, async |context: &Context| {
            let deleted = on_secrets(context, &who(), "ns", &delete(uid), None).await.unwrap();
            assert_eq!(deleted, done, "{uid}");
        })
        .await;
        assert_eq!(found, (vec![line("delete", uid, result)], done));
    }
}

fn config_map() -> (ManifestRef, Value) {
    let manifest = ManifestRef { api_version: "v1".to_owned(), kind: "ConfigMap".to_owned() };
    let kind = json!({"name": "configmaps", "singularName": "configmap", "namespaced": true, "kind": "ConfigMap", "verbs": []});
    (manifest, json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [kind]}))
}

#[tokio::test]
async fn the_same_of_a_target_that_is_no_secret() {
    let (manifest, kinds) = config_map();
    for (uid, done, result) in [("first", true, "ok"), ("another", false, "conflict")] {
        let api = Api::default();
        api.put("/api/v1", kinds.clone());
        api.put("/api/v1/namespaces/ns/configmaps/s", json!({"metadata": {"uid": "first"}}));
        let found = told(&api, async |context: &Context| {
            let objects = Objects::of(&context.client, &manifest, "ns").await.unwrap();
            let effect = generic::Effect::Delete { uid: uid.to_owned(), resource_version: "1".to_owned() };
            let object = ObjectName { kind: "ConfigMap".into(), namespace: "ns", name: "s" };
            let deleted = on_object(context, &who(), &objects, object, &effect).await.unwrap();
            assert_eq!(deleted, done, "{uid}");
        })
        .await;
        assert_eq!(found, (vec![line("delete", uid, result)], done));
    }
}

/// Somebody makes it between the look and the write, with a value of their own.
#[tokio::test]
async fn a_target_that_was_not_there_is_not_taken_from_who_made_it_meanwhile() {
    const PATH: &str = "/api/v1/namespaces/ns/configmaps/s";
    let (manifest, kinds) = config_map();
    for policy in ["Orphan", "CreateOrMerge"] {
        let api = Api::default();
        api.put("/api/v1", kinds.clone());
        let context = api.context();
        let objects = Objects::of(&context.client, &manifest, "ns").await.unwrap();
        let spec = json!({"target": {"name": "s", "creationPolicy": policy, "manifest": manifest}});
        let spec = serde_json::from_value(spec).unwrap();
        let owner = controller_of(&Name::new("ns", "es"), "u");
        let data = BTreeMap::from([("a".to_owned(), Arc::new(SecretBytes::copied_from(b"ours")))]);
        let wanted = Rendered { data, ..Rendered::default() };
        let look_and_write = async |meanwhile: &dyn Fn()| {
            let found = objects.get("s").await.unwrap();
            let planned = generic::plan(&generic::Input {
                owner: &owner,
                namespace: "ns",
                spec: &spec,
                manifest: &manifest,
                found: found.as_ref(),
                wanted: Some(&wanted),
            });
            meanwhile();
            let object = ObjectName { kind: "ConfigMap".into(), namespace: "ns", name: "s" };
            let effect = planned.unwrap().effect.unwrap();
            on_object(&context, &who(), &objects, object, &effect).await.unwrap()
        };
        let value = || api.get(PATH).unwrap()["data"]["a"].clone();
        let theirs = || {
            let metadata =
                json!({"name": "s", "managedFields": [{"manager": "kubectl", "operation": "Apply"}]});
            api.put(PATH, json!({"metadata": metadata, "data": {"a": "theirs"}}));
        };
        assert!(!look_and_write(&theirs).await, "{policy}: it is looked at again");
        assert_eq!(value(), json!("theirs"), "{policy}");
        assert!(look_and_write(&|| ()).await, "{policy}: then as it says");
        assert_eq!(value(), json!("ours"), "{policy}");
    }
}

/// As a reconcile ends that has lost the right to act: nobody waits for the answer.
#[tokio::test]
async fn a_write_that_is_broken_off_has_a_line() {
    let apply = || {
        vec![Effect::Apply(Box::new(ApplySecret {
            name: "s".to_owned(),
            precondition: None,
            force: Force::Always,
            manager: "m".to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            finalizers: Vec::new(),
            owner: None,
            data: BTreeMap::new(),
            type_: None,
            immutable: None,
            migrate_update_entry: false,
        }))]
    };
    for (effects, expected) in [
        (apply(), line("apply", "", "interrupted")),
        (delete("first"), line("delete", "first", "interrupted")),
    ] {
        let found = told(&Api::default(), async |context: &Context| {
            let who = who();
            let ended = on_secrets(context, &who, "ns", &effects, None).now_or_never();
            assert!(ended.is_none(), "it waits for the API server");
        })
        .await;
        assert_eq!(found, (vec![expected], false));
    }
    let whole = told(&Api::default(), async |context: &Context| {
        assert!(on_secrets(context, &who(), "ns", &apply(), None).await.unwrap());
    })
    .await;
    assert_eq!(whole.0.len(), 1, "one line for one write");
    assert_eq!((whole.0[0][0].as_str(), whole.0[0][2].as_str(), whole.1), ("apply", "ok", true));
}
