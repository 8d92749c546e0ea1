//! `dataFrom[].rewrite`: a pipeline over keys. Regular expressions are Go's. What a `transform` renders comes from a
//! template engine; here only its results are put in place.

use claviger_crds::external_secret::{
    MergeConflictPolicy, MergePriorityPolicy, MergeStrategy, RewriteMerge, RewriteRegexp,
};
use std::collections::{BTreeMap, BTreeSet};

use super::effort::Effort;
use super::names::{MAX_NAME, Names};
use super::{ShapeError, Values, go_json, go_regexp};

/// Go's `ReplaceAllString` on every key.
///
/// # Errors
/// If the expression cannot be used, the target is too long, two keys become one, the keys grow beyond what they may
/// ([`Names`]), or nothing is left of what searches may cost.
pub fn apply_regexp(
    values: Values,
    rewrite: &RewriteRegexp,
    effort: &mut Effort,
) -> Result<Values, ShapeError> {
    if rewrite.target.len() > MAX_NAME {
        return Err(ShapeError::TargetTooLong);
    }
    let regexp = go_regexp::compile(&rewrite.source)?;
    renamed(values, |key| regexp.replace_all(key, &rewrite.target, MAX_NAME, effort))
}

/// Puts each value under the key that was rendered for it; `rendered` has one text for each key in order.
///
/// # Errors
/// If two keys become one, or they grew beyond what they may ([`Names`]).
pub fn apply_transform(values: Values, rendered: Vec<String>) -> Result<Values, ShapeError> {
    let mut names = rendered.into_iter();
    renamed(values, |key| Ok(names.next().unwrap_or_else(|| key.to_owned())))
}

/// Two that lose their names do not collide: they are left out at the end, as in ESO.
fn renamed(
    values: Values,
    mut rename: impl FnMut(&str) -> Result<String, ShapeError>,
) -> Result<Values, ShapeError> {
    let (mut out, mut names) = (Values::new(), Names::default());
    for (key, value) in values {
        let name = rename(&key)?;
        names.add(&name)?;
        if out.insert(name.clone(), value).is_some() && !name.is_empty() {
            return Err(ShapeError::Collision(name));
        }
    }
    Ok(out)
}

