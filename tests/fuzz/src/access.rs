//! Access policies: a namespace, another one and a key in lines, and patterns in those behind them.
//!
//! Holds: a key that may be reached is covered by a pattern, read again by an expression of its own; what a `*` stands
//! for leads nowhere else; a pattern with `{{namespace}}` gives no key to two namespaces.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::access::{Policy, Use};
use claviger_crds::store::{Access, AccessRule};
use regex::Regex;

use crate::input::{lines, text};

/// See the module.
pub fn run(data: &[u8]) {
    let ([namespace, other, key], rest) = lines(data);
    let patterns: Vec<String> = text(rest).lines().take(8).map(ToOwned::to_owned).collect();
    for named in [false, true] {
        let namespaces = [namespace, other].map(ToOwned::to_owned).to_vec();
        let rule = AccessRule {
            name: "rule".to_owned(),
            namespaces: named.then_some(namespaces),
            namespace_selector: None,
            access: Access::ReadOnly,
            keys: patterns.clone(),
        };
        let Ok(policy) = Policy::parse(&[rule]) else { continue };
        let reach = |namespace| policy.reach(namespace, &BTreeMap::new(), &BTreeSet::new());
        let allowed = reach(namespace).check(key, Use::Read).is_ok();
        let _ = reach(namespace).check_search(Some(key));
        assert!(reach(namespace).check(key, Use::Write).is_err(), "it is for reading");
        if !allowed {
            continue;
        }
        let covering: Vec<(&String, Option<&str>)> = patterns
            .iter()
            .filter_map(|pattern| Some((pattern, covered(pattern, namespace, key)?)))
            .collect();
        assert!(!covering.is_empty(), "{key:?} is of no pattern");
        if covering.iter().all(|(_, rest)| rest.is_some()) {
            let odd = key.contains("//") || key.split('/').any(|part| matches!(part, "." | ".."));
            // What stands in the pattern itself was meant.
            let mut rests = covering.iter().filter_map(|(_, rest)| *rest);
            let plain = rests.any(|rest| !rest.contains(['%', '\\', '?', '#', '&']));
            assert!(!odd && plain, "{key:?} may mean another key");
        }
        let own = covering.iter().all(|(pattern, _)| pattern.contains("{{"));
        if own && namespace != other && !patterns.iter().any(|pattern| !pattern.contains("{{")) {
            assert!(reach(other).check(key, Use::Read).is_err(), "{key:?} is of two namespaces");
        }
    }
}

/// What the page about policies says, in another way: whether it is the pattern's, and what its `*` stands for.
fn covered<'k>(pattern: &str, namespace: &str, key: &'k str) -> Option<Option<&'k str>> {
    let place = Regex::new(r"\{\{\s*namespace\s*\}\}").expect("an expression");
    let filled = place.replace_all(pattern, regex::NoExpand(namespace)).into_owned();
    match filled.strip_suffix('*') {
        Some(begin) => key.strip_prefix(begin).map(Some),
        None => (key == filled).then_some(None),
    }
}
