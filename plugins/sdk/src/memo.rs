//! What should outlive a call, normally a login token: kept by the host, made once for all who wait. [`Memo`] is
//! that as a trait, so that what is made of it is tested natively.

use crate::Error;

#[cfg(target_arch = "wasm32")]
pub use host::{Host, evict, get_or_make, keep, peek};

/// Makes a value that is to be kept, with its time to live in milliseconds.
pub type Make<'m> = dyn FnMut() -> Result<(Vec<u8>, u64), Error> + 'm;

/// See the module.
pub trait Memo {
    /// The value of a key, made if there is none while others wait.
    ///
    /// # Errors
    /// What `make` says, or that whoever makes it does not finish.
    fn get_or_make(&self, key: &str, make: &mut Make<'_>) -> Result<Vec<u8>, Error>;
    /// The value of a key, if there is one.
    fn peek(&self, key: &str) -> Option<Vec<u8>>;
    /// Keeps a value, unless there is one already.
    fn keep(&self, key: &str, value: &[u8], ttl_ms: u64);
    /// Forgets a value, unless a newer one has taken its place.
    fn evict(&self, key: &str, value: &[u8]);
}

#[cfg(target_arch = "wasm32")]
mod host {
    use super::{Make, Memo};
    use crate::Error;
    use crate::provider::claviger::plugin::memo::{self, Lookup};

    /// The value of a key; if there is none, `make` makes it with its time to live in milliseconds, while
    /// others who want it wait. Where the memo has no room for it, it is made and not kept.
    ///
    /// # Errors
    /// What `make` says, or [`Error::Unavailable`] if whoever makes it does not finish.
    pub fn get_or_make(
        key: &str,
        make: impl FnOnce() -> Result<(Vec<u8>, u64), Error>,
    ) -> Result<Vec<u8>, Error> {
        match memo::begin(key) {
            Lookup::Hit(entry) => Ok(entry.value),
            Lookup::Miss(ticket) => {
                let (value, ttl_ms) = make()?;
                ticket.put(&value, ttl_ms);
                Ok(value)
            }
            Lookup::Full => make().map(|(value, _)| value),
            Lookup::Busy => Err(Error::Unavailable(format!("another call is still at work on {key}"))),
        }
    }

    /// Forgets a value, unless a newer one has taken its place.
    pub fn evict(key: &str, value: &[u8]) {
        memo::evict(key, value);
    }

    /// The value of a key, if there is one; nobody is made to wait for a new one.
    pub fn peek(key: &str) -> Option<Vec<u8>> {
        match memo::begin(key) {
            Lookup::Hit(entry) => Some(entry.value),
            // Dropped unfilled: the next who asks may have it.
            Lookup::Miss(_) | Lookup::Busy | Lookup::Full => None,
        }
    }

    /// Keeps a value, unless there is one already.
    pub fn keep(key: &str, value: &[u8], ttl_ms: u64) {
        if let Lookup::Miss(ticket) = memo::begin(key) {
            ticket.put(value, ttl_ms);
        }
    }

    /// The host's.
    pub struct Host;

    impl Memo for Host {
        fn get_or_make(&self, key: &str, make: &mut Make<'_>) -> Result<Vec<u8>, Error> {
            get_or_make(key, make)
        }

        fn peek(&self, key: &str) -> Option<Vec<u8>> {
            peek(key)
        }

        fn keep(&self, key: &str, value: &[u8], ttl_ms: u64) {
            keep(key, value, ttl_ms);
        }

        fn evict(&self, key: &str, value: &[u8]) {
            evict(key, value);
        }
    }
}
