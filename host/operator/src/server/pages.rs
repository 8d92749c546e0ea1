//! The metrics page while it is being sent. With many objects it has tens of megabytes, and whoever asks for it need not
//! read it: so no more than a few are in memory, however many ask.
//!
//! A page that somebody else is being sent is sent again for a moment. Once nobody reads one, none is kept, so who asks
//! for one after the other always gets it as it is.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Pages that are being sent at once. With one more the oldest is cut off of those of the address that is sent most, as
/// connections are (`connections`): so whoever asks and does not read cuts off himself, and not a scraper.
const MAX_SENT: usize = 4;

/// How old a page may be that is sent to another too.
const SHARED: Duration = Duration::from_secs(1);

/// For a page to be taken in whole. Prometheus waits for 10 s by default.
const TO_READ: Duration = Duration::from_secs(60);

/// A page that one connection is sent. It lives as long as the bytes that the connection holds.
#[derive(Debug)]
struct Sent {
    text: Arc<String>,
    _ticket: Arc<Ticket>,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// By when a page has to be read, and by whom.
#[derive(Debug)]
struct Ticket {
    until: Instant,
    peer: IpAddr,
    reader: Arc<Notice>,
}

#[derive(Debug, Default)]
struct Notice {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    page: Weak<Ticket>,
    out: bool,
}

impl Notice {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }
}

/// Who is sent pages: one connection, one page after the other.
#[derive(Debug)]
pub(super) struct Reader {
    peer: IpAddr,
    notice: Arc<Notice>,
}

impl Reader {
    /// A connection from there.
    pub(super) fn new(peer: IpAddr) -> Self {
        Self { peer: peer.to_canonical(), notice: Arc::default() }
    }

    /// Comes when the connection has to end: it is the oldest of too many, or does not read.
    pub(super) async fn pushed_out(&self) {
        loop {
            let until = {
                let state = self.notice.state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.out {
                    return;
                }
                state.page.upgrade().map(|ticket| ticket.until)
            };
            match until {
                Some(until) if until <= Instant::now() => return,
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = self.notice.changed.notified() => {}
                },
                None => self.notice.changed.notified().await,
            }
        }
    }
}

/// Pages that are being sent.
#[derive(Debug)]
pub(super) struct Pages {
    /// See [`SHARED`].
    shared: Duration,
    /// See [`TO_READ`].
    to_read: Duration,
    /// Held while a page is made, so that one is made at a time.
    sending: tokio::sync::Mutex<Sending>,
}

#[derive(Debug, Default)]
struct Sending {
    latest: Option<(Instant, Weak<String>)>,
    /// The oldest first.
    tickets: Vec<Weak<Ticket>>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { shared: SHARED, to_read: TO_READ, sending: tokio::sync::Mutex::default() }
    }
}

impl Pages {
    /// A page for a reader: one that is a moment old, if somebody else is being sent it, and a new one otherwise.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) async fn page<E>(
        &self,
        reader: &Reader,
        make: impl FnOnce() -> Result<String, E>,
    ) -> Result<Bytes, E> {
        let mut sending = self.sending.lock().await;
        let now = Instant::now();
        let shared = match &sending.latest {
            Some((at, text)) if now.duration_since(*at) < self.shared => text.upgrade(),
            _ => None,
        };
        let mut live: Vec<Arc<Ticket>> = sending.tickets.iter().filter_map(Weak::upgrade).collect();
        while live.len() >= MAX_SENT {
            let peers: Vec<IpAddr> = live.iter().map(|ticket| ticket.peer).collect();
            let Some(victim) = victim(&peers) else { break };
            live.remove(victim).reader.change(|state| state.out = true);
        }
        sending.tickets = live.iter().map(Arc::downgrade).collect();
        drop(live);
        let text = match shared {
            Some(text) => text,
            None => {
                let text = Arc::new(make()?);
                sending.latest = Some((now, Arc::downgrade(&text)));
                text
            }
        };
        let ticket =
            Arc::new(Ticket { until: now + self.to_read, peer: reader.peer, reader: reader.notice.clone() });
        sending.tickets.push(Arc::downgrade(&ticket));
        reader.notice.change(|state| state.page = Arc::downgrade(&ticket));
        Ok(Bytes::from_owner(Sent { text, _ticket: ticket }))
    }
}

