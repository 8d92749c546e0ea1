//! The table: paths of every form that gjson's documentation explains, and what each finds. What it finds is what
//! gjson says, written anew with `UPDATE_GENERATED=1`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::ours;
use crate::go::{about, ask};

#[derive(Deserialize)]
struct Table {
    documents: BTreeMap<String, String>,
    examples: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    form: String,
    document: String,
    path: String,
    /// Nothing, if it is null.
    finds: Option<String>,
}

const FILE: &str = "tests/oracle/paths/examples.yaml";

fn table() -> (String, Table) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = std::fs::read_to_string(file).unwrap();
    let table = serde_saphyr::from_str(&text).unwrap();
    (text, table)
}

#[test]
fn examples_find_what_the_table_says() {
    let (_, table) = table();
    assert!(table.examples.len() > 200);
    for Example { form, document, path, finds } in &table.examples {
        let found = ours(table.documents[document].as_bytes(), path).unwrap();
        let found = found.map(|(_, _, text)| String::from_utf8(text).unwrap());
        assert_eq!(found, *finds, "{form}: {path} in {document}");
    }
}

#[test]
fn the_table_says_what_gjson_says() {
    let (text, table) = table();
    let questions: Vec<_> = table
        .examples
        .iter()
        .map(|example| about("path", table.documents[&example.document].as_bytes(), &example.path))
        .collect();
    let Some(answers) = ask(&questions) else { return };
    let said: Vec<_> =
        answers.iter().map(|answer| answer.value().map(|it| String::from_utf8(it).unwrap())).collect();
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        // One line for each, and what JSON writes is YAML too.
        let lines = table.examples.iter().zip(said).map(|(Example { form, document, path, .. }, said)| {
            let [form, path, said] = [json!(form), json!(path), json!(said)];
            format!("  - {{form: {form}, document: {document}, path: {path}, finds: {said}}}\n")
        });
        let (head, _) = text.split_once("examples:\n").unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
        std::fs::write(file, format!("{head}examples:\n{}", lines.collect::<String>())).unwrap();
        return;
    }
    for (example, said) in table.examples.iter().zip(said) {
        assert_eq!(example.finds, said, "{}: {} in {}", example.form, example.path, example.document);
    }
}
