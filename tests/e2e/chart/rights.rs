//! The rights of `examples/cluster`, with which every operator of these tests runs, are what the chart renders; and the
//! API server of these tests holds the operator to them where it is strictest.

use claviger_testenv::workspace_root;
use serde_json::Value;

use super::{owned_secret, with_person};
use crate::support::world;

/// Without the marks of a release.
fn plain(mut object: Value) -> Value {
    object["metadata"].as_object_mut().unwrap().remove("labels");
    if let Some(selector) = object["spec"]["selector"].as_object_mut() {
        selector.remove("app.kubernetes.io/instance");
    }
    object
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    objects.retain(|object| object["kind"] != "Namespace");
    objects.sort_by_key(|object| object["kind"].to_string() + &object["metadata"].to_string());
    objects
}

#[test]
fn the_examples_are_what_the_chart_renders() {
    let world = world!("chart-rights");
    with_person(&world, |person, _| {
        for (file, templates, values) in [
            (
                "rbac.yaml",
                &["serviceaccount", "rbac"][..],
                "leaderElect=true,leaderElectionID=claviger-controller",
            ),
            ("webhook.yaml", &["webhook"], "replicaCount=1"),
        ] {
            let only: String =
                templates.iter().map(|name| format!(" --show-only templates/{name}.yaml")).collect();
            let text = person.does(&format!(
                "helm template claviger charts/claviger -n claviger-system --kube-version 1.33.0 --set {values}{only} 2>/dev/null"
            ));
            let rendered: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            let rendered = rendered.into_iter().map(plain).collect();
            let example =
                std::fs::read_to_string(workspace_root().join("examples/cluster").join(file)).unwrap();
            let example: Vec<Value> = serde_saphyr::from_multiple(&example).unwrap();
            assert!(example.len() > 5, "{file}");
            let example = example
                .into_iter()
                .map(|object| if object["metadata"].is_object() { plain(object) } else { object });
            assert_eq!(sorted(example.collect()), sorted(rendered), "{file}: run `cargo xtask chart`");
        }
    });
}

#[test]
fn who_may_not_finalize_an_owner_names_none() {
    let world = world!("chart-owners");
    let ns = &world.name;
    let binding = |account: &str, role: &str| {
        format!(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {account}, namespace: {ns}}}\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {account}, namespace: {ns}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\n\
             subjects: [{{kind: ServiceAccount, name: {account}, namespace: {ns}}}]\n"
        )
    };
    world.apply(&[binding("writer", "edit"), binding("operator", "claviger-system-claviger")].join("---\n"));
    with_person(&world, |person, _| {
        // A binding counts a moment after it is there.
        for (account, expected) in [("operator", None), ("writer", Some("cannot set blockOwnerDeletion"))] {
            let command = owned_secret(&format!("system:serviceaccount:{ns}:{account}"), ns);
            world.wait(account, || match (person.tries(&command), expected) {
                ((Some(0), _), None) => Ok(()),
                ((code, said), Some(words)) if code != Some(0) && said.contains(words) => Ok(()),
                (other, _) => Err(format!("{other:?}")),
            });
        }
    });
}
