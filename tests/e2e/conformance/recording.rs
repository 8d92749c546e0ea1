//! Recordings of the suite: made against a real etcd, replayed when it is gone. The same table comes of it, no value of
//! the bench is in a file, and a recording that was changed, or is asked for something else, fails the case.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use claviger_testenv::RunDir;
use serde_json::json;

use super::{etcd, tested};
use crate::support::world;

/// What the bench and the backend hold, by the words that nothing else has.
const VALUES: [&str; 10] = [
    etcd::PASSWORD,
    "wrong-etcd-password",
    "app-user-1",
    "correct-horse",
    "staple-9",
    "older-battery",
    "value-of-one",
    "value-of-two",
    "Grüße aus",
    "xxxxxxxxxxxxxxxx",
];

/// Every file of a folder, one after the other.
fn contents(folder: &Path) -> String {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// A value as it is looked for: plain, in base64 wherever it begins, in hexadecimal.
fn dresses(value: &str) -> Vec<String> {
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![value.to_owned(), hex.to_uppercase(), hex];
    for skip in 0..3 {
        let inner = &value.as_bytes()[skip..];
        all.push(STANDARD_NO_PAD.encode(&inner[..inner.len() - inner.len() % 3]));
    }
    all
}

#[test]
fn a_recording_stands_for_the_backend_and_holds_no_value() {
    let world = world!("conformance-recording");
    let run = RunDir::create("conformance-recording").unwrap();
    let (etcd, mut bench) = etcd::prepared(&world, &run);
    let folder = run.path().join("recording");
    let dir = folder.to_str().unwrap();
    let (code, recorded) = tested(&world, "etcd", &bench, &["--record", dir]);
    assert_eq!(code, Some(0), "{recorded}");
    assert!(recorded.ends_with("31 passed, 0 failed, 8 not supported, 1 not recorded\n"), "{recorded}");

    let text = contents(&folder);
    for value in VALUES {
        for dress in dresses(value) {
            assert!(!text.contains(&dress), "a file of {dir} holds {value} as {dress}");
        }
    }
    // Its tokens are its own: each stands there by its number.
    let tokens: Vec<&str> = text.lines().filter(|line| line.contains("authorization:")).collect();
    assert!(!tokens.is_empty() && tokens.iter().all(|line| line.contains("⟦issued-")), "{tokens:?}");

    drop(etcd);
    bench.as_object_mut().unwrap().remove("servers");
    let replayed = tested(&world, "etcd", &bench, &["--replay", dir]);
    assert_eq!(replayed, (Some(0), recorded.clone()), "twice the same");

    // Another key than the one that was recorded.
    let mut other = bench.clone();
    other["cases"]["missingKey"] = json!({"key": "open/app/nowhere"});
    let (code, said) = tested(&world, "etcd", &other, &["--replay", dir, "--only", "missingKey"]);
    assert_eq!(code, Some(1), "{said}");
    for part in ["POST /v3/kv/range of server ETCD, which is not in the recording", "another body from byte "]
    {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    // Another value in the recording: the bench's no longer comes.
    let file = folder.join("value.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("⟦value/expect|base64⟧"), "{text}");
    std::fs::write(&file, text.replace("⟦value/expect|base64⟧", "YW5vdGhlcg==")).unwrap();
    let (code, said) = tested(&world, "etcd", &bench, &["--replay", dir, "--only", "value"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("a value of 7 bytes, which differs from byte 0 on"), "{said}");
}
