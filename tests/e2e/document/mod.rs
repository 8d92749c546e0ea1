//! What the reference document has besides objects of ours, as written but for its namespaces: the API server takes it,
//! it selects what the chart makes, and what it reads is there. What cannot work is tried too, so that docs/seed.md says so
//! truthfully. The files beside this one are the document's blocks.

use std::collections::BTreeMap;
use std::process::Output;

use claviger_testenv::{RunDir, workspace_root};
use serde_json::Value;

use crate::support::{Person, World, world};

/// The objects of a block.
fn block(name: &str) -> Vec<Value> {
    let path = workspace_root().join("tests/e2e/document").join(format!("{name}.yaml"));
    serde_saphyr::from_multiple(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn one(name: &str, kind: &str) -> Value {
    let mut found = block(name).into_iter().filter(|object| object["kind"] == kind);
    found.next().unwrap_or_else(|| panic!("no {kind} in {name}"))
}

/// What the API server says of it, in the test's namespace; nothing is kept.
fn dry_run(world: &World, object: &Value) -> Output {
    let mut object = object.clone();
    if object["metadata"]["namespace"].is_string() {
        object["metadata"]["namespace"] = world.name.as_str().into();
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("object.json");
    std::fs::write(&file, object.to_string()).unwrap();
    // Another test may have made it.
    world.try_kubectl(&["apply", "--dry-run=server", "-f", file.to_str().unwrap()])
}

/// What the chart renders in a release of the document's name.
fn rendered(person: &Person<'_>) -> Vec<Value> {
    let text = person.does(
        "helm template external-secrets charts/claviger --namespace external-secrets-system --kube-version 1.33.0 \
         --set replicaCount=2,installCRDs=false,serviceMonitor.enabled=true --api-versions monitoring.coreos.com/v1 \
         2>/dev/null",
    );
    serde_saphyr::from_multiple(&text).unwrap()
}

/// Whether labels have all that a selector wants.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object().unwrap();
    wanted.iter().all(|(name, value)| labels[name] == *value)
}

#[test]
fn the_api_server_takes_what_the_document_has() {
    let world = world!("document");
    for name in [
        "deployment",
        "rbac",
        "application",
        "validation-job",
        "backup-job",
        "config",
        "network-policy",
        "access",
    ] {
        for object in block(name) {
            let Output { status, stderr, .. } = dry_run(&world, &object);
            assert!(status.success(), "{name}: {}: {}", object["kind"], String::from_utf8_lossy(&stderr));
        }
    }
    // Prometheus' own kinds are not those of a bare API server, and its ServiceMonitor was never in `v1`.
    let monitor = one("alerts", "ServiceMonitor");
    assert_eq!(monitor["apiVersion"], "v1");
    let Output { status, stderr, .. } = dry_run(&world, &monitor);
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert!(
        !status.success() && said.contains("no matches for kind \"ServiceMonitor\" in version \"v1\""),
        "{said}"
    );
}

#[test]
fn its_selectors_and_ports_find_what_the_chart_makes() {
    let world = world!("document-selectors");
    let dir = RunDir::create(&world.name).unwrap();
    let person = Person::new(&world, dir.path());
    let objects = rendered(&person);
    let of_kind = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let deployment = of_kind("Deployment").next().unwrap();
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];

    let documents = one("deployment", "Deployment");
    assert_eq!(deployment["metadata"]["name"], documents["metadata"]["name"]);
    assert!(selects(&documents["spec"]["selector"], &pod["metadata"]["labels"]));
    let documents_container = &documents["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["name"], documents_container["name"]);
    assert_eq!(
        pod["spec"]["serviceAccountName"],
        documents["spec"]["template"]["spec"]["serviceAccountName"]
    );
    let port = |container: &Value| {
        let ports = container["ports"].as_array().unwrap();
        ports.iter().find(|port| port["name"] == "metrics").unwrap()["containerPort"].clone()
    };
    assert_eq!(port(container), port(documents_container));

    let policy = one("network-policy", "NetworkPolicy");
    assert!(selects(&policy["spec"]["podSelector"], &pod["metadata"]["labels"]));
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], port(container));

    // A ServiceMonitor selects Services, and names their port. So does the chart's own.
    let service = |monitor: &Value| {
        let endpoint = &monitor["spec"]["endpoints"][0];
        let matching = of_kind("Service").filter(|service| {
            let ports = service["spec"]["ports"].as_array().unwrap();
            selects(&monitor["spec"]["selector"], &service["metadata"]["labels"])
                && ports.iter().any(|port| port["name"] == endpoint["port"])
        });
        matching.map(|service| service["metadata"]["name"].clone()).collect::<Vec<_>>()
    };
    let documents = service(&one("alerts", "ServiceMonitor"));
    assert_eq!(documents, ["external-secrets-metrics"]);
    assert_eq!(documents, service(of_kind("ServiceMonitor").next().unwrap()));

    // The log tail: /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log, and a pod is named after its Deployment.
    let input = one("config", "ConfigMap");
    assert_eq!(input["metadata"]["name"], "external-secrets-config");
    let fluent_bit = block("config").remove(1)["data"]["fluent-bit.conf"].as_str().unwrap().to_owned();
    let path = fluent_bit.lines().find_map(|line| line.trim().strip_prefix("Path")).unwrap().trim();
    let prefix = path.strip_prefix("/var/log/containers/").unwrap().strip_suffix("*.log").unwrap();
    assert!(format!("{}-", deployment["metadata"]["name"].as_str().unwrap()).starts_with(prefix), "{path}");
}

