//! AWS Systems Manager Parameter Store, by moto behind AWS's rules.

use claviger_core::provider::{Pushed, Write};
use serde_json::{Value, json};

use super::secrets_manager::{Account, metadata, tags};
use super::{Refused, conflict, not_managed, write};

/// As docs/providers/aws.md says it.
pub(super) const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": [
      "ssm:GetParameter",
      "ssm:ListTagsForResource",
      "ssm:PutParameter",
      "ssm:AddTagsToResource",
      "ssm:RemoveTagsFromResource",
      "ssm:DeleteParameter"
    ],
    "Resource": "arn:aws:ssm:eu-central-1:123456789012:parameter/shop/*"
  }]
}"#;

fn parameter(account: &Account, name: &str) -> Value {
    let arguments = json!({"Name": name, "WithDecryption": true});
    account.call("ssm", "GetParameter", arguments)["Parameter"].clone()
}

fn tags_of(account: &Account, name: &str) -> Value {
    let arguments = json!({"ResourceType": "Parameter", "ResourceId": name});
    tags(&account.call("ssm", "ListTagsForResource", arguments)["TagList"])
}

pub(super) async fn kept_up(account: &Account) {
    let Some(store) = account.store("ParameterStore", json!({"prefix": "/shop/"})).await else { return };

    let mark = account.view().mark();
    assert!(!store.exists("db").await);
    assert_eq!(store.push("db", "hunter2").await, Ok(Pushed::Created));
    assert_eq!(account.asked(mark), ["GetParameter", "GetParameter", "PutParameter"]);
    let found = parameter(account, "/shop/db");
    assert_eq!(
        (&found["Value"], &found["Type"], &found["Version"]),
        (&json!("hunter2"), &json!("String"), &json!(1))
    );
    assert_eq!(tags_of(account, "/shop/db"), json!({"managed-by": "external-secrets"}));

    let mark = account.view().mark();
    assert_eq!(store.push("db", "hunter2").await, Ok(Pushed::Unchanged));
    assert_eq!(account.asked(mark), ["GetParameter", "ListTagsForResource"]);
    let only_create = Write { replace: false, ..write("db", "hunter4") };
    assert_eq!(store.write(only_create).await, Ok(Pushed::Unchanged));

    let version = store.version("db").await;
    let changed = || Write { expected_version: Some(version.clone()), ..write("db", "hunter3") };
    assert_eq!(store.write(changed()).await, Ok(Pushed::Updated));
    conflict(store.write(changed()).await);
    let found = parameter(account, "/shop/db");
    assert_eq!((&found["Value"], &found["Version"]), (&json!("hunter3"), &json!(2)));
    assert_eq!(tags_of(account, "/shop/db"), json!({"managed-by": "external-secrets"}));

    // Tags alone make no version.
    let with = |tags: Value| Write { metadata: metadata(json!({"tags": tags})), ..write("db", "hunter3") };
    let mark = account.view().mark();
    assert_eq!(store.write(with(json!({"team": "red"}))).await, Ok(Pushed::Updated));
    assert_eq!(account.asked(mark), ["GetParameter", "ListTagsForResource", "AddTagsToResource"]);
    assert_eq!(store.write(with(json!({"team": "red"}))).await, Ok(Pushed::Unchanged));
    assert_eq!(store.write(with(json!({"stage": "prod"}))).await, Ok(Pushed::Updated));
    assert_eq!(tags_of(account, "/shop/db"), json!({"managed-by": "external-secrets", "stage": "prod"}));
    assert_eq!(parameter(account, "/shop/db")["Version"], json!(2));

    conflict(store.delete_version("db", Some("1")).await);
    assert_eq!(store.delete("db").await, Ok(()));
    let gone = account.view().call(None, "ssm", "GetParameter", &json!({"Name": "/shop/db"})).unwrap();
    assert_eq!(gone.unwrap_err().code, "ParameterNotFound");
    assert_eq!(store.delete("db").await, Ok(()), "nothing is there any more");
}

pub(super) async fn as_the_metadata_says(account: &Account) {
    let Some(store) = account.store("ParameterStore", json!({})).await else { return };
    let spec = json!({
        "secretType": "SecureString", "kmsKeyID": "alias/aws/ssm", "description": "the shop's",
        "tier": {"type": "Advanced", "policies": [{"Type": "ExpirationNotification", "Version": "1.0", "Attributes": {"Before": "15", "Unit": "Days"}}]},
        "tags": {"team": "red"},
    });
    let with = |value: &str| Write { metadata: metadata(spec.clone()), ..write("/shop/secure", value) };
    assert_eq!(store.write(with("hunter2")).await, Ok(Pushed::Created));
    assert_eq!(store.write(with("hunter2")).await, Ok(Pushed::Unchanged));
    let found = parameter(account, "/shop/secure");
    assert_eq!((&found["Value"], &found["Type"]), (&json!("hunter2"), &json!("SecureString")));
    let filter = json!([{"Key": "Name", "Values": ["/shop/secure"]}]);
    let described = account.call("ssm", "DescribeParameters", json!({"ParameterFilters": filter}));
    let described = &described["Parameters"][0];
    assert_eq!((&described["Description"], &described["Tier"]), (&json!("the shop's"), &json!("Advanced")));
    assert_eq!(tags_of(account, "/shop/secure"), json!({"managed-by": "external-secrets", "team": "red"}));
    // Without a word of it, it stays as it is.
    assert_eq!(store.push("/shop/secure", "hunter3").await, Ok(Pushed::Updated));
    let found = parameter(account, "/shop/secure");
    assert_eq!((&found["Value"], &found["Type"]), (&json!("hunter3"), &json!("SecureString")));
}

pub(super) async fn not_ours(account: &Account) {
    let Some(store) = account.store("ParameterStore", json!({})).await else { return };
    account.call("ssm", "PutParameter", json!({"Name": "/shop/hand", "Value": "by-hand", "Type": "String"}));
    not_managed(store.push("/shop/hand", "pushed").await);
    not_managed(store.delete("/shop/hand").await);
    assert!(store.exists("/shop/hand").await);
    let found = parameter(account, "/shop/hand");
    assert_eq!((&found["Value"], &found["Version"]), (&json!("by-hand"), &json!(1)));
    let bytes = claviger_core::secret::SecretBytes::copied_from(&[0, 159, 146]);
    let bytes = Write { value: std::sync::Arc::new(bytes), ..write("/shop/bytes", "") };
    let refused = store.write(bytes).await;
    assert!(matches!(refused, Err(Refused::Unsupported(_))), "{refused:?}");
    let denied = store.push("/elsewhere/x", "pushed").await;
    assert!(matches!(denied, Err(Refused::Denied(_))), "{denied:?}");
}
