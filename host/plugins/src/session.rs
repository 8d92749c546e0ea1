//! A store that a plugin is connected to: its config, what its references resolved to, where it may
//! reach. Every call of the plugin gets the same input, complete.
//!
//! Here are the calls that every provider answers; the others are in `writer`, `leases`, `generators` and `events`, and how
//! any of them is made in `ask`.

use std::collections::BTreeSet;
use std::sync::Arc;

use claviger_core::access::Account;
use claviger_core::provider::{CallError, Fault, Found, Health, Item, ProviderError, Query, Value};
use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use serde_json::Value as Json;
use wasmtime::Store;

use crate::call::CallState;
use crate::convert::{self, MAX_NAME};
use crate::egress::EgressSession;
use crate::guest::{connection as guest, provider, types as wit};
use crate::plugin::Plugin;
use crate::rooms::Room;

/// Keys of one page. The largest pages of the known backends are 1,000.
const MAX_PAGE: usize = 5_000;

/// A cursor is a token of the backend's or a key.
const MAX_CURSOR: usize = 64 * 1024;

/// The store that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreRef {
    /// SecretStore or ClusterSecretStore.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// None for a ClusterSecretStore.
    pub namespace: Option<String>,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.generation`.
    pub generation: i64,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Namespace of the ExternalSecret; empty when a store is validated on its own.
    pub namespace: String,
}

/// Who may share an answer, a login, a connection: same plugin bytes, same store, same credentials, same
/// partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub(crate) plugin: Arc<str>,
    pub(crate) store: Arc<str>,
    pub(crate) identity: Arc<str>,
    pub(crate) partition: Option<Arc<str>>,
}

/// What a slot holds. Shared with the TLS that is made from it.
pub(crate) enum Slot {
    Bytes(Arc<SecretBytes>),
    /// For the host alone.
    Hidden(Arc<SecretBytes>),
    Account(Vec<(String, String)>),
    Absent,
}

/// Everything a guest gets to see; kept in types that wipe themselves, copied for each call.
pub(crate) struct Input {
    pub(crate) store: StoreRef,
    pub(crate) requester: Requester,
    pub(crate) config: Json,
    pub(crate) settings: Json,
    pub(crate) slots: Vec<(String, Slot)>,
}

impl Input {
    pub(crate) fn to_guest(&self) -> guest::ConnectInput {
        guest::ConnectInput {
            store: wit::StoreRef {
                kind: self.store.kind.clone(),
                name: self.store.name.clone(),
                namespace: self.store.namespace.clone(),
                uid: self.store.uid.clone(),
                generation: self.store.generation,
            },
            requester: wit::Requester { namespace: self.requester.namespace.clone() },
            config: self.config.to_string(),
            settings: self.settings.to_string(),
            have: self
                .slots
                .iter()
                .map(|(slot, value)| guest::SlotValue {
                    slot: slot.clone(),
                    value: match value {
                        Slot::Bytes(bytes) => guest::Resolved::Bytes(bytes.expose().to_vec()),
                        Slot::Hidden(_) => guest::Resolved::Withheld,
                        Slot::Account(annotations) => guest::Resolved::Account(
                            annotations
                                .iter()
                                .map(|(name, value)| guest::Annotation {
                                    name: name.clone(),
                                    value: value.clone(),
                                })
                                .collect(),
                        ),
                        Slot::Absent => guest::Resolved::Absent,
                    },
                })
                .collect(),
        }
    }
}

/// A connected store.
pub struct Session {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) input: Input,
    pub(crate) scope: Scope,
    pub(crate) account: Arc<str>,
    pub(crate) egress: Arc<EgressSession>,
    pub(crate) room: Room,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) warnings: Vec<String>,
    pub(crate) stand_ins: Vec<String>,
    pub(crate) tenants: BTreeSet<Account>,
}

impl Session {
    /// The plugin.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// The store.
    pub fn store(&self) -> &StoreRef {
        &self.input.store
    }

    /// Who may share what is read through it.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whose limits at the backend it shares: a hash of its origins and of who logs in.
    pub(crate) fn account(&self) -> &Arc<str> {
        &self.account
    }

    /// What an admin should know: plain HTTP, verification turned off.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// What credentials came from the namespace that stands in where a ClusterSecretStore names none
    /// (`ServiceAccount operators/gcp`).
    pub fn stand_ins(&self) -> &[String] {
        &self.stand_ins
    }

    /// The proxies (`HOST:PORT`) that its requests go by: what they reach is then the proxies' to decide.
    pub fn proxies(&self) -> impl IntoIterator<Item = String> {
        self.egress.proxies()
    }

    /// The ServiceAccounts of the asker's own namespace that it logs in as, each as it was read.
    pub fn tenants(&self) -> &BTreeSet<Account> {
        &self.tenants
    }

    /// Whether it reaches nobody: what is made through it is known to nobody else, and has to be taken back nowhere.
    pub fn is_alone(&self) -> bool {
        self.egress.is_closed()
    }

    /// Whether a key may name something that is made for who reads it.
    pub fn is_dynamic(&self) -> bool {
        self.plugin.description().is_some_and(|it| it.can("dynamic"))
    }

    /// Whether the provider is told the property that is asked for, and answers with it.
    pub fn has_own_properties(&self) -> bool {
        self.plugin.description().is_some_and(|it| it.can("own-properties"))
    }

    /// Reads several keys. One answer per item, in order.
    ///
    /// # Errors
    /// If nothing could be tried, or the plugin failed.
    pub async fn get(&self, items: &[Item]) -> Result<Vec<Result<Value, ProviderError>>, CallError> {
        let wanted: Vec<_> = items.iter().map(convert::item).collect();
        let input = self.input.to_guest();
        let answers = self
            .ask("get")
            .each(items.len(), async |guest, store| {
                let answers = guest.get(store, &input, &wanted).await?;
                answers.iter().flatten().flatten().for_each(|value| hide(store, value));
                Ok(answers)
            })
            .await?;
        let total: u64 = answers.iter().flatten().map(convert::size).fold(0, u64::saturating_add);
        self.within_output(total)?;
        let facets = items.iter().map(|item| item.facet);
        Ok(answers
            .into_iter()
            .zip(facets)
            .map(|(answer, facet)| answer.map(|value| convert::value(value, facet)))
            .collect())
    }

    /// One page of keys that match, and where the next begins.
    ///
    /// # Errors
    /// As [`Session::get`].
    pub async fn find(
        &self,
        query: &Query,
        cursor: Option<String>,
    ) -> Result<(Vec<Found>, Option<String>), CallError> {
        let query = convert::query(query);
        let input = self.input.to_guest();
        let page = self
            .ask("find")
            .one(async |guest, store| {
                let page = guest.find(store, &input, &query, cursor.as_deref()).await?;
                let found = page.iter().flat_map(|page| &page.found);
                found.filter_map(|found| found.value.as_ref()).for_each(|value| hide(store, value));
                Ok(page)
            })
            .await?;
        let wrong = |what: String| Err(Fault::BadAnswer(what).into());
        if page.found.len() > MAX_PAGE {
            return wrong(format!("a page of {} keys, more than {MAX_PAGE}", page.found.len()));
        }
        // A key that is cut is another key.
        if let Some(long) = page.found.iter().map(|found| found.key.len()).find(|length| *length > MAX_NAME) {
            return wrong(format!("a key of {long} bytes, more than {MAX_NAME}"));
        }
        if page.next.as_ref().is_some_and(|next| next.len() > MAX_CURSOR) {
            return wrong(format!("a cursor of more than {MAX_CURSOR} bytes"));
        }
        if page.next.is_some() && page.next == cursor {
            return wrong("the next page is the same page".to_owned());
        }
        let total = page.found.iter().filter_map(|found| found.value.as_ref()).map(convert::size);
        self.within_output(total.fold(0, u64::saturating_add))?;
        Ok((page.found.into_iter().map(convert::found).collect(), page.next))
    }

    /// The cheapest real call that shows that the store works.
    ///
    /// # Errors
    /// As [`Session::get`].
    pub async fn validate(&self) -> Result<Health, CallError> {
        let input = self.input.to_guest();
        let health =
            self.ask("validate").one(async |guest, store| guest.validate(store, &input).await).await?;
        Ok(match convert::health(health) {
            Health::Unknown(detail) => Health::Unknown(self.redactor.cleaned(&detail)),
            Health::Ready => Health::Ready,
        })
    }

    pub(crate) fn within_output(&self, total: u64) -> Result<(), CallError> {
        let limit_bytes = self.plugin.grants().output_bytes;
        if total > limit_bytes { Err(Fault::OutputLimit { limit_bytes }.into()) } else { Ok(()) }
    }
}

/// No line of the log of this call may show what was answered.
fn hide(store: &mut Store<CallState>, value: &provider::Value) {
    let log = &mut store.data_mut().log;
    log.hide(&value.data);
    value.entries.iter().flatten().for_each(|(_, entry)| log.hide(entry));
}
