//! A test's own part of the AWS account: roles, users, secrets and parameters, made by boto3 as the
//! account's administrator. Names that must not meet others' begin with the test's.

use claviger_testenv::{AwsIdentity, AwsView};
use serde_json::{Value, json};

use super::World;

/// What a `jwt` login asks for.
const AUDIENCE: &str = "sts.amazonaws.com";

/// The account, for one test.
pub(crate) struct Account<'a> {
    /// The test.
    pub world: &'a World,
    /// Calls in the region of the store.
    pub aws: AwsView,
}

/// A policy document of those statements.
fn document(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// A statement that allows actions on resources.
pub(crate) fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

impl<'a> Account<'a> {
    pub(crate) fn new(world: &'a World, region: &str) -> Self {
        Self::at(world, world.env.aws.in_region(region))
    }

    /// At a server of the test's own.
    pub(crate) fn at(world: &'a World, aws: AwsView) -> Self {
        Self { world, aws }
    }

    /// A call that must succeed.
    pub(crate) fn call(&self, service: &str, operation: &str, arguments: Value) -> Value {
        self.aws.admin_call(service, operation, &arguments).unwrap()
    }

    /// A role of that name that trusts `trust` (statements) and may do `allowed` (statements); its ARN.
    pub(crate) fn role(&self, name: &str, trust: &Value, allowed: &Value) -> String {
        let made = self.call(
            "iam",
            "CreateRole",
            json!({"RoleName": name, "AssumeRolePolicyDocument": document(trust)}),
        );
        self.role_may(name, allowed);
        made["Role"]["Arn"].as_str().unwrap().to_owned()
    }

    /// Replaces what a role may do.
    pub(crate) fn role_may(&self, name: &str, allowed: &Value) {
        let policy = json!({"RoleName": name, "PolicyName": "test", "PolicyDocument": document(allowed)});
        self.call("iam", "PutRolePolicy", policy);
    }

    /// Trust in tokens of one ServiceAccount of this cluster (IRSA).
    pub(crate) fn trust_in_account(&self, namespace: &str, name: &str) -> Value {
        let provider = self.aws.oidc_provider();
        json!([{
            "Effect": "Allow", "Principal": {"Federated": self.aws.oidc_provider_arn()},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                format!("{provider}:sub"): format!("system:serviceaccount:{namespace}:{name}"),
                format!("{provider}:aud"): AUDIENCE,
            }},
        }])
    }

    /// A user that may do `allowed` (statements), and its key.
    pub(crate) fn user(&self, name: &str, allowed: &Value) -> AwsIdentity {
        self.call("iam", "CreateUser", json!({"UserName": name}));
        let policy = json!({"UserName": name, "PolicyName": "test", "PolicyDocument": document(allowed)});
        self.call("iam", "PutUserPolicy", policy);
        let key = self.call("iam", "CreateAccessKey", json!({"UserName": name}));
        AwsIdentity {
            access_key_id: key["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned(),
            secret_access_key: key["AccessKey"]["SecretAccessKey"].as_str().unwrap().to_owned(),
            session_token: None,
        }
    }

    /// A secret with a text.
    pub(crate) fn secret(&self, name: &str, value: &str) -> Value {
        self.call("secretsmanager", "CreateSecret", json!({"Name": name, "SecretString": value}))
    }

    /// A Kubernetes Secret with an access key, under the reference document's names.
    pub(crate) fn key_secret(&self, name: &str, identity: &AwsIdentity) {
        self.world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.world.name},
            "stringData": {
                "access-key-id": identity.access_key_id, "secret-access-key": identity.secret_access_key,
                "session-token": identity.session_token.clone().unwrap_or_default(),
            },
        }));
    }

    /// A SecretStore with that provider object besides service and region.
    pub(crate) fn store(&self, name: &str, service: &str, rest: Value) {
        let mut aws = json!({"service": service, "region": self.aws.region()});
        for (field, value) in rest.as_object().unwrap() {
            aws[field] = value.clone();
        }
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
            "metadata": {"name": name, "namespace": self.world.name},
            "spec": {"controller": self.world.name, "refreshInterval": 5, "provider": {"aws": aws}},
        }));
    }

    /// `auth` with the access key of [`Account::key_secret`].
    pub(crate) fn key_auth(secret: &str) -> Value {
        json!({"secretRef": {
            "accessKeyIDSecretRef": {"name": secret, "key": "access-key-id"},
            "secretAccessKeySecretRef": {"name": secret, "key": "secret-access-key"},
        }})
    }

    /// An ExternalSecret: `spec` beside store and interval.
    pub(crate) fn external_secret(&self, name: &str, store: &str, spec: Value) {
        self.external_secret_every(name, store, "1h", spec);
    }

    /// The same with an interval.
    pub(crate) fn external_secret_every(&self, name: &str, store: &str, interval: &str, spec: Value) {
        let mut whole = json!({"refreshInterval": interval, "secretStoreRef": {"name": store}});
        for (field, value) in spec.as_object().unwrap() {
            whole[field] = value.clone();
        }
        self.world.apply_json(&json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": name, "namespace": self.world.name}, "spec": whole,
        }));
    }

    /// How often an action was called since then, by whatever key; only those that name something that
    /// begins with `prefix`.
    pub(crate) fn count(&self, since: claviger_testenv::Mark, action: &str, prefix: &str) -> usize {
        let requests = self.aws.requests(since).unwrap();
        let ours =
            |names: &[String]| names.iter().any(|name| name.starts_with(prefix) || name.contains(prefix));
        requests.iter().filter(|request| request.action == action && ours(&request.names)).count()
    }
}
