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

    /// Their slow hash. The salt is random, so the hash says nothing to who knows other Secrets' hashes. It is slow to
    /// make: a template may have turned a password into a hash on purpose, and who reads that must not find in this one
    /// something that is quicker to try passwords with. 16 MiB and some 40 ms are more than bcrypt's usual cost of 10;
    /// so it is made once for all that is to be known of the same inputs, and not where others wait.
    pub fn slowly(&self, salt: String) -> Slow {
        let mut hash = [0; 32];
        let made = Params::new(LOG_N, 8, 1)
            .map_err(drop)
            .and_then(|params| scrypt(&self.digest(), salt.as_bytes(), &params, &mut hash).map_err(drop));
        Slow { hash: made.map_or_else(|()| String::new(), |()| hex::encode(hash)), salt }
    }

    fn digest(&self) -> [u8; 32] {
        self.0.clone().finalize().into()
    }
}

impl PartialEq for Inputs {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

/// A slow hash and its salt.
#[derive(Clone, Debug, Default)]
pub struct Slow {
    salt: String,
    hash: String,
}

impl Slow {
    /// What it was made with.
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// As it is recorded.
    pub fn text(&self) -> &str {
        &self.hash
    }

    /// Whether that was recorded of the same inputs. What could not be made is no hash of anything.
    pub fn is(&self, recorded: &str) -> bool {
        !self.hash.is_empty() && self.hash == recorded
    }

    /// A hash of this and of what everybody may read beside it: who tries something has to make the slow one first.
    pub fn with<'a>(&self, what: &str, open: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut inputs = Inputs::default();
        inputs.add(what, self.hash.as_bytes());
        for (name, value) in open {
            inputs.add(name, value.as_bytes());
        }
        if self.hash.is_empty() { String::new() } else { hex::encode(&inputs.digest()[..16]) }
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
            inputs.slowly("s".to_owned()).text().to_owned()
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
        let [s, t] = ["s", "t"].map(|salt| inputs.slowly(salt.to_owned()));
        assert!(s.is(s.text()) && !s.is(t.text()));
        let open = |slow: &Slow, value| slow.with("x", [("a", value)]);
        assert_eq!(open(&s, "1"), open(&s.clone(), "1"));
        assert!(open(&s, "1") != open(&s, "2") && open(&s, "1") != open(&t, "1"));
        // One that could not be made.
        let none = Slow::default();
        assert!(!none.is(none.text()) && open(&none, "1").is_empty());
    }

    /// They stand on Secrets, and another version compares them with its own. Expected: Python's `hashlib.scrypt` of
    /// `hashlib.sha256`, with each length as `struct.pack("<Q", …)`.
    #[test]
    fn hashes_that_were_stored_are_found_again() {
        let mut inputs = Inputs::default();
        inputs.add("a", b"1");
        inputs.add("b", b"2");
        let slow = inputs.slowly("5a17".to_owned());
        assert_eq!(slow.text(), "a0ac102704e673668826b5017147ca9393d343b91854e5e741edfc936379ce62");
        assert_eq!(slow.with("x", [("k", "v")]), "2fb6b72fdd2dc9434755232e561b14af");
    }
}
