//! Replicas, a server, and all that can go wrong between them: requests and answers that take long, are lost, or
//! come when nobody waits for them any more; replicas that stand still; a lease that is deleted.
//!
//! No replica sees another's clock: each has its own, which began at another time and runs a little fast or slow.

use std::time::Duration;

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::candidate::{Candidate, Record, Step, Timing};
use super::super::clock::Moment;

const TIMING: Timing = Timing::USUAL;
/// As the elector's.
const PATIENCE: u64 = 2_000;
/// The simulation's step, in milliseconds.
const TICK: u64 = 50;

/// The object, and the number of its last version.
#[derive(Default)]
struct Server {
    lease: Option<Record>,
    versions: u64,
    /// When the lease was made that is there.
    made: u64,
}

/// A request on its way, in the order of what happens to it.
#[derive(Clone)]
struct Sent {
    step: Step,
    /// The version that is written upon; none: it must not be there.
    upon: Option<String>,
    who: String,
}

enum Answer {
    Read(Option<Record>),
    Wrote(Record),
    Refused,
}

impl Server {
    fn serve(&mut self, now: u64, request: &Sent) -> Answer {
        match request.step {
            Step::Read | Step::Wait(_) => Answer::Read(self.lease.clone()),
            Step::Create | Step::Take | Step::Renew => {
                if self.lease.as_ref().map(|lease| lease.version.clone()) != request.upon {
                    return Answer::Refused;
                }
                self.versions += 1;
                if request.step == Step::Create {
                    self.made = now;
                }
                let record = Record {
                    holder: Some(request.who.clone()),
                    lasts: Some(TIMING.lease),
                    version: self.versions.to_string(),
                };
                self.lease = Some(record.clone());
                Answer::Wrote(record)
            }
        }
    }
}

/// What a replica waits for.
#[derive(Clone, Copy)]
struct Waiting {
    began: Moment,
    gives_up: u64,
    number: u64,
}

struct Replica {
    candidate: Candidate,
    /// Its clock: when it began, and its parts in a thousand.
    zero: u64,
    rate: u64,
    stands_still_until: u64,
    waiting: Option<Waiting>,
    /// The version that it last saw.
    version: Option<String>,
}

impl Replica {
    fn clock(&self, now: u64) -> Moment {
        Moment::default() + Duration::from_millis(self.zero + now * self.rate / 1000)
    }
}

struct World {
    random: StdRng,
    server: Server,
    replicas: Vec<Replica>,
    /// (when it arrives at the server, whose, its number, it)
    requests: Vec<(u64, usize, u64, Sent)>,
    /// (when it arrives, whose, its number, it)
    answers: Vec<(u64, usize, u64, Answer)>,
    numbers: u64,
    trouble: bool,
}

impl World {
    fn new(seed: u64, replicas: usize) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let replica = |n: usize, random: &mut StdRng| Replica {
            candidate: Candidate::new(format!("replica-{n}"), TIMING),
            zero: random.random_range(0..10_000_000),
            rate: random.random_range(990..=1010),
            stands_still_until: 0,
            waiting: None,
            version: None,
        };
        let replicas = (0..replicas).map(|n| replica(n, &mut random)).collect();
        let (server, requests, answers) = (Server::default(), Vec::new(), Vec::new());
        Self { random, server, replicas, requests, answers, numbers: 0, trouble: true }
    }

    /// How long something is on its way; none: it is lost.
    fn travels(&mut self) -> Option<u64> {
        if !self.trouble {
            return Some(self.random.random_range(1..100));
        }
        match self.random.random_range(0..100) {
            0..10 => None,
            10..20 => Some(self.random.random_range(0..15_000)),
            _ => Some(self.random.random_range(1..500)),
        }
    }

    fn tick(&mut self, now: u64) {
        let arrived: Vec<_> = self.requests.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, who, number, request) in arrived {
            let answer = self.server.serve(now, &request);
            if let Some(delay) = self.travels() {
                self.answers.push((now + delay, who, number, answer));
            }
        }
        if self.trouble {
            let calamity = self.random.random_range(0..2_000);
            // Not twice in a row: who never saw the one between cannot know that somebody had it.
            if calamity == 0 && self.server.made + 10_000 < now {
                self.server.lease = None;
            } else if calamity < 10 {
                let unlucky = self.random.random_range(0..self.replicas.len());
                self.replicas[unlucky].stands_still_until = now + self.random.random_range(0..40_000);
            }
        }
        for who in 0..self.replicas.len() {
            if self.replicas[who].stands_still_until <= now {
                self.act(who, now);
            }
        }
    }

    fn act(&mut self, who: usize, now: u64) {
        let chance = self.random.random_range(0.0..1.0);
        let clock = self.replicas[who].clock(now);
        let arrived: Vec<_> =
            self.answers.extract_if(.., |(at, whose, ..)| *at <= now && *whose == who).collect();
        let replica = &mut self.replicas[who];
        if let Some(Waiting { began, gives_up, number }) = replica.waiting {
            match arrived.into_iter().find(|(_, _, of, _)| *of == number) {
                Some((.., Answer::Read(found))) => {
                    replica.version = found.as_ref().map(|record| record.version.clone());
                    replica.candidate.read(clock, found, chance);
                }
                Some((.., Answer::Wrote(record))) => {
                    replica.version = Some(record.version.clone());
                    replica.candidate.wrote(began, record);
                }
                Some((.., Answer::Refused)) => replica.candidate.refused(clock),
                None if gives_up <= now => replica.candidate.failed(clock, chance),
                None => return,
            }
            replica.waiting = None;
        }
        let step = replica.candidate.step(clock);
        if matches!(step, Step::Wait(_)) {
            return;
        }
        self.numbers += 1;
        let number = self.numbers;
        replica.waiting = Some(Waiting { began: clock, gives_up: now + PATIENCE, number });
        let upon = if step == Step::Create { None } else { replica.version.clone() };
        let sent = Sent { step, upon, who: replica.candidate.me().to_owned() };
        if let Some(delay) = self.travels() {
            self.requests.push((now + delay, who, number, sent));
        }
    }

    /// Who may act now, by their own clocks.
    fn leaders(&self, now: u64) -> Vec<usize> {
        let leads = |who: &usize| {
            let replica = &self.replicas[*who];
            replica.candidate.leads(replica.clock(now)).is_some()
        };
        (0..self.replicas.len()).filter(leads).collect()
    }
}

proptest! {
    #[test]
    fn two_never_lead_and_one_does_when_all_is_well(seed: u64, replicas in 2usize..4) {
        let mut world = World::new(seed, replicas);
        let (minute, end) = (60_000, 10 * 60_000);
        let mut led = 0;
        for now in (0..end).step_by(TICK as usize) {
            world.trouble = now < end - minute;
            world.tick(now);
            let leaders = world.leaders(now);
            prop_assert!(leaders.len() < 2, "at {} ms: {:?}", now, leaders);
            led += leaders.len();
        }
        prop_assert_eq!(world.leaders(end).len(), 1, "a minute after the last trouble");
        prop_assert!(led > 0);
    }
}
