//! The host of a test: a server that is a function, a memo and a clock that only the test moves.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use crate::Error;
use crate::host::{Host as HostTrait, Level};
use crate::memo::{self, Lookup};
use crate::provider::connection::Origin;
use crate::request::{Reply, Request};

/// Keys and bytes that the host keeps of one scope, and for how long.
const MEMO: (usize, usize, u64) = (16, 64 * 1024, 24 * 3600 * 1000);

type Server<'f> = dyn Fn(&Request) -> Result<Reply, Error> + 'f;

/// See the module.
pub struct Host<'f> {
    server: Box<Server<'f>>,
    asked: RefCell<Vec<Request>>,
    largest: Cell<usize>,
    logged: RefCell<Vec<String>>,
    seeds: Cell<u8>,
    /// Where requests may go; none: everywhere.
    origins: RefCell<Option<Vec<Origin>>>,
    /// What outlives a call.
    pub memo: Memo,
}

impl<'f> Host<'f> {
    /// With a server that answers each request.
    pub fn new(server: impl Fn(&Request) -> Reply + 'f) -> Self {
        Self::failing(move |request| Ok(server(request)))
    }

    /// With a server that does not always answer.
    pub fn failing(server: impl Fn(&Request) -> Result<Reply, Error> + 'f) -> Self {
        Self {
            server: Box::new(server),
            asked: RefCell::default(),
            largest: Cell::new(0),
            logged: RefCell::default(),
            seeds: Cell::new(0),
            origins: RefCell::default(),
            memo: Memo::default(),
        }
    }

    /// Without a network: a request fails the test.
    pub fn silent() -> Self {
        Self::new(|request| panic!("{} {} was not expected", request.method, request.url))
    }

    /// With answers to requests in this order, each `METHOD URL`; what differs from it fails the test.
    pub fn script(exchanges: impl IntoIterator<Item = (&'f str, Reply)>) -> Self {
        let rest = RefCell::new(exchanges.into_iter().collect::<std::collections::VecDeque<_>>());
        Self::new(move |request| {
            let asked = format!("{} {}", request.method, request.url);
            match rest.borrow_mut().pop_front() {
                Some((expected, reply)) if expected == asked => reply,
                Some((expected, _)) => panic!("{asked} was asked in place of {expected}"),
                None => panic!("{asked} was asked after the last that was expected"),
            }
        })
    }

    /// Requests so far, in order.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.borrow().clone()
    }

    /// How many requests there were so far.
    pub fn count(&self) -> usize {
        self.asked.borrow().len()
    }

    /// Most requests that were sent together.
    pub fn largest(&self) -> usize {
        self.largest.get()
    }

    /// Lines of the log.
    pub fn logged(&self) -> Vec<String> {
        self.logged.borrow().clone()
    }

    /// Lets time go on, of the memo too.
    pub fn advance(&self, time: Duration) {
        self.memo.advance(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }

    pub(super) fn allow(&self, origins: Vec<Origin>) {
        *self.origins.borrow_mut() = Some(origins);
    }

    /// The host ends a call that asks elsewhere.
    fn check(&self, request: &Request) {
        let origins = self.origins.borrow();
        let Some(origins) = origins.as_ref() else { return };
        let path = |origin: &Origin| {
            let path = request.url.strip_prefix(&origin.url)?;
            matches!(path.chars().next(), None | Some('/' | '?')).then(|| path.to_owned())
        };
        let allowed = origins.iter().any(|origin| {
            path(origin).is_some_and(|path| {
                origin.paths.is_empty() || origin.paths.iter().any(|prefix| path.starts_with(prefix.as_str()))
            })
        });
        assert!(allowed, "{} is at no origin that connect named, or outside of its paths", request.url);
    }
}

impl HostTrait for Host<'_> {
    fn send(
        &self,
        requests: Vec<Request>,
        _at_once: usize,
        _first_byte: Option<Duration>,
    ) -> Vec<Result<Reply, Error>> {
        self.largest.set(self.largest.get().max(requests.len()));
        let answer = |request: Request| {
            self.check(&request);
            let answer = (self.server)(&request);
            self.asked.borrow_mut().push(request);
            answer
        };
        requests.into_iter().map(answer).collect()
    }

    fn memo(&self) -> &dyn memo::Memo {
        &self.memo
    }

    /// From 2026-01-02 03:04:05 UTC on.
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_000 + self.memo.now.get())
    }

    /// Of ones, then of twos, and so on.
    fn seed(&self) -> [u8; 32] {
        self.seeds.set(self.seeds.get().wrapping_add(1));
        [self.seeds.get(); 32]
    }

    fn log(&self, _level: Level, message: &str) {
        self.logged.borrow_mut().push(message.to_owned());
    }
}

