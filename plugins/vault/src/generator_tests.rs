//! What a spec asks for, and what comes of the answer. Bodies of OpenBao 2.7.2; values as Vault's Go client and ESO make
//! them of these. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::{Cell, RefCell};

use super::*;
use crate::dynamic::tests::{CREDS, DENIED, app_role, vault};
use crate::fake::{Fake, reply, session};
use crate::world::Request;

const TOKEN: &str = r#"{"request_id":"c8d38f38-4dba-97e6-1abd-74aec2c49c11","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":null,"auth":{"client_token":"s.8e5jGU7l8bnkfkCqHNbhM4Xu","accessor":"rDupS98UtDINiOC0ZABWA3BP","policies":["app","default"],"token_policies":["app","default"],"metadata":null,"lease_duration":300,"renewable":true,"entity_id":"","token_type":"service","orphan":false,"mfa_requirement":null,"num_uses":0}}"#;
const SECRET_ID: &str = r#"{"request_id":"2afa1c9d-84cf-dfee-3aee-07c7c7078c30","lease_id":"","renewable":false,"lease_duration":0,"data":{"secret_id":"46417128-2117-3f59-b3b5-e8d1709ac48d","secret_id_accessor":"ae53d083-c725-1db9-494e-1a4001c59186","secret_id_num_uses":0,"secret_id_ttl":0},"wrap_info":null,"warnings":null,"auth":null}"#;
const KEYS: &str = r#"{"request_id":"fea956a0-8c3e-4a75-b09c-a448676e2090","lease_id":"","renewable":false,"lease_duration":0,"data":{"keys":["app","batch","full"]},"wrap_info":null,"warnings":null,"auth":null}"#;
const CERTIFICATE: &str = r#"{"request_id":"290aed6b-ba29-910f-0881-2bdeba70829b","lease_id":"pki/issue/l/gaLxaTICIFk7sZL4fZ5HSgWn","renewable":false,"lease_duration":7199,"data":{"ca_chain":["x"],"expiration":1795668001,"no":null,"yes":true,"nested":{"a":"\u003c"}},"wrap_info":null,"warnings":null,"auth":null}"#;
const HEALTH: &str = r#"{"initialized":true,"sealed":false,"server_time_utc":1795660802,"version":"2.7.2"}"#;
const NONE: &str = r#"{"errors":[]}"#;
const WRITTEN: &str = r#"{"request_id":"x","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":null,"warnings":["written"],"auth":null}"#;

