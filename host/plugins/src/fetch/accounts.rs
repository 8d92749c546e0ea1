//! Limits of backend accounts: how many calls at once, and for how long none.
//!
//! An account is a backend and who logs in there; what it limits, it limits for all stores that use it. The
//! number of calls at once falls by half when the backend says "slow down" and rises by one for each round
//! that went well, as TCP does: after a pause the thousand that waited do not all come at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Calls of one account at once, at best. A backend that bears more is not faster for it: the operator
/// reconciles ten objects at a time, twenty at most, and a batch is one call.
const MOST: f64 = 32.0;
/// A backend that asks for patience is left alone at most so long before it is tried again.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Where it says "slow down" and not for how long.
const DEFAULT_PAUSE: Duration = Duration::from_secs(2);
/// Accounts that are remembered. Each is some 200 bytes. Credentials come and go, and each is another account.
const MAX_ACCOUNTS: usize = 10_000;
/// What is not used for so long is forgotten: a limit is over by then.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Between two searches for those.
const SWEEP: Duration = Duration::from_secs(30);

/// What is known of one. Pure: time is given.
#[derive(Debug)]
struct Limits {
    window: f64,
    flying: u32,
    paused_until: Option<Instant>,
    used: Instant,
}

impl Limits {
    fn new(now: Instant) -> Self {
        Self { window: MOST, flying: 0, paused_until: None, used: now }
    }

    fn paused(&self, now: Instant) -> Option<Duration> {
        self.paused_until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    fn enter(&mut self, now: Instant) -> bool {
        self.used = now;
        let free = f64::from(self.flying) + 1.0 <= self.window;
        if free {
            self.flying += 1;
        }
        free
    }

    fn leave(&mut self, outcome: Outcome, now: Instant) {
        self.flying = self.flying.saturating_sub(1);
        match outcome {
            Outcome::Answered => self.window = (self.window + 1.0 / self.window).min(MOST),
            Outcome::Limited(wish) => {
                // What was under way when the backend began to limit is one event, not thirty.
                if self.paused(now).is_none() {
                    self.window = (self.window / 2.0).max(1.0);
                }
                let until = now + wish.unwrap_or(DEFAULT_PAUSE).min(MAX_PAUSE);
                self.paused_until = self.paused_until.max(Some(until));
            }
            Outcome::Unknown => {}
        }
    }

    /// Whether there is nothing to remember.
    fn over(&self, now: Instant) -> bool {
        self.flying == 0 && now.saturating_duration_since(self.used) >= FORGOTTEN
    }
}

/// How a call ended, as far as limits go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Answered,
    /// The backend limits, perhaps for a time that it names.
    Limited(Option<Duration>),
    /// It was cancelled, or did not get that far.
    Unknown,
}

struct Account {
    limits: Mutex<Limits>,
    freed: Notify,
}

/// All accounts.
#[derive(Default)]
pub(super) struct Accounts {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    accounts: HashMap<Arc<str>, Arc<Account>>,
    swept: Option<Instant>,
}

/// A call's place. Dropped, it is free again.
pub(super) struct Place {
    account: Arc<Account>,
    outcome: Outcome,
}

impl Place {
    pub(super) fn ended(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut limits = self.account.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.leave(self.outcome, Instant::now());
        drop(limits);
        // A window that has grown may have room for more than the one that left.
        self.account.freed.notify_one();
        self.account.freed.notify_one();
    }
}

impl Accounts {
    /// Waits for a place.
    ///
    /// # Errors
    /// How long the account is to be left alone, if it limits: nobody waits that long here.
    pub(super) async fn enter(&self, account: &Arc<str>) -> Result<Place, Duration> {
        let account = self.find(account);
        loop {
            // Before looking, so that whoever leaves in between is heard.
            let freed = account.freed.notified();
            {
                let mut limits = account.limits.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(left) = limits.paused(Instant::now()) {
                    // Those behind us should hear it too.
                    account.freed.notify_one();
                    return Err(left);
                }
                if limits.enter(Instant::now()) {
                    drop(limits);
                    return Ok(Place { account: account.clone(), outcome: Outcome::Unknown });
                }
            }
            freed.await;
        }
    }

