//! The example plugin, which nobody ships, in Rust, Python and JavaScript: an etcd behind a login that
//! may read keys below `/open/`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Etcd, Progress, RunDir, example};
use serde_json::{Map, Value, json};

use super::{conforms, read_only, still_conforms, with_usual};
use crate::support::{World, world};

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const LOGIN: &str = r#"{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}"#;
const OLDER: &str = r#"{"user":"app-user-0","password":"older-battery"}"#;
const BYTES: [u8; 8] = [0, 159, 146, 150, 255, 10, 13, 0];
pub(super) const PASSWORD: &str = "MARKED-etcd-password";

/// What keeps a case from being tried, in words that stand in the table.
const NO_TAGS: &str = "etcd's keys have no tags";
const NO_METADATA: &str = "etcd's keys have no metadata";

/// Above the plugin's page of a thousand.
const MANY: usize = 1_500;

#[test]
fn etcd_conforms() {
    let world = world!("conformance-etcd");
    let run = RunDir::create("conformance-etcd").unwrap();
    let (_etcd, bench) = prepared(&world, &run);
    for table in [conforms(&world, "etcd", &bench), still_conforms(&world, "etcd", &bench)] {
        assert!(table.ends_with("32 passed, 0 failed, 8 not supported\n"), "{table}");
        assert!(table.contains(NO_TAGS) && table.contains(NO_METADATA), "{table}");
    }
}

/// `cargo xtask test` has built it, where there was a network.
#[test]
fn etcd_in_python_conforms() {
    let world = world!("conformance-etcd-python");
    let component = example(&Progress::default(), "etcd-python").unwrap();
    let run = RunDir::create("conformance-etcd-python").unwrap();
    let (_etcd, bench) = prepared(&world, &run);
    let table = conforms(&world, component.with_extension("").to_str().unwrap(), &bench);
    assert!(table.ends_with("32 passed, 0 failed, 8 not supported\n"), "{table}");
}

/// As well.
#[test]
fn etcd_in_javascript_conforms() {
    let world = world!("conformance-etcd-js");
    let component = example(&Progress::default(), "etcd-js").unwrap();
    let run = RunDir::create("conformance-etcd-js").unwrap();
    let (_etcd, bench) = prepared(&world, &run);
    let table = conforms(&world, component.with_extension("").to_str().unwrap(), &bench);
    assert!(table.ends_with("32 passed, 0 failed, 8 not supported\n"), "{table}");
}

/// An etcd with everything that the cases ask for, and the bench that says so.
pub(super) fn prepared(world: &World, run: &RunDir) -> (Etcd, Value) {
    let etcd = Etcd::start(&world.env.tools, run.path()).unwrap();
    let older = etcd.put("/open/app/login", OLDER).unwrap();
    let newer = etcd.put("/open/app/login", LOGIN).unwrap();
    for (key, value) in [
        ("/open/app/greeting", GREETING.as_bytes()),
        ("/open/app/large", "x".repeat(65_536).as_bytes()),
        ("/open/app/bytes", &BYTES),
        ("/open/team/one", b"value-of-one"),
        ("/open/team/two", b"value-of-two"),
        // Begins like the folder, and is none of it.
        ("/open/teammate", b"value-of-teammate"),
        ("/closed/key", b"never-to-be-read"),
    ] {
        etcd.put(key, value).unwrap();
    }
    for n in 0..MANY {
        etcd.put(&format!("/open/many/k-{n}"), format!("value-of-{n}")).unwrap();
    }
    etcd.require_login("reader", PASSWORD, "/open/").unwrap();
    let login =
        |password: &str| json!([{"kind": "Secret", "name": "login", "stringData": {"password": password}}]);
    let bench = json!({
        "plugin": "etcd",
        "servers": {"ETCD": etcd.address()},
        "store": {
            "endpoint": "${ETCD}", "prefix": "/",
            "auth": {"username": "reader", "passwordSecretRef": {"name": "login", "key": "password"}},
        },
        "objects": login(PASSWORD),
        "badCredential": login("wrong-etcd-password"),
        "loginRequests": [{"method": "POST", "path": "^/v3/auth/authenticate$"}],
        "dataRequests": [{"method": "POST", "path": "^/v3/kv/range$"}],
        "cases": cases(&older, &newer, &etcd.root_token().unwrap()),
        "unsupported": read_only(json!({"findByTags": NO_TAGS, "metadata": NO_METADATA})),
    });
    (etcd, bench)
}

fn cases(older: &str, newer: &str, root: &str) -> Map<String, Value> {
    // A password that is set anew, be it the same, ends the user's tokens.
    let expire = json!({"request": {
        "method": "POST", "url": "${ETCD}/v3/auth/user/changepw",
        "headers": {"Authorization": root, "Content-Type": "application/json"},
        "body": json!({"name": "reader", "password": PASSWORD}).to_string(),
    }});
    let refused = json!({
        "error": "etcdserver: authentication failed, invalid user ID or password", "code": 3,
        "message": "etcdserver: authentication failed, invalid user ID or password",
    });
    let mut cases = json!({
        "value": {"key": "open/app/login", "expect": LOGIN},
        "property": [
            {"property": "password", "expect": "correct-horse"},
            {"property": "deep.a\\.b", "expect": "staple-9"},
        ],
        "version": [{"version": older, "expect": OLDER}, {"version": newer, "expect": LOGIN}],
        "missingKey": {"key": "open/app/absent"},
        "missingVersion": {"version": "999999999"},
        "missingProperty": {"property": "absent"},
        "denied": {"key": "closed/key"},
        "binary": {"key": "open/app/bytes", "expect": {"base64": STANDARD.encode(BYTES)}},
        "unicode": {"key": "open/app/greeting", "expect": GREETING},
        "large": {"key": "open/app/large", "expect": {"repeat": {"text": "x", "times": 65_536}}},
        "thousandKeys": {"key": "open/many/k-{n}", "expect": "value-of-{n}"},
        "oneBadKeyInBatch": {"keys": ["open/app/login", "open/app/greeting"], "missing": "open/app/absent"},
        "findByName": {
            "path": "open/", "name": "/app/|/k-99$",
            "expect": [
                "open/app/bytes", "open/app/greeting", "open/app/large", "open/app/login", "open/many/k-99",
            ],
        },
        "findByPath": {"path": "open/team/", "expect": {
            "open/team/one": "value-of-one", "open/team/two": "value-of-two",
        }},
        "findNothing": {"path": "open/no-such-folder/"},
        "paging": {
            "path": "open/many/", "pages": 2, "expect": {"pattern": "open/many/k-{n}", "times": MANY},
        },
        "expiredToken": {"expire": expire},
        "tokenRefusedForEver": {"expire": expire, "loginAnswer": {
            "status": 400, "headers": {"content-type": "application/json"}, "body": refused.to_string(),
        }},
    });
    with_usual(std::mem::take(cases.as_object_mut().unwrap()))
}
