//! The files of a project: a starter with the name in it, the frozen interface, and for Rust the SDK, which is on no
//! registry. Pure; the starters are `plugins/starters`, which the build script put into the table.

use anyhow::ensure;

use super::names::Names;
use crate::args::{Kind, Lang};

/// A file as it lies in the tree: `starters/LANG/KIND/…`, `sdk/…`, `wit/…`.
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) executable: bool,
    pub(super) content: &'static [u8],
}

/// All of them, by path.
pub(super) const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/new_files.rs"));

/// A file of a project.
pub(super) struct Written {
    /// From the project's folder on.
    pub(super) path: String,
    pub(super) executable: bool,
    pub(super) content: Vec<u8>,
}

/// What of a table belongs into a project.
///
/// # Errors
/// If there is no starter of that kind in that language.
pub(super) fn files(table: &[File], lang: Lang, kind: Kind, names: &Names) -> anyhow::Result<Vec<Written>> {
    let mut files: Vec<Written> = below(table, &format!("starters/{}/{}/", lang.folder(), kind.folder()))
        .map(|(path, file)| Written {
            path: names.fill(path),
            content: filled(names, file.content),
            ..of(file)
        })
        .collect();
    ensure!(!files.is_empty(), "there is no starter for {kind} in {lang}");
    if lang != Lang::Rust {
        files.extend(below(table, "wit/").map(|(path, file)| {
            let path = match path.strip_prefix("deps/") {
                Some(dependency) => format!("wit/deps/{dependency}"),
                None => format!("wit/deps/claviger-plugin/{path}"),
            };
            Written { path, ..of(file) }
        }));
    } else {
        // The interface is in it.
        files.extend(
            below(table, "sdk/").map(|(path, file)| Written { path: format!("sdk/{path}"), ..of(file) }),
        );
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The commands of the project's README: its `sh` blocks, in order, without comments.
pub(super) fn commands(files: &[Written]) -> Vec<String> {
    let readme = files.iter().find(|file| file.path == "README.md");
    let text = readme.map(|file| String::from_utf8_lossy(&file.content)).unwrap_or_default();
    let mut within = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        match line.trim_end() {
            "```sh" => within = true,
            "```" => within = false,
            command if within && !command.is_empty() && !command.trim_start().starts_with('#') => {
                commands.push(command.to_owned());
            }
            _ => {}
        }
    }
    commands
}

fn of(file: &File) -> Written {
    Written { path: file.path.to_owned(), executable: file.executable, content: file.content.to_vec() }
}

/// Files below a folder of the table, with the rest of their paths.
fn below<'a>(table: &'a [File], folder: &str) -> impl Iterator<Item = (&'a str, &'a File)> {
    table.iter().filter_map(move |file| Some((file.path.strip_prefix(folder)?, file)))
}

/// What is no text has no name in it.
fn filled(names: &Names, content: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(content) {
        Ok(text) => names.fill(text).into_bytes(),
        Err(_) => content.to_vec(),
    }
}
