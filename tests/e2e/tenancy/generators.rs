//! Every reference that a generator's schema marks, leading to another namespace: of a generator in the tenant's own, and of a
//! ClusterGenerator, which is in each namespace what one in it would be.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::configs::configs;
use super::references::{asked_for, inspected, marked};
use super::victim;
use crate::generators::{es, from, generator, store};
use crate::support::{Operator, assert_no_value_left, world};

/// Kinds with references, the plugins that have them, and the field of a ClusterGenerator for each.
const KINDS: [(&str, &str, &str); 6] = [
    ("ECRAuthorizationToken", "aws", "ecrAuthorizationTokenSpec"),
    ("STSSessionToken", "aws", "stsSessionTokenSpec"),
    ("GCRAccessToken", "gcp", "gcrAccessTokenSpec"),
    ("ACRAccessToken", "azure", "acrAccessTokenSpec"),
    ("VaultDynamicSecret", "vault", "vaultDynamicSecretSpec"),
    ("Webhook", "webhook", "webhookSpec"),
];

/// A spec for each reference of a kind, which names the victim's object.
fn specs(kind: &str, server: &str, victim: &str) -> Vec<(String, Value)> {
    let theirs = json!({"name": "theirs", "key": "k", "namespace": victim});
    let account = json!({"name": "theirs", "namespace": victim});
    let mine = json!({"name": "mine", "key": "k"});
    let of_store = |provider: &str| {
        configs(provider, server, victim).into_iter().map(|(at, config)| (at.to_owned(), config))
    };
    match kind {
        "ECRAuthorizationToken" | "STSSessionToken" => {
            let spec = |auth: Value| json!({"region": "eu-central-1", "auth": auth});
            let keys = ["accessKeyIDSecretRef", "secretAccessKeySecretRef", "sessionTokenSecretRef"];
            let by_keys = keys.map(|field| {
                let mut keys = json!({"accessKeyIDSecretRef": mine, "secretAccessKeySecretRef": mine});
                keys[field] = theirs.clone();
                (format!("/auth/secretRef/{field}"), spec(json!({ "secretRef": keys })))
            });
            let jwt = spec(json!({"jwt": {"serviceAccountRef": account}}));
            by_keys.into_iter().chain([("/auth/jwt/serviceAccountRef".to_owned(), jwt)]).collect()
        }
        // It has no second spellings.
        "GCRAccessToken" => of_store("gcpsm").filter(|(at, _)| !at.ends_with("/secretAccessKey")).collect(),
        "ACRAccessToken" => {
            let spec = |auth: Value| json!({"registry": "r.azurecr.io", "tenantId": "t", "auth": auth});
            let principal = |id: &Value, secret: &Value| {
                spec(json!({"servicePrincipal": {"secretRef": {"clientId": id, "clientSecret": secret}}}))
            };
            let workload = spec(json!({"workloadIdentity": {"serviceAccountRef": account}}));
            vec![
                ("/auth/servicePrincipal/secretRef/clientId".to_owned(), principal(&theirs, &mine)),
                ("/auth/servicePrincipal/secretRef/clientSecret".to_owned(), principal(&mine, &theirs)),
                ("/auth/workloadIdentity/serviceAccountRef".to_owned(), workload),
            ]
        }
        "VaultDynamicSecret" => of_store("vault")
            .map(|(at, config)| {
                (format!("/provider{at}"), json!({"path": "database/creds/r", "provider": config}))
            })
            .collect(),
        // It says what of the answer is meant.
        "Webhook" => of_store("webhook")
            .map(|(at, mut spec)| {
                spec["result"] = json!({"jsonPath": "$"});
                (at, spec)
            })
            .collect(),
        other => panic!("no specs for {other}"),
    }
}

#[test]
fn no_reference_of_a_generator_leaves_the_namespace() {
    let world = world!("tenancy-generators");
    let victim = victim(&world);
    store(&world);
    let operator = Operator::start(&world);
    let mark = world.env.cluster.audit_mark();
    let mut tried = Vec::new();
    for (kind, plugin, field) in KINDS {
        let inspection = inspected(&world, plugin);
        let specs = specs(kind, world.env.bao.address(), &victim.name);
        let covered: BTreeSet<String> = specs.iter().map(|(at, _)| at.clone()).collect();
        assert_eq!(
            covered,
            marked(&inspection["generatorSchemas"][kind]),
            "every reference of {kind} is tried"
        );
        let mut in_cluster = false;
        for (number, (at, spec)) in specs.into_iter().enumerate() {
            let name = format!("{}-{number}", kind.to_lowercase());
            if kind == "Webhook" && at.starts_with("/secrets/") {
                // These have no field for a namespace, so the API server takes none.
                let object = json!({
                    "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": kind,
                    "metadata": {"name": name, "namespace": world.name}, "spec": spec,
                });
                let refused = world.env.cluster.apply(&object.to_string()).unwrap_err().to_string();
                assert!(refused.contains(".secretRef.namespace: field not declared in schema"), "{refused}");
                continue;
            }
            generator(&world, kind, &name, &spec);
            es(&world, &name, &[from(kind, &name)], &json!({}));
            tried.push((name, at.clone()));
            // What is in a ClusterGenerator goes the same way, whichever reference it is.
            if !std::mem::replace(&mut in_cluster, true) {
                let name = format!("{}-{}", world.name, kind.to_lowercase());
                world.apply_json(&json!({
                    "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator",
                    "metadata": {"name": name}, "spec": {"kind": kind, "generator": {field: spec}},
                }));
                es(&world, &name, &[from("ClusterGenerator", &name)], &json!({}));
                tried.push((name, at));
            }
        }
    }
    for (name, at) in tried {
        let (status, reason, message) = world.wait(&format!("a verdict on {name}"), || {
            world.ready("externalsecret", &name).ok_or_else(|| "none".to_owned())
        });
        // What a plugin does not do it refuses before it asks for anything.
        let refused = name.starts_with("stssessiontoken") && at.starts_with("/auth/jwt")
            || at == "/provider/auth/gcp/serviceAccountRef"
            || at.starts_with("/auth/ntlm/");
        let expected = if refused { "InvalidProviderConfig" } else { "ReferenceForbidden" };
        assert_eq!((status.as_str(), reason.as_str()), ("False", expected), "{name}, {at}: {message}");
        let place = at.trim_start_matches("/provider");
        assert!(refused || message.contains(place) && message.contains(&victim.name), "{name}: {message}");
    }
    let touched = asked_for(&world, mark, &victim.name);
    assert_eq!(touched, Vec::<String>::new(), "nothing of the victim's was even asked for");
    // The same witness saw what was the tenant's own.
    assert!(asked_for(&world, mark, &world.name).iter().any(|it| it.ends_with("/secrets/mine")));
    assert_no_value_left(&world, &operator, &["MARKED-victims-secret", "MARKED-own-secret"]);
}
