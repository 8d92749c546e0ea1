//! From a former version to this one and back: what the one wrote the other takes over, and no Secret is written for it.
//!
//! The former version is a folder with `bin/claviger` and `plugins/`, as a release unpacks to one, that `CLAVIGER_FORMER`
//! names; `cargo xtask upgrade` builds one of a commit and runs this. Both have the same ServiceAccount, election and cache
//! of compiled plugins, one after the other; the definitions are each time those of who runs. Not here: leases of databases
//! (`leases` has what a successor does with them), values of the chart (Helm's own), and the ways to a Secret that `MANAGED`
//! does not name: Jinja, other kinds of objects, what spreads over namespaces, `find`, `Orphan`, `immutable`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use claviger_testenv::{Mark, RunDir};
use serde_json::{Value, json};

use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// The Secrets that are managed, and how each comes about.
const MANAGED: [&str; 5] = ["plain", "varying", "merged", "generated", "once"];

/// What is read and pushed, one after the other.
const VALUES: [&str; 6] =
    ["value-round-0", "pushed-round-0", "value-round-1", "pushed-round-1", "value-round-2", "pushed-round-2"];

/// What a version has: its definitions, by name.
fn definitions(world: &World) -> BTreeMap<String, String> {
    let output = Command::new(&world.env.claviger).arg("crds").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let named = |text: &str| {
        let name = text.lines().find_map(|line| line.strip_prefix("  name: ")).unwrap();
        (name.to_owned(), format!("{text}\n"))
    };
    text.trim_start_matches("---\n").split("\n---\n").map(named).collect()
}

/// Definitions as a version has them: replaced, so that fields that only the other has are gone, and so are definitions.
fn install(world: &World, other: &World, dir: &RunDir) {
    let (ours, theirs) = (definitions(world), definitions(other));
    let there = world.kubectl(&["get", "crd", "-o", "name"]);
    let is_there = |name: &str| there.lines().any(|line| line.ends_with(&format!("/{name}")));
    for name in theirs.keys().filter(|name| !ours.contains_key(*name) && is_there(name)) {
        world.kubectl(&["delete", "crd", name]);
    }
    let file = dir.path().join("crds.yaml");
    for (verb, old) in [("replace", true), ("create", false)] {
        let some = ours.iter().filter(|(name, _)| is_there(name) == old).map(|(_, text)| text.as_str());
        let some: Vec<&str> = some.collect();
        if !some.is_empty() {
            std::fs::write(&file, some.join("---\n")).unwrap();
            world.kubectl(&[verb, "-f", file.to_str().unwrap()]);
        }
    }
    world.wait_established();
}

fn external_secret(world: &World, name: &str, spec: &Value) {
    let mut full = json!({"refreshInterval": "1h"});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name}, "spec": full,
    });
    world.apply(&object.to_string());
}

/// A store, an ExternalSecret for each way to a Secret, and a PushSecret.
fn objects(world: &World, mount: &Mount<'_>) {
    let (login, role, secret) = mount.app_role("20m");
    let policy = format!(
        "path \"{}/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\"] }}",
        mount.path
    );
    mount.api("PUT", &format!("sys/policies/acl/{}", mount.path), json!({"policy": policy}));
    mount.put("app", json!({"password": "value-round-0"}));
    let plain = |name: &str, data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": world.name}, "stringData": data});
    for object in [
        plain("approle", json!({"id": secret})),
        plain("merged", json!({"theirs": "stays"})),
        plain("source", json!({"k": "pushed-round-0"})),
        json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": "vault", "namespace": world.name},
            "spec": {"controller": world.name, "provider": {"vault": {
                "server": world.env.bao.address(), "path": mount.path,
                "auth": {"appRole": {"path": login, "roleId": role, "secretRef": {"name": "approle", "key": "id"}}},
            }}},
        }),
        json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password",
            "metadata": {"name": "pw", "namespace": world.name}, "spec": {"length": 20},
        }),
    ] {
        world.apply(&object.to_string());
    }
    let store = json!({"name": "vault"});
    let data = json!([{"secretKey": "password", "remoteRef": {"key": "app", "property": "password"}}]);
    external_secret(world, "plain", &json!({"secretStoreRef": store, "data": data}));
    // Another text with each rendering: it is rendered again only if what it is made of is another.
    let template = json!({"data": {"hash": "{{ .password | bcrypt }}"}});
    external_secret(
        world,
        "varying",
        &json!({"secretStoreRef": store, "data": data, "target": {"template": template}}),
    );
    external_secret(
        world,
        "merged",
        &json!({"secretStoreRef": store, "data": data, "target": {"creationPolicy": "Merge"}}),
    );
    external_secret(
        world,
        "once",
        &json!({"secretStoreRef": store, "data": data, "refreshPolicy": "CreatedOnce"}),
    );
    let generator = json!({"generatorRef": {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "pw"}});
    external_secret(world, "generated", &json!({"dataFrom": [{"sourceRef": generator}]}));
    let push = json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": "push", "namespace": world.name},
        "spec": {
            "refreshInterval": "1h", "deletionPolicy": "Delete", "secretStoreRefs": [{"name": "vault"}],
            "selector": {"secret": {"name": "source"}},
            "data": [{"match": {"secretKey": "k", "remoteRef": {"remoteKey": "pushed", "property": "k"}}}],
        },
    });
    world.apply(&push.to_string());
}

