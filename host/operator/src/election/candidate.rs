//! What a replica does about the lease, and when it may believe that it leads. Pure: time, answers and chance
//! are handed in.
//!
//! Nobody's time of day counts, not even the lease's own `renewTime`, for clocks of machines differ by minutes.
//! What counts is for how long, by one's own clock, the object has not changed. Every write names the version
//! that was seen, so that of two only one comes through.
//!
//! Why two never lead: a leader leads for [`Timing::hold`] from *before* its write; another takes the lease
//! [`Timing::lease`] *after* it has seen that write, if there was none since, and that is more.

use std::time::Duration;

use super::clock::Moment;

/// The times of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    /// After so long without a change others take the lease (`spec.leaseDurationSeconds`).
    pub(super) lease: Duration,
    /// The holder renews it so often.
    pub(super) renew: Duration,
    /// The holder works for so long after a renewal began, and no longer. What is left of the lease is for
    /// requests that are on their way.
    pub(super) hold: Duration,
    /// Who waits for the lease looks at it so often.
    pub(super) look: Duration,
    /// A holder whose renewal failed tries again after this.
    pub(super) again: Duration,
}

impl Timing {
    /// A dead leader is replaced within 13 s, and one whose API server is away for 6 s goes on. (ESO has the
    /// defaults of controller-runtime, 15, 10 and 2 s, and takes up to 19.)
    pub(super) const USUAL: Self = Self {
        lease: Duration::from_secs(10),
        renew: Duration::from_secs(3),
        hold: Duration::from_secs(7),
        look: Duration::from_secs(2),
        again: Duration::from_millis(500),
    };

    /// Between two looks there is no time to lead and be gone again, but for a lease that is deleted as soon as it
    /// is made.
    fn longest_gap(&self) -> Duration {
        self.lease / 2
    }
}

/// A Lease object, as far as it decides anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Who has it; none: it was given back.
    pub(super) holder: Option<String>,
    /// How long its holder may keep still, in the holder's own word.
    pub(super) lasts: Option<Duration>,
    /// Changes with every write of the object.
    pub(super) version: String,
}

/// A record, and when it was first seen to be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Observed {
    /// It.
    pub(super) record: Record,
    /// By our own clock, when the answer was there: the write that made it was before that.
    pub(super) seen: Moment,
}

impl Observed {
    fn ends(&self, timing: &Timing) -> Moment {
        self.seen + self.record.lasts.filter(|lasts| !lasts.is_zero()).unwrap_or(timing.lease)
    }
}

/// What is to be done about the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// There is none: make it.
    Create,
    /// It is nobody's, or its holder has kept still for too long, or it is ours and we have not led: write it.
    Take,
    /// It is ours, and we lead: write it.
    Renew,
    /// It is somebody else's until then.
    Wait(Moment),
}

/// Decides. `known` is what was last seen, and `gone` since when the object is known not to be there.
pub(super) fn decide(
    me: &str,
    leads: bool,
    known: Option<&Observed>,
    gone: Option<Moment>,
    timing: &Timing,
    now: Moment,
) -> Decision {
    let ours = known.is_some_and(|known| known.record.holder.as_deref() == Some(me));
    if let Some(since) = gone {
        // If somebody deleted it, its holder does not know yet, and makes it anew; whoever it is. So a first
        // leader waits once, when there has never been a lease.
        let ends = since + timing.lease;
        return if (leads && ours) || now >= ends { Decision::Create } else { Decision::Wait(ends) };
    }
    match known {
        Some(_) if ours && leads => Decision::Renew,
        Some(known) if !ours && known.record.holder.is_some() && now < known.ends(timing) => {
            Decision::Wait(known.ends(timing))
        }
        Some(_) => Decision::Take,
        None => Decision::Create,
    }
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read the object.
    Read,
    /// Make it.
    Create,
    /// Write it, in the version that was last seen, as its new holder.
    Take,
    /// Write it, in the version that was last seen.
    Renew,
    /// Nothing until then.
    Wait(Moment),
}

