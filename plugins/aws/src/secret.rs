//! Secrets Manager's names: which version is meant, and which can be read by the twenty.

use claviger_plugin_sdk::provider::interface::{Facet, Item};

/// Secrets of one `BatchGetSecretValue`.
pub const BATCH: usize = 20;

/// What `version` of an item means, as in ESO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version<'a> {
    /// `AWSCURRENT`.
    Current,
    /// `uuid/…`.
    Id(&'a str),
    /// A staging label.
    Stage(&'a str),
}

/// Reads it.
pub fn version(version: Option<&str>) -> Version<'_> {
    match version.unwrap_or_default() {
        "" => Version::Current,
        version => match version.strip_prefix("uuid/") {
            Some(id) => Version::Id(id),
            None => Version::Stage(version),
        },
    }
}

/// The items that go into batches, by index. A batch reads current values only, and of this account: an ARN
/// may be another's, so it is read by itself.
pub fn batches(items: &[Item], prefix: &str) -> Vec<Vec<usize>> {
    let current = |item: &Item| {
        item.facet == Facet::Value
            && version(item.version.as_deref()) == Version::Current
            && !format!("{prefix}{}", item.key).starts_with("arn:")
    };
    let fit: Vec<usize> = (0..items.len()).filter(|index| current(&items[*index])).collect();
    // One alone is one request either way, and needs one right less.
    fit.chunks(BATCH).filter(|batch| batch.len() > 1).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use claviger_plugin_sdk::provider::interface::Nature;

    use super::*;

    #[test]
    fn versions_as_in_eso() {
        for (given, expected) in [
            (None, Version::Current),
            (Some(""), Version::Current),
            (Some("uuid/123"), Version::Id("123")),
            (Some("AWSPREVIOUS"), Version::Stage("AWSPREVIOUS")),
            (Some("AWSCURRENT"), Version::Stage("AWSCURRENT")),
        ] {
            assert_eq!(version(given), expected);
        }
    }

    fn item(key: &str, version: Option<&str>, facet: Facet) -> Item {
        Item {
            key: key.to_owned(),
            version: version.map(ToOwned::to_owned),
            facet,
            property: None,
            known_version: None,
            nature: Nature::Stored,
        }
    }

    #[test]
    fn only_current_values_go_into_batches() {
        let items = [
            item("a", None, Facet::Value),
            item("b", Some("AWSPREVIOUS"), Facet::Value),
            item("c", None, Facet::Metadata),
            item("arn:aws:secretsmanager:eu-west-1:2:secret:d", None, Facet::Value),
            item("e", None, Facet::Value),
        ];
        assert_eq!(batches(&items, ""), [vec![0, 4]]);
        assert_eq!(batches(&items[..2], ""), Vec::<Vec<usize>>::new(), "one alone is no batch");
        let many: Vec<Item> = (0..41).map(|index| item(&index.to_string(), None, Facet::Value)).collect();
        let sizes: Vec<usize> = batches(&many, "").iter().map(Vec::len).collect();
        assert_eq!(sizes, [20, 20], "the last alone is read by itself");
    }
}
