//! Tenants of one ClusterSecretStore: neither answers nor logins of one are the other's.

use serde_json::{Value, json};

use super::{cluster_store, external_secret, victim};
use crate::support::{Account, Mount, Operator, World, allow, assert_no_value_left, world};

#[test]
fn tenants_of_one_store_share_neither_answers_nor_logins() {
    let world = world!("tenancy-vault");
    let other = victim(&world);
    let mount = Mount::kv2(&world);
    mount.put("a/key", json!({"v": "MARKED-tenant-a"}));
    mount.put("b/key", json!({"v": "MARKED-tenant-b"}));
    // Each tenant's login reads its own folder.
    mount.api("POST", &format!("sys/auth/{}", mount.path), json!({"type": "approle"}));
    let mut logins = Vec::new();
    for folder in ["a", "b"] {
        let name = format!("{}-{folder}", mount.path);
        let policy = format!("path \"{}/data/{folder}/*\" {{ capabilities = [\"read\"] }}", mount.path);
        mount.api("PUT", &format!("sys/policies/acl/{name}"), json!({"policy": policy}));
        let role = format!("auth/{}/role/{folder}", mount.path);
        mount.api("POST", &role, json!({"token_policies": [name], "token_ttl": "10m"}));
        let id = mount.api("GET", &format!("{role}/role-id"), Value::Null)["data"]["role_id"].clone();
        let secret = mount.api("POST", &format!("{role}/secret-id"), json!({}))["data"]["secret_id"].clone();
        logins.push(json!({"role-id": id, "secret-id": secret}));
    }
    let operator = Operator::start(&world);
    let reference = |key: &str| json!({"name": "login", "key": key});
    cluster_store(
        &world,
        "tenancy-vault",
        json!({"provider": {"vault": {
            "server": world.env.bao.address(), "path": mount.path,
            "auth": {"appRole": {"path": mount.path, "roleRef": reference("role-id"), "secretRef": reference("secret-id")}},
        }}}),
    );
    world.wait_ready("clustersecretstore", "tenancy-vault");
    let (_, reason, message) = world.ready("clustersecretstore", "tenancy-vault").unwrap();
    assert_eq!(reason, "ValidationUnknown", "{message}");
    let login = |world: &World, data: &Value| {
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": world.name},
            "stringData": data,
        }));
    };
    let mark = world.env.bao.audit_mark();
    login(&world, &logins[0]);
    external_secret(&world, "own", "ClusterSecretStore", "tenancy-vault", "a/key");
    world.wait_data("own", &[("v", "MARKED-tenant-a")]);
    // The other has no login at all, then one of its own; a's answers are seconds old, a's token lives.
    external_secret(&other, "foreign", "ClusterSecretStore", "tenancy-vault", "a/key");
    let message = other.wait_reason("externalsecret", "foreign", "ReferenceNotFound");
    assert!(message.contains(&format!("Secret {}/login", other.name)), "{message}");
    login(&other, &logins[1]);
    let message = other.wait_reason("externalsecret", "foreign", "AccessDenied");
    assert!(message.contains("a/key"), "{message}");
    external_secret(&other, "own", "ClusterSecretStore", "tenancy-vault", "b/key");
    other.wait_data("own", &[("v", "MARKED-tenant-b")]);
    external_secret(&world, "foreign", "ClusterSecretStore", "tenancy-vault", "b/key");
    world.wait_reason("externalsecret", "foreign", "AccessDenied");
    assert!(other.get("secret", "foreign").is_none() && world.get("secret", "foreign").is_none());
    let path = format!("auth/{}/login", mount.path);
    let entries = world.env.bao.audit_entries(mark).unwrap();
    let count = entries.iter().filter(|entry| entry.kind == "request" && entry.path == path).count();
    assert_eq!(count, 2, "one login for each tenant");

    // A store of one namespace is nobody else's, and a shared one is whose its conditions say.
    external_secret(&other, "no-store", "SecretStore", "private", "a/key");
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": "private", "namespace": world.name},
        "spec": {"controller": world.name, "provider": {"fake": {"data": [{"key": "a/key", "value": "{\"v\":\"MARKED-private\"}"}]}}},
    }));
    world.wait_ready("secretstore", "private");
    let message = other.wait_reason("externalsecret", "no-store", "StoreNotFound");
    assert!(message.contains(&other.name), "{message}");
    cluster_store(
        &world,
        "tenancy-conditions",
        json!({
            "conditions": [{"namespaces": [world.name]}],
            "provider": {"fake": {"data": [{"key": "a/key", "value": "{\"v\":\"MARKED-conditions\"}"}]}},
        }),
    );
    external_secret(&world, "allowed", "ClusterSecretStore", "tenancy-conditions", "a/key");
    world.wait_data("allowed", &[("v", "MARKED-conditions")]);
    external_secret(&other, "refused", "ClusterSecretStore", "tenancy-conditions", "a/key");
    other.wait_reason("externalsecret", "refused", "StoreForbidden");
    assert_no_value_left(
        &world,
        &operator,
        &["MARKED-tenant-a", "MARKED-tenant-b", "MARKED-private", "MARKED-conditions"],
    );
    world.kubectl(&["delete", "clustersecretstore", "tenancy-vault", "tenancy-conditions"]);
}

