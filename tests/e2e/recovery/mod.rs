//! docs/disaster-recovery.md, step by step in a cluster of its own: everything is saved, everything is deleted, everything
//! is restored, and every Secret is what it was. The reference document's backup is a job with a script of which the commands
//! for Kubernetes are run as written.

use std::collections::BTreeMap;
use std::time::Duration;

use claviger_testenv::{Cluster, RunDir, workspace_root};
use serde_json::Value;

use crate::support::{Operator, Person, World, world};

const NAMESPACES: [&str; 2] = ["team-a", "team-b"];

/// The commands of one section of the guide.
fn commands(section: &str) -> Vec<String> {
    let text = std::fs::read_to_string(workspace_root().join("docs/disaster-recovery.md")).unwrap();
    let (_, rest) = text.split_once(&format!("\n## {section}\n")).unwrap();
    let lines = rest.split("\n## ").next().unwrap().lines();
    lines.filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect()
}

/// The commands for Kubernetes in the reference document's job.
fn documents_backup() -> Vec<String> {
    let path = workspace_root().join("tests/e2e/document/backup-job.yaml");
    let job: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let container = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let script = container["command"][2].as_str().unwrap();
    script.lines().map(str::trim).filter(|line| line.starts_with("kubectl ")).map(str::to_owned).collect()
}

fn manifests(class: &str) -> String {
    let mut text = format!(
        "apiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {{name: shared}}\n\
         spec: {{controller: {class}, provider: {{fake: {{data: [{{key: one, value: MARKED-1}}, {{key: two, value: MARKED-2}}]}}}}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\nmetadata: {{name: spread}}\n\
         spec:\n  namespaceSelectors: [{{matchExpressions: [{{key: kubernetes.io/metadata.name, operator: In, values: [team-a, team-b]}}]}}]\n  \
         externalSecretSpec:\n    secretStoreRef: {{name: shared, kind: ClusterSecretStore}}\n    \
         data: [{{secretKey: a, remoteRef: {{key: two}}}}]\n"
    );
    for namespace in NAMESPACES {
        text.push_str(&format!(
            "---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: own, namespace: {namespace}}}\n\
             spec: {{controller: {class}, provider: {{fake: {{data: [{{key: mine, value: MARKED-{namespace}}}]}}}}}}\n---\n\
             apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: own, namespace: {namespace}}}\n\
             spec:\n  secretStoreRef: {{name: own}}\n  target: {{template: {{data: {{b: '{{{{ .a }}}}!'}}}}}}\n  \
             data: [{{secretKey: a, remoteRef: {{key: mine}}}}]\n---\n\
             apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: common, namespace: {namespace}}}\n\
             spec:\n  secretStoreRef: {{name: shared, kind: ClusterSecretStore}}\n  target: {{creationPolicy: Orphan}}\n  \
             dataFrom: [{{find: {{name: {{regexp: '.*'}}}}}}]\n"
        ));
    }
    text
}

