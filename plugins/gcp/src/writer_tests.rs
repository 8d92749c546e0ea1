//! What is sent for a push, a deletion and a look, and what is made of Google's answers. Only tests.

#![allow(clippy::unwrap_used)]
use std::cell::RefCell;

use google_credentials::Request;

use super::*;
use crate::fake::{Fake, refused, session};

const SECRET: &str = "/v1/projects/shop/secrets/s";

/// A request as `METHOD path body`, in one line.
fn line(request: &Request) -> String {
    let path = request.url.split_once("googleapis.com").unwrap().1;
    let body = String::from_utf8(request.body.clone()).unwrap();
    let json =
        request.headers.iter().any(|(name, value)| name == "content-type" && value == "application/json");
    assert_eq!(json, !body.is_empty(), "{path}");
    format!("{} {path} {body}", request.method).trim_end().to_owned()
}

/// Google with a secret's answer, its latest version's, and what is answered to each other method.
struct Google<'a> {
    config: Value,
    secret: (u16, String),
    latest: (u16, String),
    other: &'a dyn Fn(&str) -> (u16, String),
}

fn no_secret() -> (u16, String) {
    (404, refused(404, "NOT_FOUND", "Secret [projects/1/secrets/s] not found.", ""))
}

fn no_version() -> (u16, String) {
    (404, refused(404, "NOT_FOUND", "Secret [projects/1/secrets/s] not found or has no versions.", ""))
}

fn disabled() -> (u16, String) {
    (
        400,
        refused(
            400,
            "FAILED_PRECONDITION",
            "Secret Version [projects/1/secrets/s/versions/2] is in DISABLED state.",
            "",
        ),
    )
}

fn denied(right: &str) -> (u16, String) {
    (403, refused(403, "PERMISSION_DENIED", &format!("Permission '{right}' denied"), "IAM_PERMISSION_DENIED"))
}

fn secret(label: &str, etag: &str) -> (u16, String) {
    let secret = json!({"name": "projects/1/secrets/s", "labels": {"managed-by": label}, "etag": etag});
    (200, secret.to_string())
}

fn ours() -> (u16, String) {
    secret("external-secrets", "\"1\"")
}

fn version(number: u8, value: &str) -> (u16, String) {
    let name = format!("projects/1/secrets/s/versions/{number}");
    (200, json!({"name": name, "payload": {"data": STANDARD.encode(value)}}).to_string())
}

fn fine(_: &str) -> (u16, String) {
    (200, "{}".to_owned())
}

impl Google<'_> {
    /// What `act` comes to, and what was sent besides both reads.
    fn run<T>(&self, act: impl Fn(&Client<'_>) -> T) -> (T, Vec<String>) {
        let sent = RefCell::new(Vec::new());
        let below = match self.config["location"].as_str() {
            Some(location) => format!("/v1/projects/shop/locations/{location}/secrets/s"),
            None => SECRET.to_owned(),
        };
        let fake = Fake::new(|request| {
            if request.url.contains("oauth2") {
                return Fake::login(1);
            }
            let line = line(request);
            if line == format!("GET {below}/versions/latest:access") {
                return self.latest.clone();
            }
            if line == format!("GET {below}") && sent.borrow().is_empty() {
                return self.secret.clone();
            }
            sent.borrow_mut().push(line.clone());
            (self.other)(&line)
        });
        let session = session(&self.config);
        let found = act(&Client::new(&session, &fake).unwrap());
        (found, sent.take())
    }
}

fn google(secret: (u16, String), latest: (u16, String)) -> Google<'static> {
    Google { config: json!({}), secret, latest, other: &fine }
}

fn write(value: &str) -> Write {
    Write {
        key: "s".to_owned(),
        value: value.as_bytes().to_vec(),
        expected_version: None,
        metadata: None,
        replace: true,
    }
}

