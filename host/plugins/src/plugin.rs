//! A loaded plugin: what it said of itself, what it may, and its calls, each in a fresh store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::outcome;
use claviger_core::provider::{CallError, Fault, PluginId, PropertyStep, ProviderError};
use claviger_core::redact::Redactor;
use claviger_core::secret::{SecretBytes, Untrusted};
use serde_json::Value as Json;
use tokio::time::Instant;
use wasmtime::Store;

use crate::ambient::Ambient;
use crate::call::{self, CallSetup, CallState};
use crate::component::Inspection;
use crate::connect;
use crate::convert;
use crate::egress::EgressPool;
use crate::engine::Machine;
use crate::generators::Kinds;
use crate::grants::Grants;
use crate::guest::{
    Answer, EngineGuest, ProviderCode, connection as connection_guest, engine as engine_guest,
    provider as guest, types as wit,
};
use crate::log::{LogBudget, LogGate};
use crate::memo::{Memo, MemoScope};
use crate::observe::Observer;
use crate::rooms::{Room, Rooms};
use crate::schema::ConfigSchema;
use crate::session::{Input, Requester, Session, StoreRef};
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

/// The one call of a provider that asks no backend.
const CONNECT: &str = "connect";

/// How a call ended that nothing ended before its time.
const ANSWERED: &str = "answered";

/// Options of a rendering.
#[derive(Clone, Debug)]
pub struct RenderOptions {
    /// A key that the data lacks is an error.
    pub strict: bool,
    /// Usually `{{`.
    pub left: String,
    /// Usually `}}`.
    pub right: String,
    /// The time that templates see, unix milliseconds.
    pub now_ms: u64,
    /// Seed of the randomness that templates see.
    pub seed: Seed,
}

/// What a rendering gave.
pub struct RenderedTexts {
    /// One for each template, in their order.
    pub texts: Vec<SecretBytes>,
    /// Another time or another seed could have given another text in one of them.
    pub varies: bool,
}

