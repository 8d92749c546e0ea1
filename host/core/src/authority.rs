//! When the webhook's own authority and its certificate are made, change and go: lives, and the next step.
//!
//! Certificates are known here by their fingerprint and their life only; who makes and reads them is the operator
//! (`webhook/authority`). One rule is above all: **nothing is served under an authority that the API server does not
//! know yet, and none is taken from the API server while something may be served under it.** So an authority is
//! published one overlap before it signs, and stays published one overlap after it has been replaced.

use jiff::{SignedDuration, Timestamp};

/// How long an authority lives. Long enough that its changes are rare, short enough that they are no event that nobody
/// remembers: one happens every eight months. A key that signs for longer would be worth stealing for longer.
pub const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How long a certificate lives that is served: it is replaced after two months, and the last month is for whoever has to
/// find out why it was not.
pub const SERVING_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long an authority is published before it signs, and after it has been replaced. API servers see the
/// configuration, and replicas the Secret, within a second, and within minutes when a watch has broken; a day outlasts a
/// control plane node or a replica that is cut off for a night. Nothing is lost by waiting: what signs meanwhile has a
/// third of its life left.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// How much earlier than now a certificate's life begins: an API server whose clock is behind takes it too.
pub const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// A fingerprint: SHA-256 of a certificate.
pub type Id = [u8; 32];

/// The time in which a certificate can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// X.509's notBefore.
    pub begin: Timestamp,
    /// X.509's notAfter.
    pub end: Timestamp,
}

impl Life {
    /// Of what is made now, to live that long.
    pub fn new(now: Timestamp, length: SignedDuration) -> Self {
        // Neither can be out of range within the times that a clock shows; if they are, the certificate is of no use.
        let begin = now.checked_sub(BACKDATE).unwrap_or(now);
        Self { begin, end: now.checked_add(length).unwrap_or(now) }
    }

    /// The same, that ends with another at the latest: nothing outlives who signed it.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self { end: self.end.min(other.end), ..self }
    }

    /// Whether it can be used now.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.begin <= now && now < self.end
    }

    /// Whether two thirds of it are over: time to see to what comes next.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let life = self.end.duration_since(self.begin);
        now.duration_since(self.begin) >= life / 3 * 2
    }
}

/// An authority's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Which it is.
    pub id: Id,
    /// When it can be used.
    pub life: Life,
}

/// A certificate that is served, with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serving {
    /// The authority that signed it.
    pub issuer: Id,
    /// When it can be used.
    pub life: Life,
    /// Whether it is for all names by which the webhook is asked.
    pub named: bool,
}

/// What the Secret holds of what can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// The authority that signs, with its key.
    pub signing: Option<Authority>,
    /// The one that will sign next, with its key.
    pub next: Option<Authority>,
    /// Authorities that sign no more, and are published as long as something may be served under them.
    pub retired: Vec<Authority>,
    /// What is served.
    pub serving: Option<Serving>,
    /// Since when `next` is known to be published; without a `next`, since when `signing` signs.
    pub since: Option<Timestamp>,
}

impl Held {
    /// What is served, if an API server that knows all authorities of the Secret takes it.
    fn serves(&self, now: Timestamp) -> Option<Serving> {
        let serving = self.serving.filter(|serving| serving.named && serving.life.holds(now))?;
        let mut authorities = self.signing.iter().chain(&self.next).chain(&self.retired);
        authorities.any(|a| a.id == serving.issuer && a.life.holds(now)).then_some(serving)
    }
}

/// Which authorities API servers go by, as the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The configuration cannot be read.
    Unknown,
    /// There is none: nobody asks the webhook.
    Nobody,
    /// These stand in every one of its webhooks.
    These(Vec<Id>),
}

impl Published {
    /// Whether something may be served under that authority.
    fn has(&self, id: Id) -> bool {
        match self {
            Self::Unknown => false,
            Self::Nobody => true,
            Self::These(ids) => ids.contains(&id),
        }
    }
}

/// What to do next with the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make an authority that will sign next, and have it published.
    Make,
    /// Note that the bundle is published as it is since now.
    Note,
    /// The next authority signs from now on: a certificate under it is served, and the one before it is retired.
    Promote,
    /// Serve another certificate under the authority that signs.
    Renew,
    /// These retired authorities leave.
    Forget(Vec<Id>),
    /// Nothing, for now.
    Rest,
}

