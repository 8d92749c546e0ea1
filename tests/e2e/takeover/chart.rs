//! A chart that renders what ESO's chart does, as far as a takeover looks at it, and its counterpart of Claviger's.
//!
//! The definitions are Claviger's own without what ESO's do not have, and stand-ins for kinds that are not served.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::World;

/// Kinds that Claviger does not serve, or may come to: group, kind, plural, scope.
const UNSERVED: [(&str, &str, &str, &str); 2] = [
    ("generators.external-secrets.io", "GeneratorState", "generatorstates", "Namespaced"),
    ("generators.external-secrets.io", "Grafana", "grafanas", "Namespaced"),
];

fn definitions(world: &World) -> Vec<Value> {
    let crds = Command::new(&world.env.claviger).arg("crds").output().unwrap();
    let text = String::from_utf8(crds.stdout).unwrap();
    text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
}

/// Text that Go's templates print as it is.
fn literal(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// As ESO's chart: no mark, an annotation and a label of its own, v1 alone, behind two switches.
fn as_esos(mut crd: Value) -> String {
    crd["metadata"] =
        json!({"name": crd["metadata"]["name"], "labels": {"external-secrets.io/component": "controller"}});
    crd["spec"]["versions"].as_array_mut().unwrap().retain(|version| version["name"] != "v1beta1");
    crd.as_object_mut().unwrap().remove("status");
    let text = literal(&serde_saphyr::to_string(&crd).unwrap());
    let annotations = "metadata:\n  annotations:\n    {{- with .Values.crds.annotations }}\n    {{- toYaml . | nindent 4}}\n    \
                       {{- end }}\n    controller-gen.kubebuilder.io/version: v0.19.0\n";
    assert!(text.contains("\nmetadata:\n"), "{text}");
    format!(
        "{{{{- if .Values.installCRDs }}}}\n{}\n{{{{- end }}}}\n",
        text.replacen("metadata:\n", annotations, 1)
    )
}

fn stand_in((group, kind, plural, scope): (&str, &str, &str, &str)) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    })
}

fn deployment(name: &str, part: &str, image: &str, args: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  replicas: 1\n  selector:\n    matchLabels: \
         {{app.kubernetes.io/name: {part}}}\n  template:\n    metadata:\n      labels: {{app.kubernetes.io/name: {part}, \
         app.kubernetes.io/instance: {{{{ .Release.Name }}}}}}\n    spec:\n      containers:\n      - name: c\n        image: \
         {image}\n        args: {args}\n"
    )
}

/// ESO's two configurations, which nobody answers in these tests.
fn webhooks() -> String {
    let mut text = String::new();
    for (name, kinds) in [
        ("secretstore-validate", &[("secretstore", "Namespaced"), ("clustersecretstore", "Cluster")][..]),
        ("externalsecret-validate", &[("externalsecret", "Namespaced")]),
    ] {
        write!(
            text,
            "---\napiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata:\n  name: {name}\n  \
             labels:\n    external-secrets.io/component: webhook\nwebhooks:\n"
        )
        .unwrap();
        for (kind, scope) in kinds {
            write!(
                text,
                "- name: validate.{kind}.external-secrets.io\n  rules:\n  - apiGroups: [external-secrets.io]\n    apiVersions: [v1]\n    \
                 operations: [CREATE, UPDATE, DELETE]\n    resources: [{kind}s]\n    scope: {scope}\n  clientConfig:\n    service:\n      \
                 namespace: {{{{ .Release.Namespace }}}}\n      name: external-secrets-webhook\n      path: \
                 /validate-external-secrets-io-v1-{kind}\n  admissionReviewVersions: [v1, v1beta1]\n  sideEffects: None\n  \
                 timeoutSeconds: 5\n  failurePolicy: Fail\n"
            )
            .unwrap();
        }
    }
    format!("{{{{- if .Values.webhook.create }}}}\n{text}{{{{- end }}}}\n")
}

fn write_chart(dir: &Path, name: &str, values: &str, templates: &[(String, String)]) {
    fs::create_dir_all(dir.join("templates/crds")).unwrap();
    let about = format!("apiVersion: v2\nname: {name}\nversion: 2.9.0\nappVersion: v2.9.0\n");
    fs::write(dir.join("Chart.yaml"), about).unwrap();
    fs::write(dir.join("values.yaml"), values).unwrap();
    for (file, text) in templates {
        fs::write(dir.join("templates").join(file), text).unwrap();
    }
}

/// As ESO's.
pub(super) fn eso(world: &World, dir: &Path) {
    let ours = definitions(world).into_iter().filter(|crd| {
        crd["spec"]["group"] != "claviger.io"
            && !UNSERVED.iter().any(|(_, kind, ..)| crd["spec"]["names"]["kind"] == *kind)
    });
    let mut templates: Vec<(String, String)> = ours
        .chain(UNSERVED.map(stand_in))
        .map(|crd| (format!("crds/{}.yaml", crd["metadata"]["name"].as_str().unwrap()), as_esos(crd)))
        .collect();
    let image = "ghcr.io/external-secrets/external-secrets:v2.9.0";
    templates.push((
        "deployments.yaml".to_owned(),
        ["external-secrets", "external-secrets-webhook", "external-secrets-cert-controller"]
            .into_iter()
            .zip(["[--concurrent=1]", "[webhook, --port=10250]", "[certcontroller]"])
            .map(|(name, args)| deployment(name, name, image, args))
            .collect(),
    ));
    templates.push(("validatingwebhook.yaml".to_owned(), webhooks()));
    let values = "installCRDs: true\ncrds: {annotations: {}}\nwebhook: {create: false}\n";
    write_chart(dir, "external-secrets", values, &templates);
}

/// As Claviger's will be: its definitions, and a Deployment that is called as ESO's.
pub(super) fn claviger(world: &World, dir: &Path) {
    let mut templates: Vec<(String, String)> = definitions(world)
        .into_iter()
        .map(|crd| {
            let name = format!("crds/{}.yaml", crd["metadata"]["name"].as_str().unwrap());
            (name, literal(&serde_saphyr::to_string(&crd).unwrap()))
        })
        .collect();
    let own = deployment("external-secrets", "external-secrets", "example/claviger:1", "[run]");
    templates.push(("deployment.yaml".to_owned(), own));
    write_chart(dir, "claviger", "{}\n", &templates);
}

/// A definition that only the live object says to keep.
pub(super) fn control(dir: &Path) {
    let crd = stand_in(("example.com", "Control", "controls", "Namespaced"));
    let text = serde_saphyr::to_string(&crd).unwrap();
    write_chart(dir, "control", "{}\n", &[("crds/control.yaml".to_owned(), text)]);
}
