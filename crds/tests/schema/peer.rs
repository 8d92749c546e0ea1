//! Compares the schema with the External Secrets Operator's, field by field, both ways.
//!
//! The lists in `tests/eso-fields/` are facts of its version 2.9.0: `path* : type [constraint; …]`,
//! where `*` means required. Fields of Claviger's own are in `also-accepted*.txt`, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use claviger_crds::schema::{KEY_PATTERN, NAME_PATTERN, NAMESPACE_PATTERN};
use serde_json::{Value, json};

use crate::node::{Node, fields, schema_of};

/// File, kind, and where in the kind its fields begin.
const LISTS: &[(&str, &str, &str)] = &[
    (include_str!("../eso-fields/externalsecret-spec.txt"), "ExternalSecret", "spec"),
    (include_str!("../eso-fields/externalsecret-status.txt"), "ExternalSecret", "status"),
    (include_str!("../eso-fields/clusterexternalsecret-spec.txt"), "ClusterExternalSecret", "spec"),
    (
        include_str!("../eso-fields/externalsecret-spec.txt"),
        "ClusterExternalSecret",
        "spec.externalSecretSpec",
    ),
    (include_str!("../eso-fields/clusterexternalsecret-status.txt"), "ClusterExternalSecret", "status"),
    (
        include_str!("../eso-fields/also-accepted-clusterexternalsecret-status.txt"),
        "ClusterExternalSecret",
        "status",
    ),
    (include_str!("../eso-fields/pushsecret-spec.txt"), "PushSecret", "spec"),
    (include_str!("../eso-fields/pushsecret-template.txt"), "PushSecret", "spec"),
    (include_str!("../eso-fields/pushsecret-status.txt"), "PushSecret", "status"),
    (include_str!("../eso-fields/also-accepted-pushsecret-status.txt"), "PushSecret", "status"),
    (include_str!("../eso-fields/clusterpushsecret-spec.txt"), "ClusterPushSecret", "spec"),
    (include_str!("../eso-fields/pushsecret-spec.txt"), "ClusterPushSecret", "spec.pushSecretSpec"),
    (include_str!("../eso-fields/pushsecret-template.txt"), "ClusterPushSecret", "spec.pushSecretSpec"),
    (include_str!("../eso-fields/clusterpushsecret-status.txt"), "ClusterPushSecret", "status"),
    (include_str!("../eso-fields/store-spec.txt"), "SecretStore", "spec"),
    (include_str!("../eso-fields/store-status.txt"), "SecretStore", "status"),
    (include_str!("../eso-fields/provider-aws.txt"), "SecretStore", "spec.provider.aws"),
    (include_str!("../eso-fields/provider-vault.txt"), "SecretStore", "spec.provider.vault"),
    (include_str!("../eso-fields/provider-azurekv.txt"), "SecretStore", "spec.provider.azurekv"),
    (include_str!("../eso-fields/provider-gcpsm.txt"), "SecretStore", "spec.provider.gcpsm"),
    (include_str!("../eso-fields/provider-kubernetes.txt"), "SecretStore", "spec.provider.kubernetes"),
    (include_str!("../eso-fields/provider-openbao.txt"), "SecretStore", "spec.provider.openBao"),
    (include_str!("../eso-fields/provider-onepassword.txt"), "SecretStore", "spec.provider.onepassword"),
    (include_str!("../eso-fields/provider-fake.txt"), "SecretStore", "spec.provider.fake"),
    (include_str!("../eso-fields/provider-webhook.txt"), "SecretStore", "spec.provider.webhook"),
    (include_str!("../eso-fields/also-accepted.txt"), "SecretStore", "spec.provider"),
    (include_str!("../eso-fields/also-accepted-store.txt"), "SecretStore", "spec"),
    (include_str!("../eso-fields/also-accepted-clustersecretstore.txt"), "ClusterSecretStore", "spec"),
    (include_str!("../eso-fields/vault-dynamic-secret-spec.txt"), "VaultDynamicSecret", "spec"),
    (
        include_str!("../eso-fields/also-accepted-vault-dynamic-secret.txt"),
        "VaultDynamicSecret",
        "spec.provider",
    ),
    (include_str!("../eso-fields/also-accepted-status.txt"), "ExternalSecret", "status"),
    (include_str!("../eso-fields/password-spec.txt"), "Password", "spec"),
    (include_str!("../eso-fields/ssh-key-spec.txt"), "SSHKey", "spec"),
    (include_str!("../eso-fields/fake-spec.txt"), "Fake", "spec"),
    (include_str!("../eso-fields/uuid-spec.txt"), "UUID", "spec"),
    (include_str!("../eso-fields/clustergenerator-spec.txt"), "ClusterGenerator", "spec"),
    (include_str!("../eso-fields/password-spec.txt"), "ClusterGenerator", "spec.generator.passwordSpec"),
    (include_str!("../eso-fields/ssh-key-spec.txt"), "ClusterGenerator", "spec.generator.sshKeySpec"),
    (include_str!("../eso-fields/fake-spec.txt"), "ClusterGenerator", "spec.generator.fakeSpec"),
    (
        include_str!("../eso-fields/vault-dynamic-secret-spec.txt"),
        "ClusterGenerator",
        "spec.generator.vaultDynamicSecretSpec",
    ),
    (include_str!("../eso-fields/webhook-spec.txt"), "Webhook", "spec"),
    (include_str!("../eso-fields/webhook-spec.txt"), "ClusterGenerator", "spec.generator.webhookSpec"),
    (
        include_str!("../eso-fields/also-accepted-vault-dynamic-secret.txt"),
        "ClusterGenerator",
        "spec.generator.vaultDynamicSecretSpec.provider",
    ),
    (include_str!("../eso-fields/acr-access-token-spec.txt"), "ACRAccessToken", "spec"),
    (
        include_str!("../eso-fields/acr-access-token-spec.txt"),
        "ClusterGenerator",
        "spec.generator.acrAccessTokenSpec",
    ),
    (include_str!("../eso-fields/ecr-authorization-token-spec.txt"), "ECRAuthorizationToken", "spec"),
    (
        include_str!("../eso-fields/ecr-authorization-token-spec.txt"),
        "ClusterGenerator",
        "spec.generator.ecrAuthorizationTokenSpec",
    ),
    (include_str!("../eso-fields/gcr-access-token-spec.txt"), "GCRAccessToken", "spec"),
    (
        include_str!("../eso-fields/gcr-access-token-spec.txt"),
        "ClusterGenerator",
        "spec.generator.gcrAccessTokenSpec",
    ),
    (include_str!("../eso-fields/sts-session-token-spec.txt"), "STSSessionToken", "spec"),
    (
        include_str!("../eso-fields/sts-session-token-spec.txt"),
        "ClusterGenerator",
        "spec.generator.stsSessionTokenSpec",
    ),
    (include_str!("../eso-fields/generatorstate-spec.txt"), "GeneratorState", "spec"),
    (include_str!("../eso-fields/generatorstate-status.txt"), "GeneratorState", "status"),
];

