//! Lines that tell a person what is going on: one per stage, and a sign of life at least every five
//! seconds while a long command runs.
//!
//! Written to standard error, so that standard output stays what the command is for. Colours and bars
//! are left out on purpose: the lines are read in CI logs at least as often as on a terminal.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::run::tail;

/// Long enough not to flood a log, short enough that nobody takes the program for dead.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Tells stages and their times since it was made.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Progress {
    /// Says one line, with the seconds since this `Progress` was made in front.
    pub fn say(&self, line: impl std::fmt::Display) {
        eprintln!("[{:>4} s] {line}", self.started.elapsed().as_secs());
    }

    /// Runs a command that may take long. Its output goes to `log`; a line with the last line of that log
    /// is said every five seconds.
    ///
    /// # Errors
    /// If the command cannot be started, or fails; then the end of the log is in the error.
    pub fn run(&self, what: &str, command: &mut Command, log: &Path) -> Result<()> {
        let out = File::create(log).map_err(Error::file("create", log))?;
        let err = out.try_clone().map_err(Error::file("create", log))?;
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|source| Error::Spawn { program: program.clone(), source })?;
        let started = Instant::now();
        let mut said = started;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) => {}
                Err(source) => return Err(Error::Spawn { program, source }),
            }
            if said.elapsed() >= SIGN_OF_LIFE {
                said = Instant::now();
                let last = tail(log, 1);
                self.say(format_args!("  {what} ({} s) {}", started.elapsed().as_secs(), last.trim()));
            }
            std::thread::sleep(LOOK);
        };
        if status.success() {
            return Ok(());
        }
        Err(Error::Failed {
            what: what.to_owned(),
            status: status.to_string(),
            detail: format!("; the end of {}:\n{}", log.display(), tail(log, 30)),
        })
    }
}
