//! What no plugin may connect to besides what every address says of itself, as it becomes known: the API server, and the
//! process's own ports at the machine's own addresses.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::address::{Forbidden, plain};
use super::own;

/// A machine has its addresses for long, a pod for life; new connections are made much more often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// For all plugins.
#[derive(Debug)]
pub(super) struct Denied {
    /// The API server's, known from the start, for good.
    always: Vec<SocketAddr>,
    known: RwLock<Known>,
}

#[derive(Debug)]
struct Known {
    now: Arc<Forbidden>,
    /// When this machine was last asked for its addresses.
    looked: Option<Instant>,
}

impl Denied {
    pub(super) fn new(always: Vec<SocketAddr>) -> Self {
        let now = Forbidden { api_server: always.clone(), ..Forbidden::default() };
        Self { always, known: RwLock::new(Known { now: Arc::new(now), looked: None }) }
    }

    /// These of the API server besides those of the start, and no others.
    pub(super) fn set(&self, also: impl IntoIterator<Item = SocketAddr>) {
        let api_server = self.always.iter().copied().chain(also).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let now = Forbidden { api_server, ..(*known.now).clone() };
        known.is(now);
    }

    /// Where this process listens, and nowhere else.
    pub(super) fn listens_at(&self, listening: Vec<SocketAddr>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let now = Forbidden { listening, ..(*known.now).clone() };
        known.is(now);
        known.look(own::addresses);
    }

    /// As they are now: the same list until they change.
    pub(super) fn now(&self) -> Arc<Forbidden> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if !known.is_stale() {
                return known.now.clone();
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.is_stale() {
            known.look(own::addresses);
        }
        known.now.clone()
    }
}

impl Known {
    /// Addresses matter where somebody listens.
    fn is_stale(&self) -> bool {
        !self.now.listening.is_empty() && self.looked.is_none_or(|looked| looked.elapsed() > LOOK_AGAIN)
    }

    fn look(&mut self, addresses: impl FnOnce() -> HashSet<IpAddr>) {
        let own = addresses().into_iter().map(plain).collect();
        self.looked = Some(Instant::now());
        let now = Forbidden { own, ..(*self.now).clone() };
        self.is(now);
    }

    fn is(&mut self, now: Forbidden) {
        if *self.now != now {
            self.now = Arc::new(now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_denied_changes_and_the_start_s_stay() {
        let denied = Denied::new(vec![address("10.96.0.1:443")]);
        denied.set([address("10.0.0.1:6443"), address("10.0.0.2:6443")]);
        let expected = ["10.96.0.1:443", "10.0.0.1:6443", "10.0.0.2:6443"].map(address);
        assert_eq!(denied.now().api_server, expected);
        denied.set([address("10.0.0.3:6443")]);
        assert_eq!(denied.now().api_server, ["10.96.0.1:443", "10.0.0.3:6443"].map(address));
        let before = denied.now();
        denied.set([address("10.0.0.3:6443")]);
        assert!(Arc::ptr_eq(&before, &denied.now()), "nothing changed");
    }

    #[test]
    fn own_addresses_are_looked_at_where_somebody_listens_and_again_later() {
        let now = Forbidden { listening: vec![address("0.0.0.0:8080")], ..Forbidden::default() };
        let mut known = Known { now: Arc::new(now), looked: None };
        assert!(known.is_stale());
        let own =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<HashSet<IpAddr>>();
        known.look(|| own(&["10.244.1.7", "fd00::7"]));
        assert!(!known.is_stale());
        assert_eq!(known.now.own, own(&["10.244.1.7", "fd00::7"]));
        let before = known.now.clone();
        known.look(|| own(&["fd00::7", "10.244.1.7"]));
        assert!(Arc::ptr_eq(&before, &known.now), "nothing changed, so connections stay");
        known.look(|| own(&["10.244.1.8"]));
        assert_eq!(known.now.own, own(&["10.244.1.8"]));
        assert!(!Denied::new(Vec::new()).known.read().unwrap().is_stale(), "nobody listens");
    }
}
