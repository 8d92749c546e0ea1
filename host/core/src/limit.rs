//! How often somebody may ask: a bucket of tokens for each, and no more buckets than memory is set aside for. Pure, with a
//! clock that the caller brings.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How fast, and how much at once.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Tokens that a bucket holds.
    pub burst: f64,
    /// Tokens that come in a second.
    pub per_second: f64,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// Buckets by who asks.
pub struct Limits<K> {
    pace: Pace,
    most: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash> Limits<K> {
    /// None has asked; of at most `most` it is kept how often they do.
    pub fn new(pace: Pace, most: usize) -> Self {
        Self { pace, most, buckets: Mutex::default() }
    }

    /// Takes `cost` tokens of that bucket.
    ///
    /// # Errors
    /// How long it takes until there are as many; nothing is taken then.
    pub fn take(&self, who: K, cost: f64, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.most && !buckets.contains_key(&who) {
            // One that is full again is as one that was never there.
            buckets.retain(|_, bucket| self.tokens(bucket, now) < self.pace.burst);
            if buckets.len() >= self.most {
                return Err(Duration::from_secs(1));
            }
        }
        let bucket = buckets.entry(who).or_insert(Bucket { tokens: self.pace.burst, at: now });
        let tokens = self.tokens(bucket, now);
        // More than a bucket holds is what a full one holds.
        let cost = cost.min(self.pace.burst);
        if tokens < cost {
            *bucket = Bucket { tokens, at: now };
            return Err(Duration::from_secs_f64((cost - tokens) / self.pace.per_second));
        }
        *bucket = Bucket { tokens: tokens - cost, at: now };
        Ok(())
    }

    fn tokens(&self, bucket: &Bucket, now: Instant) -> f64 {
        let came = now.saturating_duration_since(bucket.at).as_secs_f64() * self.pace.per_second;
        (bucket.tokens + came).min(self.pace.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { burst: 3.0, per_second: 2.0 };

    #[test]
    fn a_bucket_fills_as_time_goes() {
        let limits = Limits::new(PACE, 8);
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        for _ in 0..3 {
            assert_eq!(limits.take("a", 1.0, start), Ok(()));
        }
        assert_eq!(limits.take("a", 1.0, start), Err(Duration::from_millis(500)));
        assert_eq!(limits.take("b", 1.0, start), Ok(()), "each has a bucket of its own");
        assert_eq!(limits.take("a", 1.0, at(500)), Ok(()));
        assert_eq!(limits.take("a", 2.0, at(1000)), Err(Duration::from_millis(500)));
        assert_eq!(limits.take("a", 3.0, at(60_000)), Ok(()), "it holds no more than a burst");
        assert_eq!(limits.take("a", 1.0, at(60_000)), Err(Duration::from_millis(500)));
        assert_eq!(limits.take("a", 99.0, at(90_000)), Ok(()), "what is dearer than a burst takes all of it");
        // A clock that goes back gives nothing and takes nothing.
        assert!(limits.take("a", 1.0, start).is_err());
    }

    #[test]
    fn there_are_no_more_buckets_than_that() {
        let limits = Limits::new(PACE, 2);
        let start = Instant::now();
        assert!(limits.take("a", 1.0, start).is_ok() && limits.take("b", 3.0, start).is_ok());
        assert!(limits.take("c", 1.0, start).is_err(), "no room");
        assert!(limits.take("a", 1.0, start).is_ok(), "who is known goes on");
        let later = start + Duration::from_secs(1);
        assert!(limits.take("c", 1.0, later).is_ok(), "a's is full again");
        assert!(limits.take("b", 3.0, later).is_err(), "b's is not");
    }
}
