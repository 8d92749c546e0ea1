//! AWS for the suite: Secrets Manager and Parameter Store behind an access key and a role, with names that
//! the role's policy leaves out. A server of its own, because its sessions are ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Aws, AwsIdentity, AwsOptions};
use serde_json::{Map, Value, json};

use super::{conforms, read_only, with_usual};
use crate::support::{Account, World, allow, world};

const REGION: &str = "eu-central-1";
const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const LOGIN: &str = r#"{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}"#;
const OLDER: &str = r#"{"user":"app-user-0","password":"older-battery"}"#;
const NOT_TO_BE_READ: &str = "never-to-be-read";

/// Why a case is not tried, in words that stand in the table.
const NO_BYTES: &str = "a parameter is text";
const SMALL: &str = "a parameter has 8 KiB at most";

fn server(world: &World, dir: &std::path::Path) -> Aws {
    let cluster = &world.env.cluster;
    let options = AwsOptions {
        jwks: cluster.jwks().unwrap(),
        issuer: cluster.issuer().to_owned(),
        metadata: Vec::new(),
    };
    Aws::start(&world.env.tools, dir, &options).unwrap()
}

fn deny(resource: &str) -> Value {
    json!({"Effect": "Deny", "Action": "*", "Resource": resource})
}

/// Somebody who may take a role that may do `allowed`; the role's ARN.
fn login(account: &Account<'_>, allowed: &Value) -> (AwsIdentity, String) {
    let user = account.user("suite", &json!([allow(&["sts:AssumeRole"], &["*"])]));
    let trust = json!([{
        "Effect": "Allow", "Principal": {"AWS": account.aws.iam_arn("user/suite")}, "Action": "sts:AssumeRole",
    }]);
    (user, account.role("suite", &trust, allowed))
}

#[test]
fn secrets_manager_conforms() {
    let world = world!("conformance-sm");
    let dir = tempfile::tempdir().unwrap();
    let server = server(&world, dir.path());
    let account = Account::at(&world, server.view().in_region(REGION));
    account.secret("app/login", OLDER);
    account.call("secretsmanager", "PutSecretValue", json!({"SecretId": "app/login", "SecretString": LOGIN}));
    account.secret("app/greeting", GREETING);
    account.secret("app/large", &"x".repeat(65_536));
    account.secret("forbidden/key", NOT_TO_BE_READ);
    let bytes = STANDARD.encode(BYTES);
    account.call(
        "secretsmanager",
        "CreateSecret",
        json!({"Name": "app/bytes", "SecretBinary": {"$bytes": bytes}}),
    );
    for (name, team) in TAGGED {
        let tags = json!([{"Key": "team", "Value": team}, {"Key": "stage", "Value": "test"}]);
        account.call(
            "secretsmanager",
            "CreateSecret",
            json!({"Name": name, "SecretString": format!("value-of-{name}"), "Tags": tags}),
        );
    }
    for n in 0..1_000 {
        account.secret(&format!("many/k-{n}"), &format!("value-of-{n}"));
    }
    // A key that is not there is told apart from one that may not be read only by who may read all others.
    let allowed = json!([
        allow(
            &[
                "secretsmanager:GetSecretValue",
                "secretsmanager:DescribeSecret",
                "secretsmanager:ListSecrets",
                "secretsmanager:BatchGetSecretValue",
            ],
            &["*"],
        ),
        deny("arn:aws:secretsmanager:*:*:secret:forbidden/*"),
    ]);
    let mut cases = cases("app/", "tagged/", "many/k-{n}", "^app/");
    cases.insert("binary".to_owned(), json!({"key": "app/bytes", "expect": {"base64": bytes}}));
    cases.insert(
        "version".to_owned(),
        json!([
            {"version": "AWSCURRENT", "property": "password", "expect": "correct-horse"},
            {"version": "AWSPREVIOUS", "property": "password", "expect": "older-battery"},
        ]),
    );
    cases.insert("missingVersion".to_owned(), json!({"version": "no-such-stage"}));
    cases.insert(
        "large".to_owned(),
        json!({"key": "app/large", "expect": {"repeat": {"text": "x", "times": 65_536}}}),
    );
    cases.insert(
        "findByName".to_owned(),
        json!({"name": "^(app/login|many/k-99)$", "expect": ["app/login", "many/k-99"]}),
    );
    let bench = bench(
        &account,
        &allowed,
        "SecretsManager",
        "^secretsmanager\\.(BatchG|G)etSecretValue$",
        cases,
        json!({}),
    );
    let table = conforms(&world, "aws", &bench);
    assert!(table.ends_with(" passed, 0 failed, 6 not supported\n"), "{table}");
}

