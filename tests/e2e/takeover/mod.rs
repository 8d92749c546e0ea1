//! Moving over from ESO by docs/migrate.md, in a cluster of its own: five hundred Secrets as ESO leaves them, a release
//! that Helm made, and Helm's own uninstalling. No Secret is written, and no ExternalSecret is lost.

mod chart;
mod eso;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use claviger_testenv::{Cluster, Moment, PlainApi, Proxy, RunDir, Trap, workspace_root};
use serde_json::{Value, json};

use self::eso::{REFRESHED, SECRETS};
use crate::support::{Operator, Person, World, world};

/// The commands of one section of docs/migrate.md.
fn commands(section: &str) -> Vec<String> {
    let text = std::fs::read_to_string(workspace_root().join("docs/migrate.md")).unwrap();
    let (_, rest) = text.split_once(&format!("\n## {section}\n")).unwrap();
    let lines = rest.split("\n## ").next().unwrap().lines();
    let commands = lines.filter_map(|line| line.strip_prefix("    "));
    let known = ["claviger ", "kubectl ", "helm "];
    commands.filter(|line| known.iter().any(|known| line.starts_with(known))).map(str::to_owned).collect()
}

/// uid and resourceVersion of each managed Secret.
fn secrets(world: &World) -> BTreeMap<String, (String, String)> {
    let format = "jsonpath={range .items[*]}{.metadata.name} {.metadata.uid} {.metadata.resourceVersion}{\"\\n\"}{end}";
    let label = "reconcile.external-secrets.io/managed=true";
    let text = world.kubectl(&["-n", &world.name, "get", "secrets", "-l", label, "-o", format]);
    let columns = text.lines().map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    columns.map(|column| (column[0].clone(), (column[1].clone(), column[2].clone()))).collect()
}

fn external_secrets(api: &PlainApi, namespace: &str) -> Vec<Value> {
    let path = format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets");
    api.get(&path).unwrap().1["items"].as_array().cloned().unwrap_or_default()
}

fn with_finalizers(api: &PlainApi, namespace: &str) -> usize {
    let all = external_secrets(api, namespace);
    all.iter().filter(|es| es["metadata"]["finalizers"].is_array()).count()
}

fn definitions(world: &World) -> BTreeSet<String> {
    let all = world.kubectl(&["get", "crd", "-o", "name"]);
    all.lines().filter(|name| name.contains("external-secrets.io")).map(str::to_owned).collect()
}

fn policies(world: &World) -> String {
    let path = "jsonpath={.items[*].webhooks[*].failurePolicy}";
    world.kubectl(&["get", "validatingwebhookconfigurations", "-o", path])
}