/// A memo with the host's limits and a clock that stands still until it is moved.
#[derive(Default)]
pub struct Memo {
    /// Milliseconds since it was made.
    now: Cell<u64>,
    /// By key: the value and its end; none while a ticket is out.
    kept: Rc<RefCell<BTreeMap<String, Option<Kept>>>>,
}

struct Kept {
    value: Vec<u8>,
    ends: u64,
}

impl Memo {
    /// Lets time go on.
    pub fn advance(&self, ms: u64) {
        self.now.set(self.now.get().saturating_add(ms));
    }

    /// Keys with a value.
    pub fn keys(&self) -> Vec<String> {
        let filled = |(key, kept): (&String, &Option<Kept>)| kept.is_some().then(|| key.clone());
        self.kept.borrow().iter().filter_map(filled).collect()
    }

    /// For how many milliseconds a value is kept yet.
    pub fn left_ms(&self, key: &str) -> Option<u64> {
        let kept = self.kept.borrow();
        Some(kept.get(key)?.as_ref()?.ends.saturating_sub(self.now.get()))
    }

    /// [`memo::Memo::peek`], without the trait in scope.
    pub fn peek(&self, key: &str) -> Option<Vec<u8>> {
        memo::Memo::peek(self, key)
    }
}

impl memo::Memo for Memo {
    fn begin(&self, key: &str) -> Lookup<'_> {
        let mut kept = self.kept.borrow_mut();
        kept.retain(|_, kept| kept.as_ref().is_none_or(|kept| kept.ends > self.now.get()));
        match kept.get(key) {
            Some(Some(found)) => return Lookup::Hit(found.value.clone()),
            // Who waits for itself waits in vain.
            Some(None) => return Lookup::Busy,
            None if kept.len() >= MEMO.0 => return Lookup::Full,
            None => {}
        }
        kept.insert(key.to_owned(), None);
        let (kept, now) = (Rc::clone(&self.kept), self.now.get());
        Lookup::Miss(Box::new(Ticket { kept, key: key.to_owned(), now }))
    }

    fn evict(&self, key: &str, value: &[u8]) {
        let other = |kept: &Option<Kept>| kept.as_ref().is_none_or(|kept| kept.value != value);
        self.kept.borrow_mut().retain(|own, kept| own != key || other(kept));
    }
}

struct Ticket {
    kept: Rc<RefCell<BTreeMap<String, Option<Kept>>>>,
    key: String,
    now: u64,
}

impl memo::Ticket for Ticket {
    fn put(self: Box<Self>, value: &[u8], ttl_ms: u64) {
        assert!(value.len() <= MEMO.1, "the memo keeps values of {} bytes at most", MEMO.1);
        let kept = Kept { value: value.to_vec(), ends: self.now.saturating_add(ttl_ms.min(MEMO.2)) };
        self.kept.borrow_mut().insert(self.key.clone(), Some(kept));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Left empty, the key is for the next who asks.
        self.kept.borrow_mut().retain(|key, kept| *key != self.key || kept.is_some());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::memo::Memo as _;

    #[test]
    fn values_end_and_tickets_are_exclusive() {
        let memo = Memo::default();
        let made = memo.get_or_make("a", &mut || {
            assert!(matches!(memo.begin("a"), Lookup::Busy));
            Ok((b"1".to_vec(), 1000))
        });
        assert_eq!(made.unwrap(), b"1");
        assert_eq!((memo.left_ms("a"), memo.keys()), (Some(1000), vec!["a".to_owned()]));
        memo.evict("a", b"2");
        memo.advance(999);
        assert_eq!(memo.peek("a").unwrap(), b"1");
        memo.advance(1);
        assert_eq!(memo.peek("a"), None);
        let failed = memo.get_or_make("a", &mut || Err(Error::Other("x".to_owned())));
        assert!(failed.is_err() && memo.keys().is_empty());
        (0..16).for_each(|nth| memo.keep(&nth.to_string(), b"x", u64::MAX));
        assert!(matches!(memo.begin("one more"), Lookup::Full));
        assert_eq!(memo.left_ms("0"), Some(MEMO.2));
        memo.evict("0", b"x");
        assert!(matches!(memo.begin("one more"), Lookup::Miss(_)));
    }

    #[test]
    fn a_script_is_kept_to() {
        let host = Host::script([("GET https://a/b", Reply::new(200, "x"))]);
        let sent = host.send(vec![Request::get("https://a/b")], 1, None);
        assert_eq!(sent[0].as_ref().unwrap().body, b"x");
        assert_eq!((host.count(), host.asked()[0].url.as_str()), (1, "https://a/b"));
    }
}
