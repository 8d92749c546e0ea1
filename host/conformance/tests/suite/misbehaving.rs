//! A provider that breaks the rules: the suite has to see each of them.

use claviger_conformance::{Case, Outcome};
use serde_json::{Value, json};

use crate::backend::{Backend, VALUE};
use crate::support::{Subject, changed, shown};

/// The provider in a mode, over the backend. It reads `/data` in mode `get`.
fn bench(backend: &Backend, mode: &str) -> Value {
    json!({
        "servers": {"API": backend.origin},
        "store": {
            "mode": mode, "server": "${API}", "path": "/data", "ref": {"name": "login", "key": "token"},
            "connect": {"rounds": [[{"object": {"slot": "s", "at": "/ref"}}]]},
        },
        "objects": [{"kind": "Secret", "name": "login", "stringData": {"token": "a-token-of-the-bench"}}],
        "badCredential": [{"kind": "Secret", "name": "login", "stringData": {"token": "a-wrong-token"}}],
        "loginRequests": [{"path": "^/login"}],
        "cases": {"value": {"key": "the-key", "expect": VALUE}},
    })
}

/// A mode, a case with its input, and what the suite has to see; empty: it passes.
type Row = (&'static str, &'static str, Value, &'static str);

async fn table(subject: &Subject, backend: &Backend, rows: Vec<Row>) {
    for (mode, case, input, expected) in rows {
        let bench = changed(&bench(backend, mode), &format!("/cases/{case}"), input);
        match (subject.outcome(&bench, case).await, expected) {
            (Outcome::Passed, "") => {}
            (Outcome::Failed { seen, expected }, part) if !part.is_empty() => {
                assert!(seen.contains(part), "{mode} {case}: {part:?} is not in {seen:?} ({expected})");
            }
            (outcome, _) => panic!("{mode} {case}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn wrong_answers_are_seen() {
    let Some(subject) = Subject::new("misbehaving") else { return };
    let backend = Backend::start().await;
    let value = json!({"key": "the-key", "expect": VALUE});
    let rows = vec![
        ("get", "value", value.clone(), ""),
        ("ok", "value", value.clone(), "differs from byte"),
        ("two-for-one", "value", value.clone(), "2 answers to 1 items"),
        ("none-for-one", "value", value.clone(), "0 answers to 1 items"),
        ("huge", "value", value.clone(), "larger than the limit"),
        ("no-such-mode", "value", value, "other: no such mode"),
        // It makes up a value for whatever it is asked.
        ("ok", "missingKey", json!({"key": "absent"}), "an answer"),
        ("ok", "missingProperty", json!({"property": "a"}), "not JSON"),
        ("ok", "denied", json!({"key": "forbidden"}), "an answer"),
        ("ok", "badCredential", json!({}), "an answer"),
        ("ok", "validateBadCredential", json!({}), "an answer"),
        ("ok", "oneBadKeyInBatch", json!({"keys": ["a"], "missing": "b"}), "an answer"),
        ("ok", "thousandKeys", json!({"key": "k-{n}", "expect": "k-{n}"}), ""),
        ("get", "thousandKeys", json!({"key": "k-{n}", "expect": "k-{n}"}), "differs from byte"),
        // Searches that never end, and those that bring too much.
        ("same-page", "paging", json!({"name": "."}), "the next page is the same page"),
        ("some-keys", "paging", json!({"name": "."}), "a page of 6000 keys"),
        ("long-key", "findByName", json!({"name": "."}), "a key of 100000 bytes"),
        ("ok", "findByName", json!({"name": ".", "expect": ["the-key", "another"]}), "missing: \"another\""),
        ("ok", "findNothing", json!({"name": "key"}), "too many: \"the-key\""),
        ("get", "findByName", json!({"name": "."}), "unsupported: finding"),
    ];
    table(&subject, &backend, rows).await;
}

#[tokio::test]
async fn what_is_made_of_a_bad_backend_is_seen() {
    let Some(subject) = Subject::new("misbehaving") else { return };
    let backend = Backend::start().await;
    let none = || json!({});
    let rows = vec![
        // Whatever the status, what comes is the value to it.
        ("get", "throttled", none(), "an answer"),
        ("get", "serverError", none(), "an answer"),
        ("get", "notTheBackend", none(), "an answer"),
        // Its client, which is the SDK's, sees to the rest.
        ("get", "slow", none(), ""),
        ("get", "truncatedBody", none(), ""),
        ("get", "oversizedBody", none(), ""),
        ("get", "timeout", none(), ""),
        ("get", "unreachable", none(), ""),
        // A call that asks the backend for nothing met no fault.
        ("ok", "throttled", none(), "correct servers or dataRequests"),
        ("ok", "timeout", none(), "correct servers or dataRequests"),
        ("ok", "unreachable", none(), "an answer"),
        ("memo", "serverErrorAtLogin", none(), "an answer"),
        ("get", "serverErrorAtLogin", none(), "correct servers or loginRequests"),
    ];
    table(&subject, &backend, rows).await;
}

#[tokio::test]
async fn logins_are_counted() {
    let Some(subject) = Subject::new("misbehaving") else { return };
    let backend = Backend::start().await;
    // The token is its answer, so that is the value.
    let token = json!({"key": "the-key", "expect": "the-token-of-the-login"});
    let bench = |mode| changed(&bench(&backend, mode), "/cases/value", token.clone());
    let once = |mode| changed(&bench(mode), "/cases/loginOnce", json!({}));
    assert_eq!(subject.outcome(&once("memo"), "loginOnce").await, Outcome::Passed);
    let many = changed(&once("get"), "/store/path", json!("/login"));
    let Outcome::Failed { seen, .. } = subject.outcome(&many, "loginOnce").await else { panic!() };
    assert_eq!(seen, "16");
    // It keeps its token for ever: no second login after the first ended.
    let ended = json!({"expire": {"answer": {"status": 401}}});
    let ended = changed(&bench("memo"), "/cases/expiredToken", ended);
    let Outcome::Failed { expected, seen } = subject.outcome(&ended, "expiredToken").await else { panic!() };
    assert_eq!((expected.as_str(), seen.as_str()), ("one new login", "0"));
    let refused = json!({"expire": {"answer": {"status": 401}}, "loginAnswer": {"status": 400}});
    let refused = changed(&bench("memo"), "/cases/tokenRefusedForEver", refused);
    let Outcome::Failed { seen, .. } = subject.outcome(&refused, "tokenRefusedForEver").await else {
        panic!()
    };
    assert!(seen.contains("an answer"), "{seen}");
    // A request that ends the login, and that the backend refuses: the bench's mistake.
    let request = json!({"expire": {"request": {"method": "POST", "url": "${API}/revoke"}}});
    let request = changed(&bench("memo"), "/cases/expiredToken", request);
    let Outcome::Failed { seen, .. } = subject.outcome(&request, "expiredToken").await else { panic!() };
    assert_eq!(seen, "expire: the backend answers HTTP 404");
}

#[tokio::test]
async fn what_repeats_a_credential_is_named() {
    let Some(subject) = Subject::new("misbehaving") else { return };
    let backend = Backend::start().await;
    let only = [Case::Value, Case::NoLeaks];
    for (mode, leaks) in [("get", false), ("say-have", true), ("log-have", true), ("log-answer", true)] {
        let report = subject.report(&bench(&backend, mode), &only).await;
        let leaked =
            matches!(&report.cases[1].outcome, Outcome::Failed { seen, .. } if seen.contains("value"));
        assert_eq!(leaked, leaks, "{mode}: {}", shown(&report));
        assert!(!shown(&report).contains("a-token-of-the-bench"), "{}", shown(&report));
    }
    // When it connects, where nothing was read yet.
    for then in ["say-it", "log-it"] {
        let bench = changed(&bench(&backend, "get"), "/store/connect/then", json!(then));
        let report = subject.report(&bench, &only).await;
        assert!(matches!(report.cases[1].outcome, Outcome::Failed { .. }), "{then}: {}", shown(&report));
    }
}

/// It claims to find by name only, and answers whatever it is asked.
#[tokio::test]
async fn who_does_not_say_unsupported_is_not_excused() {
    let Some(subject) = Subject::new("misbehaving") else { return };
    let backend = Backend::start().await;
    for case in ["version", "metadata", "findByPath", "findByTags"] {
        let mut bench = bench(&backend, "ok");
        bench["unsupported"] = json!({case: "it cannot"});
        let Outcome::Failed { expected, .. } = subject.outcome(&bench, case).await else { panic!("{case}") };
        assert!(expected.starts_with("unsupported, asked for"), "{case}: {expected}");
    }
    let mut bench = bench(&backend, "get");
    bench["unsupported"] = json!({"findByPath": "it cannot"});
    let outcome = subject.outcome(&bench, "findByPath").await;
    assert_eq!(outcome, Outcome::NotSupported { reason: "it cannot".to_owned() });
}
