//! A thousand ExternalSecrets over fifty keys of one store: what the backend sees of them, counted at the
//! backend, when all is new, round by round, and when their login token ends in mid-flight.
//!
//! How fast that is is no test's business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use claviger_testenv::Mark;
use serde_json::{Value, json};

use crate::support::{Mount, Operator, World, world};

/// ExternalSecrets, properties of each, keys. Each key's are every fiftieth.
const OBJECTS: usize = 1_000;
const PROPERTIES: usize = 5;
const KEYS: usize = 50;
/// Half a minute of a busy machine for each of some rounds.
const DEADLINE: Duration = Duration::from_secs(240);

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
    let seen = Seen { world: &world, mount: &mount.path, login: &login };

    let begin = world.env.bao.audit_mark();
    let operator = Operator::start(&world);
    let (first, mark) = quiet(&seen, &operator, "every object to be synced", 1);
    let (reads, logins, _) = seen.between(begin, mark);
    assert_eq!(logins, 1, "one login for all");
    // Whose turn came early may have had its second round.
    let expected: BTreeMap<usize, usize> = first.iter().copied().enumerate().collect();
    assert_eq!(reads, expected, "each key is read once a round for all its twenty");

    let (later, mark_later) = quiet(&seen, &operator, "two more rounds", first[0] + 2);
    let (reads, logins, _) = seen.between(mark, mark_later);
    assert_eq!(logins, 0, "the token lives");
    let expected: BTreeMap<usize, usize> = (0..KEYS).map(|key| (key, later[key] - first[key])).collect();
    assert_eq!(reads, expected, "reads by key, and how often its objects were refreshed");

    // The token is gone between two requests, and a thousand find out.
    let failed = failures(&operator);
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
    let (_, end) = quiet(&seen, &operator, "a round after the token's end", later[0] + 2);
    let (_, logins, lookups) = seen.between(mark_later, end);
    assert_eq!(logins, 1, "one login replaces it");
    // Whoever was refused asks once whether it is the token: at most those that were under way together.
    assert!((1..=10).contains(&lookups), "{lookups} looks at the token");
    assert_eq!(failures(&operator), failed, "nobody's refresh failed for it");
}

/// A moment at which no key is in the midst of a round, and every object was refreshed `least` times: how often
/// those of each key were, and the end of the backend's log. For a second nothing was read and nobody's count
/// moved, so what was read has been counted.
fn quiet(seen: &Seen<'_>, operator: &Operator, what: &str, least: usize) -> (Vec<usize>, Mark) {
    let mut still: Option<(Instant, Vec<usize>, Mark)> = None;
    seen.world.wait_for(DEADLINE, what, || {
        let now = Instant::now();
        let found = rounds(operator, least).inspect_err(|_| still = None)?;
        if let Some((since, known, mark)) = &still
            && *known == found
            && seen.between(*mark, seen.world.env.bao.audit_mark()).0.is_empty()
        {
            let long = since.elapsed() > Duration::from_secs(1);
            return if long { Ok((found, *mark)) } else { Err("not long enough".to_owned()) };
        }
        still = Some((now, found, seen.world.env.bao.audit_mark()));
        Err("something moves".to_owned())
    })
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
             spec:\n  refreshInterval: 40s\n  secretStoreRef: {{name: vault}}\n  data:\n"
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

/// How often the objects of each key were refreshed, if that is the same for all twenty of it (so that none of
/// them is in the midst of a round) and at least `least`.
fn rounds(operator: &Operator, least: usize) -> Result<Vec<usize>, String> {
    let page = operator.page("/metrics");
    let mut counts = BTreeMap::<usize, Vec<usize>>::new();
    for line in page.lines().filter(|line| line.starts_with("externalsecret_sync_calls_total{")) {
        let name = line.split("name=\"es").nth(1).and_then(|rest| rest.split('"').next());
        let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
        if let (Some(Ok(n)), Some(count)) = (name.map(str::parse::<usize>), count) {
            counts.entry(n % KEYS).or_default().push(count as usize);
        }
    }
    let seen: usize = counts.values().map(Vec::len).sum();
    if seen < OBJECTS {
        return Err(format!("{seen} of {OBJECTS} were refreshed"));
    }
    let even = |key: &usize| {
        let counts = &counts[key];
        (counts[0] >= least && counts.iter().all(|count| *count == counts[0])).then_some(counts[0])
    };
    (0..KEYS).map(|key| even(&key).ok_or_else(|| format!("key{key}: {:?}", counts[&key]))).collect()
}

/// Refreshes that failed since the start, where the plugin may not have been loaded yet.
fn failures(operator: &Operator) -> f64 {
    let page = operator.page("/metrics");
    let lines = page.lines().filter(|line| line.starts_with("externalsecret_sync_calls_error{"));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// What the backend's audit log shows.
struct Seen<'a> {
    world: &'a World,
    mount: &'a str,
    login: &'a str,
}

impl Seen<'_> {
    /// Reads by key, logins, looks at the own token.
    fn between(&self, begin: Mark, end: Mark) -> (BTreeMap<usize, usize>, usize, usize) {
        let (mut reads, mut logins, mut tokens, mut looked) =
            (BTreeMap::new(), 0, BTreeSet::new(), Vec::new());
        for entry in self.world.env.bao.audit_between(begin, end).unwrap() {
            if entry.kind != "request" {
                continue;
            }
            if let Some(key) = entry.path.strip_prefix(&format!("{}/data/key", self.mount)) {
                *reads.entry(key.parse().unwrap()).or_default() += 1;
                tokens.insert(entry.token_hash);
            } else if entry.path == format!("auth/{}/login", self.login) {
                logins += 1;
            } else if entry.path == "auth/token/lookup-self" {
                looked.push(entry.token_hash);
            }
        }
        // A token that has ended is nobody's: only what else was sent with it says whose it was.
        let lookups = looked.iter().filter(|token| tokens.contains(*token)).count();
        (reads, logins, lookups)
    }
}
