//! The soak: random work and random faults against a real operator, and quiet points at which everything has to be as the
//! model says: Secrets, statuses, what was pushed, leases, memory, logs.
//!
//! A seed repeats what is done and in which order (`plan`), not the moments. What is found is printed with the seed.

mod check;
mod faults;
mod ground;
mod manifests;
mod memory;
mod model;
mod operators;
mod plan;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use claviger_testenv::Progress;
use rand::RngExt as _;

use self::faults::Faults;
use self::ground::Ground;
use self::memory::{Quiet, Seen};
use self::model::{Effect, MARKER, Model};
use self::operators::Operators;
use self::plan::{Action, Mode};
use self::told::Told;
use crate::Product;

/// Arguments of `soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct SoakArgs {
    /// No round begins later than that
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Repeats the actions of a run; drawn, and printed, if it is left out
    #[arg(long)]
    seed: Option<u64>,
    /// So many rounds, however long they take
    #[arg(long)]
    rounds: Option<usize>,
}

/// Between two steps: 0.3 s on average, so that watches, refreshes and retries come in between as well as not.
const PAUSE: std::ops::Range<u64> = 50..550;

/// Until everything is as it should be after the last fault. A store that did not work is asked again after a minute at
/// most, a failing object at its interval (20 s), a Secret that is gone is waited for for 30 s, and a lease that a crash
/// lost runs out within 60 s; then the same for a busy machine.
const SETTLED: Duration = Duration::from_secs(300);

/// Until Kubernetes' garbage collector has deleted what has no owner any more; it looks at it again for as long as it fails.
const COLLECTED: Duration = Duration::from_secs(45);

/// What is right has to stay so over the shortest interval.
const STAYS: Duration = Duration::from_secs(7);

/// A series of who works, or has: who stands by looks at Plugins only.
const REFRESHED: &str = "claviger_reconcile_duration_seconds_count{kind=\"ExternalSecret\"}";

/// Differences that are printed.
const PRINTED: usize = 20;

/// Runs it.
///
/// # Errors
/// What was not as it should be, or could not be done; with the seed.
pub(crate) async fn run(product: &Product, args: &SoakArgs) -> Result<()> {
    let seed =
        args.seed.unwrap_or_else(|| UNIX_EPOCH.elapsed().map_or(1, |now| u64::from(now.subsec_nanos())));
    eprintln!("soak: --seed {seed} repeats this run");
    let ground = Ground::start(&Progress::default(), product).await?;
    let told = Told::start(ground.place.dir())?;
    let mut soak = Soak {
        seed,
        ground,
        told,
        model: Model::new(seed),
        operators: Operators::none(),
        faults: Faults::default(),
        waiting: Vec::new(),
        actions: BTreeMap::new(),
        broken: BTreeMap::new(),
        seen: Seen::default(),
        passwords: BTreeSet::new(),
        overlooked: 0,
        checks: 0,
        lost: 0,
        replicas: BTreeSet::new(),
    };
    let outcome = soak.rounds(args).await;
    print!("{}", soak.summary(outcome.is_ok()));
    if outcome.is_err() {
        soak.ground.place.keep();
    }
    outcome.with_context(|| format!("soak --seed {seed}"))
}

struct Soak<'a> {
    seed: u64,
    // The operators end before the servers.
    operators: Operators,
    told: Told,
    ground: Ground<'a>,
    model: Model,
    faults: Faults,
    /// Actions whose server is away, in their order.
    waiting: Vec<Action>,
    /// What was done so far, by kind.
    actions: BTreeMap<String, usize>,
    broken: BTreeMap<String, usize>,
    seen: Seen,
    passwords: BTreeSet<String>,
    /// Secrets that Kubernetes should have deleted with their owners.
    overlooked: usize,
    checks: usize,
    /// Leases that nothing recorded when all else was in order.
    lost: usize,
    /// Whose logs there are.
    replicas: BTreeSet<&'static str>,
}

