//! The operators of a soak: one, or two that stand for election. Started, killed, stopped and continued, and watched: one that
//! ends by itself ends the soak.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::memory::Seen;
use super::plan::Mode;
use crate::operator::Operator;
use crate::place::Place;

/// Until one of several leads: a lease that nobody renews lasts 10 s, and all of them may have been away.
const LEADS: Duration = Duration::from_secs(60);

/// How a process says that it could not begin: there was nobody to ask. One that has begun waits for as long as it takes.
const NO_API_SERVER: &str = "cannot talk to the Kubernetes API server";

/// What an operator is doing, as far as we did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Runs,
    Killed,
    Paused,
}

struct One {
    name: &'static str,
    operator: Operator,
    state: State,
}

/// All of them.
pub(crate) struct Operators {
    mode: Mode,
    all: Vec<One>,
    /// How many were killed so far, by us or by a trap.
    pub(crate) kills: usize,
    pub(crate) pauses: usize,
    /// How many found no API server when they began, and ended.
    pub(crate) no_api_server: usize,
}

impl Operators {
    /// None yet.
    pub(crate) fn none() -> Self {
        Self { mode: Mode::Single, all: Vec::new(), kills: 0, pauses: 0, no_api_server: 0 }
    }

    /// Goes on as that mode wants it: those that run go on if they are as many.
    ///
    /// # Errors
    /// If one cannot be started.
    pub(crate) fn go_on(&mut self, place: &Place<'_>, mode: Mode) -> Result<()> {
        let names: &[&'static str] = if mode == Mode::Single { &["one"] } else { &["left", "right"] };
        self.mode = mode;
        if self.all.iter().map(|one| one.name).eq(names.iter().copied()) {
            return Ok(());
        }
        self.all.clear();
        place.renew_token()?;
        let flags: &[&str] = match mode {
            Mode::Single => &[],
            Mode::Pair | Mode::PairKept => {
                &["--enable-leader-election", "--operator-namespace", "claviger-system"]
            }
        };
        for name in names {
            self.all.push(One { name, operator: place.replica(name, flags)?, state: State::Runs });
        }
        Ok(())
    }

    /// Starts those that have ended, and waits until all are ready and one works.
    ///
    /// # Errors
    /// If that takes too long.
    pub(crate) async fn wait_ready(&mut self) -> Result<()> {
        for one in &mut self.all {
            one.operator.wait_ready()?;
        }
        let begin = Instant::now();
        while self.leader().is_none() {
            if begin.elapsed() > LEADS {
                bail!("none of the operators leads after {LEADS:?}");
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// The one that works; if that cannot be told, none.
    fn leader(&self) -> Option<usize> {
        if self.mode == Mode::Single {
            return self.all.first().filter(|one| one.state == State::Runs).map(|_| 0);
        }
        self.all.iter().position(|one| one.state == State::Runs && one.operator.leads() == Some(true))
    }

    /// The one that works, or else one that runs.
    fn chosen(&self) -> Option<usize> {
        self.leader().or_else(|| self.all.iter().position(|one| one.state == State::Runs))
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.chosen().map(|n| self.all[n].operator.pid())
    }

    /// Kills it; its name.
    ///
    /// # Errors
    /// If it had ended by itself.
    pub(crate) fn kill(&mut self) -> Result<Option<&'static str>> {
        let Some(n) = self.chosen() else { return Ok(None) };
        self.all[n].operator.kill()?;
        self.all[n].state = State::Killed;
        self.kills += 1;
        Ok(Some(self.all[n].name))
    }

    /// Stops it for a while; its name.
    ///
    /// # Errors
    /// If it cannot be told to.
    pub(crate) fn pause(&mut self) -> Result<Option<&'static str>> {
        let Some(n) = self.chosen() else { return Ok(None) };
        signal(self.all[n].operator.pid(), "-STOP")?;
        self.all[n].state = State::Paused;
        self.pauses += 1;
        Ok(Some(self.all[n].name))
    }

    /// Looks for those that have ended. One that a trap has killed, or that found no API server when it began, is started again
    /// as Kubernetes would.
    ///
    /// `trapped`: whom a trap may have killed. `away`: until when there was no API server.
    ///
    /// # Errors
    /// If one has ended for any other reason.
    pub(crate) fn watch(&mut self, trapped: Option<u32>, away: Option<Instant>) -> Result<()> {
        for one in self.all.iter_mut().filter(|one| one.state == State::Runs) {
            let pid = one.operator.pid();
            let Some(status) = one.operator.ended()? else { continue };
            let by_trap = trapped == Some(pid) && status.signal() == Some(9);
            let at_start = status.code() == Some(1)
                && away.is_some_and(|until| one.operator.started <= until)
                && last_line(one.operator.log()).contains(NO_API_SERVER);
            match (by_trap, at_start) {
                (true, _) => self.kills += 1,
                (false, true) => self.no_api_server += 1,
                (false, false) => {
                    bail!(
                        "operator {} ended by itself ({status}): {}",
                        one.name,
                        one.operator.log().display()
                    )
                }
            }
            one.state = State::Killed;
        }
        Ok(())
    }

    /// Starts those that were killed.
    ///
    /// # Errors
    /// If one cannot be started.
    pub(crate) fn restart(&mut self) -> Result<()> {
        for one in self.all.iter_mut().filter(|one| one.state == State::Killed) {
            one.operator.restart()?;
            one.state = State::Runs;
        }
        Ok(())
    }

    /// Lets those that stand still go on.
    ///
    /// # Errors
    /// If one cannot be told to.
    pub(crate) fn unpause(&mut self) -> Result<()> {
        for one in self.all.iter_mut().filter(|one| one.state == State::Paused) {
            signal(one.operator.pid(), "-CONT")?;
            one.state = State::Runs;
        }
        Ok(())
    }

    /// Looks at their memory.
    pub(crate) fn memory(&self, seen: &mut Seen) {
        for one in self.all.iter().filter(|one| one.state != State::Killed) {
            seen.look(one.operator.pid(), one.operator.started);
        }
    }

    /// Name, process, age, whether it works, and its metrics.
    pub(crate) fn each(&mut self) -> Vec<(&'static str, u32, Instant, bool, String)> {
        let leader = self.leader();
        let each = self.all.iter_mut().enumerate().map(|(n, one)| {
            let page = one.operator.page("/metrics").unwrap_or_default();
            (one.name, one.operator.pid(), one.operator.started, leader == Some(n), page)
        });
        each.collect()
    }
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().last().unwrap_or_default().to_owned()
}

fn signal(pid: u32, signal: &str) -> Result<()> {
    if !Command::new("kill").args([signal, &pid.to_string()]).status()?.success() {
        bail!("kill {signal} {pid}");
    }
    Ok(())
}
