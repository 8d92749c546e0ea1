//! How a component travels: compressed or not, whole or in parts, and known by its digest.
//!
//! Pure. Where parts are stored and what they are called there is the embedder's business; a part's
//! header reaches this module as three texts.

mod parts;
mod unpack;

pub use parts::{Header, MAX_PARTS, PART_BYTES, join, split};
pub use unpack::{Compression, MAX_COMPONENT, pack, unpack};

use sha2::{Digest, Sha256};

use crate::error::PluginsError;

/// `sha256:…` of a component's bytes, uncompressed: what `spec.digest` of a Plugin holds.
pub fn digest(component: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(component)))
}

/// The digest of a component, if it is one of `allowed`. An empty list allows nothing: a source that may
/// do without a digest does not come here.
///
/// # Errors
/// [`PluginsError::DigestMismatch`] with what was found and what was expected.
pub fn verify(component: &[u8], allowed: &[String]) -> Result<String, PluginsError> {
    let found = digest(component);
    if allowed.contains(&found) {
        Ok(found)
    } else {
        Err(PluginsError::DigestMismatch { found, allowed: allowed.to_vec() })
    }
}
