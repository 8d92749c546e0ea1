//! Every seed of the host's targets goes through them, without cargo-fuzz: what was found once stays found. And each
//! target is whole: a program, seeds, and a row in the page about security.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use claviger_fuzz::TARGETS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_seed_holds() {
    for (name, run) in TARGETS {
        let folder = root().join("fuzz/corpus").join(name);
        let seeds: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in seeds {
            // The last line of a failure is the seed's name.
            println!("{}", seed.display());
            run(&fs::read(&seed).unwrap());
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_row_in_the_page() {
    let page = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = root().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let text =
            fs::read_to_string(&program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert!(text.contains(&format!("claviger_fuzz::{name}::run(data)")), "{name} calls another");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
        assert!(page.contains(&format!("| `{name}` |")), "docs/security.md has no row `{name}`");
    }
}
