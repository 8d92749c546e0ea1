//! Generators that need no backend: what each kind makes, when it is made again, and that it is not made again for any
//! other reason, by the API server's audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::Duration;

use claviger_testenv::{Mark, workspace_root};
use serde_json::{Value, json};

use crate::support::{Operator, World, world};

type Data = BTreeMap<String, Vec<u8>>;

/// A store of the test's own class, which every ExternalSecret of it names: so they are its own operator's.
fn store(world: &World) {
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "own", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": "stored"}]}}},
    });
    world.apply(&object.to_string());
}

fn generator(world: &World, kind: &str, name: &str, spec: &Value) {
    let object = json!({
        "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind,
        "metadata": {"name": name, "namespace": world.name}, "spec": spec,
    });
    world.apply(&object.to_string());
}

/// An entry of `dataFrom`.
fn from(kind: &str, name: &str) -> Value {
    json!({"sourceRef": {"generatorRef": {"kind": kind, "name": name}}})
}

fn es(world: &World, name: &str, data_from: &[Value], more: &Value) {
    let mut spec = json!({"refreshInterval": "1h", "secretStoreRef": {"name": "own"}, "dataFrom": data_from});
    let fields = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(fields);
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name}, "spec": spec,
    });
    world.apply(&object.to_string());
}

fn text(data: &Data, key: &str) -> String {
    String::from_utf8(data.get(key).unwrap_or_else(|| panic!("{key} of {:?}", data.keys())).clone()).unwrap()
}

fn data(world: &World, secret: &str) -> Data {
    world.data(secret).unwrap_or_else(|| panic!("no Secret {secret}"))
}

/// Waits until a key of a Secret is another than `before`.
fn wait_other(world: &World, secret: &str, key: &str, before: &str) -> String {
    // One and a half intervals of the longest here, and time to spare.
    world.wait_for(Duration::from_secs(120), &format!("another {key} of {secret}"), || {
        match world.data(secret) {
            Some(data) if data.contains_key(key) && text(&data, key) != before => Ok(text(&data, key)),
            Some(_) => Err("the same".to_owned()),
            None => Err("no Secret".to_owned()),
        }
    })
}

fn refreshes(world: &World, operator: &Operator, name: &str) -> f64 {
    let labels = format!("externalsecret_sync_calls_total{{name=\"{name}\",namespace=\"{}\"}}", world.name);
    operator.metric(&labels).unwrap_or_default()
}

fn wait_refreshes(world: &World, operator: &Operator, name: &str, more: f64) {
    let wanted = refreshes(world, operator, name) + more;
    world.wait(&format!("refreshes of {name}"), || match refreshes(world, operator, name) {
        count if count >= wanted => Ok(()),
        count => Err(format!("{count} of {wanted}")),
    });
}

