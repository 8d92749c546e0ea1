//! When a leased credential is renewed, rotated, revoked.
//!
//! A lease is renewed at two thirds of its life, again and again. One that cannot be renewed, or whose renewal brought
//! less than was asked for, so that its maximum shows, is rotated at two thirds of that: the last third is for a
//! backend that is down, and for applications to take up the new one. With a credential all others of the same
//! ExternalSecret are rotated, since a template may have rendered them together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::policy::{Policy, Rotation};
use super::record::{Held, Record, Retired, Revoke};
use crate::provider::Lease;

/// Of a thousand parts of a life: two thirds.
const SHARE: u32 = 667;

/// By how many thousandths earlier at most: who got theirs together do not all come back together.
const SPREAD: u32 = 84;

/// What answers are rounded by.
const SLACK: Duration = Duration::from_secs(1);

/// A record further ahead than that was written by a clock that is ahead of ours, or ours was set back.
const SKEW: Duration = Duration::from_secs(5);

/// No credential is made anew before that: a life of a second would be a loop.
const LEAST: Duration = Duration::from_secs(1);

/// What renewing has told of a lease since the start of this process. It is not recorded: another process asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// When it was renewed.
    pub since: Timestamp,
    /// When the lease ends; none: not known to.
    pub lease_end: Option<Timestamp>,
    /// When its holder ends.
    pub holder_end: Option<Timestamp>,
    /// Whether it is not made longer than that any more.
    pub last: bool,
}

impl Live {
    /// It is not there any more, whatever was recorded.
    pub fn gone(now: Timestamp) -> Self {
        Self { since: now, lease_end: Some(now), holder_end: None, last: true }
    }

    /// It may not be renewed: it ends when it was going to.
    pub fn refused(held: &Held, before: Option<Self>, now: Timestamp) -> Self {
        let known = before.map_or(held.end(), Self::end);
        Self { since: now, lease_end: known, holder_end: None, last: true }
    }

    fn end(self) -> Option<Timestamp> {
        self.lease_end.into_iter().chain(self.holder_end).min()
    }
}

/// By lease id.
pub type Lives = BTreeMap<String, Live>;

/// What is to be done with what an ExternalSecret holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Everything is made anew.
    Rotate,
    /// What [`to_renew`] names is renewed.
    Renew,
    /// Nothing until then.
    At(Timestamp),
    /// Nothing ever.
    Nothing,
}

/// What a renewal came to: `asked` is the life that was asked for, `answer` what the backend says of the lease and
/// its holder.
pub fn renewed(held: &Held, before: Option<Live>, asked: Duration, answer: &Lease, now: Timestamp) -> Live {
    let after = |life: Duration| now.checked_add(life).ok();
    let capped = |life: Duration| !life.is_zero() && life.saturating_add(SLACK) < asked;
    let lease_end = if answer.duration.is_zero() { None } else { after(answer.duration) };
    let recorded = held.lease.as_ref().and_then(|lease| lease.holder.as_ref());
    // A holder that was not renewed ends when it was going to.
    let going_to = before.and_then(|before| before.holder_end).or_else(|| {
        let ttl = recorded.map(|holder| holder.ttl).filter(|ttl| !ttl.is_zero())?;
        held.issued.checked_add(ttl).ok()
    });
    // A periodic login gives its period each time, however much longer the lease is.
    let period = recorded.map(|holder| holder.ttl).filter(|ttl| !ttl.is_zero()).unwrap_or(asked).min(asked);
    let (holder_end, holder_capped) = match &answer.holder {
        Some(holder) if holder.renewable && !holder.ttl.is_zero() => {
            (after(holder.ttl), holder.ttl.saturating_add(SLACK) < period)
        }
        Some(holder) if holder.renewable => (None, false),
        _ => (going_to, true),
    };
    let by_holder = matches!((lease_end, holder_end), (Some(lease), Some(holder)) if holder < lease)
        || (lease_end.is_none() && holder_end.is_some());
    let last = !answer.renewable || if by_holder { holder_capped } else { capped(answer.duration) };
    Live { since: now, lease_end, holder_end, last }
}

/// What is due of it.
pub fn due(record: &Record, lives: &Lives, policy: &Policy, spread: u32, now: Timestamp) -> Due {
    let mut next: Vec<(Timestamp, Due)> = Vec::new();
    for held in &record.held {
        if let Some(at) = policy.interval.and_then(|interval| held.issued.checked_add(interval).ok()) {
            let ahead = held.issued.duration_since(now) > SignedDuration::try_from(SKEW).unwrap_or_default();
            next.push((if ahead { now } else { at }, Due::Rotate));
        }
        next.extend(of_life(held, lives, spread, now));
    }
    let made = record.held.iter().map(|held| held.issued).filter(|issued| *issued <= now);
    let least = made.filter_map(|issued| issued.checked_add(LEAST).ok()).max();
    let rotate = |(at, due): &(Timestamp, Due)| (least.map_or(*at, |least| (*at).max(least)), *due);
    let next: Vec<(Timestamp, Due)> = next.iter().map(rotate).collect();
    let ripe = |wanted: Due| next.iter().any(|(at, due)| *due == wanted && *at <= now);
    if ripe(Due::Rotate) {
        return Due::Rotate;
    }
    if ripe(Due::Renew) {
        return Due::Renew;
    }
    next.into_iter().map(|(at, _)| at).min().map_or(Due::Nothing, Due::At)
}

