//! What a record stands for, what is done with one and when, and what is said of it.

#![allow(clippy::unwrap_used)]
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

#[test]
fn a_record_stands_for_itself_and_for_no_generator() {
    let resource = json!({
        "kind": "STSSessionToken", "metadata": {"name": "g", "uid": "of-another", "generation": 3}, "spec": {"region": "r"},
    });
    let mut object =
        GeneratorState::new("record", GeneratorStateSpec { resource, ..GeneratorStateSpec::default() });
    object.metadata.uid = Some("its-own".to_owned());
    let (source, view) = as_recorded(&object);
    assert_eq!((source.kind.as_str(), source.name.as_str()), ("STSSessionToken", "g"));
    assert_eq!((view.generation, &view.spec), (3, &json!({"region": "r"})));
    assert!(!view.uid.contains("of-another"), "{}", view.uid);
    let uid_of = |object: &GeneratorState| as_recorded(object).1.uid;
    let mut another = object.clone();
    another.metadata.uid = Some("another".to_owned());
    another.spec.resource["metadata"]["name"] = json!("h");
    assert_eq!(uid_of(&another), view.uid, "the same credentials");
    another.spec.resource["spec"]["region"] = json!("s");
    assert_ne!(uid_of(&another), view.uid);
    object.metadata.namespace = Some("elsewhere".to_owned());
    assert_ne!(uid_of(&object), view.uid);
}

#[test]
fn who_refuses_an_object_does_not_tell_what_is_in_it() {
    let spec = GeneratorStateSpec {
        resource: json!({"kind": "K", "spec": {"region": "eu-north-1"}}),
        state: json!({"user": "made-for-app", "of": "eu-north-1"}),
        ..GeneratorStateSpec::default()
    };
    let said = format!("invalid: {}", json!({ "spec": spec }));
    let status = kube::core::Status::failure(&said, "Invalid").with_code(422).boxed();
    let failure = failed("flagging", "ns", "g", &kube::Error::Api(status));
    let message = failure.message(&hiding(&GeneratorState::new("g", spec)));
    assert!(message.contains("422") && message.contains("eu-north-1"), "{message}");
    assert!(!message.contains("made-for-app"), "{message}");
}

#[test]
fn names_go_on() {
    let long = "x.".repeat(120);
    let names: Vec<String> = [at(0), at(1), at(1_000_000_000)].map(|now| name_of("app", now)).to_vec();
    assert!(names.is_sorted() && names[0] != names[1], "{names:?}");
    let name = name_of(&long, at(0));
    assert!(name.len() <= 253 && !name.contains(".-"), "{name}");
}

#[test]
fn what_is_done_and_when() {
    let state = |deadline: Option<Timestamp>, deleted: bool, finalizers: &[&str]| {
        let spec = GeneratorStateSpec {
            garbage_collection_deadline: deadline.map(Time),
            ..GeneratorStateSpec::default()
        };
        let mut object = GeneratorState::new("g", spec);
        object.metadata.deletion_timestamp = deleted.then(|| Time(at(0)));
        object.metadata.finalizers = Some(finalizers.iter().map(|name| (*name).to_owned()).collect());
        object
    };
    for (object, expected) in [
        (state(None, false, &[FINALIZER]), None),
        (state(Some(at(90)), false, &[FINALIZER]), Some(Duration::from_secs(90))),
        (state(Some(at(-1)), false, &[FINALIZER]), Some(Duration::ZERO)),
        (state(None, true, &[FINALIZER]), Some(Duration::ZERO)),
        // It is taken back, and waits for somebody else.
        (state(None, true, &["foregroundDeletion"]), None),
    ] {
        assert_eq!(wait_of(&object, at(0)), expected, "{object:?}");
    }
}
