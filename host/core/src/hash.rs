//! Hashes: the two that ESO writes into objects, and a keyed one of our own for drift.
//!
//! ESO hashes what Go's `fmt.Sprintf("%+v", …)` makes of a value; the text is rebuilt here byte for byte,
//! else every Secret would look changed once after moving over.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sha3::{Digest, Sha3_224};
use zeroize::Zeroizing;

/// Hex SHA3-224.
pub fn sha3_224(bytes: &[u8]) -> String {
    hex::encode(Sha3_224::digest(bytes))
}

/// ESO's hash of a Secret's data: Go's `%+v` of a `map[string][]byte`, keys sorted.
pub fn eso_data_hash<'a>(data: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let sorted: BTreeMap<&str, &[u8]> = data.into_iter().collect();
    let mut hasher = Sha3_224::new();
    hasher.update(b"map[");
    for (index, (key, value)) in sorted.iter().enumerate() {
        if index > 0 {
            hasher.update(b" ");
        }
        hasher.update(key.as_bytes());
        hasher.update(b":[");
        let mut text = Zeroizing::new(String::with_capacity(value.len() * 4));
        for (index, byte) in value.iter().enumerate() {
            let gap = if index > 0 { " " } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{gap}{byte}");
        }
        hasher.update(text.as_bytes());
        hasher.update(b"]");
    }
    hasher.update(b"]");
    hex::encode(hasher.finalize())
}

/// ESO's `status.syncedResourceVersion`: the generation, and a hash of labels and annotations, so that a
/// change of any of them (the `force-sync` convention) asks for a refresh.
pub fn synced_resource_version(
    generation: i64,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> String {
    let text = format!("{{annotations:{} labels:{}}}", go_map(annotations), go_map(labels));
    format!("{generation}-{}", sha3_224(text.as_bytes()))
}

fn go_map(map: &BTreeMap<String, String>) -> String {
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", entries.join(" "))
}

/// A keyed hash of a value, of use only inside this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 16]);

impl KeyHash {
    /// Its bytes, to be kept elsewhere in this process.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// What [`KeyHash::to_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Makes [`KeyHash`]es. Its key is random, so that hashes that leak say nothing about values, not even to
/// somebody who guesses them.
pub struct KeyedHasher(Zeroizing<[u8; 32]>);

impl KeyedHasher {
    /// With a fresh key.
    pub fn random() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// HMAC-SHA256, cut to 16 bytes: collisions are no attack here, and there is one for each key of each
    /// Secret.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length, and the output is 32 bytes")]
    pub fn hash(&self, value: &[u8]) -> KeyHash {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("any length is a key");
        mac.update(value);
        let full = mac.finalize().into_bytes();
        KeyHash(full[..16].try_into().expect("16 of 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Go 1.26: `sha3.Sum224([]byte(fmt.Sprintf("%+v", v)))` of a `map[string][]byte`.
    #[test]
    fn data_hashes_are_gos() {
        type Case = (&'static [(&'static str, &'static [u8])], &'static str);
        let cases: [Case; 3] = [
            (&[], "74a974446e359fb3e6baff9bd0058950e6edd0f040888d9989b0a11b"),
            (&[("b", b"3"), ("a", b"12")], "8175825bf73e311765e0113dbb50e9bbe859a12dec42d785a5174708"),
            (
                &[("z", b""), ("Z.y-x_", &[0, 255, 10])],
                "81d44a0611f743fb363f2982d1bde842e48eae09506fe868514bfb5e",
            ),
        ];
        for (data, expected) in cases {
            assert_eq!(eso_data_hash(data.iter().copied()), expected);
        }
    }

    /// Likewise, of a `struct{annotations, labels map[string]string}`.
    #[test]
    fn versions_are_gos() {
        let none = BTreeMap::new();
        assert_eq!(
            synced_resource_version(3, &none, &none),
            "3-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"
        );
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(
            synced_resource_version(1, &map(&[("x/y", "z w")]), &map(&[("b", "2"), ("a", "1")])),
            "1-5d5c75cca4aa11027478cd5b148565b150eba446f2d2bfb18a7985d0"
        );
    }

    #[test]
    fn keyed_hashes_differ_by_value_and_by_process() {
        let hasher = KeyedHasher::random();
        assert_eq!(hasher.hash(b"x"), hasher.hash(b"x"));
        assert_ne!(hasher.hash(b"x"), hasher.hash(b"y"));
        assert_ne!(hasher.hash(b"x"), KeyedHasher::random().hash(b"x"));
    }
}
