//! ECRAuthorizationToken and STSSessionToken, with boto3 as the judge.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::AwsIdentity;
use serde_json::{Value, json};

use super::super::{data, es, from, generator, store, text, wait_other};
use crate::support::{Account, Operator, World, allow, assert_no_value_left, world};

const REGION: &str = "eu-central-1";

/// Rights to both registries' logins.
fn registries() -> Value {
    json!([allow(
        &["ecr:GetAuthorizationToken", "ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"],
        &["*"]
    )])
}

/// Seconds until a time that is written as seconds since 1970.
fn left(text: &str) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    text.parse::<i64>().unwrap() - i64::try_from(now).unwrap()
}

fn made(world: &World, name: &str, key: &str) -> String {
    text(&data(world, name), key)
}

#[test]
fn a_login_to_ecr() {
    let world = world!("tokens-ecr");
    let (ns, account) = (&world.name, Account::new(&world, REGION));
    store(&world);
    let user = account.user("tokens-ecr", &registries());
    let nobody = account.user("tokens-ecr-nobody", &json!([allow(&["sts:AssumeRole"], &["*"])]));
    account.key_secret("key", &user);
    account.key_secret("nobody", &nobody);
    let trusts = json!([{
        "Effect": "Allow", "Principal": {"AWS": account.aws.iam_arn("user/tokens-ecr-nobody")}, "Action": "sts:AssumeRole",
    }]);
    let role = account.role("tokens-ecr-role", &trusts, &registries());
    let irsa = account.role("tokens-ecr-irsa", &account.trust_in_account(ns, "puller"), &registries());
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "puller", "namespace": ns, "annotations": {"eks.amazonaws.com/role-arn": irsa}},
    }));
    let key = Account::key_auth("key");
    let ecr = |name: &str, spec: Value| generator(&world, "ECRAuthorizationToken", name, &spec);
    ecr("private", json!({"region": REGION, "auth": key}));
    ecr("public", json!({"region": "us-east-1", "scope": "public", "auth": key}));
    ecr("role", json!({"region": REGION, "role": role, "auth": Account::key_auth("nobody")}));
    let account_ref = json!({"jwt": {"serviceAccountRef": {"name": "puller"}}});
    ecr("irsa", json!({"region": REGION, "auth": account_ref}));
    ecr("denied", json!({"region": REGION, "auth": Account::key_auth("nobody")}));
    world.apply_json(&json!({
        "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator", "metadata": {"name": ns},
        "spec": {"kind": "ECRAuthorizationToken", "generator": {"ecrAuthorizationTokenSpec": {"region": REGION, "auth": key}}},
    }));
    for name in ["private", "public", "role", "irsa", "denied"] {
        let often = if name == "private" { json!({"refreshInterval": "2s"}) } else { json!({}) };
        es(&world, name, &[from("ECRAuthorizationToken", name)], &often);
    }
    es(&world, "cluster", &[from("ClusterGenerator", ns)], &json!({}));
    let operator = Operator::start(&world);

    // What boto3 gets: the same but for the password, which is another each time.
    let judge = account.aws.call(Some(&user), "ecr", "GetAuthorizationToken", &json!({})).unwrap().unwrap();
    let judged = &judge["authorizationData"][0];
    let token = STANDARD.decode(judged["authorizationToken"].as_str().unwrap()).unwrap();
    let (login, password) = std::str::from_utf8(&token).unwrap().split_once(':').unwrap();
    let mut passwords = vec![password.to_owned()];
    for name in ["private", "role", "irsa", "cluster"] {
        world.wait_ready("externalsecret", name);
        let found = data(&world, name);
        let keys: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(keys, ["expires_at", "password", "proxy_endpoint", "username"], "{name}");
        assert_eq!(text(&found, "username"), login, "{name}");
        assert_eq!(text(&found, "proxy_endpoint"), judged["proxyEndpoint"].as_str().unwrap(), "{name}");
        let hours = left(&text(&found, "expires_at"));
        assert!((11 * 3600..=12 * 3600).contains(&hours), "{name}: {hours}");
        passwords.push(text(&found, "password"));
    }
    passwords.sort_unstable();
    passwords.dedup();
    assert_eq!(passwords.len(), 5, "each has its own");
    world.wait_ready("externalsecret", "public");
    let public = data(&world, "public");
    assert_eq!(public.keys().collect::<Vec<_>>(), ["expires_at", "password", "username"]);
    assert_eq!(text(&public, "username"), "AWS");
    wait_other(&world, "private", "password", &made(&world, "private", "password"));

    let message = world.wait_reason("externalsecret", "denied", "AccessDenied");
    assert!(message.contains("ecr:GetAuthorizationToken") && message.contains("not authorized"), "{message}");
    assert!(world.data("denied").is_none());
    let password = made(&world, "irsa", "password");
    assert_no_value_left(&world, &operator, &[&password, &user.secret_access_key]);
}

