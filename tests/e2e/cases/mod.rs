//! The table: what becomes of an ExternalSecret, rule by rule of the reference, on the real API server.
//!
//! The cases are data, a file for each subject; each names the rule that it shows (`rules.txt`). What they expect is
//! what ESO does by its documentation and its source; where it has a defect, what is right, with the reason.

mod case;
mod expect;
pub(crate) mod marks;
mod run;

use std::collections::BTreeSet;

use claviger_testenv::workspace_root;

use self::case::Case;
use crate::support::{Operator, world};

const NAMESPACE: &str = "cases";
/// So many at least.
const CASES: usize = 300;

/// Every file of the table, in order.
fn table() -> Vec<Case> {
    let folder = workspace_root().join("tests/e2e/cases");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            case::read(&name, &std::fs::read_to_string(path).unwrap(), NAMESPACE)
        })
        .collect()
}

#[test]
fn every_case_of_the_table_gives_what_it_says() {
    let world = world!("cases");
    assert_eq!(world.name, NAMESPACE);
    let cases = table();
    let _operator = Operator::start(&world);
    let reports = run::run(&world, &cases);
    assert!(reports.is_empty(), "{} of {} cases differ:\n{}", reports.len(), cases.len(), reports.join("\n"));
}

#[test]
fn the_table_is_whole() {
    let cases = table();
    assert!(cases.len() >= CASES, "{} cases", cases.len());
    let mut names = BTreeSet::new();
    let twice: Vec<_> = cases.iter().map(|case| &case.name).filter(|name| !names.insert(*name)).collect();
    assert!(twice.is_empty(), "twice: {twice:?}");
    let rules: BTreeSet<&str> =
        include_str!("rules.txt").lines().filter(|line| !line.starts_with('#')).collect();
    let shown: BTreeSet<&str> = cases.iter().map(|case| case.rule.as_str()).collect();
    let unknown: Vec<_> = shown.difference(&rules).collect();
    assert!(unknown.is_empty(), "not in rules.txt: {unknown:?}");
    let without: Vec<_> = rules.difference(&shown).collect();
    assert!(without.is_empty(), "rules without a case: {without:?}");
}
