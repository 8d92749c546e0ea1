//! From a former version to this one and back: what the one wrote the other takes over, and no Secret is written for it.
//!
//! The former version is a folder with `bin/claviger` and `plugins/`, as a release unpacks to one, that `CLAVIGER_FORMER`
//! names; `cargo xtask upgrade` builds one of a commit and runs this. Both have the same ServiceAccount, election and cache
//! of compiled plugins, one after the other; the definitions are each time those of who runs. Not here: leases of databases
//! (`leases` has what a successor does with them), and values of the chart (Helm's own).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use claviger_testenv::RunDir;
use serde_json::{Value, json};

use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// The Secrets that are managed, and how each comes about.
const MANAGED: [&str; 5] = ["plain", "varying", "merged", "generated", "once"];

/// Definitions as a version has them: replaced, so that fields that only the other has are gone.
fn install(world: &World, dir: &RunDir) {
    let output = Command::new(&world.env.claviger).arg("crds").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = dir.path().join("crds.yaml");
    std::fs::write(&file, output.stdout).unwrap();
    world.kubectl(&["replace", "-f", file.to_str().unwrap()]);
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
    mount.put("app", json!({"password": "value-one"}));
    let plain = |name: &str, data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": world.name}, "stringData": data});
    for object in [
        plain("approle", json!({"id": secret})),
        plain("merged", json!({"theirs": "stays"})),
        plain("source", json!({"k": "pushed-one"})),
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

/// Everything is in order, as `operator` sees it, and nothing was written of what `stays` since `mark`; then it works on.
fn taken_over(
    world: &World,
    mount: &Mount<'_>,
    operator: &Operator,
    before: &BTreeMap<&'static str, (Value, Value)>,
    (mark, round): (claviger_testenv::Mark, u32),
    stays: impl Fn(&str) -> bool,
) {
    let pushed = version(mount, "pushed").unwrap();
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
        .audit_requests(mark)
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
    assert_eq!(version(mount, "pushed").unwrap(), pushed, "round {round}: it was pushed again");

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
    assert_eq!(world.data("once").unwrap()["password"], b"value-one");
    let source = json!({"stringData": {"k": format!("pushed-round-{round}")}}).to_string();
    world.kubectl(&["-n", &world.name, "patch", "secret", "source", "--type=merge", "-p", &source]);
    world.wait("the new value to be pushed", || match version(mount, "pushed") {
        Some(found) if found != pushed => Ok(()),
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
    install(&former, &dir);
    objects(&world, &mount);
    let mut operator = Operator::replica(&former, "");
    for name in MANAGED {
        world.wait_ready("externalsecret", name);
    }
    world.wait_ready("pushsecret", "push");
    let before = stored(&world);
    // As a node that dies leaves it: the lease is held.
    operator.kill();

    install(&current, &dir);
    let mark = world.env.cluster.audit_mark();
    let mut operator = Operator::replica(&current, "");
    taken_over(&world, &mount, &operator, &before, (mark, 1), stays);
    let before = stored(&world);
    // As a Deployment that is rolled back ends it.
    operator.stop();

    install(&former, &dir);
    let mark = world.env.cluster.audit_mark();
    let operator = Operator::replica(&former, "");
    taken_over(&world, &mount, &operator, &before, (mark, 2), stays);
    // What both have pushed is taken back by whoever is there.
    world.kubectl(&["-n", &world.name, "delete", "pushsecret", "push"]);
    world.wait("what was pushed to be gone", || {
        version(&mount, "pushed").map_or(Ok(()), |it| Err(it.to_string()))
    });
    for name in ["plain", "generated"] {
        world.kubectl(&["-n", &world.name, "delete", "externalsecret", name]);
        world.wait("its Secret to go", || world.get("secret", name).map_or(Ok(()), |it| Err(it.to_string())));
    }
    install(&current, &dir);
    assert_no_value_left(
        &world,
        &operator,
        &["value-one", "value-round-1", "value-round-2", "pushed-round-1"],
    );
}
