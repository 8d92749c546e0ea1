//! Tables of pushes and deletions. What is to become of labels, annotations and topics is ESO's `push_secret_test.go`
//! ("ESO's"), with the differences that the provider's documentation lists.

#![allow(clippy::unwrap_used)]
use super::*;

fn stored(labels: &Value, annotations: &Value, topics: &[&str]) -> Stored {
    let topics: Vec<Value> = topics.iter().map(|name| json!({"name": name})).collect();
    let secret = json!({
        "name": "projects/1/secrets/s", "etag": "\"1\"", "labels": labels, "annotations": annotations, "topics": topics,
        "replication": {"automatic": {}}, "createTime": "2026-01-02T03:04:05Z",
    });
    Stored::parse(secret.to_string().as_bytes(), "secrets/s").unwrap()
}

fn ours() -> Stored {
    stored(&json!({"managed-by": "external-secrets"}), &json!({}), &[])
}

fn current(value: &[u8], version: &str) -> Current {
    Current::Value(answer::Payload { data: value.to_vec(), version: Some(version.to_owned()) })
}

fn disabled() -> Current {
    Current::Unreadable(Error::Other("DISABLED".to_owned()))
}

fn wanted(value: &[u8]) -> Wanted<'_> {
    Wanted { value, spec: None, expected: None, replace: true }
}

fn spec(spec: &Value) -> Option<Spec> {
    let metadata = json!({
        "apiVersion": "kubernetes.external-secrets.io/v1alpha1", "kind": "PushSecretMetadata", "spec": spec,
    });
    Some(Spec::parse(&metadata.to_string()).unwrap())
}

fn said(result: Result<Plan, Error>) -> String {
    match result {
        Ok(plan) => {
            let secret = match plan.secret {
                Change::None => "",
                Change::Create(_) => "create ",
                Change::Patch { .. } => "patch ",
            };
            let add = if plan.add { "add " } else { "" };
            format!("{secret}{add}{:?}", plan.outcome).replace("Outcome::", "").to_lowercase()
        }
        Err(Error::Denied(text)) => format!("denied: {text}"),
        Err(Error::Conflict(_)) => "conflict".to_owned(),
        Err(Error::Other(text)) => text,
        Err(other) => format!("{other:?}"),
    }
}

#[test]
fn what_is_there_decides() {
    let theirs = || stored(&json!({"team": "red", "managed-by": "terraform"}), &json!({}), &[]);
    for (name, stored, current, expected, replace, outcome) in [
        ("nothing", None, Current::None, None, true, "create add created"),
        ("nothing, only create", None, Current::None, None, false, "create add created"),
        ("nothing, and a version meant", None, Current::None, Some("1"), true, "conflict"),
        ("no version", Some(ours()), Current::None, None, true, "add created"),
        ("no version, only create", Some(ours()), Current::None, None, false, "add created"),
        ("the same", Some(ours()), current(b"new", "1"), None, true, "unchanged"),
        ("another", Some(ours()), current(b"old", "1"), None, true, "add updated"),
        (
            "another, the version that was told",
            Some(ours()),
            current(b"old", "7"),
            Some("7"),
            true,
            "add updated",
        ),
        ("another, a newer version", Some(ours()), current(b"old", "8"), Some("7"), true, "conflict"),
        // Somebody wrote the same.
        ("the same, a newer version", Some(ours()), current(b"new", "8"), Some("7"), true, "conflict"),
        ("another, only create", Some(ours()), current(b"old", "1"), None, false, "unchanged"),
        ("another's, only create", Some(theirs()), current(b"old", "1"), None, false, "unchanged"),
        ("disabled, only create", Some(ours()), disabled(), None, false, "unchanged"),
        ("disabled", Some(ours()), disabled(), None, true, "DISABLED"),
        ("disabled, a version meant", Some(ours()), disabled(), Some("1"), true, "DISABLED"),
    ] {
        let wanted = Wanted { expected, replace, ..wanted(b"new") };
        assert_eq!(said(plan(stored.as_ref(), current, &wanted, false)), outcome, "{name}");
    }
    // ESO's first case, and that the same value makes no difference to it.
    for (theirs, value) in [
        (theirs(), current(b"old", "1")),
        (theirs(), current(b"new", "1")),
        (theirs(), Current::None),
        (stored(&json!(null), &json!(null), &[]), current(b"new", "1")),
    ] {
        let said = said(plan(Some(&theirs), value, &wanted(b"new"), false));
        assert!(
            said.starts_with("denied: ") && said.contains("is not managed by external secrets"),
            "{said}"
        );
    }
}

