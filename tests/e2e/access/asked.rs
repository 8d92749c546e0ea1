//! Who is asked: of a key that is forbidden OpenBao hears nothing, whatever somebody else was answered a moment before.

use serde_json::json;

use super::{cleared, external_secret, neighbour, store};
use crate::support::{Mount, Operator, assert_no_value_left, world};

#[test]
fn nobody_is_asked_for_a_forbidden_key() {
    let world = world!("access-asked");
    let other = neighbour(&world);
    let mount = Mount::kv2(&world);
    let (own, theirs) = (format!("teams/{}/db", world.name), format!("teams/{}/db", other.name));
    mount.put(&own, json!({"v": "MARKED-password-own"}));
    mount.put(&theirs, json!({"v": "MARKED-password-theirs"}));
    mount.put("common/ca", json!({"v": "MARKED-common-authority"}));
    let (login, role, secret) = mount.app_role("10m");
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "approle", "namespace": world.name},
        "stringData": {"id": secret},
    }));
    let secret_ref = json!({"name": "approle", "key": "id", "namespace": world.name});
    let vault = json!({"vault": {
        "server": world.env.bao.address(), "path": mount.path,
        "auth": {"appRole": {"path": login, "roleId": role, "secretRef": secret_ref}},
    }});
    store(
        &world,
        &vault,
        &json!([{"name": "own", "keys": ["teams/{{namespace}}/*"]}, {"name": "ca", "keys": ["common/ca"]}]),
    );
    let operator = Operator::start(&world);
    world.wait_ready("clustersecretstore", &world.name);
    let mark = world.env.bao.audit_mark();
    let entry = |key: &str| json!({"secretKey": "v", "remoteRef": {"key": key, "property": "v"}});
    let one = |key: &str| json!({"data": [entry(key)]});
    external_secret(&other, &world.name, "own", &one(&theirs));
    other.wait_data("own", &[("v", "MARKED-password-theirs")]);
    external_secret(&world, &world.name, "own", &one(&own));
    world.wait_data("own", &[("v", "MARKED-password-own")]);
    // The answer is seconds old, and kept for half a minute, for whoever may have it.
    external_secret(&world, &world.name, "theirs", &one(&theirs));
    world.wait_reason("externalsecret", "theirs", "KeyForbidden");
    // However it is spelled: with the mount, as Vault's API has it, through one's own folder.
    let spelled = [
        format!("{}/{theirs}", mount.path),
        format!("{}/data/{theirs}", mount.path),
        format!("/{theirs}"),
        format!("{theirs}/"),
        format!("teams/{}/../{}/db", world.name, other.name),
        format!("teams/{}/%2e%2e/{}/db", world.name, other.name),
        format!("teams/{}//../{}/db", world.name, other.name),
        "sys/mounts".to_owned(),
    ];
    for (number, key) in spelled.iter().enumerate() {
        external_secret(&world, &world.name, &format!("spelled-{number}"), &one(key));
    }
    let more = [
        ("extract", json!({"dataFrom": [{"extract": {"key": theirs}}]})),
        (
            "metadata",
            json!({"data": [{"secretKey": "v", "remoteRef": {"key": theirs, "metadataPolicy": "Fetch"}}]}),
        ),
        ("version", json!({"data": [{"secretKey": "v", "remoteRef": {"key": theirs, "version": "1"}}]})),
        (
            "search",
            json!({"dataFrom": [{"find": {"path": format!("teams/{}", other.name), "name": {"regexp": ".*"}}}]}),
        ),
        (
            "rewritten",
            json!({"dataFrom": [{"extract": {"key": theirs}, "rewrite": [{"regexp": {"source": ".*", "target": "x"}}]}]}),
        ),
    ];
    for (name, spec) in &more {
        external_secret(&world, &world.name, name, spec);
    }
    let spelled = (0..spelled.len()).map(|number| format!("spelled-{number}"));
    for name in spelled.chain(more.iter().map(|(name, _)| (*name).to_owned())) {
        world.wait_reason("externalsecret", &name, "KeyForbidden");
        assert!(world.get("secret", &name).is_none(), "{name}");
    }
    // A search from the root lists whatever the login may, and reads what is allowed.
    external_secret(&world, &world.name, "all", &json!({"dataFrom": [{"find": {"name": {"regexp": ".*"}}}]}));
    let converted = own.replace('/', "_");
    world.wait_data(
        "all",
        &[
            (converted.as_str(), r#"{"v":"MARKED-password-own"}"#),
            ("common_ca", r#"{"v":"MARKED-common-authority"}"#),
        ],
    );

    // Of the other namespace's key only its own read is in the log, and nothing that is no key of this test.
    let entries = world.env.bao.audit_entries(mark).unwrap();
    let within = format!("{}/", mount.path);
    let asked: Vec<String> = entries
        .iter()
        .filter(|entry| {
            entry.kind == "request" && entry.path.starts_with(&within) && entry.operation == "read"
        })
        .map(|entry| entry.path[within.len()..].to_owned())
        .collect();
    let of = |key: &str| asked.iter().filter(|path| path.ends_with(key)).count();
    assert_eq!(of(&theirs), 1, "{asked:?}");
    assert!(of(&own) >= 1 && of("common/ca") == 1, "{asked:?}");
    let known = [&own, &theirs, "common/ca"].map(|key| format!("data/{key}"));
    assert!(asked.iter().all(|path| known.contains(path)), "{asked:?}");
    assert_no_value_left(
        &world,
        &operator,
        &["MARKED-password-own", "MARKED-password-theirs", "MARKED-common-authority"],
    );
    cleared(&world);
}