/// The oldest of the address that is sent most.
fn victim(peers: &[IpAddr]) -> Option<usize> {
    let of = |peer: &IpAddr| peers.iter().filter(|each| *each == peer).count();
    let most = peers.iter().map(of).max()?;
    peers.iter().position(|peer| of(peer) == most)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;

    use super::*;

    /// So long that a test is over before.
    const LONG: Duration = Duration::from_secs(3600);

    fn pages(shared: Duration, to_read: Duration) -> Pages {
        Pages { shared, to_read, ..Pages::default() }
    }

    fn reader() -> Reader {
        Reader::new(Ipv4Addr::LOCALHOST.into())
    }

    #[test]
    fn who_is_sent_most_is_cut_off() {
        let peers =
            |last: &[u8]| -> Vec<IpAddr> { last.iter().map(|last| [10, 0, 0, *last].into()).collect() };
        for (last, expected) in [
            (&[][..], None),
            (&[1], Some(0)),
            (&[1, 2, 2], Some(1)),
            (&[1, 2, 3], Some(0)),
            (&[1, 2, 1, 2, 2], Some(1)),
        ] {
            assert_eq!(victim(&peers(last)), expected, "{last:?}");
        }
    }

    /// A page with the number of pages that were made before it.
    async fn page(pages: &Pages, reader: &Reader, made: &AtomicUsize) -> Bytes {
        let make = || Ok::<_, Infallible>(made.fetch_add(1, Ordering::SeqCst).to_string());
        pages.page(reader, make).await.unwrap()
    }

    #[tokio::test]
    async fn a_page_is_shared_while_it_is_being_sent_and_for_a_moment() {
        let made = AtomicUsize::new(0);
        let readers = [reader(), reader(), reader()];
        let long = pages(LONG, LONG);
        let first = page(&long, &readers[0], &made).await;
        let second = page(&long, &readers[1], &made).await;
        assert_eq!((&first[..], &second[..], first.as_ptr()), (&b"0"[..], &b"0"[..], second.as_ptr()));
        drop((first, second));
        assert_eq!(page(&long, &readers[2], &made).await, "1", "nobody was being sent that any more");

        let short = pages(Duration::ZERO, LONG);
        let first = page(&short, &readers[0], &made).await;
        let second = page(&short, &readers[1], &made).await;
        assert_eq!((&first[..], &second[..]), (&b"2"[..], &b"3"[..]), "the other one is too old");
    }

    #[tokio::test]
    async fn so_many_are_sent_and_the_oldest_gives_way() {
        let (pages, made) = (pages(Duration::ZERO, LONG), AtomicUsize::new(0));
        let readers: Vec<_> = (0..=MAX_SENT).map(|_| reader()).collect();
        let mut sent = Vec::new();
        for reader in &readers {
            assert!(readers.iter().all(|reader| reader.pushed_out().now_or_never().is_none()));
            sent.push(page(&pages, reader, &made).await);
        }
        let out = |reader: &Reader| reader.pushed_out().now_or_never().is_some();
        let gone: Vec<_> = readers.iter().map(out).collect();
        assert_eq!(gone, [true, false, false, false, false]);
        // Who has read does not count.
        sent.clear();
        let next = reader();
        let held = page(&pages, &next, &made).await;
        assert!(readers[1..].iter().all(|reader| !out(reader)));
        drop(held);
    }

    #[tokio::test]
    async fn who_does_not_read_is_not_waited_for() {
        let (pages, made, reader) = (pages(LONG, Duration::from_millis(5)), AtomicUsize::new(0), reader());
        let held = page(&pages, &reader, &made).await;
        // It comes at all, and is there for as long as the page is.
        reader.pushed_out().await;
        assert!(reader.pushed_out().now_or_never().is_some());
        drop(held);
        assert!(reader.pushed_out().now_or_never().is_none(), "it has read");
    }
}
