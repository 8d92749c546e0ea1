//! Azure for the suite: a vault of a custom cloud behind a client secret that may do nothing with keys. A server of
//! its own, because its tokens are ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::{Azure, AzureOptions, AzureView};
use serde_json::{Map, Value, json};

use super::{conforms, with_usual};
use crate::support::world;

const GREETING: &str = "Grüße aus Zürich – 你好 🗝";
const LOGIN: &str = r#"{"user":"app-user-1","password":"correct-horse","deep":{"a.b":"staple-9"}}"#;
const OLDER: &str = r#"{"user":"app-user-0","password":"older-battery"}"#;

/// Why a case is not tried, in words that stand in the table.
const SMALL: &str = "a secret has 25 KB at most";
const FLAT: &str = "secrets of a vault lie in no folders";

#[test]
fn azure_conforms() {
    let world = world!("conformance-azure");
    let dir = tempfile::tempdir().unwrap();
    let cluster = &world.env.cluster;
    let options = AzureOptions { jwks: cluster.jwks().unwrap(), issuer: cluster.issuer().to_owned() };
    let server = Azure::start(&world.env.tools, dir.path(), &options).unwrap();
    let azure = server.view();
    let put = |name: &str, value: &str, tags: Value| {
        azure.set_secret(AzureView::VAULT, name, value, &tags).unwrap()
    };
    let older = put("app-login", OLDER, json!(null));
    let latest = put("app-login", LOGIN, json!(null));
    put("app-greeting", GREETING, json!(null));
    for (name, team) in
        [("tagged-one", "red-team"), ("tagged-two", "red-team"), ("tagged-three", "blue-team")]
    {
        put(name, &format!("value-of-{name}"), json!({"team": team, "stage": "test"}));
    }
    for n in 0..1_000 {
        put(&format!("many-k-{n}"), &format!("value-of-{n}"), json!(null));
    }
    azure.create_key(AzureView::VAULT, "forbidden-key", "RSA").unwrap();
    let pem = azure.import_certificate(AzureView::VAULT, "app-certificate", true).unwrap();
    let block = pem.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap();
    let der: String = block.split("-----END").next().unwrap().split_whitespace().collect();
    assert!(STANDARD.decode(&der).is_ok());
    let app = azure.app("suite").unwrap();
    azure
        .allow(
            &app,
            AzureView::VAULT,
            &[
                "secrets/get",
                "secrets/list",
                "secrets/set",
                "secrets/delete",
                "secrets/recover",
                "certificates/get",
            ],
        )
        .unwrap();
    let secret = azure.client_secret(&app).unwrap();

    let mut cases = cases(&older, &latest);
    cases.insert("binary".to_owned(), json!({"key": "cert/app-certificate", "expect": {"base64": der}}));
    let body = json!({"principal": app.object_id, "how": "expire"}).to_string();
    cases.insert("expiredToken".to_owned(), json!({"expire": {"request": {
        "method": "POST", "url": "${VAULT}/_test/end-tokens", "headers": {"Content-Type": "application/json"}, "body": body,
    }}}));
    let login = |secret: &str| json!([{"kind": "Secret", "name": "login", "stringData": {"id": app.client_id, "secret": secret}}]);
    let bench = json!({
        "plugin": "azurekv",
        "servers": {"LOGIN": azure.login_url(), "VAULT": azure.vault_url()},
        "store": {
            "vaultUrl": "${VAULT}", "tenantId": AzureView::TENANT, "environmentType": "AzureStackCloud",
            "customCloudConfig": {
                "activeDirectoryEndpoint": "${LOGIN}", "keyVaultEndpoint": AzureView::RESOURCE,
            },
            "authSecretRef": {
                "clientId": {"name": "login", "key": "id"}, "clientSecret": {"name": "login", "key": "secret"},
            },
        },
        "objects": login(&secret),
        "badCredential": login("wrong-client-secret-0000000000"),
        "loginRequests": [{"method": "POST", "path": "/oauth2/v2.0/token$"}],
        "dataRequests": [{"method": "GET", "path": "^/(secrets|keys|certificates)"}],
        "cases": cases,
        "unsupported": {"large": SMALL, "findByPath": FLAT},
    });
    let table = conforms(&world, "azure", &bench);
    assert!(table.ends_with("38 passed, 0 failed, 2 not supported\n"), "{table}");
    assert!(table.contains(SMALL) && table.contains(FLAT), "{table}");
}

fn cases(older: &str, latest: &str) -> Map<String, Value> {
    let refused = json!({
        "error": "invalid_client", "error_codes": [7_000_215],
        "error_description": "AADSTS7000215: Invalid client secret provided.",
    });
    let Value::Object(cases) = json!({
        "value": {"key": "app-login", "expect": {"json": serde_json::from_str::<Value>(LOGIN).unwrap()}},
        "property": [
            {"property": "password", "expect": "correct-horse"},
            {"property": "deep.a\\.b", "expect": "staple-9"},
        ],
        "version": [
            {"version": older, "property": "password", "expect": "older-battery"},
            {"version": latest, "property": "password", "expect": "correct-horse"},
        ],
        "missingKey": {"key": "app-absent"},
        "missingVersion": {"version": "0123456789abcdef0123456789abcdef"},
        "missingProperty": {"property": "absent"},
        "denied": {"key": "key/forbidden-key"},
        "unicode": {"key": "app-greeting", "expect": GREETING},
        "thousandKeys": {"key": "many-k-{n}", "expect": "value-of-{n}"},
        "oneBadKeyInBatch": {"keys": ["app-login", "app-greeting"]},
        "findByName": {"name": "^(app-login|many-k-99)$", "expect": ["app-login", "many-k-99"]},
        "findByTags": {"tags": {"team": "red-team", "stage": "test"}, "expect": ["tagged-one", "tagged-two"]},
        "findNothing": {"name": "^no-such-secret$"},
        "paging": {"name": "^many-", "pages": 2, "expect": {"pattern": "many-k-{n}", "times": 1_000}},
        "push": {"key": "push-value"},
        "createOnly": {"key": "push-once"},
        "pushUnmanaged": {"key": "app-greeting"},
        "pushConflict": {"key": "push-stale"},
        "pushMetadata": {
            "key": "push-metadata",
            "metadata": metadata(json!({
                "tags": {"team": "payments"}, "contentType": "text/plain", "expirationDate": "2037-01-15T08:00:00Z",
            })),
            "expect": {
                "managed-by": "external-secrets", "team": "payments", "attribute.expires": "2037-01-15T08:00:00Z",
            },
            "refused": metadata(json!({"tag": {"team": "payments"}})),
        },
        "deletePushed": {"key": "push-gone"},
        "metadata": {"key": "tagged-one", "expect": {"team": "red-team", "stage": "test"}},
        "tokenRefusedForEver": {"loginAnswer": {
            "status": 401, "headers": {"content-type": "application/json"}, "body": refused.to_string(),
        }},
    }) else {
        panic!("an object")
    };
    with_usual(cases)
}

/// Of a push.
fn metadata(spec: Value) -> Value {
    json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    })
}
