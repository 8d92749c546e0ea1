//! What stops the operator as a whole. What stops one object is a [`claviger_core::error::Failure`].

use std::net::SocketAddr;

/// Why the process cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The port is taken, or not ours to bind.
    #[error(
        "cannot listen on {address}: {source}; choose another with --listen, --webhook-port or --refresh-port"
    )]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The API server cannot be used.
    #[error("cannot talk to the Kubernetes API server: {0}")]
    Kubernetes(#[source] Box<kube::Error>),
    /// A definition that the operator needs is missing.
    #[error(
        "the API server does not know {kind}: install the definitions with `claviger crds | kubectl apply --server-side -f -`"
    )]
    MissingDefinition {
        /// `ExternalSecret.external-secrets.io` …
        kind: &'static str,
    },
    /// The webhook cannot be served.
    #[error("cannot serve the webhook: {0}")]
    Webhook(String),
    /// A worker panicked; the supervisor should restart the process.
    #[error("a worker stopped unexpectedly: {0}")]
    Worker(String),
}

impl From<kube::Error> for OperatorError {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}
