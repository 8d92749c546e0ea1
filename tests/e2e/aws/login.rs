//! Logging in to AWS: keys, chains of roles, external ids, session tags, and how often STS is asked.

use claviger_testenv::{Aws, AwsIdentity, AwsOptions};
use serde_json::{Value, json};

use crate::support::{Account, ENDPOINTS, Operator, allow, assert_no_value_left, world};

const REGION: &str = "eu-central-1";

/// A statement of trust in one principal, under conditions.
fn trust(principal: &str, conditions: Value) -> Value {
    json!([{
        "Effect": "Allow", "Principal": {"AWS": principal}, "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": conditions,
    }])
}

fn one(key: &str) -> Value {
    json!({"data": [{"secretKey": "v", "remoteRef": {"key": key}}]})
}

#[test]
fn a_chain_of_roles_with_external_id_and_session_tags() {
    let world = world!("aws-chain");
    let account = Account::new(&world, REGION);
    account.secret("aws-chain/value", "MARKED-chained");
    let user = account.user("aws-chain", &json!([allow(&["sts:AssumeRole"], &["*"])]));
    let user_arn = account.aws.iam_arn("user/aws-chain");
    let may_assume = json!([allow(&["sts:AssumeRole", "sts:TagSession"], &["*"])]);
    let first = account.role("aws-chain-first", &trust(&user_arn, json!({})), &may_assume);
    let conditions = json!({"StringEquals": {
        "sts:ExternalId": "the-external-id",
        "aws:RequestTag/team": "payments",
        "aws:RequestTag/esoNamespace": world.name,
        "aws:RequestTag/esoStoreName": "tagged",
    }});
    let reads = json!([allow(
        &["secretsmanager:GetSecretValue"],
        &["arn:aws:secretsmanager:*:*:secret:aws-chain/*"]
    )]);
    let last = account.role("aws-chain-last", &trust(&first, conditions), &reads);

    let operator = Operator::start(&world);
    account.key_secret("key", &user);
    let chain = |external_id: &str| {
        json!({
            "auth": Account::key_auth("key"), "additionalRoles": [first], "role": last, "externalID": external_id,
            "sessionTagsPolicy": "Custom", "customSessionTags": {"team": "payments"},
        })
    };
    account.store("tagged", "SecretsManager", chain("the-external-id"));
    world.wait_ready("secretstore", "tagged");
    // The tags name the ExternalSecret's namespace, which is the store's own: what its validation got is for all.
    let mark = account.aws.mark();
    for n in 0..20 {
        account.external_secret(&format!("es{n}"), "tagged", one("aws-chain/value"));
    }
    for n in 0..20 {
        world.wait_data(&format!("es{n}"), &[("v", "MARKED-chained")]);
    }
    assert_eq!(account.count(mark, "AssumeRole", "aws-chain-last"), 0, "logged in already");

    // Without the external id the last role is nobody's, and the condition says which step failed.
    account.store("refused", "SecretsManager", chain("another"));
    let message = world.wait_reason("secretstore", "refused", "AuthenticationFailed");
    assert!(message.contains("aws-chain-last"), "{message}");
    assert_no_value_left(&world, &operator, &["MARKED-chained", &user.secret_access_key]);
}

