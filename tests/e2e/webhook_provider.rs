//! The provider `webhook` and the generator `Webhook`, with stores as users write them, against an API that the test makes
//! up: what it is asked, what becomes of its answers, and where requests never go.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Api, Asked, Operator, Said, World, assert_no_value_left, json_of, world};

const TOKEN: &str = "MARKED-token-of-the-api";

fn store(world: &World, kind: &str, name: &str, webhook: &Value) {
    let namespace = (kind == "SecretStore").then_some(&world.name);
    world.apply_json(&json!({
        "apiVersion": "external-secrets.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"controller": world.name, "refreshInterval": 2, "provider": {"webhook": webhook}},
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

fn credentials(world: &World) {
    world.apply_json(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "api", "namespace": world.name, "labels": {"external-secrets.io/type": "webhook"}},
        "stringData": {"username": "MARKED-user-name", "token": format!("{TOKEN}\n"), "unused": "MARKED-never-asked-for"},
    }));
}

fn one(reference: &Value) -> Value {
    json!({"data": [{"secretKey": "v", "remoteRef": reference}]})
}

/// An API like Bitwarden's command line, by ESO's own examples for it.
fn bitwarden(asked: &Asked) -> Said {
    let item = json!({"data": {
        "login": {"username": "MARKED-bitwarden-user", "password": "MARKED-bitwarden-password"},
        "fields": [{"name": "other", "value": "no"}, {"name": "api key", "value": "MARKED-field-value"}],
    }});
    match (asked.method.as_str(), asked.target.as_str()) {
        ("GET", "/object/item/login-1") => json_of(200, &item),
        ("GET", "/moved") => {
            (302, vec![("location", "http://169.254.169.254/".to_owned())], b"MARKED-redirect-body".to_vec())
        }
        ("GET", "/object/item/broken") => json_of(500, &json!("MARKED-body-of-an-error")),
        ("GET", "/object/item/closed") => json_of(403, &json!("MARKED-body-of-an-error")),
        _ => json_of(404, &json!("MARKED-body-of-an-error")),
    }
}

#[test]
fn esos_examples_give_their_values() {
    let world = world!("webhook-reads");
    credentials(&world);
    let api = Api::start(bitwarden);
    let url = format!("{}/object/item/{{{{ .remoteRef.key }}}}", api.url());
    let header = json!({"Authorization": "Bearer {{ .auth.token }}"});
    let secrets = json!([{"name": "auth", "secretRef": {"name": "api"}}]);
    let store_of = |name: &str, path: &str| {
        let webhook =
            json!({"url": url, "headers": header, "secrets": secrets, "result": {"jsonPath": path}});
        store(&world, "SecretStore", name, &webhook);
    };
    store_of("login", "$.data.login.{{ .remoteRef.property }}");
    store_of("fields", "$.data.fields[?@.name==\"{{ .remoteRef.property }}\"].value");
    store_of("all", "$.data.login");
    let operator = Operator::start(&world);
    external_secret(
        &world,
        "user",
        "login",
        &json!({"data": [
            {"secretKey": "user", "remoteRef": {"key": "login-1", "property": "username"}},
            {"secretKey": "password", "remoteRef": {"key": "login-1", "property": "password"}},
        ]}),
    );
    external_secret(&world, "field", "fields", &one(&json!({"key": "login-1", "property": "api key"})));
    external_secret(&world, "every", "all", &json!({"dataFrom": [{"extract": {"key": "login-1"}}]}));
    world.wait_data("user", &[("user", "MARKED-bitwarden-user"), ("password", "MARKED-bitwarden-password")]);
    world.wait_data("field", &[("v", "MARKED-field-value")]);
    world.wait_data(
        "every",
        &[("username", "MARKED-bitwarden-user"), ("password", "MARKED-bitwarden-password")],
    );
    let asked = api.asked();
    let reads: Vec<_> = asked.iter().filter(|asked| asked.method == "GET").collect();
    assert!(!reads.is_empty());
    for read in reads {
        assert_eq!(read.headers.get("authorization"), Some(&format!("Bearer {TOKEN}")), "{}", read.target);
    }
    let checks: Vec<_> = asked.iter().filter(|asked| asked.method == "HEAD").collect();
    assert!(!checks.is_empty() && checks.iter().all(|check| !check.headers.contains_key("authorization")));

    // What fails says why, and nothing of what was sent or answered.
    for (name, store, reference, reason, words) in [
        ("gone", "login", json!({"key": "gone", "property": "username"}), "RemoteKeyNotFound", "404"),
        ("closed", "login", json!({"key": "closed", "property": "username"}), "AccessDenied", "403"),
        (
            "nothing",
            "login",
            json!({"key": "login-1", "property": "absent"}),
            "ProviderFailed",
            "result.jsonPath",
        ),
        (
            "empty",
            "fields",
            json!({"key": "login-1", "property": "absent"}),
            "ProviderFailed",
            "result.jsonPath",
        ),
        ("dots", "login", json!({"key": "..", "property": "username"}), "InvalidProviderConfig", "segment"),
    ] {
        external_secret(&world, name, store, &one(&reference));
        let message = world.wait_reason("externalsecret", name, reason);
        assert!(message.contains(words), "{name}: {message}");
    }
    store(&world, "SecretStore", "moved", &json!({"url": format!("{}/moved", api.url())}));
    external_secret(&world, "moved", "moved", &one(&json!({"key": "k"})));
    let message = world.wait_reason("externalsecret", "moved", "ProviderFailed");
    assert!(message.contains("redirects are not followed"), "{message}");
    let values = [
        TOKEN,
        "MARKED-user-name",
        "MARKED-never-asked-for",
        "MARKED-bitwarden-password",
        "MARKED-field-value",
        "MARKED-body-of-an-error",
        "MARKED-redirect-body",
        &STANDARD.encode(TOKEN),
    ];
    assert_no_value_left(&world, &operator, &values);
}

#[test]
fn bodies_refreshes_and_deletions() {
    let world = world!("webhook-posts");
    credentials(&world);
    let api = Api::start(|asked: &Asked| {
        let Ok(body) = serde_json::from_str::<Value>(&asked.body) else { return json_of(400, &Value::Null) };
        let known = asked.target == "/read?v=&n=webhook-posts" && asked.method == "POST";
        match (known, body["path"].as_str()) {
            (true, Some("a \"quoted\"/path")) => {
                json_of(200, &json!({"as": body["user"], "n": 12, "on": true}))
            }
            _ => json_of(404, &Value::Null),
        }
    });
    assert!(world.name.starts_with("webhook-posts"));
    let query = "v={{ .remoteRef.version }}&n={{ trunc 13 .remoteRef.namespace }}";
    store(
        &world,
        "SecretStore",
        "post",
        &json!({
            "method": "POST", "url": format!("{}/read?{query}", api.url()), "timeout": "5s",
            "headers": {"Content-Type": "application/json"},
            "body": "{\"path\": {{ .remoteRef.key | toJson }}, \"user\": {{ .auth.username | toJson }}}",
            "secrets": [{"name": "auth", "secretRef": {"name": "api"}}],
        }),
    );
    let operator = Operator::start(&world);
    let key = json!({"key": "a \"quoted\"/path"});
    external_secret(&world, "posted", "post", &one(&key));
    external_secret(&world, "parts", "post", &json!({"dataFrom": [{"extract": key}]}));
    external_secret(
        &world,
        "deleted",
        "post",
        &json!({
            "target": {"deletionPolicy": "Delete"},
            "dataFrom": [{"extract": {"key": "not there"}}],
        }),
    );
    world.wait_data("posted", &[("v", r#"{"as":"MARKED-user-name","n":12,"on":true}"#)]);
    world.wait_data("parts", &[("as", "MARKED-user-name"), ("n", "12"), ("on", "true")]);
    // As ESO: 404 is a missing secret, and the policy decides.
    world.wait("SecretDeleted", || match world.ready("externalsecret", "deleted") {
        Some((status, reason, _)) if status == "True" && reason == "SecretDeleted" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let posts = || api.asked().iter().filter(|asked| asked.body.contains("quoted")).count();
    let before = posts();
    // Not shared: two ExternalSecrets are two requests at each refresh.
    world.wait("two more refreshes of both", || match posts() - before {
        more if more >= 4 => Ok(()),
        more => Err(format!("{more} requests more")),
    });
    assert_no_value_left(&world, &operator, &["MARKED-user-name", TOKEN, "MARKED-never-asked-for"]);
}

#[test]
fn where_requests_go_is_no_templates_to_decide() {
    let world = world!("webhook-origins");
    credentials(&world);
    let api = Api::start(|_: &Asked| json_of(200, &json!("x")));
    let operator = Operator::start(&world);
    let port = api.url().rsplit_once(':').unwrap().1.to_owned();
    let secrets = json!([{"name": "auth", "secretRef": {"name": "api"}}]);
    for (name, url) in [
        ("host", format!("http://{{{{ .remoteRef.key }}}}:{port}/")),
        ("port", "http://127.0.0.1:{{ .remoteRef.key }}/".to_owned()),
        ("whole", "{{ .remoteRef.key }}".to_owned()),
        ("after", format!("http://127.0.0.1:{port}{{{{ .remoteRef.key }}}}")),
        ("user", format!("http://{{{{ .auth.token }}}}@127.0.0.1:{port}/")),
    ] {
        store(&world, "SecretStore", name, &json!({"url": url, "secrets": secrets}));
        let message = world.wait_reason("secretstore", name, "InvalidProviderConfig");
        assert!(message.contains("/url"), "{name}: {message}");
    }
    let ntlm = json!({"usernameSecret": {"name": "api", "key": "username"}, "passwordSecret": {"name": "api", "key": "token"}});
    store(&world, "SecretStore", "ntlm", &json!({"url": api.url(), "auth": {"ntlm": ntlm}}));
    let message = world.wait_reason("secretstore", "ntlm", "InvalidProviderConfig");
    assert!(message.contains("/auth/ntlm") && message.contains("not supported"), "{message}");
    external_secret(&world, "es", "host", &json!({"data": [{"secretKey": "v", "remoteRef": {"key": "x"}}]}));
    world.wait_reason("externalsecret", "es", "StoreNotReady");
    assert!(api.asked().is_empty(), "{:?}", api.asked());
    assert_no_value_left(&world, &operator, &[TOKEN]);
}

#[test]
fn a_generator_asks_for_each_external_secret() {
    let world = world!("webhook-generator");
    credentials(&world);
    let api = Api::start(|asked: &Asked| {
        let known = asked.method == "POST" && asked.target == "/tokens" && asked.body == "scope=read";
        let token = asked.headers.get("x-token").is_some_and(|token| token == TOKEN);
        match known && token {
            true => json_of(201, &json!({"made": {"access": "MARKED-made-for-one", "seconds": 60}})),
            false => json_of(404, &Value::Null),
        }
    });
    let spec = |body: &str| {
        json!({
            "method": "POST", "url": format!("{}/tokens", api.url()), "body": body,
            "headers": {"X-Token": "{{ .auth.token }}"}, "result": {"jsonPath": "$.made"},
            "secrets": [{"name": "auth", "secretRef": {"name": "api", "key": "token"}}],
        })
    };
    for (name, body) in [("token", "scope=read"), ("wrong", "scope=write")] {
        world.apply_json(&json!({
            "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Webhook",
            "metadata": {"name": name, "namespace": world.name}, "spec": spec(body),
        }));
    }
    world.apply_json(&json!({
        "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "ClusterGenerator",
        "metadata": {"name": world.name},
        "spec": {"kind": "Webhook", "generator": {"webhookSpec": spec("scope=read")}},
    }));
    store(&world, "SecretStore", "own", &json!({"url": api.url()}));
    let operator = Operator::start(&world);
    let from = |kind: &str, name: &str| {
        json!({
            "refreshInterval": "1h",
            "dataFrom": [{"sourceRef": {"generatorRef": {"kind": kind, "name": name}}}],
        })
    };
    external_secret(&world, "own", "own", &from("Webhook", "token"));
    external_secret(&world, "clusters", "own", &from("ClusterGenerator", &world.name));
    external_secret(&world, "wrong", "own", &from("Webhook", "wrong"));
    for name in ["own", "clusters"] {
        world.wait_data(name, &[("access", "MARKED-made-for-one"), ("seconds", "60")]);
    }
    let message = world.wait_reason("externalsecret", "wrong", "ProviderFailed");
    assert!(message.contains("404"), "{message}");
    let made = api.asked().iter().filter(|asked| asked.body == "scope=read").count();
    assert_eq!(made, 2, "one for each");
    assert_no_value_left(&world, &operator, &["MARKED-made-for-one", TOKEN]);
}
