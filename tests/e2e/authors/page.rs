//! docs/plugins/author.md, by its own commands: a person in an empty folder, with the toolchain that built the projects.
//! What differs from the page is what a test's corner needs: its namespace, its operator, the address of its server.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use claviger_testenv::{RunDir, poll, workspace_root};
use serde_json::Value;

use super::{PASSWORD, backend, ours, projects, skip};
use crate::support::{Operator, Person, World, assert_no_value_left};

const NAME: &str = "acme";
/// Where the backend of the starter's bench listens.
const BENCH: &str = "127.0.0.1:8085";

/// The `sh` blocks of the page.
fn blocks() -> Vec<String> {
    let page = std::fs::read_to_string(workspace_root().join("docs/plugins/author.md")).unwrap();
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// A program of the author's; ended when dropped.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// From the first command of the page to the last.
pub(super) fn walk(world: &World) {
    let Some(projects) = projects() else { return };
    let Ok(environment) = std::fs::read(projects.join("environment.json")) else {
        return skip("there is no toolchain for projects in Rust");
    };
    let environment: BTreeMap<String, String> = serde_json::from_slice(&environment).unwrap();
    let run = RunDir::create(&world.name).unwrap();
    let files = backend(world, &run);
    let operator = Operator::start(world);
    let person = Person::new(world, run.path());
    let line = format!("kubectl config set-context --current --namespace={}", world.name);
    person.does(&line);
    let blocks = blocks();
    let folder = run.path().join(NAME);
    let (mut started, mut last) = (Vec::new(), String::new());
    for (index, block) in blocks.iter().enumerate() {
        let dir = if index == 0 { run.path() } else { &folder };
        if block.contains("kubectl apply") {
            // pack and apply stand in one block: what is packed is put right in between.
            for line in block.lines() {
                last = does(&person, dir, &environment, line);
                for file in ["plugin.yaml", "manifests.yaml"].map(|name| folder.join(name)) {
                    put_right(world, &file, files.address());
                }
            }
        } else if block.starts_with("cargo run") {
            // The binary itself: cargo would be ended and its child left.
            does(&person, dir, &environment, &block.replace("cargo run", "cargo build"));
            let target = environment.get("CARGO_TARGET_DIR").map_or(folder.join("target"), Into::into);
            let mut program = Command::new(target.join("debug/examples/backend"));
            started.push(Started(program.stdin(Stdio::null()).spawn().unwrap()));
            let reach = || std::net::TcpStream::connect(BENCH).map(drop).map_err(|error| error.to_string());
            poll("the backend of the bench", Duration::from_secs(60), reach).unwrap();
        } else if block.contains("--replay") {
            let (record, replay) = block.split_once('\n').unwrap();
            let recorded = does(&person, dir, &environment, record);
            // The backend is gone, and the table is the same.
            started.clear();
            assert_eq!(does(&person, dir, &environment, replay.trim()), recorded);
        } else {
            last = does(&person, dir, &environment, block);
        }
    }
    use base64::Engine as _;
    let value = base64::engine::general_purpose::STANDARD.decode(last.trim()).unwrap();
    assert_eq!(value, PASSWORD.as_bytes());
    world.kubectl(&["delete", "plugin", NAME]);
    assert_no_value_left(world, &operator, &[PASSWORD]);
}

/// What commands say that have to work.
fn does(person: &Person<'_>, dir: &Path, environment: &BTreeMap<String, String>, line: &str) -> String {
    let home = std::env::var("HOME").unwrap_or_default();
    let of_home =
        |name: &str, folder: &str| std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"));
    let mut command = person.command(&format!("set -e; {line}"));
    let own =
        command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path).unwrap().to_owned();
    let path = format!("{}:{}", own.to_str().unwrap(), std::env::var("PATH").unwrap_or_default());
    command
        .current_dir(dir)
        .env("PATH", path)
        .env("CARGO_HOME", of_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", of_home("RUSTUP_HOME", ".rustup"))
        // Everything was fetched when the projects were built.
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("LD_LIBRARY_PATH")
        .envs(environment);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{line}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

/// A file of manifests, for the test's corner.
fn put_right(world: &World, file: &Path, address: &str) {
    let Ok(text) = std::fs::read_to_string(file) else { return };
    let mut objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    for object in &mut objects {
        ours(world, object, address);
    }
    let texts: Vec<String> = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    std::fs::write(file, texts.concat()).unwrap();
}