/// What is stored of each managed Secret: version and data.
fn stored(world: &World) -> BTreeMap<&'static str, (Value, Value)> {
    let look = |name: &&'static str| {
        let secret = world.get("secret", name).unwrap();
        (*name, (secret["metadata"]["resourceVersion"].clone(), secret["data"].clone()))
    };
    MANAGED.iter().map(look).collect()
}

/// The version that OpenBao has of a key.
fn version(mount: &Mount<'_>, key: &str) -> Option<Value> {
    let path = format!("{}/metadata/{key}", mount.path);
    let (status, answer) = mount.world.env.bao.api("GET", &path, &Value::Null).unwrap();
    (status == 200).then(|| answer["data"]["current_version"].clone())
}

/// How things are when nobody runs.
struct Before {
    stored: BTreeMap<&'static str, (Value, Value)>,
    /// The version of what was pushed.
    pushed: Value,
    /// Where the logs of the API server and of OpenBao end.
    api: Mark,
    bao: Mark,
}

impl Before {
    fn now(world: &World, mount: &Mount<'_>) -> Self {
        Self {
            stored: stored(world),
            pushed: version(mount, "pushed").unwrap(),
            api: world.env.cluster.audit_mark(),
            bao: world.env.bao.audit_mark(),
        }
    }
}

/// How many places it found so, or made so.
fn pushes_that(operator: &Operator, outcome: &str) -> f64 {
    operator.metric(&format!("claviger_pushes_total{{outcome=\"{outcome}\"}}")).unwrap_or(0.0)
}

/// A refresh of the PushSecret that is asked for: it compares, whatever was found in order before.
fn look_at_push(world: &World, mount: &Mount<'_>, operator: &Operator) {
    let (asked, done) = (world.env.bao.audit_mark(), pushes_that(operator, "unchanged"));
    let at = format!("force-sync={}", std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos());
    world.kubectl(&["-n", &world.name, "annotate", "pushsecret", "push", &at, "--overwrite"]);
    world.wait("what was pushed to be compared", || {
        let entries = world.env.bao.audit_entries(asked).map_err(|error| error.to_string())?;
        let read = entries.iter().any(|entry| entry.path == format!("{}/data/pushed", mount.path));
        if read && pushes_that(operator, "unchanged") > done { Ok(()) } else { Err(operator.log()) }
    });
}

/// What anybody wrote to the place that is pushed to, since then.
fn pushes(mount: &Mount<'_>, since: Mark) -> Vec<String> {
    let entries = mount.world.env.bao.audit_entries(since).unwrap().into_iter();
    let of_place = entries.filter(|entry| {
        let below = entry.path.strip_prefix(&format!("{}/", mount.path));
        below.and_then(|path| path.split('/').nth(1)) == Some("pushed")
    });
    let writes = of_place.filter(|entry| !["read", "list"].contains(&&*entry.operation));
    writes.map(|entry| format!("{} {} {}", entry.kind, entry.operation, entry.path)).collect()
}

