//! Puts what `claviger plugin new` writes into the program: the starters, the Rust SDK and the frozen interface, as a
//! table of paths and contents. What a build leaves in those folders is not taken, and neither is what `new` itself
//! puts into a project (`wit/deps`, `sdk`).

use std::fmt::Write as _;
use std::io::{Error, Result};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[path = "src/plugin/new/ignored.rs"]
mod ignored;

use ignored::Ignored;

fn main() -> Result<()> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = here.join("../..").canonicalize()?;
    let mut table = Table::default();
    let (starters, sdk, wit) = (root.join("plugins/starters"), root.join("plugins/sdk"), root.join("wit/v1"));
    // The SDK has the interface of events by a link.
    for folder in [&starters, &sdk, &wit, &root.join("wit/events")] {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/plugin/new/ignored.rs");
    for lang in folders(&starters)? {
        for kind in folders(&starters.join(&lang))? {
            let folder = starters.join(&lang).join(&kind);
            let mut ignored = Ignored::by(&text(&folder.join(".gitignore"))?);
            ignored.path("wit/deps");
            ignored.path("sdk");
            table.take(&folder, &format!("starters/{lang}/{kind}"), "", &ignored)?;
        }
    }
    table.take(&sdk, "sdk", "", &Ignored::by("/Cargo.lock"))?;
    table.take(&wit, "wit", "", &Ignored::by(""))?;
    std::fs::write(Path::new(&variable("OUT_DIR")?).join("new_files.rs"), format!("&[\n{}]\n", table.0))
}

/// Rust text, an entry a line.
#[derive(Default)]
struct Table(String);

impl Table {
    /// Every file below a folder, links followed.
    fn take(&mut self, folder: &Path, prefix: &str, below: &str, ignored: &Ignored) -> Result<()> {
        let mut names = names(folder)?;
        names.sort();
        for name in names {
            let path = folder.join(&name);
            let relative = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            if ignored.covers(&relative) {
                continue;
            }
            let metadata = std::fs::metadata(&path).map_err(|error| at(&path, error))?;
            if metadata.is_dir() {
                self.take(&path, prefix, &relative, ignored)?;
                continue;
            }
            let executable = metadata.permissions().mode() & 0o100 != 0;
            writeln!(
                self.0,
                "    File {{ path: {:?}, executable: {executable}, content: include_bytes!({:?}) }},",
                format!("{prefix}/{relative}"),
                path.canonicalize()?,
            )
            .map_err(Error::other)?;
        }
        Ok(())
    }
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).map_err(|error| Error::other(format!("{name}: {error}")))
}

fn at(path: &Path, error: Error) -> Error {
    Error::other(format!("{}: {error}", path.display()))
}

/// Nothing, if there is no such file.
fn text(path: &Path) -> Result<String> {
    if path.exists() {
        std::fs::read_to_string(path).map_err(|error| at(path, error))
    } else {
        Ok(String::new())
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|error| at(folder, error))?;
    entries
        .map(|entry| {
            entry?.file_name().into_string().map_err(|name| Error::other(format!("{}", name.display())))
        })
        .collect()
}

fn folders(folder: &Path) -> Result<Vec<String>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut folders: Vec<String> =
        names(folder)?.into_iter().filter(|name| folder.join(name).is_dir()).collect();
    folders.sort();
    Ok(folders)
}
