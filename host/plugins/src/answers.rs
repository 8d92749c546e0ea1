//! What a plugin answers, as the host takes it over, for who has an answer and no plugin: tests from outside hold the
//! conversions to their promises so (`tests/fuzz`). Nothing is decided here; see `convert`.

use claviger_core::provider::{Facet, Lease, ProviderError, Value};
use claviger_core::redact::Redactor;

use crate::guest::{provider as guest, types as wit};
use crate::{convert, described};

/// A lease as `wit/v1` has it.
#[derive(Clone, Debug, Default)]
pub struct SaidLease {
    /// What it is renewed and revoked by.
    pub id: String,
    /// Its life in milliseconds.
    pub duration_ms: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// The login that it ends with.
    pub holder: Option<SaidHolder>,
}

/// The login that a lease ends with.
#[derive(Clone, Debug, Default)]
pub struct SaidHolder {
    /// What it is revoked by.
    pub accessor: Option<String>,
    /// Its life in milliseconds.
    pub ttl_ms: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
}

/// A value as `wit/v1` has it.
#[derive(Default)]
pub struct SaidValue {
    /// The value.
    pub data: Vec<u8>,
    /// The value as a map of bytes.
    pub entries: Option<Vec<(String, Vec<u8>)>>,
    /// Its version.
    pub version: Option<String>,
    /// What is said of it, as JSON.
    pub metadata: Option<String>,
    /// How it ends.
    pub lease: Option<SaidLease>,
    /// Whether others may have it too.
    pub shareable: bool,
    /// Whether asking again makes another.
    pub dynamic: bool,
}

/// The value that an item, asked for with `facet`, gets.
pub fn value(said: SaidValue, facet: Facet) -> Value {
    let SaidValue { data, entries, version, metadata, lease, shareable, dynamic } = said;
    let lease = lease.map(to_guest);
    convert::value(guest::Value { data, entries, version, metadata, lease, shareable, dynamic }, facet)
}

/// The lease that is kept.
pub fn lease(said: SaidLease) -> Lease {
    convert::lease(to_guest(said))
}

fn to_guest(said: SaidLease) -> guest::Lease {
    let SaidLease { id, duration_ms, renewable, holder } = said;
    let holder = holder.map(|SaidHolder { accessor, ttl_ms, renewable }| guest::Holder {
        accessor,
        ttl_ms,
        renewable,
    });
    guest::Lease { id, duration_ms, renewable, holder }
}

/// The error that says of a place in the config what is wrong with it, cleaned as every error is that leaves the host.
pub fn invalid_config(path: String, detail: String, redactor: &Redactor) -> ProviderError {
    let said = wit::Error::InvalidConfig(wit::ConfigError { path, detail });
    convert::cleaned_item(convert::error(said), redactor)
}

/// A name or version that a plugin gives itself; none if it is refused.
pub fn label(said: String) -> Option<String> {
    described::label("name", said).ok()
}

/// A line for humans (an origin in a plugin's own words, a function of an engine).
pub fn line(said: &str) -> String {
    described::line(said)
}
