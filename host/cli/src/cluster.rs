//! Which cluster a command is about, and a client for it. What is done there is each command's own.

use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// The cluster that a person or a pod means.
///
/// # Errors
/// If there is none, or it is to be reached by a proxy: the API server is asked directly. HTTPS_PROXY is for
/// providers, though the library takes it for a kubeconfig's cluster too.
pub(crate) async fn config(file: Option<&Path>) -> anyhow::Result<Config> {
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

/// A client of it.
///
/// # Errors
/// If its address or credentials cannot be used.
pub(crate) fn client(config: Config) -> anyhow::Result<Client> {
    Client::try_from(config).context("the cluster's address or credentials cannot be used")
}

/// Whether a text is that value.
fn is_in<T: FromStr + PartialEq>(value: &T, text: &str) -> bool {
    text.parse::<T>().is_ok_and(|other| other == *value)
}

/// Addresses that no plugin may connect to: the API server would take a token of the store's
/// ServiceAccount from it. The API server's own client connects to the same ones.
pub(crate) async fn api_server_addresses(config: &Config) -> Vec<SocketAddr> {
    let url = &config.cluster_url;
    let Some(host) = url.host() else { return Vec::new() };
    let port = url.port_u16().unwrap_or(443);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}
