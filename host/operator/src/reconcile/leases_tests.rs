//! What is recorded when something is made anew.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use claviger_core::lease::{Held, Source};
use claviger_core::provider::Lease;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn held(id: &str, issued: i64) -> Held {
    let lease =
        Lease { id: id.to_owned(), duration: Duration::from_secs(3600), renewable: true, holder: None };
    let source = Source { kind: "SecretStore".to_owned(), name: "v".to_owned(), key: "db".to_owned() };
    Held { source, issued: at(issued), lease: Some(lease), state: None }
}

fn issued(id: &str, seconds: i64) -> Issued {
    Issued { salt: String::new(), inputs: String::new(), held: vec![held(id, seconds)] }
}

#[test]
fn what_is_replaced_is_retired_as_the_policy_says() {
    let with = |superseded| Policy { superseded, ..Policy::default() };
    let first = record(issued("a", 0), None, &with(Superseded::RunsOut), at(0));
    assert_eq!(first.retired, []);
    for (superseded, revoke) in [
        (Superseded::RunsOut, None),
        (Superseded::RevokedAfter(Duration::from_secs(60)), Some(Revoke::At(at(160)))),
        (Superseded::RevokedAfterRollout, Some(Revoke::AfterRollout)),
    ] {
        let second = record(issued("b", 100), Some(first.clone()), &with(superseded), at(100));
        let expected: Vec<_> =
            revoke.into_iter().map(|revoke| Retired { held: held("a", 0), revoke }).collect();
        assert_eq!(second.retired, expected);
        assert_eq!(second.held, [held("b", 100)]);
    }
}

#[test]
fn what_is_written_again_is_not_retired() {
    let policy = Policy { superseded: Superseded::RevokedAfter(Duration::ZERO), ..Policy::default() };
    let first = record(issued("a", 0), None, &policy, at(0));
    let again = record(issued("a", 0), Some(first), &policy, at(5));
    assert_eq!(again.retired, []);
}

#[test]
fn what_waits_to_be_revoked_goes_on_waiting() {
    let policy =
        Policy { superseded: Superseded::RevokedAfter(Duration::from_secs(600)), ..Policy::default() };
    let first = record(issued("a", 0), None, &policy, at(0));
    let second = record(issued("b", 100), Some(first), &policy, at(100));
    let third = record(issued("c", 200), Some(second), &policy, at(200));
    let retired: Vec<_> =
        third.retired.iter().map(|retired| (retired.held.clone(), retired.revoke.clone())).collect();
    assert_eq!(retired, [(held("b", 100), Revoke::At(at(800))), (held("a", 0), Revoke::At(at(700)))]);
}
