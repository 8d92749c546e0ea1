//! Entries of one ExternalSecret, targets, and namespaces of a ClusterGenerator.

use serde_json::json;

use super::{data, es, from, generator, store, text};
use crate::support::{Operator, world};

#[test]
fn a_cluster_generator_is_another_in_each_namespace() {
    let world = world!("generators-cluster");
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {{name: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: k, value: v}}]}}}}}}\n"
    ));
    // Other tests' operators have seen it then, and leave what names it alone.
    world.wait("the store to be there", || world.get("clustersecretstore", ns).ok_or(String::new()));
    world.apply(&format!(
        "apiVersion: generators.external-secrets.io/v1alpha1\nkind: ClusterGenerator\nmetadata: {{name: {ns}}}\n\
         spec: {{kind: Password, generator: {{passwordSpec: {{length: 20}}}}}}\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {{name: {ns}-a, labels: {{with: {ns}}}}}\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {{name: {ns}-b, labels: {{with: {ns}}}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\nmetadata: {{name: {ns}}}\n\
         spec:\n  namespaceSelectors: [{{matchLabels: {{with: {ns}}}}}]\n  externalSecretSpec:\n    refreshInterval: 1h\n    \
         secretStoreRef: {{name: {ns}, kind: ClusterSecretStore}}\n    target: {{name: made}}\n    \
         dataFrom: [{{sourceRef: {{generatorRef: {{kind: ClusterGenerator, name: {ns}}}}}}}]\n"
    ));
    let _operator = Operator::start(&world);
    let password = |namespace: &str| {
        let namespace = format!("{ns}-{namespace}");
        world.wait("the Secret", || {
            let get = ["-n", &namespace, "get", "secret", "made", "-o", "jsonpath={.data.password}"];
            let output = world.try_kubectl(&get);
            let found = String::from_utf8(output.stdout).unwrap();
            if found.is_empty() {
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            } else {
                Ok(found)
            }
        })
    };
    let (a, b) = (password("a"), password("b"));
    // base64 of 20 characters.
    assert_eq!((a.len(), b.len()), (28, 28));
    assert_ne!(a, b);
}

#[test]
fn entries_and_places() {
    let world = world!("generators-places");
    store(&world);
    generator(&world, "Password", "pw", &json!({}));
    generator(&world, "Fake", "values", &json!({"data": {"password": "from-fake", "b": "2"}}));
    // ESO makes one for each entry.
    let named = |to: &str| {
        let mut entry = from("Password", "pw");
        entry["rewrite"] = json!([{"regexp": {"source": "password", "target": to}}]);
        entry
    };
    es(&world, "two", &[named("a"), named("b"), from("Fake", "values")], &json!({}));
    es(&world, "nowhere", &[from("Password", "pw")], &json!({"target": {"creationPolicy": "None"}}));
    let _operator = Operator::start(&world);
    world.wait_ready("externalsecret", "two");
    world.wait_ready("externalsecret", "nowhere");
    let two = data(&world, "two");
    // The later entry's key wins.
    assert_eq!((text(&two, "b").as_str(), text(&two, "password").as_str()), ("2", "from-fake"));
    assert_eq!(text(&two, "a").len(), 24);
    assert_eq!(two.len(), 3);
    es(&world, "two", &[named("a"), named("b")], &json!({}));
    let two = world.wait("two passwords", || match data(&world, "two") {
        two if two.len() == 2 => Ok(two),
        two => Err(format!("{:?}", two.keys())),
    });
    assert_ne!(two["a"], two["b"]);
    assert!(world.data("nowhere").is_none());
}
