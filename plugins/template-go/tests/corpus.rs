//! Renders the corpus and compares with what Go itself gave (`tests/gotemplates`).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde::Deserialize;
use template_go::{Options, render};

#[derive(Deserialize)]
struct Case {
    name: String,
    template: String,
    data: BTreeMap<String, String>,
    output: String,
    failed: bool,
}

#[test]
fn every_template_renders_as_go_renders_it() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("corpus.json")).unwrap();
    assert!(cases.len() > 60);
    let options = Options {
        strict: true,
        left: "{{".to_owned(),
        right: "}}".to_owned(),
        // 2026-11-24T10:11:12.345Z, the clock of the Go program.
        now_ms: 1_795_515_072_345,
    };
    let mut wrong = Vec::new();
    for case in cases {
        let data: Vec<(String, Vec<u8>)> =
            case.data.into_iter().map(|(key, value)| (key, value.into_bytes())).collect();
        let found = render(&case.template, &data, &options);
        let expected = (!case.failed).then_some(case.output.as_str());
        if found.as_ref().ok().map(String::as_str) != expected {
            wrong.push(format!("{} {:?}\n   Go: {expected:?}\n  ours: {found:?}", case.name, case.template));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_value_that_is_no_text_is_refused_by_name_and_others_go_on() {
    let data = [("bin".to_owned(), vec![0xff, 0xfe]), ("ok".to_owned(), b"fine".to_vec())];
    let options = Options { strict: true, left: "{{".to_owned(), right: "}}".to_owned(), now_ms: 0 };
    assert_eq!(render("{{ .ok }}", &data, &options).unwrap(), "fine");
    let failure = render("{{ .bin }}", &data, &options).unwrap_err();
    assert!(failure.detail.contains("\"bin\" is not UTF-8"), "{}", failure.detail);
}
