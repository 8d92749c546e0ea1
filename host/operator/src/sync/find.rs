//! `dataFrom.find`: the keys that match, page by page, and their values. What is listed is stored.
//!
//! Under an access policy a search brings what may be read by its name, and nothing else: a value that comes along in a
//! list is not taken, since what a provider calls it there need not be the key that it would be read by (AWS with a
//! prefix in the store, fields of 1Password's items, folders of Vault that are called like the mount).

use std::sync::Arc;
use std::time::Instant;

use claviger_core::access::Use;
use claviger_core::budget::Full;
use claviger_core::error::Failure;
use claviger_core::outcome;
use claviger_core::provider::{Found, Item, Query, Value};
use claviger_core::shape::{Effort, GoRegexp, ShapeError, Values, go_regexp};
use claviger_crds::external_secret::Find;

use super::connect::store_name;
use super::fetch::failure;
use super::rewrite::aside;
use super::told::Call;
use super::wanted::unusable;
use super::world::World;
use super::{Asker, Notes, Pipeline};
use crate::watch::Object;

/// Keys that one `find` may bring: a Secret holds 1 MiB.
const MAX_FOUND: usize = 5_000;

/// Those of one page that are meant. Each page may be searched anew: it has 4 MiB at most.
fn matching(found: Vec<Found>, filter: &GoRegexp) -> Result<Vec<Found>, ShapeError> {
    let mut effort = Effort::default();
    let meant = found.into_iter().map(|found| Ok((filter.is_match(&found.key, &mut effort)?, found)));
    let meant: Vec<(bool, Found)> = meant.collect::<Result<_, ShapeError>>()?;
    Ok(meant.into_iter().filter_map(|(meant, found)| meant.then_some(found)).collect())
}

impl Pipeline {
    pub(super) async fn find(
        &self,
        asker: &Asker<'_>,
        world: &dyn World,
        store: &Object,
        find: &Find,
        not_older_than: Instant,
        notes: &mut Notes,
    ) -> Result<Values, Failure> {
        let opened = self.open(store, asker.namespace, world).await?;
        opened.check_search(find.path.as_deref())?;
        let session = &opened.session;
        notes.stand_ins.extend(session.stand_ins().iter().cloned());
        let name = store_name(store);
        let regexp = find.name.as_ref().and_then(|name| name.regexp.clone());
        let failed = |error: String| unusable("dataFrom", &format!("find.name.regexp: {error}"));
        let filter = match regexp.clone() {
            Some(source) => {
                let compiled = aside("dataFrom", move || go_regexp(&source)).await?;
                Some(Arc::new(compiled.map_err(|error| failed(error.to_string()))?))
            }
            None => None,
        };
        let query = Query { path: find.path.clone(), tags: find.tags.clone(), name_regexp: regexp };
        let mut keys = Vec::new();
        let mut values = Values::new();
        let mut cursor = None;
        // As many pages as keys: who turns more, and finds little on them, never comes to an end.
        for page in 0.. {
            if page >= MAX_FOUND {
                return Err(unusable(
                    "dataFrom",
                    "find takes more than 5000 pages: narrow it by path, name or tags",
                ));
            }
            let call = Call::begin(world, "find", &name, session).of(query.path.as_deref());
            let answer = self.fetcher.call(session.as_ref(), session.find(&query, cursor)).await;
            call.tell(outcome::word(&answer), |access| {
                access.found = answer.as_ref().ok().map(|(found, _)| found.len());
            });
            let (found, next) = answer
                .map_err(|error| Failure::from_call(&name, None, None, session.plugin().id(), error))?;
            // A list that has the values is a read of each.
            let call = Call::begin(world, "get", &name, session);
            call.returned();
            // What a plugin lists it may list too much of.
            let found = match filter.clone() {
                Some(filter) => aside("dataFrom", move || matching(found, &filter))
                    .await?
                    .map_err(|error| failed(error.to_string()))?,
                None => found,
            };
            for found in found {
                let bytes = found.key.len() + found.value.as_ref().map_or(0, Value::bytes);
                notes.budget.read(bytes).map_err(|full| unusable("dataFrom (find)", &full.to_string()))?;
                if opened.check(&found.key, Use::Read).is_err() {
                    continue;
                }
                match found.value.filter(|_| !opened.is_limited()) {
                    Some(value) => {
                        call.tell(outcome::OK, |access| {
                            access.key = Some(&found.key);
                            access.version = value.version.as_deref();
                        });
                        notes.redactor.seed(&value.data);
                        values.insert(found.key, value.data);
                    }
                    None => keys.push(found.key),
                }
            }
            if keys.len() + values.len() > MAX_FOUND {
                return Err(unusable(
                    "dataFrom",
                    "find brings more than 5000 keys: narrow it by path, name or tags",
                ));
            }
            match next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        let items: Vec<Item> = keys.into_iter().map(Item::stored).collect();
        let whole = |_: &Item| Vec::new();
        let since = (not_older_than, notes.budget.to_read());
        let answers = self.read_told((session.as_ref(), &name), &items, since, world, whole).await;
        for (item, answer) in items.into_iter().zip(answers) {
            match answer {
                Ok(value) => {
                    notes.redactor.seed(&value.data);
                    let full = |full: Full| failure(&name, &item, session, full.into());
                    notes.budget.read(value.bytes()).map_err(full)?;
                    // Nobody else's, most often.
                    let value = Arc::try_unwrap(value)
                        .map_or_else(|shared| shared.data.duplicate(), |value| value.data);
                    values.insert(item.key, value);
                }
                Err(error) => {
                    let failure = failure(&name, &item, session, error);
                    // Listed, and deleted since: it is not there.
                    if !failure.is_missing_key() {
                        return Err(failure);
                    }
                }
            }
        }
        if values.is_empty() {
            opened.nothing_found(find.path.as_deref())?;
        }
        Ok(values)
    }
}
