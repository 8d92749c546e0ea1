//! Keeps the Secret and the configuration, and has the webhook serve with what is in the Secret.
//!
//! Every replica reads the Secret and serves; the one that leads also does what is due. Both objects are watched by
//! their name, for prompt repair, and only to be told: each look reads them anew, so that no decision is of an older
//! state than its own last write.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use claviger_core::authority::Published;
use claviger_core::names::LABEL_WEBHOOK;
use futures::StreamExt as _;
use http::Request;
use http::header::DATE;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use kube::client::Body;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::configuration::Configuration;
use super::content::{Change, Content};
use super::names;
use super::secret::Found;
use crate::config::AuthorityConfig;
use crate::reconcile::Context;
use crate::watch::relist::watched;
use crate::webhook::certificate::Certificates;

/// Between two looks that nobody asked for. The watches ask when something changes; this is for what is due by time,
/// which is in days, and for a watch that is not allowed.
const LOOK: Duration = Duration::from_secs(60);

/// Between a look that failed and the next one, doubled up to [`LOOK`].
const AGAIN: Duration = Duration::from_secs(2);

/// For one look: a handful of requests.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks within [`LOOK`] that each changed something. Three are made: an authority, what it is published by, what it signs.
const MAX_CHANGES: usize = 8;

/// What stands against whom no write helps.
const CONTESTED: &str = "somebody else changes the Secret or the configuration again and again";

/// Keeps the authority of one webhook.
pub(crate) struct Keeper {
    context: Arc<Context>,
    certificates: Arc<Certificates>,
    config: AuthorityConfig,
    /// By which the API server asks.
    names: Vec<String>,
    secrets: Api<Secret>,
    /// What was last said to be in the way.
    told: Option<String>,
}

/// What a look came to.
enum Looked {
    /// Something was written: the next look says whether that is all.
    Changed,
    /// All is in order, as far as this replica has a say in it.
    Settled,
}

impl Keeper {
    /// For the webhook that `certificates` are of.
    pub(crate) fn new(
        context: Arc<Context>,
        certificates: Arc<Certificates>,
        config: AuthorityConfig,
    ) -> Self {
        let namespace = &context.config.operator_namespace;
        Self {
            names: names(&config.service, namespace),
            secrets: Api::namespaced(context.client.clone(), namespace),
            told: None,
            context,
            certificates,
            config,
        }
    }

