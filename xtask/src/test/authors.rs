//! Projects of authors, for the end-to-end tests: started with `claviger plugin new` and built as their READMEs say.
//!
//! That needs package registries, so it is done before the tests' own network begins; the tests take over where a
//! component lies in `dist/`. Caches are those of this machine's cargo, and for npm, pip and Go below our own cache.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::{AUTHORS_VAR, Progress, author_projects, cache_home, example};

use super::Tally;
use crate::exec::{self, Running};
use crate::{paths, toolchain};

/// Languages, and the programs that their READMEs begin with.
const LANGS: [(&str, &[&str]); 4] =
    [("rust", &["cargo"]), ("js", &["node", "npm"]), ("python", &["python3"]), ("go", &["go", "cargo"])];

/// Examples that are no crates: each with the program that builds it, and what stands in the names of its tests.
const EXAMPLES: [(&str, &str, &str); 3] = [
    ("etcd-python", "python3", "etcd_in_python"),
    ("etcd-js", "npm", "etcd_in_javascript"),
    ("template-mustache", "npm", "mustache"),
];

/// What a build leaves behind that no test looks at; a gigabyte in all.
const BULKY: [&str; 4] = ["node_modules", ".venv", "target", "bin"];

/// Lines of a log that stand in an error.
const LOG_LINES: usize = 30;

/// Where the projects are, and the environment variable that says so.
pub(super) fn variable() -> (&'static str, PathBuf) {
    (AUTHORS_VAR, paths::target().join("authors"))
}

/// Starts and builds the projects of the languages that are `wanted`. One that cannot be built for want of a program is
/// skipped, and one that fails is a failure; the others go on. Returns the components.
pub(super) fn build(
    progress: &Progress,
    claviger: &Path,
    wanted: impl Fn(&str) -> bool,
    tally: &mut Tally,
) -> Vec<PathBuf> {
    let mut components = Vec::new();
    for (lang, programs) in LANGS.into_iter().filter(|(lang, _)| wanted(lang)) {
        if let Some(program) = programs.iter().find(|program| !is_there(program)) {
            tally.skip(format!("projects of authors in {lang}: there is no {program}"));
            continue;
        }
        for (kind, name) in author_projects(lang) {
            progress.say(format_args!("an author's project: {kind} in {lang}"));
            match project(progress, claviger, lang, kind, &name) {
                Ok(component) => components.push(component),
                Err(error) => tally.fail(format!("an author's project, {kind} in {lang}: {error:#}")),
            }
        }
    }
    components
}

/// Builds the examples that are no crates and whose tests are `wanted`, as [`build`] does projects. The tests find them in
/// the cache. Returns the components.
pub(super) fn build_examples(
    progress: &Progress,
    wanted: impl Fn(&str) -> bool,
    tally: &mut Tally,
) -> Vec<PathBuf> {
    let mut components = Vec::new();
    for (name, program, _) in EXAMPLES.into_iter().filter(|(.., test)| wanted(test)) {
        if !is_there(program) {
            tally.skip(format!("the example {name}: there is no {program}"));
            continue;
        }
        match example(progress, name) {
            Ok(component) => components.push(component),
            Err(error) => tally.fail(format!("the example {name}: {error}")),
        }
    }
    components
}

