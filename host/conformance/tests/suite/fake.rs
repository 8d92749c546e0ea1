//! The example bench over `fake`: everything passes, and each wrong expectation is one failed case.

use claviger_conformance::{Case, Outcome};
use serde_json::{Value, json};

use crate::support::{Subject, changed, refusal, shown};

const BENCH: &str = include_str!("../../../../examples/conformance/fake.yaml");

fn bench() -> Value {
    serde_saphyr::from_str(BENCH).unwrap()
}

#[test]
fn the_authors_page_shows_this_bench() {
    let page = include_str!("../../../../docs/plugins/conformance.md");
    assert!(page.contains(BENCH), "copy examples/conformance/fake.yaml into the page");
}

fn without(pointer: &str) -> Value {
    let mut bench = bench();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    bench.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key).unwrap();
    bench
}

#[tokio::test]
async fn the_example_passes() {
    let Some(subject) = Subject::new("fake") else { return };
    let report = subject.report(&bench(), &[]).await;
    assert!(report.passed(), "{}", shown(&report));
    assert_eq!(report.summary(), "20 passed, 0 failed, 20 not supported");
    assert_eq!(report.cases.len(), Case::all().count());
}

#[tokio::test]
async fn a_wrong_expectation_fails_its_case_and_no_value_is_shown() {
    let Some(subject) = Subject::new("fake") else { return };
    for (pointer, value, case, seen) in [
        ("/cases/value/expect", json!("another-secret"), "value", "differs from byte 0"),
        ("/cases/value/key", json!("absent"), "value", "not-found"),
        ("/cases/property/0/expect", json!("wrong-horse"), "property", "differs from byte 0"),
        ("/cases/property/1/property", json!("nested.a.b"), "property", "without property"),
        ("/cases/version/0/version", json!("v2"), "version", "not-found"),
        ("/cases/version/0/expect", json!({"json": {}}), "version", "other JSON"),
        ("/cases/missingKey/key", json!("login"), "missingKey", "an answer"),
        ("/cases/missingVersion/version", json!("v1"), "missingVersion", "an answer"),
        ("/cases/missingProperty/property", json!("password"), "missingProperty", "finds 13 bytes"),
        ("/cases/unicode/expect", json!("Grusse"), "unicode", "differs from byte 2"),
        ("/cases/large/expect", json!({"repeat": {"text": "x", "times": 65535}}), "large", "from byte 65535"),
        ("/cases/thousandKeys/expect", json!("value-of-1"), "thousandKeys", "differs"),
        ("/cases/thousandKeys/times", json!(1001), "thousandKeys", "not-found"),
        ("/cases/thousandKeys/times", json!(999), "thousandKeys", "fewer than 1000"),
        ("/cases/oneBadKeyInBatch/keys", json!(["absent-too"]), "oneBadKeyInBatch", "not-found"),
        ("/cases/oneBadKeyInBatch/missing", json!("login"), "oneBadKeyInBatch", "an answer"),
        ("/cases/findByName/expect", json!(["login"]), "findByName", "too many: \"many-990\""),
        ("/cases/findByName/name", json!("^login$"), "findByName", "missing: \"many-990\""),
        ("/cases/findByName/expect", json!({"login": "no"}), "findByName", "too many"),
        ("/cases/findNothing/name", json!("^log"), "findNothing", "too many: \"login\""),
        ("/cases/paging/pages", json!(2), "paging", "1"),
        ("/store/validationResult", json!(1), "validate", "unknown"),
        ("/store/validationResult", json!(2), "validate", "unavailable"),
        ("/store/nonsense", json!(1), "value", "invalid-config"),
    ] {
        let outcome = subject.outcome(&changed(&bench(), pointer, value), case).await;
        let Outcome::Failed { seen: found, expected } = outcome else { panic!("{pointer}: {outcome:?}") };
        assert!(found.contains(seen), "{pointer}: {seen:?} is not in {found:?}");
        for secret in ["correct-horse", "another-secret", "wrong-horse", "app-user-1"] {
            assert!(!found.contains(secret) && !expected.contains(secret), "{expected} / {found}");
        }
    }
}

#[tokio::test]
async fn what_a_bench_says_nothing_about_fails() {
    let Some(subject) = Subject::new("fake") else { return };
    for (pointer, case) in [("/cases/unicode", "unicode"), ("/unsupported/binary", "binary")] {
        let Outcome::Failed { seen, .. } = subject.outcome(&without(pointer), case).await else { panic!() };
        assert_eq!(seen, "the bench says nothing about it");
    }
    // The rest goes on, and the report says that there was one.
    let report = subject.report(&without("/cases/unicode"), &[]).await;
    assert_eq!(report.summary(), "19 passed, 1 failed, 20 not supported");
}

#[tokio::test]
async fn who_claims_a_capability_is_not_excused_and_who_does_not_is_not_asked() {
    let Some(subject) = Subject::new("fake") else { return };
    for (case, capability) in [
        ("version", "versions"),
        ("missingVersion", "versions"),
        ("findByName", "find-by-name"),
        ("findNothing", "find-by-name"),
    ] {
        let bench = without(&format!("/cases/{case}"));
        let bench = changed(&bench, &format!("/unsupported/{case}"), json!("it is hard"));
        let Outcome::Failed { expected, .. } = subject.outcome(&bench, case).await else { panic!("{case}") };
        assert!(expected.contains(capability), "{expected}");
    }
    let bench = without("/unsupported/findByTags");
    let bench = changed(&bench, "/cases/findByTags", json!({"tags": {"a": "b"}}));
    let Outcome::Failed { expected, .. } = subject.outcome(&bench, "findByTags").await else { panic!() };
    assert!(expected.contains("describe claims find-by-tags"), "{expected}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_before_any_case() {
    let Some(subject) = Subject::new("fake") else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = changed(&bench(), "/servers", json!({"API": format!("http://{free}")}));
    let said = subject.refused(&bench).await.to_string();
    assert!(said.contains("server API") && said.contains(&free.to_string()), "{said}");
}

#[test]
fn a_bench_that_contradicts_itself_is_refused() {
    let said = refusal(&changed(&bench(), "/unsupported/value", json!("no"))).to_string();
    assert!(said.contains("every provider has to pass it"), "{said}");
}
