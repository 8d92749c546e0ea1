//! The provider's object: which vault, which cloud, and where a token may go. The login itself is `auth`'s.
//!
//! A token for a cloud's vaults goes to that cloud's vaults only, whoever logs in. What is the operator's own
//! (a managed identity, the token of its pod) goes nowhere that only the store names, and nor does what Entra gives
//! for the pod's token.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

use crate::auth::Auth;
use crate::cloud::{CLOUDS, CUSTOM, Cloud, Url};

/// A store's config, ready for use.
#[derive(Debug)]
pub struct Config {
    /// Where the vault is.
    pub vault: Url,
    /// The resource that tokens are for, without a slash at the end.
    pub resource: String,
    /// Where tokens come from.
    pub login: Url,
    /// How to log in.
    pub auth: Auth,
    /// Whether the store itself says where tokens come from.
    pub custom: bool,
    /// Everything.
    pub json: Value,
}

const VAULT_AT: &str = "/vaultUrl";
/// The field of the endpoint that gives tokens.
pub const LOGIN_AT: &str = "/customCloudConfig/activeDirectoryEndpoint";
/// The field of the resource that tokens are for.
pub const RESOURCE_AT: &str = "/customCloudConfig/keyVaultEndpoint";
const SUFFIX_AT: &str = "/customCloudConfig/keyVaultDNSSuffix";

impl Config {
    /// Parses a config and the admin's settings.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(config: &str, settings: &str) -> Result<Self, Error> {
        let json: Value =
            serde_json::from_str(config).map_err(|_| invalid_config("", "the config is not JSON"))?;
        let auth = Auth::parse(&json)?;
        let vault = text(&json, VAULT_AT)
            .ok_or_else(|| invalid_config(VAULT_AT, "the address of the vault is needed"))?;
        let vault = Url::read(vault).filter(|url| url.path.is_empty()).ok_or_else(|| {
            invalid_config(
                VAULT_AT,
                "it must be an address like https://NAME.vault.azure.net, and nothing else",
            )
        })?;
        let custom = given(&json, "/customCloudConfig");
        let own_login = if custom { Some(own_login(&json)?) } else { None };
        let admins = admins_login(settings)?;
        if matches!(auth, Auth::Pod { .. }) {
            let trusted = |login: &Url| Cloud::owns_login(&login.text()) || Some(login) == admins.as_ref();
            if own_login.as_ref().is_some_and(|login| !trusted(login)) {
                return Err(invalid_config(
                    LOGIN_AT,
                    "the operator's own token goes to a cloud's own endpoint, or to the one that the operator's settings name: use serviceAccountRef, or have it set there",
                ));
            }
        }
        let (resource, default_login) = match environment(&json)? {
            Some(cloud) => {
                check_vault(&vault, cloud)?;
                if own_login.as_ref().is_some_and(|login| login.scheme != "https") {
                    return Err(invalid_config(LOGIN_AT, "it must begin with https://"));
                }
                (cloud.resource(), Url::read(cloud.login))
            }
            None if !custom => {
                return Err(invalid_config(
                    "/customCloudConfig",
                    format!("it is needed for environmentType {CUSTOM}"),
                ));
            }
            None => {
                let resource = own_resource(&json, &vault)?;
                let at_microsofts = own_login.as_ref().is_some_and(|login| Cloud::owns_login(&login.text()));
                if matches!(auth, Auth::Pod { .. }) && at_microsofts {
                    check_resource(&resource, &vault)?;
                }
                if auth.is_ambient() && !(vault.scheme == "https" && vault.is_below(&resource.host)) {
                    return Err(invalid_config(
                        VAULT_AT,
                        format!(
                            "with the operator's own identity it must be https://NAME.{}, below the resource that the token is for",
                            resource.host
                        ),
                    ));
                }
                (resource.text(), None)
            }
        };
        // The pod's environment names its own cloud for all (AZURE_AUTHORITY_HOST, set by the webhook of
        // workload identity): a store that names another one means that.
        let admins = admins.filter(|login| !Cloud::owns_login(&login.text()));
        let login = own_login.or(admins).or(default_login);
        let login = login.ok_or_else(|| invalid_config(LOGIN_AT, "it is needed"))?;
        Ok(Self { vault, resource, login, auth, custom, json })
    }

    /// Whether `environmentType` is the one whose endpoints are the store's own.
    pub fn names_resource(&self) -> bool {
        text(&self.json, "/environmentType") == Some(CUSTOM)
    }
}

