//! A loaded plugin: what it said of itself and what it may; and that each call of it is in a fresh store, under its limits.
//!
//! Calls themselves: of providers in `ask`, of template engines in `render`.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::provider::{CallError, Fault, PluginId, PropertyStep, ProviderError};
use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use serde_json::Value as Json;
use tokio::time::Instant;
use wasmtime::Store;

use crate::ambient::Ambient;
use crate::call::{self, CallSetup, CallState};
use crate::component::Inspection;
use crate::connect;
use crate::egress::EgressPool;
use crate::engine::Machine;
use crate::generators::Kinds;
use crate::grants::Grants;
use crate::guest::{EngineGuest, ProviderCode};
use crate::log::{LogBudget, LogGate};
use crate::memo::Memo;
use crate::observe::Observer;
use crate::rooms::{Room, Rooms};
use crate::schema::ConfigSchema;
use crate::session::{Requester, Session, StoreRef};
use crate::source::CredentialSource;
use crate::usage::{Usage, Used};

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// Reads (and perhaps writes) an external system.
    Provider,
    /// Renders templates.
    TemplateEngine,
}

/// What a provider said in `describe`, checked and capped.
#[derive(Clone, Debug)]
pub struct Description {
    /// How `property` is looked up in values.
    pub property_order: Vec<PropertyStep>,
    /// How it is looked up in metadata.
    pub metadata_order: Vec<PropertyStep>,
    /// Capabilities by name.
    pub capabilities: Vec<String>,
    /// Most items it wants in one get.
    pub max_batch: usize,
}

impl Description {
    /// Whether it claims a capability.
    pub fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|claimed| claimed == capability)
    }
}

/// All the randomness that a call has: enough for keys that last. Not fewer than 16 bytes, which a large attacker can
/// try out for short-lived keys only; 32 cost nothing more.
pub type Seed = [u8; SEED];

pub(crate) const SEED: usize = 32;

/// How a call ended that nothing ended before its time.
const ANSWERED: &str = "answered";

/// A provider's code, and what it said of itself.
pub(crate) struct Provider {
    pub(crate) guest: ProviderCode,
    pub(crate) description: Description,
    pub(crate) schema: ConfigSchema,
    pub(crate) push_metadata: Option<ConfigSchema>,
    pub(crate) kinds: Kinds,
}

pub(crate) enum Code {
    Provider(Box<Provider>),
    Engine(Box<dyn EngineGuest>),
}

/// A loaded plugin.
pub struct Plugin {
    pub(crate) id: PluginId,
    pub(crate) machine: Arc<Machine>,
    pub(crate) code: Arc<Code>,
    pub(crate) inspection: Arc<Inspection>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) log: Arc<LogBudget>,
    pub(crate) grants: Grants,
    pub(crate) egress: Arc<EgressPool>,
    pub(crate) memo: Arc<Memo>,
    pub(crate) ambient: Option<Arc<Ambient>>,
    pub(crate) rooms: Rooms,
}

impl Plugin {
    /// Name, version and digest.
    pub fn id(&self) -> &PluginId {
        &self.id
    }

    /// What it is for.
    pub fn kind(&self) -> PluginKind {
        match *self.code {
            Code::Provider(_) => PluginKind::Provider,
            Code::Engine(_) => PluginKind::TemplateEngine,
        }
    }

    /// What a provider said of itself.
    pub fn description(&self) -> Option<&Description> {
        self.provider().map(|provider| &provider.description)
    }

    pub(crate) fn provider(&self) -> Option<&Provider> {
        match &*self.code {
            Code::Provider(provider) => Some(provider),
            Code::Engine(_) => None,
        }
    }

    /// What it is and what it says of itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// What it has used since it was loaded.
    pub fn used(&self) -> Used {
        self.usage.so_far()
    }

    /// The same code under other grants. Calls in flight end under those they began with.
    pub fn with_grants(&self, grants: Grants) -> Self {
        Self {
            id: self.id.clone(),
            machine: self.machine.clone(),
            code: self.code.clone(),
            inspection: self.inspection.clone(),
            usage: self.usage.clone(),
            log: self.log.clone(),
            rooms: Rooms::new(grants.concurrency),
            grants,
            egress: self.egress.clone(),
            memo: self.memo.clone(),
            ambient: self.ambient.clone(),
        }
    }

    /// What it may.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    pub(crate) fn schema(&self) -> Option<&ConfigSchema> {
        self.provider().map(|provider| &provider.schema)
    }

    pub(crate) fn egress(&self) -> &EgressPool {
        &self.egress
    }

    /// Checks a store's config against the plugin's schema.
    ///
    /// # Errors
    /// [`ProviderError::InvalidConfig`] with the place and the rule.
    pub fn check_config(&self, config: &Json) -> Result<(), ProviderError> {
        self.schema().map_or(Ok(()), |schema| schema.check(config))
    }

    /// Connects a store.
    ///
    /// # Errors
    /// What the plugin says, what a need met, or how the plugin failed.
    pub async fn connect(
        self: &Arc<Self>,
        store: StoreRef,
        requester: Requester,
        config: Json,
        source: Arc<dyn CredentialSource>,
    ) -> Result<Arc<Session>, CallError> {
        let schema = self.schema().ok_or_else(|| Fault::BadAnswer("it has no config schema".to_owned()))?;
        connect::connect(self, store, requester, config, schema, source.as_ref()).await
    }

    /// What the plugin logs is cleaned of `values` and of what `redactor` knows.
    pub(crate) fn log_gate(&self, values: Vec<Arc<SecretBytes>>, redactor: Option<Arc<Redactor>>) -> LogGate {
        LogGate::new(self.id.to_string().into(), self.log.clone(), values, redactor)
    }

    /// Runs in a fresh store under every limit of the grants. Waiting for other calls of the plugin is part
    /// of `time`.
    pub(crate) async fn limited<T>(
        &self,
        operation: &'static str,
        setup: CallSetup,
        room: &Room,
        time: Duration,
        run: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let deadline = Instant::now() + time;
        let outcome = match tokio::time::timeout_at(deadline, room.enter()).await {
            Ok(Ok(_place)) => {
                let began = Instant::now();
                let outcome = call::run(&self.machine, &self.grants, &self.usage, setup, deadline, run).await;
                let ended = outcome.as_ref().map_or_else(Fault::word, |_| ANSWERED);
                let took = began.elapsed();
                let told = |observer: &dyn Observer| {
                    observer.plugin_called(&self.id.name, operation, ended, took);
                };
                self.machine.observing.tell(told);
                outcome
            }
            Ok(Err(fault)) => Err(fault),
            Err(_) => Err(call::too_slow(&self.grants)),
        };
        if let Err(fault) = &outcome {
            self.failed(fault);
        }
        outcome
    }

    /// Counts a call that a limit, a trap or a refusal ended.
    pub(crate) fn failed(&self, fault: &Fault) {
        self.usage.failed();
        self.machine.observing.tell(|observer| observer.plugin_failed(&self.id.name, fault.word()));
    }
}
