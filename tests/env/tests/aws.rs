//! AWS for the tests, judged by boto3: what the end-to-end tests of its provider take for granted.
//!
//! `cargo xtask test` runs these with its servers handed over; a failure here is the environment's. Names of
//! errors are those of AWS's API references.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

use claviger_testenv::{Aws, AwsError, AwsIdentity, AwsOptions, AwsView, Env, RunDir};
use serde_json::{Value, json};

const AUDIENCE: &str = "sts.amazonaws.com";

fn handed_over() -> Env {
    Env::from_env().expect("these tests need servers: run them by `cargo xtask test`")
}

/// A role that trusts `statement` and may do `allowed` (statements).
fn role(aws: &AwsView, name: &str, trust: &Value, allowed: &Value) -> String {
    let document = |statements: &Value| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let made = json!({"RoleName": name, "AssumeRolePolicyDocument": document(trust)});
    let made = aws.admin_call("iam", "CreateRole", &made).unwrap();
    let policy = json!({"RoleName": name, "PolicyName": "test", "PolicyDocument": document(allowed)});
    aws.admin_call("iam", "PutRolePolicy", &policy).unwrap();
    made["Role"]["Arn"].as_str().unwrap().to_owned()
}

fn reads(resource: &str) -> Value {
    let actions =
        ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "ssm:GetParameter*"];
    json!([{"Effect": "Allow", "Action": actions, "Resource": resource}])
}

/// A user with a policy, and its key.
fn user(aws: &AwsView, name: &str, allowed: &Value) -> AwsIdentity {
    aws.admin_call("iam", "CreateUser", &json!({"UserName": name})).unwrap();
    let document = json!({"Version": "2012-10-17", "Statement": allowed}).to_string();
    let policy = json!({"UserName": name, "PolicyName": "test", "PolicyDocument": document});
    aws.admin_call("iam", "PutUserPolicy", &policy).unwrap();
    let key = aws.admin_call("iam", "CreateAccessKey", &json!({"UserName": name})).unwrap();
    AwsIdentity {
        access_key_id: key["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned(),
        secret_access_key: key["AccessKey"]["SecretAccessKey"].as_str().unwrap().to_owned(),
        session_token: None,
    }
}

fn identity(answer: &Value) -> AwsIdentity {
    let text = |name: &str| answer["Credentials"][name].as_str().unwrap().to_owned();
    AwsIdentity {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: Some(text("SessionToken")),
    }
}

fn read(aws: &AwsView, identity: &AwsIdentity, secret: &str) -> Result<Value, AwsError> {
    aws.call(Some(identity), "secretsmanager", "GetSecretValue", &json!({"SecretId": secret})).unwrap()
}

fn secret(aws: &AwsView, name: &str, value: &str) -> String {
    let made = json!({"Name": name, "SecretString": value});
    aws.admin_call("secretsmanager", "CreateSecret", &made).unwrap()["ARN"].as_str().unwrap().to_owned()
}

fn code<T: std::fmt::Debug>(refused: Result<T, AwsError>) -> (u16, String) {
    let error = refused.unwrap_err();
    (error.status, error.code)
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_web_identity_is_held_to_its_token_its_trust_and_its_policy() {
    let env = handed_over();
    let (aws, cluster) = (&env.aws, &env.cluster);
    cluster
        .apply(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: env-aws}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader, namespace: env-aws}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: other, namespace: env-aws}\n",
        )
        .unwrap();
    let provider = aws.oidc_provider();
    let trust = json!([{
        "Effect": "Allow", "Principal": {"Federated": aws.oidc_provider_arn()},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{provider}:sub"): "system:serviceaccount:env-aws:reader",
            format!("{provider}:aud"): AUDIENCE,
        }},
    }]);
    let allowed = reads("arn:aws:secretsmanager:*:*:secret:env-aws/mine-*");
    let arn = role(aws, "env-aws-web", &trust, &allowed);
    secret(aws, "env-aws/mine", "yes");
    secret(aws, "env-aws/theirs", "no");
    let assume = |token: &str, role: &str| {
        let asked = json!({"RoleArn": role, "RoleSessionName": "env", "WebIdentityToken": token});
        aws.call(None, "sts", "AssumeRoleWithWebIdentity", &asked).unwrap()
    };
    let token = cluster.service_account_token("env-aws", "reader", AUDIENCE).unwrap();

    let given = assume(&token, &arn).unwrap();
    assert_eq!(given["SubjectFromWebIdentityToken"], "system:serviceaccount:env-aws:reader");
    let session = identity(&given);
    assert_eq!(read(aws, &session, "env-aws/mine").unwrap()["SecretString"], "yes");
    assert_eq!(code(read(aws, &session, "env-aws/theirs")), error(400, "AccessDeniedException"));
    let who = aws.call(Some(&session), "sts", "GetCallerIdentity", &json!({})).unwrap().unwrap();
    assert_eq!(who["Arn"], "arn:aws:sts::123456789012:assumed-role/env-aws-web/env");

    let audience = cluster.service_account_token("env-aws", "reader", "elsewhere").unwrap();
    assert_eq!(code(assume(&audience, &arn)), error(400, "InvalidIdentityToken"));
    let subject = cluster.service_account_token("env-aws", "other", AUDIENCE).unwrap();
    assert_eq!(code(assume(&subject, &arn)), error(403, "AccessDenied"));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let tampered = format!("{signed}.{flipped}{}", &signature[1..]);
    assert_eq!(code(assume(&tampered, &arn)), error(400, "InvalidIdentityToken"));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let over = json!({
        "iss": cluster.issuer(), "sub": "system:serviceaccount:env-aws:reader", "aud": [AUDIENCE],
        "iat": now - 700, "nbf": now - 700, "exp": now - 100,
    });
    let over = cluster.forged_token(&over).unwrap();
    assert_eq!(code(assume(&over, &arn)), error(400, "ExpiredTokenException"));
    let nowhere = aws.iam_arn("role/env-aws-nowhere");
    assert_eq!(code(assume(&token, &nowhere)), error(403, "AccessDenied"));
}

