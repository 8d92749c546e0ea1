//! Vault's aws, gcp and ldap logins, judged by hvac: its own signing, its own requests.
//!
//! `cargo xtask test` runs this with its servers handed over; a failure here is the environment's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use claviger_testenv::{Env, RunDir, VaultLogins, signing_key, workspace_root};
use serde_json::{Value, json};

const EMAIL: &str = "env@project.iam.gserviceaccount.com";

#[test]
fn hvac_logs_in_with_what_is_right_and_with_nothing_else() {
    let env = Env::from_env().expect("this test needs servers: run it by `cargo xtask test`");
    let run = RunDir::create("selftest").unwrap();
    let admin = |operation: &str, more: Value| {
        let mut arguments = json!({"UserName": "env-vault"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        env.aws.admin_call("iam", operation, &arguments).unwrap()
    };
    let arn = admin("CreateUser", json!({}))["User"]["Arn"].clone();
    let key = &admin("CreateAccessKey", json!({}))["AccessKey"];
    let ((google, public), (another, _)) = (signing_key().unwrap(), signing_key().unwrap());
    let keys = BTreeMap::from([(EMAIL.to_owned(), public)]);
    let logins = VaultLogins::start(&env.tools, run.path(), &env.bao, &env.aws, &keys).unwrap();
    let view = logins.view();

    // All else is OpenBao's answer, errors included.
    let policy = json!({"policy": "path \"env/*\" { capabilities = [\"read\"] }"});
    assert_eq!(view.api("PUT", "sys/policies/acl/env-read", &policy).unwrap().0, 204);
    for (method, path) in [
        ("GET", "sys/policies/acl/env-read"),
        ("LIST", "sys/policies/acl"),
        ("GET", "sys/policies/acl?list=true"),
        ("GET", "none/x"),
    ] {
        let (mut direct, mut through) =
            (env.bao.api(method, path, &Value::Null).unwrap(), view.api(method, path, &Value::Null).unwrap());
        for answer in [&mut direct.1, &mut through.1] {
            answer.as_object_mut().unwrap().remove("request_id");
        }
        assert_eq!(through, direct, "{method} {path}");
    }

    let mut hvac = Command::new(&env.tools.python)
        .arg(workspace_root().join("tests/servers/check_vault_logins.py"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({
        "address": view.address(), "token": view.token(), "another_key": another,
        "aws": {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"], "arn": arn},
        "google": {"email": EMAIL, "key": google},
    });
    hvac.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = hvac.wait_with_output().unwrap();
    assert!(output.status.success());
    let found: BTreeMap<String, Vec<String>> = serde_json::from_slice(&output.stdout).unwrap();

    let refused = [
        ("aws: another secret", "received error code 403 from STS"),
        ("aws: another server", "wrong value of header"),
        ("aws: no server", "missing header"),
        ("aws: another's role", "does not belong to the role 'theirs'"),
        ("aws: no such role", "role 'none' does not exist"),
        ("gcp: another key", "Signature verification failed"),
        ("gcp: another audience", "Audience doesn't match"),
        ("gcp: another's role", "is not bound to role theirs"),
        ("gcp: too long", "expire within 900 seconds"),
        ("gcp: over", "expired"),
        ("ldap: another password", "failed to bind as user"),
        ("ldap: none", "failed to bind as user"),
    ];
    for method in ["aws", "gcp", "ldap"] {
        assert_eq!(found[method], ["default", "env-read"], "{method}: {found:?}");
    }
    for (login, words) in refused {
        let said = &found[login][0];
        assert!(said.starts_with("InvalidRequest: ") && said.contains(words), "{login}: {said}");
    }
    assert_eq!(found.len(), 3 + refused.len());
}
