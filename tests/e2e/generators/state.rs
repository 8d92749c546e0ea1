//! What a generator leaves behind, and a kind that only a plugin of one's own has: a server counts what was made and what
//! was taken back.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{data, es, from, generator, store, text, wait_other};
use crate::support::{Operator, World, component, pack, world};

/// What was made: ids in order, and what each was asked with; what of it lives.
#[derive(Default)]
struct Made {
    ids: Vec<String>,
    previous: Vec<Value>,
    alive: BTreeSet<String>,
    /// Whether nothing is taken back now.
    stuck: bool,
}

/// A backend of the test's own.
struct Backend {
    address: String,
    made: Arc<Mutex<Made>>,
}

impl Backend {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let made = Arc::<Mutex<Made>>::default();
        let own = made.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(stream, &own);
            }
        });
        Self { address, made }
    }

    fn alive(&self) -> BTreeSet<String> {
        self.made.lock().unwrap().alive.clone()
    }

    fn ids(&self) -> Vec<String> {
        self.made.lock().unwrap().ids.clone()
    }

    fn stick(&self, stuck: bool) {
        self.made.lock().unwrap().stuck = stuck;
    }
}

fn serve(stream: TcpStream, made: &Mutex<Made>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut length, mut header) = (0, String::new());
    while reader.read_line(&mut header)? > 2 {
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        header.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, answer) = answer(&line, &body, &mut made.lock().unwrap());
    let text = answer.to_string();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    (&stream).write_all(format!("{head}{text}").as_bytes())
}

fn answer(line: &str, body: &[u8], made: &mut Made) -> (u16, Value) {
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "POST" {
        let asked: Value = serde_json::from_slice(body).unwrap();
        let id = format!("credential-{}", made.ids.len());
        made.previous.push(asked["previous"].clone());
        made.ids.push(id.clone());
        made.alive.insert(id.clone());
        return (200, json!({"id": id, "password": format!("password-of-{id}")}));
    }
    let id = path.trim_start_matches("/credentials/");
    match (made.stuck, made.alive.contains(id)) {
        (true, _) => (503, json!({})),
        (false, true) => {
            made.alive.remove(id);
            (200, json!({}))
        }
        (false, false) => (404, json!({})),
    }
}

/// The plugin, the definition of its kind, and the right to read it: what its author tells who installs it.
fn install(world: &World) {
    let ns = &world.name;
    world.apply(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
         metadata: {name: testcredentials.generators.external-secrets.io}\n\
         spec:\n  group: generators.external-secrets.io\n  scope: Namespaced\n  \
         names: {kind: TestCredential, plural: testcredentials, singular: testcredential, listKind: TestCredentialList}\n  \
         versions:\n  - name: v1alpha1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        \
         type: object\n        properties: {spec: {type: object, properties: {server: {type: string}}}}\n",
    );
    world.wait_established();
    world.apply_json(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": format!("{ns}-kinds")},
        "rules": [{
            "apiGroups": ["generators.external-secrets.io"], "resources": ["testcredentials"], "verbs": ["get"],
        }],
    }));
    world.apply_json(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{ns}-kinds")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": format!("{ns}-kinds")},
        "subjects": [{"kind": "ServiceAccount", "name": format!("operator-{ns}"), "namespace": ns}],
    }));
    for mut object in pack(world, &component(world, "credentials"), &format!("{ns}-plugin"), &[]) {
        if object["kind"] == "Plugin" {
            object["spec"]["grants"]["loopback"] = json!(true);
        }
        world.apply_json(&object);
    }
}