/// Writes of Secrets of the test's namespace by its operator.
fn writes(world: &World, since: Mark) -> Vec<String> {
    let user = format!("system:serviceaccount:{ns}:operator-{ns}", ns = world.name);
    let secrets = format!("/namespaces/{}/secrets", world.name);
    let all = world.env.cluster.audit_requests(since).unwrap().into_iter();
    let own = all.filter(|request| request.user == user && request.uri.contains(&secrets));
    let writes = own.filter(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"));
    writes.map(|request| format!("{} {}", request.verb, request.uri)).collect()
}

/// The YAML of docs/generators.md.
fn documented() -> Vec<Value> {
    let text = std::fs::read_to_string(workspace_root().join("docs/generators.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let documents = blocks.flat_map(|block| block.split("\n---\n"));
    documents.map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

#[test]
fn every_manifest_of_the_documentation_gives_its_secret() {
    let world = world!("generators-docs");
    store(&world);
    let mut kinds = BTreeSet::new();
    for mut object in documented() {
        let kind = object["kind"].as_str().unwrap().to_owned();
        if kind == "ExternalSecret" {
            object["spec"]["secretStoreRef"] = json!({"name": "own"});
        }
        if kind != "ClusterGenerator" {
            object["metadata"]["namespace"] = json!(world.name);
        }
        world.apply(&object.to_string());
        kinds.insert(kind);
    }
    let expected = ["ClusterGenerator", "ExternalSecret", "Fake", "Password", "SSHKey", "UUID"];
    assert_eq!(kinds, expected.map(ToOwned::to_owned).into());
    let _operator = Operator::start(&world);
    for name in ["database", "instance", "deploy", "trial", "strong"] {
        world.wait_ready("externalsecret", name);
    }
    let database = data(&world, "database");
    let keys: Vec<&str> = database.keys().map(String::as_str).collect();
    assert_eq!(keys, ["owner", "reader"]);
    assert_ne!(database["owner"], database["reader"]);
    for password in [text(&database, "owner"), text(&database, "reader")] {
        let count = |of: fn(&char) -> bool| password.chars().filter(of).count();
        let symbols = password.chars().filter(|char| "-_$@".contains(*char)).count();
        let found = (count(char::is_ascii_alphabetic), count(char::is_ascii_digit), symbols);
        assert_eq!(found, (22, 6, 4), "{password}");
    }
    let instance = data(&world, "instance");
    assert_eq!(instance.len(), 1);
    let uuid = text(&instance, "instance-id");
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
    let deploy = data(&world, "deploy");
    assert!(text(&deploy, "ssh-privatekey").starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    let public = text(&deploy, "authorized-key");
    assert!(public.starts_with("ssh-ed25519 ") && public.ends_with(" deploy@example.com\n"), "{public}");
    assert_eq!(world.get("secret", "deploy").unwrap()["type"], "kubernetes.io/ssh-auth");
    world.wait_data("trial", &[("user", "trial"), ("password", "not-secret")]);
    assert_eq!(text(&data(&world, "strong"), "password").len(), 40);
}

#[test]
fn what_is_made_stays_until_a_refresh_makes_another() {
    let world = world!("generators-stay");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "pw", &json!({}));
    es(&world, "kept", &[from("Password", "pw")], &json!({}));
    let mut operator = Operator::start(&world);
    world.wait_ready("externalsecret", "kept");
    let made = text(&data(&world, "kept"), "password");
    assert_eq!(made.len(), 24);
    let same = |what: &str| assert_eq!(text(&data(&world, "kept"), "password"), made, "{what}");

    // A restart, and a status that was lost.
    let mark = world.env.cluster.audit_mark();
    operator.stop();
    let forget = ["-n", ns, "patch", "externalsecret", "kept", "--subresource=status", "--type=merge", "-p"];
    world.kubectl(&[&forget[..], &["{\"status\": null}"]].concat());
    operator.restart();
    world.wait("the status to be there again", || {
        let status = world.get("externalsecret", "kept").unwrap_or_default()["status"].clone();
        if status["refreshTime"].is_string() { Ok(()) } else { Err(status.to_string()) }
    });
    same("a lost status");
    assert_eq!(writes(&world, mark), Vec::<String>::new(), "neither writes a Secret");

    // The label by which it is watched.
    let label = "reconcile.external-secrets.io/managed";
    for drift in [format!("{label}-"), format!("{label}=false")] {
        world.kubectl(&["-n", ns, "label", "secret", "kept", "--overwrite", &drift]);
        world.wait("the label to be back", || {
            let labels = world.get("secret", "kept").unwrap_or_default()["metadata"]["labels"].clone();
            if labels[label] == "true" { Ok(()) } else { Err(labels.to_string()) }
        });
        same(&drift);
    }

    // What does make another: a force-sync, a change of the manifest, data that somebody changed, a Secret that is gone.
    world.sync_now("kept");
    let synced = wait_other(&world, "kept", "password", &made);
    generator(&world, "Password", "pw", &json!({"length": 30}));
    world.kubectl(&[
        "-n",
        ns,
        "patch",
        "externalsecret",
        "kept",
        "--type=merge",
        "-p",
        "{\"spec\":{\"refreshInterval\":\"2h\"}}",
    ]);
    let changed = wait_other(&world, "kept", "password", &synced);
    assert_eq!(changed.len(), 30, "a changed generator counts from the next refresh on");
    world.kubectl(&[
        "-n",
        ns,
        "patch",
        "secret",
        "kept",
        "--type=merge",
        "-p",
        "{\"stringData\":{\"password\":\"mine\"}}",
    ]);
    let repaired =
        world.wait("a password instead of somebody's", || match text(&data(&world, "kept"), "password") {
            mine if mine == "mine" => Err(mine),
            made => Ok(made),
        });
    assert_ne!(repaired, changed);
    world.kubectl(&["-n", ns, "delete", "secret", "kept"]);
    wait_other(&world, "kept", "password", &repaired);
}

/// The annotation on the Secret that says when what is held was made.
fn record(world: &World, secret: &str) -> String {
    let annotations = world.get("secret", secret).unwrap_or_default()["metadata"]["annotations"].clone();
    let mut records = annotations.as_object().into_iter().flatten();
    let found = records.find(|(name, _)| name.starts_with("lease.claviger.io/"));
    found.map_or_else(String::new, |(_, text)| text.to_string())
}

#[test]
fn a_mark_that_is_gone_is_no_reason_and_a_key_that_is_gone_is_one() {
    let world = world!("generators-marks");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "pw", &json!({}));
    generator(&world, "Fake", "values", &json!({"controller": ns, "data": {"a": "1"}}));
    let password = || vec![from("Password", "pw")];
    let there = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "there", "namespace": ns},
        "stringData": {"base": "1"}});
    world.apply(&there.to_string());
    es(&world, "once", &password(), &json!({"refreshPolicy": "CreatedOnce"}));
    let merge = |target: &str| json!({"name": target, "creationPolicy": "Merge"});
    es(&world, "merged", &password(), &json!({"refreshInterval": "0", "target": merge("there")}));
    es(&world, "shared", &password(), &json!({"refreshInterval": "1s"}));
    es(&world, "values", &[from("Fake", "values")], &json!({}));
    for (name, interval) in [("shared", "30d"), ("values", "1s")] {
        let annotation = format!("external-secrets.io/rotation-interval={interval}");
        world.kubectl(&["-n", ns, "annotate", "externalsecret", name, &annotation]);
    }
    let operator = Operator::start(&world);
    for name in ["once", "merged", "shared", "values"] {
        world.wait_ready("externalsecret", name);
    }
    es(
        &world,
        "beside",
        &[],
        &json!({"target": merge("shared"),
        "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]}),
    );
    world.wait_ready("externalsecret", "beside");

    // Only the label by which it is watched is put back; what is made once is not made again though the manifest differs.
    world.kubectl(&["-n", ns, "label", "externalsecret", "once", "team=blue"]);
    let label = "reconcile.external-secrets.io/managed";
    for secret in ["once", "there"] {
        let made = text(&data(&world, secret), "password");
        world.kubectl(&["-n", ns, "label", "secret", secret, &format!("{label}-")]);
        world.wait("the label to be back", || {
            let labels = world.get("secret", secret).unwrap_or_default()["metadata"]["labels"].clone();
            if labels[label] == "true" { Ok(()) } else { Err(labels.to_string()) }
        });
        assert_eq!(text(&data(&world, secret), "password"), made, "{secret}");
    }

    // A Secret of several has no hash: whose keys are gone is seen at the refresh.
    let made = text(&data(&world, "shared"), "password");
    let gone = "[{\"op\": \"remove\", \"path\": \"/data/password\"}]";
    world.kubectl(&["-n", ns, "patch", "secret", "shared", "--type=json", "-p", gone]);
    wait_other(&world, "shared", "password", &made);
    assert_eq!(text(&data(&world, "shared"), "k"), "stored");

    // Values that are the same again were made when they were made: else they would be due at once.
    let (before, since) = (refreshes(&world, &operator, "values"), std::time::Instant::now());
    for _ in 0..2 {
        let last = record(&world, "values");
        world.wait("them to be made again", || match record(&world, "values") {
            same if same == last => Err(same),
            _ => Ok(()),
        });
    }
    let (made, most) = (refreshes(&world, &operator, "values") - before, since.elapsed().as_secs_f64() + 3.0);
    assert!(made <= most, "{made} refreshes, and once a second is asked for: {most}");
}

#[test]
fn refreshes_and_what_they_make() {
    let world = world!("generators-refresh");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "pw", &json!({}));
    generator(&world, "Fake", "values", &json!({"controller": ns, "data": {"a": "1"}}));
    let often = json!({"refreshInterval": "1s"});
    let password = || vec![from("Password", "pw")];
    es(&world, "often", &password(), &often);
    es(&world, "values", &[from("Fake", "values")], &often);
    es(&world, "fixed", &password(), &json!({"refreshInterval": "1s", "target": {"immutable": true}}));
    es(&world, "once", &password(), &json!({"refreshInterval": "1s", "refreshPolicy": "CreatedOnce"}));
    es(&world, "never", &password(), &json!({"refreshInterval": "0"}));
    let both = json!({"refreshInterval": "1s", "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]});
    es(&world, "both", &password(), &both);
    let operator = Operator::start(&world);
    let all = ["often", "values", "fixed", "once", "never", "both"];
    for name in all {
        world.wait_ready("externalsecret", name);
    }
    let before: BTreeMap<&str, Data> = all.into_iter().map(|name| (name, data(&world, name))).collect();
    let mark = world.env.cluster.audit_mark();
    let mut seen = BTreeSet::from([text(&before["often"], "password")]);
    for _ in 0..3 {
        let last = text(&data(&world, "often"), "password");
        seen.insert(wait_other(&world, "often", "password", &last));
    }
    assert_eq!(seen.len(), 4, "another at each refresh");
    wait_refreshes(&world, &operator, "values", 2.0);
    wait_refreshes(&world, &operator, "fixed", 2.0);
    for name in ["values", "fixed", "once", "never"] {
        assert_eq!(data(&world, name), before[name], "{name}");
        assert_eq!(world.ready("externalsecret", name).unwrap().0, "True", "{name}");
        let own = format!("/secrets/{name}?");
        let writes: Vec<_> = writes(&world, mark).into_iter().filter(|uri| uri.contains(&own)).collect();
        assert_eq!(writes, Vec::<String>::new(), "{name}");
    }

    // While another key fails nothing is made, and what was stays.
    let gone = json!({"spec": {"provider": {"fake": {"data": [{"key": "other", "value": "x"}]}}}});
    world.kubectl(&["-n", ns, "patch", "secretstore", "own", "--type=merge", "-p", &gone.to_string()]);
    world.wait_reason("externalsecret", "both", "RemoteKeyNotFound");
    let standing = data(&world, "both");
    wait_refreshes(&world, &operator, "both", 2.0);
    assert_eq!(data(&world, "both"), standing);
    let back = json!({"spec": {"provider": {"fake": {"data": [{"key": "k", "value": "x"}]}}}});
    world.kubectl(&["-n", ns, "patch", "secretstore", "own", "--type=merge", "-p", &back.to_string()]);
    wait_other(&world, "both", "password", &text(&standing, "password"));
}

/// The status is written at most once a minute, so what a restarted operator reads there is old.
#[test]
fn a_restart_does_not_make_again_what_the_last_refresh_made() {
    let world = world!("generators-restart");
    store(&world);
    generator(&world, "UUID", "id", &json!({}));
    es(&world, "id", &[from("UUID", "id")], &json!({"refreshInterval": "40s"}));
    let mut operator = Operator::start(&world);
    world.wait_ready("externalsecret", "id");
    let first = text(&data(&world, "id"), "uuid");
    let second = wait_other(&world, "id", "uuid", &first);
    operator.kill();
    let mark = world.env.cluster.audit_mark();
    operator.restart();
    // Not one more than now: it may have looked at the object before it was asked for the first time.
    world.wait("its first refresh", || match refreshes(&world, &operator, "id") {
        0.0 => Err(String::new()),
        _ => Ok(()),
    });
    assert_eq!(text(&data(&world, "id"), "uuid"), second, "it was made by the refresh that was due");
    assert_eq!(writes(&world, mark), Vec::<String>::new());
    wait_other(&world, "id", "uuid", &second);
}

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
fn what_cannot_be_made_says_why() {
    let world = world!("generators-refused");
    let ns = &world.name;
    store(&world);
    generator(&world, "Password", "long", &json!({"length": 64}));
    generator(&world, "SSHKey", "small", &json!({"keySize": 512}));
    for (name, spec) in [
        (
            "ecr",
            json!({"kind": "ECRAuthorizationToken", "generator": {"ecrAuthorizationTokenSpec": {"region": "r"}}}),
        ),
        ("mixed", json!({"kind": "Password", "generator": {"uuidSpec": {}}})),
    ] {
        let object = json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator",
            "metadata": {"name": format!("{ns}-{name}")}, "spec": spec,
        });
        world.apply(&object.to_string());
    }
    let operator = Operator::start(&world);
    let cluster = |name: &str| from("ClusterGenerator", &format!("{ns}-{name}"));
    let mut of_core = from("Password", "long");
    of_core["sourceRef"]["generatorRef"]["apiVersion"] = json!("example.com/v1");
    for (name, entry, reason, said) in [
        (
            "nothing",
            from("Password", "none"),
            "GeneratorNotFound",
            format!("Password {ns}/none does not exist"),
        ),
        (
            "no-cluster",
            cluster("none"),
            "GeneratorNotFound",
            format!("ClusterGenerator {ns}-none does not exist"),
        ),
        ("no-kind", from("MFA", "none"), "GeneratorUnknown", "generators of kind MFA".to_owned()),
        ("ecr", cluster("ecr"), "GeneratorUnknown", "generators of kind ECRAuthorizationToken".to_owned()),
        ("mixed", cluster("mixed"), "ManifestInvalid", "spec.generator.passwordSpec must be set".to_owned()),
        (
            "group",
            of_core,
            "PolicyInvalid",
            "generators are of generators.external-secrets.io/v1alpha1".to_owned(),
        ),
        (
            "long",
            from("Password", "long"),
            "InvalidProviderConfig",
            "16 digits are more than the 10".to_owned(),
        ),
        (
            "small",
            from("SSHKey", "small"),
            "InvalidProviderConfig",
            "an RSA key has 1024 to 8192 bits".to_owned(),
        ),
    ] {
        es(&world, name, &[entry], &json!({}));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(&said), "{name}: {message}");
        assert!(world.data(name).is_none(), "{name}");
    }
    // It is looked at again, and the plugin's field is named.
    let message = world.ready("externalsecret", "long").unwrap().2;
    assert!(message.contains("/digits") && message.contains("Password"), "{message}");
    assert!(operator.runs());

    // What the API server refuses.
    for (kind, spec, said) in [
        ("Password", json!({"encoding": "rot13"}), "spec.encoding"),
        ("Password", json!({"secretKeys": []}), "spec.secretKeys"),
        ("Password", json!({"length": "long"}), "spec.length"),
        ("SSHKey", json!({"keyType": "dsa"}), "spec.keyType"),
        ("SSHKey", json!({"keySize": 128}), "spec.keySize"),
        ("Fake", json!({"data": {"a": 1}}), "spec.data.a"),
        ("ClusterGenerator", json!({"kind": "ClusterGenerator", "generator": {"uuidSpec": {}}}), "spec.kind"),
        ("ClusterGenerator", json!({"kind": "UUID", "generator": {}}), "spec.generator"),
        (
            "ClusterGenerator",
            json!({"kind": "UUID", "generator": {"uuidSpec": {}, "fakeSpec": {}}}),
            "spec.generator",
        ),
    ] {
        let object = json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind,
            "metadata": {"name": format!("{ns}-refused"), "namespace": ns}, "spec": spec,
        });
        let refused = world.env.cluster.apply(&object.to_string()).unwrap_err().to_string();
        assert!(refused.contains(said), "{kind} {spec}: {refused}");
    }
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