/// Where Claviger accepts more than its peer, and what is not compared there.
const RELAXED: &[(&str, &str)] = &[
    // Any template-engine plugin may be named.
    ("spec.target.template.engineVersion", "enum"),
    ("spec.externalSecretSpec.target.template.engineVersion", "enum"),
    // A plugin may bring kinds of its own.
    ("spec.data[].sourceRef.generatorRef.kind", "enum"),
    ("spec.externalSecretSpec.data[].sourceRef.generatorRef.kind", "enum"),
    ("spec.dataFrom[].sourceRef.generatorRef.kind", "enum"),
    ("spec.externalSecretSpec.dataFrom[].sourceRef.generatorRef.kind", "enum"),
    ("spec.selector.generatorRef.kind", "enum"),
    ("spec.pushSecretSpec.selector.generatorRef.kind", "enum"),
    ("spec.template.engineVersion", "enum"),
    ("spec.pushSecretSpec.template.engineVersion", "enum"),
    // Claviger may report more aspects than readiness.
    ("status.conditions[].type", "enum"),
    // Left to Vault, whose answer names what is missing.
    ("spec.provider.vault.auth.kubernetes.role", "required"),
    ("spec.provider.auth.kubernetes.role", "required"),
    ("spec.generator.vaultDynamicSecretSpec.provider.auth.kubernetes.role", "required"),
];

