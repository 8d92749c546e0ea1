//! What a path finds, compared with gjson: over generated documents and paths, whole and broken, and over the
//! examples of its documentation, whose table lies beside this file.

mod documents;
mod examples;
mod forms;
mod hard;
mod inputs;

use claviger_core::gjson::{self, Kind};

use crate::go::{Answer, about, ask};
use crate::seed;
use inputs::Dice;

/// Pairs of a document and a path; `CLAVIGER_TEST_PAIRS` asks for another number.
const PAIRS: usize = 8_000;

/// As many as are kept in memory at once.
const BATCH: usize = 50_000;

/// Kind, JSON and text of what is found.
type Found = Option<(&'static str, Vec<u8>, Vec<u8>)>;

fn ours(document: &[u8], path: &str) -> Result<Found, gjson::Refused> {
    let found = gjson::get(document, path)?;
    Ok(found.map(|value| {
        let kind = match value.kind() {
            Kind::Null => "Null",
            Kind::False => "False",
            Kind::Number => "Number",
            Kind::Text => "String",
            Kind::True => "True",
            Kind::Json => "JSON",
        };
        (kind, value.json_text().expose().to_vec(), value.text().expose().to_vec())
    }))
}

fn differs(document: &[u8], path: &str, answer: &Answer) -> Option<String> {
    // gjson's own panics: an index behind the end. What is found then is nobody's business.
    if answer.panic {
        return None;
    }
    let shown = |kind: &str, raw: &[u8], text: &[u8]| {
        format!("{kind} {} says {}", raw.escape_ascii(), text.escape_ascii())
    };
    let theirs = answer.value().map(|text| shown(&answer.kind, &answer.raw(), &text));
    let found = match ours(document, path) {
        Ok(found) => found.map(|(kind, raw, text)| shown(kind, &raw, &text)),
        Err(refused) => Some(format!("refused: {refused}")),
    };
    (found != theirs).then(|| {
        let document = document.escape_ascii();
        format!("{path:?} in {document}\n  ours {found:?}\n  Go's {theirs:?}")
    })
}

fn assert_same(pairs: &[(Vec<u8>, String)]) {
    let questions: Vec<_> = pairs.iter().map(|(document, path)| about("path", document, path)).collect();
    let Some(answers) = ask(&questions) else { return };
    let mut differing: Vec<String> = pairs
        .iter()
        .zip(&answers)
        .filter_map(|((document, path), answer)| differs(document, path, answer))
        .collect();
    differing.sort_by_key(String::len);
    let first = differing.iter().take(15).cloned().collect::<Vec<_>>().join("\n");
    assert!(differing.is_empty(), "{} of {} differ:\n{first}", differing.len(), pairs.len());
}

#[test]
fn generated_paths_find_what_gjson_finds() {
    let pairs = std::env::var("CLAVIGER_TEST_PAIRS").map_or(PAIRS, |pairs| pairs.parse().unwrap());
    let mut dice = Dice::new(seed());
    let (mut left, mut found) = (pairs, 0);
    while left > 0 {
        let batch: Vec<_> = (0..left.min(BATCH)).map(|_| dice.pair()).collect();
        left -= batch.len();
        found +=
            batch.iter().filter(|(document, path)| ours(document, path).is_ok_and(|it| it.is_some())).count();
        assert_same(&batch);
        println!("{} pairs without a difference, {found} of them find something", pairs - left);
    }
    // A comparison of nothing with nothing shows nothing.
    assert!(found * 4 > pairs, "{found} of {pairs} pairs find something");
}

#[test]
fn hard_paths_find_what_gjson_finds() {
    assert_same(&hard::hard());
}
