//! `claviger diff` against the real API server: what it says is what the operator then does, and it writes nothing.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::cases::marks;
use crate::support::{Api, Operator, World, json_of, world};

fn diff(world: &World, kubeconfig: &Path, manifests: &str, args: &[&str]) -> Output {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), manifests).unwrap();
    Command::new(&world.env.claviger)
        .args(["--log-level", "error", "diff", "--namespace", &world.name, "--plugin-dir"])
        .arg(&world.env.plugin_dir)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .arg("-f")
        .arg(file.path())
        .args(args)
        .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
        .output()
        .unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A person's kubeconfig, who may only read, and Secrets perhaps not.
fn reader(world: &World, name: &str, resources: &str) -> std::path::PathBuf {
    let ns = &world.name;
    world.apply(&format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {ns}}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         rules:\n- {{apiGroups: [\"\", external-secrets.io], resources: [{resources}], verbs: [get, list]}}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {name}, namespace: {ns}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}\n\
         subjects: [{{kind: ServiceAccount, name: {name}, namespace: {ns}}}]\n"
    ));
    world.env.cluster.kubeconfig_for_service_account(ns, name).unwrap()
}

fn manifest(name: &str, labels: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: {name}, labels: {labels}}}\n\
         spec: {{refreshInterval: 1h, secretStoreRef: {{name: fake}}, {spec}}}\n"
    )
}

#[test]
fn says_what_would_change_by_names_and_only_reads() {
    let world = world!("diff");
    let ns = world.name.clone();
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: one, value: MARKED-one}}, {{key: two, value: MARKED-two}}]}}}}}}\n"
    ));
    let entry = |key: &str, from: &str| format!("{{secretKey: {key}, remoteRef: {{key: {from}}}}}");
    let both = format!("data: [{}, {}]", entry("a", "one"), entry("b", "two"));
    let same = manifest("es", "{team: x, old: was}", &both);
    let _operator = Operator::start(&world);
    world.apply(&same.replace("metadata: {", &format!("metadata: {{namespace: {ns}, ")));
    world.wait_data("es", &[("a", "MARKED-one"), ("b", "MARKED-two")]);
    world.wait_ready("externalsecret", "es");

    let kubeconfig = reader(&world, "reader", "secrets, externalsecrets, secretstores, configmaps");
    let mark = world.env.cluster.audit_mark();
    let (code, out, err) = said(&diff(&world, &kubeconfig, &same, &[]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(out, "ExternalSecret diff/es: Secret diff/es stays as it is\n  = data a\n  = data b\n");

    let changed = manifest(
        "es",
        "{team: z, new: is}",
        &format!("data: [{}, {}]", entry("a", "two"), entry("c", "one")),
    );
    let made = manifest("other", "{}", &format!("data: [{}]", entry("k", "one")));
    let all = format!("{changed}{made}");
    let (code, out, err) = said(&diff(&world, &kubeconfig, &all, &["-o", "json"]));
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found[0]["fate"], "changed");
    assert_eq!(found[0]["data"], json!({"a": "~", "b": "-", "c": "+"}));
    let labels = json!({
        "team": "~", "new": "+", "old": "-",
        "reconcile.external-secrets.io/managed": "=", "reconcile.external-secrets.io/created-by": "=",
    });
    assert_eq!((&found[0]["labels"], &found[0]["annotations"]), (&labels, &json!({})));
    assert_eq!((&found[1]["fate"], &found[1]["data"]), (&json!("created"), &json!({"k": "+"})));

    let renamed = manifest("es", "{team: x, old: was}", &format!("target: {{name: moved}}, {both}"));
    let (code, out, _) = said(&diff(&world, &kubeconfig, &renamed, &[]));
    assert_eq!(code, Some(1));
    assert!(
        out.contains("Secret diff/moved is created") && out.contains("- Secret diff/es, an earlier target"),
        "{out}"
    );

    let missing = manifest("es", "{}", &format!("data: [{}]", entry("a", "absent")));
    let (code, out, err) = said(&diff(&world, &kubeconfig, &format!("{missing}{made}"), &[]));
    assert_eq!(code, Some(2), "{out}");
    assert!(err.contains("RemoteKeyNotFound") && out.contains("Secret diff/other is created"), "{out}{err}");

    let blind = reader(&world, "blind", "externalsecrets, secretstores");
    let (code, _, err) = said(&diff(&world, &blind, &same, &[]));
    assert_eq!(code, Some(2));
    assert!(err.contains("not allowed (HTTP 403)") && err.contains("get and list Secrets"), "{err}");

    for text in [&out, &err] {
        assert!(!text.contains("MARKED"), "{text}");
    }
    let people = ["reader", "blind"].map(|name| format!("system:serviceaccount:{ns}:{name}"));
    let requests = world.env.cluster.audit_requests(mark).unwrap();
    let theirs: Vec<_> = requests.iter().filter(|request| people.contains(&request.user)).collect();
    assert!(!theirs.is_empty());
    let writes: Vec<_> =
        theirs.iter().filter(|request| !matches!(request.verb.as_str(), "get" | "list")).collect();
    assert!(writes.is_empty(), "{writes:?}");

    // And the operator does what was said.
    world.apply(&changed.replace("metadata: {", &format!("metadata: {{namespace: {ns}, ")));
    world.wait_data("es", &[("a", "MARKED-two"), ("c", "MARKED-one")]);
    world.wait_ready("externalsecret", "es");
    let (code, out, _) = said(&diff(&world, &kubeconfig, &changed, &[]));
    assert_eq!(code, Some(0), "{out}");
}

