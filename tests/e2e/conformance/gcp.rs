//! Google for the suite: Secret Manager behind a service account's key, with names that its grants leave out. A
//! server of its own, because its pages are short and its tokens are ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Google, GoogleAccount, GoogleOptions};
use serde_json::{Map, Value, json};

use super::{conforms, read_only, with_usual};
use crate::support::{ACCESSOR, Project, VIEWER, member, world};

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const LOGIN: &str = r#"{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}"#;
const OLDER: &str = r#"{"user":"app-user-0","password":"older-battery"}"#;
const NOT_TO_BE_READ: &str = "never-to-be-read";
const BYTES: [u8; 8] = [0, 159, 146, 150, 255, 10, 13, 0];
const TAGGED: [(&str, &str); 3] =
    [("tagged-one", "red-team"), ("tagged-two", "red-team"), ("tagged-three", "blue-team")];
/// Five pages of a thousand.
const PAGE: usize = 200;

#[test]
fn gcp_conforms() {
    let world = world!("conformance-gcp");
    let dir = tempfile::tempdir().unwrap();
    let cluster = &world.env.cluster;
    let options = GoogleOptions { jwks: cluster.jwks().unwrap(), issuer: cluster.issuer().to_owned() };
    let server = Google::start(&world.env.tools, dir.path(), &options).unwrap();
    let project = Project::named(&world, "conformance", server.view().clone());
    let google = &project.google;
    google.control("longest-page", &json!({"size": PAGE})).unwrap();
    let account = google.service_account(&project.id, "suite").unwrap();
    // What is not there is told apart from what may not be read only under names that may be read.
    for prefix in ["app-", "tagged-", "many-"] {
        google.grant(&member(&account), &format!("{}/secrets/{prefix}*", project.parent), ACCESSOR).unwrap();
    }
    project.grant(&member(&account), VIEWER);
    project.secret("app-login", OLDER);
    project.version("app-login", LOGIN);
    project.secret("app-greeting", GREETING);
    project.secret("app-large", &"x".repeat(65_536));
    project.secret("forbidden-key", NOT_TO_BE_READ);
    google.secret(&project.parent, "app-bytes", &BYTES, &json!({})).unwrap();
    for (name, team) in TAGGED {
        let labels = json!({"labels": {"team": team, "stage": "test"}});
        google.secret(&project.parent, name, format!("value-of-{name}").as_bytes(), &labels).unwrap();
    }
    for n in 0..1_000 {
        project.secret(&format!("many-{n}"), &format!("value-of-{n}"));
    }
    let table = conforms(&world, "gcp", &bench(&project, &account));
    assert!(table.ends_with("34 passed, 0 failed, 6 not supported\n"), "{table}");
}

fn bench(project: &Project<'_>, account: &GoogleAccount) -> Value {
    // Of an account that was deleted.
    let gone = project.google.service_account(&project.id, "gone").unwrap();
    project.google.control("delete-service-account", &json!({"email": gone.email})).unwrap();
    let key = |file: &Value| json!([{"kind": "Secret", "name": "key", "stringData": {"key.json": file.to_string()}}]);
    json!({
        "plugin": "gcpsm",
        "servers": {"GOOGLE": project.google.address()},
        "settings": {"endpoints": {"secretmanager": "${GOOGLE}", "oauth2": "${GOOGLE}"}},
        "store": {"projectID": project.id, "auth": Project::key_auth("key")},
        "objects": key(&account.key),
        "badCredential": key(&gone.key),
        "loginRequests": [{"method": "POST", "path": "^/token$"}],
        "dataRequests": [{"method": "GET", "path": ":access$"}],
        "cases": cases(&member(account)),
        "unsupported": read_only(json!({})),
    })
}

fn cases(member: &str) -> Map<String, Value> {
    let value = |name: &str| json!(format!("value-of-{name}"));
    let refused = json!({"error": "invalid_grant", "error_description": "Invalid grant: account not found"});
    let limit = json!({"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}});
    let json = "application/json; charset=UTF-8";
    let mut cases = json!({
        "value": {"key": "app-login", "expect": {"json": serde_json::from_str::<Value>(LOGIN).unwrap()}},
        "property": [
            {"property": "password", "expect": "correct-horse"},
            {"property": "deep.a\\.b", "expect": "staple-9"},
        ],
        "version": [
            {"version": "1", "property": "password", "expect": "older-battery"},
            {"version": "2", "property": "password", "expect": "correct-horse"},
        ],
        "missingKey": {"key": "app-absent"},
        "missingVersion": {"version": "99"},
        "missingProperty": {"property": "absent"},
        "denied": {"key": "forbidden-key"},
        "binary": {"key": "app-bytes", "expect": {"base64": STANDARD.encode(BYTES)}},
        "unicode": {"key": "app-greeting", "expect": GREETING},
        "large": {"key": "app-large", "expect": {"repeat": {"text": "x", "times": 65_536}}},
        "thousandKeys": {"key": "many-{n}", "expect": "value-of-{n}"},
        "oneBadKeyInBatch": {"keys": ["app-login", "app-greeting"], "missing": "app-absent"},
        "findByName": {"name": "^(app-login|many-99)$", "expect": ["app-login", "many-99"]},
        "findByPath": {"path": "tagged-", "expect": {
            "tagged-one": value("tagged-one"), "tagged-two": value("tagged-two"),
            "tagged-three": value("tagged-three"),
        }},
        "findByTags": {
            "path": "tagged-", "tags": {"team": "red-team", "stage": "test"}, "expect": ["tagged-one", "tagged-two"],
        },
        "findNothing": {"path": "no-such", "name": "."},
        "paging": {"path": "many-", "pages": 5, "expect": {"pattern": "many-{n}", "times": 1_000}},
        "metadata": {"key": "tagged-one", "expect": {"labels": {"team": "red-team", "stage": "test"}}},
        "throttled": {"answer": {"status": 429, "headers": {"content-type": json}, "body": limit.to_string()}},
        "expiredToken": {"expire": {"request": {
            "method": "POST", "url": "${GOOGLE}/_test/end-tokens",
            "body": json!({"member": member, "how": "expire"}).to_string(),
        }}},
        "tokenRefusedForEver": {"loginAnswer": {
            "status": 400, "headers": {"content-type": json}, "body": refused.to_string(),
        }},
    });
    with_usual(std::mem::take(cases.as_object_mut().unwrap()))
}
