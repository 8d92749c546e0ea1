//! Searches, turned page by page as the host does it.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::provider::{CallError, Item, Query, Value};
use claviger_plugins::Session;

use super::session::{Running, given, value_of};
use super::{Miss, Verdict};
use crate::bench::Find;

/// The host's own limit.
const MAX_PAGES: usize = 5_000;
/// Keys that are named in a message.
const NAMED: usize = 5;

pub(super) async fn exactly(suite: &Running<'_>, find: &Option<Find>) -> Verdict {
    let find = given(find)?;
    let query = Query { path: find.path.clone(), tags: find.tags.clone(), name_regexp: find.name.clone() };
    let session = suite.fresh().await?;
    let (found, pages) = pages(suite, &session, &query).await?;
    let expected = find.expect.each();
    let mut values = BTreeMap::new();
    for (key, value) in found {
        if values.insert(key.clone(), value).is_some() {
            return Err(Miss::new("each key once", format!("{key:?} twice")));
        }
    }
    let missing: BTreeSet<&String> = expected.keys().filter(|key| !values.contains_key(*key)).collect();
    let foreign: BTreeSet<&String> = values.keys().filter(|key| !expected.contains_key(*key)).collect();
    if !missing.is_empty() || !foreign.is_empty() {
        return Err(Miss::new(
            format!("{} keys", expected.len()),
            format!("{} keys; missing: {}; too many: {}", values.len(), listed(&missing), listed(&foreign)),
        ));
    }
    if find.pages.is_some_and(|least| pages < least) {
        return Err(Miss::new(format!("{} pages or more", find.pages.unwrap_or(0)), format!("{pages}")));
    }
    // What a listing did not bring along is read, as the host reads it.
    let mut read: Vec<Item> = Vec::new();
    for (key, expectation) in &expected {
        match (expectation, values.remove(key).flatten()) {
            (Some(expected), Some(value)) => {
                suite.ears.learn(&value.data);
                suite.brought(&Ok(value), None, expected).map_err(|miss| about(key, miss))?;
            }
            (Some(_), None) => read.push(value_of(key, None)),
            (None, _) => {}
        }
    }
    for (answer, item) in suite.read_all(&session, &read).await.iter().zip(&read) {
        if let Some(Some(expected)) = expected.get(&item.key) {
            suite.brought(answer, None, expected).map_err(|miss| about(&item.key, miss))?;
        }
    }
    Ok(())
}

fn about(key: &str, miss: Miss) -> Miss {
    Miss::new(format!("key {key:?}: {}", miss.expected), miss.seen)
}

fn listed(keys: &BTreeSet<&String>) -> String {
    if keys.is_empty() {
        return "none".to_owned();
    }
    let mut text: Vec<String> = keys.iter().take(NAMED).map(|key| format!("{key:?}")).collect();
    if keys.len() > NAMED {
        text.push(format!("and {} more", keys.len() - NAMED));
    }
    text.join(", ")
}

/// All pages: keys with the values that came along, and how many pages there were.
async fn pages(
    suite: &Running<'_>,
    session: &Session,
    query: &Query,
) -> Result<(Vec<(String, Option<Value>)>, usize), Miss> {
    let filter = query.name_regexp.as_deref().map(regex::Regex::new).transpose();
    let filter = filter.map_err(|_| Miss::bench("a name that is not a regular expression"))?;
    let (mut found, mut cursor, mut seen) = (Vec::new(), None, BTreeSet::new());
    for page in 1..=MAX_PAGES {
        let failed = |error: CallError| Miss::new("a page of keys", suite.said(&error));
        let (keys, next) = session.find(query, cursor).await.map_err(failed)?;
        for value in keys.iter().filter_map(|one| one.value.as_ref()) {
            suite.proxy.tape(|tape| tape.read(&value.data));
        }
        // A provider that cannot filter by name returns what it lists.
        let fits = |key: &str| filter.as_ref().is_none_or(|filter| filter.is_match(key));
        found.extend(keys.into_iter().filter(|one| fits(&one.key)).map(|one| (one.key, one.value)));
        match next {
            None => return Ok((found, page)),
            Some(next) if !seen.insert(next.clone()) => {
                return Err(Miss::new(
                    "pages that end",
                    format!("a cursor that came before, on page {page}"),
                ));
            }
            Some(next) => cursor = Some(next),
        }
    }
    Err(Miss::new("pages that end", format!("more than {MAX_PAGES}")))
}
