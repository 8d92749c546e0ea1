//! Starting the child, feeding it, and reading its end.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::{ChildCompiler, budget};
use crate::error::PluginsError;

/// A child that neither computes nor ends. Under the tenth of a core that small pods get, 60 s of CPU time
/// take ten minutes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Bytes of the child's words that are read.
const WORDS: u64 = 4096;

/// Compiles `component` into `artifact`.
///
/// # Errors
/// [`PluginsError::OverBudget`] with the limit it met, [`PluginsError::Compile`] with what it said.
pub(super) async fn run(
    compiler: &ChildCompiler,
    component: Vec<u8>,
    artifact: File,
) -> Result<(), PluginsError> {
    let memory_mib = budget::affordable(compiler.memory_mib);
    let cannot =
        |error: std::io::Error| PluginsError::Compile(format!("the compiler cannot be started: {error}"));
    let mut child = Command::new(&compiler.program)
        .args(["plugin", "compile", "--memory-mib", &memory_mib.to_string()])
        .args(["--cpu-seconds", &compiler.cpu.as_secs().to_string()])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(artifact)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(cannot)?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let feed = async move {
        // A child that ends early breaks the pipe; its exit says why.
        if let Some(mut stdin) = stdin {
            let _ = stdin.write_all(&component).await;
        }
    };
    let listen = async move {
        let mut words = Vec::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(WORDS).read_to_end(&mut words).await;
        }
        words
    };
    let work = async { tokio::join!(feed, listen, child.wait()) };
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(((), words, Ok(status))) => judge(status, &words, memory_mib, compiler.cpu),
        Ok((.., Err(error))) => Err(cannot(error)),
        Err(_) => Err(over(format!("{} s", PATIENCE.as_secs()), "give the operator more CPU")),
    }
}

/// What the end of the child means.
fn judge(status: ExitStatus, words: &[u8], memory_mib: u64, cpu: Duration) -> Result<(), PluginsError> {
    /// Of Linux, on every architecture that wasmtime compiles for.
    const SIGABRT: i32 = 6;
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    let words = words_of(words);
    let memory = || {
        Err(over(
            format!("{memory_mib} MiB of memory"),
            "raise --compile-memory-mib, or the memory limit of the operator's container, or take a smaller component",
        ))
    };
    let starved = words.contains("memory allocation") || words.contains("annot allocate memory");
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (_, Some(SIGXCPU)) => Err(over(
            format!("{} s of CPU time", cpu.as_secs()),
            "raise --compile-cpu-seconds, or take a smaller component",
        )),
        // Rust aborts when it cannot allocate; the kernel kills for memory.
        (_, Some(SIGABRT | SIGKILL)) => memory(),
        (Some(_), _) if starved => memory(),
        (_, Some(signal)) => Err(PluginsError::Compile(format!("the compiler crashed (signal {signal})"))),
        (Some(EXIT_NOT_A_COMPONENT), _) => Err(PluginsError::NotAComponent(words)),
        (Some(EXIT_NO_ROOM), _) => Err(PluginsError::NoRoom(words)),
        _ => Err(PluginsError::Compile(words)),
    }
}

/// sysexits' EX_DATAERR: it is the input that is wrong.
pub const EXIT_NOT_A_COMPONENT: i32 = 65;

/// sysexits' EX_IOERR: what was compiled could not be written.
pub const EXIT_NO_ROOM: i32 = 74;

fn over(limit: String, remedy: &'static str) -> PluginsError {
    PluginsError::OverBudget { limit, remedy }
}

