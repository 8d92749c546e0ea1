//! The reference document's AWS manifests as they stand, under its IAM policy.

use serde_json::{Value, json};

use crate::support::{Account, Operator, World, assert_no_value_left, world};

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
    let password = "MARKED-aws-p4ssword/+";
    let postgres = |password: &str, database: &str| {
        json!({
            "username": "app-user", "password": password, "host": "db.internal", "port": "5432",
            "database": database,
        })
        .to_string()
    };
    account.secret("database/postgres/main", &postgres(password, "orders"));
    account.secret("database/postgres/production", &postgres(password, "shop"));
    account.secret(
        "external-apis/stripe",
        r#"{"api-key": "MARKED-stripe-key", "api_key": "MARKED-stripe-key", "webhook_secret": "MARKED-webhook"}"#,
    );
    account.secret(
        "external-apis/sendgrid",
        r#"{"api-key": "MARKED-sendgrid-key", "api_key": "MARKED-sendgrid-key"}"#,
    );
    let mark = account.aws.mark();

    let operator = Operator::start(&world);
    service_account(&world, &world.name, "external-secrets-sa", &role);
    world.apply_json(&world.seed("aws-secrets-manager"));
    world.apply_json(&world.seed("database-credentials"));
    world.apply_json(&world.seed("api-keys-aws"));
    world.wait_ready("secretstore", "aws-secrets-manager");
    world.wait_data(
        "postgres-credentials",
        &[
            ("username", "app-user"),
            ("password", password),
            ("host", "db.internal"),
            ("port", "5432"),
            ("database", "orders"),
            ("connection-string", &format!("postgresql://app-user:{password}@db.internal:5432/orders")),
        ],
    );
    world.wait_data(
        "external-api-keys",
        &[("stripe-api-key", "MARKED-stripe-key"), ("sendgrid-api-key", "MARKED-sendgrid-key")],
    );

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
    account.secret(
        "cache/redis/production",
        r#"{"host": "redis", "port": "6379", "username": "default", "password": "MARKED-redis-password"}"#,
    );
    account.secret("application/encryption", r#"{"key": "MARKED-enc"}"#);
    account.secret("application/jwt", r#"{"secret": "MARKED-jwt"}"#);
    let more = ["cache", "application"].map(|folder| format!("arn:aws:secretsmanager:*:*:secret:{folder}/*"));
    let mut wider = policy();
    wider[0]["Resource"].as_array_mut().unwrap().extend(more.map(Value::from));
    account.role_may("external-secrets-role", &wider);
    world.sync_now("application-config");
    world.wait_ready("externalsecret", "application-config");
    let data = world.data("app-configuration").unwrap();
    let env = String::from_utf8(data[".env.production"].clone()).unwrap();
    assert!(
        env.contains(&format!("DATABASE_URL=postgresql://app-user:{password}@db.internal:5432/shop"))
            && env.contains("REDIS_URL=redis://default:MARKED-redis-password@redis:6379/0"),
        "{env}"
    );
    // The batch was tried once, refused, and not again.
    let requests = account.aws.requests(mark).unwrap();
    let batches = requests.iter().filter(|request| {
        request.action == "BatchGetSecretValue" && request.names.iter().any(|name| name.contains("stripe"))
    });
    assert_eq!(batches.count(), 1);
    assert_no_value_left(&world, &operator, &[password, "MARKED-redis-password", "MARKED-stripe-key"]);
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
    primary.secret("production/database/master", r#"{"password": "MARKED-primary"}"#);
    dr.secret("production/database/master", r#"{"password": "MARKED-disaster"}"#);
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
    world.wait_data("critical-application-secrets", &[("database-password", "MARKED-primary")]);
    world.wait_data("critical-application-secrets-dr", &[("database-password", "MARKED-disaster")]);
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
