//! OpenBao for the suite: KV version 2 behind an AppRole, with a path that its policy denies, keys in
//! folders and with custom metadata, two versions of one, and a thousand to read at once.

use serde_json::{Map, Value, json};

use super::{conforms, pushes, still_conforms, with_usual};
use crate::support::{Mount, World, world};

/// What keeps a case from being tried, in words that stand in the table.
const BINARY: &str = "KV holds JSON, which is text";

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";

#[test]
fn vault_conforms() {
    judged(&world!("conformance-vault"), conforms);
}

#[test]
fn the_vault_of_the_first_day_conforms() {
    judged(&world!("conformance-vault-v1"), still_conforms);
}

fn judged(world: &World, suite: fn(&World, &str, &Value) -> String) {
    let mount = Mount::kv2(world);
    prepare(&mount);
    let (path, role_id, secret_id) = mount.app_role("10m");
    let revoker = revoker(&mount, &path);
    let bench = bench(&mount, world.env.bao.address(), &path, &role_id, &secret_id, &revoker);
    let table = suite(world, "vault", &bench);
    assert!(table.ends_with("39 passed, 0 failed, 1 not supported\n"), "{table}");
    assert!(table.contains(BINARY), "{table}");
}

fn prepare(mount: &Mount<'_>) {
    let policy = format!(
        "path \"{p}/data/*\" {{ capabilities = [\"read\"] }}\n\
         path \"{p}/data/forbidden/*\" {{ capabilities = [\"deny\"] }}\n\
         path \"{p}/metadata/*\" {{ capabilities = [\"read\", \"list\"] }}\n\
         path \"{p}/data/pushed/*\" {{ capabilities = [\"create\", \"read\", \"update\"] }}\n\
         path \"{p}/metadata/pushed/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"delete\"] }}",
        p = mount.path
    );
    mount.api("PUT", &format!("sys/policies/acl/{}", mount.path), json!({"policy": policy}));
    mount.put("app/login", json!({"user": "app-user-0", "password": "older-battery"}));
    mount.put(
        "app/login",
        json!({"user": "app-user-1", "password": "correct-horse", "deep": {"a.b": "staple-9"}}),
    );
    mount.put("app/greeting", json!({"text": GREETING}));
    mount.put("app/large", json!({"text": "x".repeat(65_536)}));
    mount.put("forbidden/key", json!({"text": "never-to-be-read"}));
    for (key, team) in [("tagged/one", "red-team"), ("tagged/two", "red-team"), ("tagged/three", "blue-team")]
    {
        mount.put(key, json!({"text": format!("value-of-{key}")}));
        let metadata = json!({"custom_metadata": {"team": team, "stage": "test"}});
        mount.api("POST", &format!("{}/metadata/{key}", mount.path), metadata);
    }
    for n in 0..1_000 {
        mount.put(&format!("many/k-{n}"), json!({"v": format!("value-of-{n}")}));
    }
}

