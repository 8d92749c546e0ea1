//! A PushSecret: which values go to which places of which store, what of a JSON value is set, and what is deleted when
//! it is wanted no more.
//!
//! Pure: nothing is read and nothing is written here. Who may have a place is decided in [`place`], by all PushSecrets.

mod bulk;
mod entries;
pub mod place;
mod property;
mod record;
mod room;
mod source;
pub mod spread;
mod status;
mod stores;
#[cfg(test)]
mod tests;

pub use bulk::{Bulk, hold};
pub use entries::{Entry, entries, place_of};
pub use place::{Place, Target};
pub use property::{PropertyError, Removed, Way, holds, remove, set};
pub use record::{Ended, Part, Record};
pub use room::{MAX_RECORDED, Room};
pub use source::{check_type, reverse_keys};
pub use status::{
    DELETED, ERRORED, Outcome, SYNCED, next_status, parse_store_key, recorded, store_key, targets_of,
    worth_writing,
};
pub use stores::{
    StoreView, check_bulk, check_selectors, chosen, means_otherwise, meant_by, meant_by_labels,
};

pub use crate::secret::Data;

/// ESO's finalizer of PushSecrets: it stands for what has to be deleted at a provider.
pub const FINALIZER: &str = "pushsecret.externalsecrets.io/finalizer";
