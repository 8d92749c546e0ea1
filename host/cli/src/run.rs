//! `claviger run`: the operator, until SIGINT or SIGTERM. A second signal ends it at once.

use std::process::ExitCode;

use anyhow::{Context, bail};
use claviger_operator::cluster::events::instance_name;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::RunArgs;
use crate::plugin_host::Folders;
use crate::{cluster, config};

/// Runs the operator.
///
/// # Errors
/// If it cannot start; the message says what is missing.
pub(crate) async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    if args.refresh.enable_refresh && !args.webhook.enable_webhook {
        bail!(
            "--enable-refresh (refresh.enabled) needs --enable-webhook (webhook.enabled): tokens come there, and \
             it is the webhook's certificate that keeps them from others"
        );
    }
    let mut egress = config::egress(&args)?;
    let folders = Folders::find(&args.plugins)?;
    let kube = cluster::config(args.kubeconfig.as_deref()).await?;
    egress.denied = cluster::api_server_addresses(&kube).await;
    if let Some(file) = &args.config {
        tracing::info!(file = %file.display(), "settings read");
    }
    let registry = folders.registry(args.compile, egress)?;
    let namespace = args.operator_namespace.clone().unwrap_or_else(|| kube.default_namespace.clone());
    let operator = config::operator(&args, namespace, instance_name().as_deref());

    let stop = CancellationToken::new();
    let mut signals = JoinSet::new();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let token = stop.clone();
    signals.spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        tracing::info!("told to stop");
        token.cancel();
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        std::process::exit(130);
    });
    claviger_operator::run::run(kube, operator, registry, stop).await?;
    Ok(ExitCode::SUCCESS)
}
