//! A host for native tests, so that `cargo test` runs a whole provider: [`Bench`] connects it with the objects that a
//! test gives it, and [`Host`] is its server, memo and clock. It holds a plugin to what the real host does (marks,
//! rounds, origins) as far as that needs no network; the rest is `claviger plugin test`.

#![allow(clippy::panic, reason = "a test fails by it")]

mod bench;
mod host;
mod schema;

pub use bench::Bench;
pub use host::{Host, Memo};
pub use schema::check_schema;

use serde_json::Value;

use crate::provider::claviger::plugin::types::{Requester, StoreRef};
use crate::provider::connection::{Resolved, Session, SlotValue, Step};
use crate::{Error, Provider, Store};

/// What a call of a SecretStore in the namespace `team` is given.
pub fn input(config: &Value, have: &[(&str, Resolved)]) -> Session {
    let slot =
        |(slot, value): &(&str, Resolved)| SlotValue { slot: (*slot).to_owned(), value: value.clone() };
    Session {
        store: StoreRef {
            kind: "SecretStore".to_owned(),
            name: "s".to_owned(),
            namespace: Some("team".to_owned()),
            uid: "u".to_owned(),
            generation: 1,
        },
        requester: Requester { namespace: "team".to_owned() },
        config: config.to_string(),
        settings: String::new(),
        have: have.iter().map(slot).collect(),
    }
}

/// One round of `connect`.
///
/// # Errors
/// What the plugin says.
pub fn connect<P: Provider>(input: Session) -> Result<Step, Error> {
    let mut store = Store::new(input)?;
    let ready = P::connect(&mut store)?;
    Ok(store.step(ready))
}

/// What a need gave.
pub fn bytes(value: &str) -> Resolved {
    Resolved::Bytes(value.as_bytes().to_vec())
}

/// The kind of an answer, for tables: `value`, or the error's name in `docs/wit.md`.
pub fn kind<T>(answer: &Result<T, Error>) -> &'static str {
    match answer {
        Ok(_) => "value",
        Err(Error::NotFound(_)) => "not-found",
        Err(Error::Unauthenticated(_)) => "unauthenticated",
        Err(Error::Denied(_)) => "denied",
        Err(Error::RateLimited(_)) => "rate-limited",
        Err(Error::Unavailable(_)) => "unavailable",
        Err(Error::InvalidConfig(_)) => "invalid-config",
        Err(Error::Conflict(_)) => "conflict",
        Err(Error::NotModified) => "not-modified",
        Err(Error::Unsupported(_)) => "unsupported",
        Err(Error::Other(_)) => "other",
    }
}
