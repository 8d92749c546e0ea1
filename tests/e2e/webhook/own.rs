//! With an authority of its own: made, served by all replicas, written by the leader alone, and repaired.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::service::Hook;
use super::{ONE, external_secret, refused, store};
use crate::support::{Operator, World, assert_no_value_left, world};

/// Within this another replica works, on a busy machine.
const TAKEOVER: Duration = Duration::from_secs(60);

fn wait_leads(world: &World, operator: &Operator) {
    world.wait_for(TAKEOVER, "the replica to lead", || {
        if operator.leads() { Ok(()) } else { Err(operator.log()) }
    });
}

#[test]
fn an_authority_is_made_and_kept_by_the_leader_and_every_replica_serves() {
    let world = world!("webhook-own");
    let hook = Hook::new(&world);
    hook.configure();
    let since = world.env.cluster.audit_mark();
    let mut leader = hook.replica(0);
    wait_leads(&world, &leader);
    let second = hook.replica(1);
    let bundle = hook.wait_bundle(1);
    for which in [0, 1] {
        world.wait("both to serve", || hook.judged(which, &bundle));
        let name = "kubernetes.default.svc";
        assert!(super::judged(hook.ports[which], &bundle, &["-verify_hostname", name]).is_err());
    }
    hook.wait_asked();
    let said = refused(&world, &store(&world, "SecretStore", "bad", "  provider: {vault: {server: ''}}"));
    assert!(said.contains("denied the request: ") && said.contains("/server"), "the second: {said}");
    world.apply(&store(
        &world,
        "SecretStore",
        "fake",
        "  provider: {fake: {data: [{key: one, value: value-one}]}}",
    ));
    world.apply(&external_secret(&world, "good", ONE));
    world.wait_data("good", &[("one", "value-one")]);

    let secret = world.get("secret", &world.name).unwrap();
    let keys: Vec<_> = secret["data"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    assert_eq!(
        (&secret["type"], &secret["metadata"]["labels"]["claviger.io/webhook"]),
        (&json!("Opaque"), &json!("authority"))
    );
    // Made, published, served from: three writes, and none by who does not lead.
    let wrote = hook.writes(since, &leader);
    let of = |what: &str| wrote.iter().filter(|request| request.uri.contains(what)).count();
    assert_eq!(
        (of(&format!("/secrets/{}", world.name)) + of("/secrets?"), of("/validatingwebhook")),
        (2, 1),
        "{wrote:?}"
    );
    assert_eq!(hook.writes(since, &second).len(), 0);

    // The standby takes over, and the first comes back: nobody writes what is in order.
    let (since, versions) = (world.env.cluster.audit_mark(), hook.versions());
    assert_eq!(leader.stop(), Some(0));
    wait_leads(&world, &second);
    leader.restart();
    world.wait("it to serve again", || hook.judged(0, &bundle));
    hook.wait_asked();
    let note = json!([{"op": "add", "path": "/metadata/annotations", "value": {"note": "looked-at"}}]);
    let (kind, looks) = ("validatingwebhookconfiguration", hook.looks(since, &second));
    world.kubectl(&["patch", kind, &world.name, "--type=json", "-p", &note.to_string()]);
    world.wait("the new leader to look at both objects", || {
        let after = hook.looks(since, &second);
        if after > looks { Ok(()) } else { Err(format!("{after} looks")) }
    });
    let wrote = [hook.writes(since, &leader), hook.writes(since, &second)].concat();
    assert!(wrote.is_empty(), "{wrote:?}");
    assert_eq!(hook.versions()[0], versions[0]);

    // Somebody empties the bundle, as a deployment tool does with what is not in its manifest.
    let emptied: Vec<Value> = (0..3)
        .map(|n| json!({"op": "remove", "path": format!("/webhooks/{n}/clientConfig/caBundle")}))
        .collect();
    let (since, began) = (world.env.cluster.audit_mark(), Instant::now());
    world.kubectl(&["patch", kind, &world.name, "--type=json", "-p", &Value::from(emptied).to_string()]);
    assert_eq!(hook.wait_bundle(1), bundle);
    eprintln!("an emptied caBundle came back within {:.2} s", began.elapsed().as_secs_f64());
    hook.wait_asked();
    assert_eq!(hook.writes(since, &second).len(), 1, "in one write");

    // Somebody breaks the Secret: another certificate by the same authority.
    let broken = json!([{"op": "replace", "path": "/data/tls.key", "value": "bm9uc2Vuc2U="}]);
    world.kubectl(&[
        "-n",
        &world.name,
        "patch",
        "secret",
        &world.name,
        "--type=json",
        "-p",
        &broken.to_string(),
    ]);
    world.wait("the Secret to be repaired", || {
        hook.event("WebhookSecretRepaired", "tls.key has no private key in PEM")
    });
    assert_eq!(hook.wait_bundle(1), bundle);
    for which in [0, 1] {
        hook.judged(which, &bundle).unwrap();
    }

    // Somebody deletes it: another authority, beside the one that replicas may still serve under.
    let keys = ["ca.key", "tls.key"].map(|name| hook.key(name).unwrap());
    world.kubectl(&["-n", &world.name, "delete", "secret", &world.name]);
    let both = hook.wait_bundle(2);
    assert!(both.starts_with(&bundle), "the older one first");
    let new = both.strip_prefix(&bundle).unwrap();
    for which in [0, 1] {
        world.wait("the new one to be served", || {
            hook.judged(which, &both).expect("one of the two is served at any time");
            hook.judged(which, new)
        });
    }
    hook.wait_asked();
    let told = keys.into_iter().chain(["ca.key", "tls.key"].map(|name| hook.key(name).unwrap()));
    let lines: Vec<String> = told
        .flat_map(|key| key.lines().filter(|line| !line.contains('-')).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(lines.len() >= 8, "no key was looked for");
    let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| line.len() >= 12).collect();
    for operator in [&leader, &second] {
        assert_no_value_left(&world, operator, &lines);
    }
}

#[test]
fn what_is_in_the_way_is_said() {
    let world = world!("webhook-own-missing");
    let hook = Hook::new(&world);
    // A Secret that is somebody else's.
    let other = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": world.name, "namespace": world.name},
        "stringData": {"tls.crt": "theirs", "tls.key": "theirs"}});
    world.apply(&other.to_string());
    let flags = hook.flags(0);
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let operator = Operator::launch_flagged(&world, &flags);
    let ready = |text: &str| {
        let page = operator.page("/readyz");
        if page.contains(text) { Ok(()) } else { Err(format!("{page}\n{}", operator.log())) }
    };
    world.wait("it to leave the Secret alone", || ready("has no label claviger.io/webhook"));
    assert_eq!(hook.key("tls.crt").as_deref(), Some("theirs"));

    // Without the right to look at the configuration nobody knows what the API server goes by.
    world.kubectl(&["-n", &world.name, "delete", "secret", &world.name]);
    world.wait("it to say what it may not", || {
        let log = operator.log();
        if log.contains("cannot get resource") && log.contains("validatingwebhookconfigurations") {
            Ok(())
        } else {
            Err(log)
        }
    });
    ready("ValidatingWebhookConfiguration").unwrap();
    hook.grant(&format!("operator-{}", world.name));
    // Nobody asks it yet: that is no reason not to be ready.
    world.wait("it to serve", || ready("200 OK"));
    world.wait("it to say that nobody asks", || {
        let log = operator.log();
        if log.contains("is not there: nobody asks the webhook") { Ok(()) } else { Err(log) }
    });
    let authority = hook.key("ca.crt").unwrap();
    hook.judged(0, &authority).unwrap();
    hook.configure();
    assert_eq!(hook.wait_bundle(1), authority);
    hook.wait_asked();

    // Two that write the bundle would do so for ever.
    let kind = "validatingwebhookconfiguration";
    world.kubectl(&["annotate", kind, &world.name, "cert-manager.io/inject-ca-from=a/b"]);
    let emptied = json!([{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]);
    world.kubectl(&["patch", kind, &world.name, "--type=json", "-p", &emptied.to_string()]);
    world.wait("it to leave the bundle to cert-manager", || {
        let log = operator.log();
        if log.contains("by which cert-manager writes its caBundle") { Ok(()) } else { Err(log) }
    });
    assert!(hook.bundle().is_err());
    world.kubectl(&["annotate", kind, &world.name, "cert-manager.io/inject-ca-from-"]);
    assert_eq!(hook.wait_bundle(1), authority);
}
