//! Rounds of `connect`, with a host that answers from a table.

#![allow(clippy::unwrap_used)]

use claviger_plugin_sdk::provider::claviger::plugin::types::{Requester, StoreRef};
use serde_json::json;

use super::*;
use crate::source::Places;

const PLACES: Places = Places { auth: "/auth", role: "", plugin: "aws" };

fn access(config: &Value) -> Access {
    let store = StoreRef {
        kind: "SecretStore".to_owned(),
        name: "s".to_owned(),
        namespace: Some("n".to_owned()),
        uid: String::new(),
        generation: 1,
    };
    Access::parse(config, PLACES, &store, &Requester { namespace: "n".to_owned() }).unwrap()
}

fn what(need: &Need) -> (String, String) {
    match need {
        Need::Object(need) => (need.slot.clone(), need.at.clone()),
        Need::Account(need) => (need.slot.clone(), need.annotations.join(" ")),
        Need::Token(need) => (need.slot.clone(), need.audiences.join(" ")),
        Need::Ambient(need) => {
            assert!(need.optional, "what is not granted must not end the search");
            (need.slot.clone(), format!("{:?} {}", need.kind, need.name))
        }
    }
}

/// Plays all rounds: what was asked in each, and what it comes to.
fn play(config: &Value, world: &[(&str, Resolved)]) -> (Vec<Vec<String>>, Result<Base, Error>) {
    let access = access(config);
    let (mut have, mut rounds) = (Vec::new(), Vec::new());
    loop {
        let needs = match access.needs(config, &have) {
            Ok(needs) if needs.is_empty() => return (rounds, access.base(&have)),
            Ok(needs) => needs,
            Err(error) => return (rounds, Err(error)),
        };
        let needs: Vec<_> = needs.iter().map(what).collect();
        for (slot, detail) in &needs {
            let key = if config["auth"].is_null() { detail } else { slot };
            let answer = world.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
            have.push(SlotValue { slot: slot.clone(), value: answer.unwrap_or(Resolved::Absent) });
        }
        rounds.push(needs.into_iter().map(|(_, detail)| detail).collect());
        assert!(rounds.len() <= 8, "the host ends it after eight rounds");
    }
}

fn bytes(text: &str) -> Resolved {
    Resolved::Bytes(text.as_bytes().to_vec())
}

fn keys(id: &str, secret: &str, token: Option<&str>) -> Base {
    let token = token.map(ToOwned::to_owned);
    Base::Keys(Credentials { id: id.to_owned(), secret: secret.to_owned(), token })
}

#[test]
fn irsa_takes_two_rounds() {
    let config = json!({"auth": {"jwt": {"serviceAccountRef": {"name": "sa", "audiences": ["more"]}}}});
    let account = |annotations: &[(&str, &str)]| {
        let annotations = annotations.iter();
        let annotations = annotations
            .map(|(name, value)| Annotation { name: (*name).to_owned(), value: (*value).to_owned() });
        Resolved::Account(annotations.collect())
    };
    let role = (ROLE_ANNOTATION, "arn:aws:iam::1:role/r");
    let (rounds, base) = play(&config, &[(ACCOUNT, account(&[role])), (ACCOUNT_TOKEN, bytes("jwt\n"))]);
    assert_eq!(
        rounds,
        [["eks.amazonaws.com/role-arn eks.amazonaws.com/audience"], ["sts.amazonaws.com more"]]
    );
    assert_eq!(
        base.unwrap(),
        Base::WebIdentity {
            role_arn: role.1.to_owned(),
            session_name: "external-secrets-provider-aws".to_owned(),
            token: Token("jwt".to_owned()),
        }
    );
    let audience = account(&[role, (AUDIENCE_ANNOTATION, "own")]);
    let (rounds, _) = play(&config, &[(ACCOUNT, audience), (ACCOUNT_TOKEN, bytes("jwt"))]);
    assert_eq!(rounds[1], ["own more"]);
    let (rounds, base) = play(&config, &[(ACCOUNT, account(&[]))]);
    assert_eq!(rounds.len(), 1, "no token without a role");
    assert!(
        matches!(base, Err(Error::InvalidConfig(error)) if error.path == "/auth/jwt/serviceAccountRef" && error.detail.contains(ROLE_ANNOTATION))
    );
}

