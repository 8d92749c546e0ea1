//! Exact counts, at the servers: reads and logins at OpenBao from its audit log, writes at the API server
//! from its audit log.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use claviger_testenv::{PlainApi, Proxy, RunDir};
use serde_json::json;

use crate::support::{Mount, Operator, Rounds, world};

/// ExternalSecrets, properties of each, distinct keys.
const OBJECTS: usize = 20;
const PROPERTIES: usize = 5;
const KEYS: usize = 4;

#[test]
fn one_read_per_key_and_round_one_login_and_no_write_without_a_change() {
    let world = world!("counts");
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("10m");
    for key in 0..KEYS {
        let data: BTreeMap<_, _> =
            (0..PROPERTIES).map(|p| (format!("p{p}"), format!("value-{key}-{p}"))).collect();
        mount.put(&format!("key{key}"), json!(data));
    }
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: approle, namespace: {ns}}}\nstringData: {{id: {secret}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: vault, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  provider:\n    vault: {{server: \"{server}\", path: {path}, auth: {{appRole: \
         {{path: {login}, roleId: {role}, secretRef: {{name: approle, key: id}}}}}}}}\n",
        ns = world.name,
        server = world.env.bao.address(),
        path = mount.path,
    ));
    let objects: String = (0..OBJECTS)
        .map(|n| {
            let entries: String = (0..PROPERTIES)
                .map(|p| format!("    - {{secretKey: p{p}, remoteRef: {{key: key{}, property: p{p}}}}}\n", n % KEYS))
                .collect();
            format!(
                "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: es{n}, namespace: {}}}\n\
                 spec:\n  refreshInterval: 10s\n  secretStoreRef: {{name: vault}}\n  data:\n{entries}",
                world.name
            )
        })
        .collect();
    world.apply(&objects);

    let before = world.env.bao.audit_mark();
    let operator = Operator::start(&world);
    for n in 0..OBJECTS {
        world.wait_ready("externalsecret", &format!("es{n}"));
    }
    let rounds = Rounds {
        world: &world,
        operator: &operator,
        mount: &mount.path,
        login: &login,
        objects: OBJECTS,
        keys: KEYS,
        deadline: Duration::from_secs(60),
    };
    let (first, mark) = rounds.quiet("the first round", None, 1);
    let asked = rounds.asked(before, mark);
    assert_eq!(asked.logins, 1, "one login for everything");
    assert_eq!(asked.reads, rounds.one_a_round(None, &first), "all at once, each key read once a round");

    // Two whole rounds of refreshes, starting when the objects are at rest: within the minute in which refreshTime
    // is not written again, also on a slow machine.
    let user = format!("system:serviceaccount:{ns}:operator-{ns}", ns = world.name);
    let (api_mark, started) = (world.env.cluster.audit_mark(), Instant::now());
    let (later, end) = rounds.quiet("two rounds", Some(&first), 2);
    let elapsed = started.elapsed();
    assert!(
        elapsed < Duration::from_secs(55),
        "refreshTime may be written once a minute: {elapsed:?} is too near"
    );
    let asked = rounds.asked(mark, end);
    assert_eq!(asked.logins, 0, "the token lives on");
    let expected = rounds.one_a_round(Some(&first), &later);
    assert_eq!(asked.reads, expected, "reads by key, and how often its objects were refreshed");
    let writes: Vec<_> = world
        .env
        .cluster
        .audit_requests(api_mark)
        .unwrap()
        .into_iter()
        // Other tests' objects without a class are this operator's too.
        .filter(|request| request.uri.contains("/namespaces/counts/"))
        .filter(|request| request.user == user && !matches!(request.verb.as_str(), "get" | "list" | "watch"))
        .map(|request| format!("{} {}", request.verb, request.uri))
        .collect();
    assert_eq!(writes, Vec::<String>::new(), "an unchanged refresh writes nothing within a minute");
}

/// Its own status comes back by the watch, perhaps before the write of it is answered; here something else does that
/// moves no generation. Each validation reads the store's token.
#[test]
fn a_store_is_validated_once_whatever_comes_while_its_status_is_written() {
    let world = world!("counts-store");
    let ns = &world.name;
    let mount = Mount::kv2(&world);
    let token = mount.api("POST", "auth/token/create", json!({"policies": ["default"], "ttl": "10m"}));
    let token = token["auth"]["client_token"].as_str().unwrap().to_owned();
    let server = world.env.bao.address();
    // There before the operator: one that its watch shows late would be a reason to validate again.
    for name in ["first", "second", "third"] {
        world.apply(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: login-{name}, namespace: {ns}}}\n\
             stringData: {{token: {token}}}\n"
        ));
    }
    let store = |name: &str, annotation: &str| {
        world.apply(&format!(
            "apiVersion: external-secrets.io/v1\nkind: SecretStore\n\
             metadata: {{name: {name}, namespace: {ns}, annotations: {{seen: \"{annotation}\"}}}}\n\
             spec: {{controller: {ns}, provider: {{vault: {{server: \"{server}\", path: {}, auth: {{tokenSecretRef: \
             {{name: login-{name}, key: token}}}}}}}}}}\n",
            mount.path
        ));
    };
    let dir = RunDir::create(ns).unwrap();
    let plain = PlainApi::of_bearers(&world.env.cluster, dir.path()).unwrap();
    let proxy = Proxy::start(plain.address()).unwrap();
    let operator = Operator::start_by(&world, &proxy.address());
    let since = world.env.cluster.audit_mark();
    proxy.hold("PATCH", "/secretstores/first/status");
    store("first", "before");
    world.wait("the status to be written", || if proxy.holds() { Ok(()) } else { Err(operator.log()) });
    store("first", "meanwhile");
    // One watch brings both, in this order; and then a third, behind what the first may still have to do.
    store("second", "");
    world.wait_ready("secretstore", "second");
    proxy.let_go();
    world.wait_ready("secretstore", "first");
    store("third", "");
    world.wait_ready("secretstore", "third");
    let requests = world.env.cluster.audit_requests(since).unwrap();
    let read = |name: &str| {
        let own = requests.iter().filter(|request| request.user == operator.user() && request.verb == "get");
        own.filter(|request| request.uri.ends_with(&format!("/secrets/login-{name}"))).count()
    };
    assert_eq!(["first", "second", "third"].map(read), [1, 1, 1]);
}
