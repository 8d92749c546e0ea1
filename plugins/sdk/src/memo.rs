//! What should outlive a call, normally a login token: kept by the host, made once for all who wait. [`Memo`] is
//! that as a trait, so that what is made of it is tested natively.

use crate::Error;

#[cfg(target_arch = "wasm32")]
pub use host::{Host, evict, get_or_make, keep, peek};

/// Makes a value that is to be kept, with its time to live in milliseconds.
pub type Make<'m> = dyn FnMut() -> Result<(Vec<u8>, u64), Error> + 'm;

/// The right to fill a key. Others that begin the same key wait until it is put or dropped.
pub trait Ticket {
    /// Fills it; the longest that anything is kept is a day.
    fn put(self: Box<Self>, value: &[u8], ttl_ms: u64);
}

/// What is there when a key is begun.
pub enum Lookup<'m> {
    /// A value.
    Hit(Vec<u8>),
    /// None: whoever holds the ticket makes it.
    Miss(Box<dyn Ticket + 'm>),
    /// Who makes it does not finish within the call's time.
    Busy,
    /// There is no room for it: it is made and used, and not kept.
    Full,
}

/// See the module.
pub trait Memo {
    /// Looks for a key, and asks for the right to fill it.
    fn begin(&self, key: &str) -> Lookup<'_>;

    /// Forgets a value, unless a newer one has taken its place.
    fn evict(&self, key: &str, value: &[u8]);

    /// The value of a key; if there is none, `make` makes it with its time to live in milliseconds, while
    /// others who want it wait. Where the memo has no room for it, it is made and not kept.
    ///
    /// # Errors
    /// What `make` says, or [`Error::Unavailable`] if whoever makes it does not finish.
    fn get_or_make(&self, key: &str, make: &mut Make<'_>) -> Result<Vec<u8>, Error> {
        match self.begin(key) {
            Lookup::Hit(value) => Ok(value),
            Lookup::Miss(ticket) => {
                let (value, ttl_ms) = make()?;
                ticket.put(&value, ttl_ms);
                Ok(value)
            }
            Lookup::Full => make().map(|(value, _)| value),
            Lookup::Busy => Err(Error::Unavailable(format!("another call is still at work on {key}"))),
        }
    }

    /// The value of a key, if there is one; nobody is made to wait for a new one.
    fn peek(&self, key: &str) -> Option<Vec<u8>> {
        match self.begin(key) {
            Lookup::Hit(value) => Some(value),
            // Dropped unfilled: the next who asks may have it.
            Lookup::Miss(_) | Lookup::Busy | Lookup::Full => None,
        }
    }

    /// Keeps a value, unless there is one already.
    fn keep(&self, key: &str, value: &[u8], ttl_ms: u64) {
        if let Lookup::Miss(ticket) = self.begin(key) {
            ticket.put(value, ttl_ms);
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::{Lookup, Memo, Ticket};
    use crate::Error;
    use crate::provider::claviger::plugin::memo;

    /// The host's.
    pub struct Host;

    impl Memo for Host {
        fn begin(&self, key: &str) -> Lookup<'_> {
            match memo::begin(key) {
                memo::Lookup::Hit(entry) => Lookup::Hit(entry.value),
                memo::Lookup::Miss(ticket) => Lookup::Miss(Box::new(ticket)),
                memo::Lookup::Busy => Lookup::Busy,
                memo::Lookup::Full => Lookup::Full,
            }
        }

        fn evict(&self, key: &str, value: &[u8]) {
            memo::evict(key, value);
        }
    }

    impl Ticket for memo::Ticket {
        fn put(self: Box<Self>, value: &[u8], ttl_ms: u64) {
            memo::Ticket::put(&self, value, ttl_ms);
        }
    }

    /// [`Memo::get_or_make`] of the host's.
    ///
    /// # Errors
    /// As there.
    pub fn get_or_make(
        key: &str,
        make: impl FnOnce() -> Result<(Vec<u8>, u64), Error>,
    ) -> Result<Vec<u8>, Error> {
        let mut make = Some(make);
        let never = || Err(Error::Other("made twice".to_owned()));
        Host.get_or_make(key, &mut || make.take().map_or_else(never, |make| make()))
    }

    /// [`Memo::evict`] of the host's.
    pub fn evict(key: &str, value: &[u8]) {
        Host.evict(key, value);
    }

    /// [`Memo::peek`] of the host's.
    pub fn peek(key: &str) -> Option<Vec<u8>> {
        Host.peek(key)
    }

    /// [`Memo::keep`] of the host's.
    pub fn keep(key: &str, value: &[u8], ttl_ms: u64) {
        Host.keep(key, value, ttl_ms);
    }
}
