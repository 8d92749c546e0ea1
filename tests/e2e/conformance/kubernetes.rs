//! Another cluster for the suite: the tests' real API server, behind a token that may get Secrets of some names and list
//! all of a namespace.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{conforms, read_only, with_usual};
use crate::support::{World, world};

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const BYTES: [u8; 8] = [0, 159, 146, 150, 255, 10, 13, 0];

/// Why a case is not tried, in words that stand in the table.
const NO_VERSIONS: &str = "Secrets have no versions that can be read";
const FLAT: &str = "Secrets lie in no folders";
const NO_LOGIN: &str = "its credential is sent with every request";

const MANY: usize = 1_000;

#[test]
fn kubernetes_conforms() {
    let world = world!("conformance-kubernetes");
    fill(&world);
    let cluster = &world.env.cluster;
    let token = cluster.service_account_token(&world.name, "reader", cluster.issuer()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, cluster.ca_pem()).unwrap();
    let login = |token: &str| json!([{"kind": "Secret", "name": "login", "stringData": {"token": token}}]);
    let bench = json!({
        "plugin": "kubernetes",
        "servers": {"API": {"url": cluster.issuer(), "ca": ca}},
        "store": {
            "server": {"url": "${API}"}, "remoteNamespace": world.name,
            "auth": {"token": {"bearerToken": {"name": "login", "key": "token"}}},
        },
        "objects": login(&token),
        "badCredential": login("wrong-token-of-the-bench"),
        "loginRequests": [],
        "dataRequests": [{"method": "GET", "path": "^/api/v1/namespaces/"}],
        "cases": cases(),
        "unsupported": read_only(json!({
            "version": NO_VERSIONS, "missingVersion": NO_VERSIONS, "findByPath": FLAT, "loginOnce": NO_LOGIN,
            "expiredToken": NO_LOGIN, "tokenRefusedForEver": NO_LOGIN, "serverErrorAtLogin": NO_LOGIN,
        })),
    });
    let table = conforms(&world, "kubernetes", &bench);
    assert!(table.ends_with("27 passed, 0 failed, 13 not supported\n"), "{table}");
    assert!([NO_VERSIONS, FLAT, NO_LOGIN].iter().all(|why| table.contains(why)), "{table}");
}

/// The Secrets, and who may read them.
fn fill(world: &World) {
    let mut items = Vec::new();
    let mut put = |name: &str, data: Value, labels: Value| {
        let metadata = json!({"name": name, "namespace": world.name, "labels": labels});
        let data = data.as_object().unwrap().iter().map(|(key, value)| {
            let bytes = value.as_str().map_or_else(|| BYTES.to_vec(), |text| text.as_bytes().to_vec());
            (key.clone(), Value::from(STANDARD.encode(bytes)))
        });
        let data: Map<String, Value> = data.collect();
        items.push(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}));
    };
    let login = json!({"user": "app-user-1", "password": "correct-horse", "deep": r#"{"a.b":"staple-9"}"#, "bytes": null});
    put("app-login", login, json!({}));
    put("app-greeting", json!({"text": GREETING}), json!({}));
    put("app-large", json!({"text": "x".repeat(65_536)}), json!({}));
    put("closed", json!({"v": "never-to-be-read"}), json!({}));
    for (name, team) in
        [("tagged-one", "red-team"), ("tagged-two", "red-team"), ("tagged-three", "blue-team")]
    {
        put(name, json!({"v": format!("value-of-{name}")}), json!({"team": team, "stage": "test"}));
    }
    for n in 0..MANY {
        put(&format!("many-{n}"), json!({"v": format!("value-of-{n}")}), json!({}));
    }
    let open: Vec<Value> = items.iter().map(|item| item["metadata"]["name"].clone()).collect();
    let open: Vec<Value> =
        open.into_iter().filter(|name| *name != "closed").chain(["absent".into()]).collect();
    world.apply_json(&json!({"apiVersion": "v1", "kind": "List", "items": items}));
    let (metadata, group) = (json!({"name": "reader", "namespace": world.name}), "rbac.authorization.k8s.io");
    let secrets = |verb: &str| json!({"apiGroups": [""], "resources": ["secrets"], "verbs": [verb]});
    let mut get = secrets("get");
    get["resourceNames"] = open.into();
    for object in [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [get, secrets("list")],
        }),
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": world.name}],
        }),
    ] {
        world.apply_json(&object);
    }
}

fn cases() -> Map<String, Value> {
    let Value::Object(cases) = json!({
        "value": {"key": "app-login", "property": "password", "expect": "correct-horse"},
        "property": [
            {"property": "user", "expect": "app-user-1"},
            {"property": "deep.a\\.b", "expect": "staple-9"},
            {"property": "bytes", "expect": {"base64": STANDARD.encode(BYTES)}},
        ],
        "missingKey": {"key": "absent"},
        "missingProperty": {"property": "absent"},
        "denied": {"key": "closed"},
        "binary": {"key": "app-login", "property": "bytes", "expect": {"base64": STANDARD.encode(BYTES)}},
        "unicode": {"key": "app-greeting", "expect": {"json": {"text": GREETING}}},
        "large": {"key": "app-large", "property": "text", "expect": {"repeat": {"text": "x", "times": 65_536}}},
        "thousandKeys": {"key": "many-{n}", "expect": r#"{"v":"value-of-{n}"}"#, "times": MANY},
        "oneBadKeyInBatch": {"keys": ["app-login", "app-greeting"]},
        "findByName": {"name": "^(app-.*|many-99)$", "expect": ["app-login", "app-greeting", "app-large", "many-99"]},
        "findByTags": {"tags": {"team": "red-team", "stage": "test"}, "expect": {
            "tagged-one": r#"{"v":"value-of-tagged-one"}"#, "tagged-two": r#"{"v":"value-of-tagged-two"}"#,
        }},
        "findNothing": {"name": "^no-such-secret$"},
        "paging": {"name": "^many-", "pages": 4, "expect": {"pattern": "many-{n}", "times": MANY}},
        "metadata": {"key": "tagged-one", "expect": {"labels": {"team": "red-team", "stage": "test"}}},
    }) else {
        panic!("an object")
    };
    let mut cases = with_usual(cases);
    for login in ["loginOnce", "serverErrorAtLogin"] {
        cases.remove(login);
    }
    cases
}
