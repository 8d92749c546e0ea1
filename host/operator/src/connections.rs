//! Who gives way when there are too many connections at a port without a login.
//!
//! The newest is not refused as a rule: whoever opens connections and says nothing would keep the API server or the kubelet
//! out. One of those ends who have most, so that one address cannot push out another that keeps a few. Only where all
//! connections of that address are being answered, its own newest ends: those that wait for longest are next, and if they
//! ended, none of a crowd would ever be answered. What is said on a connection is not looked at.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::task::AbortHandle;

/// What a connection is at, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Doing {
    answering: bool,
    since: Instant,
}

/// Of one connection: its own task says what it is at.
#[derive(Clone, Debug)]
pub(crate) struct Mark(Arc<Mutex<Doing>>);

impl Mark {
    /// A connection that has come and asked nothing.
    pub(crate) fn idle() -> Self {
        Self(Arc::new(Mutex::new(Doing { answering: false, since: Instant::now() })))
    }

    /// A request is being answered, until what this gives is dropped.
    pub(crate) fn answering(&self) -> Answering {
        self.set(true);
        Answering(self.clone())
    }

    fn set(&self, answering: bool) {
        let doing = Doing { answering, since: Instant::now() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }

    fn get(&self) -> Doing {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Mark::answering`].
#[derive(Debug)]
pub(crate) struct Answering(Mark);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

struct Open {
    peer: IpAddr,
    mark: Mark,
    task: AbortHandle,
}

/// Those of one port. Its accepting loop has it.
pub(crate) struct Connections {
    most: usize,
    open: Vec<Open>,
}

impl Connections {
    /// None yet, and at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Vec::new() }
    }

    /// One more, whose task runs already: if there are too many, another ends.
    pub(crate) fn add(&mut self, peer: IpAddr, mark: Mark, task: AbortHandle) {
        self.open.retain(|open| !open.task.is_finished());
        // One address has one name, whichever socket it came by.
        let peer = peer.to_canonical();
        while self.open.len() >= self.most {
            let doing: Vec<_> = self.open.iter().map(|open| (open.peer, open.mark.get())).collect();
            let Some(victim) = victim(&doing, peer) else { return task.abort() };
            self.open.swap_remove(victim).task.abort();
        }
        self.open.push(Open { peer, mark, task });
    }
}

/// Of the address that has most: the one that has been idle for the longest time, or answered for the longest; none if all
/// of them are being answered, and the one that comes is of it too.
fn victim(open: &[(IpAddr, Doing)], comes: IpAddr) -> Option<usize> {
    let mut counts: HashMap<IpAddr, usize> = HashMap::new();
    for (peer, _) in open {
        *counts.entry(*peer).or_default() += 1;
    }
    let order =
        |(peer, doing): &(IpAddr, Doing)| (counts.get(peer).copied(), !doing.answering, Reverse(doing.since));
    let (index, (peer, doing)) = open.iter().enumerate().max_by_key(|(_, each)| order(each))?;
    (!doing.answering || *peer != comes).then_some(index)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_has_most_gives_way_and_the_oldest_idle_one_first() {
        let start = Instant::now();
        let each = |peer: &str, answering: bool, second: u64| {
            (peer.parse().unwrap(), Doing { answering, since: start + Duration::from_secs(second) })
        };
        let (a, b, other) = ("10.0.0.1", "10.0.0.2", "10.0.0.3");
        let cases = [
            ("none", vec![], None),
            ("the oldest", vec![each(a, false, 2), each(a, false, 1), each(a, false, 3)], Some(1)),
            ("an idle one before a busy one", vec![each(a, true, 1), each(a, false, 2)], Some(1)),
            ("a busy one for another's, if all are", vec![each(b, true, 2), each(b, true, 1)], Some(1)),
            ("its own newest, if all are busy", vec![each(a, true, 2), each(a, true, 1)], None),
            (
                "who has most, however old another's is",
                vec![each(b, false, 0), each(other, true, 5), each(other, true, 6)],
                Some(1),
            ),
        ];
        for (what, open, expected) in cases {
            assert_eq!(victim(&open, a.parse().unwrap()), expected, "{what}");
        }
    }

    #[tokio::test]
    async fn there_are_no_more_than_that_and_those_that_ended_do_not_count() {
        let mut tasks = tokio::task::JoinSet::new();
        let mut connections = Connections::new(2);
        let peer: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let first = tasks.spawn(std::future::pending::<u8>());
        connections.add(peer, Mark::idle(), first);
        let busy = Mark::idle();
        let answering = busy.answering();
        connections.add(peer, busy, tasks.spawn(std::future::pending()));
        connections.add("10.0.0.1".parse().unwrap(), Mark::idle(), tasks.spawn(async { 3 }));
        assert!(tasks.join_next().await.unwrap().is_err_and(|error| error.is_cancelled()), "the idle one");
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), 3);
        drop(answering);
        connections.add(peer, Mark::idle(), tasks.spawn(async { 4 }));
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), 4, "there was room");
        assert_eq!(tasks.len(), 1, "the second goes on");
        tasks.abort_all();
    }
}
