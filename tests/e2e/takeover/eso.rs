//! Objects exactly as ESO leaves them: its labels and hashes, managedFields of operation Update under its names, owners,
//! finalizers and status. The hashes are computed here from ESO's description, not by the product.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::PlainApi;
use serde_json::{Value, json};
use sha3::{Digest as _, Sha3_224};

/// How many there are.
pub(super) const SECRETS: usize = 500;
/// Two hours and more before any test: each refresh is due.
pub(super) const REFRESHED: &str = "2026-01-01T00:00:00Z";

type Map = BTreeMap<&'static str, &'static str>;

fn sha3(text: &str) -> String {
    Sha3_224::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Go's `%+v` of a `map[string]string`.
fn go_map(map: &Map) -> String {
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", entries.join(" "))
}

/// Go's `%+v` of a `map[string][]byte`.
fn go_bytes(map: &Map) -> String {
    let bytes = |value: &str| value.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(" ");
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:[{}]", bytes(value))).collect();
    format!("map[{}]", entries.join(" "))
}

/// The store: what is the same for ESO and Claviger without a server.
pub(super) fn store(namespace: &str) -> String {
    format!(
        "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {{name: fake, namespace: {namespace}}}\n\
         spec: {{provider: {{fake: {{data: [{{key: one, value: MARKED-1}}, {{key: two, value: MARKED-2}}, \
         {{key: both, value: '{{\"x\":\"MARKED-3\",\"y\":\"MARKED-4\"}}'}}]}}}}}}\n"
    )
}

struct Sample {
    spec: Value,
    labels: Map,
    data: Map,
    /// Of the Secret, besides the operator's.
    copied: Map,
    owner: bool,
}

/// By turns: plain, with labels that are copied, by a template, orphaned, extracted.
fn sample(number: usize) -> Sample {
    let entry = |key: &str, from: &str| {
        json!({"secretKey": key, "remoteRef": {"key": from, "conversionStrategy": "Default", "decodingStrategy": "None",
            "metadataPolicy": "None", "nullBytePolicy": "Ignore"}})
    };
    let two = json!([entry("a", "one"), entry("b", "two")]);
    let data = Map::from([("a", "MARKED-1"), ("b", "MARKED-2")]);
    let target = |policy: &str| json!({"creationPolicy": policy, "deletionPolicy": "Retain"});
    let spec = |target: Value, data: Value| json!({"refreshInterval": "1h", "secretStoreRef": {"kind": "SecretStore", "name": "fake"}, "target": target, "data": data});
    let plain = Sample {
        spec: spec(target("Owner"), two.clone()),
        labels: Map::new(),
        data: data.clone(),
        copied: Map::new(),
        owner: true,
    };
    match number % 5 {
        1 => Sample { labels: Map::from([("team", "x")]), copied: Map::from([("team", "x")]), ..plain },
        2 => {
            let mut spec = plain.spec;
            spec["target"]["template"] = json!({
                "engineVersion": "v2", "mergePolicy": "Replace", "metadata": {"labels": {"of": "template"}},
                "data": {"url": "{{ .a }}@{{ .b }}", "b": "{{ .b }}"},
            });
            let data = Map::from([("url", "MARKED-1@MARKED-2"), ("b", "MARKED-2")]);
            Sample { spec, data, copied: Map::from([("of", "template")]), ..plain }
        }
        3 => Sample { spec: spec(target("Orphan"), two), owner: false, ..plain },
        4 => {
            let mut spec = plain.spec;
            spec.as_object_mut().unwrap().remove("data");
            spec["dataFrom"] = json!([{"extract": {"key": "both", "conversionStrategy": "Default", "decodingStrategy": "None",
                "metadataPolicy": "None", "nullBytePolicy": "Ignore"}}]);
            Sample { spec, data: Map::from([("x", "MARKED-3"), ("y", "MARKED-4")]), ..plain }
        }
        _ => plain,
    }
}

fn sent(api: &PlainApi, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = api.send(method, path, body).unwrap();
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

/// Makes them all.
pub(super) fn leave(api: &PlainApi, namespace: &str) {
    let external_secrets = format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets");
    for number in 0..SECRETS {
        let (name, sample) = (format!("es{number}"), sample(number));
        let made = sent(
            api,
            "POST",
            &external_secrets,
            &json!({
                "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
                "metadata": {"name": name, "namespace": namespace, "labels": sample.labels,
                    "finalizers": ["externalsecrets.external-secrets.io/externalsecret-cleanup"]},
                "spec": sample.spec,
            }),
        );
        let meta = format!("{{annotations:map[] labels:{}}}", go_map(&sample.labels));
        let mut with_status = made.clone();
        with_status["status"] = json!({
            "refreshTime": REFRESHED, "syncedResourceVersion": format!("{}-{}", made["metadata"]["generation"], sha3(&meta)),
            "binding": {"name": name},
            "conditions": [{"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced",
                "lastTransitionTime": REFRESHED}],
        });
        sent(api, "PUT", &format!("{external_secrets}/{name}/status"), &with_status);

        let mut labels: BTreeMap<&str, String> =
            sample.copied.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        labels.insert("reconcile.external-secrets.io/managed", "true".to_owned());
        let mut owners = json!([]);
        if sample.owner {
            labels.insert("reconcile.external-secrets.io/created-by", sha3(&format!("{namespace}/{name}")));
            owners = json!([{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": name,
                "uid": made["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}]);
        }
        let data: BTreeMap<_, _> =
            sample.data.iter().map(|(key, value)| (*key, STANDARD.encode(value))).collect();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
            "metadata": {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": owners,
                "annotations": {"reconcile.external-secrets.io/data-hash": sha3(&go_bytes(&sample.data))}},
        });
        let manager = format!("externalsecrets.external-secrets.io%2F{name}");
        let made = sent(
            api,
            "POST",
            &format!("/api/v1/namespaces/{namespace}/secrets?fieldManager={manager}"),
            &secret,
        );
        let fields = &made["metadata"]["managedFields"][0];
        assert_eq!(
            (&fields["operation"], fields["manager"].as_str().unwrap()),
            (&json!("Update"), format!("externalsecrets.external-secrets.io/{name}").as_str())
        );
    }
}

/// What else ESO looks after: an ExternalSecret of a ClusterExternalSecret's kind of finalizers, pushes, states.
pub(super) fn leave_others(api: &PlainApi, namespace: &str) {
    let alpha = |kind: &str| format!("/apis/external-secrets.io/v1alpha1/namespaces/{namespace}/{kind}");
    sent(
        api,
        "POST",
        &alpha("pushsecrets"),
        &json!({
            "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
            "metadata": {"name": "push", "finalizers": ["pushsecret.externalsecrets.io/finalizer"]},
            "spec": {"deletionPolicy": "Delete", "secretStoreRefs": [{"name": "pushed"}],
                "selector": {"secret": {"name": "pushed"}}},
        }),
    );
    let generators =
        format!("/apis/generators.external-secrets.io/v1alpha1/namespaces/{namespace}/generatorstates");
    for (name, kind) in [("password", "Password"), ("grafana", "Grafana")] {
        sent(
            api,
            "POST",
            &generators,
            &json!({
                "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "GeneratorState",
                "metadata": {"name": name, "finalizers": ["generatorstate.externalsecrets.io/finalizer"]},
                "spec": {"resource": {"kind": kind}},
            }),
        );
    }
    sent(
        api,
        "POST",
        "/apis/external-secrets.io/v1/clusterexternalsecrets",
        &json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ClusterExternalSecret",
            "metadata": {"name": "ces", "finalizers": ["externalsecrets.external-secrets.io/clusterexternalsecret-cleanup"]},
            "spec": {"namespaceSelector": {"matchLabels": {"nobody": "has"}}, "externalSecretSpec": sample(0).spec},
        }),
    );
    let path = format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets");
    sent(
        api,
        "POST",
        &path,
        &json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": "gone", "finalizers": ["externalsecrets.external-secrets.io/externalsecret-cleanup"]},
            "spec": sample(0).spec,
        }),
    );
    let path = format!("/api/v1/namespaces/{namespace}");
    let finalizers = json!({"metadata": {"finalizers": ["externalsecrets.external-secrets.io/ces-ces"]}});
    assert_eq!(api.merge(&path, &finalizers).unwrap().0, 200);
    let path = format!("/apis/external-secrets.io/v1/namespaces/{namespace}/secretstores/fake");
    let finalizers = json!({"metadata": {"finalizers": ["secretstore.externalsecrets.io/finalizer"]}});
    assert_eq!(api.merge(&path, &finalizers).unwrap().0, 200);
}
