//! ClusterExternalSecrets on the real API server: which namespaces get an ExternalSecret, what becomes of it when
//! somebody else touches it, and how many requests all that costs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::{Operator, World, world};

/// A store of the test's own class: so the ClusterExternalSecrets that name it are the test's own operator's.
fn store(world: &World) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ClusterSecretStore\nmetadata: {{name: {ns}}}\n\
         spec:\n  controller: {ns}\n  provider: {{fake: {{data: [{{key: one, value: value-one}}]}}}}\n",
        ns = world.name
    ));
    // Other tests' operators have seen it then, and leave what names it alone.
    world.wait("the store to be there", || world.get("clustersecretstore", &world.name).ok_or(String::new()));
}

fn namespaces(world: &World, names: &[&str], labels: &str) {
    let mut objects = String::new();
    for name in names {
        let name = format!("{}-{name}", world.name);
        writeln!(
            objects,
            "---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}"
        )
        .unwrap();
    }
    world.apply(&objects);
}

fn ces(world: &World, metadata: &str, spec: &str) {
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\nmetadata: {{name: {ns}{metadata}}}\n\
         spec:\n  externalSecretSpec:\n    secretStoreRef: {{name: {ns}, kind: ClusterSecretStore}}\n    \
         target: {{name: made}}\n    data: [{{secretKey: one, remoteRef: {{key: one}}}}]\n{spec}",
        ns = world.name
    ));
}

