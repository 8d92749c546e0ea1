//! What a case expects against what the cluster has: every difference as a line that says which.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::case::{Case, Expect, Secret, Texts};
use super::marks;

/// What a namespace holds, by kind and name.
pub(super) struct Snapshot {
    objects: BTreeMap<(String, String), Value>,
    events: Vec<Value>,
}

impl Snapshot {
    /// Of a `kubectl get -o json` of several kinds.
    pub(super) fn of(list: Value) -> Self {
        let mut snapshot = Self { objects: BTreeMap::new(), events: Vec::new() };
        let Value::Array(items) = list["items"].clone() else { panic!("no list: {list}") };
        for item in items {
            let text =
                |pointer: &str| item.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            match text("/kind").as_str() {
                "Event" => snapshot.events.push(item),
                kind => {
                    snapshot.objects.insert((kind.to_owned(), text("/metadata/name")), item);
                }
            }
        }
        snapshot
    }

    fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind.to_owned(), name.to_owned()))
    }
}

/// Everything in which the cluster differs from what the case expects after so many steps.
pub(super) fn differences(case: &Case, steps: usize, namespace: &str, found: &Snapshot) -> Vec<String> {
    let expect = case.expected(steps);
    let es = found.get("ExternalSecret", &case.name);
    if expect.rejected.is_some() {
        return es.iter().map(|_| "the ExternalSecret was taken by the API server".to_owned()).collect();
    }
    let Some(es) = es else { return vec!["the ExternalSecret is not there".to_owned()] };
    let mut differences = Differences { lines: Vec::new() };
    differences.condition(expect, es);
    for (pointer, wanted) in &expect.stored {
        let stored = es["spec"].pointer(pointer).unwrap_or(&Value::Null);
        differences.same(&format!("spec{pointer}"), wanted, stored);
    }
    let target = case.target(steps);
    let policy = Value::Object(case.spec(steps)).pointer("/target/creationPolicy").cloned();
    let owner_policy = policy.is_none_or(|policy| policy == "Owner");
    for secret in expect.secret.iter().chain(&expect.also) {
        let name = secret.name.as_ref().unwrap_or(&target);
        match found.get("Secret", name) {
            Some(object) => differences.secret(name, secret, object, &Owner { namespace, es, owner_policy }),
            None => differences.lines.push(format!("Secret {name} is not there")),
        }
    }
    let named = |name: &String| {
        expect.secret.iter().chain(&expect.also).any(|secret| secret.name.as_ref() == Some(name))
    };
    let none = (expect.secret.is_none() && !named(&target)).then_some(&target);
    for name in expect.absent.iter().chain(none) {
        if found.get("Secret", name).is_some() {
            differences.lines.push(format!("Secret {name} is there, and must not be"));
        }
    }
    if let Some(secret) = expect.secret.as_ref().filter(|secret| secret.marked && expect.fails.is_none()) {
        let name = secret.name.as_ref().unwrap_or(&target);
        differences.same(
            "status.binding.name",
            &Value::from(name.as_str()),
            &es["status"]["binding"]["name"],
        );
    }
    for (type_, reason, message) in &expect.events {
        let about = |event: &&Value| event["involvedObject"]["name"] == case.name.as_str();
        let seen = |event: &Value| {
            event["type"] == type_.as_str()
                && event["reason"] == reason.as_str()
                && event["message"].as_str().is_some_and(|text| text.contains(message.as_str()))
        };
        if !found.events.iter().filter(about).any(seen) {
            differences.lines.push(format!("no event {type_} {reason} {message:?}"));
        }
    }
    differences.lines
}

/// Whose Secret it may be.
struct Owner<'a> {
    namespace: &'a str,
    es: &'a Value,
    owner_policy: bool,
}

struct Differences {
    lines: Vec<String>,
}

impl Differences {
    fn same(&mut self, what: &str, wanted: &Value, found: &Value) {
        if wanted != found {
            self.lines.push(format!("{what}: expected {wanted}, found {found}"));
        }
    }