/// What to do next. Done again and again it comes to rest: each step takes away its own reason.
pub fn decide(now: Timestamp, held: &Held, published: &Published) -> Step {
    let usable = |authority: Option<Authority>| authority.filter(|a| a.life.holds(now));
    let (signing, next) = (usable(held.signing), usable(held.next));
    let serving = held.serves(now);
    if let Some(signing) = signing {
        let own = serving.filter(|serving| serving.issuer == signing.id);
        match own {
            None if published.has(signing.id) => return Step::Renew,
            // One that ends with its authority cannot be made longer.
            Some(own) if own.life.is_due(now) && own.life.end < signing.life.end => return Step::Renew,
            _ => {}
        }
    }
    // A clock that was ahead when it was noted says nothing.
    let since = held.since.filter(|since| *since <= now);
    let long_enough = since.is_some_and(|since| now.duration_since(since) >= OVERLAP);
    match next {
        Some(next) if published.has(next.id) => {
            // Whoever serves nothing has nobody to wait for.
            if serving.is_none() || long_enough {
                return Step::Promote;
            }
            if since.is_none() {
                return Step::Note;
            }
        }
        Some(_) => {}
        None if signing.is_none_or(|signing| signing.life.is_due(now)) => return Step::Make,
        None => {}
    }
    let settled = next.is_none()
        && signing.is_some_and(|signing| serving.is_some_and(|serving| serving.issuer == signing.id));
    let leaving = |authority: &&Authority| authority.life.end <= now || settled && long_enough;
    let leaving: Vec<Id> = held.retired.iter().filter(leaving).map(|authority| authority.id).collect();
    if !leaving.is_empty() {
        return Step::Forget(leaving);
    }
    if settled && !held.retired.is_empty() && since.is_none() { Step::Note } else { Step::Rest }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Day 0 is 2026-01-01.
    fn day(n: f64) -> Timestamp {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        start + SignedDuration::from_secs_f64(n * 86_400.0)
    }

    fn authority(id: u8, begin: f64, end: f64) -> Authority {
        Authority { id: [id; 32], life: Life { begin: day(begin), end: day(end) } }
    }

    fn serving(issuer: u8, begin: f64, end: f64) -> Serving {
        Serving { issuer: [issuer; 32], life: Life { begin: day(begin), end: day(end) }, named: true }
    }

    fn these(ids: &[u8]) -> Published {
        Published::These(ids.iter().map(|id| [*id; 32]).collect())
    }

    #[test]
    fn the_next_step_follows_from_what_is_there() {
        use Published::{Nobody, Unknown};
        let fresh = Held {
            signing: Some(authority(1, 0.0, 365.0)),
            serving: Some(serving(1, 0.0, 90.0)),
            ..Held::default()
        };
        let alone = Held { next: Some(authority(2, 0.0, 365.0)), ..Held::default() };
        // Two thirds of 365 days are 243.3, of 90 days 60.
        let late = Held { serving: Some(serving(1, 230.0, 320.0)), ..fresh.clone() };
        let both = Held { next: Some(authority(2, 244.0, 609.0)), ..late.clone() };
        let noted = Held { since: Some(day(244.5)), ..both.clone() };
        let after = Held {
            signing: both.next,
            next: None,
            retired: vec![authority(1, 0.0, 365.0)],
            serving: Some(serving(2, 245.5, 335.5)),
            since: Some(day(245.5)),
        };
        let unnamed = Serving { named: false, ..serving(1, 0.0, 90.0) };
        let cases = [
            ("nothing is there", 0.0, Held::default(), Nobody, Step::Make),
            (
                "nothing is there, and another's authority is published",
                0.0,
                Held::default(),
                these(&[9]),
                Step::Make,
            ),
            ("made, not published yet", 0.0, alone.clone(), these(&[9]), Step::Rest),
            ("made, and who knows what is published", 0.0, alone.clone(), Unknown, Step::Rest),
            ("made and published: nobody waits", 0.0, alone.clone(), these(&[2]), Step::Promote),
            ("made, and nobody asks", 0.0, alone, Nobody, Step::Promote),
            ("all in order", 59.0, fresh.clone(), these(&[1]), Step::Rest),
            ("two thirds of the certificate", 61.0, fresh.clone(), these(&[1]), Step::Renew),
            ("the same, while the configuration cannot be read", 61.0, fresh.clone(), Unknown, Step::Renew),
            ("it has run out", 91.0, fresh.clone(), these(&[1]), Step::Renew),
            ("two thirds of the authority", 244.0, late.clone(), these(&[1]), Step::Make),
            ("the next is not published", 244.2, both.clone(), these(&[1]), Step::Rest),
            ("it is now", 244.5, both.clone(), these(&[1, 2]), Step::Note),
            ("less than a day ago", 245.4, noted.clone(), these(&[1, 2]), Step::Rest),
            ("a day ago", 245.5, noted.clone(), these(&[1, 2]), Step::Promote),
            ("a day ago, and somebody has taken it away", 245.5, noted.clone(), these(&[1]), Step::Rest),
            ("a day ago, and who knows", 245.5, noted.clone(), Unknown, Step::Rest),
            ("noted by a clock that was ahead", 244.4, noted, these(&[1, 2]), Step::Note),
            ("less than a day after", 246.4, after.clone(), these(&[1, 2]), Step::Rest),
            ("a day after", 246.5, after.clone(), these(&[1, 2]), Step::Forget(vec![[1; 32]])),
            (
                "a day after, and nobody noted when",
                246.5,
                Held { since: None, ..after.clone() },
                these(&[1, 2]),
                Step::Note,
            ),
            (
                "a retired one that has run out, while the next waits",
                367.0,
                Held { retired: vec![authority(1, 0.0, 365.0)], ..both.clone() },
                Unknown,
                Step::Forget(vec![[1; 32]]),
            ),
            (
                "something is served under a retired one",
                250.0,
                Held { serving: Some(serving(1, 230.0, 320.0)), ..after },
                these(&[1, 2]),
                Step::Renew,
            ),
            (
                "the service has another name",
                1.0,
                Held { serving: Some(unnamed), ..fresh.clone() },
                these(&[1]),
                Step::Renew,
            ),
            (
                "the certificate is gone",
                1.0,
                Held { serving: None, ..fresh.clone() },
                these(&[1]),
                Step::Renew,
            ),
            (
                "it is gone, and the bundle was emptied: published first",
                1.0,
                Held { serving: None, ..fresh.clone() },
                these(&[]),
                Step::Rest,
            ),
            (
                "the key that signs is gone: what it signed is still served while another is published",
                1.0,
                Held { signing: None, retired: vec![authority(1, 0.0, 365.0)], ..fresh.clone() },
                these(&[1]),
                Step::Make,
            ),
            (
                "another is published since an hour",
                1.0,
                Held {
                    signing: None,
                    next: Some(authority(2, 0.9, 366.0)),
                    retired: vec![authority(1, 0.0, 365.0)],
                    since: Some(day(0.95)),
                    ..fresh.clone()
                },
                these(&[1, 2]),
                Step::Rest,
            ),
            ("of a clock that is far ahead", -1.0, fresh, these(&[1]), Step::Make),
            (
                "a certificate that ends with its authority",
                360.0,
                Held {
                    serving: Some(serving(1, 270.0, 365.0)),
                    next: Some(authority(2, 244.0, 609.0)),
                    ..late
                },
                these(&[1]),
                Step::Rest,
            ),
            ("everything has run out", 800.0, Held { since: None, ..both }, these(&[1, 2]), Step::Make),
        ];
        for (what, at, held, published, expected) in cases {
            assert_eq!(decide(day(at), &held, &published), expected, "{what}");
        }
    }

    #[test]
    fn a_life_begins_before_it_is_given_and_ends_with_who_gave_it() {
        let life = Life::new(day(0.0), SERVING_LIFE);
        assert_eq!((life.begin, life.end), (day(-1.0 / 24.0), day(90.0)));
        assert!(life.holds(day(-0.04)) && !life.holds(day(-0.05)) && !life.holds(day(90.0)));
        assert!(!life.is_due(day(59.9)) && life.is_due(day(60.0)));
        let other = Life { begin: day(-300.0), end: day(65.0) };
        assert_eq!(life.within(other), Life { end: day(65.0), ..life });
    }
}
