//! Workloads are restarted when the data of their Secret changes, once for each change; and what a Secret held before is
//! taken back when they run again. Deployment, StatefulSet and DaemonSet controllers are real; there are no nodes, so the
//! test says when a pod is ready.

use serde_json::{Value, json};

use crate::leases::{Corner, LEASE_RIGHTS};
use crate::support::{Operator, World, world};

/// Pods that are replaced when the template changes.
fn workload(kind: &str, name: &str, namespace: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {name}}}}}\n\
         spec:\n  {rest}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{automountServiceAccountToken: false, containers: [{{name: main, image: example.com/none}}]}}\n"
    )
}

/// The change that a workload was restarted for.
fn restarted(world: &World, kind: &str, name: &str) -> Option<String> {
    let found = world.get(kind, name).unwrap();
    let annotations = found["spec"]["template"]["metadata"]["annotations"].as_object()?;
    let mark = annotations.iter().find(|(name, _)| name.starts_with("restart.claviger.io/"))?;
    Some(mark.1.as_str().unwrap().to_owned())
}

fn events(world: &World) -> Vec<(String, String)> {
    let list = world.kubectl(&["-n", &world.name, "get", "events.events.k8s.io", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let text = |item: &Value, field: &str| item[field].as_str().unwrap_or_default().to_owned();
    list["items"].as_array().unwrap().iter().map(|item| (text(item, "reason"), text(item, "note"))).collect()
}

#[test]
fn what_uses_a_secret_is_restarted_once_for_each_change() {
    let world = world!("rollout");
    let corner = Corner::new(&world, &[("app", "1h", "2h")], LEASE_RIGHTS);
    let ns = &world.name;
    world.apply(&workload("Deployment", "web", ns, "replicas: 1"));
    world.apply(&workload("StatefulSet", "db", ns, "replicas: 0\n  serviceName: db"));
    world.apply(&workload("DaemonSet", "agent", ns, "minReadySeconds: 0"));
    world.apply(&workload("Deployment", "bystander", ns, "replicas: 0"));
    let mut operator = Operator::start(&world);
    corner.external_secret(
        "db",
        "app",
        "1h",
        "claviger.io/rollout-restart: \"deployment/web, sts/db, deployment/forgotten\", \
         claviger.io/rollout-restart-selector: app=agent, claviger.io/revoke-superseded-after: rollout",
    );
    world.wait_ready("externalsecret", "db");
    let first = corner.lease_of("db");
    for (kind, name) in [("deployment", "web"), ("statefulset", "db"), ("daemonset", "agent")] {
        assert_eq!(restarted(&world, kind, name), None, "the first Secret was in nobody's pod");
    }
    world.sync_now("db");
    let mark = world.wait("all three to be restarted", || {
        let marks = [("deployment", "web"), ("statefulset", "db"), ("daemonset", "agent")]
            .map(|(kind, name)| restarted(&world, kind, name));
        match &marks {
            [Some(one), Some(two), Some(three)] if one == two && two == three => Ok(one.clone()),
            other => Err(format!("{other:?}\n{}", operator.log())),
        }
    });
    assert_eq!(restarted(&world, "deployment", "bystander"), None);
    let second = corner.lease_of("db");
    assert_ne!(first, second);
    world.wait("events that say what was restarted, and what is not there", || {
        let events = events(&world);
        let said = |reason: &str, text: &str| {
            events.iter().any(|(found, note)| found == reason && note.contains(text))
        };
        let all = said("RolloutRestarted", "Deployment web, StatefulSet db, DaemonSet agent")
            && said("RolloutTargetMissing", "Deployment forgotten");
        if all { Ok(()) } else { Err(format!("{events:?}")) }
    });
    assert_eq!(corner.database.leases("app").len(), 2, "the old one is for the pods that still run");

    // A restart of the operator restarts nothing else.
    let generation = |name: &str| world.get("deployment", name).unwrap()["metadata"]["generation"].clone();
    let before = generation("web");
    operator.stop();
    let operator = Operator::start(&world);
    // The new pod comes up, and the old one goes.
    world.wait("the old credential to be taken back", || {
        let pods = world.kubectl(&["-n", ns, "get", "pods", "-l", "app=web", "-o", "json"]);
        let pods: Value = serde_json::from_str(&pods).unwrap();
        for pod in pods["items"].as_array().unwrap() {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True",
                "lastTransitionTime": "2020-01-01T00:00:00Z"}]}});
            // It may be gone by now.
            world.try_kubectl(&["-n", ns, "patch", "pod", name, "--subresource=status", "-p", &status.to_string()]);
        }
        match corner.database.leases("app") {
            left if left == [second.clone()] => Ok(()),
            left => Err(format!("{left:?} {}\n{}", world.get("deployment", "web").unwrap()["status"], operator.log())),
        }
    });
    assert_eq!(generation("web"), before);
    assert_eq!(restarted(&world, "deployment", "web"), Some(mark));
    corner.database.accepts_secret("db").unwrap();
}

