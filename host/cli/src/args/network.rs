//! Flags about how providers are reached: proxies, authorities, what every connection has to be. The operator has all of
//! them; who compares on a machine of his own has those that lead to the providers.

use std::path::PathBuf;

use clap::Args;

use super::values::{ProxyText, parse_switch};

/// Proxies. Requests to metadata services, loopback and the API server never go by them.
#[derive(Debug, Args)]
pub(crate) struct ProxyArgs {
    /// Proxy for requests to https:// origins of providers, as `http://[USER:PASSWORD@]HOST:PORT`; empty for none. It
    /// decides what is reached then, and stores say that they go by it
    #[arg(long = "https-proxy", env = "HTTPS_PROXY", value_name = "URL", hide_env_values = true)]
    pub https: Option<ProxyText>,
    /// Proxy for requests to http:// origins of providers, in the same form
    #[arg(long = "http-proxy", env = "HTTP_PROXY", value_name = "URL", hide_env_values = true)]
    pub http: Option<ProxyText>,
    /// What is reached without a proxy: names with all below them, .names, addresses, networks such as 10.0.0.0/8, each
    /// with or without a port, or *; between commas
    #[arg(long = "no-proxy", env = "NO_PROXY", value_name = "LIST")]
    pub past: Option<String>,
}

/// What every store's connections have to be.
#[derive(Debug, Args)]
pub(crate) struct SecurityArgs {
    /// Refuse every origin of a provider that is http://, on loopback too
    #[arg(long, env = "CLAVIGER_ENCRYPTION_IN_TRANSIT", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = false, default_missing_value = "true",
          action = clap::ArgAction::Set, value_parser = parse_switch)]
    pub encryption_in_transit: bool,
    /// Refuse every store that switches the verification of certificates off
    #[arg(long, env = "CLAVIGER_VALIDATE_REMOTE_CERTIFICATES", value_name = "BOOL", num_args = 0..=1,
          require_equals = true, default_value_t = false, default_missing_value = "true",
          action = clap::ArgAction::Set, value_parser = parse_switch)]
    pub validate_remote_certificates: bool,
    /// PEM file with authorities that are trusted for providers besides the system's, by stores that name none [default:
    /// the system's alone]
    #[arg(long, env = "CLAVIGER_CA_BUNDLE", value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
}

/// How providers are reached from a person's machine: as from the operator's.
#[derive(Debug, Args)]
pub(crate) struct ReachArgs {
    #[command(flatten)]
    pub proxy: ProxyArgs,
    /// PEM file with authorities that are trusted for providers besides the system's, by stores that name none [default:
    /// the system's alone]
    #[arg(long, env = "CLAVIGER_CA_BUNDLE", value_name = "FILE")]
    pub ca_bundle: Option<PathBuf>,
}