#[test]
fn five_hundred_secrets_move_over_without_one_write() {
    let world = world!("takeover");
    let dir = RunDir::create(&world.name).unwrap();
    let cluster = Cluster::start(&world.env.tools, dir.path()).unwrap();
    let bao = world.env.bao.clone();
    let world = world.moved(cluster.view(), &bao);
    let ns = world.name.clone();
    let person = Person::new(&world, dir.path());
    let api = PlainApi::of_admin(cluster.view(), dir.path()).unwrap();

    // Helm does not look at the live mark.
    let control = dir.path().join("control-chart");
    chart::control(&control);
    person.does(&format!("helm -n {ns} install control {}", control.display()));
    person.does("kubectl annotate crd controls.example.com helm.sh/resource-policy=keep");
    person.does(&format!("helm -n {ns} uninstall control"));
    world.wait("the control to be deleted", || {
        let crds = world.kubectl(&["get", "crd", "-o", "name"]);
        if crds.contains("controls.example.com") { Err(crds) } else { Ok(()) }
    });

    // As ESO leaves it: in the release's second revision, for its webhooks refuse what nobody answers for.
    let eso = dir.path().join("eso-chart");
    chart::eso(&world, &eso);
    let release = format!("external-secrets {}", eso.display());
    person.does(&format!("helm -n external-secrets install --create-namespace {release}"));
    world.wait_established();
    world.kubectl(&["create", "namespace", "others"]);
    for namespace in [ns.as_str(), "others"] {
        world.apply(&eso::store(namespace));
    }
    eso::leave(&api, &ns);
    eso::leave_others(&api, "others");
    world.kubectl(&["-n", "others", "delete", "externalsecret", "gone", "--wait=false"]);
    person.does(&format!("helm -n external-secrets upgrade {release} --set webhook.create=true"));
    let (before, crds) = (secrets(&world), definitions(&world));
    assert_eq!(before.len(), SECRETS);
    assert!(crds.len() >= 9, "{crds:?}");
    let es0 = format!("-n {ns} annotate externalsecret es0 x=y");
    let (_, refused) = person.tries(&format!("kubectl {es0}"));
    assert!(refused.contains("failed calling webhook"), "{refused}");

    // 1. Look.
    let mark = world.env.cluster.audit_mark();
    let [plan] = commands("1. Look").try_into().unwrap();
    let (code, said) = person.tries(&plan);
    assert_eq!(code, Some(1), "{said}");
    let scale = "kubectl -n external-secrets scale deployment external-secrets --replicas=0";
    for part in [
        format!("Deployment external-secrets/external-secrets runs, and is to be ended first: {scale}\n"),
        format!("{SECRETS} of kind ExternalSecret: loses ESO's finalizer\n"),
        "GeneratorState others/grafana keeps ESO's finalizer".to_owned(),
        format!("to do, at last: {} definitions leave the release", crds.len()),
        format!("Secrets: {SECRETS} unchanged, 0 would change, 0 cannot be read\n"),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    let (_, said) = person.tries(&format!("{plan} -n others --skip-secrets"));
    assert!(
        said.contains("GeneratorState others/grafana keeps") && !said.contains("of kind ExternalSecret"),
        "{said}"
    );
    // 2. End ESO; before that nothing is taken over.
    let [end, wait] = commands("2. End ESO").try_into().unwrap();
    let [apply] = commands("3. Take over").try_into().unwrap();
    let (code, said) = person.tries(&apply);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("ESO still runs") && said.contains(&format!("  {scale}\n")), "{said}");
    assert_eq!(person.writes(&person.user, mark), Vec::<String>::new(), "looking and refusing write nothing");
    person.does(&end);
    person.does(&wait);

    // 3. Take over: killed in the midst of it, then to the end, then again.
    let plain = PlainApi::of_bearers(cluster.view(), dir.path()).unwrap();
    let proxy = Proxy::start(plain.address()).unwrap();
    let proxied = dir.path().join("proxied.kubeconfig");
    let text = std::fs::read_to_string(&person.kubeconfig).unwrap();
    std::fs::write(&proxied, text.replace(world.env.cluster.issuer(), &proxy.address())).unwrap();
    // At a definition's mark, at Helm's release, at a finalizer, at a definition's owner.
    for (path, nth) in [
        ("/customresourcedefinitions/", 5),
        ("/secrets/sh.helm", 1),
        ("/externalsecrets/", 100),
        ("/customresourcedefinitions/", 5),
    ] {
        let mut killed = person.command(&format!("exec {apply}"));
        let mut killed = killed.env("KUBECONFIG", &proxied).stdout(Stdio::null()).spawn().unwrap();
        let (path, pid) = (path.to_owned(), killed.id());
        proxy.set(Trap { method: "PATCH", path, nth, moment: Moment::Asked, pid });
        assert_eq!(killed.wait().unwrap().signal(), Some(9), "killed in the midst of it");
        assert!(proxy.sprung());
        if nth == 100 {
            let left = with_finalizers(&api, &ns);
            assert!((1..SECRETS).contains(&left), "{left} finalizers are left");
        }
    }
    let said = person.does(&apply);
    assert!(said.contains(&format!("{} definitions are kept", crds.len())), "{said}");
    assert!(said.contains("ExternalSecret others/gone is being deleted and waits for ESO"), "{said}");
    assert_eq!(with_finalizers(&api, &ns), 0);
    assert_eq!(policies(&world), "Ignore Ignore Ignore");
    let mark = world.env.cluster.audit_mark();
    assert!(person.does(&apply).contains("taken over: 0 objects written"));
    assert_eq!(person.writes(&person.user, mark), Vec::<String>::new(), "the second time writes nothing");
    assert!(person.does(&format!("{apply} --finish-deletions")).contains("taken over: 1 objects written"));
    let gone = world.kubectl(&["-n", "others", "get", "externalsecret", "-o", "name"]);
    assert_eq!(gone, "");
    let kept = |kind: &str, name: &str| {
        let finalizers = ["-n", "others", "get", kind, name, "-o", "jsonpath={.metadata.finalizers}"];
        !world.kubectl(&finalizers).is_empty()
    };
    for (kind, name, stays) in [
        ("pushsecret", "push", true),
        ("secretstore", "fake", false),
        ("generatorstate", "grafana", true),
        ("generatorstate", "password", false),
        ("clusterexternalsecret", "ces", false),
        ("namespace", "others", false),
    ] {
        assert_eq!(kept(kind, name), stays, "{kind} {name}");
    }
    let manifest = person.does("helm -n external-secrets get manifest external-secrets");
    assert_eq!(manifest.matches("helm.sh/resource-policy: keep").count(), crds.len(), "as Helm reads it");
    let (code, said) = person.tries(&format!("{plan} --skip-secrets"));
    assert_eq!(code, Some(0), "{said}");

    // Back and over again.
    let [back] = commands("Back").try_into().unwrap();
    let said = person.does(&back);
    assert!(said.starts_with("0 forms that ESO does not understand; "), "{said}");
    assert_eq!(policies(&world), "Fail Fail Fail");
    let owner = "jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-name}";
    let crd = ["get", "crd", "externalsecrets.external-secrets.io", "-o", owner];
    assert_eq!(world.kubectl(&crd), "external-secrets");
    person.does(&apply);
    assert_eq!((policies(&world).as_str(), world.kubectl(&crd).as_str()), ("Ignore Ignore Ignore", ""));

    // 4. Install Claviger: every refresh is due, and none writes a Secret.
    for command in commands("4. Install Claviger") {
        person.does(&command);
    }
    world.wait_established();
    let mark = world.env.cluster.audit_mark();
    let mut operator = Operator::start(&world);
    world.wait_for(Duration::from_secs(240), "every ExternalSecret to be refreshed", || {
        let all = external_secrets(&api, &ns);
        let late = all.iter().filter(|es| es["status"]["refreshTime"] == REFRESHED).count();
        if late == 0 && all.len() == SECRETS { Ok(()) } else { Err(format!("{late} of {}", all.len())) }
    });

    // 5. Remove ESO.
    let [uninstall] = commands("5. Remove ESO").try_into().unwrap();
    let said = person.does(&uninstall);
    assert_eq!(said.matches("[CustomResourceDefinition]").count(), crds.len(), "{said}");
    assert_eq!(policies(&world), "", "Helm has uninstalled");
    let after = definitions(&world);
    assert_eq!(after.intersection(&crds).count(), crds.len());
    assert_eq!(external_secrets(&api, &ns).len(), SECRETS);
    assert_eq!(secrets(&world), before, "every Secret is the very same");
    let writes = person.writes(operator.user(), mark);
    assert!(writes.iter().any(|write| write.contains("/externalsecrets/es0/status")), "it works: {writes:?}");
    let is_secret = |write: &&String| write.contains("/secrets/") || write.contains("/secrets?");
    let of_secrets: Vec<_> = writes.iter().filter(is_secret).collect();
    assert!(of_secrets.is_empty(), "{of_secrets:?}");
    assert!(person.does(&apply).contains("taken over: 0 objects written"), "it is still all right");

    // What ESO wrote is pruned when it is wanted no more.
    for (name, path, left) in [
        ("es0", "/spec/data/1", &[("a", "MARKED-1")][..]),
        ("es1", "/spec/data/0", &[("b", "MARKED-2")]),
        ("es2", "/spec/target/template/data/b", &[("url", "MARKED-1@MARKED-2")]),
        ("es3", "/spec/data/1", &[("a", "MARKED-1")]),
    ] {
        let patch = json!([{"op": "remove", "path": path}]).to_string();
        world.kubectl(&["-n", &ns, "patch", "externalsecret", name, "--type=json", "-p", &patch]);
        world.wait_data(name, left);
        assert_eq!(secrets(&world)[name].0, before[name].0, "it is the same object");
    }

    // Claviger's chart under ESO's name owns the definitions, is not taken for ESO, and leaves them when it goes.
    let own = dir.path().join("claviger-chart");
    chart::claviger(&world, &own);
    person.does(&format!("{apply} --release external-secrets --release-namespace claviger-system"));
    person.does(&format!("helm -n claviger-system install external-secrets {}", own.display()));
    let said = person.does(&apply);
    assert!(said.contains("taken over: 0 objects written"), "{said}");
    let (code, said) = person.tries(&back);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Claviger still runs (Deployment claviger-system/external-secrets"), "{said}");
    assert_eq!(operator.stop(), Some(0));
    person.does("helm -n claviger-system uninstall external-secrets");
    assert_eq!(definitions(&world), after);
    assert_eq!(external_secrets(&api, &ns).len(), SECRETS);
    assert_eq!(secrets(&world).len(), SECRETS);

    // Nothing of it needs an operator to be deleted.
    world.kubectl(&["delete", "namespace", &ns, "--timeout=180s"]);
    drop(operator);
}

#[test]
fn an_external_secret_that_waits_for_eso_says_so() {
    let world = world!("takeover-held");
    let ns = world.name.clone();
    world.apply(&format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {ns}}}\n\
         spec: {{controller: {ns}, provider: {{fake: {{data: [{{key: one, value: MARKED-1}}]}}}}}}\n---\n\
         apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: es, namespace: {ns}, \
         finalizers: [externalsecrets.external-secrets.io/externalsecret-cleanup]}}\n\
         spec: {{refreshInterval: 1h, secretStoreRef: {{name: fake}}, data: [{{secretKey: a, remoteRef: {{key: one}}}}]}}\n"
    ));
    let _operator = Operator::start(&world);
    world.wait_ready("externalsecret", "es");
    world.kubectl(&["-n", &ns, "delete", "externalsecret", "es", "--wait=false"]);
    world.wait("an event that names the finalizer", || {
        let events = world.kubectl(&["-n", &ns, "get", "events", "-o", "json"]);
        let events: Value = serde_json::from_str(&events).unwrap();
        let items = events["items"].as_array().unwrap();
        let held = items.iter().find(|event| event["reason"] == "DeletionHeld");
        let note = held.and_then(|event| event["message"].as_str()).unwrap_or_default();
        let parts = ["externalsecret-cleanup", "claviger takeover plan", "--finish-deletions"];
        if parts.iter().all(|part| note.contains(part)) { Ok(()) } else { Err(events.to_string()) }
    });
    assert!(world.get("secret", "es").is_some(), "the Secret stays until it goes");
    let patch = "{\"metadata\":{\"finalizers\":null}}";
    world.kubectl(&["-n", &ns, "patch", "externalsecret", "es", "--type=merge", "-p", patch]);
    world.wait("the Secret to go with it", || match world.get("secret", "es") {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    });
}
