//! `POST /refresh`: who is let in, who is refreshed, and what that costs the provider.

use std::collections::BTreeMap;
use std::time::Instant;

use claviger_testenv::Mark;
use serde_json::{Value, json};

use super::client::{AUDIENCE, Endpoint};
use crate::support::{Mount, World, world};

/// ExternalSecrets that share a key.
const SHARED: usize = 10;

fn store(world: &World, mount: &Mount<'_>) {
    let (login, role, secret) = mount.app_role("10m");
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: approle, namespace: {ns}}}\nstringData: {{id: {secret}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: vault, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  provider:\n    vault: {{server: \"{server}\", path: {path}, auth: {{appRole: \
         {{path: {login}, roleId: {role}, secretRef: {{name: approle, key: id}}}}}}}}\n",
        ns = world.name,
        server = world.env.bao.address(),
        path = mount.path,
    ));
}

fn external_secret(world: &World, name: &str, rest: Value) {
    let mut spec = json!({"refreshInterval": "1h", "secretStoreRef": {"name": "vault"}});
    for (field, value) in rest.as_object().unwrap() {
        spec[field] = value.clone();
    }
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name}, "spec": spec,
    }));
}

fn data(key: &str) -> Value {
    json!([{"secretKey": "k", "remoteRef": {"key": key, "property": "k"}}])
}

/// How often each key was read since then.
fn reads(world: &World, mount: &Mount<'_>, since: Mark) -> BTreeMap<String, usize> {
    let mut reads = BTreeMap::new();
    for entry in world.env.bao.audit_entries(since).unwrap() {
        if let Some(key) = entry.path.strip_prefix(&format!("{}/data/", mount.path))
            && entry.kind == "request"
        {
            *reads.entry(key.to_owned()).or_default() += 1;
        }
    }
    reads
}

