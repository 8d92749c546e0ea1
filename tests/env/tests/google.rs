//! Google for the tests, judged by tables of documented answers, by Google's own Python libraries and by gcloud:
//! what the end-to-end tests of its provider take for granted.
//!
//! `cargo xtask test` runs these with its servers handed over, where no packet leaves the machine: Google's
//! clients know Google's addresses. A failure here is the environment's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use claviger_testenv::{Env, Google, GoogleOptions, GoogleView, RunDir, signing_key, workspace_root};
use serde_json::{Value, json};

const ADMIN: &str = "user:admin@claviger.example";
const READER: &str = "system:serviceaccount:env-google:reader";
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

fn handed_over() -> Env {
    Env::from_env().expect("these tests need servers: run them by `cargo xtask test`")
}

/// One of its own, so that nobody else's metadata or keys are in it.
fn google(env: &Env, run: &RunDir) -> Google {
    let options =
        GoogleOptions { jwks: env.cluster.jwks().unwrap(), issuer: env.cluster.issuer().to_owned() };
    Google::start(&env.tools, run.path(), &options).unwrap()
}

fn service_accounts(env: &Env) {
    env.cluster
        .apply(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: env-google}\n---\n\
             apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader, namespace: env-google}\n",
        )
        .unwrap();
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// A program of `tests/servers` that judges: JSON in, JSON out.
fn judged(env: &Env, program: &str, google: &GoogleView, given: &Value) -> Value {
    let mut judge = Command::new(&env.tools.python)
        .arg("-B")
        .arg(workspace_root().join("tests/servers").join(program))
        .env_clear()
        .env("GCE_METADATA_HOST", format!("127.0.0.1:{}", google.port()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn google_answers_as_is_documented() {
    let env = handed_over();
    let run = RunDir::create("selftest").unwrap();
    let server = google(&env, &run);
    let google = server.view();
    service_accounts(&env);
    let project = "env-table";
    let number = google.project(project).unwrap();
    let account = google.service_account(project, "table").unwrap();
    let provider = json!({"project": project, "pool": "pool", "name": "cluster"});
    let provider = google.control("provider", &provider).unwrap();
    let cluster = json!({"project": project, "location": "europe-west3-a", "name": "main"});
    let cluster = google.control("cluster", &cluster).unwrap();
    let (audience, pool) = (text(&provider, "audience"), text(&cluster, "pool"));
    let federated = format!("principal:{}/subject/{READER}", text(&provider, "pool"));
    let bound = format!("serviceAccount:{pool}[env-google/reader]");
    for member in [&federated, &bound] {
        google.grant(member, &format!("projects/{project}/secrets/one"), ACCESSOR).unwrap();
    }
    let act_as = format!("projects/-/serviceAccounts/{}", account.email);
    google.grant(&bound, &act_as, "roles/iam.workloadIdentityUser").unwrap();
    let attached = format!("serviceAccount:{}", account.email);
    google.grant(&attached, &format!("projects/{project}"), "roles/secretmanager.viewer").unwrap();
    let metadata = json!({"project": project, "email": account.email, "cluster_name": "main"});
    google.control("metadata", &metadata).unwrap();
    let user = google.control("authorized-user", &json!({"member": "user:ada@example.com"})).unwrap();

    let token = |audience: &str| env.cluster.service_account_token("env-google", "reader", audience).unwrap();
    let right = token(&format!("https:{audience}"));
    let (signed, signature) = right.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let changed = format!("{signed}.{flipped}{}", &signature[1..]);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let forged = |issuer: &str, issued: u64, over: u64| {
        let claims = json!({"iss": issuer, "sub": READER, "aud": [format!("https:{audience}")],
            "iat": issued, "nbf": issued, "exp": over});
        env.cluster.forged_token(&claims).unwrap()
    };
    let values = json!({
        "PROJECT": project, "NUMBER": number, "EMAIL": account.email, "PROVIDER": audience,
        "POOL": pool, "CLUSTER": cluster["url"], "OIDC": right, "POOL_TOKEN": token(&pool),
        "OTHER_TOKEN": token("elsewhere"), "CHANGED_TOKEN": changed,
        "FOREIGN_TOKEN": forged("https://elsewhere.example", now, now + 600),
        "OLD_TOKEN": forged(env.cluster.issuer(), now - 700, now - 100),
        "CLIENT_ID": user["client_id"], "CLIENT_SECRET": user["client_secret"],
        "REFRESH_TOKEN": user["refresh_token"],
    });
    let given = json!({
        "address": google.address(), "values": values, "key": account.key,
        "other_key": signing_key().unwrap().0,
        "tokens": {"admin": google.token_of(ADMIN).unwrap(), "member": google.token_of("user:x@example.com").unwrap()},
    });
    let found = judged(&env, "check_google_table.py", google, &given);
    assert_eq!(found["different"], json!([]));
    let rows: usize = ["google_responses.json", "google_responses_identity.json"]
        .map(|table| {
            let table = workspace_root().join("tests/servers").join(table);
            let table: Value = serde_json::from_str(&std::fs::read_to_string(table).unwrap()).unwrap();
            table["rows"].as_array().unwrap().len()
        })
        .iter()
        .sum();
    assert_eq!(found["rows"], rows);
}

#[test]
fn googles_own_libraries_read_by_every_kind_of_credential() {
    let env = handed_over();
    if env.clouds.is_none() {
        eprintln!("SKIPPED: Google's libraries: no network of the tests' own");
        return;
    }
    let run = RunDir::create("selftest").unwrap();
    let server = google(&env, &run);
    let google = server.view();
    service_accounts(&env);
    let (project, parent) = ("env-clients", "projects/env-clients");
    let account = google.service_account(project, "reader").unwrap();
    google.secret(parent, "one", b"value", &json!({})).unwrap();
    google.secret(parent, "disabled", b"value", &json!({})).unwrap();
    google.turn("projects/env-clients/secrets/disabled/versions/1", "disable").unwrap();
    for at in 0..8 {
        google.secret(parent, &format!("page{at}"), b"value", &json!({})).unwrap();
    }
    let writer = google.service_account(project, "writer").unwrap();
    let by_writer = format!("serviceAccount:{}", writer.email);
    google.grant(&by_writer, parent, "roles/secretmanager.admin").unwrap();
    let provider = |more: Value| {
        let mut asked = json!({"project": project, "pool": "pool"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        google.control("provider", &asked).unwrap()
    };
    let oidc = provider(json!({"name": "cluster"}));
    let aws = provider(json!({"name": "aws", "aws_account": "123456789012"}));
    let arn = "arn:aws:iam::123456789012:user/env";
    let key =
        json!({"access_key_id": "AKIAENV", "secret": "aws secret", "arn": arn, "account": "123456789012"});
    google.control("aws-key", &key).unwrap();
    let by_key = format!("serviceAccount:{}", account.email);
    let by_token = format!("principal:{}/subject/{READER}", text(&oidc, "pool"));
    let by_aws = format!("principal:{}/subject/{arn}", text(&aws, "pool"));
    let by_user = "user:ada@example.com".to_owned();
    for member in [&by_key, &by_token, &by_aws, &by_user] {
        google.grant(member, parent, ACCESSOR).unwrap();
    }
    google.grant(&by_key, parent, "roles/secretmanager.viewer").unwrap();
    let act_as = format!("projects/-/serviceAccounts/{}", account.email);
    google.grant(&by_token, &act_as, "roles/iam.workloadIdentityUser").unwrap();
    google.control("metadata", &json!({"project": project, "email": account.email})).unwrap();
    let audience = text(&oidc, "audience");
    let subject = env.cluster.service_account_token("env-google", "reader", &format!("https:{audience}"));
    let given = json!({
        "address": google.address(), "project": project, "key": account.key,
        "other_key": signing_key().unwrap().0, "subject_token": subject.unwrap(), "provider": audience,
        "aws_provider": aws["audience"], "aws": {"key": "AKIAENV", "secret": "aws secret"},
        "impersonate": account.email, "writer": writer.key,
        "user": google.control("authorized-user", &json!({"member": by_user})).unwrap(),
    });
    let found: BTreeMap<String, Value> =
        serde_json::from_value(judged(&env, "check_google_clients.py", google, &given)).unwrap();

    let reads = ["self-signed", "asserted", "user", "federated", "impersonated", "aws", "metadata"]
        .map(str::to_owned);
    for read in &reads {
        assert_eq!(found[read], "value", "{read}");
    }
    let refused = [
        ("another key", "RefreshError: ('invalid_grant: Invalid JWT Signature."),
        ("another account", "RefreshError: ('invalid_grant: Invalid grant: account not found"),
        ("another provider", "OAuthError: ('Error code invalid_target: "),
        (
            "aws: another secret",
            "OAuthError: ('Error code invalid_grant: Received invalid AWS response of type",
        ),
        // A token that cannot be renewed: the library takes 401 for its end.
        ("nobody", "RefreshError: The credentials do not contain the necessary fields"),
        ("no such secret", "NotFound: 404 "),
        ("disabled", "BadRequest: 400 "),
    ];
    for (way, words) in refused {
        let said = found[way].as_str().unwrap();
        assert!(said.starts_with(words), "{way}: {said}");
    }
    let names = ["disabled", "one", "page0", "page1", "page2", "page3", "page4", "page5", "page6", "page7"];
    assert_eq!(found["all"], json!(names));
    assert_eq!(found["pages of three"], json!([3, 3, 2]));
    let classes = ["Conflict", "BadRequest", "BadRequest", "NotFound"];
    let life = json!([{"team": "red"}, "1", {"team": "blue"}, "123456789", classes]);
    assert_eq!(found["written"], life, "created, a version, labels, its value, and what is refused");
    let rights = ["secrets.create", "versions.add", "secrets.update", "secrets.delete"];
    assert_eq!(found["forbidden"], json!(rights.map(|right| format!("Forbidden secretmanager.{right}"))));
    assert_eq!(found.len(), reads.len() + refused.len() + 4);
}

#[test]
fn google_lets_gcloud_manage_secrets_with_a_service_accounts_key() {
    let env = handed_over();
    let installed = Command::new("gcloud").arg("--version").output();
    if env.clouds.is_none() || !installed.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "SKIPPED: gcloud as a judge: it is not installed, or there is no network of the tests' own"
        );
        return;
    }
    let run = RunDir::create("selftest").unwrap();
    let server = google(&env, &run);
    let google = server.view();
    let project = "env-gcloud";
    let mut account = google.service_account(project, "admin").unwrap();
    let all = json!({"member": format!("serviceAccount:{}", account.email), "resource": "projects/env-gcloud",
        "permissions": ["*"]});
    google.control("grant", &all).unwrap();
    account.key["token_uri"] = json!(format!("{}/token", google.address()));
    let key = run.path().join("key.json");
    std::fs::write(&key, account.key.to_string()).unwrap();
    let value = run.path().join("value");
    let gcloud = |arguments: &str, input: &str| -> Output {
        std::fs::write(&value, input).unwrap();
        let mut command = Command::new("gcloud");
        command.args(arguments.split(' '));
        gcloud_environment(&mut command, run.path(), google);
        command.output().unwrap()
    };
    let ok = |arguments: &str, input: &str| -> String {
        let output = gcloud(arguments, input);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "gcloud {arguments}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let refused = |arguments: &str, words: &str| {
        let output = gcloud(arguments, "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(words), "gcloud {arguments}: {said}");
    };
    let file = format!("--data-file={}", value.display());
    ok(&format!("auth activate-service-account --key-file={}", key.display()), "");
    ok(&format!("secrets create one --labels=team=red {file}"), "first");
    ok(&format!("secrets versions add one {file}"), "second");
    assert_eq!(ok("secrets versions access latest --secret=one", ""), "second");
    assert_eq!(ok("secrets versions access 1 --secret=one", ""), "first");
    ok("secrets update one --update-version-aliases=prod=1", "");
    assert_eq!(ok("secrets versions access prod --secret=one", ""), "first");
    let described: Value = serde_json::from_str(&ok("secrets describe one --format=json", "")).unwrap();
    assert_eq!(
        (&described["labels"], &described["versionAliases"]),
        (&json!({"team": "red"}), &json!({"prod": "1"}))
    );
    ok("secrets create two --replication-policy=automatic", "");
    let listed = |filter: &str| -> Vec<String> {
        let found: Value =
            serde_json::from_str(&ok(&format!("secrets list --format=json{filter}"), "")).unwrap();
        let names = found.as_array().unwrap().iter().map(|each| text(each, "name"));
        names.map(|name| name.rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(""), ["two", "one"], "newest first");
    assert_eq!(listed(" --filter=labels.team=red"), ["one"]);
    ok("secrets versions disable 2 --secret=one", "");
    let states = ok("secrets versions list one --format=value(name.basename(),state)", "");
    assert_eq!(states.split_whitespace().collect::<Vec<_>>(), ["2", "disabled", "1", "enabled"]);
    refused("secrets versions access latest --secret=one", "FAILED_PRECONDITION");
    refused("secrets versions access 9 --secret=one", "NOT_FOUND");
    refused("secrets describe none", "NOT_FOUND");
    refused("secrets create one", "already exists");
    refused("secrets list --project=env-elsewhere", "PERMISSION_DENIED");
}

/// Nothing of the caller's own configuration, and every address the stand-in's.
fn gcloud_environment(command: &mut Command, dir: &Path, google: &GoogleView) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", dir).env("CLOUDSDK_CONFIG", dir.join("gcloud"));
    command.env("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", format!("{}/", google.address()));
    command.env("CLOUDSDK_CORE_PROJECT", "env-gcloud").env("CLOUDSDK_CORE_DISABLE_PROMPTS", "1");
    command
        .env("CLOUDSDK_CORE_DISABLE_USAGE_REPORTING", "true")
        .env("CLOUDSDK_CORE_CHECK_GCE_METADATA", "false");
    command.env("CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK", "true");
}
