//! `claviger run`: the operator, until SIGINT or SIGTERM. A second signal ends it at once.

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use claviger_operator::cluster::events::instance_name;
use claviger_operator::plugins::Registry;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::args::RunArgs;
use crate::config;

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
    let dir = crate::plugins_dir::find(&args.plugins)?;
    let kube = kube_config(args.kubeconfig.as_deref()).await?;
    egress.denied = api_server_addresses(&kube).await;
    if let Some(file) = &args.config {
        tracing::info!(file = %file.display(), "settings read");
    }
    let ahead = crate::plugins_dir::ahead(&args.plugins, &dir);
    let host = crate::plugin_host::start(args.compile, args.plugins.cache_dir.clone(), ahead, egress)?;
    let registry = Arc::new(Registry::new(host, Path::new(&dir)));
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

/// The cluster that a person or a pod means.
///
/// # Errors
/// If there is none, or it is to be reached by a proxy: the API server is asked directly. HTTPS_PROXY is for
/// providers, though the library takes it for a kubeconfig's cluster too.
pub(crate) async fn kube_config(file: Option<&Path>) -> anyhow::Result<Config> {
    let mut config = match file {
        Some(file) => {
            let context = || format!("kubeconfig {} cannot be used", file.display());
            let kubeconfig = Kubeconfig::read_from(file).with_context(context)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .with_context(context)?
        }
        None => Config::infer().await.context("neither a pod's ServiceAccount nor a kubeconfig was found")?,
    };
    let by_variable = |proxy| {
        let variables = ["HTTPS_PROXY", "https_proxy"].map(std::env::var);
        variables.iter().flatten().any(|text| is_in(proxy, text))
    };
    match config.proxy_url.take() {
        // Not with its URL, which may hold a password.
        Some(proxy) if !by_variable(&proxy) => {
            bail!("the kubeconfig names a proxy for the API server (proxy-url), which is not supported")
        }
        _ => Ok(config),
    }
}

/// Whether a text is that value.
fn is_in<T: FromStr + PartialEq>(value: &T, text: &str) -> bool {
    text.parse::<T>().is_ok_and(|other| other == *value)
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
