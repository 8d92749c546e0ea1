//! What in the objects only Claviger understands, so that ESO would refuse it, drop it or ignore it. Pure.

use claviger_core::lease::Record;
use claviger_core::names::{ANNOTATION_ROTATION_INTERVAL, ANNOTATION_ROTATION_POLICY, LEASE_ANNOTATIONS};
use serde_json::Value;

/// Below `spec.provider`, and what ESO has in its place; empty if it has nothing.
const PROVIDER_FIELDS: &[(&str, &str)] = &[
    ("/aws/auth/secretRef/accessKeyID", "aws.auth.secretRef.accessKeyIDSecretRef"),
    ("/aws/auth/secretRef/secretAccessKey", "aws.auth.secretRef.secretAccessKeySecretRef"),
    ("/aws/auth/secretRef/sessionToken", "aws.auth.secretRef.sessionTokenSecretRef"),
    ("/aws/events", ""),
    ("/azurekv/clientId", "azurekv.authSecretRef.clientId, or azurekv.identityId with ManagedIdentity"),
    ("/azurekv/clientSecret", "azurekv.authSecretRef.clientSecret"),
    ("/gcpsm/auth/secretRef/secretAccessKey", "gcpsm.auth.secretRef.secretAccessKeySecretRef"),
    ("/gcpsm/projectId", "gcpsm.projectID"),
    ("/vault/auth/jwt/serviceAccountRef", "vault.auth.jwt.kubernetesServiceAccountToken.serviceAccountRef"),
    ("/vault/tls/caCert", "vault.caProvider or vault.caBundle"),
    ("/vault/tls/clientCert", "vault.tls.certSecretRef"),
    ("/vault/tls/clientKey", "vault.tls.keySecretRef"),
    ("/vault/tls/insecureSkipVerify", ""),
    ("/vault/tls/serverName", ""),
];

/// What ESO 2.9 knows under `spec.provider`.
const ESO_PROVIDERS: &[&str] = &[
    "akeyless",
    "aws",
    "azurekv",
    "barbican",
    "beyondtrust",
    "beyondtrustworkloadcredentials",
    "bitwardensecretsmanager",
    "chef",
    "cloudrusm",
    "conjur",
    "crd",
    "delinea",
    "doppler",
    "dvls",
    "fake",
    "fortanix",
    "gcpsm",
    "github",
    "gitlab",
    "ibm",
    "infisical",
    "keepersecurity",
    "kubernetes",
    "nebiusmysterybox",
    "ngrok",
    "onboardbase",
    "onepassword",
    "onepasswordSDK",
    "openBao",
    "oracle",
    "ovh",
    "passbolt",
    "passworddepot",
    "previder",
    "pulumi",
    "scaleway",
    "secretserver",
    "senhasegura",
    "vault",
    "volcengine",
    "webhook",
    "yandexcertificatemanager",
    "yandexlockbox",
];

/// What ESO would not understand of an object.
pub(super) fn unknown_to_eso(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    match object["kind"].as_str().unwrap_or_default() {
        "SecretStore" | "ClusterSecretStore" => store(&object["spec"], &mut found),
        "VaultDynamicSecret" => vault(&object["spec"]["provider"], &mut found),
        "ExternalSecret" => external_secret(&object["spec"], &mut found),
        "ClusterExternalSecret" => {
            annotations(&object["spec"]["externalSecretMetadata"]["annotations"], &mut found);
            external_secret(&object["spec"]["externalSecretSpec"], &mut found);
        }
        _ => {}
    }
    annotations(&object["metadata"]["annotations"], &mut found);
    if wrote_v1beta1(object) {
        found.push(
            "was applied as external-secrets.io/v1beta1, which ESO serves no longer: v1 in its manifest"
                .to_owned(),
        );
    }
    found
}

fn instead(field: &str, eso: &str) -> String {
    match eso {
        "" => format!("{field}: ESO has nothing of the kind"),
        eso => format!("{field}: with ESO it is {eso}"),
    }
}

fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

fn store(spec: &Value, found: &mut Vec<String>) {
    // Without it every namespace may read whatever the store may.
    if !spec["accessPolicy"].is_null() {
        found.push(instead("spec.accessPolicy", ""));
    }
    let provider = &spec["provider"];
    for name in provider.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if !ESO_PROVIDERS.contains(&name.as_str()) {
            found.push(format!("spec.provider.{name}: ESO has no such provider"));
        }
    }
    let there = PROVIDER_FIELDS.iter().filter(|(pointer, _)| provider.pointer(pointer).is_some());
    found.extend(there.map(|(pointer, eso)| instead(&format!("spec.provider.{}", dotted(pointer)), eso)));
}

/// The generator has a Vault provider's block in the place of the providers.
fn vault(provider: &Value, found: &mut Vec<String>) {
    for (pointer, eso) in PROVIDER_FIELDS {
        let Some(below) = pointer.strip_prefix("/vault").filter(|below| provider.pointer(below).is_some())
        else {
            continue;
        };
        let eso = eso.replace("vault.", "spec.provider.");
        found.push(instead(&format!("spec.provider.{}", dotted(below)), &eso));
    }
}

fn external_secret(spec: &Value, found: &mut Vec<String>) {
    let engine = spec["target"]["template"]["engineVersion"].as_str();
    if let Some(engine) = engine.filter(|engine| *engine != "v2") {
        found.push(format!("target.template.engineVersion: {engine}: ESO has v2 alone"));
    }
}