    fn condition(&mut self, expect: &Expect, es: &Value) {
        let conditions = es["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready =
            conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
        let text = |field: &str| ready[field].as_str().unwrap_or_default();
        if let Some(fails) = &expect.fails {
            self.same("Ready", &Value::from("False"), &ready["status"]);
            self.same("reason", &Value::from(fails.reason.as_str()), &ready["reason"]);
            let message = text("message");
            if !message.starts_with(&fails.eso) {
                self.lines
                    .push(format!("message: expected to begin with {:?}, found {message:?}", fails.eso));
            }
            for part in fails.says.iter().filter(|part| !message.contains(part.as_str())) {
                self.lines.push(format!("message: {part:?} is not in {message:?}"));
            }
            return;
        }
        let wanted = expect.ready.clone();
        let (reason, message) =
            wanted.unwrap_or_else(|| ("SecretSynced".to_owned(), "secret synced".to_owned()));
        self.same("Ready", &Value::from("True"), &ready["status"]);
        self.same("reason", &Value::from(reason), &ready["reason"]);
        self.same("message", &Value::from(message), &ready["message"]);
        let metadata = &es["metadata"];
        let generation = metadata["generation"].as_i64().unwrap_or_default();
        let version =
            marks::version(generation, &texts(&metadata["labels"]), &texts(&metadata["annotations"]));
        let synced = es["status"]["syncedResourceVersion"].as_str().unwrap_or_default();
        if !expect.ignored && synced != version {
            self.lines.push(format!("status.syncedResourceVersion: expected {version}, found {synced}"));
        }
    }

    fn secret(&mut self, name: &str, wanted: &Secret, found: &Value, owner: &Owner<'_>) {
        let place = |part: &str| format!("Secret {name}: {part}");
        let metadata = &found["metadata"];
        let data = bytes(&found["data"]);
        let wanted_data: BTreeMap<_, _> =
            wanted.data.iter().map(|(key, value)| (key.clone(), value.get())).collect();
        self.maps(&place("data"), &wanted_data, &data, |value| match std::str::from_utf8(value) {
            Ok(text) => format!("{text:?}"),
            Err(_) => format!("base64 {}", STANDARD.encode(value)),
        });
        let own_name = owner.es["metadata"]["name"].as_str().unwrap_or_default();
        let owned = wanted.owned.unwrap_or(owner.owner_policy && wanted.marked);
        let (mut labels, mut annotations) = (wanted.labels.clone(), wanted.annotations.clone());
        if wanted.marked {
            labels.insert("reconcile.external-secrets.io/managed".to_owned(), "true".to_owned());
            if owner.owner_policy {
                let hash = marks::created_by(owner.namespace, own_name);
                labels.insert("reconcile.external-secrets.io/created-by".to_owned(), hash);
            }
        }
        if wanted.marked && wanted.hashed {
            annotations.insert("reconcile.external-secrets.io/data-hash".to_owned(), marks::data_hash(&data));
        }
        let quoted = |value: &String| format!("{value:?}");
        self.maps(&place("labels"), &labels, &texts(&metadata["labels"]), quoted);
        // What a generator made is recorded, and no two records are the same.
        let mut found_annotations = texts(&metadata["annotations"]);
        let all = found_annotations.len();
        found_annotations.retain(|name, _| !name.starts_with("lease.claviger.io/"));
        let entries = owner.es["spec"]["dataFrom"].as_array().into_iter().flatten();
        let generated = entries.filter(|entry| !entry["sourceRef"]["generatorRef"].is_null()).count();
        let records = Value::from(usize::from(generated > 0 && wanted.marked));
        self.same(&place("records"), &records, &Value::from(all - found_annotations.len()));
        self.maps(&place("annotations"), &annotations, &found_annotations, quoted);
        self.same(&place("type"), &Value::from(wanted.type_.as_str()), &found["type"]);
        self.same(
            &place("immutable"),
            &Value::from(wanted.immutable),
            &Value::from(found["immutable"] == true),
        );
        let finalizers = metadata["finalizers"].as_array().cloned().unwrap_or_default();
        self.same(&place("finalizers"), &Value::from(wanted.finalizers.clone()), &Value::from(finalizers));
        let references = metadata["ownerReferences"].as_array().cloned().unwrap_or_default();
        let ours = references.iter().filter(|reference| reference["uid"] == owner.es["metadata"]["uid"]);
        let controls = ours.clone().any(|reference| {
            reference["controller"] == true
                && reference["kind"] == "ExternalSecret"
                && reference["apiVersion"] == "external-secrets.io/v1"
                && reference["name"] == own_name
        });
        self.same(&place("controlled by the ExternalSecret"), &Value::from(owned), &Value::from(controls));
        if wanted.marked {
            let manager = marks::field_manager(own_name);
            let managers = metadata["managedFields"].as_array().cloned().unwrap_or_default();
            if !managers.iter().any(|entry| entry["manager"] == manager.as_str()) {
                self.lines.push(place(&format!("no field manager {manager}")));
            }
        }
    }

    fn maps<V: PartialEq>(
        &mut self,
        what: &str,
        wanted: &BTreeMap<String, V>,
        found: &BTreeMap<String, V>,
        show: impl Fn(&V) -> String,
    ) {
        for (key, value) in wanted {
            match found.get(key) {
                None => self.lines.push(format!("{what} {key}: expected {}, not there", show(value))),
                Some(other) if other != value => {
                    self.lines.push(format!("{what} {key}: expected {}, found {}", show(value), show(other)));
                }
                Some(_) => {}
            }
        }
        for (key, value) in found.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
            self.lines.push(format!("{what} {key}: not expected, found {}", show(value)));
        }
    }
}

fn texts(map: &Value) -> Texts {
    let pairs = map.as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn bytes(data: &Value) -> BTreeMap<String, Vec<u8>> {
    texts(data).into_iter().map(|(key, value)| (key, STANDARD.decode(value).unwrap())).collect()
}