/// One replica in the election.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    me: String,
    timing: Timing,
    known: Option<Observed>,
    /// Since when it is known not to be there.
    gone: Option<Moment>,
    /// When it was last read or written, as far as we know.
    looked: Moment,
    /// Whether it has to be read before it is written.
    stale: bool,
    /// Leads until then.
    until: Option<Moment>,
    next: Moment,
}

impl Candidate {
    /// One that knows nothing yet. `me` must be no other process's name, now or ever.
    pub(super) fn new(me: String, timing: Timing) -> Self {
        Self {
            me,
            timing,
            known: None,
            gone: None,
            looked: Moment::default(),
            stale: true,
            until: None,
            next: Moment::default(),
        }
    }

    /// Its name.
    pub(super) fn me(&self) -> &str {
        &self.me
    }

    /// Until when it leads, if it does.
    pub(super) fn leads(&self, now: Moment) -> Option<Moment> {
        self.until.filter(|until| now < *until)
    }

    /// Who has the lease, as far as it is known.
    pub(super) fn holder(&self) -> Option<&str> {
        self.known.as_ref()?.record.holder.as_deref()
    }

    /// What to do now.
    pub(super) fn step(&mut self, now: Moment) -> Step {
        self.until = self.leads(now);
        // Not beyond its own end, which has to be noticed.
        let next = self.until.map_or(self.next, |until| until.min(self.next));
        if now < next {
            return Step::Wait(next);
        }
        // Whoever stood still for a while knows nothing any more. (A leader's own write is as good as a look.)
        if self.stale || now.since(self.looked) > self.timing.longest_gap() {
            return Step::Read;
        }
        match self.decide(now) {
            Decision::Create => Step::Create,
            Decision::Take => Step::Take,
            Decision::Renew => Step::Renew,
            Decision::Wait(_) => Step::Read,
        }
    }

    fn decide(&self, now: Moment) -> Decision {
        decide(&self.me, self.leads(now).is_some(), self.known.as_ref(), self.gone, &self.timing, now)
    }

    /// The object as it is, `None` if it is not there; `now` is when the answer had come. `chance`, of 0 to 1,
    /// keeps those who wait from asking in step.
    pub(super) fn read(&mut self, now: Moment, found: Option<Record>, chance: f64) {
        self.stale = false;
        self.gone = match (found.is_some(), self.gone) {
            (true, _) => None,
            (false, Some(since)) if now.since(self.looked) <= self.timing.longest_gap() => Some(since),
            (false, _) => Some(now),
        };
        self.looked = now;
        if let Some(record) = found
            && self.known.as_ref().is_none_or(|known| known.record != record)
        {
            self.known = Some(Observed { record, seen: now });
        }
        self.next = match self.decide(now) {
            Decision::Create | Decision::Take | Decision::Renew => now,
            Decision::Wait(ends) => {
                self.until = None;
                self.stale = true;
                ends.min(now + self.pause(chance))
            }
        };
    }

    /// Our write came through; `began` is when it was sent.
    pub(super) fn wrote(&mut self, began: Moment, record: Record) {
        self.known = Some(Observed { record, seen: began });
        (self.gone, self.stale, self.looked) = (None, false, began);
        self.until = Some(began + self.timing.hold);
        self.next = began + self.timing.renew;
    }

    /// Our write was refused: the object is another, or gone.
    pub(super) fn refused(&mut self, now: Moment) {
        self.stale = true;
        self.next = now;
    }

    /// There was no answer, or none that says anything: what was sent may have been done or not.
    pub(super) fn failed(&mut self, now: Moment, chance: f64) {
        self.stale = true;
        self.next = now + if self.leads(now).is_some() { self.timing.again } else { self.pause(chance) };
    }

    /// It leads no more, because it does not want to. Whether the lease is its own to give back, in the version
    /// that is known.
    pub(super) fn resign(&mut self) -> bool {
        self.until = None;
        self.holder() == Some(self.me.as_str())
    }

    fn pause(&self, chance: f64) -> Duration {
        self.timing.look.mul_f64(chance.clamp(0.0, 1.0).mul_add(0.2, 0.8))
    }
}
