//! Azure for the tests, judged by tables of documented answers and by Azure's own Python libraries: what the
//! end-to-end tests of its provider take for granted.
//!
//! `cargo xtask test` runs these with its servers handed over, where no packet leaves the machine: Azure's libraries
//! know Azure's addresses. A failure here is the environment's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use claviger_testenv::{Azure, AzureApp, AzureOptions, AzureView, CloudsView, Env, RunDir, workspace_root};
use serde_json::{Value, json};

const READER: &str = "system:serviceaccount:env-azure:reader";
const AUDIENCE: &str = "api://AzureADTokenExchange";
/// A tenant that is none of the others' business.
const ELSEWHERE: &str = "33333333-3333-3333-3333-333333333333";
/// Of all that is routed to Azure, this one is these tests' own.
const VAULT: &str = "env-vault";

fn handed_over() -> Env {
    Env::from_env().expect("these tests need servers: run them by `cargo xtask test`")
}

/// One of its own, so that nobody else's identities or clock are in it.
fn azure(env: &Env, run: &RunDir) -> Azure {
    let options = AzureOptions { jwks: env.cluster.jwks().unwrap(), issuer: env.cluster.issuer().to_owned() };
    Azure::start(&env.tools, run.path(), &options).unwrap()
}

fn service_account_token(env: &Env, name: &str, audience: &str) -> String {
    env.cluster
        .apply(&format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: env-azure}}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: env-azure}}\n"
        ))
        .unwrap();
    env.cluster.service_account_token("env-azure", name, audience).unwrap()
}

