//! A thousand ExternalSecrets over fifty keys of one store: what the backend sees of them, counted at the
//! backend, when all is new, round by round, and when their login token ends in mid-flight.
//!
//! How fast that is is no test's business.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Mount, Operator, Rounds, World, world};

/// ExternalSecrets, properties of each, keys. Each key's are every fiftieth.
const OBJECTS: usize = 1_000;
const PROPERTIES: usize = 5;
const KEYS: usize = 50;

#[test]
fn a_thousand_share_fifty_reads_a_round_and_one_login() {
    let world = world!("scale");
    let mount = Mount::kv2(&world);
    let (login, role, secret) = mount.app_role("60m");
    for key in 0..KEYS {
        let data: BTreeMap<_, _> =
            (0..PROPERTIES).map(|p| (format!("p{p}"), format!("value-{key}-{p}"))).collect();
        mount.put(&format!("key{key}"), json!(data));
    }
    create(&world, &mount, &login, &role, &secret);

    let begin = world.env.bao.audit_mark();
    let operator = Operator::start(&world);
    let rounds = Rounds {
        world: &world,
        operator: &operator,
        mount: &mount.path,
        login: &login,
        objects: OBJECTS,
        keys: KEYS,
        deadline: Duration::from_secs(400),
    };
    let (first, mark) = rounds.quiet("every object to be synced", None, 1);
    let asked = rounds.asked(begin, mark);
    assert_eq!(asked.logins, 1, "one login for all");
    // Whose turn came early may have had its second round.
    assert_eq!(
        asked.reads,
        rounds.one_a_round(None, &first),
        "each key is read once a round for all its twenty"
    );

    let (second, later) = rounds.quiet("one more round", Some(&first), 1);
    let asked = rounds.asked(mark, later);
    assert_eq!(asked.logins, 0, "the token lives");
    let expected = rounds.one_a_round(Some(&first), &second);
    assert_eq!(asked.reads, expected, "reads by key, and how often its objects were refreshed");

    // The token is gone between two requests, and a thousand find out.
    let failed = failures(&operator, &world.name);
    let accessors = mount.api("LIST", "auth/token/accessors", Value::Null);
    let mut revoked = 0;
    for accessor in accessors["data"]["keys"].as_array().unwrap() {
        let about = world.env.bao.api("POST", "auth/token/lookup-accessor", &json!({"accessor": accessor}));
        if about.is_ok_and(|(_, about)| about["data"]["path"] == format!("auth/{login}/login")) {
            mount.api("POST", "auth/token/revoke-accessor", json!({"accessor": accessor}));
            revoked += 1;
        }
    }
    assert_eq!(revoked, 1, "there was one token");
    let (_, end) = rounds.quiet("a round after the token's end", Some(&second), 1);
    let asked = rounds.asked(later, end);
    assert_eq!(asked.logins, 1, "one login replaces it");
    // Whoever was refused asks once whether it is the token: at most those that were under way together.
    assert!((1..=10).contains(&asked.lookups), "{} looks at the token", asked.lookups);
    assert_eq!(failures(&operator, &world.name), failed, "nobody's refresh failed for it");
}

fn create(world: &World, mount: &Mount<'_>, login: &str, role: &str, secret: &str) {
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: approle, namespace: {ns}}}\nstringData: {{id: {secret}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: vault, namespace: {ns}}}\n\
         spec:\n  controller: {ns}\n  refreshInterval: 3600\n  provider:\n    vault: {{server: \"{server}\", path: {path}, auth: {{appRole: \
         {{path: {login}, roleId: {role}, secretRef: {{name: approle, key: id}}}}}}}}\n",
        server = world.env.bao.address(),
        path = mount.path,
    ));
    let mut objects = String::new();
    for n in 0..OBJECTS {
        write!(
            objects,
            "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: es{n}, namespace: {ns}}}\n\
             spec:\n  refreshInterval: 100s\n  secretStoreRef: {{name: vault}}\n  data:\n"
        )
        .unwrap();
        for p in 0..PROPERTIES {
            let key = n % KEYS;
            writeln!(objects, "    - {{secretKey: p{p}, remoteRef: {{key: key{key}, property: p{p}}}}}")
                .unwrap();
        }
    }
    world.apply(&objects);
}

/// Refreshes of the thousand that failed since the start. (Other tests' objects without a controller class are
/// this operator's too.)
fn failures(operator: &Operator, namespace: &str) -> f64 {
    let (page, ours) = (operator.page("/metrics"), format!("namespace=\"{namespace}\""));
    let lines = page.lines().filter(|line| line.starts_with("externalsecret_sync_calls_error{"));
    lines
        .filter(|line| line.contains(&ours))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
