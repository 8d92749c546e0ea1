//! Dependencies that nothing names: what a crate has ceased to use stays in its manifest, and is compiled for it.
//!
//! Read as text, as the rules of the layout are: a dependency is used if a source of the crate has its name as a word, and
//! one of a workspace if a manifest has.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::rules::{FOLDERS, below};

/// Dependencies whose library has another name.
const OTHERWISE: &[(&str, &str)] = &[("rustls-webpki", "webpki")];

/// What a crate takes for its features alone.
const FEATURES: &[(&str, &str)] = &[("plugins/aws-credentials/Cargo.toml", "tracing")];

/// The dependencies, one line each.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn broken(root: &Path) -> Result<Vec<String>> {
    let folders = FOLDERS.map(|name| root.join(name));
    let mut manifests = below(folders.into(), |path| path.ends_with("Cargo.toml"))?;
    manifests.push(root.join("Cargo.toml"));
    let mut broken = Vec::new();
    for manifest in &manifests {
        let folder = manifest.parent().unwrap_or(root);
        let text = read(manifest)?;
        let of_workspace = text.contains("\n[workspace.dependencies]");
        let users = if of_workspace {
            let members = manifests.iter().filter(|other| other.starts_with(folder) && *other != manifest);
            members.cloned().collect()
        } else {
            below(vec![folder.to_owned()], |path| {
                path.extension().is_some_and(|extension| extension == "rs")
            })?
        };
        let users: Vec<String> = users.iter().map(|path| read(path)).collect::<Result<_>>()?;
        let name = manifest.strip_prefix(root).unwrap_or(manifest).display().to_string();
        for dependency in dependencies(&text) {
            let uses = |user: &String| match of_workspace {
                true => dependencies(user).any(|one| one == dependency),
                false => is_named(dependency, user),
            };
            if !users.iter().any(uses) && !FEATURES.contains(&(name.as_str(), dependency)) {
                broken.push(format!("{name}: nothing uses {dependency}"));
            }
        }
    }
    Ok(broken)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The names of a manifest's dependencies of all sorts.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let mut counts = false;
    manifest.lines().filter_map(move |line| {
        if line.starts_with('[') {
            counts = line.trim_end().ends_with("dependencies]");
            return None;
        }
        let name =
            line.split(['=', '.', ' ']).next().filter(|name| !name.is_empty() && !name.starts_with('#'));
        name.filter(|_| counts && line.contains('='))
    })
}

/// Whether a source has the name of a dependency's library as a word.
fn is_named(dependency: &str, source: &str) -> bool {
    let other = OTHERWISE.iter().find(|(name, _)| *name == dependency).map(|(_, library)| *library);
    let short = dependency.strip_prefix("claviger-plugin-");
    [Some(dependency), other, short].into_iter().flatten().any(|name| {
        let name = name.replace('-', "_");
        let of_word = |c: char| c.is_alphanumeric() || c == '_';
        source.match_indices(&name).any(|(at, _)| {
            !source[..at].ends_with(of_word) && !source[at + name.len()..].starts_with(of_word)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_found_and_what_names_them() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\n# A comment = one.\na-b.workspace = true\nc = \"1\"\n\n\
                        [target.'cfg(unix)'.dependencies]\nd = { version = \"1\" }\n[dev-dependencies]\ne = \"1\"\n[lints]\nf = 1\n";
        assert_eq!(dependencies(manifest).collect::<Vec<_>>(), ["a-b", "c", "d", "e"]);
        for (dependency, source, expected) in [
            ("a-b", "use a_b::c;", true),
            ("a-b", "use a_bc;", false),
            ("a-b", "x.a_b()", true),
            ("rustls-webpki", "webpki::x()", true),
            ("claviger-plugin-go-template", "use go_template;", true),
            ("c", "let (cc, ac);", false),
        ] {
            assert_eq!(is_named(dependency, source), expected, "{dependency}: {source}");
        }
    }
}