#[test]
fn labels_annotations_and_topics() {
    let mark = ("managed-by", "external-secrets");
    let there = || {
        let labels = json!({mark.0: mark.1, "existingKey": "existingValue", "key2": "old"});
        stored(&labels, &json!({"theirs": "x"}), &["projects/p/topics/a", "projects/p/topics/b"])
    };
    let topics = |names: &[&str]| -> Value { names.iter().map(|name| json!({"name": name})).collect() };
    for (name, spec, expected, patch) in [
        ("a property", None, Some("1"), json!({})),
        ("no metadata: Replace", None, None, json!({"labels": {mark.0: mark.1}, "annotations": {}})),
        (
            "ESO's: Replace by default",
            spec(&json!({"annotations": {"key1": "value1"}, "labels": {"key2": "value2"}})),
            None,
            json!({"labels": {"key2": "value2", mark.0: mark.1}, "annotations": {"key1": "value1"}}),
        ),
        (
            "ESO's: Merge; and what is named has its value",
            spec(
                &json!({"annotations": {"key1": "value1"}, "labels": {"key2": "value2"}, "mergePolicy": "Merge"}),
            ),
            None,
            json!({
                "labels": {"existingKey": "existingValue", "key2": "value2", mark.0: mark.1},
                "annotations": {"key1": "value1"},
            }),
        ),
        (
            "the mark is none of the manifest's",
            spec(&json!({"annotations": {"theirs": "x"}, "labels": {mark.0: "me"}, "mergePolicy": "Merge"})),
            None,
            json!({}),
        ),
        (
            "a topic more",
            spec(&json!({
                "annotations": {"theirs": "x"}, "mergePolicy": "Merge",
                "topics": ["projects/p/topics/c", "projects/p/topics/b", "projects/p/topics/a"],
            })),
            None,
            json!({"topics": topics(&["projects/p/topics/a", "projects/p/topics/b", "projects/p/topics/c"])}),
        ),
        (
            "the same topics in another order",
            spec(&json!({
                "annotations": {"theirs": "x"}, "mergePolicy": "Merge",
                "topics": ["projects/p/topics/b", "projects/p/topics/a"],
            })),
            None,
            json!({}),
        ),
        (
            "no topics any more",
            spec(&json!({"annotations": {"theirs": "x"}, "mergePolicy": "Merge", "topics": []})),
            None,
            json!({"topics": []}),
        ),
        (
            "cmekKeyName and locations are for a new secret",
            spec(&json!({
                "annotations": {"theirs": "x"}, "mergePolicy": "Merge", "cmekKeyName": "k", "replicationLocation": "l",
            })),
            None,
            json!({}),
        ),
    ] {
        let wanted = Wanted { spec, expected, ..wanted(b"same") };
        let found = plan(Some(&there()), current(b"same", "1"), &wanted, false).unwrap();
        let (change, outcome) = match patch.as_object().unwrap().is_empty() {
            true => (Change::None, Outcome::Unchanged),
            false => {
                let fields = patch.as_object().unwrap().clone();
                (Change::Patch { fields, etag: "\"1\"".to_owned() }, Outcome::Updated)
            }
        };
        assert_eq!(found, Plan { secret: change, add: false, outcome }, "{name}");
    }
}

