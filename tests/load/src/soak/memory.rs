//! Whether memory stays flat: anonymous memory of each process over its life, and at the quiet points, where there is about
//! as much to hold each time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::process;

/// A process's first minute fills caches: it says nothing of leaks.
const WARM: Duration = Duration::from_secs(60);

/// What a life of a process showed: seconds since it began, and MiB.
#[derive(Clone, Debug, Default)]
struct Life {
    samples: Vec<(f64, f64)>,
}

/// A look at a quiet point.
#[derive(Clone, Debug)]
pub(crate) struct Quiet {
    pub(crate) round: usize,
    /// Which of several.
    pub(crate) who: String,
    pub(crate) leads: bool,
    /// It leads, or has led before it stood by: an allocator keeps what work took, and who never worked holds far less.
    pub(crate) worked: bool,
    pub(crate) age: Duration,
    /// MiB.
    pub(crate) anonymous: f64,
    pub(crate) objects: usize,
}

/// All that was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    lives: BTreeMap<u32, Life>,
    pub(crate) quiet: Vec<Quiet>,
}

impl Seen {
    /// Looks at a process. One that has just ended shows nothing.
    pub(crate) fn look(&mut self, pid: u32, started: Instant) -> Option<f64> {
        let memory = process::memory(pid).ok()?;
        let anonymous = mebi(memory.anonymous);
        self.lives.entry(pid).or_default().samples.push((started.elapsed().as_secs_f64(), anonymous));
        Some(anonymous)
    }

    /// Lives that were long enough: pid, seconds that were looked at, first and last MiB, MiB a minute.
    pub(crate) fn slopes(&self) -> Vec<(u32, f64, f64, f64, f64)> {
        let long = self.lives.iter().filter_map(|(pid, life)| {
            let warm: Vec<(f64, f64)> =
                life.samples.iter().copied().filter(|(age, _)| *age >= WARM.as_secs_f64()).collect();
            let (first, last) = (warm.first()?, warm.last()?);
            (last.0 - first.0 >= WARM.as_secs_f64())
                .then(|| (*pid, last.0 - first.0, first.1, last.1, slope(&warm) * 60.0))
        });
        long.collect()
    }

    /// What is clearly a leak: at the last quiet point somebody holds more than twice what whoever did the same work held at
    /// the first, and 32 MiB besides.
    ///
    /// An allocator keeps what a burst took (a hundred objects listed anew after the API server's return, a plugin's
    /// instances side by side), and so the figure moves by some ten MiB of some fifty in either direction while nothing
    /// leaks; twice is far outside of that. The 32 MiB are for small figures, where one wasm instance's memory more is
    /// already half of it. A leak of a kilobyte for each of the thousands of refreshes of an hour is found.
    pub(crate) fn leak(&self) -> Option<String> {
        let mut first: BTreeMap<bool, &Quiet> = BTreeMap::new();
        let mut worst = None;
        let end = self.quiet.iter().map(|quiet| quiet.round).max()?;
        for quiet in &self.quiet {
            let begin = *first.entry(quiet.worked).or_insert(quiet);
            if quiet.round == end && quiet.anonymous > begin.anonymous * 2.0 + 32.0 {
                worst = Some(format!(
                    "{} holds {:.1} MiB after round {} with {} objects; after round {} it were {:.1} MiB with {}",
                    quiet.who,
                    quiet.anonymous,
                    quiet.round,
                    quiet.objects,
                    begin.round,
                    begin.anonymous,
                    begin.objects
                ));
            }
        }
        worst
    }
}

/// KiB as MiB.
fn mebi(kibi: u64) -> f64 {
    f64::from(u32::try_from(kibi).unwrap_or(u32::MAX)) / 1024.0
}

/// By least squares; zero for less than two points.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX));
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let under: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if under > 0.0 { over / under } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(round: usize, worked: bool, anonymous: f64) -> Quiet {
        Quiet { round, who: "a".to_owned(), leads: false, worked, age: WARM, anonymous, objects: 1 }
    }

    #[test]
    fn a_line_has_its_slope() {
        assert!((slope(&[(60.0, 50.0), (120.0, 53.0), (180.0, 56.0)]) - 0.05).abs() < 1e-9);
        assert!(slope(&[(60.0, 50.0)]).abs() < 1e-9);
    }

    #[test]
    fn a_leak_is_what_is_far_more_than_at_the_first_quiet_point_for_the_same_work() {
        for (last, worked, leak) in
            [(130.0, true, false), (133.0, true, true), (73.0, false, true), (71.0, false, false)]
        {
            let seen = Seen {
                quiet: vec![quiet(0, true, 50.0), quiet(0, false, 20.0), quiet(3, worked, last)],
                ..Seen::default()
            };
            assert_eq!(seen.leak().is_some(), leak, "{last} {worked}");
        }
    }
}
