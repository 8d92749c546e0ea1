//! The policy about writes, on a real API server: what the operator's ServiceAccount may not write whatever its RBAC says,
//! that restarts are still its own, and that it is about nobody else.

use std::path::Path;

use serde_json::json;

use super::with_person;
use crate::support::{World, world};

fn secret(dir: &Path, namespace: &str, name: &str, kind: &str, data: &str) -> String {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": kind,
        "metadata": {"name": name, "namespace": namespace,
            "annotations": {"kubernetes.io/service-account.name": "default"}},
        "stringData": {data: "value"},
    });
    file(dir, &object)
}

fn file(dir: &Path, object: &serde_json::Value) -> String {
    let path = dir.join("object.json");
    std::fs::write(&path, object.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn workload(namespace: &str, kind: &str) -> serde_json::Value {
    let labels = json!({"app": "web"});
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web"}]}},
        },
    });
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!("web");
    }
    object
}

/// What the API server says to a command; nothing: it is done.
fn said(world: &World, user: Option<&str>, args: &[&str]) -> Option<String> {
    let mut args = args.to_vec();
    args.extend(user.iter().flat_map(|user| ["--as", user]));
    let output = world.try_kubectl(&args);
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_operator_is_kept_from_writing_what_is_somebodys_rights() {
    let world = world!("chart-writes");
    let ns = world.name.clone();
    with_person(&world, |person, dir| {
        person.does(&format!(
            "helm install writes charts/claviger -n {ns} --set installCRDs=false,webhook.create=false"
        ));
        let operator = format!("system:serviceaccount:{ns}:writes-claviger");
        let tokens = |user: Option<&str>, name: &str, dry: bool| {
            let path = secret(dir, &ns, name, "kubernetes.io/service-account-token", "more");
            let dry = if dry { "--dry-run=server" } else { "--dry-run=none" };
            said(&world, user, &["create", "-f", &path, dry])
        };
        // A policy holds a moment after it is there.
        let denied = world.wait("the policy to hold", || {
            tokens(Some(&operator), "token", true).ok_or_else(|| "a Secret".to_owned())
        });
        assert!(denied.contains("kept from Secrets of type kubernetes.io/service-account-token"), "{denied}");
        // Somebody else's stays as it is too.
        assert_eq!(tokens(None, "token", false), None);
        let patch = |kind: &str, name: &str, patch: &serde_json::Value, user: Option<&str>| {
            said(&world, user, &["-n", &ns, "patch", kind, name, "--type=merge", "-p", &patch.to_string()])
        };
        let marked = json!({"metadata": {"annotations": {"kubernetes.io/service-account.name": "admin"}}});
        let denied = patch("secret", "token", &marked, Some(&operator)).unwrap();
        assert!(denied.contains("kept from Secrets of type"), "{denied}");
        let path = secret(dir, &ns, "bootstrap-token-abcdef", "bootstrap.kubernetes.io/token", "token-id");
        let denied = said(&world, Some(&operator), &["create", "-f", &path]).unwrap();
        assert!(denied.contains("kept from Secrets of type bootstrap.kubernetes.io/token"), "{denied}");
        for kind in ["Opaque", "kubernetes.io/basic-auth"] {
            let name = format!("plain-{}", kind.len());
            let path = secret(dir, &ns, &name, kind, "username");
            assert_eq!(said(&world, Some(&operator), &["create", "-f", &path]), None, "{kind}");
            let more = json!({"stringData": {"more": "value"}});
            assert_eq!(patch("secret", &name, &more, Some(&operator)), None, "{kind}");
        }

        let template = |template: serde_json::Value| json!({"spec": {"template": template}});
        for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
            let path = file(dir, &workload(&ns, kind));
            assert_eq!(said(&world, None, &["create", "-f", &path]), None, "{kind}");
            // A restart, and another one.
            for at in ["1", "2"] {
                let restart = template(json!({"metadata": {"annotations": {"claviger.io/restarted": at}}}));
                assert_eq!(patch(kind, "web", &restart, Some(&operator)), None, "{kind}");
            }
            let container = json!([{"name": "web", "image": "theirs", "command": ["sh"]}]);
            for (what, change) in [
                ("another image", template(json!({"spec": {"containers": container}}))),
                ("another account", template(json!({"spec": {"serviceAccountName": "admin"}}))),
                ("a host's network", template(json!({"spec": {"hostNetwork": true}}))),
                ("another label", template(json!({"metadata": {"labels": {"more": "x"}}}))),
                ("a new field", json!({"spec": {"minReadySeconds": 7}})),
                ("another value", json!({"spec": {"revisionHistoryLimit": 3}})),
            ] {
                let denied = patch(kind, "web", &change, Some(&operator));
                assert!(
                    denied.as_ref().is_some_and(|denied| denied.contains("is kept from changing")),
                    "{kind}: {what}: {denied:?}"
                );
                assert_eq!(patch(kind, "web", &change, None), None, "{kind}: {what}: somebody else");
            }
        }
        person.does(&format!("helm uninstall writes -n {ns}"));
    });
}