#[test]
fn an_access_key_is_one_round() {
    let key = json!({"name": "s", "key": "k"});
    let config = json!({"auth": {"secretRef": {"accessKeyID": key, "secretAccessKey": key}}});
    let world = [(KEY_ID, bytes("AKIA\n")), (KEY_SECRET, bytes(" s3 "))];
    let (rounds, base) = play(&config, &world);
    assert_eq!(rounds, [["/auth/secretRef/accessKeyID", "/auth/secretRef/secretAccessKey"]]);
    assert_eq!(base.unwrap(), keys("AKIA", "s3", None));
    let (_, base) = play(&config, &[(KEY_ID, bytes("AKIA")), (KEY_SECRET, bytes("\n"))]);
    assert!(matches!(base, Err(Error::Unauthenticated(detail)) if detail.contains(KEY_SECRET)));
}

#[test]
fn ambient_credentials_in_the_order_of_the_sdks() {
    let kind = |kind: AmbientKind, name: &str| format!("{kind:?} {name}");
    let env = |name: &str| kind(AmbientKind::Env, name);
    let (id, secret, token) =
        (env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN"));
    let role = env("AWS_ROLE_ARN");
    let file = kind(AmbientKind::FileByEnv, "AWS_WEB_IDENTITY_TOKEN_FILE");
    let container = kind(AmbientKind::AwsMetadata, "container");
    let instance = kind(AmbientKind::AwsMetadata, "instance");
    let document =
        |id: &str| bytes(&json!({"AccessKeyId": id, "SecretAccessKey": "s", "Token": "t"}).to_string());
    let web = Base::WebIdentity {
        role_arn: "arn".to_owned(),
        session_name: SESSION_NAME.to_owned(),
        token: Token("jwt".to_owned()),
    };
    for (world, rounds, expected) in [
        (
            vec![(&id, bytes("A")), (&secret, bytes("s")), (&token, bytes("t"))],
            1,
            Some(keys("A", "s", Some("t"))),
        ),
        (vec![(&role, bytes("arn")), (&file, bytes("jwt"))], 1, Some(web)),
        (vec![(&container, document("C")), (&instance, document("I"))], 2, Some(keys("C", "s", Some("t")))),
        (vec![(&id, bytes("A")), (&instance, document("I"))], 3, Some(keys("I", "s", Some("t")))),
        (vec![(&role, bytes("arn"))], 3, None),
    ] {
        let world: Vec<_> = world.into_iter().map(|(name, value)| (name.as_str(), value)).collect();
        let (asked, base) = play(&json!({}), &world);
        assert_eq!(asked.len(), rounds, "{asked:?}");
        match expected {
            Some(expected) => assert_eq!(base.unwrap(), expected),
            None => assert!(
                matches!(base, Err(Error::InvalidConfig(error)) if error.detail.contains("spec.grants.ambient of the Plugin aws"))
            ),
        }
    }
}

#[test]
fn sts_is_an_origin_only_where_it_is_called() {
    let key = json!({"name": "s", "key": "k"});
    let auth = json!({"secretRef": {"accessKeyID": key, "secretAccessKey": key}});
    let have = [KEY_ID, KEY_SECRET].map(|slot| SlotValue { slot: slot.to_owned(), value: bytes("x") });
    assert!(!access(&json!({"auth": auth})).calls_sts(&have).unwrap());
    assert!(access(&json!({"auth": auth, "role": "r"})).calls_sts(&have).unwrap());
}