#[test]
fn a_session_of_somebody_elses_and_one_that_ends() {
    let world = world!("aws-session");
    // Of its own: it ends everybody's sessions.
    let dir = tempfile::tempdir().unwrap();
    let options = AwsOptions {
        jwks: world.env.cluster.jwks().unwrap(),
        issuer: world.env.cluster.issuer().to_owned(),
        metadata: Vec::new(),
    };
    let server = Aws::start(&world.env.tools, dir.path(), &options).unwrap();
    let account = Account::at(&world, server.view().in_region(REGION));
    account.secret("aws-session/value", "MARKED-session");
    let user = account.user("aws-session", &json!([allow(&["sts:AssumeRole"], &["*"])]));
    let reads = json!([allow(
        &["secretsmanager:GetSecretValue"],
        &["arn:aws:secretsmanager:*:*:secret:aws-session/*"]
    )]);
    let role =
        account.role("aws-session", &trust(&account.aws.iam_arn("user/aws-session"), json!({})), &reads);
    let assumed = account
        .aws
        .call(Some(&user), "sts", "AssumeRole", &json!({"RoleArn": role, "RoleSessionName": "test"}))
        .unwrap()
        .unwrap();
    let text = |name: &str| assumed["Credentials"][name].as_str().unwrap().to_owned();
    let session = AwsIdentity {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: Some(text("SessionToken")),
    };
    let operator = Operator::start_in(&world, &ENDPOINTS.map(|name| (name, account.aws.address())));
    account.key_secret("session-key", &session);
    let mut auth = Account::key_auth("session-key");
    auth["secretRef"]["sessionTokenSecretRef"] = json!({"name": "session-key", "key": "session-token"});
    account.store("session", "SecretsManager", json!({"auth": auth}));
    account.external_secret("session", "session", one("aws-session/value"));
    world.wait_data("session", &[("v", "MARKED-session")]);
    // Both names of one thing.
    auth["secretRef"]["sessionToken"] = json!({"name": "session-key", "key": "session-token"});
    account.store("twice", "SecretsManager", json!({"auth": auth}));
    let message = world.wait_reason("secretstore", "twice", "InvalidProviderConfig");
    assert!(message.contains("sessionToken"), "{message}");

    // Our own session of a role: AWS ends it while it is in use, and one login replaces it.
    account.key_secret("key", &user);
    account.store("role", "SecretsManager", json!({"auth": Account::key_auth("key"), "role": role}));
    for n in 0..10 {
        account.external_secret_every(&format!("es{n}"), "role", "2s", one("aws-session/value"));
    }
    for n in 0..10 {
        world.wait_data(&format!("es{n}"), &[("v", "MARKED-session")]);
    }
    let syncs = |operator: &Operator| {
        let count = |n: usize| {
            let series =
                format!("externalsecret_sync_calls_total{{name=\"es{n}\",namespace=\"{}\"}}", world.name);
            operator.metric(&series).unwrap_or_default()
        };
        (0..10).map(count).fold(f64::INFINITY, f64::min)
    };
    let (mark, target) = (account.aws.mark(), syncs(&operator) + 3.0);
    account.aws.expire_sessions().unwrap();
    world.wait("three rounds after the session's end", || {
        let now = syncs(&operator);
        if now >= target { Ok(()) } else { Err(format!("{now} of {target}")) }
    });
    assert_eq!(account.count(mark, "AssumeRole", "aws-session"), 1, "one login for the one that ended");
    for n in 0..10 {
        assert_eq!(world.ready("externalsecret", &format!("es{n}")).unwrap().0, "True");
    }
    // The one that nobody can renew is over.
    let message = world.wait_reason("secretstore", "session", "AuthenticationFailed");
    assert!(message.contains("expired") || message.contains("Expired"), "{message}");
    assert_no_value_left(&world, &operator, &["MARKED-session", &session.secret_access_key]);
}

#[test]
fn a_service_account_that_may_not() {
    let world = world!("aws-irsa");
    let account = Account::new(&world, REGION);
    account.secret("aws-irsa/value", "MARKED-irsa");
    let reads =
        json!([allow(&["secretsmanager:GetSecretValue"], &["arn:aws:secretsmanager:*:*:secret:aws-irsa/*"])]);
    let role = account.role("aws-irsa", &account.trust_in_account(&world.name, "trusted"), &reads);
    let _operator = Operator::start(&world);
    let sa = |name: &str, annotations: Value| {
        world.apply_json(&json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": world.name, "annotations": annotations},
        }));
        account.store(
            name,
            "SecretsManager",
            json!({"auth": {"jwt": {"serviceAccountRef": {"name": name}}}}),
        );
    };
    let annotation = |role: &str| json!({"eks.amazonaws.com/role-arn": role});
    sa("trusted", annotation(&role));
    world.wait_ready("secretstore", "trusted");
    account.external_secret("es", "trusted", one("aws-irsa/value"));
    world.wait_data("es", &[("v", "MARKED-irsa")]);

    sa("untrusted", annotation(&role));
    let message = world.wait_reason("secretstore", "untrusted", "AuthenticationFailed");
    assert!(message.contains("role/aws-irsa"), "{message}");
    sa("unannotated", json!({}));
    let message = world.wait_reason("secretstore", "unannotated", "InvalidProviderConfig");
    assert!(message.contains("eks.amazonaws.com/role-arn"), "{message}");
    // Another audience than the role trusts, by the account's own annotation.
    sa("elsewhere", json!({"eks.amazonaws.com/role-arn": role, "eks.amazonaws.com/audience": "elsewhere"}));
    let message = world.wait_reason("secretstore", "elsewhere", "AuthenticationFailed");
    assert!(message.contains("InvalidIdentityToken") || message.contains("audience"), "{message}");
    account.store(
        "absent",
        "SecretsManager",
        json!({"auth": {"jwt": {"serviceAccountRef": {"name": "absent"}}}}),
    );
    let message = world.wait_reason("secretstore", "absent", "ReferenceNotFound");
    assert!(message.contains("ServiceAccount aws-irsa/absent"), "{message}");
    // Nobody granted the operator's own credentials.
    account.store("ambient", "SecretsManager", json!({}));
    let message = world.wait_reason("secretstore", "ambient", "InvalidProviderConfig");
    assert!(message.contains("grants.ambient"), "{message}");
    account.store(
        "region",
        "SecretsManager",
        json!({"region": "evil.example/x", "auth": {"jwt": {"serviceAccountRef": {"name": "trusted"}}}}),
    );
    let message = world.wait_reason("secretstore", "region", "InvalidProviderConfig");
    assert!(message.contains("region"), "{message}");
}