impl Soak<'_> {
    async fn rounds(&mut self, args: &SoakArgs) -> Result<()> {
        let begin = Instant::now();
        let enough = Duration::from_secs(args.minutes * 60);
        for number in 0.. {
            let over = args.rounds.map_or(begin.elapsed() >= enough, |rounds| number >= rounds);
            if over && number > 0 {
                break;
            }
            let mode = Mode::of(number);
            self.told.say(&format!("round {number}: {mode:?}"));
            self.operators.go_on(&self.ground.place, mode)?;
            self.operators.wait_ready().await?;
            if number == 0 {
                for action in plan::beginning(self.seed) {
                    self.act(&action).await?;
                }
            }
            self.round(number).await.with_context(|| format!("round {number}"))?;
            self.quiet(number).await.with_context(|| format!("the quiet point after round {number}"))?;
        }
        self.end().await
    }

    async fn round(&mut self, number: usize) -> Result<()> {
        for (step, action) in plan::round(self.seed, number).into_iter().enumerate() {
            self.mend(step).await?;
            let about = format!("round {number}, step {step} of {}: {action:?}", plan::STEPS);
            self.told.doing(&about);
            match &action {
                Action::Fault { fault, steps } => {
                    let (fault, steps) = (*fault, *steps);
                    let end = step + steps;
                    match self.faults.begin(&mut self.ground, &mut self.operators, fault, steps, end)? {
                        Some(what) => {
                            *self.broken.entry(format!("{fault:?}")).or_default() += 1;
                            self.told.say(&format!("round {number}, step {step}: {what}, for {steps} steps"));
                        }
                        None => self.told.doing(&format!("{fault:?}: something is broken already")),
                    }
                }
                _ if self.waits(&action) => self.waiting.push(action),
                _ => self.act(&action).await?,
            }
            self.operators.memory(&mut self.seen);
            tokio::time::sleep(Duration::from_millis(rand::rng().random_range(PAUSE))).await;
        }
        // Everything is mended.
        self.mend(usize::MAX).await
    }

    /// Mends what is over by now, and does what waited for it.
    async fn mend(&mut self, step: usize) -> Result<()> {
        for mended in self.faults.mend(&mut self.ground, &mut self.operators, step).await? {
            self.told.say(mended);
        }
        let waiting = std::mem::take(&mut self.waiting);
        for action in waiting {
            if self.waits(&action) { self.waiting.push(action) } else { self.act(&action).await? }
        }
        Ok(())
    }

    /// Whether its server is away.
    fn waits(&self, action: &Action) -> bool {
        match action {
            Action::PutKey { .. } | Action::RemoveKey { .. } => !self.faults.bao_is_up(),
            _ => !self.faults.api_is_up(),
        }
    }

    async fn act(&mut self, action: &Action) -> Result<()> {
        let leased = matches!(action, Action::PutLeased { .. } | Action::RemoveLeased { .. });
        if leased && self.ground.database.is_none() {
            return Ok(());
        }
        let effects = self.model.act(action);
        if effects.is_empty() {
            return Ok(());
        }
        *self.actions.entry(action.kind()).or_default() += 1;
        for effect in effects {
            self.ground.send(&effect).await?;
        }
        Ok(())
    }

    /// Waits until all operators are ready. One may only now have given up that began while there was no API server.
    async fn all_ready(&mut self) -> Result<()> {
        for _ in 0..3 {
            self.faults.watch(&mut self.operators)?;
            self.operators.restart()?;
            if self.operators.wait_ready().await.is_ok() {
                return Ok(());
            }
        }
        self.operators.wait_ready().await
    }

    /// Waits until everything is as it should be, and has stayed so.
    async fn quiet(&mut self, number: usize) -> Result<()> {
        self.all_ready().await?;
        let begin = Instant::now();
        let mut right: Option<Instant> = None;
        let mut lost = None;
        let found = loop {
            self.faults.watch(&mut self.operators)?;
            self.operators.memory(&mut self.seen);
            let found = check::look(&self.ground, &self.model).await?;
            // What a crash lost is counted when nothing is under way any more, and runs out.
            if found.wrong.is_empty() && lost.is_none() {
                lost = Some(found.lost.len());
            }
            let differences: Vec<&String> = found.wrong.iter().chain(&found.leases).collect();
            // An owner that was deleted and made again while the collector's watch was away is an update to it, and it never
            // looks at what the first one owned (client-go's informers compare names, and no uids).
            if begin.elapsed() > COLLECTED {
                for name in &found.ownerless {
                    self.told.say(&format!("Kubernetes has overlooked Secret {name}, whose owner is gone"));
                    self.overlooked += 1;
                    self.ground.send(&Effect::Delete { kind: "Secret", name: name.clone() }).await?;
                }
            }
            match differences.first() {
                None if right.is_some_and(|right| right.elapsed() >= STAYS) => break found,
                None => {
                    right = right.or_else(|| Some(Instant::now()));
                }
                Some(first) => {
                    if right.take().is_some() {
                        self.told.say(&format!("it was right, and is not: {first}"));
                    }
                    if begin.elapsed() > SETTLED {
                        let some: Vec<&str> =
                            differences.iter().take(PRINTED).map(|line| line.as_str()).collect();
                        bail!("{} differences after {SETTLED:?}:\n{}", differences.len(), some.join("\n"));
                    }
                    self.told.doing(&format!(
                        "quiet point after round {number}: {} differences, such as {first}",
                        differences.len()
                    ));
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        self.checks += 1;
        self.lost += lost.unwrap_or_default();
        self.passwords.extend(found.passwords);
        let took = begin.elapsed();
        self.told.say(&format!(
            "quiet point after round {number}: {} objects are as they should be after {:.0} s; {} leases had been lost",
            found.objects,
            took.as_secs_f64(),
            lost.unwrap_or_default()
        ));
        for (who, pid, started, leads, page) in self.operators.each() {
            self.replicas.insert(who);
            if check::forms(MARKER).iter().any(|form| page.contains(form)) {
                bail!("a value stands in the metrics of operator {who}");
            }
            if let Some(anonymous) = self.seen.look(pid, started) {
                let age = started.elapsed();
                self.seen.quiet.push(Quiet {
                    round: number,
                    who: who.to_owned(),
                    leads,
                    worked: leads || page.contains(REFRESHED),
                    age,
                    anonymous,
                    objects: found.objects,
                });
            }
        }
        for effect in self.model.settled() {
            self.ground.send(&effect).await?;
        }
        self.logs().await
    }

    /// What must not stand in logs and events.
    async fn logs(&self) -> Result<()> {
        let mut values: Vec<String> = check::forms(MARKER);
        values.extend(self.passwords.iter().flat_map(|password| check::forms(password)));
        values.extend(check::forms(&self.ground.login.secret));
        let mut texts =
            vec![("events".to_owned(), serde_json::to_string(&self.ground.list("Event").await?)?)];
        for who in &self.replicas {
            let path = self.ground.place.dir().join(who).join("operator.log");
            let log = std::fs::read(&path).with_context(|| path.display().to_string())?;
            texts.push((path.display().to_string(), String::from_utf8_lossy(&log).into_owned()));
        }
        for (place, text) in texts {
            if let Some(line) = text.lines().find(|line| line.contains("panicked at")) {
                bail!("{place}: {line}");
            }
            if values.iter().any(|value| text.contains(value)) {
                bail!("a secret value stands in {place}");
            }
        }
        Ok(())
    }

    /// What is told by all rounds together.
    async fn end(&mut self) -> Result<()> {
        if let Some(leak) = self.seen.leak() {
            bail!("memory: {leak}");
        }
        // Each crash, and each answer that a server's end cut off, may have lost the credential that an ExternalSecret was
        // about to get; and nobody revokes what is deleted while nobody works.
        let cuts: usize = self.broken.values().sum::<usize>() + self.operators.kills;
        let deleted = self.actions.get("RemoveLeased").copied().unwrap_or_default();
        let most = cuts * plan::LEASED + deleted;
        if self.lost > most {
            bail!("{} leases were lost by {cuts} faults and {deleted} deletions", self.lost);
        }
        self.logs().await
    }

    fn summary(&self, good: bool) -> String {
        let counts = |counts: &BTreeMap<String, usize>| {
            counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
        };
        let mut text =
            format!("soak: seed {}: {}\n", self.seed, if good { "everything held" } else { "FAILED" });
        let _ = writeln!(text, "actions: {}", counts(&self.actions));
        let _ = writeln!(text, "faults: {}", counts(&self.broken));
        let _ = writeln!(
            text,
            "operators killed {} times, stopped {} times, begun without an API server {} times; quiet points: {}; leases that were lost and ran out: {}{}",
            self.operators.kills,
            self.operators.pauses,
            self.operators.no_api_server,
            self.checks,
            self.lost,
            if self.ground.database.is_some() {
                ""
            } else {
                " (LEASES WERE LEFT OUT: there is no PostgreSQL)"
            }
        );
        if self.overlooked > 0 {
            let _ = writeln!(
                text,
                "Secrets that Kubernetes' garbage collector had overlooked: {}",
                self.overlooked
            );
        }
        for quiet in &self.seen.quiet {
            let _ = writeln!(
                text,
                "after round {}: operator {} ({}, {:.0} s old) holds {:.1} MiB, with {} objects",
                quiet.round,
                quiet.who,
                match (quiet.leads, quiet.worked) {
                    (true, _) => "works",
                    (false, true) => "stands by, and has worked",
                    (false, false) => "stands by",
                },
                quiet.age.as_secs_f64(),
                quiet.anonymous,
                quiet.objects
            );
        }
        for (pid, seconds, first, last, slope) in self.seen.slopes() {
            let _ = writeln!(
                text,
                "process {pid}: {first:.1} MiB to {last:.1} MiB in {seconds:.0} s after its first minute, {slope:+.2} MiB a minute"
            );
        }
        text
    }
}
