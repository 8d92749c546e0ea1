//! What a plugin says it can, against what the bench says of it: who claims a capability is not excused
//! from its cases, and who does not claim it must say so when it is asked.

use std::collections::BTreeMap;

use claviger_core::provider::{CallError, Facet, Item, Nature, ProviderError, Query};

use super::session::{Running, value_of};
use super::{Miss, Verdict};
use crate::case::Case;

/// Whether the plugin claims what a case of the bench is about: a user learns of it in no other way.
pub(super) fn claimed(suite: &Running<'_>) -> Verdict {
    let capabilities = suite.case.capabilities();
    if capabilities.is_empty() || capabilities.iter().any(|capability| suite.description.can(capability)) {
        return Ok(());
    }
    Err(Miss::new(
        format!("describe claims {}, since the bench gives the case", capabilities.join(" or ")),
        "it does not",
    ))
}

/// Whether the bench may declare the case unsupported.
pub(super) async fn excused(suite: &Running<'_>) -> Verdict {
    for capability in suite.case.capabilities() {
        if suite.description.can(capability) {
            return Err(Miss::new(
                format!("a case in the bench, since describe claims {capability}"),
                "the bench declares it unsupported",
            ));
        }
    }
    tried(suite).await
}

/// Asks for what is not claimed. A plugin that answers something else misleads whoever asks in earnest.
async fn tried(suite: &Running<'_>) -> Verdict {
    let query = match suite.case {
        Case::Version => {
            let key = suite.key(&None)?.to_owned();
            return unsupported(suite, "a version", Some(value_of(&key, Some("1"))), None).await;
        }
        Case::Metadata => {
            let key = suite.key(&None)?.to_owned();
            let item =
                Item { key, version: None, property: None, facet: Facet::Metadata, nature: Nature::Stored };
            return unsupported(suite, "metadata", Some(item), None).await;
        }
        Case::FindByName => Query { name_regexp: Some(".*".to_owned()), ..Query::default() },
        Case::FindByPath => Query { path: Some("a".to_owned()), ..Query::default() },
        Case::FindByTags => {
            Query { tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]), ..Query::default() }
        }
        Case::Push => {
            let session = suite.fresh().await?;
            let outcome = session.exists(&["absent".to_owned()]).await;
            return suite.failed(
                &outcome,
                "unsupported, asked whether a key is there to be pushed",
                |error| matches!(error, CallError::Provider(ProviderError::Unsupported(_))),
            );
        }
        _ => return Ok(()),
    };
    unsupported(suite, "such a search", None, Some(query)).await
}

async fn unsupported(suite: &Running<'_>, what: &str, item: Option<Item>, query: Option<Query>) -> Verdict {
    let session = suite.fresh().await?;
    let outcome = match (item, query) {
        (Some(item), _) => suite.read(&session, item).await.map(drop),
        (None, Some(query)) => session.find(&query, None).await.map(drop),
        (None, None) => return Ok(()),
    };
    let expected = format!("unsupported, asked for {what} that describe does not claim");
    suite.failed(&outcome, &expected, |error| {
        matches!(error, CallError::Provider(ProviderError::Unsupported(_)))
    })
}
