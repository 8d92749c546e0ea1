//! The Go program of `tests/gooracle`: built once, asked many questions at once.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

/// What it answers.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Answer {
    value: Option<String>,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) error: bool,
    #[serde(default)]
    raw: String,
    #[serde(default)]
    pub(super) kind: String,
    /// Go itself could not answer.
    #[serde(default)]
    pub(super) panic: bool,
}

fn decoded(text: &String) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

impl Answer {
    pub(super) fn value(&self) -> Option<Vec<u8>> {
        self.value.as_ref().map(decoded)
    }

    /// The JSON of what a path finds.
    pub(super) fn raw(&self) -> Vec<u8> {
        decoded(&self.raw)
    }

    pub(super) fn data(&self) -> BTreeMap<String, Vec<u8>> {
        self.data.iter().flatten().map(|(key, value)| (key.clone(), decoded(value))).collect()
    }
}

/// A question about bytes.
pub(super) fn about(ask: &str, value: &[u8], how: &str) -> Value {
    json!({"ask": ask, "value": STANDARD.encode(value), "how": how})
}

/// Everything answered, in order; `None`, loudly, without Go.
pub(super) fn ask(questions: &[Value]) -> Option<Vec<Answer>> {
    if Command::new("go").arg("version").output().is_err() {
        let message = "SKIPPED: what Go says needs Go, which is not installed";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{message}");
        eprintln!("{message}");
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/gooracle");
    // Tests run side by side, and Go does not replace a program that runs.
    let built = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = built.path().join("gooracle");
    let mut build = Command::new("go");
    build.arg("build").arg("-o").arg(&program).arg(".").current_dir(source).env("GOTOOLCHAIN", "local");
    let output = build.output().unwrap();
    assert!(output.status.success(), "go build: {}", String::from_utf8_lossy(&output.stderr));
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Answer> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len());
    Some(answers)
}