#[test]
fn a_session_of_a_user_s() {
    let world = world!("tokens-sts");
    let account = Account::new(&world, REGION);
    store(&world);
    account.secret("tokens-sts/value", "of-the-user");
    let reads = json!([allow(&["secretsmanager:GetSecretValue", "sts:AssumeRole"], &["*"])]);
    let user = account.user("tokens-sts", &reads);
    account.key_secret("key", &user);
    let device = account.call("iam", "CreateVirtualMFADevice", json!({"VirtualMFADeviceName": "tokens-sts"}));
    let serial = device["VirtualMFADevice"]["SerialNumber"].as_str().unwrap();
    let enable = json!({
        "UserName": "tokens-sts", "SerialNumber": serial,
        "AuthenticationCode1": "000000", "AuthenticationCode2": "000000",
    });
    account.call("iam", "EnableMFADevice", enable);
    let trusts = json!([{
        "Effect": "Allow", "Principal": {"AWS": account.aws.iam_arn("user/tokens-sts")}, "Action": "sts:AssumeRole",
    }]);
    let role = account.role("tokens-sts-role", &trusts, &reads);
    let sts = |name: &str, more: Value| {
        let mut spec = json!({"region": REGION, "auth": Account::key_auth("key")});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        generator(&world, "STSSessionToken", name, &spec);
        es(&world, name, &[from("STSSessionToken", name)], &json!({}));
    };
    sts("plain", json!({}));
    sts("short", json!({"requestParameters": {"sessionDuration": 900}}));
    sts("too-short", json!({"requestParameters": {"sessionDuration": 60}}));
    sts("role", json!({"role": role}));
    let with_code = |code: &str| json!({"requestParameters": {"serialNumber": serial, "tokenCode": code}});
    sts("code", with_code(&account.aws.mfa_code(serial).unwrap()));
    sts("wrong-code", with_code("abcdef"));
    let operator = Operator::start(&world);
    for (name, seconds) in [("plain", 43_200), ("short", 900), ("code", 43_200)] {
        world.wait_ready("externalsecret", name);
        let found = data(&world, name);
        let keys: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(keys, ["access_key_id", "expiration", "secret_access_key", "session_token"], "{name}");
        let lives = left(&text(&found, "expiration"));
        assert!((seconds - 300..=seconds).contains(&lives), "{name}: {lives}");
        // They are used by another client than ours.
        let session = AwsIdentity {
            access_key_id: text(&found, "access_key_id"),
            secret_access_key: text(&found, "secret_access_key"),
            session_token: Some(text(&found, "session_token")),
        };
        let get = json!({"SecretId": "tokens-sts/value"});
        let read =
            account.aws.call(Some(&session), "secretsmanager", "GetSecretValue", &get).unwrap().unwrap();
        assert_eq!(read["SecretString"], "of-the-user", "{name}");
    }
    for (name, reason, said) in [
        ("role", "AccessDenied", "Cannot call GetSessionToken with session credentials"),
        ("wrong-code", "AccessDenied", "MultiFactorAuthentication failed"),
        ("too-short", "ProviderFailed", "DurationSeconds"),
    ] {
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains("sts:GetSessionToken") && message.contains(said), "{name}: {message}");
    }
    let token = made(&world, "plain", "session_token");
    assert_no_value_left(&world, &operator, &[&token, &user.secret_access_key]);
}