/// Compiles these into `cache`: with a language's whole runtime in it that takes a quarter of a minute of a core that is
/// otherwise free, and minutes among the tests.
pub(super) fn compile(
    progress: &Progress,
    claviger: &Path,
    components: &[PathBuf],
    cache: &Path,
) -> Result<()> {
    for component in components {
        let name = component.file_stem().unwrap_or_default().to_string_lossy();
        progress.say(format_args!("compiling {name}"));
        let mut inspect = Command::new(claviger);
        inspect
            .args(["plugin", "inspect"])
            .arg(component)
            .arg("--cache-dir")
            .arg(cache)
            .stdout(Stdio::null());
        exec::run("compiling a component", &mut inspect)?;
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    // Go knows no --version.
    let flag = if program == "go" { "version" } else { "--version" };
    let mut command = Command::new(program);
    command.arg(flag).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn project(progress: &Progress, claviger: &Path, lang: &str, kind: &str, name: &str) -> Result<PathBuf> {
    let (_, all) = variable();
    let folder = all.join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(&all).with_context(|| all.display().to_string())?;
    let log = all.join(format!("{name}.log"));
    let mut new = Command::new(claviger);
    new.args(["plugin", "new", name, "--lang", lang, "--kind", kind, "--into"]).arg(&folder);
    run(&mut new, &log)?;
    let readme = std::fs::read_to_string(folder.join("README.md")).context("README.md")?;
    let mut shell = Command::new("sh");
    shell.args(["-ec", &commands(&readme)]).current_dir(&folder);
    surroundings(progress, &mut shell)?;
    run(&mut shell, &log)?;
    let component = folder.join(format!("dist/{name}.wasm"));
    if !component.is_file() {
        bail!("its README makes no dist/{name}.wasm");
    }
    for bulky in BULKY.map(|name| folder.join(name)).iter().filter(|path| path.exists()) {
        std::fs::remove_dir_all(bulky).with_context(|| bulky.display().to_string())?;
    }
    Ok(component)
}

/// What Rust needs besides: a compiler with the target, and a place where the next project finds what this one built.
/// Kept in a file for who builds one in a test.
fn rust(progress: &Progress) -> Result<BTreeMap<String, String>> {
    let mut rust: BTreeMap<String, String> = toolchain::for_guests(progress)?.into_iter().collect();
    let target = paths::target().join("authors-cargo");
    rust.insert("CARGO_TARGET_DIR".to_owned(), target.display().to_string());
    let (_, all) = variable();
    let text = serde_json::to_string(&rust).context("the environment")?;
    std::fs::write(all.join("environment.json"), text).context("environment.json")?;
    Ok(rust)
}

/// The environment of somebody who has the toolchains, with caches that the next run finds again.
fn surroundings(progress: &Progress, command: &mut Command) -> Result<()> {
    let cache = cache_home();
    let go = cache.join("go");
    command
        .envs(rust(progress)?)
        // cargo run puts the active toolchain's libraries there; the guests' compiler has its own.
        .env_remove("LD_LIBRARY_PATH")
        .env("npm_config_cache", cache.join("npm"))
        .env("npm_config_update_notifier", "false")
        .env("PIP_CACHE_DIR", cache.join("pip"))
        .env("GOFLAGS", "-modcacherw -buildvcs=false")
        .env("GOMODCACHE", go.join("mod"))
        .env("GOCACHE", go.join("build"));
    Ok(())
}

/// The `sh` blocks of a README, in order.
fn commands(readme: &str) -> String {
    let blocks = readme.split("```sh\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

/// Runs a program to its end; what it says is in the log, and its end in the error.
fn run(command: &mut Command, log: &Path) -> Result<()> {
    let out =
        File::options().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
    let err = out.try_clone().with_context(|| log.display().to_string())?;
    let what = command.get_program().to_string_lossy().into_owned();
    let status =
        Running::start(command.stdout(out).stderr(err))?.child.wait().with_context(|| what.clone())?;
    if !status.success() {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        bail!(
            "{what} failed ({status}); {}:\n{}",
            log.display(),
            lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Each starter has to be whole, so what several need lies in each of them.
    #[test]
    fn copies_are_copies() {
        let plugins = claviger_testenv::workspace_root().join("plugins");
        for (one, other, files) in [
            (
                "starters/go/provider",
                "starters/go/template",
                [
                    ".gitignore",
                    "go.mod",
                    "tools/component/Cargo.toml",
                    "tools/component/Cargo.lock",
                    "tools/component/src/main.rs",
                    "third_party/go-pkg/LICENSE",
                    "third_party/go-pkg/README.md",
                    "third_party/go-pkg/go.mod",
                    "third_party/go-pkg/wit/runtime/empty.s",
                    "third_party/go-pkg/wit/runtime/runtime.go",
                    "third_party/go-pkg/wit/types/option.go",
                    "third_party/go-pkg/wit/types/result.go",
                    "third_party/go-pkg/wit/types/tuple.go",
                    "third_party/go-pkg/wit/types/unit.go",
                ]
                .as_slice(),
            ),
            ("starters/python/provider", "starters/python/template", &[".gitignore", "requirements.txt"]),
            (
                "starters/python/provider",
                "examples/etcd-python",
                &["outgoing.py", "requirements.txt", "wit/world.wit"],
            ),
            (
                "starters/js/provider",
                "examples/etcd-js",
                &["src/claviger.js", "jsconfig.json", "wit/world.wit"],
            ),
            ("starters/js/template", "examples/template-mustache", &["src/text.js", "wit/world.wit"]),
        ] {
            for file in files {
                let read = |folder: &str| std::fs::read(plugins.join(folder).join(file)).unwrap();
                assert!(read(one) == read(other), "{file} of {one} is not that of {other}");
            }
        }
    }

    #[test]
    fn the_commands_of_a_readme_are_its_sh_blocks() {
        let readme = "# x\n```sh\na\nb\n```\ntext\n```yaml\nc: d\n```\n\n    e\n\n```sh\nf\n```\n";
        assert_eq!(commands(readme), "a\nb\nf\n");
        assert_eq!(commands("none"), "");
    }
}
