//! Secrets Manager: versions and stages, binary, tags, find, batches.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Account, Operator, allow, world};

const REGION: &str = "eu-central-1";

fn entry(secret_key: &str, remote: Value) -> Value {
    json!({"secretKey": secret_key, "remoteRef": remote})
}

#[test]
fn versions_stages_binary_and_tags() {
    let world = world!("aws-versions");
    let account = Account::new(&world, REGION);
    let name = "aws-versions/value";
    let first = account.secret(name, r#"{"a.b": "literal", "a": {"b": "path"}, "n": 1}"#);
    let put = |value: &str, stages: Value| {
        let mut put = json!({"SecretId": name, "SecretString": value});
        if !stages.is_null() {
            put["VersionStages"] = stages;
        }
        account.call("secretsmanager", "PutSecretValue", put)
    };
    put("second", Value::Null);
    put("third", json!(["AWSCURRENT", "blue"]));
    let bytes = [0u8, 159, 146, 150, 255];
    account.call(
        "secretsmanager",
        "CreateSecret",
        json!({"Name": "aws-versions/binary", "SecretBinary": {"$bytes": STANDARD.encode(bytes)}}),
    );
    account.call(
        "secretsmanager",
        "TagResource",
        json!({"SecretId": name, "Tags": [{"Key": "team", "Value": "payments"}, {"Key": "a.b", "Value": "dotted"}]}),
    );
    let allowed = json!([allow(&["secretsmanager:*"], &["*"])]);
    let identity = account.user("aws-versions", &allowed);
    let _operator = Operator::start(&world);
    account.key_secret("key", &identity);
    account.store(
        "sm",
        "SecretsManager",
        json!({"auth": Account::key_auth("key"), "prefix": "aws-versions/"}),
    );
    let id = first["VersionId"].as_str().unwrap();
    account.external_secret(
        "es",
        "sm",
        json!({"data": [
            entry("current", json!({"key": "value"})),
            entry("previous", json!({"key": "value", "version": "AWSPREVIOUS"})),
            entry("stage", json!({"key": "value", "version": "blue"})),
            entry("by-id", json!({"key": "value", "version": format!("uuid/{id}"), "property": "n"})),
            entry("literal", json!({"key": "value", "version": format!("uuid/{id}"), "property": "a.b"})),
            entry("binary", json!({"key": "binary"})),
            entry("tags", json!({"key": "value", "metadataPolicy": "Fetch"})),
            entry("tag", json!({"key": "value", "metadataPolicy": "Fetch", "property": "team"})),
        ]}),
    );
    world.wait_ready("externalsecret", "es");
    let data = world.data("es").unwrap();
    let text = |key: &str| String::from_utf8(data[key].clone()).unwrap();
    assert_eq!(text("current"), "third");
    assert_eq!(text("previous"), "second");
    assert_eq!(text("stage"), "third");
    assert_eq!((text("by-id"), text("literal")), ("1".to_owned(), "literal".to_owned()));
    assert_eq!(data["binary"], bytes);
    assert_eq!(text("tag"), "payments");
    let tags: Value = serde_json::from_str(&text("tags")).unwrap();
    assert_eq!(tags, json!({"team": "payments", "a.b": "dotted"}));

    for (name, remote, reason, needle) in [
        ("no-key", json!({"key": "absent"}), "RemoteKeyNotFound", "absent"),
        ("no-stage", json!({"key": "value", "version": "green"}), "RemoteKeyNotFound", "green"),
        (
            "no-property",
            json!({"key": "value", "version": format!("uuid/{id}"), "property": "x"}),
            "PropertyNotFound",
            "x",
        ),
    ] {
        account.external_secret(name, "sm", json!({"data": [entry("v", remote)]}));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(needle), "{name}: {message}");
    }
    // Marked for deletion is as good as gone: the deletionPolicy decides.
    account.external_secret(
        "doomed",
        "sm",
        json!({"target": {"deletionPolicy": "Delete"}, "data": [entry("v", json!({"key": "binary"}))]}),
    );
    world.wait_ready("externalsecret", "doomed");
    account.call("secretsmanager", "DeleteSecret", json!({"SecretId": "aws-versions/binary"}));
    world.sync_now("doomed");
    world.wait("the Secret to be deleted", || {
        world.get("secret", "doomed").map_or(Ok(()), |it| Err(it.to_string()))
    });
}

#[test]
fn finds_by_name_path_and_tags_with_and_without_the_batch() {
    let world = world!("aws-find");
    let account = Account::new(&world, REGION);
    for n in 0..45 {
        let team = if n % 3 == 0 { "red" } else { "blue" };
        account.call(
            "secretsmanager",
            "CreateSecret",
            json!({
                "Name": format!("aws-find/app/{n:02}"), "SecretString": format!("value-{n}"),
                "Tags": [{"Key": "team", "Value": team}, {"Key": "other", "Value": "red"}],
            }),
        );
    }
    account.secret("aws-find/else", "elsewhere");
    let resource = "arn:aws:secretsmanager:*:*:secret:aws-find/*";
    let list = allow(&["secretsmanager:ListSecrets"], &["*"]);
    let reads = allow(&["secretsmanager:GetSecretValue"], &[resource]);
    let batch = allow(&["secretsmanager:BatchGetSecretValue"], &["*"]);
    let with = account.user("aws-find-with", &json!([list, reads, batch]));
    let without = account.user("aws-find-without", &json!([list, reads]));
    let blind = account.user("aws-find-blind", &json!([reads]));
    let operator = Operator::start(&world);
    for (name, identity) in [("with", &with), ("without", &without), ("blind", &blind)] {
        account.key_secret(name, identity);
        account.store(name, "SecretsManager", json!({"auth": Account::key_auth(name)}));
        world.wait_ready("secretstore", name);
    }
    let queries = [
        ("path", json!({"path": "aws-find/app/"}), (0..45).collect::<Vec<usize>>()),
        (
            "tags",
            json!({"path": "aws-find/app/", "tags": {"team": "red"}}),
            (0..45).filter(|n| n % 3 == 0).collect(),
        ),
        ("name", json!({"name": {"regexp": "^aws-find/app/1[0-4]$"}}), (10..15).collect()),
        (
            "both",
            json!({"path": "aws-find/app/", "name": {"regexp": "[05]$"}}),
            (0..45).filter(|n| n % 5 == 0).collect(),
        ),
    ];
    for store in ["with", "without"] {
        let mark = account.aws.mark();
        for (what, query, expected) in &queries {
            let name = format!("{store}-{what}");
            account.external_secret(
                &name,
                store,
                json!({"dataFrom": [{"find": query, "rewrite": [{"regexp": {"source": "aws-find/app/(.*)", "target": "k$1"}}]}]}),
            );
            let expected: Vec<_> =
                expected.iter().map(|n| (format!("k{n:02}"), format!("value-{n}"))).collect();
            let expected: Vec<_> =
                expected.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            world.wait_data(&name, &expected);
        }
        let singles = account.count(mark, "GetSecretValue", "aws-find/");
        // Of four searches the batch brings all values, or each key is read (and then kept for a moment).
        assert_eq!(singles == 0, store == "with", "{store}: {singles} single reads");
    }
    account.external_secret("blind", "blind", json!({"dataFrom": [{"find": {"name": {"regexp": "x"}}}]}));
    let message = world.wait_reason("externalsecret", "blind", "AccessDenied");
    assert!(message.contains("secretsmanager:ListSecrets"), "{message}");
    assert!(operator.runs());
}