fn counted(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

#[test]
fn a_change_arrives_at_once_by_one_read_of_its_key() {
    let world = world!("refresh");
    let mount = Mount::kv2(&world);
    for key in ["team/shared", "other", "once", "changed", "never"] {
        mount.put(key, json!({"k": "old"}));
    }
    store(&world, &mount);
    let shared: Vec<String> = (0..SHARED).map(|n| format!("shared{n}")).collect();
    for (n, name) in shared.iter().enumerate() {
        // As a manifest may spell it.
        let key = ["team/shared".to_owned(), format!("{}/data/team/shared", mount.path)][n % 2].clone();
        external_secret(&world, name, json!({"data": data(&key)}));
    }
    external_secret(&world, "other", json!({"data": data("other")}));
    external_secret(&world, "once", json!({"data": data("once"), "refreshPolicy": "CreatedOnce"}));
    external_secret(&world, "changed", json!({"data": data("changed"), "refreshPolicy": "OnChange"}));
    external_secret(&world, "never", json!({"data": data("never"), "refreshInterval": "0"}));
    let endpoint = Endpoint::new(&world);
    endpoint.caller("ci", Some("vault"));
    let token = endpoint.token("ci", AUDIENCE);
    let operator = endpoint.start();
    let all: Vec<&str> =
        shared.iter().map(String::as_str).chain(["other", "once", "changed", "never"]).collect();
    for name in &all {
        world.wait_data(name, &[("k", "old")]);
        world.wait_ready("externalsecret", name);
    }
    let versions = || -> Vec<Value> {
        let version = |name: &&str| world.get("secret", name).unwrap()["metadata"]["resourceVersion"].clone();
        all.iter().map(version).collect()
    };
    let wait_reads = |since: Mark, expected: &[(&str, usize)]| {
        let expected = counted(expected);
        world.wait("the reads", || {
            let found = reads(&world, &mount, since);
            if found == expected { Ok(()) } else { Err(format!("{found:?}\n{}", operator.log())) }
        });
    };

    // Both spellings are a read each, for they are two keys to whoever reads; nobody else's is read.
    let spelt = ("team/shared", 2);
    mount.put("team/shared", json!({"k": "new"}));
    let (since, began) = (world.env.bao.audit_mark(), Instant::now());
    let answer = endpoint.post(Some(&token), &endpoint.wanted("vault", &["team/shared"]));
    assert_eq!((answer.status, &answer.body), (202, &json!({"externalSecrets": SHARED})));
    world.wait_data("shared0", &[("k", "new")]);
    let first = began.elapsed();
    for name in &shared {
        world.wait_data(name, &[("k", "new")]);
    }
    println!("a change and its POST until the Secret: {first:?}; until all {SHARED}: {:?}", began.elapsed());
    wait_reads(since, &[spelt]);

    // Nothing has changed: it is read, and nothing is written.
    let (since, before) = (world.env.bao.audit_mark(), versions());
    let refreshes = "externalsecret_sync_calls_total{name=\"shared1\",namespace=\"refresh\"}";
    let count = operator.metric(refreshes);
    let full = format!("{}/data/team/shared", mount.path);
    assert_eq!(endpoint.post(Some(&token), &endpoint.wanted("vault", &[&full])).status, 202);
    wait_reads(since, &[spelt]);
    world.wait("the refresh to be done", || match (count, operator.metric(refreshes)) {
        (Some(before), Some(now)) if now > before => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(versions(), before);

    // A whole store: all who are refreshed by themselves, also where no interval does it.
    for key in ["other", "once", "changed", "never"] {
        mount.put(key, json!({"k": "new"}));
    }
    let since = world.env.bao.audit_mark();
    let answer = endpoint.post(Some(&token), &endpoint.wanted("vault", &[]));
    assert_eq!(answer.body, json!({"externalSecrets": SHARED + 2}));
    for name in ["other", "never"] {
        world.wait_data(name, &[("k", "new")]);
    }
    wait_reads(since, &[spelt, ("other", 1), ("never", 1)]);
    for name in ["once", "changed"] {
        world.wait_data(name, &[("k", "old")]);
    }

    // A key that nobody reads, and what is counted of all this.
    let answer = endpoint.post(Some(&token), &endpoint.wanted("vault", &["nobodys"]));
    assert_eq!((answer.status, &answer.body), (202, &json!({"externalSecrets": 0})));
    let told = "claviger_change_notices_total{source=\"endpoint\",outcome=\"asked\"}";
    assert_eq!(operator.metric(told), Some(4.0));
    let asked = operator.metric("claviger_change_refreshes_total{source=\"endpoint\"}");
    assert_eq!(asked, Some((3 * SHARED + 2) as f64));
}

#[test]
fn a_window_that_is_shut_holds_it_back_and_a_generous_match_costs_a_read() {
    let world = world!("refresh-windows");
    let mount = Mount::kv2(&world);
    mount.put("held", json!({"k": "old"}));
    mount.put("found", json!({"k": "old"}));
    store(&world, &mount);
    // Shut all day and night.
    let windows = json!({"kind": "deny", "windows": [{"schedule": "* * * * *", "duration": "24h"}]});
    external_secret(&world, "held", json!({"data": data("held"), "syncWindows": windows}));
    external_secret(&world, "found", json!({"dataFrom": [{"find": {"name": {"regexp": "^found$"}}}]}));
    let endpoint = Endpoint::new(&world);
    endpoint.caller("ci", Some("vault"));
    let token = endpoint.token("ci", AUDIENCE);
    let operator = endpoint.start();
    world.wait_data("held", &[("k", "old")]);
    world.wait_data("found", &[("found", "{\"k\":\"old\"}")]);
    world.wait_ready("externalsecret", "found");
    mount.put("held", json!({"k": "new"}));
    mount.put("found", json!({"k": "new"}));
    let since = world.env.bao.audit_mark();
    // A search may find any key; the other is asked too, and waits for its window.
    let answer = endpoint.post(Some(&token), &endpoint.wanted("vault", &["held"]));
    assert_eq!(answer.body, json!({"externalSecrets": 2}), "{}", operator.log());
    world.wait_data("found", &[("found", "{\"k\":\"new\"}")]);
    let reads = reads(&world, &mount, since);
    assert_eq!(reads.get("held"), None, "{reads:?}");
    world.wait_data("held", &[("k", "old")]);
}

#[test]
fn who_may_not_is_refused_and_learns_nothing() {
    let world = world!("refresh-callers");
    let mount = Mount::kv2(&world);
    mount.put("a", json!({"k": "v"}));
    store(&world, &mount);
    external_secret(&world, "a", json!({"data": data("a")}));
    let endpoint = Endpoint::new(&world);
    endpoint.caller("ci", Some("vault"));
    endpoint.caller("nobody", None);
    let operator = endpoint.start();
    world.wait_ready("externalsecret", "a");
    let since = world.env.bao.audit_mark();
    let wanted = endpoint.wanted("vault", &["a"]);
    let (good, none) = (endpoint.token("ci", AUDIENCE), endpoint.token("nobody", AUDIENCE));
    let (other, forged) = (endpoint.token("ci", "vault"), format!("{good}x"));
    let other_class = json!({"store": {"kind": "ClusterSecretStore", "name": "refresh-callers-none"}});
    #[rustfmt::skip]
    let cases = [
        ("no token", None, &wanted, 401, "send a ServiceAccount's token"),
        ("no token of the cluster's", Some("abc"), &wanted, 401, "the token is not valid here"),
        ("another audience", Some(other.as_str()), &wanted, 401, "\"claviger\""),
        ("a forged one", Some(forged.as_str()), &wanted, 401, "the token is not valid here"),
        ("no right", Some(none.as_str()), &wanted, 403, "refresh on secretstores"),
        ("no right to that store", Some(good.as_str()), &endpoint.wanted("other", &["a"]), 403, "needs refresh"),
        ("no right to one that is not there", Some(none.as_str()), &endpoint.wanted("other", &[]), 403, "needs refresh"),
        ("of another scope", Some(good.as_str()), &other_class, 403, "clustersecretstores"),
        ("no store", Some(good.as_str()), &json!({"keys": ["a"]}), 400, "missing field `store`"),
        ("a word too many", Some(good.as_str()), &json!({"store": {"kind": "Secret", "name": "x"}}), 400, "unknown variant"),
    ];
    for (what, token, body, status, words) in cases {
        let answer = endpoint.post(token, body);
        let said = answer.body["error"].as_str().unwrap_or_default();
        assert!(answer.status == status && said.contains(words), "{what}: {} {said}", answer.status);
        assert_eq!(
            answer.head.contains("www-authenticate: bearer"),
            status == 401,
            "{what}: {}",
            answer.head
        );
    }
    // Who may, and asks for what is not there.
    world.apply(&format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: ci, namespace: {}}}\nrules:\n\
         - {{apiGroups: [external-secrets.io], resources: [secretstores], verbs: [refresh]}}\n",
        world.name
    ));
    world.wait("the right to be seen", || {
        let answer = endpoint.post(Some(&good), &endpoint.wanted("gone", &["a"]));
        if answer.status == 404 { Ok(()) } else { Err(format!("{} {}", answer.status, answer.body)) }
    });
    let large = json!({"store": {"kind": "ClusterSecretStore", "name": "x".repeat(70_000)}});
    assert_eq!(endpoint.post(Some(&good), &large).status, 413);
    assert_eq!(endpoint.send(0, "GET", Some(&good), "").status, 405);
    assert_eq!(reads(&world, &mount, since), counted(&[]), "nothing was read for any of them");

    // A crowd: what is too much is refused, others go on, and the refusal says when.
    let mut limited = None;
    for _ in 0..200 {
        let answer = endpoint.post(Some(&good), &endpoint.wanted("vault", &[]));
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
        assert_eq!(answer.status, 202);
    }
    let limited = limited.unwrap();
    assert!(limited.head.contains("retry-after: 1"), "{}", limited.head);
    endpoint.caller("second", Some("vault"));
    let second = endpoint.token("second", AUDIENCE);
    world.wait("another caller to be let in", || {
        let answer = endpoint.post(Some(&second), &wanted);
        if answer.status == 202 { Ok(()) } else { Err(format!("{} {}", answer.status, answer.body)) }
    });
    let log = operator.log();
    for token in [&good, &none, &other, &second] {
        assert!(!log.contains(token.as_str()), "a token is in the log");
    }
    assert!(log.contains("system:serviceaccount:refresh-callers:ci"));
}
