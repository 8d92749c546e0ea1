//! With a certificate from files: what the webhook refuses at `kubectl apply`, what it lets pass, and that the status says
//! the same where nobody asked.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use claviger_testenv::{Authority, Usage, free_port};
use serde_json::json;

use super::{ONE, external_secret, judged, refused, store};
use crate::support::{Operator, World, world};

/// Serving files of a fresh authority, for loopback.
fn certify(dir: &Path, name: &str) -> Authority {
    let authority = Authority::new(name).unwrap();
    authority.leaf(Usage::Server, "webhook", &[], &[]).unwrap().write(dir, "tls").unwrap();
    authority
}

/// Has the API server ask there, of this test's objects only.
fn configure(world: &World, port: u16, authorities: &[&Authority], policy: &str) {
    let bundle: String = authorities.iter().map(|authority| authority.pem()).collect();
    let bundle = base64::engine::general_purpose::STANDARD.encode(bundle);
    let ns = &world.name;
    let webhook = |plural: &str, path: &str| {
        json!({
            "name": format!("{plural}.claviger.io"), "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 5, "failurePolicy": policy,
            "clientConfig": {"url": format!("https://127.0.0.1:{port}/validate-external-secrets-io-v1-{path}"), "caBundle": bundle},
            "rules": [{"apiGroups": ["external-secrets.io"], "apiVersions": ["v1"],
                "operations": ["CREATE", "UPDATE", "DELETE"], "resources": [plural]}],
            "matchConditions": [{"name": "ours", "expression":
                format!("request.?namespace.orValue('') == '{ns}' || request.name.startsWith('{ns}')")}],
        })
    };
    let object = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": ns},
        "webhooks": [webhook("externalsecrets", "externalsecret"), webhook("secretstores", "secretstore"),
            webhook("clustersecretstores", "clustersecretstore")],
    });
    world.apply(&object.to_string());
}

/// Whether an independent client takes the certificate, by one of these authorities.
fn verified(port: u16, authorities: &[&Authority]) -> Result<(), String> {
    let bundle: String = authorities.iter().map(|authority| authority.pem()).collect();
    judged(port, &bundle, &["-verify_ip", "127.0.0.1"])
}

#[test]
fn what_cannot_be_meant_is_refused_when_it_is_applied() {
    let world = world!("webhook");
    let dir = tempfile::tempdir().unwrap();
    let authority = certify(dir.path(), "webhook authority");
    let port = free_port().unwrap();
    let (port_flag, dir_flag) = (port.to_string(), dir.path().to_str().unwrap().to_owned());
    let flags = ["--enable-webhook", "--webhook-port", &port_flag, "--webhook-cert-dir", &dir_flag];
    let mut operator = Operator::start_flagged(&world, &flags);
    configure(&world, port, &[&authority], "Fail");
    let fake =
        store(&world, "SecretStore", "fake", "  provider: {fake: {data: [{key: one, value: value-one}]}}");
    // A configuration takes the API server a moment.
    world.wait("the webhook to be asked", || {
        let bad = external_secret(&world, "probe", "");
        world.env.cluster.apply(&bad).map_or_else(
            |error| {
                if error.to_string().contains("denied the request") { Ok(()) } else { Err(error.to_string()) }
            },
            |_| Err("it was taken".to_owned()),
        )
    });
    world.apply(&fake);
    world.apply(&external_secret(&world, "good", ONE));
    world.wait_data("good", &[("one", "value-one")]);

    let target = |target: &str| format!("{ONE}\n  target: {target}");
    let not_owned = "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner";
    let cases = [
        (String::new(), "either data or dataFrom should be specified"),
        (target("{creationPolicy: Merge, deletionPolicy: Delete}"), not_owned),
        (target("{creationPolicy: Orphan, deletionPolicy: Delete}"), not_owned),
        (target("{creationPolicy: CreateOrMerge, deletionPolicy: Delete}"), not_owned),
        (
            target("{creationPolicy: None, deletionPolicy: Merge}"),
            "deletionPolicy=Merge has nothing to merge into",
        ),
        (
            target("{template: {type: bootstrap.kubernetes.io/token}}"),
            "bootstrap.kubernetes.io/token is refused",
        ),
        (
            target(
                "{template: {type: kubernetes.io/service-account-token, metadata: {annotations: {kubernetes.io/service-account.name: x}}}}",
            ),
            "kubernetes.io/service-account-token is refused",
        ),
        (
            "  dataFrom: [{extract: {key: a}, find: {name: {regexp: a}}}]".to_owned(),
            "dataFrom[0]: exactly one of extract, find",
        ),
        (
            "  data: [{secretKey: one, remoteRef: {key: a}}, {secretKey: one, remoteRef: {key: b}}]"
                .to_owned(),
            "secretKey \"one\" stands twice",
        ),
        (format!("{ONE}\n  refreshInterval: often"), "spec.refreshInterval"),
    ];
    for (rest, message) in &cases {
        let said = refused(&world, &external_secret(&world, "bad", rest));
        assert!(said.contains("denied the request") && said.contains(message), "{rest}: {said}");
    }
    let said = refused(&world, &external_secret(&world, "good", ""));
    assert!(said.contains("either data or dataFrom"), "an update too: {said}");

    // Stores: the provider's own schema, and expressions that are none; another class's are not judged.
    let cluster = format!("{}-cluster", world.name);
    // A built-in is loaded when somebody uses it, and what nobody can judge yet passes.
    let used = "  provider: {vault: {server: 'http://127.0.0.1:1', path: x, auth: {tokenSecretRef: {name: none, key: k}}}}";
    world.apply(&store(&world, "SecretStore", "used", used));
    world.wait("its plugin to be loaded", || {
        let log = operator.log();
        if log.contains("\"plugin\":\"vault@") { Ok(()) } else { Err(log) }
    });
    // What the definition lets pass, and the plugin's schema does not.
    let no_server = "/server";
    let said = refused(&world, &store(&world, "SecretStore", "bad", "  provider: {vault: {server: ''}}"));
    assert!(said.contains("denied the request") && said.contains(no_server), "{said}");
    let fake_data = "  provider: {fake: {data: []}}\n";
    let said = refused(
        &world,
        &store(
            &world,
            "ClusterSecretStore",
            &cluster,
            &format!("{fake_data}  conditions: [{{namespaceRegexes: ['(']}}]"),
        ),
    );
    assert!(said.contains("is not a regular expression"), "{said}");
    // The definition does not read patterns; without the webhook the store would not be Ready.
    for (pattern, words) in [
        ("a/*/b", "spec.accessPolicy[0].keys[0]: a * stands at the end only"),
        ("x/{{name}}/*", "spec.accessPolicy[0].keys[0]: {{name}} is not known"),
    ] {
        let policy = format!("{fake_data}  accessPolicy: [{{name: own, keys: ['{pattern}']}}]");
        let said = refused(&world, &store(&world, "ClusterSecretStore", &cluster, &policy));
        assert!(said.contains("denied the request") && said.contains(words), "{pattern}: {said}");
    }
    assert!(world.get("clustersecretstore", &cluster).is_none());
    let policy = format!("{fake_data}  accessPolicy: [{{name: own, keys: ['x/{{{{namespace}}}}/*']}}]");
    world.apply(&store(&world, "ClusterSecretStore", &cluster, &policy));
    let other = store(
        &world,
        "ClusterSecretStore",
        &cluster,
        &format!("{fake_data}  conditions: [{{namespaceRegexes: ['(']}}]"),
    )
    .replace(&format!("controller: {}", world.name), "controller: somebody");
    world.apply(&other);
    let unknown = store(&world, "SecretStore", "unknown", "  provider: {nobodys: {}}");
    world.apply(&unknown);
    // The log says each of them, as it was said to whoever applied it.
    let log = operator.log();
    for message in cases.iter().map(|(_, message)| *message).chain([no_server]) {
        let quoted = message.replace('"', "\\\"");
        let said = |line: &str| line.contains("not admitted") && line.contains(&quoted);
        assert!(log.lines().any(said), "{message}: {log}");
    }

    // The operator is away: with Ignore it passes, and the status says the same.
    configure(&world, port, &[&authority], "Ignore");
    assert_eq!(operator.stop(), Some(0));
    world.wait("the API server to go on without it", || {
        let bad = external_secret(&world, "bad", &cases[1].0);
        world.env.cluster.apply(&bad).map(drop).map_err(|error| error.to_string())
    });
    operator.restart();
    let message = world.wait_reason("externalsecret", "bad", "PolicyInvalid");
    assert!(message.contains(not_owned), "{message}");
    // What is bad already can be looked after, and deleted.
    world.kubectl(&["-n", &world.name, "annotate", "externalsecret", "bad", "note=looked-after"]);
    world.kubectl(&["-n", &world.name, "delete", "externalsecret", "bad"]);
    world.kubectl(&["delete", "validatingwebhookconfiguration", &world.name]);
}

