//! `connect` in rounds: the plugin says what it needs, the host resolves it by its own rules, until the
//! plugin is ready and has named its origins.
//!
//! What a need brings is in `resolve`, where a reference that names no namespace is looked for in `stand_in`, what makes a
//! session of a ready plugin in `ready` and `tls`.

mod ready;
mod resolve;
mod stand_in;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use claviger_core::access::Account;
use claviger_core::provider::{CallError, Fault, NeedError};
use claviger_core::redact::Redactor;
use serde_json::Value as Json;

use crate::convert;
use crate::guest::connection as guest;
use crate::needs::{Reference, Rules};
use crate::plugin::Plugin;
use crate::rooms::Room;
use crate::schema::ConfigSchema;
use crate::session::{Input, Requester, Session, Slot, StoreRef};
use crate::source::CredentialSource;
use crate::store_text::Surroundings;
use stand_in::StandIn;

/// Rounds before a plugin that never has enough is stopped. The deepest known needs three: annotations,
/// then a token whose audience stands in one, then a file.
const MAX_ROUNDS: usize = 8;
/// Needs of one connect.
const MAX_NEEDS: usize = 64;

/// Connects.
pub(crate) async fn connect(
    plugin: &Arc<Plugin>,
    store: StoreRef,
    requester: Requester,
    config: Json,
    schema: &ConfigSchema,
    source: &dyn CredentialSource,
) -> Result<Arc<Session>, CallError> {
    let settings = plugin.grants().settings.clone();
    let redactor = Redactor::knowing(&config);
    let mut work = Work {
        room: plugin.rooms.of(&requester.namespace),
        plugin,
        schema,
        source,
        input: Input { store, requester, config, settings, slots: Vec::new() },
        identities: BTreeSet::new(),
        annotations: BTreeMap::new(),
        surroundings: Surroundings::new(),
        stand_in: StandIn::new(source.stand_in_namespace()),
        tenants: BTreeSet::new(),
        redactor,
    };
    match work.rounds().await {
        Ok(ready) => {
            let redactor = Arc::new(std::mem::take(&mut work.redactor));
            work.ready(ready, redactor.clone()).map_err(|error| convert::cleaned(error, &redactor))
        }
        // It has been handed credentials, and may quote them.
        Err(error) => Err(convert::cleaned(error, &work.redactor)),
    }
}

struct Work<'a> {
    room: Room,
    plugin: &'a Arc<Plugin>,
    /// Of the config: which places in it are references.
    schema: &'a ConfigSchema,
    source: &'a dyn CredentialSource,
    input: Input,
    /// What the credentials are, without being them.
    identities: BTreeSet<String>,
    /// Annotations that were shown, by account: they may name audiences for it.
    annotations: BTreeMap<Reference, Vec<(String, String)>>,
    /// What metadata services said of where this process runs.
    surroundings: Surroundings,
    /// The namespace that stands in where a ClusterSecretStore names none.
    stand_in: StandIn,
    /// ServiceAccounts of the asker's namespace.
    tenants: BTreeSet<Account>,
    redactor: Redactor,
}

impl Work<'_> {
    /// Asks until the plugin is ready. Its time is that of one call for all rounds; reading objects is not
    /// its doing.
    async fn rounds(&mut self) -> Result<guest::Ready, CallError> {
        let mut time = self.plugin.grants().wall;
        for _ in 0..MAX_ROUNDS {
            let began = Instant::now();
            let mut redactor = Redactor::knowing(&self.input.config);
            for (_, slot) in &self.input.slots {
                if let Slot::Bytes(bytes) = slot {
                    redactor.seed(bytes);
                }
            }
            let step = self.plugin.connect_round(&self.input, Arc::new(redactor), &self.room, time).await?;
            time = time.saturating_sub(began.elapsed());
            match step.map_err(convert::error)? {
                guest::Step::Ready(ready) => return Ok(ready),
                guest::Step::Need(needs) => {
                    if needs.is_empty() {
                        return Err(wrong("connect is not ready and asks for nothing".to_owned()));
                    }
                    let count = self.input.slots.len() + needs.len();
                    if count > MAX_NEEDS {
                        return Err(wrong(format!("connect asks for {count} things, more than {MAX_NEEDS}")));
                    }
                    for need in needs {
                        self.resolve(need).await?;
                    }
                }
            }
        }
        Err(wrong(format!("connect was not ready after {MAX_ROUNDS} rounds")))
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            store: &self.input.store,
            requester: &self.input.requester,
            config: &self.input.config,
            schema: self.schema,
            grants: self.plugin.grants(),
            stand_in: self.stand_in.namespace(),
            surroundings: &self.surroundings,
        }
    }

    async fn resolve(&mut self, need: guest::Need) -> Result<(), CallError> {
        let slot = match &need {
            guest::Need::Object(need) => &need.slot,
            guest::Need::Account(need) => &need.slot,
            guest::Need::Token(need) => &need.slot,
            guest::Need::Ambient(need) => &need.slot,
        };
        if slot.len() > 100 || self.input.slots.iter().any(|(known, _)| known == slot) {
            return Err(wrong("connect asks for one slot twice, or gives one an absurd name".to_owned()));
        }
        let slot = slot.clone();
        let (optional, outcome) = match need {
            guest::Need::Object(need) => (need.optional, self.object(need).await),
            guest::Need::Account(need) => (false, self.account(need).await),
            guest::Need::Token(need) => (false, self.token(need).await),
            guest::Need::Ambient(need) => (need.optional, self.ambient(&need).await),
        };
        let value = match outcome {
            Err(CallError::Need(NeedError::NotFound { .. } | NeedError::AmbientRefused { .. }))
                if optional =>
            {
                Slot::Absent
            }
            other => other?,
        };
        self.input.slots.push((slot, value));
        Ok(())
    }
}

fn wrong(what: String) -> CallError {
    Fault::BadAnswer(what).into()
}
