//! What fails between the operator and its servers, one thing at a time, and exactly what becomes of it: counted by the
//! proxy on the way, which brings the fault about, and by the API server's audit log. docs/faults.md has the whole table.

mod api_server;
mod away;
mod hung;
mod provider;
mod push;
mod silent;
mod successor;
mod watches;

use std::collections::BTreeMap;

use claviger_testenv::{FaultProxy, Mark, PlainApi, RunDir, Seen};
use serde_json::{Value, json};

use crate::support::{Operator, World};

/// An operator that reaches its API server by a proxy, and a store of the `fake` provider.
struct Bench<'a> {
    world: &'a World,
    proxy: FaultProxy,
    operator: Operator,
    begin: Mark,
    _plain: PlainApi,
    _dir: RunDir,
}

impl<'a> Bench<'a> {
    fn new(world: &'a World) -> Self {
        let dir = RunDir::create(&world.name).unwrap();
        let plain = PlainApi::of_bearers(&world.env.cluster, dir.path()).unwrap();
        let proxy = FaultProxy::start(plain.address()).unwrap();
        let operator = Operator::start_by(world, &proxy.address());
        store(world, "store", "VALUE");
        world.wait_ready("secretstore", "store");
        Self { world, proxy, operator, begin: world.env.cluster.audit_mark(), _plain: plain, _dir: dir }
    }

    /// Makes ExternalSecrets of these names, all at once.
    fn create(&self, names: &[&str]) {
        let objects: Vec<Value> =
            names.iter().map(|name| external_secret(self.world, name, "store")).collect();
        self.world.apply_json(&json!({"apiVersion": "v1", "kind": "List", "items": objects}));
    }

    /// Writes of Secrets by the operator since the beginning that came through, by name.
    fn secret_writes(&self) -> BTreeMap<String, usize> {
        secret_writes(self.world, self.begin, &[&self.operator])
    }

    /// How often each of these was refreshed.
    fn refreshes(&self, names: &[&str]) -> Vec<f64> {
        let ns = &self.world.name;
        let series =
            |name: &&str| format!("externalsecret_sync_calls_total{{name=\"{name}\",namespace=\"{ns}\"}}");
        names.iter().map(|name| self.operator.metric(&series(name)).unwrap_or_default()).collect()
    }
}

/// A store of the `fake` provider with one key, `k`.
fn store(world: &World, name: &str, value: &str) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": value}]}}},
    }));
}

fn external_secret(world: &World, name: &str, store: &str) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {
            "refreshInterval": "1h", "secretStoreRef": {"name": store},
            "data": [{"secretKey": "v", "remoteRef": {"key": "k"}}],
        },
    })
}

/// Writes of Secrets in the test's namespace by these since then that came through, by name.
fn secret_writes(world: &World, since: Mark, operators: &[&Operator]) -> BTreeMap<String, usize> {
    let place = format!("/namespaces/{}/secrets/", world.name);
    let (mut writes, mut cut_off) = (BTreeMap::new(), Vec::new());
    for request in world.env.cluster.audit_requests(since).unwrap() {
        let ours = operators.iter().any(|operator| operator.user() == request.user);
        let reads = matches!(request.verb.as_str(), "get" | "list" | "watch");
        let Some((_, name)) = request.uri.split_once(&place).filter(|_| ours && !reads) else { continue };
        let name = name.split(['?', '/']).next().unwrap_or_default().to_owned();
        match request.status {
            200..300 => *writes.entry(name).or_default() += 1,
            504 => cut_off.push(name),
            _ => {}
        }
    }
    // What its writer did not wait for was done or not.
    for name in cut_off {
        writes.entry(name).or_insert(1);
    }
    writes
}

/// Each of these, so many times.
fn each(names: &[&str], times: usize) -> BTreeMap<String, usize> {
    names.iter().map(|name| ((*name).to_owned(), times)).collect()
}

/// Requests of that method whose path contains this.
fn asked<'s>(seen: &'s [Seen], method: &str, path: &str) -> Vec<&'s Seen> {
    seen.iter().filter(|seen| seen.method == method && seen.path.contains(path)).collect()
}

/// Somebody changes a Secret.
fn tamper(world: &World, name: &str) {
    let patch = r#"{"data":{"v":"dGFtcGVyZWQ="}}"#;
    world.kubectl(&["-n", &world.name, "patch", "secret", name, "--type=merge", "-p", patch]);
}
