//! What of a starter's folder is no part of it: names that builds leave behind, and what its own `.gitignore` names.
//! Compiled into the build script too. Pure; of `.gitignore` it knows names, paths and one star, which is all that
//! starters need.

/// What toolchains leave behind, whatever a starter says.
const BUILT: [&str; 10] = [
    ".DS_Store",
    ".git",
    ".mypy_cache",
    ".pytest_cache",
    ".venv",
    "__pycache__",
    "dist",
    "node_modules",
    "target",
    "venv",
];

/// Which paths are not taken.
pub(crate) struct Ignored {
    names: Vec<String>,
    paths: Vec<String>,
}

impl Ignored {
    /// By the text of a `.gitignore`.
    pub(crate) fn by(gitignore: &str) -> Self {
        let mut ignored = Self { names: BUILT.map(str::to_owned).into(), paths: Vec::new() };
        for line in gitignore.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let pattern = line.trim_end_matches('/');
            match pattern.strip_prefix('/') {
                Some(path) => ignored.path(path),
                None if pattern.contains('/') => ignored.path(pattern),
                None => ignored.names.push(pattern.to_owned()),
            }
        }
        ignored
    }

    /// A path from the folder on, besides.
    pub(crate) fn path(&mut self, path: &str) {
        self.paths.push(path.to_owned());
    }

    /// Whether a path, from the folder on and with slashes, is left out. Folders are asked about before what is in them.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.names.iter().any(|pattern| fits(pattern, name))
            || self.paths.iter().any(|pattern| fits(pattern, path))
    }
}

/// A star stands for anything, once.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => {
            text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_leaves_and_what_git_ignores_is_left_out() {
        let mut ignored =
            Ignored::by("# made\n/bindings/\n*.egg-info/\ninternal/gen\n*.pyc\nkept.lock.old\n");
        ignored.path("wit/deps");
        for (path, expected) in [
            ("src/lib.rs", false),
            ("dist", true),
            ("a/node_modules", true),
            ("target", true),
            ("bindings", true),
            ("src/bindings", false),
            ("x.egg-info", true),
            ("a/b.pyc", true),
            ("internal/gen", true),
            ("internal/general", false),
            ("wit/deps", true),
            ("wit/world.wit", false),
            ("Cargo.lock", false),
            (".gitignore", false),
        ] {
            assert_eq!(ignored.covers(path), expected, "{path}");
        }
    }
}