#[test]
fn render_and_inspect_know_them() {
    let world = world!("generators-render");
    let claviger = |args: &[&str]| {
        let output = Command::new(&world.env.claviger)
            .args(["--log-level", "error"])
            .args(args)
            .env("CLAVIGER_CACHE_DIR", &world.env.cache_dir)
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), err)
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("all.yaml");
    let vault = "---\napiVersion: generators.external-secrets.io/v1alpha1\nkind: VaultDynamicSecret\nmetadata: {name: v}\n\
        spec: {path: database/creds/app, provider: {server: \"http://127.0.0.1:1\", auth: {tokenSecretRef: {name: t, key: t}}}}\n---\n\
        apiVersion: v1\nkind: Secret\nmetadata: {name: t}\nstringData: {t: token}\n---\n\
        apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: leased}\n\
        spec: {dataFrom: [{sourceRef: {generatorRef: {kind: VaultDynamicSecret, name: v}}}]}\n";
    let documents: Vec<String> = documented().iter().map(Value::to_string).collect();
    std::fs::write(&file, format!("{}\n{vault}", documents.join("\n---\n"))).unwrap();
    let plugins = world.env.plugin_dir.to_str().unwrap();
    let render = || claviger(&["render", "-f", file.to_str().unwrap(), "--plugin-dir", plugins]);
    let (code, out, err) = render();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("1 failed, 5 rendered"), "{err}");
    assert!(err.contains("it makes credentials, which need a Secret that they are recorded in"), "{err}");
    let secrets: BTreeMap<String, Value> = out
        .split("---\n")
        .filter(|document| !document.trim().is_empty())
        .map(|document| serde_saphyr::from_str::<Value>(document).unwrap())
        .map(|secret| (secret["metadata"]["name"].as_str().unwrap().to_owned(), secret["data"].clone()))
        .collect();
    let names: Vec<&str> = secrets.keys().map(String::as_str).collect();
    assert_eq!(names, ["database", "deploy", "instance", "strong", "trial"]);
    // base64 of what it says.
    assert_eq!(secrets["trial"], json!({"user": "dHJpYWw=", "password": "bm90LXNlY3JldA=="}));
    let (_, again, _) = render();
    assert_ne!(again, out, "another each time");

    let component = world.env.plugin_dir.join("generators.wasm");
    let (code, out, err) = claviger(&["plugin", "inspect", component.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    let line = out.lines().find(|line| line.starts_with("Generators:")).unwrap_or(&out);
    let kinds: Vec<&str> = line.split_whitespace().skip(1).collect();
    assert_eq!(kinds, ["Fake", "Password", "SSHKey", "UUID"], "{out}");
}
