//! What is decided, by tables. Bodies are those of OpenBao 2.7.2. Only tests.

#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

const MARKED: &str = r#"{"managed-by":"external-secrets"}"#;

/// Metadata with versions as "1", or "1!" for a destroyed one.
fn metadata(versions: &[&str], custom: &str) -> String {
    let one = |version: &&str| {
        let (number, destroyed) =
            version.strip_suffix('!').map_or((*version, false), |number| (number, true));
        format!(
            r#""{number}":{{"created_time":"2026-11-26T14:52:53.16Z","deletion_time":"","destroyed":{destroyed}}}"#
        )
    };
    let current = versions.last().map_or("0", |version| version.trim_end_matches('!'));
    let versions: Vec<String> = versions.iter().map(one).collect();
    format!(
        r#"{{"request_id":"5f1bf406","lease_id":"","renewable":false,"lease_duration":0,"data":{{"cas_required":false,"created_time":"2026-11-26T14:52:53.04Z","current_metadata_version":3,"current_version":{current},"custom_metadata":{custom},"delete_version_after":"0s","max_versions":0,"metadata_cas_required":false,"oldest_version":0,"versions":{{{}}}}},"wrap_info":null}}"#,
        versions.join(",")
    )
}

fn value(version: u64, json: &str) -> String {
    format!(
        r#"{{"request_id":"e6bf4a37","lease_id":"","data":{{"data":{json},"metadata":{{"custom_metadata":null,"deletion_time":"","destroyed":false,"version":{version}}}}},"wrap_info":null}}"#
    )
}

fn wanted(value: &str) -> Wanted<'_> {
    Wanted::parse(value.as_bytes(), None, None, true).unwrap()
}

fn said<T: std::fmt::Debug>(result: Result<T, Error>) -> Result<T, (&'static str, String)> {
    result.map_err(|error| match error {
        Error::Denied(text) => ("denied", text),
        Error::Conflict(text) => ("conflict", text),
        Error::Unsupported(text) => ("unsupported", text),
        Error::Other(text) => ("other", text),
        error => panic!("{error:?}"),
    })
}