/// Merges values that are JSON objects: keys in order, priority keys last so that they win. `Extract`
/// replaces everything by the merged entries, `JSON` adds them as one object under `into`. Values are
/// read and written as Go's encoding/json does.
///
/// # Errors
/// If a value is no object, a priority key is missing, or keys collide and must not.
pub fn apply_merge(values: Values, rewrite: &RewriteMerge) -> Result<Values, ShapeError> {
    let strict = rewrite.priority_policy == MergePriorityPolicy::Strict;
    if let Some(absent) = rewrite.priority.iter().find(|key| strict && !values.contains_key(*key)) {
        return Err(ShapeError::NoPriority(absent.clone()));
    }
    let first: BTreeSet<&String> = rewrite.priority.iter().collect();
    let plain = values.keys().filter(|key| !first.contains(key));
    let mut order: Vec<&String> =
        plain.chain(rewrite.priority.iter().filter(|key| values.contains_key(*key))).collect();
    if rewrite.conflict_policy == MergeConflictPolicy::Ignore {
        // Of one that stands there twice the last counts, and a manifest has room for a hundred thousand.
        let mut seen = BTreeSet::new();
        order.reverse();
        order.retain(|key| seen.insert(*key));
        order.reverse();
    }
    let mut merged = BTreeMap::new();
    for source in order {
        let object = go_json::object(values[source].expose())
            .ok_or_else(|| ShapeError::MergeNotObject(source.clone()))?;
        for (key, value) in object {
            // Also where priority says who wins.
            let conflict = merged.insert(key.clone(), value).is_some();
            if conflict && rewrite.conflict_policy == MergeConflictPolicy::Error {
                return Err(ShapeError::MergeConflict(key));
            }
        }
    }
    match rewrite.strategy {
        MergeStrategy::Extract => {
            Ok(merged.into_iter().map(|(key, value)| (key, go_json::value_of_secret(&value))).collect())
        }
        MergeStrategy::Json if rewrite.into.is_empty() => Err(ShapeError::MergeWithoutInto),
        MergeStrategy::Json => {
            let mut values = values;
            values.insert(rewrite.into.clone(), go_json::written(&merged));
            Ok(values)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::secret::SecretBytes;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), SecretBytes::copied_from(value.as_bytes())))
            .collect()
    }

    fn texts(values: &Values) -> Vec<(String, String)> {
        values
            .iter()
            .map(|(key, value)| (key.clone(), String::from_utf8(value.expose().to_vec()).unwrap()))
            .collect()
    }

    fn apply_regexp(values: Values, rewrite: &RewriteRegexp) -> Result<Values, ShapeError> {
        super::apply_regexp(values, rewrite, &mut Effort::default())
    }

    fn regexp(source: &str, target: &str) -> RewriteRegexp {
        RewriteRegexp { source: source.to_owned(), target: target.to_owned() }
    }

    /// Expected keys printed by Go's `regexp.ReplaceAllString`.
    #[test]
    fn regexps_replace_as_go_does() {
        for (source, target, key, expected) in [
            ("^/app/(.*)$", "$1", "/app/db", "db"),
            ("(.*)", "pre-$1", "k", "pre-k"),
            ("[^a-z]", "_", "A-b", "__b"),
            ("(?P<x>.)b", "${x}_c", "ab", "a_c"),
            ("(.)b", "$1_c", "ab", ""),
            ("a", "$$", "a", "$"),
        ] {
            let out = apply_regexp(values(&[(key, "v")]), &regexp(source, target)).unwrap();
            assert_eq!(out.keys().next().unwrap(), expected, "{source} {target}");
        }
        assert!(matches!(apply_regexp(values(&[]), &regexp("(?=x)", "")), Err(ShapeError::BadRegexp(_))));
        let collision = apply_regexp(values(&[("a1", "x"), ("a2", "y")]), &regexp("[0-9]", ""));
        assert_eq!(collision.err(), Some(ShapeError::Collision("a".to_owned())));
    }

    /// Each of these steps makes ten of one: ten of them made 10 GB of one byte.
    #[test]
    fn keys_grow_no_further_than_they_may() {
        let tenfold = regexp(".", &"$0".repeat(10));
        let (mut all, mut steps) = (values(&[("a", "v")]), 0);
        let error = loop {
            match apply_regexp(all, &tenfold) {
                Ok(longer) => all = longer,
                Err(error) => break error,
            }
            steps += 1;
        };
        assert_eq!((error, steps), (ShapeError::NameTooLong, 3));
        // In one step too.
        let all = || values(&[(&"a".repeat(500), "v")]);
        let target = "$0".repeat(1_000);
        for source in [".", ".*"] {
            assert_eq!(apply_regexp(all(), &regexp(source, &target)).err(), Some(ShapeError::NameTooLong));
        }
        let target = regexp("b", &"$9".repeat(1_025));
        assert_eq!(apply_regexp(all(), &target).err(), Some(ShapeError::TargetTooLong));
        let most = apply_regexp(values(&[("a", "v")]), &regexp("a", &"b".repeat(MAX_NAME))).unwrap();
        assert_eq!(most.keys().next().unwrap().len(), MAX_NAME);
        let many: Values = (0..2000).map(|n| (format!("{n:04}"), SecretBytes::copied_from(b"v"))).collect();
        let longer = apply_regexp(many, &regexp("$", &"x".repeat(1_200)));
        assert_eq!(longer.err(), Some(ShapeError::NamesTooLong));
        let rendered = apply_transform(all(), vec!["x".repeat(MAX_NAME + 1)]);
        assert_eq!(rendered.err(), Some(ShapeError::NameTooLong));
    }

    fn merge(text: &str) -> RewriteMerge {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn merges() {
        let two = || values(&[("a", r#"{"k":"from-a","x":1}"#), ("b", r#"{"k":"from-b"}"#)]);
        let extracted =
            apply_merge(two(), &merge(r#"{"priority":["a"],"conflictPolicy":"Ignore"}"#)).unwrap();
        assert_eq!(texts(&extracted), [("k".into(), "from-a".into()), ("x".into(), "1".into())]);
        let ignored = apply_merge(two(), &merge(r#"{"conflictPolicy":"Ignore"}"#)).unwrap();
        assert_eq!(texts(&ignored)[0].1, "from-b");
        let all_the_same = apply_merge(two(), &merge(r#"{"priority":["a"]}"#));
        assert_eq!(all_the_same.err(), Some(ShapeError::MergeConflict("k".into())));
        assert_eq!(apply_merge(two(), &merge("{}")).err(), Some(ShapeError::MergeConflict("k".into())));
        let json =
            apply_merge(two(), &merge(r#"{"strategy":"JSON","into":"all","conflictPolicy":"Ignore"}"#))
                .unwrap();
        assert_eq!(texts(&json)[1], ("all".into(), r#"{"k":"from-b","x":1}"#.into()));
        assert_eq!(
            apply_merge(two(), &merge(r#"{"priority":["z"]}"#)).err(),
            Some(ShapeError::NoPriority("z".into()))
        );
        assert!(
            apply_merge(
                two(),
                &merge(r#"{"priority":["z"],"priorityPolicy":"IgnoreNotFound","conflictPolicy":"Ignore"}"#)
            )
            .is_ok()
        );
        let twice = merge(r#"{"priority":["b","a","b"],"conflictPolicy":"Ignore"}"#);
        assert_eq!(texts(&apply_merge(two(), &twice).unwrap())[0].1, "from-b", "the last that is named wins");
        let bad = apply_merge(values(&[("a", "text")]), &merge("{}"));
        assert_eq!(bad.err(), Some(ShapeError::MergeNotObject("a".into())));
    }

    proptest! {
        #[test]
        fn a_rewrite_loses_no_value(keys in proptest::collection::btree_set("[a-z]{1,6}", 0..8), source in "[a-z.*()]{0,6}", target in "[a-z$1{}]{0,6}") {
            let input: Values = keys.iter().map(|key| (key.clone(), SecretBytes::copied_from(key.as_bytes()))).collect();
            if let Ok(out) = apply_regexp(input, &regexp(&source, &target)) {
                let kept: std::collections::BTreeSet<_> = out.values().map(|value| value.expose().to_vec()).collect();
                let nameless = usize::from(out.contains_key(""));
                prop_assert!(kept.len() == keys.len() || nameless == 1);
            }
        }
    }
}
