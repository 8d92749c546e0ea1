//! `claviger run`: the operator, until SIGINT or SIGTERM. A second signal ends it at once.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use claviger_operator::config::{
    AuthorityConfig, CertificateSource, Election, OperatorConfig, WebhookConfig,
};
use claviger_operator::plugins::Registry;
use claviger_operator::reconcile::instance_name;
use claviger_plugins::egress::EgressConfig;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::{RunArgs, WebhookArgs};

/// Runs the operator.
///
/// # Errors
/// If it cannot start; the message says what is missing.
pub(crate) async fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let dir = crate::plugins_dir::find(&args.plugins)?;
    let config = kube_config(args.kubeconfig.as_deref()).await?;
    let api_server = api_server_addresses(&config).await;
    let operator_namespace = args.operator_namespace.unwrap_or_else(|| config.default_namespace.clone());
    let egress = EgressConfig {
        allow_loopback: args.allow_loopback,
        metadata: true,
        denied: api_server,
        ..EgressConfig::default()
    };
    let ahead = Some(crate::plugins_dir::ahead(&dir));
    let host = crate::plugin_host::start(args.compile, args.plugins.cache_dir.clone(), ahead, egress)?;
    let registry = Arc::new(Registry::new(host, Path::new(&dir)));
    let (class, namespace) = (args.controller_class, args.namespace);
    let election = args.election.enable.then(|| Election {
        namespace: operator_namespace.clone(),
        name: args.election.id.unwrap_or_else(|| Election::name(&class, namespace.as_deref())),
        identity: Election::identity(instance_name().as_deref()),
    });
    let operator = OperatorConfig {
        operator_namespace,
        operator_namespace_fallback: args.operator_namespace_fallback,
        allow_generic_targets: args.unsafe_allow_generic_targets,
        namespace,
        cluster_external_secrets: args.cluster_external_secrets,
        push_secrets: args.push_secrets,
        cluster_push_secrets: args.cluster_push_secrets,
        controller_class: class,
        delimiters: args.templates.delimiters(),
        concurrency: usize::from(args.concurrency),
        listen: args.listen.0,
        webhook: webhook(args.webhook),
        store_interval: Duration::from_secs(args.store_interval),
        election,
        ..OperatorConfig::default()
    };

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
    claviger_operator::run::run(config, operator, registry, stop).await?;
    Ok(ExitCode::SUCCESS)
}

fn webhook(args: WebhookArgs) -> Option<WebhookConfig> {
    let authority = AuthorityConfig {
        secret: args.secret_name,
        service: args.service_name,
        configuration: args.configuration_name,
    };
    args.enable_webhook.then(|| WebhookConfig {
        listen: (Ipv4Addr::UNSPECIFIED, args.port).into(),
        certificates: args.cert_dir.map_or(CertificateSource::Authority(authority), CertificateSource::Files),
    })
}

/// The cluster that a person or a pod means.
pub(crate) async fn kube_config(file: Option<&Path>) -> anyhow::Result<Config> {
    match file {
        Some(file) => {
            let kubeconfig = Kubeconfig::read_from(file)
                .with_context(|| format!("kubeconfig {} cannot be used", file.display()))?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .with_context(|| format!("kubeconfig {} cannot be used", file.display()))
        }
        None => Config::infer().await.context("neither a pod's ServiceAccount nor a kubeconfig was found"),
    }
}

/// Addresses that no plugin may connect to: the API server would take a token of the store's
/// ServiceAccount from it. The API server's own client connects to the same ones.
pub(crate) async fn api_server_addresses(config: &Config) -> Vec<std::net::SocketAddr> {
    let url = &config.cluster_url;
    let Some(host) = url.host() else { return Vec::new() };
    let port = url.port_u16().unwrap_or(443);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}