    fn find(&self, name: &Arc<str>) -> Arc<Account> {
        let now = Instant::now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.accounts.get(name) {
            return account.clone();
        }
        known.make_room(now);
        let account = Arc::new(Account { limits: Mutex::new(Limits::new(now)), freed: Notify::new() });
        known.accounts.insert(name.clone(), account.clone());
        account
    }
}

impl Known {
    fn make_room(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP) {
            self.swept = Some(now);
            self.retain(|limits| !limits.over(now));
        }
        if self.accounts.len() < MAX_ACCOUNTS {
            return;
        }
        // Full of what was used lately: the older half goes, with what is known of it.
        let mut used: Vec<Instant> = Vec::with_capacity(self.accounts.len());
        self.retain(|limits| {
            used.push(limits.used);
            true
        });
        used.sort();
        if let Some(middle) = used.get(used.len() / 2).copied() {
            self.retain(|limits| limits.flying > 0 || limits.used > middle);
        }
    }

    fn retain(&mut self, mut keep: impl FnMut(&Limits) -> bool) {
        self.accounts
            .retain(|_, account| keep(&account.limits.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_halves_once_for_what_was_under_way_and_grows_by_one_a_round() {
        let (mut limits, now) = (Limits::new(Instant::now()), Instant::now());
        for _ in 0..32 {
            assert!(limits.enter(now));
        }
        assert!(!limits.enter(now), "that many and no more");
        for _ in 0..32 {
            limits.leave(Outcome::Limited(Some(Duration::from_secs(10))), now);
        }
        assert_eq!(limits.window, 16.0);
        assert_eq!(limits.paused(now), Some(Duration::from_secs(10)));
        let later = now + Duration::from_secs(11);
        assert_eq!(limits.paused(later), None);
        for _ in 0..16 {
            assert!(limits.enter(now));
        }
        assert!(!limits.enter(now));
        for _ in 0..16 {
            limits.leave(Outcome::Answered, later);
        }
        assert!((16.9..17.1).contains(&limits.window), "{}", limits.window);
    }

    #[test]
    fn it_never_closes_for_good() {
        let (mut limits, mut now) = (Limits::new(Instant::now()), Instant::now());
        for _ in 0..20 {
            assert!(limits.enter(now));
            limits.leave(Outcome::Limited(Some(Duration::from_secs(86_400))), now);
            let left = limits.paused(now).unwrap_or_default();
            assert!(left <= MAX_PAUSE, "{left:?}");
            now += left;
        }
        assert!(limits.window >= 1.0 && limits.enter(now));
    }

    #[tokio::test]
    async fn who_waits_for_a_place_hears_of_a_pause() {
        let (accounts, name) = (Arc::new(Accounts::default()), Arc::<str>::from("a"));
        let mut places = Vec::new();
        for _ in 0..32 {
            places.extend(accounts.enter(&name).await);
        }
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let (accounts, name) = (accounts.clone(), name.clone());
                tokio::spawn(async move { accounts.enter(&name).await.is_ok() })
            })
            .collect();
        tokio::task::yield_now().await;
        let other = accounts.enter(&Arc::from("b")).await;
        assert!(other.is_ok(), "another account is not full");
        if let Some(place) = places.pop() {
            place.ended(Outcome::Limited(None));
        }
        for waiting in waiting {
            assert!(matches!(waiting.await, Ok(false)));
        }
    }

    #[tokio::test]
    async fn a_place_that_is_dropped_is_free() {
        let (accounts, name) = (Accounts::default(), Arc::<str>::from("a"));
        for _ in 0..100 {
            assert!(accounts.enter(&name).await.is_ok());
        }
        assert!(accounts.known.lock().is_ok_and(|known| known.accounts.len() == 1));
    }

    #[test]
    fn who_comes_and_goes_is_forgotten() {
        let accounts = Accounts::default();
        for n in 0..3 * MAX_ACCOUNTS {
            let account = accounts.find(&n.to_string().into());
            let mut limits = account.limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits.leave(Outcome::Limited(None), Instant::now());
        }
        let mut known = accounts.known.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(known.accounts.len() <= MAX_ACCOUNTS);
        known.make_room(Instant::now() + FORGOTTEN + SWEEP);
        assert!(known.accounts.is_empty());
    }
}
