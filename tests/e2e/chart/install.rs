//! The reference document's own commands install the chart from a chart repository, the operator runs as its Deployment
//! says and with the rights that it gives, and what it made outlives it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use claviger_testenv::{Cluster, RunDir};
use serde_json::{Value, json};

use super::{definitions, deployment, owned_secret, process};
use crate::support::{Operator, Person, World, world};

const NAMESPACE: &str = "external-secrets-system";

/// What the reference document says, but for the repository's address, which is the test's.
const COMMANDS: [&str; 4] = [
    "helm repo add external-secrets REPOSITORY",
    "helm repo update",
    "kubectl create namespace external-secrets-system",
    "helm install external-secrets external-secrets/external-secrets \
       --namespace external-secrets-system \
       --set installCRDs=true \
       --set replicaCount=2 \
       --set resources.limits.cpu=200m \
       --set resources.limits.memory=256Mi \
       --set resources.requests.cpu=100m \
       --set resources.requests.memory=128Mi \
       --set serviceMonitor.enabled=true \
       --set webhook.replicaCount=2",
];

/// A chart repository on loopback, until the test ends: files of one folder, by name.
fn serve(dir: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let (status, body) = match std::fs::read(dir.join(&path)) {
                Ok(body) if !path.contains('/') => ("200 OK", body),
                _ => ("404 Not Found", Vec::new()),
            };
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

/// The chart in a repository, under its own name and the one that ESO's users know.
fn repository(person: &Person<'_>, dir: &Path) -> String {
    let folder = dir.join("repository");
    std::fs::create_dir(&folder).unwrap();
    person.does(&format!("helm package charts/claviger --destination {}", folder.display()));
    person.does(&format!("helm repo index {}", folder.display()));
    let index = folder.join("index.yaml");
    let mut read: Value = serde_saphyr::from_str(&std::fs::read_to_string(&index).unwrap()).unwrap();
    read["entries"]["external-secrets"] = read["entries"]["claviger"].clone();
    std::fs::write(&index, read.to_string()).unwrap();
    serve(folder)
}

#[test]
fn the_documents_command_installs_what_works_and_leaves_what_it_made() {
    let world = world!("chart");
    let dir = RunDir::create(&world.name).unwrap();
    let cluster = Cluster::start(&world.env.tools, dir.path()).unwrap();
    let bao = world.env.bao.clone();
    let world = world.moved(cluster.view(), &bao);
    let person = Person::new(&world, dir.path());
    let repository = repository(&person, dir.path());
    for command in COMMANDS {
        person.does(&command.replace("REPOSITORY", &repository));
    }

    // What the document's manifests select and name.
    let deployment_1 = deployment(&world, NAMESPACE, "external-secrets");
    let pod = &deployment_1["spec"]["template"];
    assert_eq!(deployment_1["spec"]["replicas"], 2);
    assert_eq!(pod["metadata"]["labels"]["app.kubernetes.io/name"], "external-secrets");
    let container = &pod["spec"]["containers"][0];
    // /var/log/containers/external-secrets-*.log is POD_NAMESPACE_CONTAINER.
    assert_eq!(container["name"], "external-secrets");
    assert_eq!(
        container["resources"],
        json!({"limits": {"cpu": "200m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}})
    );
    let ports = container["ports"].as_array().unwrap();
    assert!(ports.iter().any(|port| port["name"] == "metrics" && port["containerPort"] == 8080), "{ports:?}");
    let services = world.kubectl(&[
        "-n",
        NAMESPACE,
        "get",
        "services",
        "-l",
        "app.kubernetes.io/name=external-secrets",
        "-o",
        "jsonpath={.items[*].spec.ports[*].name}",
    ]);
    assert!(services.split(' ').any(|port| port == "metrics"), "{services}");
    // As the restricted pod security standard wants it: the API server's own judge names pods that are there and do not fit.
    world.wait("its pods", || {
        let pods = world.kubectl(&["-n", NAMESPACE, "get", "pods", "-o", "name"]);
        if pods.lines().count() == 2 { Ok(()) } else { Err(pods) }
    });
    let label =
        format!("kubectl label namespace {NAMESPACE} --dry-run=server pod-security.kubernetes.io/enforce");
    let said = person.does(&format!("{label}=restricted"));
    assert!(!said.contains("violate"), "{said}");

    // Who names an owner is judged by what the API server has found out about kinds: it looks every few seconds.
    let owned = owned_secret(&format!("system:serviceaccount:{NAMESPACE}:external-secrets"), &world.name);
    world.wait("owners of the new kinds to be known", || match person.tries(&owned) {
        (Some(0), _) => Ok(()),
        (_, said) => Err(said),
    });

    // It works with what the chart gives it, and nothing else.
    let (args, env) = process(&deployment_1, NAMESPACE);
    let mut operator = Operator::deployed(&world, NAMESPACE, "external-secrets", &args, &env);
    world.wait("it to lead", || if operator.leads() { Ok(()) } else { Err(operator.log()) });
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {{name: shared}}\n\
         spec: {{provider: {{fake: {{data: [{{key: one, value: MARKED-1}}]}}}}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\nmetadata: {{name: spread}}\n\
         spec:\n  namespaceSelectors: [{{matchLabels: {{kubernetes.io/metadata.name: {ns}}}}}]\n  externalSecretSpec:\n    \
         secretStoreRef: {{name: shared, kind: ClusterSecretStore}}\n    refreshInterval: 1h\n    \
         data: [{{secretKey: a, remoteRef: {{key: one}}}}]\n    \
         dataFrom: [{{sourceRef: {{generatorRef: {{kind: Password, name: made}}}}}}]\n---\n\
         apiVersion: generators.external-secrets.io/v1alpha1\nkind: Password\nmetadata: {{name: made, namespace: {ns}}}\n\
         spec: {{length: 20}}\n"
    ));
    world.wait_ready("externalsecret", "spread");
    let data = world.data("spread").unwrap();
    assert_eq!(data["a"], b"MARKED-1");
    let missing = operator.log().lines().find(|line| line.contains("orbidden")).map(str::to_owned);
    assert_eq!(missing, None, "every right is there");
    let configuration = ["get", "validatingwebhookconfiguration", "external-secrets-webhook", "-o", "json"];
    world.wait("the authority to be published", || {
        let text = world.kubectl(&configuration);
        let read: Value = serde_json::from_str(&text).unwrap();
        let all = read["webhooks"].as_array().unwrap().iter();
        if all.clone().all(|webhook| webhook["clientConfig"]["caBundle"].is_string()) {
            Ok(())
        } else {
            Err(text)
        }
    });

    // Another version of the release keeps what was set.
    let release = "external-secrets external-secrets/external-secrets --namespace external-secrets-system";
    person.does(&format!("helm upgrade {release} --reuse-values --set concurrent=7"));
    let upgraded = deployment(&world, NAMESPACE, "external-secrets");
    let (args, _) = process(&upgraded, NAMESPACE);
    assert!(args.contains(&"--concurrent=7".to_owned()), "{args:?}");
    assert_eq!(upgraded["spec"]["replicas"], 2);
    person.does("helm rollback external-secrets 1 --namespace external-secrets-system");
    assert_eq!(
        process(&deployment(&world, NAMESPACE, "external-secrets"), NAMESPACE),
        process(&deployment_1, NAMESPACE)
    );
    assert!(configuration_has_authority(&world, &configuration), "an upgrade does not take it away for long");

    // What it made stays, and can be deleted without it.
    let before = definitions(&world);
    assert_eq!(operator.stop(), Some(0));
    person.does("helm uninstall external-secrets --namespace external-secrets-system");
    assert_eq!(definitions(&world), before);
    assert!(world.get("externalsecret", "spread").is_some());
    assert_eq!(world.data("spread").unwrap(), data);
    world.kubectl(&["delete", "namespace", ns, "--timeout=60s"]);
    drop(operator);
}

fn configuration_has_authority(world: &World, get: &[&str]) -> bool {
    let read: Value = serde_json::from_str(&world.kubectl(get)).unwrap();
    read["webhooks"].as_array().unwrap().iter().all(|webhook| webhook["clientConfig"]["caBundle"].is_string())
}
