//! The reference document's AWS manifests as they stand, under its IAM policy.

use serde_json::{Value, json};

use crate::support::{Account, Operator, World, assert_no_value_left, seed_values, world};

/// The document's IAM policy, without what is KMS's (the test server has no KMS).
fn policy() -> Value {
    json!([{
        "Effect": "Allow",
        "Action": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "secretsmanager:ListSecrets"],
        "Resource": [
            "arn:aws:secretsmanager:*:123456789012:secret:app/*",
            "arn:aws:secretsmanager:*:123456789012:secret:database/*",
            "arn:aws:secretsmanager:*:123456789012:secret:external-apis/*",
        ],
    }])
}

/// A ServiceAccount with the role's annotation, as the document has it.
fn service_account(world: &World, namespace: &str, name: &str, role: &str) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": name, "namespace": namespace, "annotations": {"eks.amazonaws.com/role-arn": role},
        },
    }));
}

#[test]
fn the_documents_store_and_what_reads_it() {
    let world = world!("aws-seed");
    let account = Account::new(&world, "us-east-1");
    let trust = account.trust_in_account(&world.name, "external-secrets-sa");
    let role = account.role("external-secrets-role", &trust, &policy());
    let (outside, allowed): (Vec<_>, Vec<_>) = seed_values("aws-secrets-manager")
        .into_iter()
        .partition(|(key, _)| ["cache/", "application/"].iter().any(|folder| key.starts_with(folder)));
    for (key, value) in &allowed {
        account.secret(key, value);
    }
    let mark = account.aws.mark();

    let operator = Operator::start(&world);
    service_account(&world, &world.name, "external-secrets-sa", &role);
    world.apply_json(&world.seed("aws-secrets-manager"));
    world.apply_json(&world.seed("database-credentials"));
    world.apply_json(&world.seed("api-keys-aws"));
    world.wait_ready("secretstore", "aws-secrets-manager");
    world.wait_seed("database-credentials", &[]);
    world.wait_seed("api-keys-aws", &[]);

    // The policy has no batch right, and some of what this one reads is outside it: the condition says which.
    world.apply_json(&world.seed("application-config"));
    let message = world.wait_reason("externalsecret", "application-config", "AccessDenied");
    assert!(
        message.contains("secretsmanager:GetSecretValue")
            && ["cache/redis/production", "application/encryption", "application/jwt"]
                .iter()
                .any(|key| message.contains(key)),
        "{message}"
    );
    for (key, value) in &outside {
        account.secret(key, value);
    }
    let more = ["cache", "application"].map(|folder| format!("arn:aws:secretsmanager:*:*:secret:{folder}/*"));
    let mut wider = policy();
    wider[0]["Resource"].as_array_mut().unwrap().extend(more.map(Value::from));
    account.role_may("external-secrets-role", &wider);
    world.sync_now("application-config");
    world.wait_ready("externalsecret", "application-config");
    world.wait_seed("application-config", &[]);
    // The batch was tried once, refused, and not again.
    let requests = account.aws.requests(mark).unwrap();
    let batches = requests.iter().filter(|request| {
        request.action == "BatchGetSecretValue" && request.names.iter().any(|name| name.contains("stripe"))
    });
    assert_eq!(batches.count(), 1);
    let values =
        ["MARKED-aws-p4ssword", "MARKED-shop-p4ssword", "MARKED-redis-password", "MARKED-stripe-key"];
    assert_no_value_left(&world, &operator, &values);
}

#[test]
fn the_documents_static_credentials() {
    let world = world!("aws-static");
    let account = Account::new(&world, "us-east-1");
    let name = "aws-static/database/main";
    account.secret(name, r#"{"password": "MARKED-static"}"#);
    let allowed = json!([{
        "Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
        "Resource": "arn:aws:secretsmanager:*:*:secret:aws-static/*",
    }]);
    let identity = account.user("aws-static", &allowed);
    let operator = Operator::start(&world);
    account.key_secret("aws-credentials", &identity);
    world.apply_json(&world.seed("aws-static-credentials"));
    // Not even listing is allowed; that the service knows who asks is enough.
    world.wait_ready("secretstore", "aws-secrets-manager");
    account.external_secret(
        "es",
        "aws-secrets-manager",
        json!({"data": [{"secretKey": "p", "remoteRef": {"key": name, "property": "password"}}]}),
    );
    world.wait_data("es", &[("p", "MARKED-static")]);

    // A key that is not one any more: the store says so, and works again with a good one.
    let mut wrong = identity.clone();
    wrong.secret_access_key = "MARKED-wrong-secret-access-key-0000000000".to_owned();
    account.key_secret("aws-credentials", &wrong);
    let message = world.wait_reason("secretstore", "aws-secrets-manager", "AuthenticationFailed");
    assert!(!message.contains("MARKED"), "{message}");
    account.key_secret("aws-credentials", &identity);
    world.wait_ready("secretstore", "aws-secrets-manager");
    assert_no_value_left(&world, &operator, &["MARKED-static", &wrong.secret_access_key]);
}

#[test]
fn the_documents_two_regions() {
    let world = world!("aws-regions");
    let (primary, dr) = (Account::new(&world, "us-east-1"), Account::new(&world, "us-west-2"));
    let system = "external-secrets-system";
    world.apply_json(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": system}}));
    let allowed = json!([{
        "Effect": "Allow", "Action": "secretsmanager:GetSecretValue",
        "Resource": "arn:aws:secretsmanager:*:*:secret:production/*",
    }]);
    for name in ["external-secrets-primary", "external-secrets-dr"] {
        let role = primary.role(name, &primary.trust_in_account(system, name), &allowed);
        service_account(&world, system, name, &role);
    }
    for (account, store) in [(&primary, "aws-primary-region"), (&dr, "aws-dr-region")] {
        for (key, value) in &seed_values(store) {
            account.secret(key, value);
        }
    }
    let mark = primary.aws.mark();
    let operator = Operator::start(&world);
    for manifest in
        ["aws-primary-region", "aws-dr-region", "critical-secrets-primary", "critical-secrets-dr-fallback"]
    {
        world.apply_json(&world.seed(manifest));
    }
    for store in ["aws-primary-region", "aws-dr-region"] {
        world.wait_ready("clustersecretstore", store);
    }
    world.wait_seed("critical-secrets-primary", &[]);
    world.wait_seed("critical-secrets-dr-fallback", &[]);
    let requests = primary.aws.requests(mark).unwrap();
    for region in ["us-east-1", "us-west-2"] {
        assert!(
            requests.iter().any(|it| it.action == "GetSecretValue" && it.region == region),
            "nothing was read in {region}"
        );
    }
    assert_no_value_left(&world, &operator, &["MARKED-primary", "MARKED-disaster"]);
    world.kubectl(&["delete", "clustersecretstore", "aws-primary-region", "aws-dr-region"]);
}
