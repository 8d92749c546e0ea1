//! Credentials that a backend makes for one ExternalSecret and takes back: what is recorded of them, and when they
//! are renewed, rotated, revoked. Pure.
//!
//! The record stands on the Secret and is written in the same apply as the values, so a crash between making and
//! writing loses one lease at most, and that one runs out. It holds no token and no value: whatever would have to be
//! rendered again from raw values has to be made again.

mod due;
mod pins;
mod policy;
mod record;

pub use due::{
    Due, Live, Lives, at_refresh, due, generated_at, meanwhile, renewed, spread, to_renew, to_revoke,
    try_again,
};
pub use pins::Pins;
pub use policy::{Policy, PolicyError, Rotation, Superseded};
pub use record::{Held, Record, Retired, Revoke, Source, is_of_key};
