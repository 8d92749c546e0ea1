//! Several replicas of one operator: who works, and that nothing is lost or done twice when that changes.
//!
//! Each replica has a ServiceAccount of its own and logs in to OpenBao by itself, so the API server's audit log and
//! OpenBao's tell which of them did what. What is counted is counted there.

mod clocks;
mod handover;
mod killed;
mod paused;
mod readiness;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use claviger_testenv::{ApiRequest, Mark};
use serde_json::{Value, json};

use crate::support::{Mount, Operator, World};

/// Within this a standby works, when the leader is gone without a word: the promise is 15 s, and how long it took is
/// printed. A machine that runs a hundred tests at once is no measure of it, so the wait is twice as long.
const TAKEOVER: Duration = Duration::from_secs(30);

/// A test's objects: one store, ExternalSecrets `es0`, `es1` … of one property of `key{n % keys}`.
struct Fleet<'a> {
    world: &'a World,
    mount: Mount<'a>,
    login: String,
    store: String,
    keys: usize,
    interval: &'static str,
}

impl<'a> Fleet<'a> {
    fn new(world: &'a World, keys: usize, interval: &'static str) -> Self {
        let mount = Mount::kv2(world);
        let (login, role, secret) = mount.app_role("60m");
        let ns = &world.name;
        // A lease that nobody has, as the last replica leaves it: without one the first would wait ten seconds for
        // somebody who might have had it.
        world.apply(&format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {{name: {lease}, namespace: {ns}}}\n\
             spec: {{holderIdentity: \"\", leaseDurationSeconds: 1}}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {{name: approle, namespace: {ns}}}\nstringData: {{id: {secret}}}\n",
            lease = lease(world),
        ));
        let store = format!(
            "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: vault, namespace: {ns}}}\n\
             spec:\n  controller: {ns}\n  refreshInterval: 3600\n  provider:\n    vault: {{server: \"{server}\", path: \
             {path}, auth: {{appRole: {{path: {login}, roleId: {role}, secretRef: {{name: approle, key: id}}}}}}}}\n",
            server = world.env.bao.address(),
            path = mount.path,
        );
        let fleet = Self { world, mount, login, store, keys, interval };
        fleet.put("first");
        fleet
    }

    /// Makes the store that all refer to: from then on they can be synced.
    fn open(&self) {
        self.world.apply(&self.store);
    }

    /// Gives every key a value of that name.
    fn put(&self, name: &str) {
        for key in 0..self.keys {
            self.mount.put(&format!("key{key}"), json!({"p": value(key, name)}));
        }
    }

    fn create(&self, numbers: impl IntoIterator<Item = usize>) {
        let mut objects = String::new();
        for n in numbers {
            writeln!(
                objects,
                "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\n\
                 metadata: {{name: es{n}, namespace: {ns}}}\nspec:\n  refreshInterval: {interval}\n  \
                 secretStoreRef: {{name: vault}}\n  data: [{{secretKey: p, remoteRef: {{key: key{key}, property: p}}}}]",
                ns = self.world.name,
                interval = self.interval,
                key = n % self.keys,
            )
            .unwrap();
        }
        self.world.apply(&objects);
    }

    /// Waits until the Secrets of the first `count` hold their keys' values of that name.
    fn wait_synced(&self, deadline: Duration, count: usize, name: &str) {
        use base64::Engine;
        let what = format!("{count} Secrets to hold {name}");
        self.world.wait_for(deadline, &what, || {
            let list = self.world.kubectl(&["-n", &self.world.name, "get", "secrets", "-o", "json"]);
            let list: Value = serde_json::from_str(&list).unwrap();
            let data: BTreeMap<&str, &str> = list["items"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|secret| {
                    Some((secret["metadata"]["name"].as_str()?, secret["data"]["p"].as_str()?))
                })
                .collect();
            let wanted =
                |n: usize| base64::engine::general_purpose::STANDARD.encode(value(n % self.keys, name));
            let wrong: Vec<_> = (0..count)
                .filter(|n| data.get(format!("es{n}").as_str()) != Some(&wanted(*n).as_str()))
                .collect();
            if wrong.is_empty() { Ok(()) } else { Err(format!("not yet {} of them: {wrong:?}", wrong.len())) }
        });
    }

    /// Writes of Secrets by one of `replicas` since then, by name.
    fn secret_writes(&self, since: Mark, replicas: &[&Operator]) -> BTreeMap<String, usize> {
        let place = format!("/namespaces/{}/secrets/", self.world.name);
        let (mut writes, mut cut_off) = (BTreeMap::new(), Vec::new());
        for request in replicas.iter().flat_map(|replica| self.writes(since, replica)) {
            let Some((_, name)) = request.uri.split_once(&place) else { continue };
            let name = name.split(['?', '/']).next().unwrap_or_default().to_owned();
            match request.status {
                504 => cut_off.push(name),
                _ => *writes.entry(name).or_default() += 1,
            }
        }
        // What its writer did not live to be answered was done or not.
        for name in cut_off {
            writes.entry(name).or_insert(1);
        }
        writes
    }

    /// Writes of anything but leases since then by a replica.
    fn writes(&self, since: Mark, replica: &Operator) -> Vec<ApiRequest> {
        let requests = self.world.env.cluster.audit_requests(since).unwrap().into_iter();
        requests
            .filter(|request| request.user == replica.user())
            .filter(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"))
            .filter(|request| !request.uri.contains("/leases"))
            .collect()
    }

    /// That a replica has written nothing but leases since then.
    fn assert_silent(&self, since: Mark, replica: &Operator) {
        let writes = self.writes(since, replica);
        assert!(writes.is_empty(), "{writes:?}");
    }

    /// What OpenBao was asked since then: logins, reads by key, and hashes of the tokens they were made with.
    fn asked(&self, since: Mark) -> Asked {
        let mut asked = Asked::default();
        for entry in self.world.env.bao.audit_entries(since).unwrap() {
            if entry.kind != "request" {
                continue;
            }
            if entry.path == format!("auth/{}/login", self.login) {
                asked.logins += 1;
            } else if let Some(key) = entry.path.strip_prefix(&format!("{}/data/key", self.mount.path))
                && entry.operation == "read"
            {
                *asked.reads.entry(key.parse().unwrap()).or_default() += 1;
                *asked.tokens.entry(entry.token_hash).or_default() += 1;
            }
        }
        asked
    }
}

#[derive(Default)]
struct Asked {
    logins: usize,
    reads: BTreeMap<usize, usize>,
    tokens: BTreeMap<String, usize>,
}

fn value(key: usize, name: &str) -> String {
    format!("value-{key}-{name}")
}

/// The name that the lease of a test's controller class has.
fn lease(world: &World) -> String {
    format!("claviger-controller.{}", world.name)
}

/// The spec of the test's lease.
fn lease_spec(world: &World) -> Option<Value> {
    world.get("lease", &lease(world)).map(|lease| lease["spec"].clone())
}

/// Waits until that replica works; how long that took.
fn wait_leads(world: &World, operator: &Operator, deadline: Duration, since: Instant) -> Duration {
    let left = deadline.saturating_sub(since.elapsed());
    world.wait_for(left, "the replica to lead", || match operator.leads() {
        true => Ok(since.elapsed()),
        false => Err(format!("{:?}\n{}", lease_spec(world), operator.log())),
    })
}

/// Each of the first `count` Secrets `es0`, `es1` …, so many times.
fn each(count: usize, times: usize) -> BTreeMap<String, usize> {
    (0..count).map(|n| (format!("es{n}"), times)).collect()
}
