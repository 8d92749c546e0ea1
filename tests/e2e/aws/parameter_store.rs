//! Parameter Store: tens at once, versions and labels, by path, by name, by tags. Names that begin with `aws`
//! are AWS's own.

use serde_json::{Value, json};

use crate::support::{Account, Operator, allow, world};

const REGION: &str = "eu-central-1";

fn entry(secret_key: &str, remote: Value) -> Value {
    json!({"secretKey": secret_key, "remoteRef": remote})
}

fn put(account: &Account<'_>, name: &str, value: &str, kind: &str) {
    account.call(
        "ssm",
        "PutParameter",
        json!({"Name": name, "Value": value, "Type": kind, "Overwrite": true}),
    );
}

#[test]
fn tens_at_once_versions_labels_and_types() {
    let world = world!("aws-ssm");
    let account = Account::new(&world, REGION);
    for n in 0..25 {
        put(&account, &format!("/test-ssm/many/{n}"), &format!("value-{n}"), "String");
    }
    put(&account, "/test-ssm/config", r#"{"a": {"b": "deep"}}"#, "SecureString");
    put(&account, "/test-ssm/list", "x,y,z", "StringList");
    put(&account, "/test-ssm/versioned", "one", "String");
    put(&account, "/test-ssm/versioned", "two", "String");
    account.call(
        "ssm",
        "LabelParameterVersion",
        json!({"Name": "/test-ssm/versioned", "ParameterVersion": 1, "Labels": ["stable"]}),
    );
    account.call(
        "ssm",
        "AddTagsToResource",
        json!({"ResourceType": "Parameter", "ResourceId": "/test-ssm/list", "Tags": [{"Key": "team", "Value": "red"}]}),
    );
    let resource = "arn:aws:ssm:*:*:parameter/test-ssm/*";
    let full = account.user("aws-ssm", &json!([allow(&["ssm:*"], &["*"])]));
    let single = account.user("aws-ssm-single", &json!([allow(&["ssm:GetParameter"], &[resource])]));
    let _operator = Operator::start(&world);
    for (name, identity) in [("full", &full), ("single", &single)] {
        account.key_secret(name, identity);
        account.store(name, "ParameterStore", json!({"auth": Account::key_auth(name)}));
        world.wait_ready("secretstore", name);
    }
    let many: Vec<Value> =
        (0..25).map(|n| entry(&format!("k{n}"), json!({"key": format!("/test-ssm/many/{n}")}))).collect();
    let expected: Vec<_> = (0..25).map(|n| (format!("k{n}"), format!("value-{n}"))).collect();
    let expected: Vec<_> = expected.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    for (store, action, calls) in [("full", "GetParameters", 3), ("single", "GetParameter", 25)] {
        let mark = account.aws.mark();
        account.external_secret(&format!("many-{store}"), store, json!({"data": many}));
        world.wait_data(&format!("many-{store}"), &expected);
        assert_eq!(account.count(mark, action, "/test-ssm/many/"), calls, "{store}");
    }
    account.external_secret(
        "es",
        "full",
        json!({"data": [
            entry("secure", json!({"key": "/test-ssm/config"})),
            entry("deep", json!({"key": "/test-ssm/config", "property": "a.b"})),
            entry("list", json!({"key": "/test-ssm/list"})),
            entry("current", json!({"key": "/test-ssm/versioned"})),
            entry("version", json!({"key": "/test-ssm/versioned", "version": "1"})),
            entry("label", json!({"key": "/test-ssm/versioned", "version": "stable"})),
            entry("tag", json!({"key": "/test-ssm/list", "metadataPolicy": "Fetch", "property": "team"})),
        ]}),
    );
    world.wait_data(
        "es",
        &[
            ("secure", r#"{"a": {"b": "deep"}}"#),
            ("deep", "deep"),
            ("list", "x,y,z"),
            ("current", "two"),
            ("version", "one"),
            ("label", "one"),
            ("tag", "red"),
        ],
    );
    for (name, remote, needle) in [
        ("absent", json!({"key": "/test-ssm/absent"}), "absent"),
        ("version", json!({"key": "/test-ssm/versioned", "version": "9"}), "9"),
    ] {
        account.external_secret(name, "full", json!({"data": [entry("v", remote)]}));
        let message = world.wait_reason("externalsecret", name, "RemoteKeyNotFound");
        assert!(message.contains(needle), "{message}");
    }
    account.external_secret("denied", "single", json!({"data": [entry("v", json!({"key": "/other/x"}))]}));
    let message = world.wait_reason("externalsecret", "denied", "AccessDenied");
    assert!(message.contains("ssm:GetParameter"), "{message}");
}

#[test]
fn finds_by_path_name_and_tags() {
    let world = world!("aws-ssm-find");
    let account = Account::new(&world, REGION);
    for n in 0..30 {
        let name = format!("/find-ssm/app/{n:02}");
        put(&account, &name, &format!("value-{n}"), "SecureString");
        let team = if n % 2 == 0 { "red" } else { "blue" };
        account.call(
            "ssm",
            "AddTagsToResource",
            json!({"ResourceType": "Parameter", "ResourceId": name, "Tags": [{"Key": "team", "Value": team}]}),
        );
    }
    put(&account, "/find-ssm/else", "elsewhere", "String");
    let identity = account.user("aws-ssm-find", &json!([allow(&["ssm:*"], &["*"])]));
    let _operator = Operator::start(&world);
    account.key_secret("key", &identity);
    account.store("ssm", "ParameterStore", json!({"auth": Account::key_auth("key")}));
    for (name, query, expected) in [
        ("path", json!({"path": "/find-ssm/app"}), (0..30).collect::<Vec<usize>>()),
        ("name", json!({"name": {"regexp": "^/find-ssm/app/2"}}), (20..30).collect()),
        (
            "tags",
            json!({"tags": {"team": "red"}, "name": {"regexp": "find-ssm/"}}),
            (0..30).filter(|n| n % 2 == 0).collect(),
        ),
    ] {
        account.external_secret(
            name,
            "ssm",
            json!({"dataFrom": [{"find": query, "rewrite": [{"regexp": {"source": "/find-ssm/app/(.*)", "target": "k$1"}}]}]}),
        );
        let expected: Vec<_> = expected.iter().map(|n| (format!("k{n:02}"), format!("value-{n}"))).collect();
        let expected: Vec<_> = expected.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        world.wait_data(name, &expected);
    }
}
