//! Recordings over a small backend: made, refused, replayed when the backend is gone. A real one is etcd's, end to end.

use claviger_conformance::{Case, Outcome, Recording, RecordingError, SuiteError};
use serde_json::{Value, json};

use crate::backend::{Backend, VALUE};
use crate::support::Subject;

fn bench(backend: &Backend) -> Value {
    json!({
        "servers": {"API": backend.origin},
        "store": {"mode": "get", "server": "${API}", "path": "/data"},
        "dataRequests": [{"server": "API", "path": "^/data$"}],
        "cases": {
            "value": {"key": "the-key", "expect": VALUE},
            "throttled": {},
            "slow": {},
            "thousandKeys": {"key": "k-{n}", "expect": VALUE},
        },
    })
}

const ONLY: [Case; 4] = [Case::Value, Case::Throttled, Case::Slow, Case::ThousandKeys];

#[tokio::test]
async fn what_was_recorded_is_replayed_without_the_backend() {
    let Some(subject) = Subject::new("misbehaving") else { return };
    let backend = Backend::start().await;
    let mut bench = bench(&backend);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("made/for-it");
    let recorded = subject.taped(&bench, &ONLY, Recording::Record(&folder)).await.unwrap();
    // Whatever the status, `misbehaving` takes what comes for the value.
    assert_eq!(recorded.summary(), "2 passed, 1 failed, 0 not supported, 1 not recorded");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["recording.yaml", "slow.yaml", "value.yaml"], "what failed is not kept");
    for file in files {
        assert!(!std::fs::read_to_string(&file).unwrap().contains(VALUE), "{}", file.display());
    }

    drop(backend);
    bench.as_object_mut().unwrap().remove("servers");
    let replayed =
        subject.taped(&bench, &[Case::Value, Case::Slow], Recording::Replay(&folder)).await.unwrap();
    assert_eq!(replayed.summary(), "2 passed, 0 failed, 0 not supported");

    bench["store"]["path"] = json!("/other");
    let replayed = subject.taped(&bench, &[Case::Value], Recording::Replay(&folder)).await.unwrap();
    let Outcome::Failed { expected, seen } = &replayed.cases[0].outcome else { panic!("{replayed:?}") };
    assert_eq!(expected, "requests that are in the recording");
    let nearest = "GET /other of server API, which is not in the recording: the nearest one is GET /data of server API, with \
                   another path or query from byte 1 on";
    assert_eq!(seen, nearest);
}

#[tokio::test]
async fn a_value_that_would_stay_keeps_all_of_it_from_being_written() {
    let Some(subject) = Subject::new("misbehaving") else { return };
    let backend = Backend::start().await;
    let mut bench = bench(&backend);
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("recording");
    let record = Recording::Record(&folder);
    // A line of a value alone has no name.
    let lines = json!({"token": "first-line-of-it\nsecond-line-of-it"});
    bench["objects"] = json!([{"kind": "Secret", "name": "login", "stringData": lines}]);
    bench["store"]["path"] = json!("/data?note=second-line-of-it");
    bench["dataRequests"] = json!([{"path": "^/data"}]);
    let error = subject.taped(&bench, &[Case::Value], record).await.err().unwrap();
    assert!(matches!(error, SuiteError::Recording(RecordingError::Refused(_))), "{error}");
    let said = error.to_string();
    assert!(said.contains("case value: GET /data?note=[redacted] of server API: a value is in it"), "{said}");
    assert!(!folder.exists(), "nothing is written");

    bench["store"]["path"] = json!("/data");
    bench["cases"]["value"]["expect"] = json!({"sha256": "0".repeat(64)});
    let report = subject.taped(&bench, &[Case::Value], record).await.unwrap();
    assert!(matches!(report.cases[0].outcome, Outcome::NotRecorded { .. }), "{report:?}");

    let missing = dir.path().join("nowhere");
    let error = subject.taped(&bench, &[Case::Value], Recording::Replay(&missing)).await.err().unwrap();
    assert!(matches!(error, SuiteError::Recording(RecordingError::Folder { .. })), "{error}");
}