#[test]
fn a_role_is_assumed_with_its_external_id_and_tags_only() {
    let env = handed_over();
    let aws = &env.aws;
    let may = |actions: &[&str]| json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]);
    let both = may(&["sts:AssumeRole", "sts:TagSession"]);
    let (caller, stranger) = (user(aws, "env-caller", &both), user(aws, "env-stranger", &both));
    let tagless = user(aws, "env-tagless", &may(&["sts:AssumeRole"]));
    let principal = json!({"AWS": [aws.iam_arn("user/env-caller"), aws.iam_arn("user/env-tagless")]});
    let trust = json!([
        {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "shibboleth"}}},
        {"Effect": "Allow", "Principal": principal, "Action": "sts:TagSession",
         "Condition": {"StringEquals": {"aws:RequestTag/team": ["red", "blue"]}}},
    ]);
    // In another account, as external IDs are for.
    let theirs = aws.in_account("210987654321");
    let red = json!({"StringEquals": {"aws:PrincipalTag/team": "red"}});
    let allowed =
        json!([{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*", "Condition": red}]);
    let arn = role(&theirs, "env-external", &trust, &allowed);
    secret(&theirs, "env-external", "yes");
    let try_as = |identity: &AwsIdentity, more: Value| {
        let mut asked = json!({"RoleArn": arn, "RoleSessionName": "env"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        aws.call(Some(identity), "sts", "AssumeRole", &asked).unwrap()
    };
    let tagged = |team: &str| json!({"ExternalId": "shibboleth", "Tags": [{"Key": "team", "Value": team}]});

    assert_eq!(code(try_as(&caller, json!({}))), error(403, "AccessDenied"));
    assert_eq!(code(try_as(&caller, json!({"ExternalId": "sibboleth"}))), error(403, "AccessDenied"));
    assert_eq!(code(try_as(&stranger, json!({"ExternalId": "shibboleth"}))), error(403, "AccessDenied"));
    assert_eq!(code(try_as(&caller, tagged("green"))), error(403, "AccessDenied"));
    assert_eq!(code(try_as(&tagless, tagged("red"))), error(403, "AccessDenied"));
    assert!(try_as(&tagless, json!({"ExternalId": "shibboleth"})).is_ok());

    let untagged = identity(&try_as(&caller, json!({"ExternalId": "shibboleth"})).unwrap());
    assert_eq!(code(read(aws, &untagged, "env-external")), error(400, "AccessDeniedException"));
    let blue = identity(&try_as(&caller, tagged("blue")).unwrap());
    assert_eq!(code(read(aws, &blue, "env-external")), error(400, "AccessDeniedException"));
    let red = identity(&try_as(&caller, tagged("red")).unwrap());
    assert_eq!(read(aws, &red, "env-external").unwrap()["SecretString"], "yes");
    let too_long = json!({"ExternalId": "shibboleth", "DurationSeconds": 3601});
    assert_eq!(code(try_as(&caller, too_long)), error(400, "ValidationError"));
}

#[test]
fn keys_are_checked_reads_are_counted_and_errors_are_those_of_aws() {
    let env = handed_over();
    let aws = &env.aws;
    let reader = user(aws, "env-reader", &reads("*"));
    let arn = secret(aws, "env/one", "1");
    let theirs = secret(aws, "env/two", "2");
    let since = aws.mark();
    for name in ["env/one", &arn] {
        assert_eq!(read(aws, &reader, name).unwrap()["SecretString"], "1");
    }
    let counted = aws.requests(since).unwrap();
    let mine: Vec<_> =
        counted.iter().filter(|request| request.access_key_id == reader.access_key_id).collect();
    assert_eq!(mine.len(), 2);
    assert_eq!((mine[0].action.as_str(), mine[0].status), ("GetSecretValue", 200));
    assert_eq!(mine[0].names, ["env/one"]);

    assert_eq!(code(read(aws, &reader, "env/none")), error(400, "ResourceNotFoundException"));
    let elsewhere = aws.in_region("us-west-2");
    assert_eq!(code(read(&elsewhere, &reader, "env/one")), error(400, "ResourceNotFoundException"));
    let wrong = AwsIdentity { secret_access_key: "wrong".to_owned(), ..reader.clone() };
    assert_eq!(code(read(aws, &wrong, "env/one")), error(400, "InvalidSignatureException"));
    let unknown = AwsIdentity { access_key_id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), ..reader.clone() };
    assert_eq!(code(read(aws, &unknown, "env/one")), error(400, "UnrecognizedClientException"));
    let write = json!({"SecretId": "env/one", "SecretString": "3"});
    let written = aws.call(Some(&reader), "secretsmanager", "PutSecretValue", &write).unwrap();
    assert_eq!(code(written), error(400, "AccessDeniedException"));

    let parameter = json!({"Name": "/env/p", "Value": "v", "Type": "SecureString"});
    aws.admin_call("ssm", "PutParameter", &parameter).unwrap();
    let get = json!({"Names": ["/env/p", "/env/none"], "WithDecryption": true});
    let got = aws.call(Some(&reader), "ssm", "GetParameters", &get).unwrap().unwrap();
    assert_eq!(
        (&got["Parameters"][0]["Value"], &got["InvalidParameters"]),
        (&json!("v"), &json!(["/env/none"]))
    );

    // What a batch may not read is named, the rest is there.
    let partly = json!([
        {"Effect": "Allow", "Action": "secretsmanager:BatchGetSecretValue", "Resource": "*"},
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn},
    ]);
    let partly = user(aws, "env-partly", &partly);
    let batch = json!({"SecretIdList": [arn, theirs]});
    let got = aws.call(Some(&partly), "secretsmanager", "BatchGetSecretValue", &batch).unwrap().unwrap();
    assert_eq!(got["SecretValues"].as_array().map(Vec::len), Some(1), "{got}");
    assert_eq!(got["Errors"][0]["ErrorCode"], "AccessDeniedException");
}

#[test]
fn temporary_credentials_end() {
    let env = handed_over();
    let run = RunDir::create("selftest").unwrap();
    // One of its own: it ends the sessions of everybody.
    let options = AwsOptions {
        jwks: env.cluster.jwks().unwrap(),
        issuer: env.cluster.issuer().to_owned(),
        metadata: Vec::new(),
    };
    let server = Aws::start(&env.tools, run.path(), &options).unwrap();
    let aws = server.view();
    let trust =
        json!([{"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]);
    let arn = role(aws, "env-short", &trust, &reads("*"));
    secret(aws, "env/short", "1");
    let asked = json!({"RoleArn": arn, "RoleSessionName": "env", "DurationSeconds": 900});
    let session = identity(&aws.admin_call("sts", "AssumeRole", &asked).unwrap());
    assert_eq!(read(aws, &session, "env/short").unwrap()["SecretString"], "1");
    let without = AwsIdentity { session_token: None, ..session.clone() };
    assert_eq!(code(read(aws, &without, "env/short")), error(400, "UnrecognizedClientException"));
    aws.expire_sessions().unwrap();
    assert_eq!(code(read(aws, &session, "env/short")), error(400, "ExpiredTokenException"));
    let who = aws.call(Some(&session), "sts", "GetCallerIdentity", &json!({})).unwrap();
    assert_eq!(code(who), error(403, "ExpiredToken"));
}

/// boto3 itself, looking for credentials where a pod's would.
#[test]
fn pods_and_instances_get_credentials_from_the_metadata_endpoints() {
    const WHO: &str = "import boto3, sys\n\
        sts = boto3.client('sts', endpoint_url=sys.argv[1], region_name='eu-central-1')\n\
        print(sts.get_caller_identity()['Arn'])";
    let env = handed_over();
    let [imds, agent] = env.aws.metadata() else {
        eprintln!("SKIPPED: the metadata endpoints: no network of the tests' own");
        return;
    };
    let who = |variables: &[(&str, &str)]| {
        let mut python = Command::new(&env.tools.python);
        python.args(["-c", WHO, env.aws.address()]).env_clear().envs(variables.iter().copied());
        let output = python.output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let role = format!("http://{imds}/latest/meta-data/iam/security-credentials/claviger-instance");
    let first_version = ureq::get(&role).config().http_status_as_error(false).build().call().unwrap();
    assert_eq!(first_version.status(), 401, "a session token is asked for");
    let (instance, said) = who(&[]);
    assert!(instance.contains(":assumed-role/claviger-instance/i-"), "{instance}{said}");

    let run = RunDir::create("selftest").unwrap();
    let pod = |audience: &str| {
        let token = env.cluster.service_account_token("default", "default", audience).unwrap();
        let file = run.path().join("token");
        std::fs::write(&file, token).unwrap();
        let url = format!("http://{agent}/v1/credentials");
        let file = Path::to_str(&file).unwrap();
        who(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)])
    };
    let (granted, said) = pod("pods.eks.amazonaws.com");
    assert!(granted.contains(":assumed-role/claviger-pod-identity/"), "{granted}{said}");
    let (granted, said) = pod("sts.amazonaws.com");
    assert!(granted.is_empty() && said.contains("Incorrect token audience"), "{granted}{said}");
}
