//! From what a provider answered to the keys and values of a Secret: properties, decoding, conversion
//! and rewriting of keys. Pure, and silent about values: errors name keys and rules.

mod decode;
mod effort;
mod go_json;
mod go_regexp;
mod go_syntax;
mod keys;
mod names;
mod parts;
mod property;
mod rewrite;

use std::collections::BTreeMap;

pub use decode::decode;
pub(crate) use effort::check_data_from;
pub use effort::{Effort, check_data_to};
pub(crate) use go_json::{paired, text_of, texts};
pub use go_regexp::{BadRegexp, GoRegexp, compile as go_regexp};
pub use keys::convert;
pub use names::{MAX_NAME, MAX_NAMES, Names};
pub use parts::{entries_of, property_of, whole};
pub use property::{entries, lookup};
pub use rewrite::{apply_merge, apply_regexp, apply_transform};

use crate::gjson;
use crate::secret::SecretBytes;

/// Values by key, while they are shaped.
pub type Values = BTreeMap<String, SecretBytes>;

/// Why a value or key cannot be used as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A property of something that is no JSON.
    #[error("the value is not JSON, so it has no properties: leave remoteRef.property out")]
    NotJson,
    /// A property whose path asks for too much.
    #[error("remoteRef.property: {0}")]
    PropertyRefused(#[from] gjson::Refused),
    /// `extract` of something that is no JSON object.
    #[error("the value is not a JSON object, so it has no keys to extract: use data with a secretKey")]
    NotAnObject,
    /// Two keys become one.
    #[error("two keys become {0:?}: use rewrite to keep them apart")]
    Collision(String),
    /// A regular expression that does not parse, or takes too much.
    #[error("rewrite: {0}")]
    BadRegexp(#[from] BadRegexp),
    /// Keys that take too much to be searched.
    #[error(
        "searching the keys with all regular expressions of this object takes too much: use fewer or simpler ones, or take \
         fewer keys"
    )]
    TooMuchSearch,
    /// A rewrite that makes a key too long.
    #[error(
        "it makes a key of more than {MAX_NAME} bytes, and those of a Secret have 253 at most: shorten what it puts in"
    )]
    NameTooLong,
    /// A rewrite that puts in too much, whatever becomes of it.
    #[error("its target has more than {MAX_NAME} bytes: shorten it")]
    TargetTooLong,
    /// A rewrite that makes all keys of an entry too long together.
    #[error(
        "it makes keys of more than {MAX_NAMES} bytes together: shorten what it puts in, or take fewer keys"
    )]
    NamesTooLong,
    /// A value that is not encoded as its decodingStrategy says.
    #[error("the value is not {0}: correct decodingStrategy")]
    NotEncoded(&'static str),
    /// `nullBytePolicy: Fail`.
    #[error("the value has a NUL byte, and nullBytePolicy is Fail")]
    NullByte,
    /// `merge` with a key that none of the objects has.
    #[error("rewrite.merge: priority key {0:?} does not exist")]
    NoPriority(String),
    /// `merge` of something that is no JSON object.
    #[error("rewrite.merge: the value of {0:?} is not a JSON object")]
    MergeNotObject(String),
    /// `merge` with `conflictPolicy: Error`.
    #[error(
        "rewrite.merge: key {0:?} stands in more than one object: set priority, or conflictPolicy Ignore"
    )]
    MergeConflict(String),
    /// `strategy: JSON` without `into`.
    #[error("rewrite.merge: strategy JSON needs into")]
    MergeWithoutInto,
}
