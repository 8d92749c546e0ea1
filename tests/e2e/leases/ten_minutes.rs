//! Ten minutes in the life of credentials: made, renewed and replaced, while the leading replica is killed, OpenBao is
//! away and the API server is away, each of them twice. At every sampled moment PostgreSQL takes what the Secrets hold.
//!
//! What cannot hold is not asked for: a lease whose last third passes while nobody can renew it ends. So each lives long
//! enough for a third of it to be more than the longest outage here with what it takes to go on after it: an API server
//! that is away for ten seconds takes some more to start, and who leads then is found out within ten.

use std::process::Command;
use std::time::{Duration, Instant};

use claviger_testenv::{Bao, BaoOptions, Cluster, Mark, PlainApi, RunDir, workspace_root};

use super::samples::Sampling;
use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, World, world};

const RUN: Duration = Duration::from_secs(600);

/// Roles, and ExternalSecrets of the same names: life, longest life, annotations.
const ROLES: [(&str, &str, &str, &str); 5] = [
    // Each lives by renewal until its maximum, in a rhythm of its own.
    ("renewed-a", "120s", "300s", ""),
    ("renewed-b", "135s", "340s", ""),
    ("renewed-c", "150s", "380s", ""),
    ("replaced", "120s", "300s", "external-secrets.io/rotation-interval: 20s"),
    // Who reads the Secret has 45 s to take up another, more than an API server is away here.
    (
        "revoked",
        "120s",
        "300s",
        "external-secrets.io/rotation-interval: 25s, claviger.io/revoke-superseded-after: 45s",
    ),
];

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    LeaderKilled,
    BaoAway,
    ApiServerAway,
}

/// When, in seconds. In between everything has its turn in calm.
const PLAN: [(u64, Fault); 6] = [
    (45, Fault::LeaderKilled),
    (110, Fault::BaoAway),
    (190, Fault::ApiServerAway),
    (280, Fault::BaoAway),
    (360, Fault::ApiServerAway),
    (450, Fault::LeaderKilled),
];

const BAO_AWAY: Duration = Duration::from_secs(15);
const API_SERVER_AWAY: Duration = Duration::from_secs(10);

/// For a replica to lead: 13 s as it is built, the rest is a busy machine.
const LEADS: Duration = Duration::from_secs(60);

/// Between two rounds of logins.
const SAMPLE: Duration = Duration::from_millis(500);

struct Scene<'a> {
    world: &'a World,
    replicas: [Operator; 2],
    cluster: Cluster,
    bao: Bao,
    sampling: &'a Sampling<'a>,
}