#[test]
fn a_stored_value_that_changes_restarts_too_and_an_annotation_that_cannot_be_meant_is_named() {
    let world = world!("rollout-stored");
    let corner = Corner::new(&world, &[], "");
    let ns = &world.name;
    world.apply(&workload("Deployment", "web", ns, "replicas: 0"));
    corner.mount.put("config", json!({"a": "one"}));
    let _operator = Operator::start(&world);
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: config, namespace: {ns}, annotations: \
         {{claviger.io/rollout-restart: deployment/web}}}}\nspec:\n  refreshInterval: 1s\n  secretStoreRef: {{name: vault}}\n  \
         dataFrom: [{{extract: {{key: config}}}}]\n"
    ));
    world.wait_data("config", &[("a", "one")]);
    assert_eq!(restarted(&world, "deployment", "web"), None);
    let mut marks = Vec::new();
    for value in ["two", "three"] {
        corner.mount.put("config", json!({"a": value}));
        world.wait_data("config", &[("a", value)]);
        marks.push(world.wait("a restart", || match restarted(&world, "deployment", "web") {
            Some(mark) if !marks.contains(&mark) => Ok(mark),
            other => Err(format!("{other:?}")),
        }));
    }
    let annotation = "claviger.io/rollout-restart=pod/web";
    world.kubectl(&["-n", ns, "annotate", "externalsecret", "config", annotation, "--overwrite"]);
    let message = world.wait_reason("externalsecret", "config", "ManifestInvalid");
    assert!(
        message.contains("claviger.io/rollout-restart") && message.contains("deployment/NAME"),
        "{message}"
    );
    let nothing = ["claviger.io/rollout-restart-", "claviger.io/revoke-superseded-after=rollout"];
    world.kubectl(
        &[&["-n", ns, "annotate", "externalsecret", "config", "--overwrite"][..], &nothing].concat(),
    );
    world.wait("what waits for nothing to be refused", || match world.ready("externalsecret", "config") {
        Some((_, reason, message)) if reason == "ManifestInvalid" && message.contains("needs workloads") => {
            Ok(())
        }
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn an_operator_that_restarts_nothing_says_so_and_asks_for_no_workload() {
    let world = world!("rollout-off");
    let corner = Corner::new(&world, &[], "");
    let ns = &world.name;
    world.apply(&workload("Deployment", "web", ns, "replicas: 0"));
    corner.mount.put("config", json!({"a": "one"}));
    let operator = Operator::start_flagged(&world, &["--enable-rollouts=false"]);
    let mark = world.env.cluster.audit_mark();
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: config, namespace: {ns}, annotations: \
         {{claviger.io/rollout-restart: deployment/web}}}}\nspec:\n  refreshInterval: 1s\n  secretStoreRef: {{name: vault}}\n  \
         dataFrom: [{{extract: {{key: config}}}}]\n"
    ));
    world.wait_data("config", &[("a", "one")]);
    corner.mount.put("config", json!({"a": "two"}));
    world.wait_data("config", &[("a", "two")]);
    world.wait("an event that says so", || {
        let events = events(&world);
        let said = |(reason, note): &(String, String)| {
            reason == "RolloutRestartFailed" && note.contains("--enable-rollouts=false")
        };
        if events.iter().any(said) { Ok(()) } else { Err(format!("{events:?}")) }
    });
    assert_eq!(restarted(&world, "deployment", "web"), None);
    let requests = world.env.cluster.audit_requests(mark).unwrap();
    assert!(!requests.iter().any(|one| one.user == operator.user() && one.uri.contains("/apis/apps/")));
    // What is to be revoked after a restart never would be.
    let after = "claviger.io/revoke-superseded-after=rollout";
    world.kubectl(&["-n", ns, "annotate", "externalsecret", "config", after]);
    let message = world.wait_reason("externalsecret", "config", "ManifestInvalid");
    assert!(message.contains("--enable-rollouts"), "{message}");
}