#[test]
fn tenants_of_one_aws_store_are_told_apart_by_keys_and_by_tags() {
    let world = world!("tenancy-aws");
    let other = victim(&world);
    let account = Account::new(&world, "eu-central-1");
    for name in ["a", "b"] {
        account.secret(&format!("tenancy-aws/{name}"), &format!("{{\"v\":\"MARKED-aws-tenant-{name}\"}}"));
    }
    let reads = |name: &str| {
        let resource = format!("arn:aws:secretsmanager:*:*:secret:tenancy-aws/{name}-*");
        allow(&["secretsmanager:GetSecretValue"], &[&resource])
    };
    let operator = Operator::start(&world);
    for (corner, name) in [(&world, "a"), (&other, "b")] {
        let assume = allow(&["sts:AssumeRole", "sts:TagSession"], &["*"]);
        let identity = account.user(&format!("tenancy-aws-{name}"), &json!([reads(name), assume]));
        Account::at(corner, account.aws.clone()).key_secret("key", &identity);
    }
    let aws = |rest: Value| {
        let mut aws = json!({
            "service": "SecretsManager", "region": "eu-central-1", "auth": Account::key_auth("key"),
        });
        for (field, value) in rest.as_object().unwrap() {
            aws[field] = value.clone();
        }
        json!({"provider": {"aws": aws}})
    };
    cluster_store(&world, "tenancy-aws", aws(json!({})));
    for (corner, own, foreign) in [(&world, "a", "b"), (&other, "b", "a")] {
        external_secret(corner, "own", "ClusterSecretStore", "tenancy-aws", &format!("tenancy-aws/{own}"));
        corner.wait_data("own", &[("v", &format!("MARKED-aws-tenant-{own}"))]);
        external_secret(
            corner,
            "foreign",
            "ClusterSecretStore",
            "tenancy-aws",
            &format!("tenancy-aws/{foreign}"),
        );
        corner.wait_reason("externalsecret", "foreign", "AccessDenied");
    }
    // One key for all, one role for all: the tag says who asks, and AWS decides.
    let trust = json!([{
        "Effect": "Allow", "Principal": {"AWS": account.aws.iam_arn("user/tenancy-aws-a")},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": {"aws:RequestTag/esoNamespace": world.name}},
    }]);
    let role = account.role("tenancy-aws-tagged", &trust, &json!([reads("a")]));
    let mut auth = Account::key_auth("key");
    for reference in auth["secretRef"].as_object_mut().unwrap().values_mut() {
        reference["namespace"] = world.name.as_str().into();
    }
    let tagged = aws(json!({"auth": auth, "role": role, "sessionTagsPolicy": "Simple"}));
    cluster_store(&world, "tenancy-aws-tagged", tagged);
    external_secret(&world, "tagged", "ClusterSecretStore", "tenancy-aws-tagged", "tenancy-aws/a");
    world.wait_data("tagged", &[("v", "MARKED-aws-tenant-a")]);
    external_secret(&other, "tagged", "ClusterSecretStore", "tenancy-aws-tagged", "tenancy-aws/a");
    other.wait_reason("externalsecret", "tagged", "AuthenticationFailed");
    assert_eq!(world.ready("externalsecret", "tagged").unwrap().0, "True");
    assert_no_value_left(&world, &operator, &["MARKED-aws-tenant-a", "MARKED-aws-tenant-b"]);
    world.kubectl(&["delete", "clustersecretstore", "tenancy-aws", "tenancy-aws-tagged"]);
}
