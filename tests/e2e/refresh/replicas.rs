//! Of several replicas only the one that works takes a request; another does not swallow it.

use serde_json::json;

use super::client::{AUDIENCE, Endpoint};
use crate::support::{Operator, world};

#[test]
fn a_replica_that_stands_by_says_so() {
    let world = world!("refresh-replicas");
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "fake", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "k", "value": "v"}]}}},
    }));
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": "es", "namespace": world.name},
        "spec": {"refreshInterval": "1h", "secretStoreRef": {"name": "fake"},
                 "data": [{"secretKey": "k", "remoteRef": {"key": "k"}}]},
    }));
    let endpoint = Endpoint::new(&world);
    endpoint.caller("ci", Some("fake"));
    let token = endpoint.token("ci", AUDIENCE);
    let wanted = endpoint.wanted("fake", &["k"]).to_string();
    let mut replicas: Vec<Operator> = ["-a", "-b"]
        .iter()
        .enumerate()
        .map(|(which, suffix)| {
            endpoint.may_review(&format!("operator-{}{suffix}", world.name));
            let flags = endpoint.flags(which);
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let replica = Operator::replica_flagged(&world, suffix, &flags);
            if which == 0 {
                world.wait("the first to lead", || if replica.leads() { Ok(()) } else { Err(replica.log()) });
            }
            replica
        })
        .collect();
    world.wait_ready("externalsecret", "es");
    let answer = endpoint.send(0, "POST", Some(&token), &wanted);
    assert_eq!((answer.status, answer.body), (202, json!({"externalSecrets": 1})));
    let answer = endpoint.send(1, "POST", Some(&token), &wanted);
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
    assert!(answer.body["error"].as_str().unwrap().contains("stands by"), "{}", answer.body);

    assert_eq!(replicas[0].stop(), Some(0));
    world.wait("the second to take it", || {
        let answer = endpoint.send(1, "POST", Some(&token), &wanted);
        if answer.status == 202 && answer.body == json!({"externalSecrets": 1}) {
            Ok(())
        } else {
            Err(format!("{} {}", answer.status, answer.body))
        }
    });
}
