//! Every template of `tests/jinjatemplates/corpus.json`, compared byte for byte with what Jinja2 made of it
//! (`expected.json`, written by the Python program beside it). Where Jinja2 fails, so must this; the words
//! of errors are not compared.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use template_jinja::{Options, render};

#[derive(Deserialize)]
struct Corpus {
    data: BTreeMap<String, String>,
    /// In base64.
    binary: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    #[serde(default)]
    left: String,
    #[serde(default)]
    right: String,
    #[serde(default)]
    lenient: bool,
}

#[derive(Deserialize)]
struct Expected {
    template: String,
    output: Option<String>,
    error: Option<String>,
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let dir = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let path = Path::new(&dir).join("../../tests/jinjatemplates").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn renders_as_jinja_does() {
    let corpus: Corpus = read("corpus.json");
    let expected: Vec<Expected> = read("expected.json");
    assert_eq!(corpus.cases.len(), expected.len(), "run the Python program again");
    assert!(corpus.cases.len() > 200, "the corpus has shrunk");
    let texts = corpus.data.iter().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
    let binary = corpus.binary.iter().map(|(key, value)| (key.clone(), STANDARD.decode(value).unwrap()));
    let data: Vec<(String, Vec<u8>)> = texts.chain(binary).collect();
    let mut differences = Vec::new();
    for (case, expected) in corpus.cases.iter().zip(&expected) {
        assert_eq!(case.template, expected.template, "run the Python program again");
        let options = Options {
            strict: !case.lenient,
            left: case.left.clone(),
            right: case.right.clone(),
            now_ms: 1_709_211_845_678,
        };
        let got =
            render(&case.template, &data, &options).map(|rendered| String::from_utf8(rendered.text).unwrap());
        if got.as_ref().ok() != expected.output.as_ref() {
            differences.push(format!(
                "{}\n  jinja: {}\n  here:  {}",
                case.template,
                expected.output.as_ref().or(expected.error.as_ref()).unwrap(),
                got.unwrap_or_else(|failure| format!("error: {}", failure.detail)),
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} differ:\n{}",
        differences.len(),
        corpus.cases.len(),
        differences.join("\n")
    );
}
