//! An API server for tests of reconciles: objects by path, versions, preconditions, refusals, and every request noted.
//!
//! It models what the reconciles rely on and nothing else; of field ownership only what others own and an apply leaves, and
//! that data of others is taken by force only.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::sync::Delimiters;

/// Whether a request (method, path) is refused, and with what.
type Refusal = Box<dyn Fn(&str, &str) -> Option<u16> + Send>;

#[derive(Default)]
struct Server {
    objects: BTreeMap<String, Value>,
    version: u64,
    requests: Vec<(String, Value)>,
    refuse: Option<Refusal>,
}

/// It.
#[derive(Clone, Default)]
pub(super) struct Api(Arc<Mutex<Server>>);

impl Api {
    fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().unwrap()
    }

    /// A reconcile's surroundings, with this in place of a cluster.
    pub(super) fn context(&self) -> Arc<Context> {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let kind = parts.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
                let (code, answer) = api.answer(
                    parts.method.as_str(),
                    (parts.uri.path(), parts.uri.query().unwrap_or_default()),
                    kind.as_deref().unwrap_or_default(),
                    body,
                );
                let answer = Body::from(serde_json::to_vec(&answer)?);
                Ok::<_, tower::BoxError>(Response::builder().status(code).body(answer)?)
            }
        });
        let client = Client::new(service, "default");
        let host = claviger_plugins::PluginHost::new(claviger_plugins::HostConfig::default()).unwrap();
        let registry = Arc::new(Registry::new(host, "/nowhere"));
        let metrics = Arc::new(Metrics::default());
        let state = Arc::new(State::new(metrics.clone()));
        state.begin_work();
        Arc::new(Context {
            client: client.clone(),
            config: OperatorConfig::default(),
            state,
            registry: registry.clone(),
            pipeline: Pipeline::new(registry, Delimiters::default()),
            credentials: Arc::new(Credentials::new(client.clone(), Vec::new(), None)),
            events: Events::default(),
            metrics,
            audit: AuditLog::default(),
            namespace_labels: NamespaceLabels::default(),
            leadership: Leadership::always(),
            certificates: None,
            readiness: Readiness::default(),
        })
    }

    /// Puts an object there, as somebody else would.
    pub(super) fn put(&self, path: &str, object: Value) -> Value {
        self.lock().store(path, object)
    }

    /// Takes one away.
    pub(super) fn remove(&self, path: &str) {
        self.lock().objects.remove(path);
    }

    pub(super) fn get(&self, path: &str) -> Option<Value> {
        self.lock().objects.get(path).cloned()
    }

    pub(super) fn refuse(&self, refuse: impl Fn(&str, &str) -> Option<u16> + Send + 'static) {
        self.lock().refuse = Some(Box::new(refuse));
    }

    /// Requests since the last time, without events, and without reads.
    pub(super) fn writes(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .filter(|request| !request.starts_with("GET ") && !request.contains("/events"))
            .collect()
    }

    /// All requests since the last time.
    pub(super) fn requests(&self) -> Vec<String> {
        let all = std::mem::take(&mut self.lock().requests);
        all.into_iter().map(|(request, _)| request).collect()
    }

    /// The body of the last request of that kind.
    pub(super) fn said(&self, request: &str) -> Option<Value> {
        let server = self.lock();
        server.requests.iter().rev().find(|(made, _)| made == request).map(|(_, body)| body.clone())
    }

    fn answer(&self, method: &str, (path, query): (&str, &str), kind: &str, body: Value) -> (u16, Value) {
        let mut server = self.lock();
        let body = match path.strip_suffix("/status") {
            Some(object) if kind.contains("json-patch") => {
                let said = replaced(&body);
                let there = server.objects.get(object).map(|object| &object["metadata"]["uid"]);
                if there.is_some_and(|there| *there != said["metadata"]["uid"]) {
                    return failed(422);
                }
                said
            }
            _ => body,
        };
        server.requests.push((format!("{method} {path}"), body.clone()));
        if let Some(code) = server.refuse.as_ref().and_then(|refuse| refuse(method, path)) {
            return failed(code);
        }
        let known = server.objects.get(path).cloned();
        match (method, known) {
            ("POST", _) => (201, body),
            ("PATCH", _) if path.ends_with("/status") || path.contains("/events/") => (200, body),
            ("GET", Some(object)) => (200, object),
            ("GET" | "DELETE", None) => failed(404),
            ("DELETE", Some(object)) => {
                let wanted = &body["preconditions"]["uid"];
                if !wanted.is_null() && *wanted != object["metadata"]["uid"] {
                    return failed(409);
                }
                server.objects.remove(path);
                (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
            }
            ("PATCH", known) if kind.contains("apply") => {
                let is = known.clone().unwrap_or_default();
                let differs = |field: &str| {
                    let wanted = &body["metadata"][field];
                    !wanted.is_null() && *wanted != is["metadata"][field]
                };
                if differs("uid") || differs("resourceVersion") {
                    return failed(409);
                }
                if let Some(owner) = owner_of_data(&is, &body).filter(|_| !query.contains("force=true")) {
                    let (code, mut status) = failed(409);
                    let cause = json!({"reason": "FieldManagerConflict", "message": format!("conflict with {owner:?}"), "field": ".data"});
                    status["details"] = json!({"causes": [cause]});
                    return (code, status);
                }
                let mut object = known.unwrap_or_else(|| json!({}));
                merge(&mut object, body);
                (200, server.store(path, object))
            }
            ("PATCH", Some(mut object)) => {
                for operation in body.as_array().unwrap() {
                    let at = operation["path"].as_str().unwrap();
                    let (parent, key) = at.rsplit_once('/').unwrap();
                    let key = key.replace("~1", "/").replace("~0", "~");
                    let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                    match operation["op"].as_str().unwrap() {
                        "remove" => drop(parent.remove(&key).expect("what is removed is there")),
                        _ => drop(parent.insert(key, operation["value"].clone())),
                    }
                }
                (200, server.store(path, object))
            }
            (method, _) => panic!("{method} {path} is not modelled"),
        }
    }
}

impl Server {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        self.objects.insert(path.to_owned(), object.clone());
        object
    }
}

/// What a patch of a status tests and puts there, as the object.
fn replaced(patch: &Value) -> Value {
    assert_eq!((&patch[0]["op"], &patch[0]["path"]), (&json!("test"), &json!("/metadata/uid")));
    assert_eq!((&patch[1]["op"], &patch[1]["path"]), (&json!("add"), &json!("/status")));
    json!({"metadata": {"uid": patch[0]["value"]}, "status": patch[1]["value"]})
}

/// The manager of an object's data, where what is applied has other values.
fn owner_of_data(is: &Value, applied: &Value) -> Option<String> {
    let owner = is["metadata"]["managedFields"][0]["manager"].as_str()?;
    let applied = applied["data"].as_object()?;
    let differs = applied.iter().any(|(key, value)| is["data"].get(key).is_some_and(|is| is != value));
    differs.then(|| owner.to_owned())
}

fn failed(code: u16) -> (u16, Value) {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        422 => "Invalid",
        _ => "InternalError",
    };
    let message = format!("refused: {reason}");
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}),
    )
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