#[test]
fn another_certificate_is_served_as_soon_as_it_lies_there() {
    let world = world!("webhook-certificates");
    let dir = tempfile::tempdir().unwrap();
    let port = free_port().unwrap();
    let (port_flag, dir_flag) = (port.to_string(), dir.path().to_str().unwrap().to_owned());
    let flags = ["--enable-webhook", "--webhook-port", &port_flag, "--webhook-cert-dir", &dir_flag];
    let operator = Operator::launch_flagged(&world, &flags);
    world.wait("it to say what is missing", || {
        let page = operator.page("/readyz");
        if page.contains("503") && page.contains("the webhook has no certificate") {
            Ok(())
        } else {
            Err(page)
        }
    });
    let first = certify(dir.path(), "first authority");
    world.wait("it to be ready", || {
        if operator.page("/readyz").contains("200 OK") { Ok(()) } else { Err(operator.log()) }
    });
    verified(port, &[&first]).unwrap();
    let second = certify(dir.path(), "second authority");
    world.wait("the second to be served", || {
        verified(port, &[&first, &second]).expect("one of them is served at any time");
        verified(port, &[&second])
    });
    assert!(verified(port, &[&first]).is_err());
    // What is no review is no review.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), second.pem()).unwrap();
    let asked = |path: &str, body: &str| {
        let url = format!("https://127.0.0.1:{port}{path}");
        let output = Command::new("curl")
            .args([
                "--silent",
                "--output",
                "/dev/null",
                "--write-out",
                "%{http_code}",
                "--data-binary",
                "@-",
                &url,
            ])
            .arg("--cacert")
            .arg(file.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .and_then(|mut child| {
                use std::io::Write as _;
                let mut stdin = child.stdin.take().unwrap();
                // It may be refused before it is read to its end.
                let _ = stdin.write_all(body.as_bytes());
                drop(stdin);
                child.wait_with_output()
            })
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let path = "/validate-external-secrets-io-v1-externalsecret";
    assert_eq!(asked(path, "{"), "400");
    assert_eq!(
        asked(
            path,
            r#"{"apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"u","operation":"DELETE"}}"#
        ),
        "400"
    );
    assert_eq!(
        asked(path, r#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u","operation":"DELETE"}}"#),
        "200"
    );
    assert_eq!(asked("/validate-something", "{}"), "404");
    assert_eq!(asked(path, &"x".repeat(3 * 1024 * 1024 + 1)), "413");
    assert!(operator.runs());
}
