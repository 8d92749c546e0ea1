//! The provider `onepassword`, with stores and ExternalSecrets as users write them, against a stand-in for 1Password Connect.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::Connect;
use serde_json::{Value, json};

use crate::support::{Operator, World, assert_no_value_left, world};

const TOKEN: &str = "MARKED-connect-token";

fn store(world: &World, name: &str, connect: &Connect, secret: &str, vaults: &Value) {
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
        "metadata": {"name": name, "namespace": world.name},
        "spec": {"controller": world.name, "refreshInterval": 2, "provider": {"onepassword": {
            "connectHost": connect.address(), "vaults": vaults,
            "auth": {"secretRef": {"connectTokenSecretRef": {"name": secret, "key": "token"}}},
        }}},
    }));
}

fn token(world: &World, name: &str, token: &str) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": world.name},
        "stringData": {"token": token},
    }));
}

fn external_secret(world: &World, name: &str, store: &str, rest: &Value) {
    let mut spec = json!({"refreshInterval": "2s", "secretStoreRef": {"name": store}});
    spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": world.name}, "spec": spec,
    }));
}

fn one(key: &str, property: &str) -> Value {
    json!({"data": [{"secretKey": "v", "remoteRef": {"key": key, "property": property}}]})
}

fn state(password: &str) -> Value {
    let field = |label: &str, value: &str| json!({"label": label, "value": value});
    let file = |name: &str, content: &str| json!({"name": name, "content": STANDARD.encode(content)});
    json!({
        "tokens": {TOKEN: ["team \"a\"", "shared"], "narrow-connect-token": ["shared"]},
        "vaults": [
            {"name": "team \"a\"", "items": [
                {"title": "database", "tags": ["red", "test"], "fields": [
                    field("username", "MARKED-database-user"), field("password", password),
                ]},
                {"title": "twice", "fields": []}, {"title": "twice", "fields": []},
            ]},
            {"name": "shared", "items": [
                {"title": "database", "fields": [field("password", "MARKED-of-the-second-vault")]},
                {"title": "certificate", "category": "DOCUMENT", "files": [
                    file("tls.crt", "MARKED-certificate"), file("tls.key", "MARKED-private-key"),
                ]},
                {"title": "a \"quoted\" & odd/title", "fields": [field("field/x", "MARKED-prefixed-label")]},
            ]},
        ],
    })
}

#[test]
fn fields_files_and_searches() {
    let world = world!("onepassword");
    let dir = tempfile::tempdir().unwrap();
    let connect = Connect::start(&world.env.tools, dir.path()).unwrap();
    let ids = connect.fill(&state("MARKED-database-password")).unwrap();
    token(&world, "connect", &format!("{TOKEN}\n"));
    token(&world, "wrong", "MARKED-wrong-token-1");
    token(&world, "narrow", "narrow-connect-token");
    let operator = Operator::start(&world);
    let vaults = json!({"shared": 2, "team \"a\"": 1});
    store(&world, "all", &connect, "connect", &vaults);
    world.wait_ready("secretstore", "all");

    external_secret(&world, "password", "all", &one("database", ""));
    external_secret(&world, "user", "all", &one("database", "username"));
    external_secret(&world, "field", "all", &one("a \"quoted\" & odd/title", "field/field/x"));
    external_secret(&world, "file", "all", &one("certificate", "tls.key"));
    external_secret(&world, "by-id", "all", &one(ids["shared/database"].as_str().unwrap(), "password"));
    external_secret(&world, "every", "all", &json!({"dataFrom": [{"extract": {"key": "database"}}]}));
    external_secret(&world, "files", "all", &json!({"dataFrom": [{"extract": {"key": "certificate"}}]}));
    external_secret(&world, "tags", "all", &json!({"dataFrom": [{"find": {"tags": {"red": "x"}}}]}));
    external_secret(
        &world,
        "names",
        "all",
        &json!({"dataFrom": [{"find": {"path": "certificate", "name": {"regexp": "key$"}}}]}),
    );
    let login = [("username", "MARKED-database-user"), ("password", "MARKED-database-password")];
    for (name, expected) in [
        ("password", &[("v", "MARKED-database-password")][..]),
        ("user", &[("v", "MARKED-database-user")]),
        ("field", &[("v", "MARKED-prefixed-label")]),
        ("file", &[("v", "MARKED-private-key")]),
        ("by-id", &[("v", "MARKED-of-the-second-vault")]),
        ("every", &login),
        ("files", &[("tls.crt", "MARKED-certificate"), ("tls.key", "MARKED-private-key")]),
        ("tags", &login),
        ("names", &[("tls.key", "MARKED-private-key")]),
    ] {
        world.wait_data(name, expected);
    }

    for (name, key, property, reason, words) in [
        ("gone", "none", "", "RemoteKeyNotFound", "none of the vaults"),
        ("no-field", "database", "gone", "ProviderFailed", "no field"),
        ("no-file", "certificate", "gone", "ProviderFailed", "no file"),
        ("two", "twice", "", "ProviderFailed", "give its id"),
    ] {
        external_secret(&world, name, "all", &one(key, property));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(words), "{name}: {message}");
    }
    store(&world, "wrong", &connect, "wrong", &vaults);
    world.wait_reason("secretstore", "wrong", "AuthenticationFailed");
    store(&world, "narrow", &connect, "narrow", &vaults);
    let message = world.wait_reason("secretstore", "narrow", "InvalidProviderConfig");
    assert!(message.contains("/vaults") && message.contains("no right"), "{message}");

    // A change arrives at the next refresh.
    connect.fill(&state("MARKED-another-password")).unwrap();
    world.wait_data("password", &[("v", "MARKED-another-password")]);
    let values = [
        TOKEN,
        "MARKED-wrong-token-1",
        "MARKED-database-password",
        "MARKED-another-password",
        "MARKED-private-key",
    ];
    assert_no_value_left(&world, &operator, &values);
}
