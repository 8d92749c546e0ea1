//! An HTTP API for the suite, which the test makes up: values under keys, behind a token, each in JSON with its properties.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{conforms, read_only, with_usual};
use crate::support::{Api, Asked, Said, json_of, world};

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const BYTES: [u8; 8] = [0, 159, 146, 150, 255, 10, 13, 0];
const TOKEN: &str = "token-of-the-bench-1";

/// Why a case is not tried, in words that stand in the table.
const NO_LIST: &str = "an HTTP API has no list that it could search";
const NO_METADATA: &str = "an HTTP answer has no metadata";
const NO_LOGIN: &str = "its credential is sent with every request";
const BLIND: &str = "no request is known that shows it without a key";

const MANY: usize = 1_000;

#[test]
fn webhook_conforms() {
    let world = world!("conformance-webhook");
    let api = Api::start(answer);
    let login = |token: &str| json!([{"kind": "Secret", "name": "login", "stringData": {"token": token}}]);
    let bench = json!({
        "plugin": "webhook",
        "servers": {"API": api.url()},
        "store": {
            "url": "${API}/v1/{{ .remoteRef.key }}?version={{ .remoteRef.version }}",
            "headers": {"X-Token": "{{ .auth.token }}"},
            "secrets": [{"name": "auth", "secretRef": {"name": "login"}}],
            // Bytes are no JSON.
            "result": {"jsonPath": "{{ if ne .remoteRef.key \"app-bytes\" }}$.{{ .remoteRef.property | default \"value\" }}{{ end }}"},
        },
        "objects": login(TOKEN),
        "badCredential": login("wrong-token-of-the-bench"),
        "loginRequests": [],
        "dataRequests": [{"method": "GET", "path": "^/v1/"}],
        "cases": cases(),
        "unsupported": read_only(json!({
            "findByName": NO_LIST, "findByPath": NO_LIST, "findByTags": NO_LIST, "findNothing": NO_LIST, "paging": NO_LIST,
            "metadata": NO_METADATA, "loginOnce": NO_LOGIN, "expiredToken": NO_LOGIN, "tokenRefusedForEver": NO_LOGIN,
            "serverErrorAtLogin": NO_LOGIN, "validateBadCredential": BLIND,
        })),
    });
    let table = conforms(&world, "webhook", &bench);
    assert!(table.contains("0 failed, 17 not supported\n"), "{table}");
    assert!([NO_LIST, NO_METADATA, NO_LOGIN, BLIND].iter().all(|why| table.contains(why)), "{table}");
}

fn answer(asked: &Asked) -> Said {
    if asked.method == "HEAD" {
        return json_of(200, &Value::Null);
    }
    if asked.headers.get("x-token").is_none_or(|token| token != TOKEN) {
        return json_of(401, &Value::Null);
    }
    let (path, version) = asked.target.split_once("?version=").unwrap_or((&asked.target, ""));
    let key = path.strip_prefix("/v1/").unwrap_or_default();
    let text = |text: &str| json_of(200, &json!({ "value": text }));
    match (key, version) {
        ("closed", _) => json_of(403, &Value::Null),
        ("app-bytes", "") => (200, Vec::new(), BYTES.to_vec()),
        ("app-greeting", "") => text(GREETING),
        ("app-large", "") => text(&"x".repeat(65_536)),
        ("app-versions", "1") => text("the-first"),
        ("app-versions", "" | "2") => text("the-second"),
        ("app-login", "") => json_of(
            200,
            &json!({"user": "app-user-1", "password": "correct-horse", "deep": {"a": "staple-9"}}),
        ),
        (many, "")
            if many.strip_prefix("many-").is_some_and(|n| n.parse::<usize>().is_ok_and(|n| n < MANY)) =>
        {
            text(&many.replace("many-", "value-of-"))
        }
        _ => json_of(404, &Value::Null),
    }
}

fn cases() -> Map<String, Value> {
    let Value::Object(cases) = json!({
        "value": {"key": "app-greeting", "expect": GREETING},
        "property": [
            {"key": "app-login", "property": "user", "expect": "app-user-1"},
            {"key": "app-login", "property": "deep.a", "expect": "staple-9"},
        ],
        "version": [{"key": "app-versions", "version": "1", "expect": "the-first"}],
        "missingVersion": {"key": "app-versions", "version": "3"},
        "missingKey": {"key": "absent"},
        "missingProperty": {"key": "app-login", "property": "absent"},
        "denied": {"key": "closed"},
        "binary": {"key": "app-bytes", "expect": {"base64": STANDARD.encode(BYTES)}},
        "unicode": {"key": "app-greeting", "expect": GREETING},
        "large": {"key": "app-large", "expect": {"repeat": {"text": "x", "times": 65_536}}},
        "thousandKeys": {"key": "many-{n}", "expect": "value-of-{n}", "times": MANY},
        "oneBadKeyInBatch": {"keys": ["app-versions", "app-greeting"]},
    }) else {
        panic!("an object")
    };
    let mut cases = with_usual(cases);
    for case in ["loginOnce", "serverErrorAtLogin", "validateBadCredential"] {
        cases.remove(case);
    }
    cases
}
