//! AWS Secrets Manager, by moto behind AWS's rules.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_core::provider::{Pushed, Write};
use claviger_testenv::{Aws, AwsIdentity, AwsOptions, AwsView, Mark, Progress, Tools};
use serde_json::{Value, json};

use super::{Refused, Store, conflict, not_managed, write};

/// As docs/providers/aws.md says it.
pub(super) const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "secretsmanager:DescribeSecret", "Resource": "*"},
    {
      "Effect": "Allow",
      "Action": [
        "secretsmanager:GetSecretValue",
        "secretsmanager:CreateSecret",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecret",
        "secretsmanager:RestoreSecret",
        "secretsmanager:TagResource",
        "secretsmanager:UntagResource"
      ],
      "Resource": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/*"
    },
    {
      "Effect": "Allow",
      "Action": "secretsmanager:DeleteSecret",
      "Resource": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/*",
      "Condition": {"StringEquals": {"secretsmanager:ResourceTag/managed-by": "external-secrets"}}
    }
  ]
}"#;

/// For resource policies and replicas besides.
const MORE: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{
    "Effect": "Allow",
    "Action": [
      "secretsmanager:GetResourcePolicy",
      "secretsmanager:PutResourcePolicy",
      "secretsmanager:DeleteResourcePolicy",
      "secretsmanager:ReplicateSecretToRegions",
      "secretsmanager:RemoveRegionsFromReplication"
    ],
    "Resource": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop/*"
  }]
}"#;

/// A server, and a user of it who may do what a policy says.
pub(crate) struct Account {
    aws: Aws,
    user: AwsIdentity,
    _dir: tempfile::TempDir,
}

impl Account {
    pub(crate) fn start() -> Self {
        let tools = Tools::prepare(&Progress::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let options = AwsOptions {
            jwks: json!({"keys": []}),
            issuer: "https://nobody.example".to_owned(),
            metadata: Vec::new(),
        };
        let aws = Aws::start(&tools, dir.path(), &options).unwrap();
        let call =
            |operation: &str, arguments: Value| aws.view().admin_call("iam", operation, &arguments).unwrap();
        call("CreateUser", json!({"UserName": "pusher"}));
        let key = call("CreateAccessKey", json!({"UserName": "pusher"}));
        let text = |name: &str| key["AccessKey"][name].as_str().unwrap().to_owned();
        let user = AwsIdentity {
            access_key_id: text("AccessKeyId"),
            secret_access_key: text("SecretAccessKey"),
            session_token: None,
        };
        Self { aws, user, _dir: dir }
    }

    /// Lets the user do more.
    pub(crate) fn may(&self, name: &str, policy: &str) {
        let policy = json!({"UserName": "pusher", "PolicyName": name, "PolicyDocument": policy});
        self.call("iam", "PutUserPolicy", policy);
    }

    pub(crate) async fn store(&self, service: &str, more: Value) -> Option<Store> {
        let address = self.view().address();
        let mut config = json!({
            "service": service, "region": "eu-central-1",
            "auth": {"secretRef": {
                "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
                "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
            }},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings = json!({"endpoints": {"secretsmanager": address, "ssm": address, "sts": address}});
        let user = &self.user;
        let secrets = [
            (("aws", "id"), user.access_key_id.as_str()),
            (("aws", "secret"), user.secret_access_key.as_str()),
        ];
        Store::connect("aws", settings, config, &secrets).await
    }

    pub(crate) fn view(&self) -> &AwsView {
        self.aws.view()
    }

    pub(crate) fn call(&self, service: &str, operation: &str, arguments: Value) -> Value {
        self.view().admin_call(service, operation, &arguments).unwrap()
    }

    /// What the user asked for since then.
    pub(crate) fn asked(&self, since: Mark) -> Vec<String> {
        let requests = self.view().requests(since).unwrap();
        let own = requests.into_iter().filter(|request| request.access_key_id == self.user.access_key_id);
        own.map(|request| request.action).collect()
    }

    fn described(&self, name: &str) -> Value {
        self.call("secretsmanager", "DescribeSecret", json!({"SecretId": name}))
    }

    fn tags(&self, name: &str) -> Value {
        tags(&self.described(name)["Tags"])
    }

    fn versions(&self, name: &str) -> usize {
        let listed = self.call(
            "secretsmanager",
            "ListSecretVersionIds",
            json!({"SecretId": name, "IncludeDeprecated": true}),
        );
        listed["Versions"].as_array().unwrap().len()
    }

    fn value(&self, name: &str) -> Value {
        self.call("secretsmanager", "GetSecretValue", json!({"SecretId": name}))
    }
}

/// boto3's list of tags as an object.
pub(crate) fn tags(list: &Value) -> Value {
    let pair = |tag: &Value| (tag["Key"].as_str().unwrap().to_owned(), tag["Value"].clone());
    Value::Object(list.as_array().into_iter().flatten().map(pair).collect())
}

pub(crate) fn metadata(spec: Value) -> Option<Value> {
    Some(json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    }))
}

fn bytes(text: &str) -> Value {
    json!({"$bytes": STANDARD.encode(text)})
}

pub(super) async fn kept_up(account: &Account) {
    let Some(store) = account.store("SecretsManager", json!({"prefix": "shop/"})).await else { return };

    let mark = account.view().mark();
    assert_eq!(store.push("db", "hunter2").await, Ok(Pushed::Created));
    assert_eq!(account.asked(mark), ["DescribeSecret", "CreateSecret"]);
    assert_eq!(account.value("shop/db")["SecretBinary"], bytes("hunter2"), "bytes, as ESO sends them");
    assert_eq!(account.tags("shop/db"), json!({"managed-by": "external-secrets"}));
    assert_eq!(account.described("shop/db")["Description"], "secret 'managed-by:external-secrets'");

    let mark = account.view().mark();
    assert_eq!(store.push("db", "hunter2").await, Ok(Pushed::Unchanged));
    assert_eq!(account.asked(mark), ["DescribeSecret", "GetSecretValue"]);

    // The version that `get` tells is the one that must still be there.
    let version = store.version("db").await;
    let changed = || Write { expected_version: Some(version.clone()), ..write("db", "hunter3") };
    let mark = account.view().mark();
    assert_eq!(store.write(changed()).await, Ok(Pushed::Updated));
    assert_eq!(account.asked(mark), ["DescribeSecret", "GetSecretValue", "PutSecretValue"]);
    conflict(store.write(changed()).await);
    assert_eq!(
        (account.value("shop/db")["SecretBinary"].clone(), account.versions("shop/db")),
        (bytes("hunter3"), 2)
    );

    // Each part of the metadata for itself, and nothing the second time.
    let spec = json!({
        "description": "the shop's database", "tags": {"team": "red"}, "secretPushFormat": "string",
    });
    let with = || Write { metadata: metadata(spec.clone()), ..write("db", "hunter3") };
    assert_eq!(store.write(with()).await, Ok(Pushed::Updated));
    let mark = account.view().mark();
    assert_eq!(store.write(with()).await, Ok(Pushed::Unchanged));
    assert_eq!(account.asked(mark), ["DescribeSecret", "GetSecretValue"]);
    assert_eq!(account.value("shop/db")["SecretString"], "hunter3");
    assert_eq!(account.described("shop/db")["Description"], "the shop's database");
    assert_eq!(account.tags("shop/db"), json!({"managed-by": "external-secrets", "team": "red"}));
    let spec = json!({"tags": {"stage": "prod"}});
    let mark = account.view().mark();
    let other_tags = Write { metadata: metadata(spec), ..write("db", "hunter3") };
    assert_eq!(store.write(other_tags).await, Ok(Pushed::Updated));
    assert_eq!(account.asked(mark), ["DescribeSecret", "GetSecretValue", "UntagResource", "TagResource"]);
    assert_eq!(account.tags("shop/db"), json!({"managed-by": "external-secrets", "stage": "prod"}));
    assert_eq!(account.versions("shop/db"), 3);

    let only_create = Write { replace: false, ..write("db", "hunter4") };
    let mark = account.view().mark();
    assert_eq!(store.write(only_create).await, Ok(Pushed::Unchanged));
    assert_eq!(account.asked(mark), ["DescribeSecret"]);
}

pub(super) async fn not_ours(account: &Account) {
    let Some(store) = account.store("SecretsManager", json!({})).await else { return };
    account.call("secretsmanager", "CreateSecret", json!({"Name": "shop/hand", "SecretString": "by-hand"}));
    account.call("secretsmanager", "CreateSecret", json!({"Name": "other/x", "SecretString": "by-hand"}));
    not_managed(store.push("shop/hand", "pushed").await);
    not_managed(store.delete("shop/hand").await);
    assert!(store.exists("shop/hand").await);
    assert_eq!(
        (&account.value("shop/hand")["SecretString"], account.versions("shop/hand")),
        (&json!("by-hand"), 1)
    );
    // Nothing is written before the metadata is understood.
    let spec = json!({"resourcePolicy": {"policySourceRef": {"kind": "ConfigMap", "name": "a", "key": "b"}}});
    for (spec, unsupported) in [(spec, true), (json!({"secretType": "String"}), false)] {
        let refused = store.write(Write { metadata: metadata(spec), ..write("shop/new", "pushed") }).await;
        assert_eq!(matches!(refused, Err(Refused::Unsupported(_))), unsupported, "{refused:?}");
        assert!(refused.is_err() && !store.exists("shop/new").await);
    }
    // The policy ends at the prefix.
    let denied = store.push("elsewhere/x", "pushed").await;
    let Err(Refused::Denied(said)) = denied else { panic!("{denied:?}") };
    assert!(said.contains("secretsmanager:CreateSecret"), "{said}");
}

pub(super) async fn after_a_deletion(account: &Account) {
    let window = json!({"secretsManager": {"recoveryWindowInDays": 7}});
    let Some(store) = account.store("SecretsManager", window).await else { return };
    assert_eq!(store.delete("shop/gone").await, Ok(()), "nothing is there");
    assert_eq!(store.push("shop/gone", "hunter2").await, Ok(Pushed::Created));
    conflict(store.delete_version("shop/gone", Some("another")).await);
    let mark = account.view().mark();
    assert_eq!(store.delete("shop/gone").await, Ok(()));
    assert_eq!(store.delete("shop/gone").await, Ok(()), "it waits for its deletion already");
    assert_eq!(account.asked(mark), ["DescribeSecret", "DeleteSecret", "DescribeSecret"]);
    assert!(!store.exists("shop/gone").await);
    assert!(account.described("shop/gone")["DeletedDate"].is_string());

    // It comes back with the value that is pushed, and AWS had it all the time.
    assert_eq!(store.push("shop/gone", "hunter3").await, Ok(Pushed::Created));
    assert_eq!(
        (account.value("shop/gone")["SecretBinary"].clone(), account.versions("shop/gone")),
        (bytes("hunter3"), 2)
    );

    let at_once = json!({"secretsManager": {"forceDeleteWithoutRecovery": true}});
    let Some(store) = account.store("SecretsManager", at_once).await else { return };
    assert_eq!(store.delete("shop/gone").await, Ok(()));
    let gone =
        account.view().call(None, "secretsmanager", "DescribeSecret", &json!({"SecretId": "shop/gone"}));
    assert_eq!(gone.unwrap().unwrap_err().code, "ResourceNotFoundException");
}

pub(super) async fn policies_and_replicas(account: &Account) {
    account.may("more", MORE);
    let Some(store) = account.store("SecretsManager", json!({})).await else { return };
    let document = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
        "Action": "secretsmanager:GetSecretValue", "Resource": "*",
    }]});
    let spec = json!({
        "resourcePolicy": {"policy": document.to_string()}, "replicationLocations": ["eu-west-1"],
    });
    let with = |spec: &Value| Write { metadata: metadata(spec.clone()), ..write("shop/shared", "hunter2") };
    let policy = || {
        let found = account.call("secretsmanager", "GetResourcePolicy", json!({"SecretId": "shop/shared"}));
        found["ResourcePolicy"].as_str().map(|text| serde_json::from_str::<Value>(text).unwrap())
    };
    let regions = || {
        let status = account.described("shop/shared")["ReplicationStatus"].clone();
        let list = status.as_array().cloned().unwrap_or_default();
        list.iter().map(|one| one["Region"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(store.write(with(&spec)).await, Ok(Pushed::Created));
    assert_eq!((policy(), regions()), (Some(document), vec!["eu-west-1".to_owned()]));
    let mark = account.view().mark();
    assert_eq!(store.write(with(&spec)).await, Ok(Pushed::Unchanged));
    assert_eq!(account.asked(mark), ["DescribeSecret", "GetSecretValue", "GetResourcePolicy"]);
    let other = json!({"resourcePolicy": {"policy": ""}, "replicationLocations": ["eu-north-1"]});
    assert_eq!(store.write(with(&other)).await, Ok(Pushed::Updated));
    assert_eq!((policy(), regions()), (None, vec!["eu-north-1".to_owned()]));
    assert_eq!(store.write(with(&json!({}))).await, Ok(Pushed::Unchanged), "what is not named is left alone");
    // AWS deletes none that has replicas.
    assert_eq!(store.delete("shop/shared").await, Ok(()));
}
