//! A provider that is gone, slow, half there, and one that lies: each for one key of one OpenBao, by a proxy before it. All
//! of them delete their Secret when the key is gone (`deletionPolicy: Delete`), so a lie that is believed would show.

use std::time::Duration;

use claviger_testenv::{Fault, FaultProxy};
use serde_json::{Value, json};

use super::asked;
use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// The longest of the quick tries after a failure, and what a busy machine takes.
const BACK: Duration = Duration::from_secs(90);

const HTML: (&str, &str) = ("Content-Type", "text/html");
const PAGE: &str = "<html><body>Service</body></html>";

/// A KV engine in the shared OpenBao, and a store that reaches it by an address of the test's.
pub(super) struct Vault<'a> {
    pub(super) mount: Mount<'a>,
    server: String,
    /// Where to log in, as what, by what.
    login: (String, String, String),
}

impl<'a> Vault<'a> {
    pub(super) fn new(world: &'a World, server: &str) -> Self {
        let mount = Mount::kv2(world);
        let login = mount.app_role("60m");
        let vault = Self { mount, server: server.to_owned(), login };
        vault.install(world);
        vault
    }

    /// The store `vault`, of the test's class, in that namespace.
    pub(super) fn install(&self, place: &World) {
        let (login, role, secret) = &self.login;
        place.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "approle", "namespace": place.name},
            "stringData": {"id": secret},
        }));
        let auth = json!({"path": login, "roleId": role, "secretRef": {"name": "approle", "key": "id"}});
        place.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": "vault", "namespace": place.name},
            "spec": {"controller": self.mount.world.name, "provider": {"vault": {
                "server": self.server, "path": self.mount.path, "auth": {"appRole": auth},
            }}},
        }));
    }

    /// One that reads property `v` of the key of its name.
    pub(super) fn external_secret(&self, name: &str, interval: &str) -> Value {
        json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": self.mount.world.name},
            "spec": {
                "refreshInterval": interval, "secretStoreRef": {"name": "vault"},
                "target": {"creationPolicy": "Owner", "deletionPolicy": "Delete"},
                "data": [{"secretKey": "v", "remoteRef": {"key": name, "property": "v"}}],
            },
        })
    }
}