fn kind<T: std::fmt::Debug>(answer: &Result<T, Error>) -> String {
    match answer {
        Ok(outcome) => format!("{outcome:?}").trim_start_matches("Outcome::").to_lowercase(),
        Err(Error::Denied(_)) => "denied".to_owned(),
        Err(Error::Conflict(_)) => "conflict".to_owned(),
        Err(Error::Unavailable(_)) => "unavailable".to_owned(),
        Err(Error::Unauthenticated(_)) => "unauthenticated".to_owned(),
        Err(_) => "other".to_owned(),
    }
}

fn pushed(google: &Google<'_>, write: Write) -> (Result<Outcome, Error>, Vec<String>) {
    let (answers, sent) = google.run(|client| push(client, std::slice::from_ref(&write)).unwrap());
    (answers.into_iter().next().unwrap(), sent)
}

/// Checksums: the check value of CRC-32/ISCSI ("123456789").
const ADD: &str = r#"POST /v1/projects/shop/secrets/s:addVersion {"payload":{"data":"MTIzNDU2Nzg5","dataCrc32c":"3808858755"}}"#;

#[test]
fn what_a_push_sends() {
    let create = r#"POST /v1/projects/shop/secrets?secretId=s {"labels":{"managed-by":"external-secrets"},"replication":{"automatic":{}}}"#;
    let labelled = json!({
        "name": "projects/1/secrets/s", "labels": {"managed-by": "external-secrets", "old": "x"},
        "annotations": {"old": "x"}, "etag": "\"1\"",
    });
    let patch = r#"PATCH /v1/projects/shop/secrets/s?updateMask=labels,annotations {"labels":{"managed-by":"external-secrets"},"annotations":{},"etag":"\"1\""}"#;
    for (secret, latest, outcome, expected) in [
        (no_secret(), no_version(), "created", vec![create, ADD]),
        (ours(), no_version(), "created", vec![ADD]),
        (ours(), version(3, "old"), "updated", vec![ADD]),
        (ours(), version(3, "123456789"), "unchanged", vec![]),
        ((200, labelled.to_string()), version(3, "123456789"), "updated", vec![patch]),
        ((200, labelled.to_string()), version(3, "old"), "updated", vec![patch, ADD]),
        (secret("terraform", "\"1\""), version(3, "old"), "denied", vec![]),
        (ours(), disabled(), "other", vec![]),
        // It came between the reads.
        (no_secret(), version(1, "old"), "conflict", vec![]),
        (denied("secretmanager.secrets.get"), version(1, "old"), "denied", vec![]),
        (ours(), denied("secretmanager.versions.access"), "denied", vec![]),
        ((502, "<html>".to_owned()), version(1, "old"), "unavailable", vec![]),
        ((200, "<html>".to_owned()), version(1, "old"), "unavailable", vec![]),
        ((404, "<html>".to_owned()), no_version(), "unavailable", vec![]),
    ] {
        let (answer, sent) = pushed(&google(secret.clone(), latest.clone()), write("123456789"));
        assert_eq!(
            (kind(&answer), sent),
            (outcome.to_owned(), expected.iter().map(ToString::to_string).collect()),
            "{secret:?} {latest:?}"
        );
    }
}

#[test]
fn a_regional_secret_is_written_at_its_location() {
    let google = Google { config: json!({"location": "europe-west3"}), ..google(no_secret(), no_version()) };
    let (answer, sent) = pushed(&google, write("123456789"));
    assert_eq!(kind(&answer), "created");
    assert_eq!(
        sent,
        [
            r#"POST /v1/projects/shop/locations/europe-west3/secrets?secretId=s {"labels":{"managed-by":"external-secrets"}}"#
                .to_owned(),
            ADD.replace("shop/", "shop/locations/europe-west3/"),
        ]
    );
}

