//! Specs of access tokens and what comes of them. Only tests.

#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use claviger_plugin_sdk::provider::connection::{Resolved, SlotValue};
use google_credentials::World as _;

use super::*;
use crate::fake::{Fake, session, session_of_node};

const LOGIN: &str = r#"{"secretRef": {"secretAccessKeySecretRef": {"name": "s", "key": "k"}}}"#;

/// With a service account's key, and everything that a store could have besides.
fn generator(session: Session, spec: &Value) -> Session {
    let key = json!({
        "type": "service_account", "client_email": "a@shop.iam.gserviceaccount.com", "private_key_id": "1",
        "private_key": include_str!("../../google-credentials/src/test-key.pem"),
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let mut session = Session { config: spec.to_string(), ..session };
    session.store.kind = KIND.to_owned();
    session.have.push(SlotValue {
        slot: "google-key".to_owned(),
        value: Resolved::Bytes(key.to_string().into_bytes()),
    });
    session
}

fn spec() -> Value {
    json!({"auth": serde_json::from_str::<Value>(LOGIN).unwrap(), "projectID": "shop"})
}

fn values(made: Generated) -> BTreeMap<String, String> {
    made.values.into_iter().map(|(key, value)| (key, String::from_utf8(value).unwrap())).collect()
}

#[test]
fn an_access_token_is_a_password() {
    let spec = spec();
    let fake = Fake::new(|_| Fake::login(7));
    let by_file = generator(session(&json!({})), &spec);
    let Step::Ready(ready) = connect(&by_file).unwrap() else { panic!("it has all") };
    let origins: Vec<&str> = ready.origins.iter().map(|origin| origin.url.as_str()).collect();
    assert_eq!(origins, ["https://oauth2.googleapis.com"], "and not Secret Manager's");
    let found = values(generate(&by_file, &fake).unwrap());
    let keys: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(keys, ["expiry", "password", "username"]);
    assert_eq!((found["username"].as_str(), found["password"].as_str()), ("oauth2accesstoken", "token-7"));
    // `expires_in` of the answer.
    let end = world::seconds(fake.now()) + 3599;
    assert_eq!(found["expiry"], end.to_string());
    // Each is asked for.
    generate(&by_file, &fake).unwrap();
    assert_eq!(fake.count("/token"), 2);
}

/// Whatever the operator was granted for its stores.
#[test]
fn the_operator_s_own_identity_makes_no_tokens() {
    let spec = json!({"auth": {}, "projectID": "shop"});
    for session in [session(&json!({})), session_of_node()] {
        let asked = generator(session, &spec);
        let fake = Fake::new(|_| panic!("nobody is asked"));
        for found in [connect(&asked).map(drop), generate(&asked, &fake).map(drop)] {
            let Err(Error::InvalidConfig(wrong)) = found else { panic!("{found:?}") };
            assert_eq!(wrong.path, "/auth");
        }
    }
}

#[test]
fn what_is_wrong_says_where() {
    for (spec, path) in [
        (json!({"auth": spec()["auth"]}), "/projectID"),
        (json!({"auth": spec()["auth"], "projectID": "a/b"}), "/projectID"),
        (json!({"auth": {}, "projectID": "shop"}), "/auth"),
        (json!({"auth": {"secretRef": {}}, "projectID": "shop"}), "/auth/secretRef/secretAccessKeySecretRef"),
    ] {
        let found = connect(&generator(session(&json!({})), &spec));
        let Err(Error::InvalidConfig(wrong)) = found else { panic!("{spec}") };
        assert_eq!(wrong.path, path);
    }
    let fake = Fake::new(|_| (400, r#"{"error":"invalid_grant","error_description":"Bad"}"#.to_owned()));
    let refused = generate(&generator(session(&json!({})), &spec()), &fake);
    assert!(matches!(refused, Err(Error::Unauthenticated(_))), "{refused:?}");
}

/// Every field of ESO's is one that the schema takes, and its references are marked.
#[test]
fn the_schema_takes_every_field_of_eso() {
    let schema = schema();
    let fields = include_str!("../../../crds/tests/eso-fields/gcr-access-token-spec.txt");
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
        assert!(place.is_object(), "{path}");
        assert_eq!(place["x-claviger"].is_string(), of.contains('{'), "{path}");
        count += 1;
    }
    assert_eq!(count, 18);
    assert!(
        schema["properties"]["auth"]["properties"]["secretRef"]["properties"]["secretAccessKey"].is_null()
    );
}
