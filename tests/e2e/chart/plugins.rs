//! Plugins that the chart brings: after the definition that the same release makes known, changed in place by an upgrade,
//! gone with a rollback and with the release; and as many bytes as Helm keeps.

use claviger_testenv::{Cluster, RunDir};
use serde_json::{Value, json};

use super::{definitions, deployment, package_of, process};
use crate::support::{Operator, Person, World, component, digest, world};

const NAMESPACE: &str = "external-secrets-system";

fn plugin(world: &World, name: &str) -> Option<Value> {
    let output = world.try_kubectl(&["get", "plugin", name, "-o", "json"]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

fn wait_loaded(world: &World, name: &str) -> Value {
    world.wait(&format!("Plugin {name} to be ready"), || {
        let object = plugin(world, name).ok_or("no such Plugin")?;
        match &object["status"]["conditions"][0] {
            ready
                if ready["status"] == "True"
                    && object["status"]["observedGeneration"] == object["metadata"]["generation"] =>
            {
                Ok(object.clone())
            }
            other => Err(other.to_string()),
        }
    })
}

#[test]
fn a_release_brings_plugins_and_takes_them_along() {
    let world = world!("chart-plugins");
    let dir = RunDir::create(&world.name).unwrap();
    let cluster = Cluster::start(&world.env.tools, dir.path()).unwrap();
    let bao = world.env.bao.clone();
    let world = world.moved(cluster.view(), &bao);
    let person = Person::new(&world, dir.path());
    let at = dir.path().display();

    let etcd = component(&world, "etcd");
    std::fs::write(dir.path().join("etcd.wasm"), &etcd).unwrap();
    person.does(&format!("claviger plugin pack {at}/etcd.wasm --output helm > {at}/etcd.b64 2>/dev/null"));
    let values = |grants: &Value| {
        let values = json!({"webhook": {"create": false}, "plugins": [
            {"name": "etcd", "digest": digest(&etcd), "namespaces": {"names": ["shop"]}},
            {"name": "azurekv", "grants": grants, "namespaces": {"names": ["shop"]}},
        ]});
        std::fs::write(dir.path().join("values.yaml"), values.to_string()).unwrap();
    };
    values(&json!({"ambient": [{"kind": "azureMetadata", "name": "https://vault.azure.net"}]}));
    let flags = format!(
        "external-secrets charts/claviger -n {NAMESPACE} -f {at}/values.yaml --set-file plugins[0].package={at}/etcd.b64"
    );
    let said = person.does(&format!("helm install {flags} --create-namespace"));
    assert!(said.contains("THE PLUGINS ARE NOT THERE YET"), "{said}");
    world.wait_established();
    assert_eq!(plugin(&world, "etcd"), None);
    let said =
        person.does(&format!("helm upgrade external-secrets charts/claviger -n {NAMESPACE} --reuse-values"));
    assert!(!said.contains("NOT THERE YET"), "{said}");

    let (args, env) = process(&deployment(&world, NAMESPACE, "external-secrets"), NAMESPACE);
    let mut operator = Operator::deployed(&world, NAMESPACE, "external-secrets", &args, &env);
    let first = wait_loaded(&world, "etcd");
    assert_eq!(first["status"]["digest"], digest(&etcd));
    let granted = wait_loaded(&world, "azurekv")["status"]["granted"]["ambient"].to_string();
    assert!(granted.contains("azureMetadata"), "{granted}");

    // An upgrade changes them in place.
    values(&json!({}));
    person.does(&format!("helm upgrade {flags}"));
    world.wait("the grant to be gone", || {
        let granted = wait_loaded(&world, "azurekv")["status"]["granted"]["ambient"].to_string();
        if granted.contains("azureMetadata") { Err(granted) } else { Ok(()) }
    });
    assert_eq!(plugin(&world, "etcd").unwrap()["metadata"]["uid"], first["metadata"]["uid"]);

    // A rollback brings what that revision had: the first had none.
    person.does(&format!("helm rollback external-secrets 1 -n {NAMESPACE}"));
    assert_eq!(plugin(&world, "etcd"), None);
    person.does(&format!("helm rollback external-secrets 3 -n {NAMESPACE}"));
    wait_loaded(&world, "etcd");
    assert_eq!(operator.stop(), Some(0));

    // As much as the chart takes is as much as Helm keeps: no compressor makes it smaller.
    std::fs::write(dir.path().join("most.b64"), package_of(224)).unwrap();
    let most = format!(
        "--set plugins[2].name=most,plugins[2].digest={} --set-file plugins[2].package={at}/most.b64",
        digest(b"")
    );
    let both = person.tries(&format!("helm upgrade {flags} {most}"));
    assert!(both.0 != Some(0) && both.1.contains("has room for 224 KiB"), "{both:?}");
    let alone = most.replace("plugins[2]", "plugins[0]");
    let release = format!("external-secrets charts/claviger -n {NAMESPACE}");
    person.does(&format!("helm upgrade {release} --set webhook.create=false {alone}"));
    assert!(plugin(&world, "most").is_some() && plugin(&world, "etcd").is_none());

    let before = definitions(&world);
    person.does(&format!("helm uninstall external-secrets -n {NAMESPACE}"));
    assert_eq!(plugin(&world, "most"), None);
    assert_eq!(definitions(&world), before);
    drop(operator);
}