    /// Until told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let wake = Arc::new(Notify::new());
        let mut watches = JoinSet::new();
        let client = self.context.client.clone();
        let secrets: Api<PartialObjectMeta<Secret>> =
            Api::namespaced(client.clone(), &self.context.config.operator_namespace);
        follow(&mut watches, secrets, &self.config.secret, &wake);
        let configurations: Api<PartialObjectMeta<ValidatingWebhookConfiguration>> = Api::all(client);
        follow(&mut watches, configurations, &self.config.configuration, &wake);
        let mut changes = self.context.leadership.changes();
        let mut again = AGAIN;
        let mut changed: Vec<Instant> = Vec::new();
        while !stop.is_cancelled() {
            let looked = tokio::select! {
                () = stop.cancelled() => return,
                looked = tokio::time::timeout(PATIENCE, self.settle(&mut changed)) => looked,
            };
            let looked = looked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
            // Who is woken by what undoes its writes would write as fast as the API server takes it.
            let contested = changed.len() > MAX_CHANGES;
            let pause = match looked {
                Ok(()) => {
                    again = AGAIN;
                    LOOK
                }
                Err(_) => {
                    let pause = again;
                    again = (again * 2).min(LOOK);
                    pause
                }
            };
            self.tell(looked.err());
            tokio::select! {
                () = stop.cancelled() => return,
                () = wake.notified(), if !contested => {}
                Ok(()) = changes.changed() => {}
                () = tokio::time::sleep(if contested { LOOK } else { pause }) => {}
            }
        }
    }

    /// Says what is in the way, once, and that it is no longer.
    fn tell(&mut self, why: Option<String>) {
        if self.told == why {
            return;
        }
        match &why {
            Some(why) => tracing::warn!(why, "the webhook's authority is not in order"),
            None => {
                tracing::info!(bundle_of = self.config.configuration, "the webhook's authority is in order")
            }
        }
        self.told = why;
    }

    /// Looks until nothing is left to do. `changed` is when something was, of late.
    async fn settle(&self, changed: &mut Vec<Instant>) -> Result<(), String> {
        loop {
            changed.retain(|at| at.elapsed() < LOOK);
            if changed.len() > MAX_CHANGES {
                return Err(CONTESTED.to_owned());
            }
            match self.look().await? {
                Looked::Changed => changed.push(Instant::now()),
                Looked::Settled => return Ok(()),
            }
        }
    }

    async fn look(&self) -> Result<Looked, String> {
        let found = Found::read(&self.secrets, &self.config.secret).await;
        let found = found.map_err(|error| format!("{}: {error}", self.secret()));
        let found = found.inspect_err(|why| self.certificates.refuse(why.clone()))?;
        if !found.is_ours {
            let why = format!(
                "{} is not the operator's: it has no label {LABEL_WEBHOOK}. Choose another by --webhook-secret-name, \
                 or delete it",
                self.secret()
            );
            self.certificates.refuse(why.clone());
            return Err(why);
        }
        let mut wrong = Vec::new();
        let content = Content::read(&found.data, found.since.as_deref(), &self.names, &mut wrong);
        let served = content.served();
        let serves = served.is_some();
        if let Some((chain, key)) = served {
            self.certificates.offer(chain, key.expose(), &self.secret());
        }
        let outcome = match self.context.leadership.term() {
            // Whatever comes after the end of the term is another's work.
            Some(term) => {
                term.during(self.keep(&found, content, &wrong)).await.unwrap_or(Ok(Looked::Settled))
            }
            None => Ok(Looked::Settled),
        };
        match &outcome {
            Err(why) if !serves => self.certificates.refuse(why.clone()),
            Ok(Looked::Settled) if !serves => {
                self.certificates.refuse(format!("{} holds none yet, the leader makes it", self.secret()));
            }
            _ => {}
        }
        outcome
    }

    /// Does what is due.
    async fn keep(&self, found: &Found, mut content: Content, wrong: &[String]) -> Result<Looked, String> {
        let (client, named) = (&self.context.client, self.configuration());
        let service = (self.context.config.operator_namespace.as_str(), self.config.service.as_str());
        let configuration = Configuration::read(client, &self.config.configuration, service).await;
        let (published, known) = match &configuration {
            Ok(Some(configuration)) => configuration.published(),
            Ok(None) => (Published::Nobody, Vec::new()),
            Err(_) => (Published::Unknown, Vec::new()),
        };
        // Who judges the certificates is the API server. A clock of ours that is years ahead would withdraw what is served,
        // and nobody is deposed for a wrong clock.
        let now = server_time(client).await.unwrap_or_else(Timestamp::now);
        let done = content.advance(now, &self.names, &published, &known)?;
        let mut looked = Looked::Settled;
        if found.differs(&content) {
            let written =
                found.write(client, &self.context.config.operator_namespace, &self.config.secret, &content);
            let reference = match written.await {
                Ok(reference) => reference,
                Err(error) if is_stale(&error) => return Ok(Looked::Changed),
                Err(error) => return Err(format!("{}: {error}", self.secret())),
            };
            self.say(found, &reference, wrong, &done);
            looked = Looked::Changed;
        }
        let configuration = match configuration {
            Ok(Some(configuration)) => configuration,
            // Nobody asks. It may come with the next manifest.
            Ok(None) if matches!(looked, Looked::Changed) => return Ok(looked),
            Ok(None) => return Err(format!("{named} is not there: nobody asks the webhook")),
            Err(error) => return Err(format!("{named}: {error}")),
        };
        if !configuration.is_of_us() {
            return Err(format!(
                "{named} has no webhook of Service {}/{}: nobody asks ours, and what is another's is left alone",
                service.0, service.1
            ));
        }
        let bundle = content.bundle();
        let differing = configuration.differing(&bundle);
        if differing.is_empty() {
            return Ok(looked);
        }
        if configuration.is_injected() {
            return Err(format!(
                "{named} has an annotation by which cert-manager writes its caBundle: take it off, or use \
                 --webhook-cert-dir"
            ));
        }
        let publishing = configuration.publish(client, &self.config.configuration, &differing, &bundle);
        match publishing.await {
            Ok(()) => {}
            Err(error) if is_stale(&error) => return Ok(Looked::Changed),
            Err(error) => return Err(format!("{named}: {error}")),
        }
        tracing::info!(configuration = self.config.configuration, webhooks = ?differing, "published the authorities");
        Ok(Looked::Changed)
    }

    /// Tells people what was done to the Secret.
    fn say(&self, found: &Found, about: &ObjectReference, wrong: &[String], done: &[Change]) {
        let events = &self.context.events;
        if found.exists() && !found.data.is_empty() && !wrong.is_empty() {
            let note = format!("repaired: {}", wrong.join("; "));
            tracing::warn!(secret = self.secret(), wrong = ?wrong, "repaired the webhook's Secret");
            events.warning(about, "WebhookSecretRepaired", &note);
        }
        for change in done {
            tracing::info!(secret = self.secret(), "{}", change.note());
            events.normal(about, change.reason(), change.note());
        }
    }

    fn secret(&self) -> String {
        format!("Secret {}/{}", self.context.config.operator_namespace, self.config.secret)
    }

    fn configuration(&self) -> String {
        format!("ValidatingWebhookConfiguration {}", self.config.configuration)
    }
}

/// What the API server says what time it is, to the second: every answer has it, a refusal too. None: it does not, or
/// there was none.
async fn server_time(client: &Client) -> Option<Timestamp> {
    let request = Request::get("/version").body(Body::empty()).ok()?;
    let response = client.send(request).await.ok()?;
    time_of(response.headers().get(DATE)?.to_str().ok()?)
}

/// RFC 9110, 5.6.7: IMF-fixdate.
fn time_of(date: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(date).ok().map(|time| time.timestamp())
}

/// Whether somebody else has written the object since it was seen, or made it.
fn is_stale(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Wakes whoever waits when the object of that name changes. Its metadata only: no key is kept in another place.
fn follow<K>(tasks: &mut JoinSet<()>, api: Api<PartialObjectMeta<K>>, name: &str, wake: &Arc<Notify>)
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + 'static,
{
    let (name, wake) = (name.to_owned(), wake.clone());
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    tasks.spawn(async move {
        let mut stream = std::pin::pin!(watched(api, config).default_backoff());
        while let Some(event) = stream.next().await {
            match event {
                Ok(_) => wake.notify_one(),
                Err(error) => tracing::warn!(name, error = %error, "watch failed, retrying"),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9110, and what is none.
    #[test]
    fn the_api_server_s_time_is_read() {
        assert_eq!(time_of("Sun, 06 Nov 1994 08:49:37 GMT").map(Timestamp::as_second), Some(784_111_777));
        assert!(time_of("06 Nov").is_none() && time_of("").is_none());
    }
}