#[test]
fn its_applications_read_keys_that_its_external_secrets_make() {
    let text =
        std::fs::read_to_string(workspace_root().join("tests/gotemplates/seed-expected.json")).unwrap();
    // What ESO makes of the document's ExternalSecrets; that Claviger makes the same is other tests' business.
    let made: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    let has = |secret: &str, key: &str| {
        made.values().any(|made| made["metadata"]["name"] == secret && made["data"].get(key).is_some())
    };
    let application = one("application", "Deployment");
    let container = &application["spec"]["template"]["spec"]["containers"][0];
    let env = container["env"].as_array().unwrap();
    assert_eq!(env.len(), 3);
    for variable in env {
        let reference = &variable["valueFrom"]["secretKeyRef"];
        let (secret, key) = (reference["name"].as_str().unwrap(), reference["key"].as_str().unwrap());
        assert!(has(secret, key), "{secret}/{key}");
    }
    // The job that validates mounts a Secret and reads two of its keys.
    let job = one("validation-job", "CronJob");
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let secret = pod["volumes"][0]["secret"]["secretName"].as_str().unwrap();
    let script = pod["containers"][0]["command"][2].as_str().unwrap();
    let mount = pod["containers"][0]["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let keys: Vec<&str> = script
        .split(&format!("$(cat {mount}/"))
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap())
        .collect();
    assert_eq!(keys, ["api-key", "validation-url"]);
    for key in keys {
        assert!(has(secret, key), "{secret}/{key}");
    }
}

/// `resourceNames` has no patterns: the document's Role names Secrets that cannot exist.
#[test]
fn its_role_with_patterns_grants_nothing() {
    let world = world!("document-role");
    for mut object in block("access") {
        object["metadata"]["namespace"] = world.name.as_str().into();
        if let Some(subjects) = object.get_mut("subjects") {
            subjects[0]["namespace"] = world.name.as_str().into();
        }
        world.apply_json(&object);
    }
    let account = format!("system:serviceaccount:{}:external-secrets-app-sa", world.name);
    let can = |verb: &str, what: &str| {
        let Output { stdout, .. } =
            world.try_kubectl(&["auth", "can-i", verb, what, "-n", &world.name, "--as", &account]);
        String::from_utf8(stdout).unwrap().trim() == "yes"
    };
    world.wait("the Role to count", || {
        if can("list", "externalsecrets.external-secrets.io") { Ok(()) } else { Err("not yet".to_owned()) }
    });
    assert!(!can("get", "secrets/app-one") && !can("get", "secrets/database-main"));
    assert!(can("get", "secrets/app-*"), "the name itself is what is granted");
}
