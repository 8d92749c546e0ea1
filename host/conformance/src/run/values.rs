//! Reads without a fault: values, versions, properties, metadata, batches, and what is not there.

use claviger_core::provider::{CallError, Facet, Item, Nature, ProviderError};
use serde_json::Value as Json;

use super::session::{Running, given, named, value_of};
use super::{Miss, Verdict};
use crate::bench::KeyCase;

/// Fewer would not show that a plugin gets along with many.
const THOUSAND: usize = 1_000;

pub(super) async fn key(suite: &Running<'_>, case: &Option<KeyCase>) -> Verdict {
    one(suite, given(case)?).await
}

pub(super) async fn keys(suite: &Running<'_>, cases: &Option<Vec<KeyCase>>) -> Verdict {
    let cases = given(cases)?;
    if cases.is_empty() {
        return Err(Miss::bench("an empty list"));
    }
    for case in cases {
        let subject = [&case.key, &case.version, &case.property].into_iter().flatten();
        let subject: Vec<_> = subject.map(|text| format!("{text:?}")).collect();
        one(suite, case)
            .await
            .map_err(|miss| Miss::new(format!("{}: {}", subject.join(" "), miss.expected), miss.seen))?;
    }
    Ok(())
}

async fn one(suite: &Running<'_>, case: &KeyCase) -> Verdict {
    let key = suite.key(&case.key)?;
    let (expected, property) = suite.expected(key, &case.expect)?;
    let property = case.property.as_deref().or(property);
    let session = suite.fresh().await?;
    let outcome = suite.read(&session, value_of(key, case.version.as_deref())).await;
    suite.brought(&outcome, property, expected)
}

fn not_found(error: &CallError) -> bool {
    matches!(error, CallError::Provider(ProviderError::NotFound(_)))
}

pub(super) async fn missing_key(suite: &Running<'_>) -> Verdict {
    let key = named(given(&suite.bench.cases.missing_key)?)?;
    let session = suite.fresh().await?;
    suite.failed(&suite.read(&session, value_of(key, None)).await, "not-found", not_found)
}

pub(super) async fn missing_version(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.missing_version)?;
    let version = case.version.as_deref().ok_or_else(|| Miss::bench("no version"))?;
    let session = suite.fresh().await?;
    let outcome = suite.read(&session, value_of(suite.key(&case.key)?, Some(version))).await;
    suite.failed(&outcome, "not-found", not_found)
}

pub(super) async fn missing_property(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.missing_property)?;
    let property = case.property.as_deref().ok_or_else(|| Miss::bench("no property"))?;
    let session = suite.fresh().await?;
    let outcome = suite.read(&session, value_of(suite.key(&case.key)?, None)).await;
    let value = outcome.map_err(|error| Miss::new("a value", suite.said(&error)))?;
    match suite.property(&value, property)? {
        None => Ok(()),
        Some(found) => Err(Miss::new(
            format!("no property {property:?}"),
            format!("a step of property-order that finds {} bytes", found.len()),
        )),
    }
}

pub(super) async fn denied(suite: &Running<'_>) -> Verdict {
    let key = named(given(&suite.bench.cases.denied)?)?;
    let session = suite.fresh().await?;
    suite.failed(&suite.read(&session, value_of(key, None)).await, "denied", |error| {
        matches!(error, CallError::Provider(ProviderError::Denied(_)))
    })
}

pub(super) async fn metadata(suite: &Running<'_>) -> Verdict {
    let case = given(&suite.bench.cases.metadata)?;
    let item = Item {
        key: suite.key(&case.key)?.to_owned(),
        version: None,
        facet: Facet::Metadata,
        nature: Nature::Stored,
    };
    let session = suite.fresh().await?;
    let answer = suite.read(&session, item).await;
    let answer = answer.map_err(|error| Miss::new("metadata", suite.said(&error)))?;
    let found: Json = serde_json::from_slice(answer.data.expose())
        .map_err(|_| Miss::new("metadata that is JSON", format!("{} bytes of none", answer.data.len())))?;
    match lacking(&case.expect, &found, String::new()) {
        None => Ok(()),
        Some(place) => Err(Miss::new("the metadata that is given", format!("another at {place:?}"))),
    }
}

/// The first place of `expected` that `found` does not have like that.
pub(super) fn lacking(expected: &Json, found: &Json, place: String) -> Option<String> {
    match (expected, found) {
        (Json::Object(expected), Json::Object(found)) => expected.iter().find_map(|(key, value)| {
            lacking(value, found.get(key).unwrap_or(&Json::Null), format!("{place}/{key}"))
        }),
        _ => (expected != found).then_some(place),
    }
}

pub(super) async fn thousand_keys(suite: &Running<'_>) -> Verdict {
    let many = given(&suite.bench.cases.thousand_keys)?;
    if many.times < THOUSAND {
        return Err(Miss::bench(format!("{} keys, fewer than {THOUSAND}", many.times)));
    }
    let items: Vec<Item> =
        (0..many.times).map(|n| value_of(&crate::bench::numbered(&many.key, n), None)).collect();
    let session = suite.fresh().await?;
    for (n, answer) in suite.read_all(&session, &items).await.iter().enumerate() {
        suite
            .brought(answer, None, &many.expect.numbered(n))
            .map_err(|miss| Miss::new(format!("key {:?}: {}", items[n].key, miss.expected), miss.seen))?;
    }
    Ok(())
}

pub(super) async fn one_bad_key(suite: &Running<'_>) -> Verdict {
    let cases = &suite.bench.cases;
    let batch = given(&cases.one_bad_key_in_batch)?;
    let usual = || cases.missing_key.as_ref().and_then(|case| case.key.clone());
    let bad = batch.missing.clone().or_else(usual).ok_or_else(|| Miss::bench("no key that is missing"))?;
    let good = match batch.keys.as_slice() {
        [] => vec![suite.key(&None)?.to_owned()],
        keys => keys.to_vec(),
    };
    // In the middle: whoever stops at it, or shifts what follows, is seen.
    let keys = [good.clone(), vec![bad], good.clone()].concat();
    let items: Vec<Item> = keys.iter().map(|key| value_of(key, None)).collect();
    let session = suite.fresh().await?;
    let answers = suite.read_all(&session, &items).await;
    for (n, answer) in answers.iter().enumerate() {
        if n == good.len() {
            suite.failed(answer, "not-found for the missing key", not_found)?;
            continue;
        }
        if let Err(error) = answer {
            let expected = format!("a value of {:?}, beside a key that is missing", keys[n]);
            return Err(Miss::new(expected, suite.said(error)));
        }
        if let Ok((expected, property)) = suite.expected(&keys[n], &None) {
            suite.brought(answer, property, expected)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_may_have_more_than_is_expected_and_nothing_else() {
        let found = json!({"tags": {"a": "1", "b": "2"}, "list": [1, 2], "n": null});
        for (expected, place) in [
            (json!({}), None),
            (json!({"tags": {"a": "1"}}), None),
            (json!({"list": [1, 2]}), None),
            (json!({"list": [1]}), Some("/list")),
            (json!({"tags": {"a": "2"}}), Some("/tags/a")),
            (json!({"tags": {"c": "3"}}), Some("/tags/c")),
            (json!([]), Some("")),
        ] {
            assert_eq!(lacking(&expected, &found, String::new()).as_deref(), place, "{expected}");
        }
    }
}
