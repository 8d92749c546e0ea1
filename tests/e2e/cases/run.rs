//! Carrying out the table: all objects at once, then looks at the whole namespace until every case has come to its last
//! step, or the deadline is over.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::case::{Case, Step, Store};
use super::expect::{Snapshot, differences};
use crate::support::World;

/// For the whole table on a busy machine; alone it takes about a minute.
const DEADLINE: Duration = Duration::from_secs(240);
/// kubectl processes at once, where each change is one.
const HANDS: usize = 4;

/// A case under way.
struct Under<'a> {
    case: &'a Case,
    /// Steps that were taken.
    steps: usize,
    /// Whether what is expected after the last of them was seen, or is looked for at the end only.
    settled: bool,
    differences: Vec<String>,
}

/// Carries them out; everything that differs, case by case.
pub(super) fn run(world: &World, cases: &[Case]) -> Vec<String> {
    let namespace = world.name.as_str();
    let (rejected, taken): (Vec<_>, Vec<_>) = cases.iter().partition(|case| case.expect.rejected.is_some());
    let existing = taken.iter().flat_map(|case| &case.existing).map(|object| placed(object, namespace));
    let stores = taken.iter().filter_map(|case| Some(store(case, case.store.as_ref()?, namespace)));
    create(world, existing.chain(stores));
    create(world, taken.iter().map(|case| case.manifest(namespace)));
    let mut reports = refused(world, &rejected);

    let mut all: Vec<Under<'_>> = taken
        .into_iter()
        .map(|case| Under { case, steps: 0, settled: case.expect.ignored, differences: Vec::new() })
        .collect();
    let started = Instant::now();
    while all.iter().any(|one| !one.settled || one.steps < one.case.steps.len())
        && started.elapsed() < DEADLINE
    {
        let found = look(world);
        let mut next = Vec::new();
        for one in &mut all {
            if !one.settled {
                one.differences = differences(one.case, one.steps, namespace, &found);
                one.settled = one.differences.is_empty();
            }
            if one.settled && one.steps < one.case.steps.len() {
                next.push((one.case, one.steps));
                one.steps += 1;
                one.settled = one.case.expected(one.steps).ignored;
            }
        }
        take(world, &next);
    }
    // Who came last is in order: so is whatever was asked for before.
    let last = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "the-last-of-all", "namespace": namespace},
        "spec": {"secretStoreRef": {"name": all[0].case.name}, "dataFrom": [{"find": {"name": {"regexp": "."}}}]},
    });
    create(world, [last]);
    world.wait_ready("externalsecret", "the-last-of-all");
    let found = look(world);
    for one in all {
        let Under { case, steps, settled, differences: before } = one;
        let mut lines = differences(case, steps, namespace, &found);
        if settled && steps == case.steps.len() && !lines.is_empty() {
            lines.insert(0, "was as expected, and did not stay so:".to_owned());
        } else if lines.is_empty() && !(settled && steps == case.steps.len()) {
            lines = before;
        }
        reports.extend(report(case, steps, &lines));
    }
    reports
}

fn report(case: &Case, steps: usize, lines: &[String]) -> Option<String> {
    let after = if steps == 0 { String::new() } else { format!(", after step {steps}") };
    let differs = case.differs.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    let head = format!("{} ({}, {}{after}{differs})", case.name, case.file, case.rule);
    (!lines.is_empty()).then(|| format!("{head}:\n    {}", lines.join("\n    ")))
}

fn look(world: &World) -> Snapshot {
    let kinds = "externalsecrets.v1.external-secrets.io,secrets,events";
    let list = world.kubectl(&["-n", &world.name, "get", kinds, "-o", "json", "--show-managed-fields"]);
    Snapshot::of(serde_json::from_str(&list).unwrap())
}

fn store(case: &Case, data: &Store, namespace: &str) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": case.name, "namespace": namespace},
        "spec": {"controller": namespace, "provider": {"fake": {"data": data.data()}}},
    })
}

/// Into the namespace, if it is of a kind that lies in one.
fn placed(object: &Value, namespace: &str) -> Value {
    let mut object = object.clone();
    if object["kind"] != "ClusterSecretStore" {
        object["metadata"]["namespace"] = Value::from(namespace);
    }
    object
}

fn create(world: &World, objects: impl IntoIterator<Item = Value>) {
    let objects: Vec<Value> = objects.into_iter().collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let (ok, said) = kubectl_with(world, &["create", "-f", "-"], &list.to_string());
    assert!(ok, "kubectl create: {said}");
}

/// kubectl with something to read: whether it succeeded, and what it complained of.
fn kubectl_with(world: &World, args: &[&str], input: &str) -> (bool, String) {
    let mut command = world.env.cluster.command(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Manifests that the API server has to refuse.
fn refused(world: &World, cases: &[&Case]) -> Vec<String> {
    let one = |case: &&Case| {
        let manifest = case.manifest(&world.name).to_string();
        let (taken, said) = kubectl_with(world, &["create", "--validate=strict", "-f", "-"], &manifest);
        let wanted = case.expect.rejected.as_deref().unwrap_or_default();
        let line = match (taken, said.contains(wanted)) {
            (true, _) => "it was taken by the API server".to_owned(),
            (false, true) => return None,
            (false, false) => format!("refused, but without {wanted:?}: {said}"),
        };
        report(case, 0, &[line])
    };
    side_by_side(cases, one).into_iter().flatten().collect()
}

/// Takes one step of each of these cases.
fn take(world: &World, steps: &[(&Case, usize)]) {
    side_by_side(steps, |(case, index)| step(world, case, *index));
}

fn step(world: &World, case: &Case, index: usize) {
    let Step { store, patch, delete, create: created, sync, spec, .. } = &case.steps[index];
    let namespace = world.name.as_str();
    let with = |args: &[&str], input: &str| {
        let args: Vec<&str> = ["-n", namespace].iter().chain(args).copied().collect();
        let (ok, said) = kubectl_with(world, &args, input);
        assert!(ok, "{}: kubectl {args:?}: {said}", case.name);
    };
    let json_patch = |kind: &str, path: &str, value: Value| {
        let patch = json!([{"op": "replace", "path": path, "value": value}]).to_string();
        with(&["patch", kind, &case.name, "--type=json", "-p", &patch], "");
    };
    if let Some(store) = store {
        json_patch("secretstore", "/spec/provider/fake/data", store.data());
    }
    for object in delete {
        with(&["delete", object], "");
    }
    if !created.is_empty() {
        create(world, created.iter().map(|object| placed(object, namespace)));
    }
    for patch in patch {
        with(&["patch", &patch.of, "--type=merge", "-p", &patch.merge.to_string()], "");
    }
    if spec.is_some() {
        json_patch("externalsecret", "/spec", Value::Object(case.spec(index + 1)));
    }
    if *sync || store.is_some() {
        let mark = format!("force-sync=step-{index}");
        with(&["annotate", "externalsecret", &case.name, &mark, "--overwrite"], "");
    }
}

/// Does the same with all, some at once.
fn side_by_side<T: Sync, R: Send>(all: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let share = all.len().div_ceil(HANDS).max(1);
    std::thread::scope(|scope| {
        let hands: Vec<_> =
            all.chunks(share).map(|part| scope.spawn(|| part.iter().map(&one).collect::<Vec<_>>())).collect();
        hands.into_iter().flat_map(|hand| hand.join().unwrap()).collect()
    })
}
