//! What `connect` says of a session that is complete: where it goes, whose it is, and as whom Key Vault counts it.

use claviger_plugin_sdk::provider::connection::{Origin, Reach, Ready, Session};
use claviger_plugin_sdk::{Error, json};

use crate::config::Config;
use crate::slots::Slots;
use crate::{identity, login};

/// All that is read of a vault.
const VAULT_PATHS: [&str; 6] =
    ["/secrets", "/certificates", "/keys", "/deletedsecrets", "/deletedcertificates", "/deletedkeys"];

/// Decides it.
///
/// # Errors
/// Where the answers of the host contradict the config.
pub fn ready(config: &Config, session: &Session) -> Result<Ready, Error> {
    let identity = identity::of(&config.auth, Slots(&session.have))?;
    let endpoint = identity.map(|identity| login::endpoint(config, &identity.tenant.value));
    Ok(Ready {
        origins: origins(config, endpoint.as_deref()),
        partition: depends_on_requester(config, session).then(|| session.requester.namespace.clone()),
        // Key Vault counts by vault, and the vault is an origin: nothing else of the config decides.
        account: Some(String::new()),
    })
}

/// The vault and the token endpoint. A gateway may be both, and an origin has one list of paths.
fn origins(config: &Config, endpoint: Option<&str>) -> Vec<Origin> {
    let vault = VAULT_PATHS.map(ToOwned::to_owned).to_vec();
    let Some(endpoint) = endpoint else {
        return vec![origin(config.vault.origin(), vault, "Azure Key Vault")];
    };
    let path = endpoint.strip_prefix(&config.login.origin()).unwrap_or_default().to_owned();
    if config.vault.is_at(&config.login) {
        let paths = vault.into_iter().chain([path]).collect();
        return vec![origin(config.vault.origin(), paths, "Azure Key Vault and Microsoft Entra ID (login)")];
    }
    vec![
        origin(config.vault.origin(), vault, "Azure Key Vault"),
        origin(config.login.origin(), vec![path], "Microsoft Entra ID (login)"),
    ]
}

pub(crate) fn origin(url: String, paths: Vec<String>, purpose: &str) -> Origin {
    Origin {
        url,
        reach: Reach::Network,
        paths,
        tls: None,
        purpose: purpose.to_owned(),
        max_response_bytes: None,
        max_header_bytes: None,
    }
}

/// Whether a reference in use means the namespace of whoever asks: in a ClusterSecretStore, without one of its own.
pub(crate) fn depends_on_requester(config: &Config, session: &Session) -> bool {
    let open = |at: &&str| json::text(&config.json, &format!("{at}/namespace")).is_none();
    session.store.namespace.is_none() && config.auth.references().iter().any(open)
}

#[cfg(test)]
#[path = "ready_tests.rs"]
mod tests;
