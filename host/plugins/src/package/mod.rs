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

/// Whether a text is of that form. Other algorithms are not taken, of an artifact's manifest neither.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_was_named_is_taken() {
        let (ours, theirs) = (digest(b"ours"), digest(b"theirs"));
        assert_eq!(verify(b"ours", &[theirs.clone(), ours.clone()]).unwrap(), ours);
        for allowed in [vec![], vec![theirs.clone()], vec![ours.to_uppercase()], vec![ours[..70].to_owned()]]
        {
            let said = verify(b"ours", &allowed).unwrap_err().to_string();
            assert!(said.contains(&ours) && said.contains("install the component that was meant"), "{said}");
        }
    }

    /// The way of a package into the cluster and back, with what can happen to it there.
    #[test]
    fn a_package_in_parts_is_whole_or_refused() {
        let component: Vec<u8> =
            (0..3_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let name = digest(&component);
        let packed = pack(&component, Compression::Gzip).unwrap();
        let parts: Vec<_> = split(&packed, &name).unwrap();
        let parts: Vec<_> = parts.into_iter().map(|(header, bytes)| (header, bytes.to_vec())).collect();
        assert!(parts.len() > 2, "{} parts", parts.len());
        let back = unpack(join(parts.clone()).unwrap()).unwrap();
        assert!(verify(&back, std::slice::from_ref(&name)).is_ok());

        let mut cut = parts.clone();
        cut[1].1.truncate(1000);
        let error = unpack(join(cut).unwrap()).unwrap_err();
        assert_eq!(error.reason(), "PackageDamaged");
        let mut last = parts.clone();
        last.last_mut().unwrap().1.truncate(10);
        assert_eq!(unpack(join(last).unwrap()).unwrap_err().reason(), "PackageDamaged");
        let mut missing = parts.clone();
        missing.remove(1);
        assert_eq!(join(missing).unwrap_err().reason(), "PartsInvalid");
        let mut twice = parts;
        twice[2] = twice[1].clone();
        assert_eq!(join(twice).unwrap_err().reason(), "PartsInvalid");
    }
}
