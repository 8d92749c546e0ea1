//! ESO's marks, computed here once more and not by the product: the hashes of the reference (section 2.4) over what Go
//! prints.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha3::{Digest, Sha3_224};

use super::case::Texts;

fn sha3(text: &str) -> String {
    Sha3_224::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Label `created-by`.
pub(crate) fn created_by(namespace: &str, name: &str) -> String {
    sha3(&format!("{namespace}/{name}"))
}

/// Annotation `data-hash`: of `map[a:[49 50] b:[51]]`.
pub(crate) fn data_hash(data: &BTreeMap<String, Vec<u8>>) -> String {
    let entry = |(key, value): (&String, &Vec<u8>)| {
        let bytes: Vec<String> = value.iter().map(u8::to_string).collect();
        format!("{key}:[{}]", bytes.join(" "))
    };
    sha3(&format!("map[{}]", data.iter().map(entry).collect::<Vec<_>>().join(" ")))
}

/// `status.syncedResourceVersion`.
pub(super) fn version(generation: i64, labels: &Texts, annotations: &Texts) -> String {
    let map = |map: &Texts| {
        let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        format!("map[{}]", entries.join(" "))
    };
    format!("{generation}-{}", sha3(&format!("{{annotations:{} labels:{}}}", map(annotations), map(labels))))
}

/// The field manager: hashed if it would be longer than 63 characters.
pub(super) fn field_manager(name: &str) -> String {
    let plain = format!("externalsecrets.external-secrets.io/{name}");
    if plain.len() <= 63 { plain } else { format!("externalsecrets.external-secrets.io/sha3/{}", sha3(name)) }
}

/// Printed by Python: `hashlib.sha3_224(b"map[a:[49 50] b:[51]]").hexdigest()` and the like.
#[test]
fn the_hashes_of_the_table_are_pythons() {
    let data = BTreeMap::from([("b".to_owned(), b"3".to_vec()), ("a".to_owned(), b"12".to_vec())]);
    assert_eq!(data_hash(&data), "8175825bf73e311765e0113dbb50e9bbe859a12dec42d785a5174708");
    assert_eq!(created_by("team", "db"), "3f8e77b122b6269e76d99e5235f7957df870c8e5f31926fe41387c8c");
    let labels = Texts::from([("x".to_owned(), "y z".to_owned())]);
    assert_eq!(
        version(2, &labels, &Texts::new()),
        "2-307324307c158f698cdb8d970c1cdb783f01683ca125cf8d9665bf45"
    );
    assert_eq!(field_manager("db"), "externalsecrets.external-secrets.io/db");
    let long = "a".repeat(28);
    assert_eq!(
        field_manager(&long),
        "externalsecrets.external-secrets.io/sha3/52a6f48b37cd3535ef771a530c08d9cc4b78350ccdd33f2405e22ebb"
    );
}