/// Namespace and name of each managed Secret, and what is in it.
fn secrets(world: &World) -> BTreeMap<String, Value> {
    let label = "reconcile.external-secrets.io/managed=true";
    let text = world.kubectl(&["get", "secrets", "-A", "-l", label, "-o", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    let name = |secret: &Value| {
        format!("{}/{}", secret["metadata"]["namespace"], secret["metadata"]["name"]).replace('"', "")
    };
    list["items"].as_array().unwrap().iter().map(|secret| (name(secret), secret["data"].clone())).collect()
}

fn wait_synced(world: &World, count: usize) {
    world.wait("every ExternalSecret to be ready", || {
        let format = "jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} \
                      {.status.conditions[0].status} {.status.conditions[0].message}{\"\\n\"}{end}";
        let text = world.kubectl(&["get", "externalsecrets", "-A", "-o", format]);
        let ready = text.lines().filter(|line| line.contains(" True ")).count();
        if ready == count && text.lines().count() == count { Ok(()) } else { Err(text) }
    });
}

/// The API server's finalizer lets a definition be that somebody changed while it was at it, and comes back with the next
/// change. Where that somebody is the API server itself there is none: kubectl waits for ever. So what stays is changed.
fn delete_definitions(world: &World) {
    let mut rounds = 0;
    world.wait_for(Duration::from_secs(180), "the definitions to go", || {
        rounds += 1;
        let left = world.kubectl(&["get", "crd", "-o", "name"]);
        let names: Vec<&str> = left.lines().collect();
        if names.is_empty() {
            return Ok(());
        }
        let deleted =
            world.try_kubectl(&[&["delete", "--ignore-not-found", "--timeout=20s"], &names[..]].concat());
        if !deleted.status.success() {
            let round = format!("round={rounds}");
            // One that is gone by now is no failure.
            world.try_kubectl(&[&["annotate", "--overwrite"], &names[..], &[round.as_str()]].concat());
        }
        Err(format!("{left}{}", String::from_utf8_lossy(&deleted.stderr)))
    });
}

#[test]
fn everything_that_was_deleted_is_restored_and_every_secret_is_what_it_was() {
    let world = world!("recovery");
    let dir = RunDir::create(&world.name).unwrap();
    let cluster = Cluster::start(&world.env.tools, dir.path()).unwrap();
    let bao = world.env.bao.clone();
    let world = world.moved(cluster.view(), &bao);
    let person = Person::new(&world, dir.path());
    let backup = dir.path().join("backup");
    std::fs::create_dir(&backup).unwrap();
    let run = |line: &str| person.does(&line.replace("/backup/", &format!("{}/", backup.display())));
    for line in commands("Restore").iter().take(2) {
        run(line);
    }
    person.does("kubectl apply -f examples/cluster/rbac.yaml");
    for namespace in NAMESPACES {
        world.kubectl(&["create", "namespace", namespace]);
    }
    let operator = Operator::start(&world);
    world.apply(&manifests(&world.name));
    wait_synced(&world, 6);
    let before = secrets(&world);
    assert_eq!(before.len(), 6, "{before:?}");

    // The API server takes the job; its commands are run here, since there is no kubelet.
    let job = workspace_root().join("tests/e2e/document/backup-job.yaml");
    world.kubectl(&["create", "namespace", "external-secrets-system"]);
    person.does(&format!("kubectl create -f {}", job.display()));
    let documents = documents_backup();
    assert_eq!(documents.len(), 3, "{documents:?}");
    for line in documents.into_iter().chain(commands("Backup")) {
        run(&line);
    }
    let saved = std::fs::read_to_string(backup.join("claviger.yaml")).unwrap();
    assert_eq!(saved.matches("kind: ExternalSecret\n").count(), 6, "{saved}");
    assert_eq!(std::fs::read_dir(&backup).unwrap().count(), 4, "one file, and three of the job's");

    // The whole of it is lost: namespaces, definitions, and with them all that is owned.
    for namespace in NAMESPACES {
        world.kubectl(&["delete", "namespace", namespace, "--timeout=120s"]);
    }
    delete_definitions(&world);
    assert_eq!(secrets(&world), BTreeMap::new());
    drop(operator);

    let restore = commands("Restore");
    for line in &restore[..2] {
        run(line);
    }
    let operator = Operator::start(&world);
    for namespace in NAMESPACES {
        world.kubectl(&["create", "namespace", namespace]);
    }
    for line in &restore[2..] {
        run(line);
    }
    wait_synced(&world, 6);
    assert_eq!(secrets(&world), before);

    // What the document's job saved is as good for what it has.
    world.kubectl(&[
        "delete",
        "externalsecrets,secretstores,clustersecretstores",
        "-A",
        "--all",
        "--timeout=120s",
    ]);
    for kind in ["clustersecretstores", "secretstores"] {
        run(&format!("kubectl create -f /backup/{kind}-*.yaml"));
    }
    // The ClusterExternalSecret makes its own again by itself.
    world.wait("its ExternalSecrets", || {
        let all = world.kubectl(&["get", "externalsecrets", "-A", "-o", "name"]);
        if all.lines().count() == 2 { Ok(()) } else { Err(all) }
    });
    let (_, said) = person.tries(&format!("kubectl create -f {}/externalsecrets-*.yaml", backup.display()));
    assert_eq!(said.matches("(AlreadyExists)").count(), 2, "{said}");
    wait_synced(&world, 6);
    assert_eq!(secrets(&world), before);
    drop(operator);
}