/// The last line, which is the error; parts of it may be names in the component.
fn words_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    last.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CPU: Duration = Duration::from_secs(60);

    fn judged(status: i32, words: &str) -> String {
        judge(ExitStatus::from_raw(status), words.as_bytes(), 128, CPU).unwrap_err().to_string()
    }

    /// As `wait` reports them: the code in the second byte, a signal in the first.
    fn code(code: i32) -> i32 {
        code << 8
    }

    #[test]
    fn every_end_of_the_child_has_a_name() {
        assert!(judge(ExitStatus::from_raw(0), b"a warning", 128, CPU).is_ok());
        for (status, words, expected) in [
            (24, "", "more than 60 s of CPU time: raise --compile-cpu-seconds"),
            // Rust's abort, the kernel's choice, and an allocation that a library reports.
            (
                6,
                "memory allocation of 8 bytes failed",
                "more than 128 MiB of memory: raise --compile-memory-mib",
            ),
            (9, "", "more than 128 MiB of memory"),
            (code(1), "Error: Cannot allocate memory (os error 12)", "more than 128 MiB of memory"),
            (11, "", "the compiler crashed (signal 11)"),
            (
                code(EXIT_NOT_A_COMPONENT),
                "x\nError: it is a core module\n\n",
                "not a WebAssembly component: Error: it is a core module",
            ),
            (
                code(EXIT_NO_ROOM),
                "No space left on device (os error 28)",
                "cannot be kept: No space left on device (os error 28); make room in the folder of --cache-dir",
            ),
            (code(1), "Error: unsupported\u{1b}[0m", "it cannot be compiled: Error: unsupported[0m"),
            (code(101), "", "it cannot be compiled: it said nothing"),
        ] {
            let said = judged(status, words);
            assert!(said.contains(expected), "{status} {words:?}: {said}");
        }
        let reason = |status| judge(ExitStatus::from_raw(status), b"", 1, CPU).unwrap_err().reason();
        assert_eq!(
            [reason(24), reason(9), reason(11), reason(code(1))],
            ["CompileOverBudget", "CompileOverBudget", "CompileFailed", "CompileFailed"]
        );
    }

    #[test]
    fn its_words_are_cut_and_on_one_line() {
        assert!(words_of("x".repeat(10_000).as_bytes()).len() <= 300);
        assert_eq!(words_of(b"first\nlast\r\n\n"), "last");
        assert_eq!(words_of(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }

    #[tokio::test]
    async fn a_compiler_that_is_not_there_is_said_to_be_that() {
        let missing = ChildCompiler::new("/nowhere/claviger".into());
        let artifact = tempfile::tempfile().unwrap();
        let error = run(&missing, vec![0; 8], artifact).await.unwrap_err();
        assert_eq!(error.reason(), "CompileFailed");
        assert!(error.to_string().contains("the compiler cannot be started"), "{error}");
    }

    /// Programs that are not the compiler: what they say and how they end is what is reported. Neither reads
    /// its input, which is more than a pipe holds.
    #[tokio::test]
    async fn what_a_child_says_is_read_and_its_end_awaited() {
        for (program, expected) in
            [("/bin/false", "it cannot be compiled: it said nothing"), ("/bin/sh", "it cannot be compiled: ")]
        {
            let artifact = tempfile::tempfile().unwrap();
            let error = run(&ChildCompiler::new(program.into()), vec![7; 1_000_000], artifact).await;
            let said = error.unwrap_err().to_string();
            assert!(said.contains(expected), "{program}: {said}");
        }
    }

    /// A program that says what it was given. The variables are those that a shell makes for itself.
    #[tokio::test]
    async fn the_child_has_no_environment_and_no_folder() {
        assert!(std::env::vars().count() > 3, "there is something to inherit");
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        let script = "#!/bin/sh\nnames=$(env | cut -d= -f1 | sort | tr '\\n' ' ')\necho \"has: $names in $(pwd)\" >&2\nexit 1\n";
        // Not written by this process: a child that another test starts would hold it open, and nobody could run it.
        let write = ["-c", "printf %s \"$1\" > \"$0\" && chmod 700 \"$0\""];
        let written = std::process::Command::new("/bin/sh").args(write).arg(&program).arg(script).status();
        assert!(written.unwrap().success());
        let artifact = tempfile::tempfile().unwrap();
        let error = run(&ChildCompiler::new(program), vec![0; 8], artifact).await.unwrap_err().to_string();
        let (_, said) = error.split_once("has: ").unwrap_or_else(|| panic!("{error}"));
        let (names, folder) = said.split_once(" in ").unwrap();
        assert_eq!(folder, "/");
        let shells = ["PWD", "OLDPWD", "SHLVL", "_"];
        let others: Vec<_> = names.split_whitespace().filter(|name| !shells.contains(name)).collect();
        assert!(others.is_empty(), "{others:?}");
    }
}