fn spec(more: Value) -> Value {
    let provider = json!({"server": "https://v", "auth": app_role()});
    let mut spec = json!({"path": "database/creds/readonly", "provider": provider});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

/// What a Vault was asked by a spec that it answers so.
struct Run {
    found: Result<Generated, Error>,
    asked: Vec<String>,
    sent: String,
}

fn run(spec: &Value, status: u16, body: &str) -> Run {
    let (logins, sent) = (Cell::new(0), RefCell::default());
    let fake = Fake::new(|request: &Request| match request.url.split_once("/v1/").unwrap().1 {
        "auth/approle/login" | "auth/token/lookup-self" | "auth/token/revoke-self" => vault(&logins)(request),
        _ => {
            *sent.borrow_mut() = String::from_utf8(request.body.clone()).unwrap();
            reply(status, body)
        }
    });
    let found = generate(&session(&spec["provider"]), &fake, &spec.to_string());
    assert!(fake.keys().is_empty(), "no token of it is kept: {:?}", fake.keys());
    let asked = fake.asked();
    drop(fake);
    Run { found, asked, sent: sent.into_inner() }
}

fn texts(values: &Values) -> Vec<(&str, &str)> {
    values.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect()
}

/// Method, path with query, body.
#[test]
fn what_is_asked() {
    for (more, asked, sent) in [
        (json!({}), "GET /database/creds/readonly", ""),
        (json!({"method": ""}), "GET /database/creds/readonly", ""),
        (json!({"method": "GET", "parameters": {"a": 1}}), "GET /database/creds/readonly", ""),
        (
            json!({"getParameters": {"b": ["x y", "/&="], "a": ["1"], "none": []}}),
            "GET /database/creds/readonly?b=x%20y&b=%2F%26%3D&a=1",
            "",
        ),
        (json!({"method": "LIST", "path": "/auth/approle/role/"}), "LIST /auth/approle/role", ""),
        (json!({"method": "DELETE"}), "DELETE /database/creds/readonly", ""),
        (
            json!({"method": "POST", "parameters": {"common_name": "a.b", "ttl": "1h"}, "getParameters": {"a": ["1"]}}),
            "PUT /database/creds/readonly",
            r#"{"common_name":"a.b","ttl":"1h"}"#,
        ),
        (json!({"method": "PUT"}), "PUT /database/creds/readonly", "{}"),
        (json!({"method": "whatever", "parameters": null}), "PUT /database/creds/readonly", "{}"),
    ] {
        let run = run(&spec(more), 200, CREDS);
        assert!(run.found.is_ok());
        assert_eq!(run.asked, ["POST /auth/approle/login", &format!("{asked} token-1")]);
        assert_eq!(run.sent, sent);
    }
}

#[test]
fn values_of_each_part() {
    let auth = [
        ("client_token", "s.8e5jGU7l8bnkfkCqHNbhM4Xu"),
        ("accessor", "rDupS98UtDINiOC0ZABWA3BP"),
        ("policies", r#"["app","default"]"#),
        ("token_policies", r#"["app","default"]"#),
        ("identity_policies", ""),
        ("metadata", ""),
        ("orphan", "false"),
        ("entity_id", ""),
        ("lease_duration", "300"),
        ("renewable", "true"),
        ("mfa_requirement", ""),
    ];
    let raw = [
        ("request_id", "9f539a6d-9aba-042b-d80b-da22044a5897"),
        ("lease_id", "database/creds/readonly/2fTiJy4S77CFnEIoUeg4FvFp"),
        ("lease_duration", "3600"),
        ("renewable", "true"),
        (
            "data",
            r#"{"password":"YljlxOiAR9fusxoX1-Y6","username":"v-approle-readonly-OWK1wirJuEqR8jg1LiVn-1795660777"}"#,
        ),
        ("warnings", ""),
    ];
    for (part, body, expected) in [
        (
            "Data",
            CREDS,
            &[
                ("password", "YljlxOiAR9fusxoX1-Y6"),
                ("username", "v-approle-readonly-OWK1wirJuEqR8jg1LiVn-1795660777"),
            ][..],
        ),
        (
            "Data",
            CERTIFICATE,
            &[
                ("ca_chain", r#"["x"]"#),
                ("expiration", "1795668001"),
                ("nested", r#"{"a":"\u003c"}"#),
                ("no", ""),
                ("yes", "true"),
            ],
        ),
        ("Data", KEYS, &[("keys", r#"["app","batch","full"]"#)]),
        (
            "Data",
            HEALTH,
            &[
                ("initialized", "true"),
                ("sealed", "false"),
                ("server_time_utc", "1795660802"),
                ("version", "2.7.2"),
            ],
        ),
        ("Auth", TOKEN, &auth),
        ("Raw", CREDS, &raw),
    ] {
        let found = run(&spec(json!({"resultType": part})), 200, body).found.unwrap();
        assert_eq!(texts(&found.values), expected, "{part}");
        assert!(found.state.is_none());
    }
    let found = run(&spec(json!({"resultType": "Raw"})), 200, TOKEN).found.unwrap();
    let auth = texts(&found.values).into_iter().find(|(name, _)| *name == "auth").unwrap().1.to_owned();
    assert!(auth.starts_with(r#"{"client_token":"s.8e5jGU7l8bnkfkCqHNbhM4Xu""#), "{auth}");
}

/// The token of the login lives on with a lease or a token that was made with it, and else ends.
#[test]
fn the_token_is_kept_for_what_depends_on_it() {
    for (part, body, lease, ended) in [
        ("Data", CREDS, Some(("database/creds/readonly/2fTiJy4S77CFnEIoUeg4FvFp", 3_600_000, true)), false),
        ("Raw", CREDS, Some(("database/creds/readonly/2fTiJy4S77CFnEIoUeg4FvFp", 3_600_000, true)), false),
        ("Data", CERTIFICATE, Some(("pki/issue/l/gaLxaTICIFk7sZL4fZ5HSgWn", 7_199_000, false)), false),
        ("Auth", TOKEN, None, false),
        ("Raw", TOKEN, None, false),
        ("Data", SECRET_ID, None, true),
        ("Data", KEYS, None, true),
    ] {
        let run = run(&spec(json!({"resultType": part, "method": "POST"})), 200, body);
        let found = run.found.unwrap().lease;
        let told = found.as_ref().map(|lease| (lease.id.as_str(), lease.duration_ms, lease.renewable));
        assert_eq!(told, lease);
        let accessor = found.and_then(|lease| lease.holder?.accessor);
        assert_eq!(accessor.as_deref(), lease.map(|_| "accessor-1"));
        let last = run.asked.last().unwrap();
        assert_eq!(last == "PUT /auth/token/revoke-self token-1", ended, "{part}: {last}");
    }
}

/// With nothing in the answer; and whatever was made is taken back with the token.
#[test]
fn empty_answers_and_refusals() {
    for (more, status, body, expected) in [
        (json!({}), 204, "", Err("allowEmptyResponse")),
        (json!({"allowEmptyResponse": true}), 204, "", Ok(0)),
        (json!({}), 404, NONE, Err("allowEmptyResponse")),
        (json!({"allowEmptyResponse": true}), 404, NONE, Ok(0)),
        (json!({"allowEmptyResponse": true}), 200, WRITTEN, Ok(0)),
        (json!({}), 200, TOKEN, Err("set resultType to Auth")),
        (json!({"resultType": "Auth"}), 200, CREDS, Err("set resultType to Data")),
        (json!({"allowEmptyResponse": true}), 404, "<html>", Err("a proxy's?")),
        (json!({}), 400, r#"{"errors":["unknown role: nope"]}"#, Err("HTTP 400: unknown role: nope")),
        (
            json!({}),
            405,
            "{\"errors\":[\"1 error occurred:\\n\\t* unsupported operation\\n\\n\"]}",
            Err("not for this method"),
        ),
        (json!({}), 403, DENIED, Err(r#"path "database/creds/readonly" { capabilities = ["read"] }"#)),
        (
            json!({"method": "POST"}),
            403,
            DENIED,
            Err(r#"path "database/creds/readonly" { capabilities = ["update"] }"#),
        ),
        (json!({}), 404, r#"{"errors":["namespace not found"]}"#, Err("/provider/namespace")),
        (json!({}), 200, "<html>", Err("is not Vault's")),
    ] {
        let run = run(&spec(more.clone()), status, body);
        match (&run.found, expected) {
            (Ok(found), Ok(count)) => assert_eq!(found.values.len(), count),
            (Err(error), Err(said)) => {
                let text = format!("{error:?}").replace("\\\"", "\"");
                assert!(text.contains(said), "{more} {text}\n  lacks {said}");
            }
            (Ok(_), Err(said)) => panic!("{more} {body}: expected {said}"),
            (Err(error), Ok(_)) => panic!("{more} {body}: {error:?}"),
        }
        assert_eq!(run.asked.last().unwrap(), "PUT /auth/token/revoke-self token-1", "{body}");
    }
}

/// Without a request, and with the place in the spec.
#[test]
fn what_is_not_asked() {
    for (spec, expected) in [
        (spec(json!({"path": "auth/token/lookup-self"})), "is not read back"),
        (spec(json!({"path": "/Auth//token/renew-self/", "method": "POST"})), "is not read back"),
        (spec(json!({"path": "team/auth/token/%6cookup-self"})), "is not read back"),
        (spec(json!({"path": "a/../sys/mounts"})), r#"path: "/path""#),
        (spec(json!({"path": ""})), r#"path: "/path""#),
        (spec(json!({"resultType": "data"})), r#"path: "/resultType""#),
        (spec(json!({"method": "POST", "parameters": [1]})), r#"path: "/parameters""#),
        (spec(json!({"provider": {"server": "v"}})), r#"path: "/provider/server""#),
        (spec(json!({"provider": {"server": "https://v", "auth": {}}})), r#"path: "/provider/auth""#),
    ] {
        let run = run(&spec, 200, CREDS);
        let said = format!("{:?}", run.found.err().unwrap());
        assert!(said.contains(expected), "{said}");
        assert!(run.asked.is_empty(), "{:?}", run.asked);
    }
}

/// Every field of ESO's definition is one that the schema takes, and the references in it are marked.
#[test]
fn the_schema() {
    let schema = schema();
    let resolved = |place: &Value| match place["$ref"].as_str() {
        Some(at) => schema.pointer(at.trim_start_matches('#')).unwrap().clone(),
        None => place.clone(),
    };
    for path in [
        "allowEmptyResponse",
        "controller",
        "getParameters",
        "method",
        "parameters",
        "path",
        "provider.auth",
        "provider.caBundle",
        "provider.caProvider.key",
        "provider.caProvider.name",
        "provider.caProvider.namespace",
        "provider.caProvider.type",
        "provider.checkAndSet.required",
        "provider.forwardInconsistent",
        "provider.headers",
        "provider.namespace",
        "provider.path",
        "provider.readYourWrites",
        "provider.server",
        "provider.tls.certSecretRef",
        "provider.tls.keySecretRef",
        "provider.version",
        "resultType",
        "retrySettings.maxRetries",
        "retrySettings.retryInterval",
    ] {
        let place = path.split('.').fold(schema.clone(), |place, step| resolved(&place["properties"][step]));
        assert!(place.is_object(), "{path}");
    }
    let at = "/properties/provider/properties/auth/properties/appRole/properties/secretRef";
    assert_eq!(resolved(schema.pointer(at).unwrap())["x-claviger"], "secretRef");
    assert_eq!(kind().config_at, "/provider");
}
