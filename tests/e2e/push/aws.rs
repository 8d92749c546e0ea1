//! AWS Secrets Manager and Parameter Store: what every provider has to do, read by boto3 as the account's administrator.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::providers::{Attached, Provider, pushes};
use super::store;
use crate::support::{Account, Operator, allow, world};

const REGION: &str = "eu-central-1";

fn metadata(spec: Value) -> Value {
    json!({"apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec})
}

/// Tags as AWS lists them.
fn has(tags: &Value, name: &str, value: &str) -> bool {
    tags.as_array().is_some_and(|tags| tags.contains(&json!({"Key": name, "Value": value})))
}

#[test]
fn secrets_manager() {
    let world = world!("push-suite-sm");
    let account = Account::new(&world, REGION);
    let user = account.user("push-suite-sm", &json!([allow(&["secretsmanager:*"], &["*"])]));
    account.key_secret("login", &user);
    let aws = json!({
        "service": "SecretsManager", "region": REGION, "auth": Account::key_auth("login"),
        "secretsManager": {"forceDeleteWithoutRecovery": true},
    });
    store(&world, "there", &json!({}), &json!({"aws": aws}));
    let operator = Operator::start(&world);
    let call = |operation: &str, key: &str| {
        account.aws.admin_call("secretsmanager", operation, &json!({"SecretId": key})).ok()
    };
    let read = |key: &str| {
        let found = call("GetSecretValue", key)?;
        let text = found["SecretString"].as_str().map(|text| text.as_bytes().to_vec());
        text.or_else(|| STANDARD.decode(found["SecretBinary"]["$bytes"].as_str()?).ok())
    };
    let provider = Provider {
        read: &read,
        put_unmanaged: Some(&|key| drop(account.secret(key, r#"{"a":"theirs"}"#))),
        metadata: Some(Attached {
            metadata: metadata(json!({"tags": {"team": "platform"}, "secretPushFormat": "string"})),
            shows: &|key| {
                let tags = call("DescribeSecret", key).unwrap_or_default()["Tags"].take();
                has(&tags, "team", "platform") && has(&tags, "managed-by", "external-secrets")
            },
        }),
        prefix: "push-suite-sm/",
    };
    pushes(&world, &operator, &provider);
}

#[test]
fn parameter_store() {
    let world = world!("push-suite-ssm");
    let account = Account::new(&world, REGION);
    let user = account.user("push-suite-ssm", &json!([allow(&["ssm:*"], &["*"])]));
    account.key_secret("login", &user);
    let aws = json!({"service": "ParameterStore", "region": REGION, "auth": Account::key_auth("login")});
    store(&world, "there", &json!({}), &json!({"aws": aws}));
    let operator = Operator::start(&world);
    let read = |key: &str| {
        let found =
            account.aws.admin_call("ssm", "GetParameter", &json!({"Name": key, "WithDecryption": true}));
        Some(found.ok()?["Parameter"]["Value"].as_str()?.as_bytes().to_vec())
    };
    let tags = |key: &str| {
        let arguments = json!({"ResourceType": "Parameter", "ResourceId": key});
        let found = account.aws.admin_call("ssm", "ListTagsForResource", &arguments);
        found.unwrap_or_default()["TagList"].take()
    };
    let put = |key: &str| {
        let parameter = json!({"Name": key, "Value": r#"{"a":"theirs"}"#, "Type": "SecureString"});
        account.call("ssm", "PutParameter", parameter);
    };
    let provider = Provider {
        read: &read,
        put_unmanaged: Some(&put),
        metadata: Some(Attached {
            metadata: metadata(json!({"tags": {"team": "platform"}})),
            shows: &|key| {
                has(&tags(key), "team", "platform") && has(&tags(key), "managed-by", "external-secrets")
            },
        }),
        prefix: "/push-suite-ssm/",
    };
    pushes(&world, &operator, &provider);
}
