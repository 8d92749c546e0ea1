//! Wires the operator together and runs it until it is told to stop: watches, election, workers, server.
//!
//! What the workers do is in `work` and `reconcile/`, which replica works in `election/`.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use kube::Config;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::audit::AuditLog;
use crate::client;
use crate::cluster::credentials::Credentials;
use crate::cluster::events::{EventWriter, Events, instance_name};
use crate::config::{CertificateSource, OperatorConfig};
use crate::election::{Elector, Leadership, fence};
use crate::error::OperatorError;
use crate::listen;
use crate::metrics::Metrics;
use crate::plugins::Registry;
use crate::readiness::Readiness;
use crate::reconcile::{self, Context};
use crate::refresh::Refresh;
use crate::server::{Exhibit, Server};
use crate::state::State;
use crate::sync::Pipeline;
use crate::watch::{api_server, streams};
use crate::webhook::authority::Keeper;
use crate::webhook::certificate::Certificates;
use crate::webhook::{Webhook, files};
use crate::work::work;

/// How often a loop looks up without being woken, so that a lost wake-up costs a second and not a night.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// Runs until `stop` is cancelled, against the API server of `kube`.
///
/// # Errors
/// If the API server cannot be reached at the start, lacks the definitions, or the port is taken.
pub async fn run(
    kube: Config,
    config: OperatorConfig,
    registry: Arc<Registry>,
    stop: CancellationToken,
) -> Result<(), OperatorError> {
    // For what has to go on while this process stands by: watches and the lease. Everything else goes by the other.
    let client = client::way(kube.clone())?.build();
    crate::preflight::check(&client, &config).await?;
    let election = config.election.clone();
    let leadership = if election.is_some() { Leadership::by_election() } else { Leadership::always() };
    let fenced = fence(kube, leadership.clone())?;
    let metrics = Arc::new(Metrics::new(config.object_metrics));
    registry.host().observe(metrics.clone());
    // The writer outlives everything that has something to write.
    let (audit, _writer) = AuditLog::start(config.audit, std::io::stdout());
    let state = Arc::new(State::new(metrics.clone()));
    let audiences = crate::preflight::api_server_audiences(&client, &config).await;
    let stand_in = config.operator_namespace_fallback.then(|| config.operator_namespace.clone());
    let pipeline = Pipeline::new(registry.clone(), config.delimiters.clone());
    let certificates = config.webhook.is_some().then(Arc::<Certificates>::default);
    let events = Events::default();
    let context = Arc::new(Context {
        client: fenced.clone(),
        config,
        state: state.clone(),
        registry: registry.clone(),
        pipeline,
        credentials: Arc::new(Credentials::new(fenced.clone(), audiences, stand_in)),
        events: events.clone(),
        metrics,
        audit,
        namespace_labels: reconcile::NamespaceLabels::default(),
        leadership: leadership.clone(),
        certificates,
        readiness: Readiness::default(),
    });

    let mut background = JoinSet::new();
    let mut listening = Vec::new();
    if let Some(address) = context.config.listen {
        let server = Server::bind(address).await?;
        if let Some(address) = server.address() {
            tracing::info!(%address, "serving metrics and health");
            listening.push(address);
        }
        background.spawn(server.serve(context.clone(), stop.clone()));
    }
    if let (Some(webhook), Some(certificates)) = (&context.config.webhook, &context.certificates) {
        let server = Webhook::bind(webhook.listen, certificates.clone()).await?;
        if let Some(address) = server.address() {
            tracing::info!(%address, "serving the webhook");
            listening.push(address);
        }
        if let Some(refresh) = &webhook.refresh {
            let server = Refresh::bind(refresh, certificates.clone()).await?;
            if let Some(address) = server.address() {
                tracing::info!(%address, "serving refresh");
                listening.push(address);
            }
            background.spawn(server.serve(context.clone(), stop.clone()));
        }
        let certificates = certificates.clone();
        match webhook.certificates.clone() {
            CertificateSource::Files(dir) => {
                background.spawn(files::follow(certificates, dir, stop.clone()));
            }
            CertificateSource::Authority(config) => {
                background.spawn(Keeper::new(context.clone(), certificates, config).run(stop.clone()));
            }
        }
        background.spawn(server.serve(context.clone(), stop.clone()));
    }
    registry.host().egress().listens_at(listening);
    api_server::deny(&client, registry.host()).await;
    background.spawn(api_server::follow(client.clone(), registry.host().clone(), stop.clone()));
    streams::start(&client, &context.config, &state, &stop, &mut background);

    while !state.synced() {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = state.woken() => {}
            () = tokio::time::sleep(HEARTBEAT) => {}
        }
    }
    reconcile::prepare(&context);
    tracing::info!("caches are filled");

    // It outlives the work, or what is in flight at the end would be cut off.
    let worked = CancellationToken::new();
    let mut standing = JoinSet::new();
    if let Some(election) = election {
        let (elector, worked) = (Elector::new(client, &election, leadership), worked.clone());
        standing.spawn(async move {
            // Who could not work yet should not be chosen.
            tokio::select! {
                () = worked.cancelled() => {}
                () = registry.built_ins_settled() => elector.run(worked.clone()).await,
            }
        });
    }
    background.spawn(reconcile::left::run(context.clone(), stop.clone()));
    let (told, mut telling) = (CancellationToken::new(), JoinSet::new());
    telling.spawn(EventWriter::new(fenced, events, instance_name()).run(told.clone()));
    background.spawn(listen::run(context.clone(), stop.clone()));
    let outcome = work(&context, &stop).await;
    context.readiness.stopping();
    // While the lease is still ours.
    told.cancel();
    while telling.join_next().await.is_some() {}
    stop.cancel();
    worked.cancel();
    while standing.join_next().await.is_some() {}
    while background.join_next().await.is_some() {}
    outcome
}

impl Exhibit for Context {
    fn metrics(&self) -> Result<String, std::fmt::Error> {
        self.pipeline.export(&self.metrics);
        self.metrics.leads(self.leadership.holds());
        self.metrics.queued(self.state.queued(), self.state.at_work());
        for (outcome, count) in self.audit.counts() {
            self.metrics.audit_count(outcome, count);
        }
        self.metrics
            .certificate_ends(self.certificates.as_ref().and_then(|certificates| certificates.ends()));
        self.metrics.encode()
    }

    fn missing(&self) -> Option<String> {
        if let Some(missing) = self.certificates.as_ref().and_then(|certificates| certificates.missing()) {
            return Some(missing);
        }
        let loading = |plugin: &str| self.registry.loading(plugin).is_some();
        self.readiness.missing(|| self.state.unlisted(), loading)
    }

    fn page(&self, query: &str) -> Option<Response<Full<Bytes>>> {
        crate::page::answer(self, query)
    }
}
