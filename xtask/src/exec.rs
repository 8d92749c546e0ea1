//! Running programs so that they end with us.
//!
//! Each program gets a process group of its own, and a signal to xtask ends those groups: `cargo test`
//! starts tests, tests start operators, and none of them may outlive the run. The servers are not
//! handled here; claviger-testenv gives each its own watchdog.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// 128 + SIGINT, as shells report an interrupted program.
const INTERRUPTED: i32 = 130;

/// Groups that run now.
static GROUPS: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// A program that runs, in its own group. Dropping it ends the group.
pub(crate) struct Running {
    /// The program.
    pub(crate) child: Child,
}

impl Running {
    /// Starts `command` with standard input closed.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        groups().insert(child.id());
        Ok(Self { child })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            end_group(self.child.id());
            let _ = self.child.wait();
        }
        groups().remove(&self.child.id());
    }
}

/// Runs `command` to its end, its output being ours.
///
/// # Errors
/// If it cannot be started or fails; `what` says what it was for.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    let status = Running::start(command)?.child.wait().with_context(|| what.to_owned())?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// cargo, as the one that started us.
pub(crate) fn cargo() -> Command {
    Command::new(crate::paths::variable("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Ends what runs, and us, when a signal asks for it.
///
/// # Errors
/// If the handler cannot be set.
pub(crate) fn stop_on_signal() -> Result<()> {
    ctrlc::set_handler(|| {
        eprintln!("stopping");
        for group in groups().iter() {
            end_group(*group);
        }
        std::process::exit(INTERRUPTED);
    })
    .context("set the handler")
}

fn groups() -> std::sync::MutexGuard<'static, BTreeSet<u32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end_group(group: u32) {
    if let Ok(group) = i32::try_from(group) {
        let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
    }
}