/// What a write is answered with, as Google's reference and its page about etags have it.
#[test]
fn refused_writes() {
    let state = |message: &str| (400, refused(400, "FAILED_PRECONDITION", message, ""));
    let taken = (409, refused(409, "ALREADY_EXISTS", "Secret [projects/1/secrets/s] already exists.", ""));
    let annotated = json!({
        "name": "projects/1/secrets/s", "labels": {"managed-by": "external-secrets"}, "annotations": {"a": "b"},
        "etag": "\"1\"",
    });
    let there = (200, annotated.to_string());
    for (secret, latest, on, answer, again, outcome, words) in [
        (no_secret(), no_version(), "POST", taken, no_secret(), "conflict", "created in the meantime"),
        (
            no_secret(),
            no_version(),
            "POST",
            denied("x"),
            no_secret(),
            "denied",
            "secretmanager.secrets.create",
        ),
        (ours(), no_version(), "POST", denied("x"), no_secret(), "denied", "secretmanager.versions.add"),
        (ours(), no_version(), "POST", no_secret(), no_secret(), "conflict", "deleted in the meantime"),
        (
            there.clone(),
            version(1, "v"),
            "PATCH",
            denied("x"),
            no_secret(),
            "denied",
            "secretmanager.secrets.update",
        ),
        (
            there.clone(),
            version(1, "v"),
            "PATCH",
            state("etag"),
            ours2(),
            "conflict",
            "changed in the meantime",
        ),
        (
            there.clone(),
            version(1, "v"),
            "PATCH",
            state("etag"),
            no_secret(),
            "conflict",
            "changed in the meantime",
        ),
        (
            there.clone(),
            version(1, "v"),
            "PATCH",
            state("no right to publish"),
            there,
            "other",
            "no right to publish",
        ),
    ] {
        let other = |line: &str| match line {
            line if line.starts_with(on) => answer.clone(),
            _ => again.clone(),
        };
        let google = Google { other: &other, ..google(secret, latest) };
        let (found, _) = pushed(&google, write("v"));
        assert_eq!(kind(&found), outcome, "{answer:?}");
        let said = format!("{:?}", found.unwrap_err());
        assert!(said.contains(words) && said.contains("secrets/s"), "{said}");
    }
}

fn ours2() -> (u16, String) {
    secret("external-secrets", "\"2\"")
}

#[test]
fn the_version_that_was_read() {
    for (expected, latest, outcome) in [
        ("3", version(3, "old"), "updated"),
        ("3", version(4, "old"), "conflict"),
        ("3", no_version(), "conflict"),
    ] {
        let write = Write { expected_version: Some(expected.to_owned()), ..write("v") };
        let (answer, sent) = pushed(&google(ours(), latest), write);
        assert_eq!((kind(&answer).as_str(), sent.len()), (outcome, usize::from(outcome == "updated")));
    }
}

/// As `get` has it: the newest enabled version is the value then.
#[test]
fn a_disabled_latest_version_by_the_stores_policy() {
    let config = json!({"secretVersionSelectionPolicy": "LatestOrFetch"});
    let versions = |state: &str| {
        let each = json!([{"name": "projects/1/secrets/s/versions/1", "state": state}]);
        (200, json!({"versions": each}).to_string())
    };
    for (state, expected, value, outcome, adds) in [
        ("ENABLED", Some("1"), "v", "unchanged", 0),
        ("ENABLED", Some("1"), "w", "updated", 1),
        ("ENABLED", Some("2"), "w", "conflict", 0),
        ("DISABLED", None, "w", "other", 0),
    ] {
        let other = |line: &str| match line {
            line if line.contains("/versions?") => versions(state),
            line if line.contains("/versions/1:access") => version(1, "v"),
            _ => fine(line),
        };
        let google = Google { config: config.clone(), other: &other, ..google(ours(), disabled()) };
        let write = Write { expected_version: expected.map(ToOwned::to_owned), ..write(value) };
        let (answer, sent) = pushed(&google, write);
        let added = sent.iter().filter(|line| line.contains(":addVersion")).count();
        assert_eq!((kind(&answer).as_str(), added), (outcome, adds), "{state} {value}");
    }
}

