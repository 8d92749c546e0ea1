//! Whether the database takes what Secrets hold, asked again and again beside what a test does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_testenv::PlainApi;
use serde_json::Value;

use super::Corner;

/// Refusals that are told of; they are alike soon.
const MOST: usize = 5;

/// What is asked, and what is going on meanwhile.
pub(super) struct Sampling<'a> {
    corner: &'a Corner<'a>,
    api: &'a PlainApi,
    secrets: &'a [&'a str],
    every: Duration,
    begun: Instant,
    doing: Mutex<String>,
    over: AtomicBool,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Samples {
    /// Rounds of all Secrets.
    pub(super) rounds: usize,
    /// Of those, rounds in which the API server was asked in vain, and what was last read from it counted.
    pub(super) blind: usize,
    pub(super) logins: usize,
    /// Of one login.
    pub(super) slowest: Duration,
    /// Between the beginnings of two rounds.
    pub(super) longest_gap: Duration,
    /// Users that were seen, of each Secret.
    pub(super) users: BTreeMap<String, usize>,
    pub(super) refusals: Vec<String>,
}

/// Ends the sampling when dropped, and so also when a test panics.
pub(super) struct End<'a>(&'a Sampling<'a>);

impl<'a> Sampling<'a> {
    /// Of these Secrets, which are there.
    pub(super) fn new(
        corner: &'a Corner<'a>,
        api: &'a PlainApi,
        secrets: &'a [&'a str],
        every: Duration,
    ) -> Self {
        let (doing, over) = (Mutex::default(), AtomicBool::default());
        Self { corner, api, secrets, every, begun: Instant::now(), doing, over }
    }

    /// What a refusal from now on is told with.
    pub(super) fn doing(&self, what: impl Into<String>) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    /// Whether it has ended, by a refusal or because it was told to.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends it when that is dropped.
    pub(super) fn end(&'a self) -> End<'a> {
        End(self)
    }

    /// Asks until told to end, or until there is enough to tell of.
    pub(super) fn run(&self) -> Samples {
        let (mut samples, mut held) = (Samples::default(), BTreeMap::<&str, (String, String)>::new());
        let mut logins = self.corner.database.logins();
        let mut last = Instant::now();
        while !self.is_over() {
            let round = Instant::now();
            samples.longest_gap = samples.longest_gap.max(round - last);
            last = round;
            match self.read() {
                None => samples.blind += 1,
                Some(list) => {
                    for &secret in self.secrets {
                        match credentials(&list, secret) {
                            Some(now) => match held.insert(secret, now.clone()) {
                                Some(before) if before.0 == now.0 => {}
                                _ => *samples.users.entry(secret.to_owned()).or_default() += 1,
                            },
                            None => samples.refusals.push(self.said(secret, "the Secret is gone")),
                        }
                    }
                }
            }
            for (secret, (user, password)) in &held {
                let asked = Instant::now();
                if let Err(refused) = logins.accepts(user, password) {
                    samples.refusals.push(self.said(secret, &refused));
                }
                samples.logins += 1;
                samples.slowest = samples.slowest.max(asked.elapsed());
            }
            samples.rounds += 1;
            if samples.refusals.len() >= MOST {
                self.over.store(true, Ordering::Release);
            }
            std::thread::sleep(self.every.saturating_sub(round.elapsed()));
        }
        samples
    }

    fn read(&self) -> Option<Value> {
        let path = format!("/api/v1/namespaces/{}/secrets", self.corner.world.name);
        self.api.get(&path).ok().filter(|(status, _)| *status == 200).map(|(_, list)| list)
    }

    fn said(&self, secret: &str, what: &str) -> String {
        let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{:.1} s, {doing}: {secret}: {what}", self.begun.elapsed().as_secs_f64())
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

/// What a Secret of that list holds under `username` and `password`.
fn credentials(list: &Value, secret: &str) -> Option<(String, String)> {
    let found = list["items"].as_array()?.iter().find(|item| item["metadata"]["name"] == secret)?;
    let text = |key: &str| String::from_utf8(STANDARD.decode(found["data"][key].as_str()?).ok()?).ok();
    Some((text("username")?, text("password")?))
}