/// A token that may end all logins of the AppRole, and nothing else.
fn revoker(mount: &Mount<'_>, app_role: &str) -> String {
    let policy = format!(
        "path \"sys/leases/revoke-prefix/auth/{app_role}/*\" {{ capabilities = [\"update\", \"sudo\"] }}"
    );
    let name = format!("revoke-{}", mount.path);
    mount.api("PUT", &format!("sys/policies/acl/{name}"), json!({"policy": policy}));
    let answer = mount.api("POST", "auth/token/create", json!({"policies": [name], "ttl": "10m"}));
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

fn bench(
    mount: &Mount<'_>,
    address: &str,
    path: &str,
    role_id: &str,
    secret_id: &str,
    revoker: &str,
) -> Value {
    let login = |secret_id: &str| json!([{"kind": "Secret", "name": "login", "stringData": {"secret-id": secret_id}}]);
    let expire = json!({"request": {
        "method": "PUT",
        "url": format!("${{VAULT}}/v1/sys/leases/revoke-prefix/auth/{path}/login"),
        "headers": {"X-Vault-Token": revoker, "Content-Type": "application/json"},
        "body": "{\"sync\":true}",
    }});
    let mut cases = reads();
    cases.extend(searches());
    cases.extend(pushes("pushed/", "app/login", &metadata()));
    let refused = json!({"status": 400, "body": "{\"errors\":[\"invalid role or secret ID\"]}"});
    cases.insert("tokenRefusedForEver".to_owned(), json!({"loginAnswer": refused}));
    cases.insert("expiredToken".to_owned(), json!({"expire": expire}));
    let cases = with_usual(cases);
    let secret_ref = json!({"name": "login", "key": "secret-id"});
    json!({
        "plugin": "vault",
        "servers": {"VAULT": address},
        "store": {
            "server": "${VAULT}",
            "path": mount.path,
            "version": "v2",
            "auth": {"appRole": {"path": path, "roleId": role_id, "secretRef": secret_ref}},
        },
        "objects": login(secret_id),
        "badCredential": login("00000000-aaaa-bbbb-cccc-000000000000"),
        "dataRequests": [{"method": "GET", "path": format!("^/v1/{}/data/", mount.path)}],
        "loginRequests": [{"method": "POST", "path": format!("^/v1/auth/{path}/login$")}],
        "cases": cases,
        "unsupported": {"binary": BINARY},
    })
}

fn reads() -> Map<String, Value> {
    let login = json!({"user": "app-user-1", "password": "correct-horse", "deep": {"a.b": "staple-9"}});
    let Value::Object(cases) = json!({
        "value": {"key": "app/login", "expect": {"json": login}},
        "property": [
            {"property": "password", "expect": "correct-horse"},
            {"property": "deep.a\\.b", "expect": "staple-9"},
        ],
        "version": [
            {"version": "1", "property": "password", "expect": "older-battery"},
            {"version": "2", "property": "password", "expect": "correct-horse"},
        ],
        "missingKey": {"key": "app/absent"},
        "missingVersion": {"version": "99"},
        "missingProperty": {"property": "absent"},
        "denied": {"key": "forbidden/key"},
        "unicode": {"key": "app/greeting", "property": "text", "expect": GREETING},
        "large": {
            "key": "app/large", "property": "text", "expect": {"repeat": {"text": "x", "times": 65_536}}
        },
        "thousandKeys": {"key": "many/k-{n}", "expect": {"json": {"v": "value-of-{n}"}}},
        "oneBadKeyInBatch": {"keys": ["app/login", "app/greeting"]},
        "metadata": {
            "key": "tagged/one",
            "expect": {"team": "red-team", "stage": "test", "current_version": "1"},
        },
    }) else {
        panic!("an object")
    };
    cases
}

fn searches() -> Map<String, Value> {
    let tagged = |key: &str| json!({"json": {"text": format!("value-of-{key}")}});
    let by_path: Map<String, Value> = ["tagged/one", "tagged/two", "tagged/three"]
        .map(|key| (key.to_owned(), tagged(key)))
        .into_iter()
        .collect();
    let by_name = ["app/login", "app/greeting", "app/large", "many/k-99"];
    let tags = json!({"team": "red-team", "stage": "test"});
    let Value::Object(cases) = json!({
        "findByName": {"name": "^(app/|many/k-99$)", "expect": by_name},
        "findByPath": {"path": "tagged", "expect": by_path},
        "findByTags": {"path": "tagged", "tags": tags, "expect": ["tagged/one", "tagged/two"]},
        "findNothing": {"path": "no-such-folder"},
        "paging": {"path": "many", "expect": {"pattern": "many/k-{n}", "times": 1_000}},
    }) else {
        panic!("an object")
    };
    cases
}

fn metadata() -> Value {
    let custom = |custom: Value| json!({"spec": {"customMetadata": custom}});
    json!({
        "metadata": custom(json!({"team": "red-team"})),
        "expect": {"team": "red-team", "managed-by": "external-secrets", "current_version": "1"},
        "refused": custom(json!({"managed-by": "red-team"})),
    })
}
