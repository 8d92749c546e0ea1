//! Google for the suite: Secret Manager behind a service account's key, with names that its grants leave out. A
//! server of its own, because its pages are short and its tokens are ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Google, GoogleAccount, GoogleOptions, Mark};
use serde_json::{Map, Value, json};

use super::{conforms, with_usual};
use crate::support::{ACCESSOR, Project, VIEWER, member, world};

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const LOGIN: &str = r#"{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}"#;
const OLDER: &str = r#"{"user":"app-user-0","password":"older-battery"}"#;
const NOT_TO_BE_READ: &str = "never-to-be-read";
const BYTES: [u8; 8] = [0, 159, 146, 150, 255, 10, 13, 0];
const TOPIC: &str = "projects/conformance/topics/rotation";
const TAGGED: [(&str, &str); 3] =
    [("tagged-one", "red-team"), ("tagged-two", "red-team"), ("tagged-three", "blue-team")];
/// Not written by a push: it lacks the mark.
const THEIRS: &str = "value-of-somebody-else";
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
    // As the provider's documentation has it, with the right to delete.
    let writer = |resource: String, permissions: Value| {
        let grant = json!({"member": member(&account), "resource": resource, "permissions": permissions});
        google.control("grant", &grant).unwrap();
    };
    writer(project.parent.clone(), json!(["secretmanager.secrets.create"]));
    let below = ["secrets.update", "secrets.delete", "versions.access", "versions.add"];
    let below: Vec<String> = below.iter().map(|right| format!("secretmanager.{right}")).collect();
    writer(format!("{}/secrets/push-*", project.parent), json!(below));
    project.secret("push-theirs", THEIRS);
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
    let mark = google.mark();
    let table = conforms(&world, "gcp", &bench(&project, &account));
    assert!(table.ends_with("40 passed, 0 failed, 0 not supported\n"), "{table}");
    written(&project, mark);
}

/// What the suite's pushes left at Google, and by which requests: it reads with the plugin that wrote.
fn written(project: &Project<'_>, since: Mark) {
    let path = |name: &str| format!("{}/secrets/{name}", project.parent);
    let secret = |name: &str| project.google.admin("GET", &path(name), &Value::Null).unwrap();
    let value = |name: &str| {
        let latest = format!("{}/versions/latest:access", path(name));
        let payload = project.google.admin("GET", &latest, &Value::Null).unwrap()["payload"]["data"].take();
        STANDARD.decode(payload.as_str().unwrap()).unwrap()
    };
    let requests = project.requests(since);
    let count = |action: &str, name: &str| {
        let of = format!("/secrets/{name}");
        let sent = requests.iter().filter(|request| request.action == action && request.status == 200);
        sent.filter(|request| request.path.split(':').next().unwrap().ends_with(&of)).count()
    };
    let mark = json!({"managed-by": "external-secrets"});
    assert_eq!(secret("push-value")["labels"], mark);
    assert_eq!(secret("push-value")["replication"], json!({"automatic": {}}));
    assert_eq!(value("push-value"), br#"{"pushed":"second-value-of-the-suite"}"#);
    assert_eq!((count("AddSecretVersion", "push-value"), count("UpdateSecret", "push-value")), (2, 0));
    assert_eq!(count("AddSecretVersion", "push-once"), 1, "it was there, and nothing replaces it");
    let kept = secret("push-metadata");
    assert_eq!(kept["labels"], json!({"managed-by": "external-secrets", "team": "payments"}));
    assert_eq!(kept["annotations"], json!({"note": "of the suite"}));
    assert_eq!(kept["topics"], json!([{"name": TOPIC}]));
    assert_eq!(kept["replication"], json!({"userManaged": {"replicas": [{"location": "europe-west3"}]}}));
    assert_eq!((count("AddSecretVersion", "push-metadata"), count("UpdateSecret", "push-metadata")), (1, 0));
    assert_eq!((value("push-theirs"), &secret("push-theirs")["labels"]), (THEIRS.into(), &Value::Null));
    assert_eq!(count("DeleteSecret", "push-theirs"), 0);
    // The suite deletes it once; what bears no mark or is of an older version does not go.
    assert_eq!(count("DeleteSecret", "push-gone"), 1);
    assert_eq!(count("DeleteSecret", "push-stale"), 0);
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
        "push": {"key": "push-value"},
        "createOnly": {"key": "push-once"},
        "pushUnmanaged": {"key": "push-theirs"},
        "pushConflict": {"key": "push-stale"},
        "pushMetadata": {
            "key": "push-metadata",
            "metadata": metadata(json!({
                "labels": {"team": "payments"}, "annotations": {"note": "of the suite"}, "topics": [TOPIC],
                "replicationLocations": ["europe-west3"],
            })),
            "expect": {
                "labels": {"managed-by": "external-secrets", "team": "payments"},
                "annotations": {"note": "of the suite"},
            },
            "refused": metadata(json!({"replicas": ["europe-west3"]})),
        },
        "deletePushed": {"key": "push-gone"},
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

/// Of a push.
fn metadata(spec: Value) -> Value {
    json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    })
}
