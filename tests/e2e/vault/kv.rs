//! The KV engine: versions, metadata, searches and header fields. What `deletionPolicy` makes of a missing key is
//! in `deletion`.

use serde_json::{Value, json};

use super::{Server, VALUE, data, external_secret, secret};
use crate::support::{Mount, Operator, World, assert_no_value_left, world};

/// A Secret's key as text.
fn text(world: &World, name: &str, key: &str) -> String {
    String::from_utf8(world.data(name).unwrap()[key].clone()).unwrap()
}

#[test]
fn versions_metadata_and_searches() {
    let world = world!("vault-kv");
    let vault = Server::of(&world, &world.env.bao);
    let mount = Mount::kv2(&world);
    let path = world.name.as_str();
    for n in 1..=4 {
        mount.put("app/db", json!({"password": format!("MARKED-version-{n}"), "deep": {"n": n}}));
    }
    mount.api("POST", &format!("{path}/delete/app/db"), json!({"versions": [2]}));
    mount.api("PUT", &format!("{path}/destroy/app/db"), json!({"versions": [3]}));
    for (key, team) in [("app/db", "red"), ("app/deep/cache", "red"), ("app/mail", "blue")] {
        if key != "app/db" {
            mount.put(key, json!({"v": format!("MARKED-of-{key}")}));
        }
        mount.api("POST", &format!("{path}/metadata/{key}"), json!({"custom_metadata": {"team": team}}));
    }
    mount.put("other", json!({"v": "MARKED-of-other"}));
    secret(&world, "token", json!({"token": vault.token("", &[path])}));
    let audited = "X-Claviger-Kv-Test";
    vault.call("POST", &format!("sys/config/auditing/request-headers/{audited}"), json!({"hmac": false}));
    let operator = Operator::start(&world);
    let mark = world.env.bao.audit_mark();
    vault.store(
        "kv",
        json!({
            "path": path, "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
            "readYourWrites": true, "forwardInconsistent": true, "headers": {audited: "from the manifest"},
        }),
    );
    world.wait_ready("secretstore", "kv");

    let of = |more: Value| {
        let mut reference = json!({"key": "app/db"});
        reference.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        reference
    };
    external_secret(
        &world,
        "versions",
        "kv",
        "1h",
        data(&[
            ("first", of(json!({"version": "1", "property": "password"}))),
            ("newest", of(json!({"property": "password"}))),
            ("deep", of(json!({"property": "deep.n"}))),
            ("with-mount", json!({"key": format!("{path}/app/db"), "property": "password"})),
            ("with-data", json!({"key": format!("/{path}/data/app/db/"), "property": "password"})),
            ("whole", of(json!({}))),
        ]),
    );
    world.wait_data(
        "versions",
        &[
            ("first", "MARKED-version-1"),
            ("newest", "MARKED-version-4"),
            ("deep", "4"),
            ("with-mount", "MARKED-version-4"),
            ("with-data", "MARKED-version-4"),
            ("whole", r#"{"deep":{"n":4},"password":"MARKED-version-4"}"#),
        ],
    );
    for (version, said) in
        [("2", "version 2 was deleted"), ("3", "version 3 was destroyed"), ("9", "not this version")]
    {
        let name = format!("version-{version}");
        external_secret(&world, &name, "kv", "1h", data(&[("v", of(json!({"version": version})))]));
        let message = world.wait_reason("externalsecret", &name, "RemoteKeyNotFound");
        assert!(message.contains(said), "{said:?} is not in: {message}");
    }

    let fetch = |property: Value| {
        let mut reference = of(json!({"metadataPolicy": "Fetch"}));
        reference.as_object_mut().unwrap().extend(property.as_object().unwrap().clone());
        reference
    };
    external_secret(
        &world,
        "metadata",
        "kv",
        "1h",
        data(&[
            ("team", fetch(json!({"property": "team"}))),
            ("version", fetch(json!({"property": "current_version"}))),
            ("whole", fetch(json!({}))),
        ]),
    );
    world.wait_ready("externalsecret", "metadata");
    assert_eq!(
        (text(&world, "metadata", "team").as_str(), text(&world, "metadata", "version").as_str()),
        ("red", "4")
    );
    let whole: Value = serde_json::from_str(&text(&world, "metadata", "whole")).unwrap();
    assert_eq!((&whole["team"], &whole["delete_version_after"]), (&json!("red"), &json!("0s")));

    let find = |name: &str, find: Value, expected: &[&str]| {
        let found = json!({"dataFrom": [{
            "find": find, "rewrite": [{"regexp": {"source": "[^a-z]+", "target": "_"}}],
        }]});
        external_secret(&world, name, "kv", "1h", found);
        world.wait_ready("externalsecret", name);
        let keys: Vec<String> = world.data(name).unwrap().into_keys().collect();
        assert_eq!(keys, expected, "{name}");
    };
    find(
        "by-path",
        json!({"path": "app", "name": {"regexp": "."}}),
        &["app_db", "app_deep_cache", "app_mail"],
    );
    find("by-name", json!({"name": {"regexp": "(cache|other)$"}}), &["app_deep_cache", "other"]);
    find("by-tags", json!({"path": "app", "tags": {"team": "red"}}), &["app_db", "app_deep_cache"]);
    assert_eq!(text(&world, "by-tags", "app_deep_cache"), r#"{"v":"MARKED-of-app/deep/cache"}"#);

    // Every request of the store brings its fields along.
    let entries = world.env.bao.audit_entries(mark).unwrap();
    let mut reads =
        entries.iter().filter(|entry| entry.kind == "request" && entry.path.starts_with(&format!("{path}/")));
    let said = json!(["from the manifest"]);
    assert!(reads.clone().count() > 5);
    assert!(reads.all(|entry| entry.headers[audited.to_lowercase()] == said), "{entries:?}");
    vault.refused(
        "reserved",
        json!({
            "path": path, "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
            "headers": {"X-Vault-Token": "MARKED-header-token"},
        }),
        "InvalidProviderConfig",
        &["/headers", "X-Vault-Token", "the token comes from auth"],
    );
    assert_no_value_left(&world, &operator, &["MARKED-version-4", "MARKED-of-other", "MARKED-header-token"]);
}

#[test]
fn the_first_version_of_kv() {
    let world = world!("vault-kv-one");
    let vault = Server::of(&world, &world.env.bao);
    let path = world.name.as_str();
    vault.call("POST", &format!("sys/mounts/{path}"), json!({"type": "kv", "options": {"version": "1"}}));
    vault.call("POST", &format!("{path}/app/db"), json!({"password": "MARKED-kv-one", "port": 5432}));
    vault.call("POST", &format!("{path}/app/deep/mail"), json!({"v": VALUE}));
    let policy = format!("path \"{path}/app/*\" {{ capabilities = [\"read\", \"list\"] }}");
    vault.call("PUT", &format!("sys/policies/acl/{path}"), json!({"policy": policy}));
    secret(&world, "token", json!({"token": vault.token("", &[path])}));
    let operator = Operator::start(&world);
    vault.store(
        "kv",
        json!({
            "path": path, "version": "v1", "auth": {"tokenSecretRef": {"name": "token", "key": "token"}},
        }),
    );
    external_secret(&world, "all", "kv", "1h", json!({"dataFrom": [{"extract": {"key": "app/db"}}]}));
    world.wait_data("all", &[("password", "MARKED-kv-one"), ("port", "5432")]);
    let found = json!({"dataFrom": [{
        "find": {"path": "app", "name": {"regexp": "."}},
        "rewrite": [{"regexp": {"source": "/", "target": "."}}],
    }]});
    external_secret(&world, "found", "kv", "1h", found);
    let (db, mail) = (r#"{"password":"MARKED-kv-one","port":5432}"#, format!(r#"{{"v":"{VALUE}"}}"#));
    world.wait_data("found", &[("app.db", db), ("app.deep.mail", &mail)]);
    for (name, reference, said) in [
        ("version", json!({"key": "app/db", "version": "1"}), "KV version 1 keeps no versions"),
        ("metadata", json!({"key": "app/db", "metadataPolicy": "Fetch"}), "KV version 1 has no metadata"),
    ] {
        external_secret(&world, name, "kv", "1h", data(&[("v", reference)]));
        let message =
            world.wait(&format!("{name} to be refused"), || match world.ready("externalsecret", name) {
                Some((status, _, message)) if status == "False" => Ok(message),
                other => Err(format!("{other:?}")),
            });
        assert!(message.contains(said), "{message}");
    }
    assert_no_value_left(&world, &operator, &["MARKED-kv-one", VALUE]);
}
