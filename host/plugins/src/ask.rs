//! A call of a provider, from the question to the answer: the same way for every operation. What is asked, and what is made
//! of the answer, stands where the operation is (`session`, `writer`, `leases`, `generators`, `events`, `connect`).
//!
//! How a call is held to its limits is `call`'s.

use std::sync::Arc;
use std::time::Duration;

use claviger_core::outcome;
use claviger_core::provider::{CallError, Fault, ProviderError};
use claviger_core::redact::Redactor;
use claviger_core::secret::SecretBytes;
use tokio::time::Instant;
use wasmtime::Store;

use crate::call::{self, CallSetup, CallState};
use crate::convert;
use crate::guest::{Answer, Each, ProviderCode, connection, types as wit};
use crate::memo::MemoScope;
use crate::plugin::{Plugin, Provider};
use crate::rooms::Room;
use crate::session::{Input, Session};

/// The read of keys, which is told by the word of its first key where none was answered.
const GET: &str = "get";

/// What a guest says, and what the host knows of why the backend was unavailable, if it was.
type Said<T> = (Result<T, wit::Error>, Option<String>);

impl Session {
    /// A call of the plugin, to be made.
    pub(crate) fn ask(&self, operation: &'static str) -> Ask<'_> {
        Ask { session: self, operation, room: self.room.clone(), values: Vec::new() }
    }
}

/// A call of a session's plugin that is not made yet.
pub(crate) struct Ask<'a> {
    session: &'a Session,
    operation: &'static str,
    room: Room,
    values: Vec<Arc<SecretBytes>>,
}

impl Ask<'_> {
    /// In another room than that of who asks.
    pub(crate) fn in_room(self, room: Room) -> Self {
        Self { room, ..self }
    }

    /// With values that whatever the plugin logs may be of.
    pub(crate) fn with_values(self, values: Vec<Arc<SecretBytes>>) -> Self {
        Self { values, ..self }
    }

    /// Asks one thing.
    pub(crate) async fn one<T>(
        self,
        run: impl AsyncFnOnce(&ProviderCode, &mut Store<CallState>) -> Answer<T>,
    ) -> Result<T, CallError> {
        self.make(run, |_, _| {}, |_| outcome::OK).await
    }

    /// Asks `count` things, for an answer to each.
    pub(crate) async fn each<T>(
        self,
        count: usize,
        run: impl AsyncFnOnce(&ProviderCode, &mut Store<CallState>) -> Each<T>,
    ) -> Result<Vec<Result<T, ProviderError>>, CallError> {
        let (redactor, reads) = (self.session.redactor.clone(), self.operation == GET);
        let improve = |answers: &mut Vec<Result<T, wit::Error>>, trouble: &str| {
            for error in answers.iter_mut().filter_map(|answer| answer.as_mut().err()) {
                say_why(error, trouble);
            }
        };
        let word = |answers: &Vec<Result<T, wit::Error>>| match answers.first() {
            // A backend that is away says so key by key.
            Some(Err(error)) if reads && answers.iter().all(Result::is_err) => {
                convert::error(error.clone()).word()
            }
            _ => outcome::OK,
        };
        let answers = self.make(run, improve, word).await?;
        if answers.len() != count {
            return Err(Fault::BadAnswer(format!("{} answers to {count} items", answers.len())).into());
        }
        let clean = |error| convert::cleaned_item(convert::error(error), &redactor);
        Ok(answers.into_iter().map(|answer| answer.map_err(clean)).collect())
    }

    /// The call. Where the guest found the backend unavailable, the host knows better why than it could be told: `improve`
    /// says so in the errors inside the answer. `word` is how an answer is told of.
    async fn make<T>(
        self,
        run: impl AsyncFnOnce(&ProviderCode, &mut Store<CallState>) -> Answer<T>,
        improve: impl FnOnce(&mut T, &str),
        word: impl FnOnce(&T) -> &'static str,
    ) -> Result<T, CallError> {
        let Self { session, operation, room, values } = self;
        let plugin = &session.plugin;
        let wall = plugin.grants.wall;
        let setup = CallSetup {
            holder: Some(session.input.requester.namespace.as_str().into()),
            egress: Some(session.egress.clone()),
            // Who waits for another's login has to have time left to say that it waited in vain.
            memo: Some(MemoScope::new(plugin.memo.clone(), session.scope.clone(), wall / 4 * 3)),
            log: plugin.log_gate(values, Some(session.redactor.clone())),
        };
        let began = Instant::now();
        let answer = plugin.call_provider(operation, setup, &room, wall, run).await.map(
            |(mut answer, trouble): Said<T>| {
                match (&mut answer, trouble) {
                    (Ok(answer), Some(trouble)) => improve(answer, &trouble),
                    (Err(error), Some(trouble)) => say_why(error, &trouble),
                    (_, None) => {}
                }
                answer
            },
        );
        let (took, ended) = (
            began.elapsed(),
            match &answer {
                Ok(Ok(answered)) => word(answered),
                Ok(Err(error)) => convert::error(error.clone()).word(),
                Err(error) => error.word(),
            },
        );
        plugin.machine.observing.tell(|observer| {
            observer.provider_called(&plugin.id.name, operation, ended, took);
        });
        let answer = answer.and_then(|answer| answer.map_err(|error| convert::error(error).into()));
        // What the guest says of its credentials in an error stays here.
        answer.map_err(|error| convert::cleaned(error, &session.redactor))
    }
}

impl Plugin {
    /// One round of `connect`, within what is left of the plugin's time for all of them. It asks no backend, so nobody is told
    /// that one was asked.
    pub(crate) async fn connect_round(
        &self,
        input: &Input,
        redactor: Arc<Redactor>,
        room: &Room,
        time: Duration,
    ) -> Result<Result<connection::Step, wit::Error>, CallError> {
        let holder = Some(input.requester.namespace.as_str().into());
        let input = input.to_guest();
        let log = self.log_gate(Vec::new(), Some(redactor));
        let setup = CallSetup { holder, egress: None, memo: None, log };
        let run =
            async |guest: &ProviderCode, store: &mut Store<CallState>| guest.connect(store, &input).await;
        let (step, _) = self.call_provider("connect", setup, room, time, run).await?;
        Ok(step)
    }

    /// Calls the provider's code. A denied request ends it: whatever error the guest made of that, or of retrying it, the
    /// denial is the answer.
    async fn call_provider<T>(
        &self,
        operation: &'static str,
        setup: CallSetup,
        room: &Room,
        time: Duration,
        run: impl AsyncFnOnce(&ProviderCode, &mut Store<CallState>) -> Answer<T>,
    ) -> Result<Said<T>, CallError> {
        let Some(Provider { guest, .. }) = self.provider() else {
            return Err(Fault::NotLoaded(format!("{} is no provider", self.id)).into());
        };
        let (mut denied, mut trouble) = (None, None);
        let answer = self
            .limited(operation, setup, room, time, async |store| {
                let answer = run(guest, &mut *store).await?;
                denied = call::denial(store);
                trouble = call::trouble(store);
                Ok(answer)
            })
            .await?;
        match denied {
            Some(denied) => {
                self.failed(&denied);
                Err(denied.into())
            }
            None => Ok((answer, trouble)),
        }
    }
}

/// The host's words for why the backend was unavailable, in place of the guest's guess.
fn say_why(error: &mut wit::Error, trouble: &str) {
    if let wit::Error::Unavailable(detail) = error {
        trouble.clone_into(detail);
    }
}
