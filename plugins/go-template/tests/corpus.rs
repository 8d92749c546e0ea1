//! Every template of `tests/gotemplates/corpus.json`, compared byte for byte with what Go made of it
//! (`expected.json`, written by the Go program beside it). Where Go fails, so must this; the words of
//! errors are not compared.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;

use go_template::{Options, render};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    #[serde(default)]
    data: BTreeMap<String, String>,
    /// In base64.
    #[serde(default)]
    binary: BTreeMap<String, String>,
    #[serde(default)]
    left: String,
    #[serde(default)]
    right: String,
    #[serde(default)]
    lenient: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    name: String,
    output: Option<String>,
    output_base64: Option<String>,
    error: Option<String>,
}

fn read<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let path = Path::new(&dir).join("../../tests/gotemplates").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// By the engine itself, whose decoder the corpus compares with Go's.
fn unbase64(text: &str) -> Vec<u8> {
    let data = [("v".to_owned(), text.as_bytes().to_vec())];
    render("{{ .v | b64dec }}", &data, &options()).unwrap().text
}

/// The time is that of the Go program.
fn options() -> Options {
    Options {
        strict: true,
        left: String::new(),
        right: String::new(),
        now_ms: 1_709_211_845_678,
        seed: vec![7; 32],
    }
}

#[test]
fn renders_as_go_does() {
    let cases: Vec<Case> = read("corpus.json");
    let expected: Vec<Expected> = read("expected.json");
    assert_eq!(cases.len(), expected.len(), "run the Go program again");
    assert!(cases.len() > 150, "the corpus has shrunk");
    let mut differences = Vec::new();
    for (case, expected) in cases.iter().zip(&expected) {
        assert_eq!(case.name, expected.name, "run the Go program again");
        let mut data: Vec<(String, Vec<u8>)> =
            case.data.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes())).collect();
        data.extend(case.binary.iter().map(|(key, value)| (key.clone(), unbase64(value))));
        let options = Options {
            strict: !case.lenient,
            left: case.left.clone(),
            right: case.right.clone(),
            ..options()
        };
        let got = render(&case.template, &data, &options).map(|rendered| rendered.text);
        let wanted = match (&expected.output, &expected.output_base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(text)) => Some(unbase64(text)),
            (None, None) => None,
        };
        if got.as_ref().ok() != wanted.as_ref() {
            let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
            differences.push(format!(
                "{}: {}\n  go:   {}\n  here: {}",
                case.name,
                case.template,
                wanted.as_deref().map_or_else(|| expected.error.clone().unwrap_or_default(), shown),
                got.as_deref().map_or_else(|failure| format!("error: {}", failure.detail), shown),
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} differ:\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n")
    );
}
