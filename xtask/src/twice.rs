//! `cargo xtask plugins --twice`: the same sources make the same components, wherever they lie and whoever builds them.
//!
//! The second build has a copy of the sources in another folder, another target folder and another home of cargo. What
//! could show in a component are those paths (`place.rs` has why they do not). Same compiler, same lock file, same set
//! of packages: cargo unites the features of what is built together, so a plugin that is built alone may be another one
//! than the same in a build of all.
//!
//! Nothing of the kind is promised of the native binary: its C parts are compiled by whatever compiler is there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{Progress, workspace_root};
use sha2::{Digest as _, Sha256};

use crate::place::Place;
use crate::{build, paths};

/// Folders that builds leave in the work tree, and that are not copied.
const BUILT: [&str; 4] = ["target", "node_modules", ".venv", "__pycache__"];

/// The plugin that every test run builds twice: small, and with all that the SDK brings.
pub(crate) const SAMPLE: &str = "fake";

/// Builds the guests of these names, or all that are shipped, here and elsewhere.
///
/// # Errors
/// If one does not build, differs, or names a folder of this machine; what differs is left where it was built.
pub(crate) fn check(progress: &Progress, only: &[String]) -> Result<()> {
    let guests = build::components()?;
    if let Some(unknown) = only.iter().find(|name| guests.iter().all(|guest| guest.name != **name)) {
        bail!("there is no plugin {unknown} in plugins/");
    }
    let asked = |guest: &&build::Guest| match only.is_empty() {
        true => guest.shipped,
        false => only.contains(&guest.name),
    };
    let guests: Vec<_> = guests.iter().filter(asked).collect();
    // Alone or all together, but the same both times.
    let packages: Vec<&str> =
        if only.is_empty() { Vec::new() } else { guests.iter().map(|guest| &*guest.package).collect() };
    let (here, there) = (Place::here()?, elsewhere(progress)?);
    for (place, which) in [(&here, "here"), (&there, "elsewhere")] {
        progress.say(format_args!("building the plugins {which}"));
        build::guests(progress, place, &packages)?;
    }
    let mut broken = Vec::new();
    for guest in guests {
        let (one, other) = (here.built(guest), there.built(guest));
        let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
        let (bytes, again) = (read(&one)?, read(&other)?);
        println!("sha256:{}  {}", hex::encode(Sha256::digest(&bytes)), guest.name);
        if bytes != again {
            broken.push(format!("{}: {} is not {}", guest.name, other.display(), one.display()));
        }
        for place in [&here, &there] {
            for folder in place.folders() {
                if holds(&bytes, folder) || holds(&again, folder) {
                    broken.push(format!("{}: names {}", guest.name, folder.display()));
                }
            }
        }
    }
    if !broken.is_empty() {
        bail!("plugins are not what their sources alone make of them:\n{}", broken.join("\n"));
    }
    progress.say("the same digests, built in two folders");
    Ok(())
}

/// Another place with the same sources: everything about it is another path.
fn elsewhere(progress: &Progress) -> Result<Place> {
    progress.say("copying the sources of the plugins");
    let base = paths::target().join("twice");
    let place = Place {
        root: base.join("another/work-tree"),
        target: base.join("built"),
        cargo_home: base.join("home/of/cargo"),
    };
    for part in ["plugins", "wit"] {
        let mut kept = BTreeSet::new();
        copy(&workspace_root().join(part), &place.root.join(part), &mut kept)?;
        forget(&place.root.join(part), &kept)?;
    }
    // The same packages under another name, so that nothing is fetched again.
    fs::create_dir_all(&place.cargo_home).with_context(|| place.cargo_home.display().to_string())?;
    let home = Place::here()?.cargo_home;
    for entry in fs::read_dir(&home).with_context(|| home.display().to_string())?.flatten() {
        if entry.file_name() != ".package-cache" {
            link(&entry.path(), &place.cargo_home.join(entry.file_name()))?;
        }
    }
    Ok(place)
}