/// An ExternalSecret in a namespace of the test's.
fn child(world: &World, namespace: &str, name: &str) -> Option<Value> {
    let namespace = format!("{}-{namespace}", world.name);
    let output = world.try_kubectl(&["-n", &namespace, "get", "externalsecret", name, "-o", "json"]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// Waits until exactly these namespaces are provisioned, and these failed.
fn wait_status(world: &World, provisioned: &[&str], failed: &[&str]) -> Value {
    let full =
        |names: &[&str]| json!(names.iter().map(|n| format!("{}-{n}", world.name)).collect::<Vec<_>>());
    world.wait("the status", || {
        let object = world.get("clusterexternalsecret", &world.name).unwrap_or_default();
        let status = &object["status"];
        let list = |field: &str| status[field].as_array().cloned().unwrap_or_default();
        let failing: Vec<_> =
            list("failedNamespaces").iter().map(|entry| entry["namespace"].clone()).collect();
        let ready = &status["conditions"][0]["status"];
        let wanted = if failed.is_empty() { "True" } else { "False" };
        if json!(list("provisionedNamespaces")) == full(provisioned)
            && json!(failing) == full(failed)
            && ready == wanted
        {
            Ok(status.clone())
        } else {
            Err(status.to_string())
        }
    })
}

fn wait_gone(world: &World, namespace: &str, name: &str) {
    world.wait("the ExternalSecret to go", || match child(world, namespace, name) {
        None => Ok(()),
        Some(_) => Err("there".to_owned()),
    });
}

fn label(world: &World, namespace: &str, label: &str) {
    world.kubectl(&["label", "namespace", &format!("{}-{namespace}", world.name), "--overwrite", label]);
}

#[test]
fn namespaces_get_theirs_as_they_come_and_go() {
    let world = world!("spread");
    store(&world);
    namespaces(&world, &["blue"], "spread: blue");
    namespaces(&world, &["named", "later"], "");
    namespaces(&world, &["taken"], "spread: red");
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {ns}, namespace: {ns}-taken}}\n\
         spec: {{secretStoreRef: {{name: {ns}, kind: ClusterSecretStore}}, dataFrom: [{{find: {{name: {{regexp: .}}}}}}]}}\n",
        ns = world.name
    ));
    let operator = Operator::start(&world);
    let selection = format!(
        "  namespaceSelectors: [{{matchLabels: {{spread: blue}}}}, {{matchLabels: {{spread: red}}}}]\n  namespaces: [{}-named]\n",
        world.name
    );
    let metadata = "  externalSecretMetadata: {labels: {app: spread}}\n";
    ces(&world, "", &format!("{selection}{metadata}"));
    let name = world.name.as_str();

    let status = wait_status(&world, &["blue", "named"], &["taken"]);
    assert_eq!(status["failedNamespaces"][0]["reason"], "external secret already exists in namespace");
    assert_eq!(status["externalSecretName"], name);
    assert!(
        status["conditions"][0]["message"].as_str().unwrap().starts_with("one or more namespaces failed")
    );
    assert_eq!(operator.metric(&series(name, "False")), Some(1.0));
    let made = child(&world, "blue", name).unwrap();
    assert_eq!(made["metadata"]["labels"], json!({"app": "spread"}));
    let owner = &made["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["controller"]), (&json!("ClusterExternalSecret"), &json!(true)));
    world.wait("its Secret", || {
        let output = world.try_kubectl(&["-n", &format!("{name}-blue"), "get", "secret", "made"]);
        if output.status.success() { Ok(()) } else { Err(operator.log()) }
    });
    // No finalizer holds a namespace.
    let held = world.get("namespace", &format!("{name}-blue")).unwrap();
    assert_eq!(held["metadata"]["finalizers"], Value::Null);

    // A label that comes, one that goes, a namespace that comes, and a foreign one that goes.
    label(&world, "later", "spread=blue");
    wait_status(&world, &["blue", "later", "named"], &["taken"]);
    label(&world, "later", "spread-");
    wait_status(&world, &["blue", "named"], &["taken"]);
    wait_gone(&world, "later", name);
    namespaces(&world, &["new"], "spread: red");
    wait_status(&world, &["blue", "named", "new"], &["taken"]);
    world.kubectl(&["-n", &format!("{name}-taken"), "delete", "externalsecret", name]);
    wait_status(&world, &["blue", "named", "new", "taken"], &[]);
    assert_eq!(operator.metric(&series(name, "True")), Some(1.0));

    // What somebody edits is repaired; what is theirs is left.
    let edit = json!({
        "metadata": {"labels": {"app": "edited", "theirs": "stays"}},
        "spec": {"refreshInterval": "5m", "target": {"template": {"data": {"extra": "x"}}}},
    });
    let blue = format!("{name}-blue");
    world.kubectl(&["-n", &blue, "patch", "externalsecret", name, "--type=merge", "-p", &edit.to_string()]);
    world.wait("the repair", || {
        let found = child(&world, "blue", name).unwrap();
        let labels = found["metadata"]["labels"] == json!({"app": "spread", "theirs": "stays"});
        if labels && found["spec"] == made["spec"] {
            Ok(())
        } else {
            Err(format!("{found}\n{}", operator.log()))
        }
    });
    // What ESO gave by update, under its program's name, is as if we had given it.
    world.kubectl(&[
        "-n",
        &blue,
        "label",
        "--field-manager=external-secrets",
        "externalsecret",
        name,
        "eso.example/old=x",
    ]);
    world.wait("ESO's label to go", || {
        let labels = child(&world, "blue", name).unwrap()["metadata"]["labels"].clone();
        let expected = json!({"app": "spread", "theirs": "stays"});
        if labels == expected { Ok(()) } else { Err(format!("{labels}\n{}", operator.log())) }
    });
    world.kubectl(&["-n", &blue, "delete", "externalsecret", name]);
    world.wait("it to be made again", || child(&world, "blue", name).ok_or(operator.log()));

    // A refresh that is asked for, and labels that are taken off.
    ces(&world, ", annotations: {external-secrets.io/force-sync: '1'}", &selection);
    for namespace in ["blue", "named"] {
        world.wait("force-sync to be passed on", || {
            let found = child(&world, namespace, name).unwrap_or_default();
            let annotations = &found["metadata"]["annotations"]["external-secrets.io/force-sync"];
            let labels = &found["metadata"]["labels"]["app"];
            if annotations == "1" && labels.is_null() { Ok(()) } else { Err(found.to_string()) }
        });
    }

    // Another name.
    ces(&world, "", &format!("{selection}  externalSecretName: renamed\n"));
    for namespace in ["blue", "named", "new", "taken"] {
        wait_gone(&world, namespace, name);
        world.wait("the new name", || child(&world, namespace, "renamed").ok_or(operator.log()));
    }
    let status = wait_status(&world, &["blue", "named", "new", "taken"], &[]);
    assert_eq!(status["externalSecretName"], "renamed");

    // A namespace goes with what it has.
    world.kubectl(&["delete", "namespace", &format!("{name}-new")]);
    wait_status(&world, &["blue", "named", "taken"], &[]);

    // What cannot be meant is said, and takes nothing away.
    ces(
        &world,
        "",
        "  externalSecretName: renamed\n  namespaceSelectors: [{matchExpressions: [{key: spread, operator: is}]}]\n",
    );
    let message = world.wait_reason("clusterexternalsecret", name, "ManifestInvalid");
    assert!(message.contains("spec.namespaceSelectors[0]"), "{message}");
    assert!(child(&world, "blue", "renamed").is_some());

    // And with it all go.
    world.kubectl(&["delete", "clusterexternalsecret", name]);
    for namespace in ["blue", "named", "taken"] {
        wait_gone(&world, namespace, "renamed");
    }
    world.wait("its series to go", || {
        operator.metric(&series(name, "True")).map_or(Ok(()), |_| Err(String::new()))
    });
}

