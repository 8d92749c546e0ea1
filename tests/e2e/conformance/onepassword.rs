//! 1Password Connect for the suite: the stand-in with a token that sees two vaults, behind `claviger plugin test`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::Connect;
use serde_json::{Map, Value, json};

use super::{conforms, read_only, with_usual};
use crate::support::world;

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const BYTES: [u8; 8] = [0, 159, 146, 150, 255, 10, 13, 0];
const TOKEN: &str = "token-of-the-bench-1";

/// Why a case is not tried, in words that stand in the table.
const NO_VERSIONS: &str = "old versions of items cannot be read";
const NO_METADATA: &str = "items have no metadata that can be read";
const NO_LOGIN: &str = "its credential is sent with every request";
const WHOLE_VAULTS: &str = "rights are those of vaults, and a vault without them is a wrong store";
const ONE_PAGE: &str = "fields of all items are found at once";

const MANY: usize = 1_000;

#[test]
fn onepassword_conforms() {
    let world = world!("conformance-onepassword");
    let dir = tempfile::tempdir().unwrap();
    let connect = Connect::start(&world.env.tools, dir.path()).unwrap();
    connect.fill(&state()).unwrap();
    let login = |token: &str| json!([{"kind": "Secret", "name": "login", "stringData": {"token": token}}]);
    let bench = json!({
        "plugin": "onepassword",
        "servers": {"CONNECT": connect.address()},
        "store": {
            "connectHost": "${CONNECT}", "vaults": {"main": 1, "other": 2},
            "auth": {"secretRef": {"connectTokenSecretRef": {"name": "login", "key": "token"}}},
        },
        "objects": login(TOKEN),
        "badCredential": login("wrong-token-of-the-bench"),
        "loginRequests": [],
        "dataRequests": [{"method": "GET", "path": "^/v1/vaults"}],
        "cases": cases(),
        "unsupported": read_only(json!({
            "version": NO_VERSIONS, "missingVersion": NO_VERSIONS, "metadata": NO_METADATA, "denied": WHOLE_VAULTS,
            "paging": ONE_PAGE, "loginOnce": NO_LOGIN, "expiredToken": NO_LOGIN, "tokenRefusedForEver": NO_LOGIN,
            "serverErrorAtLogin": NO_LOGIN,
        })),
    });
    let table = conforms(&world, "onepassword", &bench);
    assert!(table.contains("0 failed, 15 not supported\n"), "{table}");
    assert!(
        [NO_VERSIONS, NO_METADATA, NO_LOGIN, WHOLE_VAULTS, ONE_PAGE].iter().all(|why| table.contains(why)),
        "{table}"
    );
}

fn state() -> Value {
    let field = |label: &str, value: &str| json!({"label": label, "value": value});
    let item =
        |title: &str, tags: Value, fields: Value| json!({"title": title, "tags": tags, "fields": fields});
    let many = (0..MANY)
        .map(|n| item(&format!("many-{n}"), json!([]), json!([field("password", &format!("value-of-{n}"))])));
    let large = "x".repeat(65_536);
    let main = [
        item(
            "app-login",
            json!([]),
            json!([field("user", "app-user-1"), field("password", "correct-horse")]),
        ),
        item("app-greeting", json!([]), json!([field("password", GREETING)])),
        item("app-large", json!([]), json!([field("password", &large)])),
        item("tagged", json!(["red", "test"]), json!([field("of-tagged", "value-of-tagged")])),
        json!({"title": "app-bytes", "category": "DOCUMENT", "files": [{"name": "bytes", "content": STANDARD.encode(BYTES)}]}),
    ];
    json!({
        "tokens": {TOKEN: ["main", "other"]},
        "vaults": [{"name": "main", "items": main}, {"name": "other", "items": many.collect::<Vec<_>>()}],
    })
}

fn cases() -> Map<String, Value> {
    let Value::Object(cases) = json!({
        "value": {"key": "app-login", "expect": "correct-horse"},
        "property": [
            {"key": "app-login", "property": "user", "expect": "app-user-1"},
            {"key": "app-bytes", "property": "file/bytes", "expect": {"base64": STANDARD.encode(BYTES)}},
        ],
        "missingKey": {"key": "absent"},
        "missingProperty": {"key": "app-login", "property": "absent"},
        "binary": {"key": "app-bytes", "expect": {"base64": STANDARD.encode(BYTES)}},
        "unicode": {"key": "app-greeting", "expect": GREETING},
        "large": {"key": "app-large", "expect": {"repeat": {"text": "x", "times": 65_536}}},
        "thousandKeys": {"key": "many-{n}", "expect": "value-of-{n}", "times": MANY},
        "oneBadKeyInBatch": {"keys": ["app-login", "app-greeting"]},
        "findByName": {"name": "^(user|bytes)$", "expect": ["user", "bytes"]},
        "findByPath": {"path": "app-login", "expect": {"user": "app-user-1", "password": "correct-horse"}},
        "findByTags": {"tags": {"red": "x", "test": "x"}, "expect": {"of-tagged": "value-of-tagged"}},
        "findNothing": {"name": "^no-such-label$"},
    }) else {
        panic!("an object")
    };
    let mut cases = with_usual(cases);
    for case in ["loginOnce", "serverErrorAtLogin"] {
        cases.remove(case);
    }
    cases
}
