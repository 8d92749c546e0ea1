//! What tokens are asked for and where, by tables. Only tests.

#![allow(clippy::unwrap_used)]
use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use claviger_plugin_sdk::provider::connection::{Resolved, SlotValue};

use super::*;

fn input(kind: &str, spec: &Value) -> ConnectInput {
    let key = |slot: &str, value: &str| SlotValue {
        slot: slot.to_owned(),
        value: Resolved::Bytes(value.as_bytes().to_vec()),
    };
    ConnectInput {
        store: StoreRef {
            kind: kind.to_owned(),
            name: "g".to_owned(),
            namespace: Some("shop".to_owned()),
            uid: "u".to_owned(),
            generation: 1,
        },
        requester: Requester { namespace: "shop".to_owned() },
        config: spec.to_string(),
        settings: String::new(),
        have: vec![key("aws-access-key-id", "AKIA"), key("aws-secret-access-key", "s")],
    }
}

fn keys() -> Value {
    json!({"secretRef": {
        "accessKeyIDSecretRef": {"name": "k", "key": "id"}, "secretAccessKeySecretRef": {"name": "k", "key": "s"},
    }})
}

/// Hosts as the SDKs' endpoint rules have them.
#[test]
fn where_each_is_asked_for() {
    let role = "arn:aws:iam::123456789012:role/pull";
    for (kind, spec, expected) in [
        (ECR, json!({"region": "eu-central-1"}), vec!["api.ecr.eu-central-1.amazonaws.com"]),
        (
            ECR,
            json!({"region": "eu-central-1", "scope": "private"}),
            vec!["api.ecr.eu-central-1.amazonaws.com"],
        ),
        (
            ECR,
            json!({"region": "us-east-1", "scope": "public"}),
            vec!["api.ecr-public.us-east-1.amazonaws.com"],
        ),
        (
            ECR,
            json!({"region": "us-east-1", "role": role}),
            vec!["api.ecr.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"],
        ),
        (STS, json!({"region": "eu-west-1", "role": role}), vec!["sts.eu-west-1.amazonaws.com"]),
    ] {
        let mut spec = spec;
        spec["auth"] = keys();
        let Step::Ready(ready) = connect(&input(kind, &spec)).unwrap() else { panic!("{spec}") };
        let hosts: Vec<&str> =
            ready.origins.iter().map(|origin| origin.url.trim_start_matches("https://")).collect();
        assert_eq!(hosts, expected, "{spec}");
        assert_eq!(ready.partition, None);
    }
    let Step::Need(needs) = connect(&ConnectInput {
        have: Vec::new(),
        ..input(ECR, &json!({"region": "eu-central-1", "auth": keys()}))
    })
    .unwrap() else {
        panic!("ready without a key")
    };
    assert_eq!(needs.len(), 2);
}

#[test]
fn what_cannot_be_asked_for_says_where() {
    let jwt = json!({"jwt": {"serviceAccountRef": {"name": "sa"}}});
    for (kind, spec, path) in [
        (ECR, json!({"region": "Frankfurt"}), "/region"),
        (STS, json!({"auth": keys()}), "/region"),
        (STS, json!({"region": "eu-west-1", "auth": jwt}), "/auth/jwt"),
        (
            STS,
            json!({"region": "eu-west-1", "auth": keys(), "requestParameters": {"sessionDuration": 1_i64 << 40}}),
            "/requestParameters/sessionDuration",
        ),
        (STS, json!({"region": "eu-west-1"}), "/auth/secretRef"),
        (
            STS,
            json!({"region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/pull"}),
            "/auth/secretRef",
        ),
    ] {
        let Err(Error::InvalidConfig(wrong)) = Token::parse(kind, &spec.to_string()) else {
            panic!("{spec}")
        };
        assert_eq!(wrong.path, path);
    }
    let spec = json!({"region": "eu-west-1", "auth": keys(), "requestParameters": {
        "sessionDuration": 900, "serialNumber": "arn:aws:iam::1:mfa/u", "tokenCode": "012345"}});
    let asked = Token::parse(STS, &spec.to_string()).unwrap().asked;
    let expected = Asked::Session {
        duration: Some(900),
        serial_number: Some("arn:aws:iam::1:mfa/u".to_owned()),
        token_code: Some("012345".to_owned()),
    };
    assert_eq!(asked, expected);
}

/// Names as ESO's documentation has them. The token is the example of the ECR API reference's kind: `AWS:` and more.
#[test]
fn the_values_are_eso_s() {
    let text = |values: Values| -> Vec<String> {
        values
            .into_iter()
            .map(|(key, value)| format!("{key}={}", String::from_utf8(value).unwrap()))
            .collect()
    };
    let made = registry("QVdTOmQwdS13YTg=", Some("https://1.dkr.ecr.eu-west-1.amazonaws.com"), 1_700_000_000);
    let expected = [
        "username=AWS",
        "password=d0u-wa8",
        "proxy_endpoint=https://1.dkr.ecr.eu-west-1.amazonaws.com",
        "expires_at=1700000000",
    ];
    assert_eq!(text(made.unwrap()), expected);
    let public = text(registry("QVdTOmQwdS13YTg=", None, 1).unwrap());
    assert_eq!(public, ["username=AWS", "password=d0u-wa8", "expires_at=1"]);
    for odd in ["", "%", "QVdT", "/w=="] {
        assert!(registry(odd, None, 1).is_err(), "{odd:?}");
    }
    let made = text(session("ASIA", "s3cr3t", "t0k3n", 7));
    assert_eq!(
        made,
        ["access_key_id=ASIA", "expiration=7", "secret_access_key=s3cr3t", "session_token=t0k3n"]
    );
}

/// Every field of ESO's is one that the schema takes, and its references are marked.
#[test]
fn the_schemas_take_every_field_of_eso() {
    let lists = [
        (ECR, include_str!("../../../crds/tests/eso-fields/ecr-authorization-token-spec.txt"), 10),
        (STS, include_str!("../../../crds/tests/eso-fields/sts-session-token-spec.txt"), 13),
    ];
    for (kind, fields, expected) in lists {
        let found = kinds().into_iter().find(|found| found.name == kind).unwrap();
        let schema: Value = serde_json::from_str(&found.spec_schema).unwrap();
        let mut count = 0;
        for line in fields.lines().filter(|line| !line.starts_with('#')) {
            let (path, of) = line.split_once(" : ").unwrap();
            let mut place = &schema;
            for step in path.split('.') {
                place = &place["properties"][step.trim_end_matches('*')];
                if let Some(at) = place["$ref"].as_str() {
                    place = schema.pointer(at.trim_start_matches('#')).unwrap();
                }
            }
            assert!(place.is_object(), "{kind} {path}");
            assert_eq!(place["x-claviger"].is_string(), of.contains('{'), "{kind} {path}");
            count += 1;
        }
        assert_eq!(count, expected, "{kind}");
    }
}