/// Each outcome of the planner, with the condition that the operator would write, against what it wrote before.
#[test]
fn says_every_outcome() {
    let world = world!("diff-outcomes");
    let ns = world.name.clone();
    let store = |values: &str| {
        world.apply(&format!(
            "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
             spec: {{controller: {ns}, provider: {{fake: {{data: [{values}]}}}}}}\n"
        ));
    };
    store("{key: one, value: MARKED-one}, {key: two, value: MARKED-two}");
    let entry = |key: &str, from: &str| format!("{{secretKey: {key}, remoteRef: {{key: {from}}}}}");
    let one = format!("data: [{}]", entry("a", "one"));
    let varies = manifest(
        "varies",
        "{}",
        &format!("{one}, target: {{template: {{data: {{p: '{{{{ randAlphaNum 9 }}}}'}}}}}}"),
    );
    let once = manifest("once", "{}", &format!("{one}, refreshPolicy: CreatedOnce"));
    let gone = manifest("gone", "{}", &format!("{one}, target: {{deletionPolicy: Delete}}"));
    let shared = manifest("shared", "{}", &one);
    let retained = manifest("retained", "{}", "dataFrom: [{find: {name: {regexp: one}}}]");
    let all = [&varies, &once, &gone, &shared, &retained].map(String::as_str).concat();
    let operator = Operator::start(&world);
    world.apply(&all.replace("metadata: {", &format!("metadata: {{namespace: {ns}, ")));
    for name in ["varies", "once", "gone", "shared", "retained"] {
        world.wait_ready("externalsecret", name);
    }
    drop(operator);
    let kubeconfig = reader(&world, "reader", "secrets, externalsecrets, secretstores, configmaps");
    let (code, out, err) = said(&diff(&world, &kubeconfig, &all, &[]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "nothing would change:\n{out}");

    // Now an earlier target of `varies` is left, somebody has put a key into `shared`, and `one` is no more.
    let uid = world.get("externalsecret", "varies").unwrap()["metadata"]["uid"].clone();
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {
            "name": "old", "namespace": ns,
            "labels": {
                "reconcile.external-secrets.io/managed": "true",
                "reconcile.external-secrets.io/created-by": marks::created_by(&ns, "varies"),
            },
            "ownerReferences": [{
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "varies", "uid": uid,
                "controller": true,
            }],
        },
    }));
    world.kubectl(&[
        "-n",
        &ns,
        "patch",
        "secret",
        "shared",
        "--type=merge",
        "-p",
        r#"{"data":{"theirs":"eA=="}}"#,
    ]);
    let (code, out, err) = said(&diff(&world, &kubeconfig, &format!("{varies}{shared}"), &[]));
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    let of = |out: &str, name: &str| -> String {
        let begin = format!("ExternalSecret {ns}/{name}: ");
        let rest = &out[out.find(&begin).unwrap_or_else(|| panic!("{name} is not in:\n{out}"))..];
        rest.split_inclusive('\n').skip(1).take_while(|line| line.starts_with("  ")).collect::<String>()
    };
    let text = of(&out, "varies");
    assert!(
        text.contains("~ data p\n") && text.contains(&format!("- Secret {ns}/old, an earlier target\n")),
        "rendered with what has to be deleted: {out}"
    );
    // Its hash is of all keys, so it is written; whose key it is shows nowhere.
    assert!(of(&out, "shared").starts_with("  = data a\n") && !out.contains("theirs"), "{out}");

    store("{key: two, value: MARKED-two}");
    let (code, out, err) = said(&diff(&world, &kubeconfig, &format!("{once}{gone}{retained}"), &[]));
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    assert_eq!(of(&out, "once"), "", "{out}");
    assert!(out.contains(&format!("ExternalSecret {ns}/once: Secret {ns}/once stays as it is\n")), "{out}");
    assert_eq!(
        of(&out, "gone"),
        "  - data a\n  SecretDeleted: secret deleted due to DeletionPolicy=Delete\n  MissingProviderSecret: \
         secret does not exist at provider using spec.data[0] (key=one)\n"
    );
    assert_eq!(of(&out, "retained"), "  SecretSynced: secret retained due to DeletionPolicy=Retain\n");

    let two = format!("data: [{}]", entry("b", "two"));
    let nothing =
        manifest("nothing", "{}", &format!("{two}, target: {{name: shared, creationPolicy: None}}"));
    let waits = manifest("waits", "{}", &format!("{two}, target: {{name: absent, creationPolicy: Merge}}"));
    let (code, out, err) = said(&diff(&world, &kubeconfig, &format!("{nothing}{waits}"), &[]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(of(&out, "nothing"), "");
    assert_eq!(
        of(&out, "waits"),
        "  SecretMissing: secret will not be created due to CreationPolicy=Merge\n"
    );

    let partly = manifest("partly", "{}", &format!("data: [{}, {}]", entry("b", "two"), entry("a", "one")))
        .replace("labels: {}", "annotations: {claviger.io/partial-sync: 'true'}");
    let (code, out, err) = said(&diff(&world, &kubeconfig, &partly, &[]));
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(out.contains("Secret diff-outcomes/partly is created\n  + data b\n"), "{out}");
    assert!(out.contains("  PartiallySynced: 1 of 2 entries could not be read"), "{out}");
    assert!(err.contains("data[1]: RemoteKeyNotFound"), "{err}");
    assert!(![out, err].concat().contains("MARKED"));
}

/// A pull request's store, with a server of its author's, is compared by somebody who may read every Secret and have every
/// token.
#[test]
fn files_of_somebody_else_get_nothing_of_the_clusters() {
    let world = world!("diff-trust");
    let ns = &world.name;
    let theirs = Api::start(|_| json_of(200, &json!({"v": "MARKED-answer"})));
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": ns},
        "stringData": {"token": "MARKED-live-token"},
    }));
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: one, value: MARKED-one}}]}}}}}}\n"
    ));
    let entry = "data: [{secretKey: v, remoteRef: {key: one}}]";
    let es = manifest("es", "{}", entry).replace("{name: fake}", "{name: hook}");
    let hook = format!(
        "---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: hook}}\n\
         spec: {{provider: {{webhook: {{url: '{}/{{{{ .remoteRef.key }}}}', result: {{jsonPath: $.v}},\n  \
         headers: {{X-Login: '{{{{ .login.token }}}}'}},\n  \
         secrets: [{{name: login, secretRef: {{name: login, key: token}}}}]}}}}}}\n",
        theirs.url()
    );
    let pull_request = format!("{hook}{es}");
    let kubeconfig = reader(&world, "reader", "secrets, externalsecrets, secretstores");
    let login = |mark| -> usize {
        let requests = world.env.cluster.audit_requests(mark).unwrap();
        let user = format!("system:serviceaccount:{ns}:reader");
        requests
            .iter()
            .filter(|request| request.user == user && request.uri.contains("/secrets/login"))
            .count()
    };

    let mark = world.env.cluster.audit_mark();
    let (code, out, err) = said(&diff(&world, &kubeconfig, &pull_request, &[]));
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    for part in [
        "ReferenceForbidden",
        &format!("SecretStore {ns}/hook: Secret {ns}/login is not handed to it"),
        "the cluster has none of that name",
        "--trust-files",
    ] {
        assert!(err.contains(part), "{part:?} is not in:\n{err}");
    }
    assert_eq!((login(mark), theirs.asked().len()), (0, 0), "neither read nor sent");

    // Nor does a store of theirs reach what listens on this machine, even if it brings what it wants.
    let own =
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {token: of-the-files}\n";
    let (code, _, err) = said(&diff(&world, &kubeconfig, &format!("{pull_request}{own}"), &[]));
    assert!(code == Some(2) && err.contains("it is a loopback address"), "{err}");
    assert!(theirs.asked().is_empty());

    // A Plugin of theirs; and a store that is the cluster's own, word for word.
    let plugin = "---\napiVersion: claviger.io/v1alpha1\nkind: Plugin\nmetadata: {name: fake}\n\
                  spec: {source: {builtin: {}}, grants: {linkLocal: true}}\n";
    let fake = format!(
        "---\napiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: one, value: MARKED-one}}]}}}}}}\n"
    );
    let plain = manifest("es", "{}", entry);
    let (code, out, err) = said(&diff(&world, &kubeconfig, &format!("{plugin}{fake}{plain}"), &[]));
    assert_eq!(code, Some(2), "{out}");
    assert!(
        err.contains("Plugin fake: not used, since it stands in the files") && out.contains("+ data v"),
        "{err}"
    );

    // Who trusts them says so.
    let (code, out, err) = said(&diff(&world, &kubeconfig, &pull_request, &["--trust-files"]));
    assert_eq!((code, err.as_str()), (Some(1), ""), "{out}");
    assert!(out.contains("+ data v"), "{out}");
    let asked = theirs.asked();
    assert_eq!(
        asked.last().and_then(|asked| asked.headers.get("x-login")).map(String::as_str),
        Some("MARKED-live-token")
    );
}
