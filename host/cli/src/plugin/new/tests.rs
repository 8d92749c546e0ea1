//! What lies in a project: from a made-up table, and from every starter that is there.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use clap::ValueEnum as _;

use super::names::PLACEHOLDERS;
use super::project::{FILES, File};
use super::*;
use crate::args::{Kind, Lang};

/// A name with a dash and a digit.
const NAME: &str = "acme-2b";

fn new_in(folder: &Path, lang: Lang, kind: Kind) -> anyhow::Result<ExitCode> {
    new(&NewArgs { name: NAME.to_owned(), lang, kind, into: Some(folder.to_owned()) })
}

/// Each file of a folder, by path.
fn read(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(relative, fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_starter_becomes_a_project() {
    let file = |path, executable, content| File { path, executable, content };
    let table = [
        file(
            "starters/rust/provider/README.md",
            false,
            b"x\n```sh\n# first\nmake plugin-name\n\n```\n```yaml\na: b\n```\n```sh\nlast\n```\n",
        ),
        file(
            "starters/rust/provider/src/plugin_name.rs",
            false,
            b"struct PluginName; // plugin_name".as_slice(),
        ),
        file("starters/rust/provider/plugin-name.sh", true, b"\xffplugin-name"),
        file("starters/rust/template/other", false, b""),
        file("starters/go/provider/main.go", false, b"package plugin_name"),
        file("sdk/src/lib.rs", false, b"plugin-name"),
        file("wit/types.wit", false, b"package"),
        file("wit/deps/http.wit", false, b"http"),
    ];
    let names = Names::of(NAME).unwrap();
    let files = project::files(&table, Lang::Rust, Kind::Provider, &names).unwrap();
    let found: Vec<_> =
        files.iter().map(|file| (file.path.as_str(), file.executable, file.content.as_slice())).collect();
    let readme = b"x\n```sh\n# first\nmake acme-2b\n\n```\n```yaml\na: b\n```\n```sh\nlast\n```\n";
    assert_eq!(
        found,
        [
            ("README.md", false, readme.as_slice()),
            // What is no text stays as it is.
            ("acme-2b.sh", true, b"\xffplugin-name"),
            ("sdk/src/lib.rs", false, b"plugin-name"),
            ("src/acme_2b.rs", false, b"struct Acme2b; // acme_2b"),
        ]
    );
    assert_eq!(project::commands(&files), ["make acme-2b", "last"]);
    let go = project::files(&table, Lang::Go, Kind::Provider, &names).unwrap();
    let paths: Vec<&str> = go.iter().map(|file| file.path.as_str()).collect();
    // The SDK is Rust's, and has the interface in it.
    assert_eq!(paths, ["main.go", "wit/deps/claviger-plugin/types.wit", "wit/deps/http.wit"]);
    let error = project::files(&table, Lang::Js, Kind::Template, &names).err().unwrap().to_string();
    assert_eq!(error, "there is no starter for a template engine in JavaScript");
}

#[test]
fn there_is_a_starter_of_each_kind_in_each_language() {
    assert_eq!(starters().len(), Lang::value_variants().len() * Kind::value_variants().len());
}

/// What the page's reader runs between `new` and the component is what the README says.
#[test]
fn the_authors_page_has_the_commands_of_the_rust_readme() {
    let page = include_str!("../../../../../docs/plugins/author.md");
    let files = project::files(FILES, Lang::Rust, Kind::Provider, &Names::of("acme").unwrap()).unwrap();
    let commands = project::commands(&files);
    assert!(commands.len() >= 4, "{commands:?}");
    for command in commands {
        assert!(
            page.contains(&format!("\n{command}\n")),
            "{command:?} does not stand in docs/plugins/author.md"
        );
    }
}

#[test]
fn every_starter_is_a_whole_project_under_its_own_name() {
    for (lang, kind) in starters() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("project");
        new_in(&folder, lang, kind).unwrap();
        let files = read(&folder);
        let own: Vec<&String> =
            files.keys().filter(|path| !path.starts_with("sdk/") && !path.starts_with("wit/deps/")).collect();
        let title = format!("{}-{}", lang.folder(), kind.folder());
        insta::assert_yaml_snapshot!(title.as_str(), own);
        for needed in ["README.md", "bench.yaml", "manifests.yaml", ".gitignore"] {
            // The suite is for providers.
            let excused = needed == "bench.yaml" && kind == Kind::Template;
            assert!(excused || files.contains_key(needed), "{title} has no {needed}");
        }
        for path in own {
            let text = String::from_utf8_lossy(&files[path]);
            for place in PLACEHOLDERS {
                assert!(!path.contains(place) && !text.contains(place), "{title}: {path} says {place}");
            }
        }
        let wit = read(&claviger_root().join("wit/v1"));
        for (path, content) in wit {
            let path = match (lang, path.strip_prefix("deps/")) {
                (Lang::Rust, _) => format!("sdk/wit/{path}"),
                (_, None) => format!("wit/deps/claviger-plugin/{path}"),
                (_, Some(dependency)) => format!("wit/deps/{dependency}"),
            };
            assert!(files.get(&path) == Some(&content), "{title}: {path} is not the frozen one");
        }
        assert_eq!(files.contains_key("sdk/Cargo.toml"), lang == Lang::Rust, "{title}");
    }
}

/// Languages and kinds that there are starters for.
fn starters() -> Vec<(Lang, Kind)> {
    let all = Lang::value_variants()
        .iter()
        .flat_map(|lang| Kind::value_variants().iter().map(|kind| (*lang, *kind)));
    let there = |(lang, kind): &(Lang, Kind)| {
        let folder = format!("starters/{}/{}/", lang.folder(), kind.folder());
        FILES.iter().any(|file| file.path.starts_with(&folder))
    };
    all.filter(there).collect()
}

fn claviger_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_folder_with_something_in_it_and_one_that_cannot_be_made_are_refused() {
    let Some((lang, kind)) = starters().into_iter().next() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "kept").unwrap();
    for (folder, expected) in [
        (dir.path(), "is not empty"),
        (file.as_path(), "is no folder"),
        (Path::new("/proc/claviger-new"), "cannot make the folder"),
    ] {
        let error = new_in(folder, lang, kind).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
    }
    assert_eq!(read(dir.path()), BTreeMap::from([("file".to_owned(), b"kept".to_vec())]));
    let inside = dir.path().join("a/b");
    fs::create_dir_all(&inside).unwrap();
    new_in(&inside, lang, kind).unwrap();
    assert!(inside.join("README.md").exists(), "an empty folder is taken");
}
