//! `cargo xtask release`: everything of a version in one folder, with sums and bills of materials, and what to do next.
//!
//! Nothing is signed, tagged or sent: that needs keys and rights that a build has no business with. `docs/release.md` has
//! the steps, and how somebody verifies what they got.

mod graph;
mod notices;
mod sbom;
mod sources;
mod standard;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use claviger_testenv::{Progress, workspace_root};
use sha2::{Digest as _, Sha256};

use crate::archive::{self, Content, Files};
use crate::exec::run;
use crate::{build, image, paths, toolchain, twice};
use graph::Built;
pub(crate) use sources::Sources;

/// What is made, and of what.
#[derive(Debug, Args)]
pub(crate) struct ReleaseArgs {
    /// Folder that gets the files; it has to be empty [default: dist/claviger-VERSION below the target folder]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Go on though the work tree is not what git has: for trying
    #[arg(long)]
    allow_dirty: bool,
    /// A program that is built already, for trying
    #[arg(long, value_name = "FILE", requires_all = ["plugins", "allow_dirty"])]
    binary: Option<PathBuf>,
    /// The plugins that go with it; they are not built twice then
    #[arg(long, value_name = "DIR", requires = "binary")]
    plugins: Option<PathBuf>,
    /// Leave out the image
    #[arg(long)]
    without_image: bool,
}

/// Makes it.
///
/// # Errors
/// If the sources are no version's, something does not build, or a plugin is not the same twice.
pub(crate) fn make(progress: &Progress, args: ReleaseArgs) -> Result<ExitCode> {
    let sources = Sources::read(&workspace_root())?;
    if !args.allow_dirty {
        sources.be_clean()?;
    }
    let version = &sources.version;
    let platform = format!("linux-{}", image::architecture());
    let folder = empty(args.output, &format!("claviger-{version}"))?;
    let (binary, plugins) = match (args.binary, args.plugins) {
        (Some(binary), Some(plugins)) => (binary, plugins),
        _ => {
            build::dist(progress)?;
            twice::check(progress, &[])?;
            (paths::dist().join("bin/claviger"), paths::dist().join("plugins"))
        }
    };
    let work = paths::target().join("release-work");
    fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let stripped = strip(&binary, &work.join("claviger"))?;

    progress.say("what it is made of");
    let bills = Bills::of(progress, &sources)?;
    progress.say(format_args!("the program is by {}", bills.host.standard.compiler));
    progress.say(format_args!("the plugins are by {}", bills.guests.standard.compiler));
    let licences = bills.licences()?;
    let mut files = Files::new();
    let top = format!("claviger-{version}");
    files.insert(format!("{top}/bin/claviger"), Content::File(stripped.clone(), 0o755));
    files.insert(format!("{top}/LICENSE"), Content::File(workspace_root().join("LICENSE"), 0o644));
    files.insert(format!("{top}/THIRD-PARTY-LICENSES.txt"), Content::Text(licences));
    write(&folder, &format!("claviger-{version}.cdx.json"), &bills.binary(&sha256(&stripped)?)?)?;
    for plugin in plugins_in(&plugins)? {
        let name = plugin.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(format!("{top}/plugins/{name}.wasm"), Content::File(plugin.clone(), 0o644));
        let to = folder.join(format!("claviger-plugin-{name}-{version}.wasm"));
        fs::copy(&plugin, &to).with_context(|| to.display().to_string())?;
        let bill = bills.plugin(&name, &sha256(&plugin)?)?;
        write(&folder, &format!("claviger-plugin-{name}-{version}.cdx.json"), &bill)?;
    }
    let tarball = archive::gzip(&archive::tar(&files)?)?;
    write(&folder, &format!("claviger-{version}-{platform}.tar.gz"), &tarball)?;
    write(&folder, &format!("claviger-{version}.tgz"), &archive::gzip(&archive::tar(&chart()?)?)?)?;
    write(&folder, &format!("claviger-{version}-crds.yaml"), &definitions())?;
    let mut digest = None;
    if !args.without_image {
        let archive = folder.join(format!("claviger-{version}-image-{platform}.tar"));
        digest = Some(image::write(progress, &stripped, &plugins, &archive)?);
    }
    // Building takes half an hour, in which somebody may go on working.
    sources.be_still(&Sources::read(&workspace_root())?)?;
    sums(&folder)?;
    progress.say(format_args!("done: {}", folder.display()));
    println!("{}", next(version, &platform, digest.as_deref()));
    Ok(ExitCode::SUCCESS)
}

/// The texts of licences of all that is shipped.
///
/// # Errors
/// If cargo or a compiler does not say what that is.
pub(crate) fn licences(progress: &Progress) -> Result<String> {
    Bills::of(progress, &Sources::read(&workspace_root())?)?.licences()
}

/// What everything shipped is made of.
struct Bills {
    host: Built,
    guests: Built,
    names: Vec<build::Guest>,
    origin: sbom::Origin,
}

impl Bills {
    fn of(progress: &Progress, sources: &Sources) -> Result<Self> {
        let host = Built::host()?;
        let guests = Built::guests(&host.target, &toolchain::for_guests(progress)?)?;
        Ok(Self { guests, host, names: build::components()?, origin: sources.origin() })
    }