/// What is answered instead, the reason that follows, and what the message says.
type Case = (&'static str, Fault, &'static str, &'static str);

fn cases() -> [Case; 11] {
    let unavailable = "ProviderUnavailable";
    let not_found = json!({"message": "no Route matched with those values"});
    let cut = r#"{"data":{"data":{"v":"MARKED-value"#;
    [
        ("reset", Fault::Reset, unavailable, "broke off"),
        ("bad-gateway", Fault::answer(502, &[HTML], PAGE), unavailable, "HTTP 502"),
        ("sealed", Fault::json(503, &json!({"errors": ["Vault is sealed"]})), unavailable, "sealed"),
        ("half", Fault::Half, unavailable, "broke off"),
        ("large", Fault::Endless(1 << 20, Duration::ZERO), unavailable, "limit"),
        // Lies, from here on.
        ("page", Fault::answer(200, &[HTML], PAGE), "ProviderFailed", "not Vault's"),
        ("cut", Fault::answer(200, &[], cut), "ProviderFailed", "not Vault's"),
        ("empty", Fault::answer(200, &[], ""), "ProviderFailed", "not Vault's"),
        ("error-as-success", Fault::json(200, &json!({"errors": ["x"]})), unavailable, "no data"),
        ("not-found-page", Fault::answer(404, &[HTML], PAGE), unavailable, "no answer of Vault's"),
        ("gateway-not-found", Fault::json(404, &not_found), unavailable, "no answer of Vault's"),
    ]
}

fn value(name: &str) -> String {
    format!("MARKED-value-of-{name}")
}

/// Writes these keys, and makes ExternalSecrets of them; waits until all are in order.
fn create(vault: &Vault<'_>, names: &[&str], interval: &str) {
    let world = vault.mount.world;
    for name in names {
        vault.mount.put(name, json!({"v": value(name)}));
    }
    let objects: Vec<Value> = names.iter().map(|name| vault.external_secret(name, interval)).collect();
    world.apply_json(&json!({"apiVersion": "v1", "kind": "List", "items": objects}));
    for name in names {
        world.wait_data(name, &[("v", &value(name))]);
        world.wait_ready("externalsecret", name);
    }
}

fn sync_all(world: &World) {
    let all = ["-n", &world.name, "annotate", "externalsecret", "--all", "force-sync=now", "--overwrite"];
    world.kubectl(&all);
}

fn wait_back(world: &World, name: &str) {
    world.wait_for(BACK, &format!("{name} to be ready"), || match world.ready("externalsecret", name) {
        Some((status, ..)) if status == "True" => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

fn versions(world: &World, names: &[&str]) -> Vec<Value> {
    let version = |name: &&str| world.get("secret", name).unwrap()["metadata"]["resourceVersion"].clone();
    names.iter().map(version).collect()
}

#[test]
fn whatever_is_answered_instead_the_secret_stays_and_others_go_on() {
    let world = world!("faults-provider");
    let proxy = FaultProxy::start(world.env.bao.address()).unwrap();
    let vault = Vault::new(&world, &proxy.address());
    let operator = Operator::start(&world);
    let cases = cases();
    let names: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    create(&vault, &names, "1h");
    create(&vault, &["plain-text"], "1h");
    create(&vault, &["calm"], "1s");
    let before = versions(&world, &names);

    for (name, fault, ..) in &cases {
        proxy.fail("GET", &[&format!("/data/{name}")], usize::MAX, fault.clone());
    }
    // Another type: what is right is taken; and a good answer with another value nobody can tell from a true one.
    let envelope =
        json!({"data": {"data": {"v": "MARKED-value-by-text"}, "metadata": {"version": 2}}}).to_string();
    proxy.fail(
        "GET",
        &["/data/plain-text"],
        1,
        Fault::answer(200, &[("Content-Type", "text/plain")], &envelope),
    );
    proxy.seen();
    sync_all(&world);
    for (name, _, reason, words) in &cases {
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(words), "{name}: {message}");
    }
    world.wait_data("plain-text", &[("v", "MARKED-value-by-text")]);
    // Others of the same store go on meanwhile, and nothing is said against it.
    vault.mount.put("calm", json!({"v": "MARKED-value-of-calm-later"}));
    world.wait_data("calm", &[("v", "MARKED-value-of-calm-later")]);
    assert_eq!(world.ready("secretstore", "vault").unwrap().0, "True");
    assert_eq!(world.ready("externalsecret", "calm").unwrap().0, "True");
    assert_eq!(versions(&world, &names), before, "no Secret was touched");

    // Each comes back by itself, at the next of its tries; these come after 1, 2, 4 … seconds, a fifth more or less.
    proxy.heal();
    for name in &names {
        wait_back(&world, name);
    }
    let seen = proxy.seen();
    for (name, ..) in &cases {
        let tries = asked(&seen, "GET", &format!("/data/{name}"));
        for (nth, two) in tries.windows(2).enumerate() {
            let (least, apart) = (Duration::from_millis(800 << nth), two[1].at.duration_since(two[0].at));
            assert!(apart >= least, "{name}: try {} came {apart:?} after the one before", nth + 2);
        }
    }
    assert_eq!(versions(&world, &names), before, "what did not change was not written");
    // And what is really gone is deleted.
    vault.mount.remove("page");
    world.sync_now("page");
    world.wait("its Secret to go", || match world.get("secret", "page") {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    });
    let marked: Vec<String> = names.iter().map(|name| value(name)).collect();
    let marked: Vec<&str> = marked.iter().map(String::as_str).collect();
    assert_no_value_left(&world, &operator, &marked);
}

/// A call may be silent for 15 s, and last for 30.
#[test]
fn who_is_slow_is_waited_for_within_the_limits() {
    let world = world!("faults-slow");
    let proxy = FaultProxy::start(world.env.bao.address()).unwrap();
    let vault = Vault::new(&world, &proxy.address());
    let operator = Operator::start(&world);
    let cases: [Case; 2] = [
        ("silent", Fault::Silence, "ProviderUnavailable", "did not answer in time"),
        ("endless", Fault::Endless(1, Duration::from_secs(1)), "ProviderUnavailable", "stopped half-way"),
    ];
    let names = ["silent", "endless"];
    create(&vault, &names, "1h");
    create(&vault, &["late", "trickle"], "1h");
    create(&vault, &["calm"], "1s");
    let before = versions(&world, &names);
    for (name, fault, ..) in &cases {
        proxy.fail("GET", &[&format!("/data/{name}")], usize::MAX, fault.clone());
    }
    proxy.fail("GET", &["/data/late"], 1, Fault::Late(Duration::from_secs(6)));
    proxy.fail("GET", &["/data/trickle"], 1, Fault::Trickle(Duration::from_millis(600)));
    for name in ["late", "trickle"] {
        vault.mount.put(name, json!({"v": "MARKED-value-later"}));
    }
    sync_all(&world);
    vault.mount.put("calm", json!({"v": "MARKED-value-of-calm-later"}));
    world.wait_data("calm", &[("v", "MARKED-value-of-calm-later")]);
    for name in ["late", "trickle"] {
        world.wait_data(name, &[("v", "MARKED-value-later")]);
        let failed =
            format!("externalsecret_sync_calls_error{{name=\"{name}\",namespace=\"{}\"}}", world.name);
        assert_eq!(operator.metric(&failed).unwrap_or_default(), 0.0, "{name}: slow is no failure");
    }
    for (name, _, reason, words) in &cases {
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(words), "{name}: {message}");
    }
    assert_eq!(world.ready("externalsecret", "calm").unwrap().0, "True");
    assert_eq!(world.ready("secretstore", "vault").unwrap().0, "True");
    proxy.heal();
    for name in names {
        wait_back(&world, name);
    }
    assert_eq!(versions(&world, &names), before, "no Secret was touched");
}
