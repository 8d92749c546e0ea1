//! What a plugin may use: the admin's word, never the plugin's.

use std::time::Duration;

/// Limits and rights of one plugin. The numbers are the sandbox profile of the design; each can be
/// raised for one plugin in its `Plugin` object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Origins besides those that the store's own config names: exact, or `https://*.suffix`.
    pub origins: Vec<String>,
    /// Whether it may reach loopback addresses.
    pub loopback: bool,
    /// Whether it may reach link-local and metadata addresses.
    pub link_local: bool,
    /// Whether it may have tokens for the API server's own audience.
    pub api_server_audience: bool,
    /// Token audiences besides those that the manifest names.
    pub audiences: Vec<String>,
    /// Linear memory, MiB.
    pub memory_mib: u64,
    /// Time that it computes, per call.
    pub cpu: Duration,
    /// Time that a call takes, waiting included.
    pub wall: Duration,
    /// Bytes that one call may answer.
    pub output_bytes: u64,
    /// Calls at once.
    pub concurrency: usize,
    /// Whether the component came with the binary.
    pub built_in: bool,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            loopback: false,
            link_local: false,
            api_server_audience: false,
            audiences: Vec::new(),
            // A login, a parser and a few hundred secrets of 64 KiB fit; a runtime such as Python's does.
            memory_mib: 64,
            // Providers wait more than they compute; parsing a 4 MiB answer takes some 50 ms.
            cpu: Duration::from_secs(1),
            wall: Duration::from_secs(30),
            // Four times the most that a Secret can hold.
            output_bytes: 4 * 1024 * 1024,
            // Each is an instance with its memory: 64 of 64 MiB are address space, not RAM.
            concurrency: 64,
            built_in: false,
        }
    }
}

impl Grants {
    /// For template engines: generating an RSA key in wasm takes seconds.
    pub fn template_engine() -> Self {
        Self { cpu: Duration::from_secs(10), ..Self::default() }
    }
}

/// The default grants of a plugin that comes with the binary, by its name in manifests.
pub fn builtin_grants(name: &str) -> Grants {
    match name {
        // ESO asks for audience `vault` where the manifest names none. Vault's Kubernetes login verifies
        // the token with the API server, so it may need the API server's own audience.
        "vault" => Grants {
            audiences: vec!["vault".to_owned()],
            api_server_audience: true,
            built_in: true,
            ..Grants::default()
        },
        "v2" => Grants { built_in: true, ..Grants::template_engine() },
        _ => Grants { built_in: true, ..Grants::default() },
    }
}
