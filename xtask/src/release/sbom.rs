//! Bills of materials: what a program or a component is made of, as CycloneDX 1.6 in JSON.
//!
//! Each package has its version, licence, checksum and purl; what only took part in the build (build scripts, macros and
//! what they use) is marked `excluded`, CycloneDX's word for what is not in the product. Not in it: the C sources that
//! `*-sys` packages bring (their versions are those packages'), and the system's libraries, which the image has.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::graph::{About, Built, Key};

/// What is the same in all bills of a release.
pub(crate) struct Origin {
    /// Of the compiler, for the standard library.
    pub(crate) rust: String,
    /// The commit, if the sources are in git.
    pub(crate) commit: Option<String>,
    /// When that was made, as ISO 8601 in UTC.
    pub(crate) time: Option<String>,
}

/// The bill of one product, whose file has that SHA-256.
pub(crate) fn bill(built: &Built, root: &Key, sha256: &str, origin: &Origin) -> Value {
    let linked = built.linked.below(root);
    let all = built.all.below(root);
    let about = |key: &Key| built.about.get(key).cloned().unwrap_or_default();
    let std = format!("rust-std@{}", origin.rust);
    let mut components = vec![json!({
        "type": "library",
        "bom-ref": std,
        "name": "rust-std",
        "version": origin.rust,
        "description": "The standard library of Rust, with the packages that it is built of",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "purl": format!("pkg:generic/rust-std@{}", origin.rust),
    })];
    let others = all.iter().filter(|key| *key != root);
    components.extend(others.map(|key| component(key, &about(key), linked.contains(key))));
    let edges = all.iter().map(|key| {
        let mut uses: Vec<String> = built.all.uses(key).map(ToString::to_string).collect();
        if key == root {
            uses.push(std.clone());
        }
        json!({"ref": key.to_string(), "dependsOn": uses})
    });
    let mut dependencies: Vec<Value> = edges.collect();
    dependencies.push(json!({"ref": std}));

    let mut product = component(root, &about(root), true);
    product["type"] = "application".into();
    product["hashes"] = json!([{"alg": "SHA-256", "content": sha256}]);
    if let Some(fields) = product.as_object_mut() {
        fields.remove("scope");
    }
    let mut properties = vec![json!({"name": "claviger:target", "value": built.target})];
    properties.extend(origin.commit.iter().map(|commit| json!({"name": "claviger:commit", "value": commit})));
    product["properties"] = properties.into();
    let mut metadata = json!({
        "tools": {"components": [{"type": "application", "name": "cargo xtask release", "version": env!("CARGO_PKG_VERSION")}]},
        "component": product,
    });
    if let Some(time) = &origin.time {
        metadata["timestamp"] = time.as_str().into();
    }
    let mut bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies,
    });
    // The same bill has the same number.
    bill["serialNumber"] = format!("urn:uuid:{}", uuid(&bill.to_string())).into();
    bill
}

fn component(key: &Key, about: &About, linked: bool) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    set("type", "library".into());
    set("bom-ref", key.to_string().into());
    set("name", key.name.as_str().into());
    set("version", key.version.as_str().into());
    set("scope", if linked { "required" } else { "excluded" }.into());
    if let Some(description) = &about.description {
        set("description", description.as_str().into());
    }
    if let Some(license) = &about.license {
        set("licenses", json!([{"expression": license}]));
    }
    if let Some(checksum) = &about.checksum {
        set("hashes", json!([{"alg": "SHA-256", "content": checksum}]));
    }
    if about.fetched {
        // A `+` of build metadata is percent-encoded there.
        set("purl", format!("pkg:cargo/{}@{}", key.name, key.version.replace('+', "%2B")).into());
    }
    if let Some(repository) = &about.repository {
        set("externalReferences", json!([{"type": "vcs", "url": repository}]));
    }
    Value::Object(fields)
}

/// A UUID of version 8 (RFC 9562, 5.8): of a hash.
fn uuid(text: &str) -> String {
    let hash = Sha256::digest(text);
    let mut bytes: Vec<u8> = hash.iter().take(16).copied().collect();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_uuid_of_version_8() {
        let number = uuid("text");
        let lengths: Vec<usize> = number.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(number[14..].starts_with('8') && "89ab".contains(&number[19..20]), "{number}");
        assert_ne!(number, uuid("another"));
    }

    #[test]
    fn what_is_not_fetched_has_no_purl() {
        // Somebody else's package may have that name.
        let key = Key { name: "claviger-core".to_owned(), version: "0.1.0+a".to_owned() };
        let own = component(&key, &About::default(), true);
        assert_eq!(own.get("purl"), None);
        let fetched = component(&key, &About { fetched: true, ..About::default() }, false);
        assert_eq!(fetched["purl"], "pkg:cargo/claviger-core@0.1.0%2Ba");
        assert_eq!(fetched["scope"], "excluded");
    }
}