/// The GeneratorStates of the test: name, id, and whether it is flagged.
fn states(world: &World) -> Vec<(String, String, bool)> {
    let output = world.try_kubectl(&["-n", &world.name, "get", "generatorstates", "-o", "json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let one = |item: &Value| {
        let text = |at: &str| item.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flagged = item["spec"]["garbageCollectionDeadline"].is_string();
        (text("/metadata/name"), text("/spec/state/id"), flagged)
    };
    items.iter().map(one).collect()
}

/// Lets what is flagged be due: a test does not wait for the grace.
fn overdue(world: &World) {
    let patch = json!({"spec": {"garbageCollectionDeadline": "2020-01-01T00:00:00Z"}}).to_string();
    for (name, ..) in states(world).into_iter().filter(|(.., flagged)| *flagged) {
        world.kubectl(&["-n", &world.name, "patch", "generatorstate", &name, "--type=merge", "-p", &patch]);
    }
}

fn wait_alive(world: &World, backend: &Backend, what: &str, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
    world.wait(what, || match backend.alive() {
        alive if alive == expected => Ok(()),
        alive => Err(format!("{alive:?}")),
    });
}

#[test]
fn what_a_generator_leaves_behind_is_taken_back() {
    let world = world!("generators-state");
    let ns = &world.name;
    let backend = Backend::start();
    store(&world);
    install(&world);
    generator(&world, "TestCredential", "own", &json!({"server": backend.address}));
    let mut operator = Operator::start(&world);
    es(&world, "made", &[from("TestCredential", "own")], &json!({}));
    world.wait_ready("externalsecret", "made");
    assert_eq!(text(&data(&world, "made"), "id"), "credential-0");

    // The record is ESO's: the generator as it was, the state, its owner, a finalizer.
    let all = states(&world);
    assert_eq!(all.len(), 1, "{all:?}");
    let object = world.get("generatorstate", &all[0].0).unwrap();
    assert_eq!(object["spec"]["state"], json!({"id": "credential-0"}));
    assert_eq!(object["spec"]["resource"]["kind"], "TestCredential");
    assert_eq!(object["spec"]["resource"]["spec"], json!({"server": backend.address}));
    assert_eq!(object["metadata"]["finalizers"], json!(["generatorstate.externalsecrets.io/finalizer"]));
    let owner = &object["metadata"]["ownerReferences"][0];
    assert_eq!((owner["kind"].as_str(), owner["name"].as_str()), (Some("ExternalSecret"), Some("made")));

    // The next is told of it, and what was replaced waits for its time.
    world.kubectl(&["-n", ns, "annotate", "externalsecret", "made", "force-sync=1", "--overwrite"]);
    wait_other(&world, "made", "id", "credential-0");
    assert_eq!(backend.made.lock().unwrap().previous, [Value::Null, json!({"id": "credential-0"})]);
    world.wait("the first to be flagged", || match states(&world) {
        all if all.iter().any(|(_, id, flagged)| *flagged && id == "credential-0") => Ok(()),
        all => Err(format!("{all:?}")),
    });
    assert_eq!(backend.alive().len(), 2, "whoever has read the first one goes on");
    let flagged = states(&world).into_iter().filter(|(.., flagged)| *flagged).count();
    assert_eq!(flagged, 1, "and not what is in use");

    // Taking back is tried again, and says why it has not been yet.
    backend.stick(true);
    overdue(&world);
    world.wait("it to say why", || {
        let name = states(&world).into_iter().find(|(_, id, _)| id == "credential-0").unwrap().0;
        let object = world.get("generatorstate", &name).unwrap();
        let said = object["status"]["conditions"][0]["message"].as_str().unwrap_or_default().to_owned();
        if said.contains("HTTP 503") { Ok(()) } else { Err(object["status"].to_string()) }
    });
    backend.stick(false);
    wait_alive(&world, &backend, "the first to be taken back", &["credential-1"]);
    world.wait("its record to go", || match states(&world) {
        all if all.len() == 1 => Ok(()),
        all => Err(format!("{all:?}")),
    });

    // A restart makes nothing, and forgets nothing.
    operator.stop();
    operator.restart();
    let made = backend.ids().len();
    es(&world, "second", &[from("TestCredential", "own")], &json!({}));
    world.wait_ready("externalsecret", "second");
    assert_eq!(backend.ids().len(), made + 1);
    assert_eq!(text(&data(&world, "made"), "id"), "credential-1");

    // The ExternalSecret goes, and with it what was made for it alone.
    world.kubectl(&["-n", ns, "delete", "externalsecret", "made"]);
    wait_alive(&world, &backend, "what was made for it to be taken back", &["credential-2"]);
    // An entry that is gone leaves nothing behind.
    generator(&world, "Fake", "values", &json!({"data": {"a": "1"}}));
    es(&world, "second", &[from("Fake", "values")], &json!({}));
    world.wait("its record to be flagged", || match states(&world) {
        all if all.iter().all(|(.., flagged)| *flagged) => Ok(()),
        all => Err(format!("{all:?}")),
    });
    overdue(&world);
    wait_alive(&world, &backend, "it to be taken back", &[]);
}

#[test]
fn what_is_not_written_is_taken_back() {
    let world = world!("generators-unwritten");
    let ns = &world.name;
    let backend = Backend::start();
    store(&world);
    install(&world);
    generator(&world, "TestCredential", "own", &json!({"server": backend.address}));
    let operator = Operator::start(&world);
    es(&world, "nowhere", &[from("TestCredential", "own")], &json!({"target": {"creationPolicy": "None"}}));
    let message = world.wait_reason("externalsecret", "nowhere", "ValueNotUsable");
    assert!(message.contains("need a Secret that they are recorded in"), "{message}");
    assert_eq!(backend.ids(), Vec::<String>::new(), "nothing is made for nobody");

    // The API server takes no label like that: what was made is kept for the next try, and not made again.
    let labels = json!({"target": {"template": {"metadata": {"labels": {"not a label": "x"}}, "mergePolicy": "Merge"}}});
    es(&world, "refused", &[from("TestCredential", "own")], &labels);
    world.wait("a write to be refused", || match world.ready("externalsecret", "refused") {
        Some((status, ..)) if status == "False" && !backend.ids().is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    });
    world.kubectl(&["-n", ns, "annotate", "externalsecret", "refused", "force-sync=1", "--overwrite"]);
    // With the generator as it is now it is made anew: what was made before will not be written.
    generator(&world, "TestCredential", "own", &json!({"server": format!("{}/", backend.address)}));
    let plain = json!({"target": {"template": {"mergePolicy": "Merge"}}});
    generator(&world, "TestCredential", "own", &json!({"server": backend.address}));
    es(&world, "refused", &[from("TestCredential", "own")], &plain);
    world.wait_ready("externalsecret", "refused");
    let used = text(&data(&world, "refused"), "id");
    overdue(&world);
    wait_alive(&world, &backend, "what was not written to be taken back", &[&used]);
    assert!(operator.runs());
}

/// A record is somebody's word: what it says of a generator is believed no further than a generator that is there.
#[test]
fn a_record_is_no_way_to_a_generator_of_another_class() {
    let world = world!("generators-forged");
    let ns = &world.name;
    let backend = Backend::start();
    install(&world);
    let operator = Operator::start(&world);
    backend.made.lock().unwrap().alive.insert("theirs".to_owned());
    let forged = |name: &str, spec: &Value| {
        world.apply_json(&json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "GeneratorState",
            "metadata": {
                "name": name, "namespace": ns, "annotations": {"claviger.io/controller-class": ns},
                "finalizers": ["generatorstate.externalsecrets.io/finalizer"],
            },
            "spec": {
                "garbageCollectionDeadline": "2020-01-01T00:00:00Z",
                "resource": {
                    "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "TestCredential",
                    "metadata": {"name": "own", "namespace": ns, "uid": "x", "generation": 1},
                    "spec": spec,
                },
                "state": {"id": "theirs"},
            },
        }));
    };
    forged("forged", &json!({"server": backend.address, "controller": "another"}));
    world.wait("it to say why", || {
        let object = world.get("generatorstate", "forged").unwrap();
        let said = &object["status"]["conditions"][0];
        if said["reason"] == "OtherController" { Ok(()) } else { Err(format!("{}", object["status"])) }
    });
    assert_eq!(backend.alive().len(), 1);
    // What is nobody's else is taken back by the same.
    forged("own", &json!({"server": backend.address}));
    wait_alive(&world, &backend, "what is of this class to be taken back", &[]);
    assert!(operator.runs());
    let patch = json!({"metadata": {"finalizers": null}}).to_string();
    world.kubectl(&["-n", ns, "patch", "generatorstate", "forged", "--type=merge", "-p", &patch]);
}