/// A patch that is sent leaves nothing that the next push would write.
#[test]
fn what_is_written_is_the_same_next_time() {
    let full = json!({
        "labels": {"team": "red"}, "annotations": {"owner": "ops"}, "topics": ["projects/p/topics/b", "projects/p/topics/a"],
    });
    let none = || stored(&json!({"managed-by": "external-secrets", "x": "y"}), &json!({"z": "z"}), &["t"]);
    for given in [full, json!({"labels": {"team": "red"}, "mergePolicy": "Merge"}), json!({})] {
        let push = || Wanted { spec: spec(&given), ..wanted(b"v") };
        let before = none();
        let Change::Patch { fields, .. } =
            plan(Some(&before), current(b"v", "1"), &push(), false).unwrap().secret
        else {
            panic!("{given}: nothing is written");
        };
        let mut secret = json!({
            "name": "projects/1/secrets/s", "labels": before.about.labels, "annotations": before.about.annotations,
            "topics": [{"name": "t"}],
        });
        secret.as_object_mut().unwrap().extend(fields);
        let after = Stored::parse(secret.to_string().as_bytes(), "secrets/s").unwrap();
        let next = plan(Some(&after), current(b"v", "1"), &push(), false).unwrap();
        assert_eq!(next, Plan { secret: Change::None, add: false, outcome: Outcome::Unchanged }, "{given}");
    }
}

#[test]
fn a_new_secret_has_everything_at_once() {
    let given = json!({
        "labels": {"team": "red", "managed-by": "me"}, "annotations": {"owner": "ops"}, "topics": ["projects/p/topics/a"],
        "replicationLocations": ["europe-west3"],
    });
    let replicas = json!({"replicas": [{"location": "europe-west3"}]});
    for (spec, regional, expected) in [
        (
            None,
            false,
            json!({"labels": {"managed-by": "external-secrets"}, "replication": {"automatic": {}}}),
        ),
        (None, true, json!({"labels": {"managed-by": "external-secrets"}})),
        (
            spec(&given),
            false,
            json!({
                "labels": {"team": "red", "managed-by": "external-secrets"}, "annotations": {"owner": "ops"},
                "topics": [{"name": "projects/p/topics/a"}], "replication": {"userManaged": replicas},
            }),
        ),
        (
            self::spec(&json!({"cmekKeyName": "k"})),
            true,
            json!({
                "labels": {"managed-by": "external-secrets"}, "customerManagedEncryption": {"kmsKeyName": "k"},
            }),
        ),
    ] {
        let wanted = Wanted { spec, ..wanted(b"v") };
        let found = plan(None, Current::None, &wanted, regional).unwrap();
        assert_eq!(found, Plan { secret: Change::Create(expected), add: true, outcome: Outcome::Created });
    }
}

/// Before anything is written. The limit is that of "Quotas and limits": 64 KiB.
#[test]
fn what_secret_manager_does_not_keep() {
    let large = vec![b'x'; 65_537];
    for (value, words) in [(&b""[..], "empty"), (&large, "65536 bytes at most, and the value has 65537")] {
        for (stored, current) in
            [(None, Current::None), (Some(ours()), Current::None), (Some(ours()), current(b"v", "1"))]
        {
            let said = said(plan(stored.as_ref(), current, &wanted(value), false));
            assert!(said.contains(words), "{said}");
        }
    }
    assert_eq!(said(plan(None, Current::None, &wanted(&large[1..]), false)), "create add created");
}

#[test]
fn removals() {
    let theirs = stored(&json!({"managed-by": "terraform"}), &json!({}), &[]);
    for (stored, current, expected, outcome) in [
        (ours(), Current::None, None, "fine"),
        (ours(), current(b"v", "3"), Some("3"), "fine"),
        (ours(), current(b"v", "4"), Some("3"), "conflict"),
        (ours(), Current::None, Some("3"), "conflict"),
        (ours(), disabled(), Some("3"), "other"),
        (theirs, current(b"v", "3"), Some("3"), "denied"),
        (super::Stored::default(), Current::None, None, "denied"),
    ] {
        let found = match check_removal(&stored, &current, expected) {
            Ok(()) => "fine",
            Err(Error::Conflict(_)) => "conflict",
            Err(Error::Denied(_)) => "denied",
            Err(_) => "other",
        };
        assert_eq!(found, outcome, "{expected:?}");
    }
}

#[test]
fn what_is_no_secret() {
    for odd in ["", "<html>", "[]", "{}", r#"{"labels":{}}"#, r#"{"name":"s","labels":{"a":1}}"#] {
        assert!(matches!(Stored::parse(odd.as_bytes(), "secrets/s"), Err(Error::Unavailable(_))), "{odd}");
    }
    let bare = Stored::parse(br#"{"name":"projects/1/secrets/s"}"#, "secrets/s").unwrap();
    assert_eq!(bare, Stored::default());
}