/// When to try again to renew or replace one where that could not be done: some twenty times until it ends, between
/// every five seconds and every five minutes. `None`: it has ended.
pub fn try_again(held: &Held, before: Option<Live>, now: Timestamp) -> Option<Timestamp> {
    const RANGE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
    /// Of one whose renewals another process may have made: when it ends, nobody knows until it is asked.
    const UNKNOWN: Duration = Duration::from_secs(30);
    let Some(end) = before.map_or(held.end(), Live::end) else { return now.checked_add(RANGE.1).ok() };
    let left = Duration::try_from(end.duration_since(now)).ok().filter(|left| !left.is_zero());
    let unknown = before.is_none() && held.lease.as_ref().is_some_and(|lease| lease.renewable);
    let wait = match left {
        Some(left) => (left / 20).clamp(RANGE.0, RANGE.1),
        None if unknown => UNKNOWN,
        None => return None,
    };
    now.checked_add(wait).ok()
}

/// When to look again at what is to be made anew and could not be: what can be renewed is renewed in its time, and the
/// rest is tried again before it ends.
pub fn meanwhile(record: &Record, lives: &Lives, spread: u32, now: Timestamp) -> Option<Timestamp> {
    let of = |held: &Held| match of_life(held, lives, spread, now)? {
        (at, Due::Renew) => Some(at).filter(|at| *at > now),
        _ => try_again(held, lives.get(&held.lease.as_ref()?.id).copied(), now),
    };
    record.held.iter().filter_map(of).min()
}

/// Which are to be renewed now.
pub fn to_renew<'a>(
    record: &'a Record,
    lives: &'a Lives,
    spread: u32,
    now: Timestamp,
) -> impl Iterator<Item = &'a Held> {
    let ripe =
        move |held: &Held| matches!(of_life(held, lives, spread, now), Some((at, Due::Renew)) if at <= now);
    record.held.iter().filter(move |held| ripe(held))
}

/// What its life asks for, and when.
fn of_life(held: &Held, lives: &Lives, spread: u32, now: Timestamp) -> Option<(Timestamp, Due)> {
    let lease = held.lease.as_ref()?;
    let live = lives.get(&lease.id).copied();
    let (since, end) = match live {
        Some(live) => (live.since, live.end()?),
        None => (held.issued, held.end()?),
    };
    // A lease that its holder does not outlive is renewed for nothing.
    let bound = lease.holder.as_ref().is_some_and(|holder| {
        !holder.renewable
            && !holder.ttl.is_zero()
            && (lease.duration.is_zero() || holder.ttl <= lease.duration)
    });
    let last = live.map_or(!lease.renewable || bound, |live| live.last);
    let (from, what) = if last { (held.issued, Due::Rotate) } else { (since, Due::Renew) };
    // How much of it is left cannot be told by this clock.
    if from.duration_since(now) > SignedDuration::try_from(SKEW).unwrap_or_default() {
        return Some((now, what));
    }
    Some((part(from, end, spread), what))
}

/// Two thirds of the way, or a little less.
fn part(from: Timestamp, to: Timestamp, spread: u32) -> Timestamp {
    let life = to.as_millisecond().saturating_sub(from.as_millisecond()).max(0);
    let share = i64::from(SHARE - spread.min(SPREAD));
    let at = from.as_millisecond().saturating_add(life / 1000 * share + life % 1000 * share / 1000);
    Timestamp::from_millisecond(at).unwrap_or(to)
}

/// By how many thousandths of its life whoever has that uid comes earlier.
pub fn spread(uid: &str) -> u32 {
    let digest = Sha256::digest(uid.as_bytes());
    digest.iter().take(2).fold(0, |sum, byte| sum << 8 | u32::from(*byte)) % SPREAD
}

/// Whether a refresh, for which nothing else is due, makes everything anew: by the policy; or because what a generator
/// made has neither an end nor an interval, and is made at each refresh as ESO does. (A key without a lease is read like
/// what is stored.)
pub fn at_refresh(record: &Record, policy: &Policy) -> bool {
    policy.rotation == Rotation::EveryRefresh
        || (policy.interval.is_none() && values(record).next().is_some())
}

/// When what generators made without an end was made. A refresh that is due only because nobody noted that one was, then,
/// does not make it again: whoever worked then died, or lost its connection, between the Secret and the status.
pub fn generated_at(record: &Record) -> Option<Timestamp> {
    values(record).map(|held| held.issued).max()
}

/// What generators made without an end.
fn values(record: &Record) -> impl Iterator<Item = &Held> {
    record.held.iter().filter(|held| held.lease.is_none() && held.is_generated())
}

/// What was replaced and is to be revoked now, and when the next is. `rolled_out`: whether the workloads that were
/// restarted for its successor run. `done`: ids that were revoked since the start of this process.
pub fn to_revoke<'a>(
    record: &'a Record,
    done: &BTreeSet<String>,
    rolled_out: bool,
    now: Timestamp,
) -> (Vec<&'a Retired>, Option<Timestamp>) {
    let (mut ripe, mut next) = (Vec::new(), None::<Timestamp>);
    for retired in &record.retired {
        let Some(lease) = &retired.held.lease else { continue };
        if done.contains(&lease.id) || record.is_over(retired, now) {
            continue;
        }
        match retired.revoke {
            Revoke::At(at) if at > now => next = Some(next.map_or(at, |next| next.min(at))),
            Revoke::AfterRollout if !rolled_out => {}
            Revoke::At(_) | Revoke::AfterRollout => ripe.push(retired),
        }
    }
    (ripe, next)
}

#[cfg(test)]
#[path = "due_tests.rs"]
mod tests;
