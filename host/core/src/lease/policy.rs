//! What an ExternalSecret's annotations say about rotation: the seed's two, and our own for what becomes of the
//! credential that was replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::duration::parse_go;
use crate::names::{ANNOTATION_REVOKE_SUPERSEDED, ANNOTATION_ROTATION_INTERVAL, ANNOTATION_ROTATION_POLICY};

/// Shorter ones would make credentials faster than applications can take them up.
const SHORTEST: Duration = Duration::from_secs(1);

/// When credentials are made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// When their life asks for it, and at the interval if one is given (`automatic`, and without the annotation).
    #[default]
    Automatic,
    /// At each refresh, as ESO's generators.
    EveryRefresh,
}

/// What becomes of a replaced credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Superseded {
    /// It runs out.
    #[default]
    RunsOut,
    /// It is revoked that long after it was replaced.
    RevokedAfter(Duration),
    /// It is revoked when the workloads restarted for its successor run.
    RevokedAfterRollout,
}

/// What the annotations say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// When to rotate.
    pub rotation: Rotation,
    /// The longest life of a credential.
    pub interval: Option<Duration>,
    /// What becomes of the last one.
    pub superseded: Superseded,
}

/// An annotation that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("annotation {annotation}: {why}")]
pub struct PolicyError {
    /// Which.
    pub annotation: &'static str,
    /// What is wrong, with what would be right.
    pub why: String,
}

impl Policy {
    /// Reads annotations.
    ///
    /// # Errors
    /// The first that cannot be meant.
    pub fn parse(annotations: &BTreeMap<String, String>) -> Result<Self, PolicyError> {
        let text = |name: &str| annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let wrong =
            |annotation, why: &dyn std::fmt::Display| PolicyError { annotation, why: why.to_string() };
        let rotation = match text(ANNOTATION_ROTATION_POLICY) {
            None | Some("automatic") => Rotation::Automatic,
            Some("every-refresh") => Rotation::EveryRefresh,
            Some(_) => {
                return Err(wrong(ANNOTATION_ROTATION_POLICY, &"it is automatic or every-refresh"));
            }
        };
        let interval = match text(ANNOTATION_ROTATION_INTERVAL) {
            None => None,
            Some(text) => {
                let interval = parse(text).map_err(|why| wrong(ANNOTATION_ROTATION_INTERVAL, &why))?;
                if interval < SHORTEST {
                    return Err(wrong(ANNOTATION_ROTATION_INTERVAL, &"it is at least 1s"));
                }
                Some(interval)
            }
        };
        let superseded = match text(ANNOTATION_REVOKE_SUPERSEDED) {
            None => Superseded::RunsOut,
            Some("rollout") => Superseded::RevokedAfterRollout,
            Some(text) => {
                let why = |_| {
                    wrong(ANNOTATION_REVOKE_SUPERSEDED, &"it is a duration (such as 5m or 1d), or rollout")
                };
                Superseded::RevokedAfter(parse(text).map_err(why)?)
            }
        };
        Ok(Self { rotation, interval, superseded })
    }
}

/// A Go duration, or whole days before one (`30d`, `1d12h`), as the seed writes them.
fn parse(text: &str) -> Result<Duration, String> {
    let said = |error: &dyn std::fmt::Display| format!("{error}; whole days can be given as 30d");
    let (days, rest) = match text.split_once('d') {
        Some((days, rest)) if !days.is_empty() && days.bytes().all(|byte| byte.is_ascii_digit()) => {
            (days, rest)
        }
        _ => return parse_go(text).map_err(|error| said(&error)),
    };
    let days = days.parse::<u32>().map_err(|_| said(&"the duration is too long"))?;
    let days =
        Duration::from_secs(86_400).checked_mul(days).ok_or_else(|| said(&"the duration is too long"))?;
    let rest = if rest.is_empty() { Duration::ZERO } else { parse_go(rest).map_err(|error| said(&error))? };
    Ok(days + rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn policy(pairs: &[(&str, &str)]) -> Result<Policy, PolicyError> {
        Policy::parse(&pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn the_seeds_annotations() {
        let seed = policy(&[
            ("external-secrets.io/rotation-policy", "automatic"),
            ("external-secrets.io/rotation-interval", "30d"),
        ]);
        let month = Duration::from_secs(30 * 86_400);
        assert_eq!(seed.unwrap(), Policy { interval: Some(month), ..Policy::default() });
        assert_eq!(policy(&[]).unwrap(), Policy::default());
        assert_eq!(
            policy(&[("external-secrets.io/rotation-policy", "every-refresh")]).unwrap().rotation,
            Rotation::EveryRefresh
        );
    }

    #[test]
    fn durations_with_days() {
        for (text, seconds) in [("90m", 5_400), ("1d12h", 129_600), ("2d", 172_800), ("1s", 1)] {
            let found = policy(&[("external-secrets.io/rotation-interval", text)]).unwrap();
            assert_eq!(found.interval, Some(Duration::from_secs(seconds)), "{text}");
        }
        for (text, superseded) in [
            ("5m", Superseded::RevokedAfter(Duration::from_secs(300))),
            ("0s", Superseded::RevokedAfter(Duration::ZERO)),
            ("rollout", Superseded::RevokedAfterRollout),
            ("", Superseded::RunsOut),
        ] {
            let found = policy(&[("claviger.io/revoke-superseded-after", text)]).unwrap();
            assert_eq!(found.superseded, superseded, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (name, text, said) in [
            ("external-secrets.io/rotation-policy", "weekly", "automatic or every-refresh"),
            ("external-secrets.io/rotation-interval", "30", "needs units"),
            ("external-secrets.io/rotation-interval", "0s", "at least 1s"),
            ("external-secrets.io/rotation-interval", "99999999999d", "too long"),
            ("external-secrets.io/rotation-interval", "1d1", "needs units"),
            ("external-secrets.io/rotation-interval", "-1d", "negative"),
            ("claviger.io/revoke-superseded-after", "soon", "or rollout"),
        ] {
            let error = policy(&[(name, text)]).unwrap_err();
            assert_eq!(error.annotation, name, "{text}");
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