/// One line of a list.
struct Expected {
    path: String,
    required: bool,
    kind: String,
    constraints: Vec<String>,
}

fn parse(list: &str, root: &str) -> Vec<Expected> {
    list.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, rest) = line.split_once(" : ").unwrap_or_else(|| panic!("line {line}"));
            let (kind, constraints) = match rest.split_once("  [") {
                Some((kind, constraints)) => (kind, constraints.strip_suffix(']').expect("]")),
                None => (rest, ""),
            };
            Expected {
                path: format!("{root}.{}", name.trim_end_matches('*')),
                required: name.ends_with('*'),
                kind: kind.trim().to_owned(),
                constraints: constraints
                    .split("; ")
                    .filter(|constraint| !constraint.is_empty())
                    .map(str::to_owned)
                    .collect(),
            }
        })
        .collect()
}

#[test]
fn every_field_of_the_peer_is_declared_alike() {
    let mut wrong = Vec::new();
    for (list, kind, root) in LISTS {
        let declared: BTreeMap<_, _> =
            fields(&schema_of(kind)).into_iter().map(|node| (node.path.clone(), node)).collect();
        for expected in parse(list, root) {
            match declared.get(&expected.path) {
                None => wrong.push(format!("{kind} {}: not declared", expected.path)),
                Some(node) => wrong.extend(
                    differences(&expected, node)
                        .into_iter()
                        .map(|text| format!("{kind} {}: {text}", expected.path)),
                ),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_declared_that_no_list_has() {
    for kind in [
        "ExternalSecret",
        "ClusterExternalSecret",
        "PushSecret",
        "ClusterPushSecret",
        "SecretStore",
        "ClusterSecretStore",
        "VaultDynamicSecret",
        "Password",
        "SSHKey",
        "Fake",
        "UUID",
        "Webhook",
        "ClusterGenerator",
        "ACRAccessToken",
        "ECRAuthorizationToken",
        "GCRAccessToken",
        "STSSessionToken",
        "GeneratorState",
    ] {
        let expected: Vec<_> = LISTS
            .iter()
            .filter(|(_, listed, _)| {
                *listed == kind || (kind == "ClusterSecretStore" && *listed == "SecretStore")
            })
            .flat_map(|(list, _, root)| parse(list, root))
            .collect();
        let mut known: BTreeSet<_> = expected.iter().map(|e| e.path.clone()).collect();
        known.extend(["spec", "status"].map(str::to_owned));
        known.extend(LISTS.iter().map(|(_, _, root)| (*root).to_owned()));
        // The inside of a reference is compared as a whole, with the field that it is the type of.
        let closed: Vec<_> = expected
            .iter()
            .filter(|e| e.kind.contains('{') || e.kind == "LabelSelector")
            .map(|e| format!("{}.", e.path))
            .collect();
        let unknown: Vec<_> = fields(&schema_of(kind))
            .into_iter()
            .map(|node| node.path)
            .filter(|path| !known.contains(path) && !closed.iter().any(|prefix| path.starts_with(prefix)))
            .collect();
        assert!(unknown.is_empty(), "{kind}: {unknown:?}");
    }
}

fn differences(expected: &Expected, node: &Node) -> Vec<String> {
    let relaxed: Vec<_> =
        RELAXED.iter().filter(|(path, _)| *path == expected.path).map(|(_, what)| *what).collect();
    let mut found = Vec::new();
    if expected.required != node.required && !relaxed.contains(&"required") {
        found.push(format!("required is {}, expected {}", node.required, expected.required));
    }
    if let Some(text) = type_difference(&expected.kind, &node.schema) {
        found.push(text);
    }
    let mut stated: BTreeSet<&str> = BTreeSet::new();
    for constraint in &expected.constraints {
        let (keyword, have, want) = constraint_of(constraint, &expected.path, &node.schema);
        stated.insert(keyword);
        if have != want && !relaxed.contains(&keyword) {
            found.push(format!("{keyword} is {have}, expected {want}"));
        }
    }
    for keyword in ["default", "enum"] {
        if !stated.contains(keyword) && node.schema.get(keyword).is_some() {
            found.push(format!("has a {keyword}, expected none"));
        }
    }
    found
}

fn type_difference(kind: &str, schema: &Value) -> Option<String> {
    let properties = || -> BTreeSet<&str> {
        schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    };
    let same = match kind {
        "string" | "boolean" | "integer" | "object" => schema["type"] == kind,
        "any" => schema["x-kubernetes-preserve-unknown-fields"] == true,
        "map[string]object" => {
            schema["type"] == "object" && schema["additionalProperties"]["type"] == "object"
        }
        "map[string]array" => schema["type"] == "object" && schema["additionalProperties"]["type"] == "array",
        "[]string" => schema["type"] == "array" && schema["items"]["type"] == "string",
        "[]object" => schema["type"] == "array" && schema["items"]["type"] == "object",
        "map[string]integer" => {
            schema["type"] == "object" && schema["additionalProperties"]["type"] == "integer"
        }
        "map[string]string" => {
            schema["type"] == "object" && schema["additionalProperties"]["type"] == "string"
        }
        "intOrString" => schema["x-kubernetes-int-or-string"] == true,
        "LabelSelector" => properties() == BTreeSet::from(["matchExpressions", "matchLabels"]),
        _ => {
            let (_, inner) = kind.split_once('{').unwrap_or_else(|| panic!("unknown type {kind}"));
            let want: BTreeSet<_> =
                inner.trim_end_matches('}').split(',').map(|name| name.trim_end_matches("[]")).collect();
            schema["type"] == "object" && properties() == want
        }
    };
    (!same).then(|| format!("is {schema}, expected {kind}"))
}

/// The keyword, what the schema has, and what the list wants.
fn constraint_of(constraint: &str, path: &str, schema: &Value) -> (&'static str, Value, Value) {
    let pattern = |want: &str| ("pattern", schema["pattern"].clone(), json!(want));
    match constraint {
        "KEYPAT" => return pattern(KEY_PATTERN),
        "DNS1123" if path.ends_with("amespace") => return pattern(NAMESPACE_PATTERN),
        "DNS1123" => return pattern(NAME_PATTERN),
        _ => {}
    }
    if let Some(rule) = constraint.strip_prefix("CEL:") {
        return ("rule", schema["x-kubernetes-validations"][0]["rule"].clone(), json!(rule));
    }
    let (keyword, text) = constraint.split_once('=').unwrap_or_else(|| panic!("unknown {constraint}"));
    match keyword {
        "default" => ("default", schema["default"].clone(), default_of(text)),
        "enum" => {
            let have: BTreeSet<_> =
                schema["enum"].as_array().into_iter().flatten().cloned().map(text_of).collect();
            ("enum", json!(have), json!(text.split('|').collect::<BTreeSet<_>>()))
        }
        "pattern" => pattern(text),
        "format" => ("format", schema["format"].clone(), json!(text)),
        "minProperties" => {
            ("minProperties", schema["minProperties"].clone(), json!(text.parse::<u32>().unwrap()))
        }
        "maxProperties" => {
            ("maxProperties", schema["maxProperties"].clone(), json!(text.parse::<u32>().unwrap()))
        }
        "minItems" => ("minItems", schema["minItems"].clone(), json!(text.parse::<u32>().unwrap())),
        // Bounds are numbers that need not be whole.
        "minimum" => ("minimum", schema["minimum"].clone(), json!(text.parse::<f64>().unwrap())),
        "maximum" => ("maximum", schema["maximum"].clone(), json!(text.parse::<f64>().unwrap())),
        _ => panic!("unknown constraint {constraint}"),
    }
}

fn text_of(value: Value) -> String {
    value.as_str().expect("choices are texts").to_owned()
}

fn default_of(text: &str) -> Value {
    match text {
        "False" => json!(false),
        "True" => json!(true),
        _ if text.starts_with('{') || text.parse::<i64>().is_ok() => serde_json::from_str(text).unwrap(),
        _ => json!(text),
    }
}
