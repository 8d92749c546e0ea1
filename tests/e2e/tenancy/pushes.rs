//! A PushSecret takes Secrets of its own namespace, whatever labels others' have.

use serde_json::json;

use super::victim;
use crate::support::{Operator, assert_no_value_left, world};

#[test]
fn a_push_secret_selects_in_its_own_namespace_only() {
    let world = world!("tenancy-pushes");
    let victim = victim(&world);
    // The same labels in both namespaces; the victim's name would sort first.
    let secrets = [(&victim, "a-theirs", "MARKED-victims-pushed"), (&world, "own", "MARKED-own-pushed")];
    for (corner, name, value) in secrets {
        corner.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": corner.name, "labels": {"push": "yes"}},
            "stringData": {name: value},
        }));
    }
    // A store of kind fake, as push::fake(&world) makes one (make that helper `pub(crate)`).
    crate::push::fake(&world);
    let operator = Operator::start(&world);
    let mark = world.env.cluster.audit_mark();
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
        "metadata": {"name": "app", "namespace": world.name},
        "spec": {
            "refreshInterval": "1h", "secretStoreRefs": [{"name": "fake", "kind": "SecretStore"}],
            "selector": {"secret": {"selector": {"matchLabels": {"push": "yes"}}}},
            "dataTo": [{"storeRef": {"name": "fake"}}],
        },
    }));
    let status = crate::push::synced(&world, "app");
    assert_eq!(crate::push::places(&status, "SecretStore/fake"), ["own"]);
    // By name: another namespace cannot be spelled, and a path in a name is none.
    for name in [format!("../{}/secrets/a-theirs", victim.name), format!("{}/a-theirs", victim.name)] {
        let refused = world.env.cluster.apply(
            &json!({
                "apiVersion": "external-secrets.io/v1alpha1", "kind": "PushSecret",
                "metadata": {"name": "by-name", "namespace": world.name},
                "spec": {"secretStoreRefs": [{"name": "fake"}], "selector": {"secret": {"name": name}},
                    "data": [{"match": {"secretKey": "a-theirs", "remoteRef": {"remoteKey": "k"}}}]},
            })
            .to_string(),
        );
        assert!(refused.is_err(), "{name}");
    }
    // The witness: values were listed in the own namespace, and in no other, and not over all of them.
    let user = format!("system:serviceaccount:{ns}:operator-{ns}", ns = world.name);
    let requests = world.env.cluster.audit_requests(mark).unwrap();
    let of_values: Vec<String> = requests
        .iter()
        // The watch of metadata goes over all namespaces and is no read of values: `as=PartialObjectMetadata` stands in
        // its Accept header, not in the URI; it has `watch=true` or begins with a list whose URI has no labelSelector.
        .filter(|it| it.user == user && it.uri.contains("/secrets") && it.uri.contains("labelSelector=push"))
        .map(|it| it.uri.clone())
        .collect();
    assert!(!of_values.is_empty());
    let own = format!("/api/v1/namespaces/{}/secrets", world.name);
    assert!(of_values.iter().all(|uri| uri.starts_with(&own)), "{of_values:?}");
    assert_no_value_left(&world, &operator, &["MARKED-victims-pushed", "MARKED-own-pushed"]);
}
