//! One server process: started with its log, watched, signalled by its own pid, stopped.
//!
//! Three things stop it, each where the one before cannot: dropping the [`Process`]; a watchdog (a shell
//! blocked on a pipe that only the owner holds, so it wakes when the owner dies of anything, SIGKILL
//! included); and the next run's sweep over the pid files. Each checks that the pid still is that
//! server, by a marker that must be on its command line. Nothing is ever ended by name.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::dir::tail;
use super::wait::LOOK;
use crate::error::{Error, Result};

/// How long a server may take to end by itself. An API server waits for its connections; what it would
/// still write is of no use to anybody here.
const GRACE: Duration = Duration::from_secs(10);

/// Lines of a log that go into an error.
const LOG_LINES: usize = 20;

/// Waits for the owner's end of the pipe to close, then ends `$1` if its command line still has `$2`.
const WATCHDOG: &str = r#"cat >/dev/null
if tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$2"; then
  kill -CONT "$1"; kill -TERM "$1"
  i=0
  while [ "$i" -lt 50 ] && kill -0 "$1" 2>/dev/null; do i=$((i+1)); sleep 0.1; done
  if tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$2"; then kill -KILL "$1"; fi
fi"#;

/// A running server.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    watchdog: Option<Child>,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with standard input closed and its output appended to `DIR/NAME.log`. `marker`
    /// must stand on the command line: a path of this run.
    ///
    /// # Errors
    /// If the program cannot be started or a file cannot be written.
    pub(crate) fn start(name: &str, command: &mut Command, dir: &Path, marker: &Path) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let out =
            File::options().append(true).create(true).open(&log).map_err(Error::file("create", &log))?;
        let err = out.try_clone().map_err(Error::file("create", &log))?;
        let program = command.get_program().to_string_lossy().into_owned();
        // A group of its own: an interrupt typed at the terminal reaches the owner, which stops its
        // servers in order, and not the servers themselves.
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|source| Error::Spawn { program, source })?;
        let pid_file = dir.join(format!("{name}.pid"));
        let mut process = Self { name: name.to_owned(), child, watchdog: None, pid_file, log };
        let pid = process.child.id();
        std::fs::write(&process.pid_file, format!("{pid}\n{}\n", marker.display()))
            .map_err(Error::file("write", &process.pid_file))?;
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "sh", &pid.to_string()])
            .arg(marker)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Spawn { program: "sh".to_owned(), source })?;
        process.watchdog = Some(watchdog);
        Ok(process)
    }

    /// Waits until `ready` says yes. A server that ends meanwhile ends the wait.
    ///
    /// # Errors
    /// [`Error::Died`] or [`Error::Deadline`], each with the end of the log.
    pub(crate) fn wait_ready(&mut self, deadline: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let started = Instant::now();
        loop {
            if ready() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(Error::Died {
                    name: self.name.clone(),
                    status: status.to_string(),
                    detail: self.log_end(),
                });
            }
            if started.elapsed() >= deadline {
                return Err(Error::Deadline {
                    what: format!("{} ready", self.name),
                    seconds: deadline.as_secs(),
                    detail: self.log_end(),
                });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Ends it now: asks, waits for [`GRACE`], then forces. Does nothing if it has ended already.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // A paused process would keep a request to end for later.
            let _ = self.signal(Signal::SIGCONT);
            let _ = self.signal(Signal::SIGTERM);
            let asked = Instant::now();
            while asked.elapsed() < GRACE && !matches!(self.child.try_wait(), Ok(Some(_))) {
                std::thread::sleep(LOOK);
            }
            if !matches!(self.child.try_wait(), Ok(Some(_))) {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        // Only now: from here on the pid may belong to somebody else.
        if let Some(mut watchdog) = self.watchdog.take() {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
        let _ = std::fs::remove_file(&self.pid_file);
    }

    /// The end of the log, for an error's detail.
    fn log_end(&self) -> String {
        format!("; the end of {}:\n{}", self.log.display(), tail(&self.log, LOG_LINES))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).unwrap_or(i32::MAX);
        kill(Pid::from_raw(pid), signal).map_err(|errno| Error::Failed {
            what: format!("send {signal} to {} (pid {pid})", self.name),
            status: errno.to_string(),
            detail: self.log_end(),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Ends the process that a pid file of a dead owner names, if that pid still is that server.
pub(crate) fn stop_leftover(pid_file: &Path) {
    let Ok(text) = std::fs::read_to_string(pid_file) else { return };
    let mut lines = text.lines();
    let (Some(Ok(pid)), Some(marker)) = (lines.next().map(str::parse::<i32>), lines.next()) else { return };
    if pid > 1 && command_line(pid).contains(marker) {
        eprintln!("stopping a server that an earlier run left behind: pid {pid}");
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = std::fs::remove_file(pid_file);
}

fn command_line(pid: i32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::run::{RunDir, poll};

    fn sleeper(run: &RunDir) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do sleep 0.1; done", "sh"]).arg(run.path());
        Process::start("sleeper", &mut command, run.path(), run.path()).unwrap()
    }

    fn alive(pid: u32) -> bool {
        kill(Pid::from_raw(i32::try_from(pid).unwrap()), None).is_ok()
    }

    #[test]
    fn dropping_stops_it() {
        let run = RunDir::create("unit").unwrap();
        let process = sleeper(&run);
        let pid = process.child.id();
        assert!(alive(pid));
        drop(process);
        assert!(!alive(pid));
    }

    #[test]
    fn the_watchdog_stops_it_when_its_owner_is_gone() {
        let run = RunDir::create("unit").unwrap();
        let mut process = sleeper(&run);
        // What the kernel does when the owner dies: its end of the pipe closes.
        drop(process.watchdog.as_mut().unwrap().stdin.take());
        poll("ended by the watchdog", Duration::from_secs(20), || {
            process.child.try_wait().unwrap().map(|_| ()).ok_or_else(|| "still running".to_owned())
        })
        .unwrap();
    }

    #[test]
    fn a_leftover_is_stopped_only_if_it_still_is_that_server() {
        let run = RunDir::create("unit").unwrap();
        let mut process = sleeper(&run);
        let foreign = run.path().join("foreign.pid");
        std::fs::write(&foreign, format!("{}\n/some/other/marker\n", process.child.id())).unwrap();
        stop_leftover(&foreign);
        assert!(process.child.try_wait().unwrap().is_none(), "a pid with another marker was stopped");
        stop_leftover(&process.pid_file.clone());
        poll("ended by the sweep", Duration::from_secs(20), || {
            process.child.try_wait().unwrap().map(|_| ()).ok_or_else(|| "still running".to_owned())
        })
        .unwrap();
    }

    #[test]
    fn a_server_that_dies_ends_the_wait_with_its_log() {
        let run = RunDir::create("unit").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such option >&2; exit 3", "sh"]).arg(run.path());
        let mut process = Process::start("dies", &mut command, run.path(), run.path()).unwrap();
        let error = process.wait_ready(Duration::from_secs(20), || false).unwrap_err().to_string();
        assert!(error.contains("dies ended") && error.contains("no such option"), "{error}");
    }
}
