//! Rounds of refreshes, as the operator counts them and as the backend's audit log shows them: a moment at
//! which the two can be compared exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use claviger_testenv::Mark;

use super::{Operator, World};

/// ExternalSecrets `es0`, `es1` … that read `key{n % keys}` of one mount by one login.
pub(crate) struct Rounds<'a> {
    pub world: &'a World,
    pub operator: &'a Operator,
    pub mount: &'a str,
    pub login: &'a str,
    pub objects: usize,
    pub keys: usize,
    /// For a round and a half, on a busy machine.
    pub deadline: Duration,
}

/// How often each object was refreshed.
pub(crate) type Counts = BTreeMap<usize, usize>;

/// What the backend was asked.
pub(crate) struct Asked {
    /// Reads, by key.
    pub reads: BTreeMap<usize, usize>,
    /// Logins.
    pub logins: usize,
    /// Looks at the token that the reads were made with.
    pub lookups: usize,
}

impl Rounds<'_> {
    /// A moment between rounds, at which every object was refreshed `more` times since `before`: how often each was,
    /// and the end of the backend's log. For a second nothing was read and nobody's count moved, so what was read
    /// has been counted, and no key is in the midst of its round, which takes milliseconds.
    pub(crate) fn quiet(&self, what: &str, before: Option<&Counts>, more: usize) -> (Counts, Mark) {
        /// Between two looks at a page with a line for each object.
        const LOOK: Duration = Duration::from_millis(300);
        let mut still: Option<(Instant, Counts, Mark)> = None;
        let mut looked: Option<Instant> = None;
        self.world.wait_for(self.deadline, what, || {
            let now = Instant::now();
            if looked.is_some_and(|at| now.duration_since(at) < LOOK) {
                return Err("between two looks".to_owned());
            }
            looked = Some(now);
            let found = self.refreshed(before, more).inspect_err(|_| still = None)?;
            let end = self.world.env.bao.audit_mark();
            if let Some((since, known, mark)) = &still
                && *known == found
                && self.asked(*mark, end).reads.is_empty()
            {
                let long = since.elapsed() > Duration::from_secs(1);
                return if long { Ok((found, *mark)) } else { Err("not long enough".to_owned()) };
            }
            still = Some((now, found, end));
            Err("something moves".to_owned())
        })
    }

    /// How often each object was refreshed: all of them `more` times since `before`. Those of a key need not be
    /// alike: of those that appear half an interval before the key's turn some take it, and some the next.
    fn refreshed(&self, before: Option<&Counts>, more: usize) -> Result<Counts, String> {
        let page = self.operator.page("/metrics");
        let namespace = format!("namespace=\"{}\"", self.world.name);
        let mut counts = Counts::new();
        let lines = page.lines().filter(|line| line.starts_with("externalsecret_sync_calls_total{"));
        for line in lines.filter(|line| line.contains(&namespace)) {
            let name = line.split("name=\"es").nth(1).and_then(|rest| rest.split('"').next());
            let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
            if let (Some(Ok(n)), Some(count)) = (name.map(str::parse::<usize>), count) {
                counts.insert(n, count as usize);
            }
        }
        if counts.len() < self.objects {
            return Err(format!("{} of {} were refreshed", counts.len(), self.objects));
        }
        let since = |n: &usize| counts[n] - before.map_or(0, |before| before[n]);
        for key in 0..self.keys {
            let found: BTreeSet<usize> = counts.keys().filter(|n| *n % self.keys == key).map(since).collect();
            if found.first().is_none_or(|least| *least < more) {
                return Err(format!("key{key}: {found:?}"));
            }
        }
        Ok(counts)
    }

    /// The rounds of each key between two such moments, where each round is one read.
    pub(crate) fn one_a_round(&self, before: Option<&Counts>, now: &Counts) -> BTreeMap<usize, usize> {
        let mut rounds = BTreeMap::new();
        for (n, count) in now {
            let since = count - before.map_or(0, |before| before[n]);
            let most: &mut usize = rounds.entry(n % self.keys).or_default();
            *most = since.max(*most);
        }
        rounds.retain(|_, count| *count > 0);
        rounds
    }

    /// What the backend was asked between two moments.
    pub(crate) fn asked(&self, begin: Mark, end: Mark) -> Asked {
        let (mut reads, mut logins, mut tokens, mut looked) =
            (BTreeMap::new(), 0, BTreeSet::new(), Vec::new());
        for entry in self.world.env.bao.audit_between(begin, end).unwrap() {
            if entry.kind != "request" {
                continue;
            }
            if let Some(key) = entry.path.strip_prefix(&format!("{}/data/key", self.mount)) {
                *reads.entry(key.parse().unwrap()).or_default() += 1;
                tokens.insert(entry.token_hash);
            } else if entry.path == format!("auth/{}/login", self.login) {
                logins += 1;
            } else if entry.path == "auth/token/lookup-self" {
                looked.push(entry.token_hash);
            }
        }
        // A token that has ended is nobody's: only what else was sent with it says whose it was.
        let lookups = looked.iter().filter(|token| tokens.contains(*token)).count();
        Asked { reads, logins, lookups }
    }
}