/// Everything is in order, as `operator` sees it, and nothing was written of what `stays` since `before`; then it works on.
fn taken_over(
    world: &World,
    mount: &Mount<'_>,
    operator: &Operator,
    before: &Before,
    round: u32,
    stays: impl Fn(&str) -> bool,
) {
    let Before { stored: before, pushed, api, bao } = before;
    let again: Vec<&str> = before.keys().filter(|name| !stays(name)).copied().collect();
    world.wait("it to lead", || if operator.leads() { Ok(()) } else { Err(operator.log()) });
    // A refresh that is asked for reads and compares everything; what is generated would be made again.
    for name in ["plain", "varying", "merged"] {
        let series =
            format!("externalsecret_sync_calls_total{{name=\"{name}\",namespace=\"{}\"}}", world.name);
        let (asked, done) = (world.env.bao.audit_mark(), operator.metric(&series).unwrap_or(0.0));
        world.sync_now(name);
        world.wait(&format!("{name} to be read again"), || {
            let entries = world.env.bao.audit_entries(asked).map_err(|error| error.to_string())?;
            let read = entries.iter().any(|entry| entry.path == format!("{}/data/app", mount.path));
            let ended = operator.metric(&series).is_some_and(|count| count > done);
            if read && ended { Ok(()) } else { Err(operator.log()) }
        });
        world.wait_ready("externalsecret", name);
    }
    look_at_push(world, mount, operator);
    let witness = format!("witness-{round}");
    external_secret(
        world,
        &witness,
        &json!({
            "secretStoreRef": {"name": "vault"},
            "data": [{"secretKey": "password", "remoteRef": {"key": "app", "property": "password"}}],
        }),
    );
    world.wait_ready("externalsecret", &witness);
    for name in MANAGED {
        world.wait_ready("externalsecret", name);
    }
    world.wait_ready("pushsecret", "push");
    let mut now = stored(world);
    let mut then = before.clone();
    for name in &again {
        now.remove(name);
        then.remove(name);
    }
    assert_eq!(now, then, "round {round}");
    let writes: Vec<String> = world
        .env
        .cluster
        .audit_requests(*api)
        .unwrap()
        .into_iter()
        .filter(|request| {
            request.user == operator.user() && !["get", "list", "watch"].contains(&&*request.verb)
        })
        .filter(|request| request.uri.contains("/secrets") && !request.uri.contains(&witness))
        .filter(|request| !again.iter().any(|name| request.uri.contains(&format!("/secrets/{name}"))))
        .map(|request| format!("{} {}", request.verb, request.uri))
        .collect();
    assert_eq!(writes, Vec::<String>::new(), "round {round}: a Secret was written");
    assert_eq!(pushes(mount, *bao), Vec::<String>::new(), "round {round}: it was pushed again");
    assert_eq!(version(mount, "pushed").as_ref(), Some(pushed), "round {round}: it was pushed again");

    // It works on: a new value, a new hash of it, a new push; and what is made once stays.
    let value = format!("value-round-{round}");
    mount.put("app", json!({"password": value}));
    let hash = world.data("varying").unwrap()["hash"].clone();
    for name in ["plain", "varying", "merged"] {
        world.sync_now(name);
    }
    world.wait_data("plain", &[("password", &value)]);
    world.wait_data("merged", &[("password", &value), ("theirs", "stays")]);
    world.wait("another hash", || match world.data("varying").unwrap()["hash"] != hash {
        true => Ok(()),
        false => Err(operator.log()),
    });
    assert_eq!(world.data("once").unwrap()["password"], b"value-round-0");
    let source = json!({"stringData": {"k": format!("pushed-round-{round}")}}).to_string();
    world.kubectl(&["-n", &world.name, "patch", "secret", "source", "--type=merge", "-p", &source]);
    world.wait("the new value to be pushed", || match version(mount, "pushed") {
        // It is counted when all of it is done.
        Some(found) if found != *pushed && pushes_that(operator, "updated") > 0.0 => Ok(()),
        other => Err(format!("{other:?}\n{}", operator.log())),
    });
}

#[test]
fn needs_former_up_and_down_again_without_a_write() {
    let world = world!("upgrade");
    let former = PathBuf::from(std::env::var_os("CLAVIGER_FORMER").expect("a former version"));
    let dir = RunDir::create(&world.name).unwrap();
    let cache = dir.path().join("cache");
    let of = |claviger: PathBuf, plugin_dir: PathBuf| {
        let mut env = world.env.clone();
        (env.claviger, env.plugin_dir, env.cache_dir) = (claviger, plugin_dir, cache.clone());
        World { env, name: world.name.clone() }
    };
    let current = of(world.env.claviger.clone(), world.env.plugin_dir.clone());
    let former = of(former.join("bin/claviger"), former.join("plugins"));

    let engine = |world: &World| std::fs::read(world.env.plugin_dir.join("template-go.wasm")).unwrap();
    let same = engine(&former) == engine(&current);
    // Another engine may make another text of the same: what varies is rendered again then, once.
    let stays = |name: &str| same || name != "varying";

    let mount = Mount::kv2(&world);
    install(&former, &current, &dir);
    objects(&world, &mount);
    let mut operator = Operator::replica(&former, "");
    for name in MANAGED {
        world.wait_ready("externalsecret", name);
    }
    world.wait_ready("pushsecret", "push");
    // As a node that dies leaves it: the lease is held.
    operator.kill();
    let before = Before::now(&world, &mount);

    install(&current, &former, &dir);
    let mut operator = Operator::replica(&current, "");
    taken_over(&world, &mount, &operator, &before, 1, stays);
    // That what is looked for would be found.
    assert!(!pushes(&mount, before.bao).is_empty());
    assert_no_value_left(&world, &operator, &VALUES);
    // As a Deployment that is rolled back ends it.
    operator.stop();
    let before = Before::now(&world, &mount);

    install(&former, &current, &dir);
    let operator = Operator::replica(&former, "");
    taken_over(&world, &mount, &operator, &before, 2, stays);
    // What both have pushed is taken back by whoever is there.
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "push"]);
    world.wait("what was pushed to be gone", || {
        version(&mount, "pushed").map_or(Ok(()), |it| Err(it.to_string()))
    });
    for name in ["plain", "generated"] {
        world.kubectl(&["-n", &world.name, "delete", "externalsecret", name]);
        world.wait("its Secret to go", || world.get("secret", name).map_or(Ok(()), |it| Err(it.to_string())));
    }
    install(&current, &former, &dir);
    assert_no_value_left(&world, &operator, &VALUES);
}
