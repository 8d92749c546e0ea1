//! What it finds in a cluster at work: objects by reason, the lease, a Plugin; and that looking writes nothing.

use claviger_testenv::workspace_root;
use serde_json::Value;

use super::doctor;
use crate::support::{Operator, World, world};

fn external_secret(world: &World, name: &str, store: &str, key: &str) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         spec:\n  refreshInterval: 1h\n  secretStoreRef: {{name: {store}}}\n  \
         data: [{{secretKey: a, remoteRef: {{key: {key}}}}}]\n",
        ns = world.name
    ));
}

/// Who may read everything.
fn reader(world: &World) -> (std::path::PathBuf, String) {
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: reader, namespace: {ns}}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: reader-{ns}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}\n\
         subjects: [{{kind: ServiceAccount, name: reader, namespace: {ns}}}]\n"
    ));
    let kubeconfig = world.env.cluster.kubeconfig_for_service_account(ns, "reader").unwrap();
    (kubeconfig, format!("system:serviceaccount:{ns}:reader"))
}

/// Finding of a check whose message has those words.
fn with<'a>(findings: &'a [Value], check: &str, words: &str) -> &'a Value {
    let fits =
        |finding: &&Value| finding["check"] == check && finding["message"].as_str().unwrap().contains(words);
    findings.iter().find(fits).unwrap_or_else(|| panic!("{check}: {words}: {findings:?}"))
}

#[test]
fn what_is_not_ready_is_counted_by_reason_with_a_remedy() {
    let world = world!("doctor-findings");
    let ns = world.name.clone();
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: one, value: MARKED-doctor-value}}]}}}}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: broken, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{vault: {{server: 'http://127.0.0.1:1', path: x, auth: {{tokenSecretRef: \
         {{name: none, key: k}}}}}}}}}}\n"
    ));
    let operator = Operator::replica(&world, "");
    world.wait("it to lead", || if operator.leads() { Ok(()) } else { Err(operator.log()) });
    external_secret(&world, "good", "fake", "one");
    world.wait_ready("externalsecret", "good");
    for name in ["gone-1", "gone-2"] {
        external_secret(&world, name, "fake", "absent");
        world.wait_reason("externalsecret", name, "RemoteKeyNotFound");
    }
    world.wait_reason("secretstore", "broken", "ReferenceNotFound");

    let (kubeconfig, user) = reader(&world);
    let mark = world.env.cluster.audit_mark();
    // Rights and Plugins are the whole cluster's, and other tests' too: so only what is of this namespace.
    let flags = [
        "-n",
        &ns,
        "--namespace",
        &ns,
        "--controller-class",
        &ns,
        "--enable-leader-election",
        "--leader-election-id",
        &format!("claviger-controller.{ns}"),
    ];
    let said = doctor(&world, &kubeconfig, &[&flags[..], &["-o", "json"]].concat());
    assert_eq!(said.code, Some(1), "{} {}", said.out, said.err);
    let found = said.findings();
    let keys = with(&found, "ExternalSecrets", "2 of 3 not Ready, RemoteKeyNotFound: ");
    assert_eq!(keys["level"], "warning");
    assert!(keys["details"][0].as_str().unwrap().starts_with(&format!("{ns}/gone-1 since 20")), "{keys}");
    assert!(keys["remedy"].as_str().unwrap().contains("remoteRef.key"), "{keys}");
    let (page, anchor) = keys["see"].as_str().unwrap().split_once('#').unwrap();
    let page = std::fs::read_to_string(workspace_root().join(page)).unwrap();
    assert!(page.lines().any(|line| line.to_lowercase() == format!("### {anchor}")), "{anchor} is a section");
    let store = with(&found, "stores", "1 of 2 not Ready, ReferenceNotFound: ");
    assert_eq!(
        store["details"][0].as_str().unwrap().split(" since ").next(),
        Some(format!("SecretStore {ns}/broken").as_str())
    );
    for (check, words) in [
        ("API server", "Kubernetes v1."),
        ("rights", "has all "),
        ("definitions", "are there"),
        ("ESO", "no controller of it runs"),
        ("lease", "holds Lease"),
    ] {
        assert_eq!(with(&found, check, words)["level"], "ok", "{check}");
    }

    // As text the same, and the sum.
    let said = doctor(&world, &kubeconfig, &flags);
    assert!(
        said.out.contains("warning     ExternalSecrets: 2 of 3 not Ready, RemoteKeyNotFound"),
        "{}",
        said.out
    );
    assert!(said.out.trim_end().ends_with("0 problems, 2 warnings, 0 not looked at"), "{}", said.out);
    let requests =
        world.env.cluster.audit_requests(mark).unwrap().into_iter().filter(|request| request.user == user);
    let (reads, writes): (Vec<_>, Vec<_>) =
        requests.partition(|request| matches!(request.verb.as_str(), "get" | "list" | "watch"));
    let of_secrets = |uri: &str| uri.split(['/', '?']).any(|part| part == "secrets");
    assert!(!reads.is_empty() && reads.iter().all(|request| !of_secrets(&request.uri)), "{reads:?}");
    let asks = |uri: &str| uri.contains("/selfsubjectaccessreviews") || uri.contains("/selfsubjectreviews");
    let writes: Vec<_> = writes.iter().filter(|request| !asks(&request.uri)).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[test]
fn targets_of_other_kinds_take_rights_of_their_own() {
    let world = world!("doctor-targets");
    let ns = world.name.clone();
    world.apply(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: bare, namespace: {ns}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: es, namespace: {ns}}}\n\
         spec:\n  secretStoreRef: {{name: fake}}\n  target: {{manifest: {{apiVersion: apps/v1, kind: Deployment}}}}\n  \
         data: [{{secretKey: a, remoteRef: {{key: one}}}}]\n"
    ));
    let admin = world.env.cluster.kubeconfig().to_owned();
    let flags = ["-n", &ns, "--namespace", &ns, "--service-account", "bare", "-o", "json"];
    let line = "targets of other kinds than Secret:";
    let named = |said: &super::Said| {
        said.of("rights")
            .iter()
            .any(|one| one["details"].as_array().is_some_and(|lines| lines.iter().any(|one| one == line)))
    };
    assert!(!named(&doctor(&world, &admin, &flags)));
    let said = doctor(&world, &admin, &[&flags[..], &["--unsafe-allow-generic-targets"]].concat());
    assert!(named(&said), "{}", said.out);
    let last = said.of("rights").pop().unwrap();
    let details: Vec<_> =
        last["details"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(
        details,
        [line.to_owned(), format!("  get, create, patch, delete deployments.apps in namespace {ns}")]
    );
}