#[test]
fn parameter_store_conforms() {
    let world = world!("conformance-ssm");
    let dir = tempfile::tempdir().unwrap();
    let server = server(&world, dir.path());
    let account = Account::at(&world, server.view().in_region(REGION));
    let put = |name: &str, value: &str| {
        let parameter = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        account.call("ssm", "PutParameter", parameter);
    };
    put("/app/login", OLDER);
    put("/app/login", LOGIN);
    put("/app/greeting", GREETING);
    put("/forbidden/key", NOT_TO_BE_READ);
    for (name, team) in TAGGED {
        put(&format!("/{name}"), &format!("value-of-{name}"));
        let tags = json!([{"Key": "team", "Value": team}, {"Key": "stage", "Value": "test"}]);
        account.call(
            "ssm",
            "AddTagsToResource",
            json!({"ResourceType": "Parameter", "ResourceId": format!("/{name}"), "Tags": tags}),
        );
    }
    for n in 0..1_000 {
        put(&format!("/many/k-{n}"), &format!("value-of-{n}"));
    }
    let allowed = json!([allow(&["ssm:*"], &["*"]), deny("arn:aws:ssm:*:*:parameter/forbidden/*")]);
    let mut cases = cases("/app/", "/tagged/", "/many/k-{n}", "^/app/");
    cases.insert(
        "version".to_owned(),
        json!([
            {"version": "1", "property": "password", "expect": "older-battery"},
            {"version": "2", "property": "password", "expect": "correct-horse"},
        ]),
    );
    cases.insert("missingVersion".to_owned(), json!({"version": "99"}));
    cases.insert(
        "findByName".to_owned(),
        json!({"name": "^(/app/login|/many/k-99)$", "expect": ["/app/login", "/many/k-99"]}),
    );
    let bench = bench(
        &account,
        &allowed,
        "ParameterStore",
        "^AmazonSSM\\.GetParameter",
        cases,
        json!({"binary": NO_BYTES, "large": SMALL}),
    );
    let table = conforms(&world, "aws", &bench);
    assert!(table.ends_with(" passed, 0 failed, 8 not supported\n"), "{table}");
    assert!(table.contains(NO_BYTES) && table.contains(SMALL), "{table}");
}

const BYTES: [u8; 8] = [0, 159, 146, 150, 255, 10, 13, 0];
const TAGGED: [(&str, &str); 3] =
    [("tagged/one", "red-team"), ("tagged/two", "red-team"), ("tagged/three", "blue-team")];

/// Cases of both services; `app` and `tagged` are prefixes, `many` a pattern.
fn cases(app: &str, tagged: &str, many: &str, everything_in_app: &str) -> Map<String, Value> {
    let login = format!("{app}login");
    let key = |name: &str| format!("{tagged}{name}");
    let value = |name: &str| json!(format!("value-of-tagged/{name}"));
    let folder = tagged.trim_end_matches('/');
    let mut cases = json!({
        "value": {"key": login, "expect": {"json": serde_json::from_str::<Value>(LOGIN).unwrap()}},
        "property": [
            {"property": "password", "expect": "correct-horse"},
            {"property": "deep.a\\.b", "expect": "staple-9"},
        ],
        "missingKey": {"key": format!("{app}absent")},
        "missingProperty": {"property": "absent"},
        "denied": {"key": app.replace("app", "forbidden") + "key"},
        "unicode": {"key": format!("{app}greeting"), "expect": GREETING},
        "thousandKeys": {"key": many, "expect": "value-of-{n}"},
        "oneBadKeyInBatch": {"keys": [login, format!("{app}greeting")], "missing": format!("{app}absent")},
        "findByPath": {"path": folder, "expect": {
            key("one"): value("one"), key("two"): value("two"), key("three"): value("three"),
        }},
        "findByTags": {"path": folder, "tags": {"team": "red-team", "stage": "test"}, "expect": [key("one"), key("two")]},
        "findNothing": {"path": format!("{app}no-such-folder"), "name": everything_in_app},
        "paging": {"path": many.replace("k-{n}", ""), "pages": 5, "expect": {"pattern": many, "times": 1_000}},
        "metadata": {"key": key("one"), "expect": {"team": "red-team", "stage": "test"}},
        "throttled": {"answer": {
            "status": 400, "headers": {"content-type": "application/x-amz-json-1.1"},
            "body": r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
        }},
        "expiredToken": {"expire": {"request": {"method": "POST", "url": "${AWS}/_test/expire-sessions"}}},
        "tokenRefusedForEver": {"loginAnswer": {
            "status": 403, "headers": {"content-type": "text/xml"},
            "body": "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
                     <Code>AccessDenied</Code><Message>not any more</Message></Error></ErrorResponse>",
        }},
    });
    with_usual(std::mem::take(cases.as_object_mut().unwrap()))
}

fn bench(
    account: &Account<'_>,
    allowed: &Value,
    service: &str,
    data: &str,
    cases: Map<String, Value>,
    unsupported: Value,
) -> Value {
    let (user, role) = login(account, allowed);
    let key = |secret: &str| {
        json!([{"kind": "Secret", "name": "key", "stringData": {
            "access-key-id": user.access_key_id, "secret-access-key": secret,
        }}])
    };
    json!({
        "plugin": "aws",
        "servers": {"AWS": account.aws.address()},
        "settings": {"endpoints": {"secretsmanager": "${AWS}", "ssm": "${AWS}", "sts": "${AWS}"}},
        "store": {"service": service, "region": REGION, "role": role, "auth": Account::key_auth("key")},
        "objects": key(&user.secret_access_key),
        "badCredential": key("wrong-secret-access-key-000000000000000000"),
        "loginRequests": [{"method": "POST", "body": "Action=AssumeRole"}],
        "dataRequests": [{"header": {"name": "x-amz-target", "regex": data}}],
        "cases": cases,
        "unsupported": read_only(unsupported),
    })
}
