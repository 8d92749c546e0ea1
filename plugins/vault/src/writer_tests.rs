//! What is sent, in which order, to a server with one key. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;
use crate::fake::{Fake, reply, session};
use crate::world::Request;

const DENIED: &str = "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}";

/// A mount `secret` of a version; the key `app/x` is there with a mark or without, and version 1.
struct Server {
    version: &'static str,
    mark: Option<&'static str>,
    /// What refuses: method and part of the path, and the answer.
    refuses: Option<(&'static str, &'static str, u16, &'static str)>,
    bodies: RefCell<Vec<Value>>,
}

impl Server {
    fn answer(&self, request: &Request) -> (u16, String) {
        let path = request.url.split_once("/v1/").map_or("", |(_, path)| path);
        if let Some((method, part, status, body)) = self.refuses
            && request.method == method
            && path.contains(part)
        {
            return reply(status, body);
        }
        if path.starts_with("sys/internal/ui/mounts/") {
            let kind = if self.version == "database" { "database" } else { "kv" };
            let mount = json!({"path": "secret/", "type": kind, "options": {"version": self.version}});
            return (200, json!({"data": mount}).to_string());
        }
        if request.method != "GET" {
            if !request.body.is_empty() {
                self.bodies.borrow_mut().push(serde_json::from_slice(&request.body).unwrap());
            }
            return reply(204, "");
        }
        let custom = self.mark.map(|mark| json!({"managed-by": mark}));
        let answer = match (path, &custom) {
            ("secret/data/app/x", Some(_)) => json!({"data": {"a": "b"}, "metadata": {"version": 1}}),
            ("secret/metadata/app/x", Some(custom)) => {
                json!({"current_version": 1, "custom_metadata": custom, "versions": {"1": {}}})
            }
            ("secret/app/x", Some(custom)) => json!({"a": "b", "custom_metadata": custom}),
            _ => return reply(404, r#"{"errors":[]}"#),
        };
        (200, json!({"data": answer}).to_string())
    }
}

fn store(version: &str) -> Value {
    json!({"server": "https://v", "path": "secret", "version": version, "auth": {"tokenSecretRef": {"name": "t"}}})
}

fn write(key: &str, value: &str) -> Write {
    Write {
        key: key.to_owned(),
        value: value.as_bytes().to_vec(),
        expected_version: None,
        metadata: None,
        replace: true,
    }
}

/// Method and path, without the token; the mount is looked at where something is missing, and in version 1.
fn asked(fake: &Fake<'_>) -> Vec<String> {
    let all = fake.asked();
    let asked = all.iter().filter(|asked| !asked.contains("sys/internal"));
    asked.map(|asked| asked.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

const READS: [&str; 2] = ["GET /secret/metadata/app/x", "GET /secret/data/app/x"];

#[test]
fn requests_of_a_push() {
    let new = json!({"custom_metadata": {"managed-by": "external-secrets"}, "metadata_cas": 0});
    let first = json!({"data": {"a": "b"}, "options": {"cas": 0}});
    let second = json!({"data": {"a": "c"}, "options": {"cas": 1}});
    let ours = Some("external-secrets");
    let v1 = json!({"a": "c", "custom_metadata": {"managed-by": "external-secrets"}});
    for (version, mark, value, outcome, sent, bodies) in [
        (
            "2",
            None,
            r#"{"a":"b"}"#,
            Ok(Outcome::Created),
            &["PUT /secret/metadata/app/x", "PUT /secret/data/app/x"][..],
            vec![new, first],
        ),
        ("2", ours, r#"{"a":"b"}"#, Ok(Outcome::Unchanged), &[], vec![]),
        ("2", ours, r#"{"a":"c"}"#, Ok(Outcome::Updated), &["PUT /secret/data/app/x"], vec![second]),
        ("2", Some("me"), r#"{"a":"c"}"#, Err(()), &[], vec![]),
        ("1", ours, r#"{"a":"b"}"#, Ok(Outcome::Unchanged), &[], vec![]),
        ("1", ours, r#"{"a":"c"}"#, Ok(Outcome::Updated), &["PUT /secret/app/x"], vec![v1]),
        ("1", Some("me"), r#"{"a":"c"}"#, Err(()), &[], vec![]),
    ] {
        let server = Server { version, mark, refuses: None, bodies: RefCell::default() };
        let fake = Fake::new(|request| server.answer(request));
        let session = session(&store(&format!("v{version}")));
        let client = Client::new(&session, &fake).unwrap();
        let found = push(&client, &[write("secret/app/x", value)]).unwrap().remove(0);
        assert!(found.is_ok() || matches!(found, Err(Error::Denied(_))), "{found:?}");
        assert_eq!(found.map_err(|_| ()), outcome, "{version} {mark:?} {value}");
        let reads: &[&str] = if version == "2" { &READS } else { &["GET /secret/app/x"] };
        let expected: Vec<&str> = reads.iter().chain(sent).copied().collect();
        assert_eq!(asked(&fake), expected, "{version} {mark:?} {value}");
        assert_eq!(*server.bodies.borrow(), bodies);
    }
}

#[test]
fn requests_of_a_deletion_and_of_a_look() {
    for (version, mark, result, sent, there) in [
        ("2", Some("external-secrets"), Ok(()), Some("DELETE /secret/metadata/app/x"), true),
        ("2", Some("me"), Err(()), None, true),
        ("2", None, Ok(()), None, false),
        ("1", Some("external-secrets"), Ok(()), Some("DELETE /secret/app/x"), true),
        ("1", Some("me"), Err(()), None, true),
        ("1", None, Ok(()), None, false),
    ] {
        let server = Server { version, mark, refuses: None, bodies: RefCell::default() };
        let fake = Fake::new(|request| server.answer(request));
        let session = session(&store(&format!("v{version}")));
        let client = Client::new(&session, &fake).unwrap();
        let removal = Removal { key: "app/x".to_owned(), expected_version: None };
        let found = delete(&client, &[removal]).unwrap().remove(0);
        assert!(found.is_ok() || matches!(found, Err(Error::Denied(_))), "{found:?}");
        assert_eq!(found.map_err(|_| ()), result, "{version} {mark:?}");
        assert_eq!(asked(&fake).iter().find(|asked| !asked.starts_with("GET")).map(String::as_str), sent);
        let found = exists(&client, &["app/x".to_owned(), "../x".to_owned()]).unwrap();
        assert_eq!(found[0].as_ref().ok(), Some(&there), "{version} {mark:?}: {found:?}");
        assert!(found[1].is_err(), "it leads out of the mount");
    }
}

/// What keeps a push from being made, and what is said of it.
#[test]
fn refusals() {
    let other = "{\"errors\":[\"check-and-set parameter did not match the current version\"]}";
    let (v1, v2) = ("1", "2");
    for (version, store_version, refuses, said, puts) in [
        (v2, "v2", ("PUT", "/data/", 400, other), "conflict: secret/data/app/x: HTTP 400: check-and-set", 1),
        // Bodies of OpenBao 2.7.2.
        (
            v2,
            "v2",
            (
                "PUT",
                "metadata/",
                400,
                "{\"errors\":[\"metadata check-and-set parameter does not match the current version\"]}",
            ),
            "conflict: ",
            0,
        ),
        (
            v2,
            "v2",
            ("PUT", "/data/", 403, DENIED),
            "denied: secret/data/app/x: HTTP 403: permission denied. The token's policies lack: path \"secret/data/app/x\" { capabilities = [\"create\", \"update\"] }",
            1,
        ),
        (v2, "v2", ("GET", "metadata/", 403, DENIED), "denied: secret/metadata/app/x", 0),
        // Nothing is written where the store means something else.
        (v1, "v2", ("", "", 0, ""), "invalid-config: /version", 0),
        ("database", "v1", ("", "", 0, ""), "unsupported: app/x: what is mounted at secret is database", 0),
    ] {
        let refuses = Some(refuses).filter(|refuses| !refuses.0.is_empty());
        let server = Server { version, mark: None, refuses, bodies: RefCell::default() };
        let fake = Fake::new(|request| server.answer(request));
        let session = session(&store(store_version));
        let client = Client::new(&session, &fake).unwrap();
        let error = push(&client, &[write("app/x", r#"{"a":"b"}"#)]).unwrap().remove(0).unwrap_err();
        let text = match error {
            Error::Conflict(text) => format!("conflict: {text}"),
            Error::Denied(text) => format!("denied: {text}"),
            Error::Unsupported(text) => format!("unsupported: {text}"),
            Error::InvalidConfig(error) => format!("invalid-config: {}", error.path),
            error => panic!("{error:?}"),
        };
        assert!(text.starts_with(said), "{text}");
        assert_eq!(server.bodies.borrow().len(), puts, "{text}");
    }
}