#[test]
fn the_database_takes_what_the_secrets_hold_for_ten_minutes() {
    let world = world!("leases-ten-minutes");
    let dir = RunDir::create(&world.name).unwrap();
    let cluster = Cluster::start(&world.env.tools, dir.path()).unwrap();
    let bao = Bao::start(&world.env.tools, dir.path(), BaoOptions::default()).unwrap();
    let world = world.moved(cluster.view(), bao.view());
    install(&world);
    let roles: Vec<(&str, &str, &str)> =
        ROLES.iter().map(|(name, ttl, max, _)| (*name, *ttl, *max)).collect();
    let corner = Corner::new(&world, &roles, LEASE_RIGHTS);
    let replicas = [Operator::replica(&world, "-a"), Operator::replica(&world, "-b")];
    for (name, _, _, annotations) in ROLES {
        corner.external_secret(name, name, "1h", annotations);
    }
    let names: Vec<&str> = ROLES.iter().map(|(name, ..)| *name).collect();
    for name in &names {
        world.wait_ready("externalsecret", name);
    }

    let api = PlainApi::of_admin(cluster.view(), dir.path()).unwrap();
    let sampling = Sampling::new(&corner, &api, &names, SAMPLE);
    let mut scene = Scene { world: &world, replicas, cluster, bao, sampling: &sampling };
    let begun = Instant::now();
    let samples = std::thread::scope(|scope| {
        let end = sampling.end();
        let samples = scope.spawn(|| sampling.run());
        for (at, fault) in PLAN {
            scene.calm(begun, Duration::from_secs(at));
            let took = scene.suffer(fault);
            println!(
                "{at} s, {fault:?}: {:.1} s until a replica led and all servers were there",
                took.as_secs_f64()
            );
        }
        scene.calm(begun, RUN);
        drop(end);
        samples.join().unwrap()
    });
    assert_eq!(samples.refusals, Vec::<String>::new());

    let all = Mark::default();
    let made: Vec<usize> = names.iter().map(|name| corner.leases_made(all, name).len()).collect();
    let (renewals, revocations) =
        (corner.asked(all, "sys/leases/renew"), corner.asked(all, "sys/leases/revoke"));
    println!(
        "{} logins in {} rounds, {} of them blind; slowest login {:?}, longest between rounds {:?}; made {:?}; \
         {renewals} renewals, {revocations} revocations; users seen {:?}",
        samples.logins,
        samples.rounds,
        samples.blind,
        samples.slowest,
        samples.longest_gap,
        names.iter().zip(&made).collect::<Vec<_>>(),
        samples.users,
    );
    // Half of what a quiet machine does.
    let least = RUN.as_millis() / SAMPLE.as_millis() / 2;
    assert!(samples.rounds as u128 >= least, "{} rounds are too few to tell", samples.rounds);
    assert!(made[..3].iter().all(|made| *made >= 2), "each reached its maximum and was replaced: {made:?}");
    assert!(made[3] >= 15 && made[4] >= 12, "replaced at their intervals: {made:?}");
    assert!(renewals >= 6 && revocations >= 10, "{renewals} renewals, {revocations} revocations");
    for name in &names {
        world.wait_ready("externalsecret", name);
    }
}

impl Scene<'_> {
    /// Waits until so long after the beginning; a refusal ends the wait.
    fn calm(&self, begun: Instant, at: Duration) {
        self.sampling.doing("nothing");
        self.world.wait_for(RUN, "the time to come, without a refusal", || {
            if self.sampling.is_over() || begun.elapsed() >= at { Ok(()) } else { Err(format!("{at:?}")) }
        });
    }

    /// Brings a fault about, and waits until everything is there again and a replica leads; how long that took.
    fn suffer(&mut self, fault: Fault) -> Duration {
        let begun = Instant::now();
        self.sampling.doing(format!("{fault:?}"));
        match fault {
            Fault::LeaderKilled => {
                let leader = self.leader();
                self.replicas[leader].kill();
                let next = self.leader();
                self.sampling.doing("another has just begun to lead");
                self.replicas[leader].restart();
                assert_ne!(next, leader);
                return begun.elapsed();
            }
            Fault::BaoAway => {
                self.bao.stop();
                self.wait(begun, BAO_AWAY);
                self.bao.start_again().unwrap();
            }
            Fault::ApiServerAway => {
                self.cluster.stop_api_server();
                self.wait(begun, API_SERVER_AWAY);
                self.cluster.start_api_server().unwrap();
            }
        }
        self.sampling.doing(format!("after {fault:?}"));
        self.leader();
        begun.elapsed()
    }

    fn wait(&self, begun: Instant, long: Duration) {
        self.world.wait_for(long * 2, "the outage to be long enough", || match begun.elapsed() >= long {
            true => Ok(()),
            false => Err("not yet".to_owned()),
        });
    }

    /// Which replica leads, when one does.
    fn leader(&self) -> usize {
        self.world.wait_for(LEADS, "a replica to lead", || {
            let leads = self.replicas.iter().position(Operator::leads);
            leads.ok_or_else(|| format!("{}\n{}", self.replicas[0].log(), self.replicas[1].log()))
        })
    }
}

/// The definitions and the operator's rights.
fn install(world: &World) {
    let crds = Command::new(&world.env.claviger).arg("crds").output().unwrap();
    assert!(crds.status.success());
    world.apply(&String::from_utf8(crds.stdout).unwrap());
    world.apply(&std::fs::read_to_string(workspace_root().join("examples/cluster/rbac.yaml")).unwrap());
    world.wait_established();
}
