//! The stand-in for 1Password Connect, judged by 1Password's own client for Python.
//!
//! `cargo xtask test` runs this with its tools handed over; a failure here is the environment's.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use claviger_testenv::{Connect, Env, RunDir, workspace_root};
use serde_json::{Value, json};

#[test]
fn onepasswords_own_client_reads_what_is_there_and_nothing_else() {
    let env = Env::from_env().expect("this test needs tools: run it by `cargo xtask test`");
    let run = RunDir::create("selftest").unwrap();
    let connect = Connect::start(&env.tools, run.path()).unwrap();
    // "content" and "of a file", in base64.
    let files =
        json!([{"name": "a.txt", "content": "Y29udGVudA=="}, {"name": "b.txt", "content": "b2YgYSBmaWxl"}]);
    let fields = json!([{"label": "username", "value": "ada"}, {"label": "password", "value": "lovelace"}]);
    let ids = connect
        .fill(&json!({
            "tokens": {"wide": ["first", "second"], "narrow": ["first"]},
            "vaults": [
                {"name": "first", "items": [
                    {"title": "login", "tags": ["red", "test"], "fields": fields},
                    {"title": "document", "category": "DOCUMENT", "files": files},
                ]},
                {"name": "second", "items": []},
            ],
        }))
        .unwrap();
    let mut client = Command::new(&env.tools.python)
        .arg(workspace_root().join("tests/servers/check_onepassword.py"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let given = json!({"address": connect.address(), "token": "wide", "narrow": "narrow", "ids": ids});
    client.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success());
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();

    for (what, expected) in [
        ("vaults", json!(["first", "second"])),
        ("narrow", json!(["first"])),
        ("vault", ids["second"].clone()),
        ("items", json!(["login", "document"])),
        ("tagged", json!(["login"])),
        (
            "by title",
            json!({
                "id": ids["first/login"], "category": "LOGIN", "tags": ["red", "test"], "files": [],
                "fields": {"username": "ada", "password": "lovelace"},
            }),
        ),
        ("by id", json!("login")),
        (
            "document",
            json!({
                "id": ids["first/document"], "category": "DOCUMENT", "tags": [], "fields": {},
                "files": ["content", "of a file"],
            }),
        ),
        ("file", json!("a.txt")),
    ] {
        assert_eq!(found[what], expected, "{what}: {found}");
    }
    let refused = [
        ("no vault", "Found 0 vaults"),
        ("no title", "Found 0 items"),
        ("no id", "Received 404"),
        ("no such vault", "Received 404"),
        ("not in scope", "Received 403"),
        ("wrong token", "Received 401"),
        ("no id's form", "Received 400"),
    ];
    for (what, words) in refused {
        assert!(found[what].as_str().is_some_and(|said| said.contains(words)), "{what}: {}", found[what]);
    }
    assert_eq!(found.as_object().unwrap().len(), 9 + refused.len());
}
