//! Examples of plugins that are no crates, built as their READMEs say: the `sh` blocks, in order, in a copy of the folder
//! that has the interface in `wit/deps`.
//!
//! A component is kept under a hash of everything that it was made of. So it is built once, where package registries can
//! be reached, and found again by tests that reach nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::{fresh_beside, lock, tools_dir};
use crate::cache::{cache_home, workspace_root};
use crate::error::{Error, Result};
use crate::progress::Progress;

/// What builds leave behind, and is no part of an example.
const BUILT: [&str; 7] = [".venv", "__pycache__", "bindings", "deps", "dist", "node_modules", "types"];

/// The component of `plugins/examples/NAME`.
///
/// # Errors
/// If it has to be built and cannot be; the end of the log is in the error.
pub fn example(progress: &Progress, name: &str) -> Result<PathBuf> {
    let (folder, wit) =
        (workspace_root().join("plugins/examples").join(name), workspace_root().join("wit/v1"));
    let mut files = Vec::new();
    list(&folder, Path::new(""), &mut files)?;
    let mut sources: Vec<_> = files.iter().map(|file| (folder.join(file), file.clone())).collect();
    for (from, to) in [(wit.clone(), "wit/deps/claviger-plugin"), (wit.join("deps"), "wit/deps")] {
        for file in names(&from)?.into_iter().filter(|file| file.ends_with(".wit")) {
            sources.push((from.join(&file), Path::new(to).join(&file)));
        }
    }
    let mut hash = Sha256::new();
    for (from, to) in &sources {
        let content = fs::read(from).map_err(Error::file("read", from))?;
        hash.update(to.as_os_str().as_encoded_bytes());
        hash.update(Sha256::digest(&content));
    }
    let finished = tools_dir()?.join(format!("example-{name}-{}", hex::encode(&hash.finalize()[..8])));
    let component = finished.join(format!("dist/{name}.wasm"));
    if component.is_file() {
        return Ok(component);
    }
    let _lock = lock(progress, &format!("example-{name}"))?;
    if component.is_file() {
        return Ok(component);
    }
    progress.say(format_args!("building the example {name}"));
    let new = fresh_beside(&finished)?;
    for (from, to) in &sources {
        let to = new.join(to);
        let parent = to.parent().unwrap_or(&new);
        fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        fs::copy(from, &to).map_err(Error::file("copy to", &to))?;
    }
    let readme = new.join("README.md");
    let commands = commands(&fs::read_to_string(&readme).map_err(Error::file("read", &readme))?);
    let mut shell = Command::new("sh");
    shell.args(["-exc", &commands]).current_dir(&new).env("PIP_CACHE_DIR", cache_home().join("pip"));
    shell.env("npm_config_cache", cache_home().join("npm")).env("npm_config_update_notifier", "false");
    let log = tools_dir()?.join(format!("example-{name}.log"));
    progress.run(&format!("building {name}"), &mut shell, &log)?;
    for bulky in [".venv", "node_modules"].map(|folder| new.join(folder)) {
        if bulky.exists() {
            fs::remove_dir_all(&bulky).map_err(Error::file("remove", &bulky))?;
        }
    }
    fs::rename(&new, &finished).map_err(Error::file("rename", &new))?;
    Ok(component)
}

/// The `sh` blocks of a README, in order.
fn commands(readme: &str) -> String {
    let blocks = readme.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// Every file of a folder in order, but what builds leave behind.
fn list(root: &Path, below: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for name in names(&root.join(below))?.into_iter().filter(|name| !BUILT.contains(&name.as_str())) {
        let path = below.join(&name);
        if root.join(&path).is_dir() {
            list(root, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(Error::file("read", folder))?;
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names =
        entries.map(name).collect::<std::io::Result<Vec<_>>>().map_err(Error::file("read", folder))?;
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn the_commands_of_a_readme_are_its_sh_blocks() {
        let readme = "# x\n```sh\na\nb\n```\ntext\n```yaml\nc: d\n```\n\n    e\n\n```sh\nf\n```\n";
        assert_eq!(commands(readme), "a\nb\nf\n");
    }

    #[test]
    fn an_example_is_what_its_author_wrote() {
        let dir = tempfile_dir();
        for file in
            ["README.md", "wit/world.wit", "wit/deps/http.wit", ".venv/x", "tests/__pycache__/y", "dist/z"]
        {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let mut files = Vec::new();
        list(&dir, Path::new(""), &mut files).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(files, [Path::new("README.md"), Path::new("wit/world.wit")]);
    }

    fn tempfile_dir() -> PathBuf {
        std::env::temp_dir().join(format!("claviger-example-{}", std::process::id()))
    }
}
