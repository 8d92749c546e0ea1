//! Bills of materials: what a program or a component is made of, as CycloneDX 1.6 in JSON.
//!
//! Each package has its version, licence, checksum and purl; what only took part in the build (build scripts, macros and
//! what they use) is marked `excluded`, CycloneDX's word for what is not in the product. Not in it: the C sources that
//! `*-sys` packages bring (their versions are those packages'), and the system's libraries, which the image has.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::graph::{About, Built, Key};
use super::standard::Part;

/// What is the same in all bills of a release.
pub(crate) struct Origin {
    /// The commit, if the sources are that and nothing else.
    pub(crate) commit: Option<String>,
    /// When it was made, as ISO 8601 in UTC.
    pub(crate) time: Option<String>,
}

/// The bill of one product, whose file has that SHA-256.
pub(crate) fn bill(built: &Built, root: &Key, sha256: &str, origin: &Origin) -> Value {
    let linked = built.linked.below(root);
    let all = built.all.below(root);
    let about = |key: &Key| built.about.get(key).cloned().unwrap_or_default();
    let standard = &built.standard.parts;
    let mut components: Vec<Value> = standard.iter().map(part).collect();
    let others = all.iter().filter(|key| *key != root);
    components.extend(others.map(|key| component(key, &about(key), linked.contains(key))));
    let edges = all.iter().map(|key| {
        let mut uses: Vec<String> = built.all.uses(key).map(ToString::to_string).collect();
        if key == root {
            uses.extend(standard.first().map(|part| part.name.to_owned()));
        }
        json!({"ref": key.to_string(), "dependsOn": uses})
    });
    let mut dependencies: Vec<Value> = edges.collect();
    // Each stands on the next.
    for (index, part) in standard.iter().enumerate() {
        let below: Vec<&str> = standard.get(index + 1).map(|part| part.name).into_iter().collect();
        dependencies.push(json!({"ref": part.name, "dependsOn": below}));
    }

    let mut product = component(root, &about(root), true);
    product["type"] = "application".into();
    product["hashes"] = json!([{"alg": "SHA-256", "content": sha256}]);
    if let Some(fields) = product.as_object_mut() {
        fields.remove("scope");
    }
    let mut properties = vec![
        json!({"name": "claviger:target", "value": built.target}),
        json!({"name": "claviger:compiler", "value": built.standard.compiler}),
    ];
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

/// A part of the standard library. There is one of a name, so that the name refers to it.
fn part(part: &Part) -> Value {
    let mut fields = json!({
        "type": "library",
        "bom-ref": part.name,
        "name": part.name,
        "description": part.description,
        "licenses": [{"expression": part.license}],
    });
    if let Some(version) = &part.version {
        fields["version"] = version.as_str().into();
        fields["purl"] = format!("pkg:generic/{}@{version}", part.name).into();
    }
    fields
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
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::super::graph::Graph;
    use super::super::standard::Standard;
    use super::*;

    #[test]
    fn a_bill_names_the_compiler_of_its_own_workspace_and_what_that_brings() {
        let part = |name, version: Option<&str>| Part {
            name,
            version: version.map(ToOwned::to_owned),
            description: "d",
            license: "MIT",
            text: "t",
        };
        let tree = "0claviger-plugin-x v0.1.0 (/src/x)\n1a v1.0.0\n";
        let built = Built {
            target: "wasm32-wasip2".to_owned(),
            standard: Standard {
                compiler: "rustc 1.90.0 (another)".to_owned(),
                parts: vec![part("rust-std", Some("1.90.0")), part("wasi-libc", None)],
            },
            linked: Graph::read(tree).unwrap(),
            all: Graph::read(tree).unwrap(),
            about: BTreeMap::new(),
        };
        let root = built.linked.root("claviger-plugin-x").unwrap();
        let bill = bill(&built, &root, "00", &Origin { commit: None, time: None });
        let properties = &bill["metadata"]["component"]["properties"];
        assert_eq!(properties[1]["value"], "rustc 1.90.0 (another)");
        let components = bill["components"].as_array().unwrap();
        assert_eq!(components[0]["purl"], "pkg:generic/rust-std@1.90.0");
        // A version that nothing tells is none.
        assert_eq!((&components[1]["name"], components[1].get("version")), (&json!("wasi-libc"), None));
        let uses = |of: &str| {
            let entries = bill["dependencies"].as_array().unwrap();
            entries.iter().find(|entry| entry["ref"] == of).unwrap()["dependsOn"].clone()
        };
        assert_eq!(uses("claviger-plugin-x@0.1.0"), json!(["a@1.0.0", "rust-std"]));
        assert_eq!(uses("rust-std"), json!(["wasi-libc"]));
        assert_eq!(uses("wasi-libc"), json!([]));
        // Of sources that are no commit there is no time either.
        assert_eq!(bill["metadata"].get("timestamp"), None);
    }

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
