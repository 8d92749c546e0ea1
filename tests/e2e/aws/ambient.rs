//! The operator's own credentials, each kind by a grant of its own, and none without.

use claviger_testenv::{AwsIdentity, AwsView};
use serde_json::{Value, json};

use crate::support::{Account, Operator, World, allow, world};

const REGION: &str = "eu-central-1";

fn plugin(world: &World, ambient: &Value) {
    world.apply_json(&json!({
        "apiVersion": "claviger.io/v1alpha1", "kind": "Plugin", "metadata": {"name": "aws"},
        "spec": {
            "controller": world.name, "source": {"builtin": {}}, "grants": {"ambient": ambient},
            "namespaces": {"names": [world.name]},
        },
    }));
}

/// Waits until the Plugin has these.
fn granted_now(world: &World, ambient: &Value) {
    world.wait("the grants to hold", || {
        let loaded = world.plugin("aws").filter(|(ready, ..)| ready == "True");
        let found = loaded.map(|(.., status)| status["granted"]["ambient"].clone());
        if found.as_ref() == Some(ambient) { Ok(()) } else { Err(format!("{found:?}")) }
    });
}

#[test]
fn by_grant_and_in_the_order_of_aws() {
    let world = world!("aws-ambient");
    if world.env.aws.metadata().is_empty() {
        let message = "SKIPPED: AWS's metadata addresses need a network of their own, run it by `cargo xtask test` as root";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
        eprintln!("{message}");
        return;
    }
    let account = Account::new(&world, REGION);
    // Who reads is told by what they may read.
    let resource = |who: &str| format!("arn:aws:secretsmanager:*:*:secret:aws-ambient/{who}*");
    let reads = |who: &str| json!([allow(&["secretsmanager:GetSecretValue"], &[&resource(who)])]);
    let user: AwsIdentity = account.user("aws-ambient", &reads("environment"));
    let trust = account.trust_in_account(&world.name, "operator-aws-ambient");
    let web = account.role("aws-ambient-web", &trust, &reads("web-identity"));
    account.role_may(AwsView::POD_ROLE, &reads("container"));
    account.role_may(AwsView::INSTANCE_ROLE, &reads("instance"));
    let cluster = &world.env.cluster;
    let dir = tempfile::tempdir().unwrap();
    // The operator's ServiceAccount, before it starts: its tokens are what the platform mounts into its pod.
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "operator-aws-ambient", "namespace": world.name},
    }));
    let token = |audience: &str| {
        let path = dir.path().join(audience);
        std::fs::write(
            &path,
            cluster.service_account_token(&world.name, "operator-aws-ambient", audience).unwrap(),
        )
        .unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (web_token, pod_token) = (token("sts.amazonaws.com"), token("pods.eks.amazonaws.com"));
    let operator = Operator::start_in(
        &world,
        &[
            ("AWS_ACCESS_KEY_ID", user.access_key_id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", user.secret_access_key.as_str()),
            ("AWS_ROLE_ARN", web.as_str()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", web_token.as_str()),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", pod_token.as_str()),
        ],
    );
    let env = |name: &str| json!({"kind": "env", "name": name});
    let grants = [
        ("environment", vec![env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")]),
        (
            "web-identity",
            vec![env("AWS_ROLE_ARN"), json!({"kind": "fileByEnv", "name": "AWS_WEB_IDENTITY_TOKEN_FILE"})],
        ),
        ("container", vec![json!({"kind": "awsMetadata", "name": "container"})]),
        ("instance", vec![json!({"kind": "awsMetadata", "name": "instance"})]),
    ];
    account.store("ambient", "SecretsManager", json!({}));
    world.wait_reason("secretstore", "ambient", "InvalidProviderConfig");
    for (who, _) in &grants {
        account.secret(&format!("aws-ambient/{who}"), &format!("MARKED-{who}"));
    }
    for (who, granted) in &grants {
        plugin(&world, &json!(granted));
        granted_now(&world, &json!(granted));
        account.external_secret(
            who,
            "ambient",
            json!({"data": [{"secretKey": "v", "remoteRef": {"key": format!("aws-ambient/{who}")}}]}),
        );
        world.wait_data(who, &[("v", &format!("MARKED-{who}"))]);
        // And nobody else's: each may read one secret alone.
        let foreign = if *who == "environment" { "instance" } else { "environment" };
        let name = format!("{who}-foreign");
        account.external_secret(
            &name,
            "ambient",
            json!({"data": [{"secretKey": "v", "remoteRef": {"key": format!("aws-ambient/{foreign}")}}]}),
        );
        world.wait_reason("externalsecret", &name, "AccessDenied");
    }
    // All of them: the first in AWS's order, and no other.
    let order = |granted: &[(&str, Vec<Value>)], first: &str| {
        let all: Vec<Value> = granted.iter().flat_map(|(_, granted)| granted.clone()).collect();
        plugin(&world, &json!(all));
        granted_now(&world, &json!(all));
        for (who, _) in &grants {
            let name = format!("{first}-first-{who}");
            account.external_secret(
                &name,
                "ambient",
                json!({"data": [{"secretKey": "v", "remoteRef": {"key": format!("aws-ambient/{who}")}}]}),
            );
            if *who == first {
                world.wait_data(&name, &[("v", &format!("MARKED-{who}"))]);
            } else {
                world.wait_reason("externalsecret", &name, "AccessDenied");
            }
        }
    };
    order(&grants, "environment");
    order(&grants[1..], "web-identity");
    order(&grants[2..], "container");
    world.kubectl(&["delete", "plugin", "aws"]);
    // Taken away, they are gone.
    world.wait("the store to lose what it had", || match world.ready("secretstore", "ambient") {
        Some((_, reason, message)) if reason == "InvalidProviderConfig" => Ok(message),
        other => Err(format!("{other:?}")),
    });
    assert!(operator.runs());
}