/// The store's cloud; none for a custom one.
///
/// # Errors
/// If it is none of Azure's.
pub(crate) fn environment(json: &Value) -> Result<Option<&'static Cloud>, Error> {
    let name = text(json, "/environmentType").unwrap_or("PublicCloud");
    if name == CUSTOM {
        return Ok(None);
    }
    CLOUDS.iter().find(|cloud| cloud.name == name).map(Some).ok_or_else(|| {
        let names: Vec<&str> = CLOUDS.iter().map(|cloud| cloud.name).chain([CUSTOM]).collect();
        invalid_config("/environmentType", format!("it must be one of {}", names.join(", ")))
    })
}

fn check_vault(vault: &Url, cloud: &Cloud) -> Result<(), Error> {
    if vault.scheme != "https" {
        return Err(invalid_config(VAULT_AT, "it must begin with https://"));
    }
    match Cloud::of_host(&vault.host) {
        Some(found) if found == cloud => Ok(()),
        Some(found) => Err(invalid_config(
            VAULT_AT,
            format!("it is a vault of {0}: set environmentType to {0}", found.name),
        )),
        None => Err(invalid_config(
            VAULT_AT,
            format!(
                "vaults of {} are called NAME{}; others need environmentType {CUSTOM} and customCloudConfig",
                cloud.name, cloud.suffix
            ),
        )),
    }
}

/// At an endpoint of Microsoft's the pod's token is good for whatever its application may, and the store names what
/// that is and who gets it: so it is for a cloud's vaults, and for nothing else (an API behind a gateway has the
/// address of its host, or of any tenant's domain). A managed identity needs no such rule, since its grant names the
/// resource; at an endpoint that the admin has set there is nothing but the admin's own stack.
fn check_resource(resource: &Url, vault: &Url) -> Result<(), Error> {
    let cloud = CLOUDS.iter().find(|cloud| cloud.resource() == resource.text()).ok_or_else(|| {
        let resources: Vec<String> = CLOUDS.iter().map(Cloud::resource).collect();
        invalid_config(
            RESOURCE_AT,
            format!(
                "the operator's own token is changed at this endpoint only into tokens for {}: use serviceAccountRef, or have the endpoint of this cloud set in the operator's settings",
                resources.join(", ")
            ),
        )
    })?;
    if vault.scheme == "https" && Cloud::of_host(&vault.host) == Some(cloud) {
        return Ok(());
    }
    let detail = format!(
        "with the operator's own identity it must be https://NAME{}, a vault of the cloud that the token is for",
        cloud.suffix
    );
    Err(invalid_config(VAULT_AT, detail))
}

fn own_login(json: &Value) -> Result<Url, Error> {
    let login = text(json, LOGIN_AT).ok_or_else(|| invalid_config(LOGIN_AT, "it is needed"))?;
    Url::read(login)
        .ok_or_else(|| invalid_config(LOGIN_AT, "it must be an address like https://login.example.com"))
}

/// What tokens for a custom cloud's vaults are for: as it says, or what its vaults have in common.
fn own_resource(json: &Value, vault: &Url) -> Result<Url, Error> {
    if let Some(resource) = text(json, RESOURCE_AT) {
        return Url::read(resource).ok_or_else(|| {
            invalid_config(RESOURCE_AT, "it must be an address like https://vault.example.com")
        });
    }
    if let Some(suffix) = text(json, SUFFIX_AT) {
        return Url::read(&format!("https://{}", suffix.trim_start_matches('.')))
            .ok_or_else(|| invalid_config(SUFFIX_AT, "it must be a host's name like vault.example.com"));
    }
    let parent = vault.host.split_once('.').map_or("", |(_, parent)| parent);
    Url::read(&format!("https://{parent}"))
        .ok_or_else(|| invalid_config(RESOURCE_AT, "it is needed: vaultUrl has no name with a dot in it"))
}

/// The login endpoint of the admin's settings (`{"endpoints": {"login": "https://…"}}`).
///
/// # Errors
/// If it is no URL.
pub(crate) fn admins_login(settings: &str) -> Result<Option<Url>, Error> {
    if settings.trim().is_empty() {
        return Ok(None);
    }
    let settings: Value = serde_json::from_str(settings)
        .map_err(|_| Error::Other("the settings of the plugin are not JSON".to_owned()))?;
    let Some(login) = text(&settings, "/endpoints/login") else { return Ok(None) };
    Url::read(login).map(Some).ok_or_else(|| {
        Error::Other(
            "the operator's endpoint for logins is not a URL: set AZURE_AUTHORITY_HOST to https://host"
                .to_owned(),
        )
    })
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
