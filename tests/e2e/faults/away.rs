//! etcd, and then the API server, away for longer than a leader may work without them, and back: in a cluster of the test's
//! own, with two replicas.

use std::process::Command;
use std::time::{Duration, Instant};

use claviger_testenv::{Cluster, RunDir, workspace_root};
use serde_json::json;

use super::{each, secret_writes};
use crate::support::{Mount, Operator, World, world};

const NAMES: [&str; 5] = ["es0", "es1", "es2", "es3", "es4"];
/// Longer than a leader works without its lease, 7 s, and shorter than others wait for it, 10 s.
const AWAY: Duration = Duration::from_secs(9);
/// For a replica to lead after that: the rest is a busy machine.
const LEADS: Duration = Duration::from_secs(60);

/// The definitions, the operator's rights, and ExternalSecrets of one key in the shared OpenBao.
fn install(world: &World) -> Mount<'_> {
    let crds = Command::new(&world.env.claviger).arg("crds").output().unwrap();
    world.apply(&String::from_utf8(crds.stdout).unwrap());
    world.apply(&std::fs::read_to_string(workspace_root().join("examples/cluster/rbac.yaml")).unwrap());
    world.wait_established();
    let mount = Mount::kv2(world);
    let (login, role, secret) = mount.app_role("60m");
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "approle", "namespace": world.name},
        "stringData": {"id": secret},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "vault", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"vault": {
            "server": world.env.bao.address(), "path": mount.path,
            "auth": {"appRole": {"path": login, "roleId": role, "secretRef": {"name": "approle", "key": "id"}}},
        }}},
    }));
    mount.put("key", json!({"v": "first"}));
    for name in NAMES {
        world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": world.name},
            "spec": {
                "refreshInterval": "2s", "secretStoreRef": {"name": "vault"},
                "data": [{"secretKey": "v", "remoteRef": {"key": "key", "property": "v"}}],
            },
        }));
    }
    mount
}

/// Waits until one of them leads, and no more than one.
fn leader(world: &World, replicas: &[Operator; 2]) {
    world.wait_for(LEADS, "one to lead", || match replicas.iter().filter(|one| one.leads()).count() {
        1 => Ok(()),
        count => Err(format!("{count} lead: {}\n{}", replicas[0].log(), replicas[1].log())),
    });
}

#[test]
fn etcd_and_the_api_server_go_and_come_back() {
    let world = world!("faults-away");
    let dir = RunDir::create(&world.name).unwrap();
    let mut cluster = Cluster::start(&world.env.tools, dir.path()).unwrap();
    let bao = world.env.bao.clone();
    let world = world.moved(cluster.view(), &bao);
    let mount = install(&world);
    let replicas = [Operator::replica(&world, "-a"), Operator::replica(&world, "-b")];
    leader(&world, &replicas);
    for name in NAMES {
        world.wait_data(name, &[("v", "first")]);
        world.wait_ready("externalsecret", name);
    }
    for (what, value) in [("etcd", "second"), ("API server", "third")] {
        let since = world.env.cluster.audit_mark();
        match what {
            "etcd" => cluster.stop_etcd(),
            _ => cluster.stop_api_server(),
        }
        let gone = Instant::now();
        mount.put("key", json!({"v": value}));
        world.wait_for(2 * AWAY, "the leader to stand by", || {
            assert!(replicas.iter().all(Operator::runs), "{what}: it ended");
            if !replicas.iter().any(Operator::leads) { Ok(()) } else { Err("it leads".to_owned()) }
        });
        world.wait_for(2 * AWAY, "some time to pass", || {
            assert!(!replicas.iter().any(Operator::leads), "{what}: it leads without its lease");
            if gone.elapsed() >= AWAY { Ok(()) } else { Err("not yet".to_owned()) }
        });
        match what {
            "etcd" => cluster.start_etcd().unwrap(),
            _ => cluster.start_api_server().unwrap(),
        }
        let back = Instant::now();
        leader(&world, &replicas);
        println!("{what}: a replica led {:.1} s after it was back", back.elapsed().as_secs_f64());
        for name in NAMES {
            world.wait_data(name, &[("v", value)]);
            world.wait_ready("externalsecret", name);
        }
        let writes = secret_writes(&world, since, &[&replicas[0], &replicas[1]]);
        assert_eq!(writes, each(&NAMES, 1), "{what}: each Secret is written once");
        assert!(replicas.iter().all(Operator::runs), "{what}: nobody ended");
    }
}
