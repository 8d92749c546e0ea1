//! The mark of what may be written over and deleted, and what is done about the tags beside it. The requests are the
//! writers'.

use std::collections::BTreeMap;

use claviger_plugin_sdk::Error;

/// The tag, as ESO spells it.
pub const MARK: (&str, &str) = ("managed-by", "external-secrets");

/// AWS's own tags, which nobody else can set or take off.
const RESERVED: &str = "aws:";

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// Whether the mark is there.
pub fn is_managed(tags: &Tags) -> bool {
    tags.get(MARK.0).is_some_and(|by| by == MARK.1)
}

/// ESO's words first.
pub fn not_managed(name: &str) -> Error {
    Error::Denied(format!(
        "{name}: secret not managed by external-secrets: it lacks the tag {}={}",
        MARK.0, MARK.1
    ))
}

/// The version is not the one that is expected.
pub fn other_version(name: &str, expected: &str) -> Error {
    Error::Conflict(format!("{name}: its version is not {expected} any more"))
}

/// The description of what is made without one, as in ESO.
pub fn description() -> String {
    format!("secret '{}:{}'", MARK.0, MARK.1)
}

/// All tags of what is made.
pub fn new_tags(wanted: Option<&Tags>) -> Tags {
    let mut tags = wanted.cloned().unwrap_or_default();
    tags.insert(MARK.0.to_owned(), MARK.1.to_owned());
    tags
}

/// Which tags are to be taken off, and which set, on what has the mark. Without any that are wanted, they are left as they
/// are.
pub fn changes(there: &Tags, wanted: Option<&Tags>) -> (Vec<String>, Tags) {
    let Some(wanted) = wanted else { return Default::default() };
    let goes =
        |key: &&String| !wanted.contains_key(*key) && key.as_str() != MARK.0 && !key.starts_with(RESERVED);
    let off = there.keys().filter(goes).cloned().collect();
    let set = wanted.iter().filter(|(key, value)| there.get(*key) != Some(value));
    (off, set.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_changes() {
        let mark = ("managed-by", "external-secrets");
        for (there, wanted, off, set) in [
            (&[mark][..], None, &[][..], &[][..]),
            (&[mark, ("team", "red")], None, &[], &[]),
            (&[mark], Some(&[("team", "red")][..]), &[], &[("team", "red")][..]),
            (&[mark, ("team", "red")], Some(&[("team", "red")]), &[], &[]),
            (&[mark, ("team", "red")], Some(&[("team", "blue")]), &[], &[("team", "blue")]),
            (&[mark, ("stage", "x"), ("team", "red")], Some(&[("team", "red")]), &["stage"], &[]),
            (
                &[mark, ("aws:cloudformation:stack-name", "x")],
                Some(&[("team", "red")]),
                &[],
                &[("team", "red")],
            ),
        ] {
            let wanted = wanted.map(tags);
            let found = changes(&tags(there), wanted.as_ref());
            assert_eq!(found, (off.iter().map(|key| (*key).to_owned()).collect(), tags(set)), "{there:?}");
        }
        assert!(is_managed(&tags(&[mark])) && !is_managed(&tags(&[("managed-by", "me")])));
        assert_eq!(new_tags(Some(&tags(&[("a", "b")]))), tags(&[("a", "b"), mark]));
    }
}