    fn licences(&self) -> Result<String> {
        let mut packages = BTreeMap::new();
        let mut add = |built: &Built, name: &str| {
            for key in built.linked.below(&built.linked.root(name)?) {
                let about = built.about.get(&key).with_context(|| format!("cargo metadata has no {key}"))?;
                packages.insert(key, about.clone());
            }
            anyhow::Ok(())
        };
        add(&self.host, "claviger")?;
        for guest in self.names.iter().filter(|guest| guest.shipped) {
            add(&self.guests, &guest.package)?;
        }
        let standard = [&self.host, &self.guests].map(|built| built.standard.parts.clone());
        let standard: BTreeSet<_> = standard.into_iter().flatten().collect();
        notices::notices(&standard, packages.iter())
    }

    fn binary(&self, sha256: &str) -> Result<Vec<u8>> {
        let root = self.host.linked.root("claviger")?;
        Ok(serde_json::to_vec_pretty(&sbom::bill(&self.host, &root, sha256, &self.origin))?)
    }

    fn plugin(&self, name: &str, sha256: &str) -> Result<Vec<u8>> {
        let guest = self.names.iter().find(|guest| guest.name == name);
        let root = self.guests.linked.root(&guest.with_context(|| format!("no plugin {name}"))?.package)?;
        Ok(serde_json::to_vec_pretty(&sbom::bill(&self.guests, &root, sha256, &self.origin))?)
    }
}

/// The folder that was asked for, which has to be empty, or the ordinary one, emptied.
fn empty(asked: Option<PathBuf>, name: &str) -> Result<PathBuf> {
    let folder = match asked {
        Some(folder) => {
            let there = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
            if there {
                bail!("{} is not empty", folder.display());
            }
            folder
        }
        None => {
            let folder = paths::dist().join(name);
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
            }
            folder
        }
    };
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

/// The program without symbols, which nobody needs to run it.
fn strip(binary: &Path, to: &Path) -> Result<PathBuf> {
    run("strip", Command::new("strip").args(["--strip-all", "-o"]).arg(to).arg(binary))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).with_context(|| to.display().to_string())?;
    Ok(to.to_owned())
}

fn plugins_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let wasm = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(wasm).collect();
    found.sort();
    if found.is_empty() {
        bail!("there is no plugin in {}", folder.display());
    }
    Ok(found)
}

/// The chart as Helm packs one: a folder of its name. Links are followed, since the definitions lie elsewhere.
fn chart() -> Result<Files> {
    fn add(folder: &Path, below: &str, files: &mut Files) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())?.flatten() {
            let name = format!("{below}/{}", entry.file_name().to_string_lossy());
            let path = fs::canonicalize(entry.path()).with_context(|| name.clone())?;
            if path.is_dir() {
                add(&path, &name, files)?;
            } else {
                files.insert(name, Content::File(path, 0o644));
            }
        }
        Ok(())
    }
    let mut files = Files::new();
    add(&workspace_root().join("charts/claviger"), "claviger", &mut files)?;
    Ok(files)
}

/// All definitions as one file, as `claviger crds` prints them.
fn definitions() -> Vec<u8> {
    let all = claviger_crds::generate::all();
    let documents: Vec<&str> = all.iter().map(|(_, yaml)| yaml.as_str()).collect();
    documents.join("---\n").into_bytes()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| path.display().to_string())
}

fn sha256(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(hex::encode(Sha256::digest(bytes)))
}

/// `SHA256SUMS`, as `sha256sum --check` reads it.
fn sums(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        text.push_str(&format!("{}  {name}\n", sha256(&path)?));
    }
    write(folder, "SHA256SUMS", text.as_bytes())
}

/// What a person does with it, none of which was done.
fn next(version: &str, platform: &str, digest: Option<&str>) -> String {
    let mut text = format!(
        "Next, in that folder; nothing of it has been done. REGISTRY is where you may push.\n\n\
         git tag --annotate v{version} --message 'Claviger {version}' && git push origin v{version}\n\
         cosign sign-blob --key cosign.key --bundle SHA256SUMS.sigstore.json SHA256SUMS\n\
         helm push claviger-{version}.tgz oci://REGISTRY/charts\n"
    );
    if let Some(digest) = digest {
        text.push_str(&format!(
            "skopeo copy oci-archive:claviger-{version}-image-{platform}.tar docker://REGISTRY/claviger:{version}\n\
             cosign sign --key cosign.key REGISTRY/claviger@{digest}\n\
             cosign attest --key cosign.key --type cyclonedx --predicate claviger-{version}.cdx.json REGISTRY/claviger@{digest}\n"
        ));
    }
    text.push_str("\nThen publish the files with SHA256SUMS and its signature; docs/release.md says how they are verified.");
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let asked = || Some(dir.path().to_owned());
        assert_eq!(empty(asked(), "").unwrap(), dir.path());
        fs::write(dir.path().join("b"), "b").unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        assert!(empty(asked(), "").unwrap_err().to_string().ends_with("is not empty"));
        sums(dir.path()).unwrap();
        // Of the empty text, and of "b" (FIPS 180-4, as every implementation computes them).
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n\
                        3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b\n";
        assert_eq!(fs::read_to_string(dir.path().join("SHA256SUMS")).unwrap(), expected);
    }

    #[test]
    fn the_chart_brings_the_definitions_that_it_links_to() {
        let files = chart().unwrap();
        for name in ["claviger/Chart.yaml", "claviger/templates/deployment.yaml"] {
            assert!(files.contains_key(name), "{name}");
        }
        let definitions = files.keys().filter(|name| name.starts_with("claviger/files/crds/")).count();
        assert_eq!(definitions, claviger_crds::generate::all().len());
    }
}