#[test]
fn deletions() {
    let gone = "DELETE /v1/projects/shop/secrets/s?etag=%221%22";
    let state = || (400, refused(400, "FAILED_PRECONDITION", "etag", ""));
    for (secret, latest, expected, answer, outcome, deletes) in [
        (ours(), version(1, "v"), None, fine(""), "()", 1),
        (ours(), version(1, "v"), Some("1"), fine(""), "()", 1),
        (ours(), version(2, "v"), Some("1"), fine(""), "conflict", 0),
        // Who deletes by no version need not read any.
        (ours(), denied("secretmanager.versions.access"), None, fine(""), "()", 1),
        (ours(), denied("secretmanager.versions.access"), Some("1"), fine(""), "denied", 0),
        (no_secret(), no_version(), None, fine(""), "()", 0),
        (no_secret(), no_version(), Some("1"), fine(""), "()", 0),
        (secret("terraform", "\"1\""), version(1, "v"), None, fine(""), "denied", 0),
        (ours(), version(1, "v"), None, no_secret(), "()", 1),
        (ours(), version(1, "v"), None, state(), "conflict", 1),
        (ours(), version(1, "v"), None, denied("secretmanager.secrets.delete"), "denied", 1),
    ] {
        let other = |line: &str| if line.starts_with("DELETE") { answer.clone() } else { ours2() };
        let google = Google { other: &other, ..google(secret, latest) };
        let removal = Removal { key: "s".to_owned(), expected_version: expected.map(ToOwned::to_owned) };
        let (answers, sent) = google.run(|client| delete(client, std::slice::from_ref(&removal)).unwrap());
        let deleted = sent.iter().filter(|line| *line == gone).count();
        assert_eq!((kind(&answers[0]).as_str(), deleted), (outcome, deletes), "{answer:?} {expected:?}");
    }
}

#[test]
fn what_is_there() {
    for (latest, expected) in [
        (version(1, "v"), "true"),
        (disabled(), "true"),
        (no_version(), "false"),
        (denied("secretmanager.versions.access"), "denied"),
        ((404, "<html>".to_owned()), "unavailable"),
    ] {
        let (answers, sent) = google(ours(), latest).run(|client| exists(client, &["s".to_owned()]).unwrap());
        assert_eq!((kind(&answers[0]).as_str(), sent.len()), (expected, 0));
    }
}

/// A key that cannot be written does not keep another from it; one of its own project is as good as its id.
#[test]
fn keys() {
    let google = google(ours(), version(1, "old"));
    let keys =
        ["projects/shop/secrets/s", "projects/other/secrets/s", "projects/shop/secrets/s/versions/1", "a/b"];
    let writes: Vec<Write> = keys.iter().map(|key| Write { key: (*key).to_owned(), ..write("v") }).collect();
    let (answers, sent) = google.run(|client| push(client, &writes).unwrap());
    let kinds: Vec<String> = answers.iter().map(kind).collect();
    assert_eq!(
        (kinds, sent.len()),
        (["updated", "denied", "other", "other"].map(ToOwned::to_owned).to_vec(), 1)
    );
    assert!(format!("{:?}", answers[2]).contains("version"), "{answers:?}");
}

#[test]
fn metadata_that_is_none_writes_nothing() {
    let write = Write { metadata: Some("{}".to_owned()), ..write("v") };
    let (answer, sent) = pushed(&google(no_secret(), no_version()), write);
    assert_eq!((kind(&answer).as_str(), sent.len()), ("other", 0));
    assert!(format!("{answer:?}").contains("secrets/s: the push's metadata: apiVersion"), "{answer:?}");
}

/// A write whose token was refused has done nothing, and is sent once more with another.
#[test]
fn a_token_that_ended_is_changed() {
    let logins = RefCell::new(0);
    let adds = RefCell::new(Vec::new());
    let fake = Fake::new(|request| match &request.url {
        url if url.contains("oauth2") => {
            *logins.borrow_mut() += 1;
            Fake::login(*logins.borrow())
        }
        url if url.ends_with(":access") => version(1, "old"),
        url if url.ends_with(":addVersion") => {
            adds.borrow_mut().push(line(request));
            if adds.borrow().len() == 1 {
                (401, refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", ""))
            } else {
                fine("")
            }
        }
        _ => ours(),
    });
    let session = session(&json!({}));
    let answers = push(&Client::new(&session, &fake).unwrap(), &[write("123456789")]).unwrap();
    assert_eq!(kind(&answers[0]), "updated");
    assert_eq!((*logins.borrow(), adds.take()), (2, vec![ADD.to_owned(); 2]));
}
