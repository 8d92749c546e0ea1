//! A digest of everything that goes into a Secret and can be read again: stored values, template sources, the
//! manifest's version. If it is what is recorded on the Secret, a live credential or a text that varies with each
//! rendering is left as it is; if it is not, the Secret has to be rendered again.

use scrypt::{Params, scrypt};
use sha2::{Digest, Sha256};

/// 2^14 blocks of 1 KiB.
const LOG_N: u8 = 14;

/// What was read, in the order of the manifest.
#[derive(Clone, Default)]
pub struct Inputs(Sha256);

impl Inputs {
    /// One more: what it is, and its bytes. Lengths go in too, so that no two inputs read the same.
    pub fn add(&mut self, what: &str, bytes: &[u8]) {
        for part in [what.as_bytes(), bytes] {
            self.0.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            self.0.update(part);
        }
    }

    /// As it is recorded. The salt is random, so the hash says nothing to who knows other Secrets' hashes. It is slow to
    /// make: a template may have turned a password into a hash on purpose, and who reads that must not find in this one
    /// something that is quicker to try passwords with. 16 MiB and some 40 ms are more than bcrypt's usual cost of 10.
    pub fn salted(&self, salt: &str) -> String {
        let mut hash = [0; 32];
        let inner = self.0.clone().finalize();
        let made = Params::new(LOG_N, 8, 1)
            .map_err(drop)
            .and_then(|params| scrypt(&inner, salt.as_bytes(), &params, &mut hash).map_err(drop));
        // What cannot be made is no hash of anything: it is rendered again.
        made.map_or_else(|()| String::new(), |()| hex::encode(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let made = |parts: &[(&str, &str)]| {
            let mut inputs = Inputs::default();
            parts.iter().for_each(|(what, bytes)| inputs.add(what, bytes.as_bytes()));
            inputs.salted("s")
        };
        let first = made(&[("a", "1"), ("b", "2")]);
        assert_eq!(first, made(&[("a", "1"), ("b", "2")]));
        for other in [
            vec![("a", "1"), ("b", "3")],
            vec![("a", "1"), ("c", "2")],
            vec![("b", "2"), ("a", "1")],
            vec![("a", "1b"), ("", "2")],
            vec![("a1", ""), ("b", "2")],
            vec![("a", "1")],
        ] {
            assert_ne!(first, made(&other), "{other:?}");
        }
        let mut inputs = Inputs::default();
        inputs.add("a", b"1");
        assert_ne!(inputs.salted("s"), inputs.salted("t"));
    }
}