fn series(name: &str, status: &str) -> String {
    format!(
        "clusterexternalsecret_status_condition{{name=\"{name}\",namespace=\"\",condition=\"Ready\",status=\"{status}\"}}"
    )
}

/// Namespaces of the one that counts.
const MANY: usize = 100;

#[test]
fn a_hundred_namespaces_are_a_hundred_writes_and_then_silence() {
    let world = world!("spread-many");
    store(&world);
    let names: Vec<_> = (0..MANY).map(|n| format!("{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    namespaces(&world, &names, "spread: many");
    let operator = Operator::start(&world);
    let mark = world.env.cluster.audit_mark();
    let spec = "  refreshTime: 1s\n  namespaceSelectors: [{matchLabels: {spread: many}}]\n";
    ces(&world, "", spec);
    wait_status(&world, &names, &[]);
    let writes = |since| -> Vec<String> {
        let requests = world.env.cluster.audit_requests(since).unwrap().into_iter();
        requests
            .filter(|request| request.user == operator.user())
            .filter(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"))
            .filter(|request| request.uri.contains("externalsecrets/") && !request.uri.contains("/status"))
            .map(|request| request.uri)
            .collect()
    };
    assert_eq!(writes(mark).len(), MANY, "{:?}", writes(mark));
    for name in &names {
        world.wait("every one to be synced", || {
            let found = child(&world, name, &world.name).unwrap();
            if found["status"]["conditions"][0]["status"] == "True" { Ok(()) } else { Err(found.to_string()) }
        });
    }
    // Looks that nothing came of: it was looked at each second.
    let looks = || operator.log().matches("a look with nothing to do").count();
    let (mark, before) = (world.env.cluster.audit_mark(), looks());
    world.wait("three more looks", || if looks() >= before + 3 { Ok(()) } else { Err(looks().to_string()) });
    let asked: Vec<_> = world
        .env
        .cluster
        .audit_requests(mark)
        .unwrap()
        .into_iter()
        .filter(|request| request.user == operator.user() && request.uri.contains("clusterexternalsecrets"))
        .filter(|request| request.verb != "watch")
        .map(|request| format!("{} {}", request.verb, request.uri))
        .collect();
    assert_eq!((writes(mark), asked), (vec![], vec![]), "a look asks nobody");
    // Not to be looked after by the API server for the rest of the run.
    let all: Vec<String> = names.iter().map(|name| format!("{}-{name}", world.name)).collect();
    let mut delete = vec!["delete", "namespace", "--wait=false"];
    delete.extend(all.iter().map(String::as_str));
    world.kubectl(&["delete", "clusterexternalsecret", &world.name]);
    world.kubectl(&delete);
}
