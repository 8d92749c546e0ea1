//! What an ExternalSecret's annotations say, and the record of what is leased: the time, the rotation's policy and
//! interval, when a replaced lease is revoked, workloads to restart and other options in lines, the record behind them.
//!
//! Holds: a record is written as it is read; no more is revoked than is ever written; names of workloads can stand in a
//! path; whatever a record says, there is an answer to what is due.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::lease::{self, Due, Lives, Policy, Record};
use claviger_core::names::{
    ANNOTATION_PARTIAL_SYNC, ANNOTATION_RENDER, ANNOTATION_REVOKE_SUPERSEDED, ANNOTATION_ROLLOUT,
    ANNOTATION_ROLLOUT_SELECTOR, ANNOTATION_ROTATION_INTERVAL, ANNOTATION_ROTATION_POLICY,
};
use claviger_core::options::Options;
use claviger_core::rollout::Targets;
use jiff::Timestamp;

use crate::input::{lines, text};

/// Leases that a record keeps to be revoked.
const RETIRED: usize = 32;

/// See the module.
pub fn run(data: &[u8]) {
    let ([now, policy, interval, revoke, rollout, options], rest) = lines(data);
    let annotations: BTreeMap<String, String> = [
        (ANNOTATION_ROTATION_POLICY, policy),
        (ANNOTATION_ROTATION_INTERVAL, interval),
        (ANNOTATION_REVOKE_SUPERSEDED, revoke),
        (ANNOTATION_ROLLOUT, rollout),
        (ANNOTATION_ROLLOUT_SELECTOR, options),
        (ANNOTATION_PARTIAL_SYNC, options),
        (ANNOTATION_RENDER, options),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let _ = Options::parse(&annotations);
    if let Ok(targets) = Targets::parse(&annotations) {
        for (_, name) in &targets.named {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
            assert!(name.bytes().all(plain) && !name.starts_with('.'), "{name:?} leads elsewhere");
        }
    }
    let now = now.parse().ok().and_then(|now| Timestamp::from_millisecond(now).ok());
    let (Some(now), Some(record)) = (now, Record::parse(text(rest))) else { return };
    assert!(record.retired.len() <= RETIRED);
    let written = record.text();
    assert_eq!(Record::parse(&written).as_ref(), Some(&record), "{written}");
    let policy = Policy::parse(&annotations).unwrap_or_default();
    let mut lives = Lives::new();
    for _ in 0..2 {
        if let Due::At(at) = lease::due(&record, &lives, &policy, lease::spread("uid"), now) {
            assert!(at > now, "{at} was due at {now}");
        }
        let _ = lease::meanwhile(&record, &lives, lease::spread("uid"), now);
        let renewed: Vec<_> = lease::to_renew(&record, &lives, lease::spread("uid"), now).cloned().collect();
        for held in &renewed {
            let Some(answer) = &held.lease else { continue };
            let live = lease::renewed(held, lives.get(&answer.id).copied(), answer.duration, answer, now);
            let _ = lease::try_again(held, Some(live), now);
            lives.insert(answer.id.clone(), live);
        }
    }
    let (ripe, next) = lease::to_revoke(&record, &BTreeSet::new(), false, now);
    assert!(ripe.len() <= RETIRED && next.is_none_or(|next| next > now));
    let (held, retired) = (record.held.len(), record.retired.len());
    assert!(Record::retire(record.retired.clone(), now).len() <= RETIRED);
    assert_eq!(record.all().len(), held + retired);
}