/// Why a rendering failed.
#[derive(Clone, Debug)]
pub enum RenderError {
    /// A template is wrong.
    Template {
        /// Which, by the name it was given.
        template: String,
        /// From 1; 0 if unknown.
        line: u32,
        /// From 1; 0 if unknown.
        column: u32,
        /// The engine's text.
        detail: Untrusted,
    },
    /// The engine failed.
    Fault(Fault),
}

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
        self.provider_code().map(|provider| &provider.description)
    }

    pub(crate) fn provider_code(&self) -> Option<&Provider> {
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
        self.provider_code().map(|provider| &provider.schema)
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

    /// Renders templates, each against all of the data, in order.
    ///
    /// # Errors
    /// The first template that fails, or the engine's own failure.
    pub async fn render(
        &self,
        templates: &[(String, String)],
        data: &BTreeMap<String, Arc<SecretBytes>>,
        options: &RenderOptions,
    ) -> Result<RenderedTexts, RenderError> {
        let Code::Engine(guest) = &*self.code else {
            return Err(RenderError::Fault(Fault::NotLoaded(format!("{} is no template engine", self.id))));
        };
        let texts: Vec<_> = templates
            .iter()
            .map(|(name, text)| engine_guest::Template { name: name.clone(), text: text.clone() })
            .collect();
        let values: Vec<_> = data.iter().map(|(key, value)| (key.clone(), value.expose().to_vec())).collect();
        let options = engine_guest::Options {
            strict: options.strict,
            left_delimiter: options.left.clone(),
            right_delimiter: options.right.clone(),
            now_ms: options.now_ms,
            seed: options.seed.to_vec(),
        };
        // Whatever it says may be of the data.
        let log = self.log_gate(data.values().cloned().collect(), None);
        let setup = CallSetup { egress: None, memo: None, log };
        let answer = self
            .limited("render", setup, &self.rooms.whole(), self.grants.wall, async |store| {
                guest.render(store, &texts, &values, &options).await
            })
            .await
            .map_err(RenderError::Fault)?;
        let rendered = answer.map_err(|failure| RenderError::Template {
            template: templates
                .iter()
                .find(|(name, _)| *name == failure.template)
                .map_or_else(|| "(unknown)".to_owned(), |(name, _)| name.clone()),
            line: failure.line,
            column: failure.column,
            detail: Untrusted::new(failure.detail),
        })?;
        if rendered.len() != templates.len() {
            let what = format!("{} texts for {} templates", rendered.len(), templates.len());
            return Err(RenderError::Fault(Fault::BadAnswer(what)));
        }
        let total: usize = rendered.iter().map(|text| text.data.len()).sum();
        let limit_bytes = self.grants.output_bytes;
        if u64::try_from(total).unwrap_or(u64::MAX) > limit_bytes {
            return Err(RenderError::Fault(Fault::OutputLimit { limit_bytes }));
        }
        let varies = rendered.iter().any(|text| text.varies);
        let texts = rendered.into_iter().map(|text| SecretBytes::new(text.data)).collect();
        Ok(RenderedTexts { texts, varies })
    }

    /// One round of `connect`, within what is left of the plugin's time for all of them.
    pub(crate) async fn connect_round(
        &self,
        input: &Input,
        redactor: Arc<Redactor>,
        room: &Room,
        time: Duration,
    ) -> Result<Result<connection_guest::Step, wit::Error>, CallError> {
        let input = input.to_guest();
        let setup = CallSetup { egress: None, memo: None, log: self.log_gate(Vec::new(), Some(redactor)) };
        self.provider(
            CONNECT,
            setup,
            room,
            time,
            async |guest, store| guest.connect(store, &input).await,
            |_, _| {},
        )
        .await
    }

    pub(crate) async fn get(
        &self,
        session: &Session,
        items: &[guest::Item],
    ) -> Result<Result<Vec<Result<guest::Value, wit::Error>>, wit::Error>, CallError> {
        let input = session.input.to_guest();
        self.judged(
            "get",
            self.setup(session),
            &session.room,
            self.grants.wall,
            async |guest, store| {
                let answers = guest.get(store, &input, items).await?;
                for value in answers.iter().flatten().flatten() {
                    store.data_mut().log.hide(&value.data);
                    for (_, entry) in value.entries.iter().flatten() {
                        store.data_mut().log.hide(entry);
                    }
                }
                Ok(answers)
            },
            |answers, trouble| {
                for answer in answers {
                    if let Err(error) = answer {
                        say_why(error, trouble);
                    }
                }
            },
            |answers| keys_word(answers),
        )
        .await
    }

    pub(crate) async fn find(
        &self,
        session: &Session,
        query: &guest::Query,
        cursor: Option<String>,
    ) -> Result<Result<guest::Page, wit::Error>, CallError> {
        let input = session.input.to_guest();
        self.provider(
            "find",
            self.setup(session),
            &session.room,
            self.grants.wall,
            async |guest, store| {
                let page = guest.find(store, &input, query, cursor.as_deref()).await?;
                for value in page.iter().flat_map(|page| &page.found).filter_map(|found| found.value.as_ref())
                {
                    store.data_mut().log.hide(&value.data);
                    for (_, entry) in value.entries.iter().flatten() {
                        store.data_mut().log.hide(entry);
                    }
                }
                Ok(page)
            },
            |_, _| {},
        )
        .await
    }

    pub(crate) async fn validate(
        &self,
        session: &Session,
    ) -> Result<Result<guest::Health, wit::Error>, CallError> {
        let input = session.input.to_guest();
        self.provider(
            "validate",
            self.setup(session),
            &session.room,
            self.grants.wall,
            async |guest, store| guest.validate(store, &input).await,
            |_, _| {},
        )
        .await
    }

    /// What the plugin logs is cleaned of `values` and of what `redactor` knows.
    pub(crate) fn log_gate(&self, values: Vec<Arc<SecretBytes>>, redactor: Option<Arc<Redactor>>) -> LogGate {
        LogGate::new(self.id.to_string().into(), self.log.clone(), values, redactor)
    }

    pub(crate) fn setup(&self, session: &Session) -> CallSetup {
        CallSetup {
            egress: Some(session.egress.clone()),
            // Who waits for another's login has to have time left to say that it waited in vain.
            memo: Some(MemoScope::new(self.memo.clone(), session.scope.clone(), self.grants.wall / 4 * 3)),
            log: self.log_gate(Vec::new(), Some(session.redactor.clone())),
        }
    }

    /// A call of a provider. A denied request ends it: whatever error the guest made of that, or of
    /// retrying it, the denial is the answer. And where the guest found the backend unavailable, the host
    /// knows better why than it could be told: `improve` says so in the errors inside the answer.
    pub(crate) async fn provider<T>(
        &self,
        operation: &'static str,
        setup: CallSetup,
        room: &Room,
        time: Duration,
        run: impl AsyncFnOnce(&ProviderCode, &mut Store<CallState>) -> Answer<T>,
        improve: impl FnOnce(&mut T, &str),
    ) -> Result<Result<T, wit::Error>, CallError> {
        self.judged(operation, setup, room, time, run, improve, |_| outcome::OK).await
    }

    /// The same, where an answer may be one that says why there is none: `judge` finds the word for it.
    #[expect(clippy::too_many_arguments, reason = "what a call is, and what is made of its answer")]
    async fn judged<T>(
        &self,
        operation: &'static str,
        setup: CallSetup,
        room: &Room,
        time: Duration,
        run: impl AsyncFnOnce(&ProviderCode, &mut Store<CallState>) -> Answer<T>,
        improve: impl FnOnce(&mut T, &str),
        judge: impl FnOnce(&T) -> &'static str,
    ) -> Result<Result<T, wit::Error>, CallError> {
        let began = Instant::now();
        let answer = self.call_provider(operation, setup, room, time, run, improve).await;
        let outcome = match &answer {
            Ok(Ok(answered)) => judge(answered),
            Ok(Err(error)) => convert::error(error.clone()).word(),
            Err(error) => error.word(),
        };
        // Connecting asks no backend.
        if operation != CONNECT {
            let took = began.elapsed();
            let told = |observer: &dyn Observer| {
                observer.provider_called(&self.id.name, operation, outcome, took);
            };
            self.machine.observing.tell(told);
        }
        answer
    }

    async fn call_provider<T>(
        &self,
        operation: &'static str,
        setup: CallSetup,
        room: &Room,
        time: Duration,
        run: impl AsyncFnOnce(&ProviderCode, &mut Store<CallState>) -> Answer<T>,
        improve: impl FnOnce(&mut T, &str),
    ) -> Result<Result<T, wit::Error>, CallError> {
        let Some(Provider { guest, .. }) = self.provider_code() else {
            return Err(Fault::NotLoaded(format!("{} is no provider", self.id)).into());
        };
        let (mut denied, mut trouble) = (None, None);
        let mut answer = self
            .limited(operation, setup, room, time, async |store| {
                let answer = run(guest, &mut *store).await?;
                denied = call::denial(store);
                trouble = call::trouble(store);
                Ok(answer)
            })
            .await?;
        if let Some(denied) = denied {
            self.failed(&denied);
            return Err(denied.into());
        }
        if let Some(trouble) = trouble {
            match &mut answer {
                Ok(answer) => improve(answer, &trouble),
                Err(error) => say_why(error, &trouble),
            }
        }
        Ok(answer)
    }

    /// Runs in a fresh store under every limit of the grants. Waiting for other calls of the plugin is part
    /// of `time`.
    async fn limited<T>(
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

    fn failed(&self, fault: &Fault) {
        self.usage.failed();
        self.machine.observing.tell(|observer| observer.plugin_failed(&self.id.name, fault.word()));
    }
}

/// The word for a read of several keys: that of the first, if none was answered. A backend that is away says so key by key.
fn keys_word(answers: &[Result<guest::Value, wit::Error>]) -> &'static str {
    match answers.first() {
        Some(Err(error)) if answers.iter().all(Result::is_err) => convert::error(error.clone()).word(),
        _ => outcome::OK,
    }
}

/// The host's words for why the backend was unavailable, in place of the guest's guess.
pub(crate) fn say_why(error: &mut wit::Error, trouble: &str) {
    if let wit::Error::Unavailable(detail) = error {
        trouble.clone_into(detail);
    }
}