fn annotations(of: &Value, found: &mut Vec<String>) {
    for name in of.as_object().into_iter().flat_map(serde_json::Map::keys) {
        let domain = name.split('/').next().unwrap_or_default();
        let claviger = domain == "claviger.io" || domain.ends_with(".claviger.io");
        if claviger || [ANNOTATION_ROTATION_POLICY, ANNOTATION_ROTATION_INTERVAL].contains(&name.as_str()) {
            found.push(format!("annotation {name}: ESO does not know it"));
        }
    }
}

fn wrote_v1beta1(object: &Value) -> bool {
    const OLD: &str = "external-secrets.io/v1beta1";
    let applied = &object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    let applied: Value =
        applied.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let fields = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut fields = fields.filter(|entry| entry["operation"] == "Apply");
    applied["apiVersion"] == OLD || fields.any(|entry| entry["apiVersion"] == OLD)
}

/// Whether a Secret holds what was leased: ESO neither renews nor takes it back. A record may be of passwords and the like,
/// which have no lease; one that cannot be read may be of anything.
pub(super) fn holds_leases(secret: &Value) -> bool {
    let annotations = secret["metadata"]["annotations"].as_object().into_iter().flatten();
    let mut records = annotations.filter(|(name, _)| name.starts_with(LEASE_ANNOTATIONS));
    records.any(|(_, text)| {
        let record = text.as_str().and_then(Record::parse);
        record.is_none_or(|record| record.all().iter().any(|held| held.lease.is_some()))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the definitions accept beyond ESO's, as the crate of the definitions lists it.
    const ALSO_ACCEPTED: &str = include_str!("../../../../crds/tests/eso-fields/also-accepted.txt");

    #[test]
    fn every_field_beyond_esos_is_named() {
        let fields = ALSO_ACCEPTED.lines().filter(|line| !line.starts_with('#'));
        let mut seen = 0;
        for field in fields.filter_map(|line| line.split(" : ").next()) {
            let mut store = json!({"kind": "SecretStore", "spec": {"provider": {}}});
            let mut place = &mut store["spec"]["provider"];
            for part in field.split('.') {
                place = &mut place[part];
            }
            *place = json!("x");
            let found = unknown_to_eso(&store);
            assert_eq!(found.len(), 1, "{field}: {found:?}");
            seen += 1;
        }
        assert!(seen >= PROVIDER_FIELDS.len(), "{seen}");
    }

    #[test]
    fn what_eso_has_is_not_named() {
        let store = json!({"kind": "SecretStore", "metadata": {}, "spec": {"provider": {"vault": {
            "server": "x", "auth": {"jwt": {"kubernetesServiceAccountToken": {}}}, "tls": {"certSecretRef": {}},
        }}}});
        assert_eq!(unknown_to_eso(&store), Vec::<String>::new());
    }

    #[test]
    fn engines_annotations_versions_and_plugins() {
        let es = json!({"kind": "ExternalSecret", "spec": {"target": {"template": {"engineVersion": "jinja"}}},
        "metadata": {"annotations": {
            "claviger.io/partial-sync": "true", "external-secrets.io/rotation-policy": "automatic", "team": "x",
            "kubectl.kubernetes.io/last-applied-configuration": "{\"apiVersion\":\"external-secrets.io/v1beta1\"}",
        }}});
        let found = unknown_to_eso(&es).join("; ");
        for part in ["engineVersion: jinja", "claviger.io/partial-sync", "rotation-policy", "v1beta1"] {
            assert!(found.contains(part), "{part}: {found}");
        }
        assert!(!found.contains("team"));
        let applied = json!({"kind": "ExternalSecret", "metadata": {"managedFields": [
            {"operation": "Apply", "apiVersion": "external-secrets.io/v1beta1"}]}});
        assert_eq!(unknown_to_eso(&applied).len(), 1);
        let plugin = json!({"kind": "ClusterSecretStore", "spec": {"provider": {"etcd": {}}}});
        assert_eq!(unknown_to_eso(&plugin), ["spec.provider.etcd: ESO has no such provider"]);
        let policy =
            json!({"kind": "ClusterSecretStore", "spec": {"provider": {"fake": {}}, "accessPolicy": []}});
        assert_eq!(unknown_to_eso(&policy), ["spec.accessPolicy: ESO has nothing of the kind"]);
        let generator =
            json!({"kind": "VaultDynamicSecret", "spec": {"provider": {"tls": {"serverName": "x"}}}});
        assert_eq!(unknown_to_eso(&generator).len(), 1);
        let spread = json!({"kind": "ClusterExternalSecret", "spec": {
            "externalSecretMetadata": {"annotations": {"claviger.io/render": "every-refresh"}},
            "externalSecretSpec": {"target": {"template": {"engineVersion": "jinja"}}}}});
        assert_eq!(unknown_to_eso(&spread).len(), 2);
        assert!(!holds_leases(&es));
        let lease = json!({"id": "database/creds/x/1", "seconds": 60, "renewable": true});
        for (lease, holds) in [(lease, true), (Value::Null, false)] {
            let held = json!({"kind": "Password", "name": "pw", "key": "", "issued": "2026-01-01T00:00:00Z", "lease": lease});
            let record = json!({"salt": "s", "inputs": "i", "held": [held]}).to_string();
            let secret = json!({"metadata": {"annotations": {"lease.claviger.io/00": record}}});
            assert_eq!(holds_leases(&secret), holds, "{record}");
        }
        let unreadable = json!({"metadata": {"annotations": {"lease.claviger.io/00": "of a later version"}}});
        assert!(holds_leases(&unreadable));
    }
}