/// A program of `tests/servers` that judges: JSON in, JSON out.
fn judged(env: &Env, program: &str, clouds: Option<&CloudsView>, given: &Value) -> Value {
    let mut judge = Command::new(&env.tools.python);
    judge.arg("-B").arg(workspace_root().join("tests/servers").join(program)).env_clear();
    if let Some(clouds) = clouds {
        judge.env("REQUESTS_CA_BUNDLE", clouds.ca_file());
    }
    let mut judge = judge.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    judge.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(azure: &AzureView, function: &str, arguments: &Value, name: &str) -> String {
    azure.control(function, arguments).unwrap()[name].as_str().unwrap().to_owned()
}

#[test]
fn azure_answers_as_is_documented() {
    let env = handed_over();
    let run = RunDir::create("selftest").unwrap();
    let server = azure(&env, &run);
    let azure = server.view();
    let (app, stranger) = (azure.app("table").unwrap(), azure.app("stranger").unwrap());
    let other = azure.app_in(ELSEWHERE, "table").unwrap();
    azure.federate(&app, READER, AUDIENCE).unwrap();
    azure.allow_object(&stranger, "roles", "secrets/mine", &["secrets/get"]).unwrap();
    for name in ["mine", "theirs"] {
        azure.set_secret("roles", name, "yes", &Value::Null).unwrap();
    }
    let token = |principal: &str, more: Value| {
        let mut asked = json!({"principal": principal});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        text(azure, "token", &asked, "access_token")
    };
    let right = service_account_token(&env, "reader", AUDIENCE);
    let (signed, signature) = right.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let forged = |issuer: &str, subject: &str, over: u64| {
        let claims = json!({"iss": issuer, "sub": subject, "aud": [AUDIENCE], "iat": now - 700,
            "nbf": now - 700, "exp": over});
        env.cluster.forged_token(&claims).unwrap()
    };
    let old = json!({"client_id": app.client_id, "seconds": -1});
    let values = json!({
        "PORT": azure.port().to_string(), "TENANT": AzureView::TENANT, "OTHER_TENANT": ELSEWHERE,
        "CLIENT_ID": app.client_id, "SECRET": azure.client_secret(&app).unwrap(),
        "OLD_SECRET": text(azure, "client-secret", &old, "value"),
        "STRANGER": stranger.client_id, "STRANGER_OID": stranger.object_id,
        // A byte more than is allowed.
        "LONG": "x".repeat(25 * 1024 + 1),
        "FEDERATED": right,
        "CHANGED": format!("{signed}.{flipped}{}", &signature[1..]),
        "OTHER_SUBJECT": service_account_token(&env, "other", AUDIENCE),
        "OTHER_AUDIENCE": service_account_token(&env, "reader", "elsewhere"),
        "OTHER_CASE": forged(env.cluster.issuer(), "system:serviceaccount:env-azure:Reader", now + 600),
        "OTHER_ISSUER": forged("https://elsewhere.example", READER, now + 600),
        "OVER": forged(env.cluster.issuer(), READER, now - 100),
    });
    let tokens = json!({
        "admin": text(azure, "administrator", &json!({"vault": AzureView::VAULT}), "access_token"),
        "stranger": token(&stranger.client_id, json!({})),
        "foreign": right,
        "nonsense": "nonsense",
        "other-resource": token(&app.client_id, json!({"resource": "https://vault.azure.cn"})),
        "slash": token(&app.client_id, json!({"resource": "https://vault.azure.net/"})),
        "other-tenant": token(&other.client_id, json!({})),
        "expired": token(&app.client_id, json!({"seconds": -10})),
    });
    let given = json!({
        "address": azure.login_url(), "values": values, "tokens": tokens,
        "certificate": azure.certificate(&app).unwrap().pem,
        "other_certificate": azure.certificate(&other).unwrap().pem,
    });
    let found = judged(&env, "check_azure_table.py", None, &given);
    assert_eq!(found["different"], json!([]));
    let rows = |table: &str| {
        let table = std::fs::read(workspace_root().join("tests/servers").join(table)).unwrap();
        serde_json::from_slice::<Value>(&table).unwrap()["rows"].as_array().unwrap().len()
    };
    assert_eq!(found["rows"], rows("azure_responses.json") + rows("azure_responses_identity.json"));
}

#[test]
fn azures_own_libraries_log_in_read_and_write() {
    let env = handed_over();
    let Some(clouds) = &env.clouds else {
        eprintln!("SKIPPED: Azure's libraries: no network of the tests' own");
        return;
    };
    let azure = &env.azure;
    let app = azure.app("env-clients").unwrap();
    let ours =
        ["get", "list", "set", "delete", "recover", "purge"].map(|operation| format!("secrets/{operation}"));
    let others = ["keys/get", "keys/list", "keys/create", "certificates/get", "certificates/list"];
    let last = ["certificates/import", "certificates/delete"];
    let allowed: Vec<&str> = ours.iter().map(String::as_str).chain(others).chain(last).collect();
    azure.allow(&app, VAULT, &allowed).unwrap();
    azure.federate(&app, READER, AUDIENCE).unwrap();
    azure.set_secret(VAULT, "shared", "for all", &Value::Null).unwrap();
    azure.set_secret(VAULT, "throttled", "at last", &Value::Null).unwrap();
    let throttled = json!({"match": "env-vault.*/secrets/throttled", "status": 429, "count": 1,
        "headers": {"Retry-After": "1"}});
    azure.fault(&throttled).unwrap();
    let imported = azure.certificate(&azure.app("env-imported").unwrap()).unwrap();
    let since = azure.mark();
    let given = json!({
        "vault": format!("https://{VAULT}.vault.azure.net"), "tenant": AzureView::TENANT,
        "client_id": app.client_id, "secret": azure.client_secret(&app).unwrap(),
        "certificate": azure.certificate(&app).unwrap().pem,
        "assertion": service_account_token(&env, "reader", AUDIENCE),
        "other_assertion": service_account_token(&env, "other", AUDIENCE),
        "imported": {"pem": imported.pem, "pfx": imported.pfx},
    });
    let found = judged(&env, "check_azure_clients.py", Some(clouds), &given);

    let thumbprint = &found["certificate pem"][1];
    assert_eq!(thumbprint.as_str().unwrap().len(), 40, "{found}");
    let certificate = |kind: &str| json!([true, thumbprint, true, format!("application/x-{kind}"), true]);
    for (step, value) in [
        ("secret", json!("for all")),
        ("certificate", json!("for all")),
        ("assertion", json!("for all")),
        ("latest", json!("second")),
        ("by version", json!(["first", {"team": "red"}, "text/plain"])),
        ("versions", json!(true)),
        // 33 secrets, 25 on a page.
        ("pages", json!([2, true])),
        ("throttled once", json!("at last")),
        ("recovered", json!("second")),
        ("purged", json!("fourth")),
        ("rsa", json!(["RSA", 256, "010001", true])),
        ("ec", json!(["EC", "P-256", 32, 32])),
        ("keys", json!(["sdk-ec", "sdk-rsa"])),
        ("certificate pem", certificate("pem-file")),
        ("certificate pfx", certificate("pkcs12")),
    ] {
        assert_eq!(found[step], value, "{step}");
    }
    assert_eq!(found["secret pem"], imported.pem);
    for (step, error, status, words) in [
        ("another secret", "ClientAuthenticationError", None, "AADSTS7000215"),
        ("another application", "ClientAuthenticationError", None, "AADSTS700016"),
        ("another tenant", "ClientAuthenticationError", None, "Unable to get authority configuration"),
        ("another subject", "ClientAuthenticationError", Some(401), "AADSTS700213"),
        ("disabled", "HttpResponseError", Some(403), "SecretDisabled"),
        ("deleted", "ResourceNotFoundError", Some(404), "SecretNotFound"),
        ("set while deleted", "ResourceExistsError", Some(409), "ObjectIsDeletedButRecoverable"),
        ("absent", "ResourceNotFoundError", Some(404), "SecretNotFound"),
        ("bad name", "HttpResponseError", Some(400), "BadParameter"),
        ("not allowed", "HttpResponseError", Some(403), "does not have keys delete permission"),
        ("no key", "ResourceNotFoundError", Some(404), "KeyNotFound"),
        ("no certificate", "ResourceNotFoundError", Some(404), "CertificateNotFound"),
        ("gone pem", "ResourceNotFoundError", Some(404), "SecretNotFound"),
        ("gone pfx", "ResourceNotFoundError", Some(404), "SecretNotFound"),
    ] {
        let said = &found[step];
        assert_eq!((&said[0], &said[1]), (&json!(error), &json!(status)), "{step}: {said}");
        assert!(said[2].as_str().unwrap().contains(words), "{step}: {said}");
    }

    let log = azure.requests(since).unwrap();
    let mine: Vec<_> = log.iter().filter(|each| each.vault == VAULT && each.principal == app.name).collect();
    assert!(mine.iter().all(|each| each.host.starts_with("env-vault.vault.azure.net")), "{mine:?}");
    let throttled: Vec<u16> = log
        .iter()
        .filter(|each| each.path.trim_end_matches('/').ends_with("/secrets/throttled"))
        .map(|each| each.status)
        .collect();
    assert_eq!(throttled, [429, 200]);
    let logins = |how: &str| {
        log.iter().filter(|each| each.service == "entra" && each.action == how && each.status == 200).count()
    };
    assert!(logins("secret") >= 1 && logins("certificate") >= 1 && logins("federated") >= 1, "{log:?}");
}

#[test]
fn azures_own_library_finds_managed_identities() {
    let env = handed_over();
    let run = RunDir::create("selftest").unwrap();
    // One of its own: which identities a machine has is for all that is on it.
    let server = azure(&env, &run);
    let azure = server.view();
    let (mine, header) = azure.identity(Some("mine")).unwrap();
    let (system, _) = azure.identity(None).unwrap();
    let given = json!({
        "endpoint": azure.identity_endpoint(), "header": header, "imds": azure.login_url(),
        "client_id": mine.client_id,
    });
    let found = judged(&env, "check_azure_identities.py", None, &given);
    for kind in ["imds", "app service"] {
        assert_eq!(found[kind]["system"], json!([system.client_id, AzureView::RESOURCE]), "{kind}");
        assert_eq!(found[kind]["mine"], json!([mine.client_id, AzureView::RESOURCE]), "{kind}");
        let refused = found[kind]["another"].as_str().unwrap();
        assert!(refused.contains("Identity") || refused.contains("identity"), "{kind}: {refused}");
    }
}

#[test]
fn azures_own_library_takes_a_login_to_acr() {
    let env = handed_over();
    let (Some(clouds), azure) = (&env.clouds, &env.azure) else { return };
    let (somebody, nobody) = (azure.app("lists").unwrap(), azure.app("lists-nothing").unwrap());
    let host = "judged.azurecr.io";
    let grants = json!({"host": host, "principal": somebody.client_id, "grants": {"catalog": ["*"]}});
    azure.control("registry", &grants).unwrap();
    let login = |app: &AzureApp| json!([app.client_id, azure.client_secret(app).unwrap()]);
    let given = json!({
        "host": host, "tenant": AzureView::TENANT, "somebody": login(&somebody), "nobody": login(&nobody),
    });
    let found = judged(&env, "check_azure_registries.py", Some(clouds), &given);
    let expected = json!({
        "somebody management": ["app"], "somebody vault": "401", "nobody management": "401", "nobody vault": "401",
    });
    assert_eq!(found, expected);
}

#[test]
fn tokens_and_grants_end_when_a_test_says_so() {
    let env = handed_over();
    let run = RunDir::create("selftest").unwrap();
    let server = azure(&env, &run);
    let azure = server.view();
    let app = azure.app("short").unwrap();
    azure.allow(&app, AzureView::VAULT, &["secrets/get"]).unwrap();
    azure.set_secret(AzureView::VAULT, "one", "1", &Value::Null).unwrap();
    let login = || text(azure, "token", &json!({"principal": app.client_id}), "access_token");
    let status = |token: &str| {
        let url = format!("{}/secrets/one?api-version=7.4", azure.vault_url());
        let asked = ureq::get(url).header("authorization", format!("Bearer {token}"));
        asked.config().http_status_as_error(false).build().call().unwrap().status().as_u16()
    };
    let token = login();
    assert_eq!(status(&token), 200);
    azure.shift_clock(3700).unwrap();
    assert_eq!((status(&token), status(&login())), (401, 200));
    azure.shift_clock(0).unwrap();
    assert_eq!(status(&token), 200);
    azure.expire_tokens(&app).unwrap();
    assert_eq!((status(&token), status(&login())), (401, 200));
    azure.revoke(&app, AzureView::VAULT, &["secrets/get"]).unwrap();
    assert_eq!(status(&login()), 403);
    azure.allow(&app, AzureView::VAULT, &["*"]).unwrap();
    azure.enable(AzureView::VAULT, "secrets/one", false).unwrap();
    assert_eq!(status(&login()), 403);
    azure.enable(AzureView::VAULT, "secrets/one", true).unwrap();
    azure.delete(AzureView::VAULT, "secrets/one").unwrap();
    assert_eq!(status(&login()), 404);
    azure.recover(AzureView::VAULT, "secrets/one").unwrap();
    assert_eq!(status(&login()), 200);
    azure.fault(&json!({"match": "/secrets/one$", "reset": true, "count": 1})).unwrap();
    let since = azure.mark();
    let url = format!("{}/secrets/one?api-version=7.4", azure.vault_url());
    assert!(ureq::get(url).call().is_err());
    let seen = azure.requests(since).unwrap();
    // A client may try again by itself where a connection ends without an answer.
    assert_eq!(seen.first().map(|each| each.status), Some(0), "{seen:?}");
    azure.fault(&json!({"match": "/secrets/one$", "status": 503, "delay": 0.2})).unwrap();
    let (since, begun) = (azure.mark(), std::time::Instant::now());
    assert_eq!(status(&login()), 503);
    assert!(begun.elapsed() >= std::time::Duration::from_millis(200));
    let seen = &azure.requests(since).unwrap()[0];
    assert_eq!((seen.vault.as_str(), seen.names.as_slice()), (AzureView::VAULT, &["one".to_owned()][..]));
    azure.clear_faults("/secrets/one$").unwrap();
    assert_eq!(status(&login()), 200);
}