/// What stands there (metadata's custom metadata and versions, the current value), what is wanted, and what is sent: all of the
/// custom metadata, the version that must be current, and what is said of it.
#[test]
fn of_version_2() {
    let other = r#"{"managed-by":"terraform","team":"red"}"#;
    let both = r#"{"managed-by":"external-secrets","team":"red"}"#;
    let team = json!({"spec": {"customMetadata": {"team": "red"}}}).to_string();
    let aws =
        json!({"apiVersion": "x", "kind": "PushSecretMetadata", "spec": {"tags": {"a": "b"}}}).to_string();
    let new = |custom, cas| Ok((Some(custom), Some(cas), "created"));
    let same = Ok((None, None, "unchanged"));
    #[rustfmt::skip]
    let table = [
        // Stored (versions, custom metadata, value), wanted value, metadata, expected version, replace.
        (None, r#"{"a":"b"}"#, None, None, true, new(MARKED, 0)),
        (None, r#"{"a":"b"}"#, None, None, false, new(MARKED, 0)),
        (None, r#"{"a":"b"}"#, Some(&team), None, true, new(both, 0)),
        (None, r#"{"a":"b"}"#, None, Some("1"), true, Err("conflict")),
        (Some((&["1"][..], MARKED, Some(r#"{"a":"b"}"#))), r#"{ "a" : "\u0062" }"#, None, None, true, same),
        (Some((&["1"], both, Some(r#"{"a":"b"}"#))), r#"{"a":"b"}"#, None, None, true, same),
        (Some((&["1"], both, Some(r#"{"a":"b"}"#))), r#"{"a":"b"}"#, Some(&team), None, true, same),
        (Some((&["1"], both, Some(r#"{"a":"b"}"#))), r#"{"a":"b"}"#, Some(&aws), None, true, same),
        (Some((&["1"], MARKED, Some(r#"{"a":"b"}"#))), r#"{"a":"b"}"#, Some(&team), None, true, Ok((Some(both), None, "updated"))),
        (Some((&["1", "2"], both, Some(r#"{"a":"b"}"#))), r#"{"a":"c"}"#, None, None, true, Ok((None, Some(2), "updated"))),
        (Some((&["1", "2"], MARKED, Some(r#"{"a":"b"}"#))), r#"{"a":"c"}"#, Some(&team), Some("2"), true, Ok((Some(both), Some(2), "updated"))),
        (Some((&["1", "2"], MARKED, Some(r#"{"a":"b"}"#))), r#"{"a":"c"}"#, None, Some("1"), true, Err("conflict")),
        // Not ours: not to be written over, and not in the way of who only creates.
        (Some((&["1"], "null", Some(r#"{"a":"b"}"#))), r#"{"a":"c"}"#, None, None, true, Err("denied")),
        (Some((&["1"], other, Some(r#"{"a":"b"}"#))), r#"{"a":"b"}"#, None, None, true, Err("denied")),
        (Some((&["1"], other, Some(r#"{"a":"b"}"#))), r#"{"a":"c"}"#, None, None, false, same),
        // Its current version is deleted, and could be brought back.
        (Some((&["1"], "null", None)), r#"{"a":"b"}"#, None, None, true, Err("denied")),
        (Some((&["1"], both, None)), r#"{"a":"b"}"#, None, None, true, Ok((None, Some(1), "created"))),
        (Some((&["1"], both, None)), r#"{"a":"b"}"#, None, Some("1"), true, Err("conflict")),
        // Nothing but somebody's settings, or what is destroyed.
        (Some((&[], r#"{"team":"red"}"#, None)), r#"{"a":"b"}"#, None, None, true, Ok((Some(both), Some(0), "created"))),
        (Some((&["1!"], "null", None)), r#"{"a":"b"}"#, None, None, true, Ok((Some(MARKED), Some(1), "created"))),
    ];
    for (at, (there, value_wanted, metadata_wanted, expected, replace, outcome)) in
        table.into_iter().enumerate()
    {
        let stored = there.and_then(|(versions, custom, json)| {
            let current = versions.last().map_or(0, |last| last.trim_end_matches('!').parse().unwrap());
            let data = json.map(|json| value(current, json));
            let metadata = metadata(versions, custom);
            Stored::parse(Some(metadata.as_bytes()), data.as_ref().map(|data| data.as_bytes())).unwrap()
        });
        assert_eq!(stored.is_some(), there.is_some());
        let metadata = metadata_wanted.map(String::as_str);
        let wanted = Wanted::parse(value_wanted.as_bytes(), metadata, expected, replace).unwrap();
        let found = plan(stored.as_ref(), &wanted);
        let found = said(found).map_err(|(kind, _)| kind).map(|plan| {
            let outcome = match plan.outcome {
                Outcome::Created => "created",
                Outcome::Updated => "updated",
                Outcome::Unchanged => "unchanged",
            };
            let cas = if there.is_some() { Some(3) } else { Some(0) };
            assert!(plan.metadata.iter().all(|(_, told)| *told == cas), "OpenBao's check-and-set");
            (plan.metadata.map(|(custom, _)| json!(custom)), plan.cas, outcome)
        });
        let parsed = |custom: &str| serde_json::from_str::<Value>(custom).unwrap();
        let outcome = outcome.map(|(custom, cas, outcome)| (custom.map(parsed), cas, outcome));
        assert_eq!(found, outcome, "row {at}: {there:?}");
    }
}

/// Somebody writes between the two reads.
#[test]
fn reads_that_do_not_fit() {
    let (metadata, newer) = (metadata(&["1"], MARKED), value(2, "{}"));
    for metadata in [Some(metadata.as_bytes()), None] {
        let found = said(Stored::parse(metadata, Some(newer.as_bytes())));
        assert_eq!(found.unwrap_err().0, "conflict");
    }
    assert!(Stored::parse(None, None).unwrap().is_none());
    assert!(Stored::parse(Some(b"<html>"), None).is_err());
}

#[test]
fn removals() {
    for (versions, custom, live, expected, result) in [
        (&["1"][..], MARKED, true, None, Ok(true)),
        (&["1"], MARKED, true, Some("1"), Ok(true)),
        (&["1", "2"], MARKED, true, Some("1"), Err("conflict")),
        (&["1"], MARKED, false, None, Ok(true)),
        (&["1"], MARKED, false, Some("1"), Err("conflict")),
        (&["1"], "null", true, None, Err("denied")),
        (&["1"], "null", false, None, Err("denied")),
        (&["1!"], "null", false, None, Ok(false)),
        (&[], "null", false, None, Ok(false)),
    ] {
        let current = u64::try_from(versions.len()).unwrap();
        let data = live.then(|| value(current, r#"{"a":"b"}"#));
        let metadata = metadata(versions, custom);
        let stored = Stored::parse(Some(metadata.as_bytes()), data.as_ref().map(|data| data.as_bytes()));
        let found = said(plan_removal(&stored.unwrap().unwrap(), expected)).map_err(|(kind, _)| kind);
        assert_eq!(found, result, "{versions:?} {custom} {live} {expected:?}");
    }
}

/// The mark stands in the value, as ESO puts it there.
#[test]
fn of_version_1() {
    let marked = r#"{"a":"b","custom_metadata":{"managed-by":"external-secrets"}}"#;
    let more = r#"{"a":1.50,"custom_metadata":{"team":"red","managed-by":"external-secrets"}}"#;
    for (stored, value, replace, expected) in [
        (None, r#"{"a":"b"}"#, true, Ok(Some(marked))),
        (None, r#"{"a":"b"}"#, false, Ok(Some(marked))),
        (Some(marked), r#"{"a":"b"}"#, true, Ok(None)),
        (Some(marked), marked, true, Ok(None)),
        (
            Some(marked),
            r#"{"a":"c"}"#,
            true,
            Ok(Some(r#"{"a":"c","custom_metadata":{"managed-by":"external-secrets"}}"#)),
        ),
        // What somebody else noted there stays, and numbers are as they were written.
        (Some(more), r#"{"a":1.50}"#, true, Ok(None)),
        (
            Some(more),
            r#"{"a":1.5}"#,
            true,
            Ok(Some(r#"{"a":1.5,"custom_metadata":{"managed-by":"external-secrets","team":"red"}}"#)),
        ),
        (Some(r#"{"a":"b"}"#), r#"{"a":"c"}"#, true, Err("denied")),
        (Some(r#"{"a":"b","custom_metadata":"managed-by"}"#), r#"{"a":"c"}"#, true, Err("denied")),
        (Some(r#"{"a":"b"}"#), r#"{"a":"c"}"#, false, Ok(None)),
        (None, r#"{"custom_metadata":"own"}"#, true, Err("other")),
        // The last property was taken away.
        (None, r#"{"custom_metadata":{"managed-by":"external-secrets"}}"#, true, Ok(None)),
        (Some(marked), r#"{"custom_metadata":{"managed-by":"external-secrets"}}"#, true, Ok(Some("deleted"))),
    ] {
        let found = said(plan_v1(stored, &Wanted { replace, ..wanted(value) }))
            .map_err(|(kind, _)| kind)
            .map(|plan| match plan {
                PlanV1::Unchanged => None,
                PlanV1::Delete => Some("deleted".to_owned()),
                PlanV1::Write(json, outcome) => {
                    let expected = if stored.is_some() { Outcome::Updated } else { Outcome::Created };
                    assert_eq!(outcome, expected);
                    Some(json.get().to_owned())
                }
            });
        assert_eq!(found, expected.map(|json| json.map(ToOwned::to_owned)), "{stored:?} {value}");
    }
    let version = Wanted::parse(b"{}", None, Some("1"), true).unwrap();
    assert_eq!(said(plan_v1(None, &version)).unwrap_err().0, "unsupported");
    let metadata = json!({"spec": {"customMetadata": {"team": "red"}}}).to_string();
    let custom = Wanted::parse(b"{}", Some(&metadata), None, true).unwrap();
    assert_eq!(said(plan_v1(None, &custom)).unwrap_err().0, "unsupported");
}

/// As ESO refuses them, and without a word of the value.
#[test]
fn what_is_no_object() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    for value in ["hunter2-secret", "[1]", "\"hunter2-secret\"", "null", "", "{\"a\":hunter2}", deep.as_str()]
    {
        let (kind, text) = said(Wanted::parse(value.as_bytes(), None, None, true)).unwrap_err();
        assert_eq!(kind, "other", "{value}");
        assert!(text.contains("JSON objects") && !text.contains("hunter2"), "{text}");
    }
    for custom in [json!({"managed-by": "me"}), json!({"a": 1}), json!("a")] {
        let metadata = json!({"spec": {"customMetadata": custom}}).to_string();
        assert!(Wanted::parse(b"{}", Some(&metadata), None, true).is_err(), "{custom}");
    }
}

/// Numbers of version 2 are those of OpenBao 2.7.2 to a write of `{"a":1.50,"b":12345678901234567890}`.
#[test]
fn documents_that_are_the_same() {
    for (stored, given, v1, v2) in [
        (r#"{"a":1.5,"b":12345678901234567000}"#, r#"{"a":1.50,"b":12345678901234567890}"#, false, true),
        (r#"{"a":1}"#, r#"{"a":2}"#, false, false),
        (
            r#"{"a":{"x":[1,"y",null,true]},"b":"z"}"#,
            r#"{ "b":"z","a":{"x":[1,"\u0079",null,true]}}"#,
            true,
            true,
        ),
        (r#"{"a":"1"}"#, r#"{"a":1}"#, false, false),
        (r#"{"a":null}"#, "{}", false, false),
        (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false, false),
        ("{}", "{ }", true, true),
        // The last counts.
        (r#"{"a":2}"#, r#"{"a":1,"a":2}"#, true, true),
    ] {
        let (a, b) = (raw(stored).unwrap(), raw(given).unwrap());
        assert_eq!((same(a, b, Kv::V1), same(a, b, Kv::V2)), (v1, v2), "{stored} {given}");
    }
}