/// A link that leads there: one of an earlier run may lead to a cargo home that is no longer ours.
fn link(target: &Path, at: &Path) -> Result<()> {
    match fs::read_link(at) {
        Ok(found) if found == target => return Ok(()),
        Ok(_) => fs::remove_file(at).with_context(|| at.display().to_string())?,
        Err(_) => {}
    }
    symlink(target, at).with_context(|| at.display().to_string())
}

/// Copies what differs, so that cargo builds what differs; `kept` gets every path that belongs there.
fn copy(from: &Path, to: &Path, kept: &mut BTreeSet<PathBuf>) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    kept.insert(to.to_owned());
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())?.flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().with_context(|| from.display().to_string())?;
        if kind.is_dir() && !BUILT.contains(&&*name) {
            copy(&from, &to, kept)?;
        } else if kind.is_symlink() {
            link(&fs::read_link(&from).with_context(|| from.display().to_string())?, &to)?;
            kept.insert(to);
        } else if kind.is_file() {
            let bytes = fs::read(&from).with_context(|| from.display().to_string())?;
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                fs::write(&to, bytes).with_context(|| to.display().to_string())?;
            }
            kept.insert(to);
        }
    }
    Ok(())
}

/// Removes what is not in the sources any more.
fn forget(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())?.flatten() {
        let path = entry.path();
        let folder = entry.file_type().with_context(|| path.display().to_string())?.is_dir();
        match (kept.contains(&path), folder) {
            (true, true) => forget(&path, kept)?,
            (true, false) => {}
            (false, true) => fs::remove_dir_all(&path).with_context(|| path.display().to_string())?,
            (false, false) => fs::remove_file(&path).with_context(|| path.display().to_string())?,
        }
    }
    Ok(())
}

/// Whether a component names that folder.
fn holds(bytes: &[u8], folder: &Path) -> bool {
    let name = folder.as_os_str().as_encoded_bytes();
    bytes.windows(name.len()).any(|window| window == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_copy_becomes_what_its_original_is() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("a/target")).unwrap();
        fs::write(from.join("a/one"), "1").unwrap();
        fs::write(from.join("a/target/built"), "x").unwrap();
        symlink("a/one", from.join("link")).unwrap();
        fs::create_dir_all(to.join("gone")).unwrap();
        fs::write(to.join("gone/file"), "").unwrap();
        let sync = || {
            let mut kept = BTreeSet::new();
            copy(&from, &to, &mut kept).unwrap();
            forget(&to, &kept).unwrap();
        };
        sync();
        assert_eq!(fs::read_to_string(to.join("link")).unwrap(), "1");
        assert!(fs::read_link(to.join("link")).is_ok());
        assert!(!to.join("gone").exists() && !to.join("a/target").exists());
        // What did not change is left alone: cargo would build it again.
        let written = fs::metadata(to.join("a/one")).unwrap().modified().unwrap();
        fs::remove_file(from.join("link")).unwrap();
        sync();
        assert_eq!(fs::metadata(to.join("a/one")).unwrap().modified().unwrap(), written);
        assert!(to.join("link").symlink_metadata().is_err());
    }

    #[test]
    fn a_link_of_an_earlier_run_leads_where_it_has_to_now() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("registry");
        // Also where what it leads to is gone.
        for target in ["/nowhere/one/registry", "/nowhere/other/registry", "/nowhere/other/registry"] {
            link(Path::new(target), &at).unwrap();
            assert_eq!(fs::read_link(&at).unwrap(), Path::new(target));
        }
        // What is no link is nobody's to remove.
        let file = dir.path().join("file");
        fs::write(&file, "kept").unwrap();
        assert!(link(Path::new("/nowhere"), &file).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    }

    #[test]
    fn a_folder_that_is_named_is_found() {
        assert!(holds(b"\0asm /home/somebody/.cargo/registry/x.rs", Path::new("/home/somebody/.cargo")));
        assert!(!holds(b"\0asm /registry/x.rs", Path::new("/home/somebody/.cargo")));
    }
}
