//! Which login a store asks for: `authType` decides, and only the fields of that login are looked at. ESO's
//! spelling and the reference document's; one thing in both is refused. What the references bring is
//! `identity`'s to judge.

use claviger_plugin_sdk::json::{given, text};
use claviger_plugin_sdk::{Error, invalid_config};
use serde_json::Value;

/// An id that is no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// In the manifest.
    Plain {
        /// Pointer to it.
        at: &'static str,
        /// The id.
        value: String,
    },
    /// In a Secret.
    Referred {
        /// Pointer to the reference.
        at: &'static str,
    },
}

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A service principal's secret.
    ClientSecret {
        /// Of the principal.
        client_id: Id,
        /// Its tenant: all that are given, and they must agree.
        tenant: Vec<Id>,
        /// Pointer to the reference.
        at: &'static str,
    },
    /// A service principal's certificate, with its key.
    Certificate {
        /// Of the principal.
        client_id: Id,
        /// As above.
        tenant: Vec<Id>,
        /// Pointer to the reference.
        at: &'static str,
    },
    /// The operator's managed identity.
    Managed {
        /// Pointer to the client id of a user-assigned one.
        at: Option<&'static str>,
    },
    /// A ServiceAccount that an application trusts.
    Account {
        /// Pointer to the reference.
        at: &'static str,
        /// Of the application; else an annotation has it.
        client_id: Option<Id>,
        /// As above; else an annotation or the operator's environment has it.
        tenant: Vec<Id>,
        /// For whom the ServiceAccount's token is.
        audiences: Vec<String>,
    },
    /// The operator's own ServiceAccount, with the client id and tenant of its environment.
    Pod {
        /// The tenant, if the store says it too.
        tenant: Option<Id>,
    },
}

/// Pointer to the ServiceAccount's reference.
pub const ACCOUNT_AT: &str = "/serviceAccountRef";
const AUTH_TYPE: &str = "/authType";
const IDENTITY_ID: &str = "/identityId";
const CLIENT_ID: &str = "/clientId";
const TENANT_ID: &str = "/tenantId";
const CLIENT_ID_REF: &str = "/authSecretRef/clientId";
const TENANT_ID_REF: &str = "/authSecretRef/tenantId";
const SECRET: &str = "/authSecretRef/clientSecret";
const SECRET_OTHER: &str = "/clientSecret/secretRef";
const CERTIFICATE: &str = "/authSecretRef/clientCertificate";

/// What a federated credential of an application is for, as ESO.
const AUDIENCE: &str = "api://AzureADTokenExchange";

impl Auth {
    /// Reads the login of a config.
    ///
    /// # Errors
    /// What is missing, given twice, or not known, and where.
    pub fn parse(config: &Value) -> Result<Self, Error> {
        match text(config, AUTH_TYPE).unwrap_or("ServicePrincipal") {
            "ServicePrincipal" => principal(config),
            "ManagedIdentity" => {
                let at = one(config, [IDENTITY_ID, CLIENT_ID])?;
                Ok(Self::Managed { at: at.filter(|at| text(config, at).is_some()) })
            }
            "WorkloadIdentity" if given(config, ACCOUNT_AT) => Ok(Self::Account {
                at: ACCOUNT_AT,
                client_id: client_id(config)?,
                tenant: tenant(config),
                audiences: audiences(config, ACCOUNT_AT),
            }),
            "WorkloadIdentity" => {
                let ids = [CLIENT_ID_REF, CLIENT_ID, TENANT_ID_REF];
                if let Some(at) = ids.into_iter().find(|at| given(config, at)) {
                    return Err(invalid_config(
                        at,
                        "it has no meaning without serviceAccountRef: then the operator's own ServiceAccount logs in, as its environment says",
                    ));
                }
                Ok(Self::Pod { tenant: plain(config, TENANT_ID) })
            }
            _ => Err(invalid_config(
                AUTH_TYPE,
                "it must be ServicePrincipal, ManagedIdentity or WorkloadIdentity",
            )),
        }
    }

    /// Whether what logs in is the operator's and not the store's.
    pub fn is_ambient(&self) -> bool {
        matches!(self, Self::Managed { .. } | Self::Pod { .. })
    }

    /// Pointers to every reference in use.
    pub fn references(&self) -> Vec<&'static str> {
        let (ids, more): (Vec<&Id>, _) = match self {
            Self::ClientSecret { client_id, tenant, at } | Self::Certificate { client_id, tenant, at } => {
                (tenant.iter().chain([client_id]).collect(), Some(*at))
            }
            Self::Account { at, client_id, tenant, .. } => {
                (tenant.iter().chain(client_id).collect(), Some(*at))
            }
            Self::Managed { .. } | Self::Pod { .. } => (Vec::new(), None),
        };
        let referred = ids.into_iter().filter_map(|id| match id {
            Id::Referred { at } => Some(*at),
            Id::Plain { .. } => None,
        });
        referred.chain(more).collect()
    }
}

fn principal(config: &Value) -> Result<Auth, Error> {
    // Of the other logins, so what is missing is authType and not a secret.
    if ![SECRET, "/clientSecret", CERTIFICATE].iter().any(|at| given(config, at)) {
        let others = [(ACCOUNT_AT, "WorkloadIdentity"), (IDENTITY_ID, "ManagedIdentity")];
        if let Some((at, kind)) = others.into_iter().find(|(at, _)| given(config, at)) {
            let field = at.trim_start_matches('/');
            let detail = format!("{field} is given, and no client secret or certificate: set it to {kind}");
            return Err(invalid_config(AUTH_TYPE, detail));
        }
    }
    let tenant = tenant(config);
    if tenant.is_empty() {
        return Err(invalid_config(TENANT_ID, "the tenant of the service principal is needed"));
    }
    let client_id = client_id(config)?.ok_or_else(|| {
        invalid_config(CLIENT_ID_REF, "the client id of the service principal is needed (or clientId)")
    })?;
    let secret = one(config, [SECRET, SECRET_OTHER])?;
    let certificate = given(config, CERTIFICATE);
    match (secret, certificate) {
        (Some(_), true) => {
            Err(invalid_config(CERTIFICATE, "a client secret is given too: remove one of them"))
        }
        (Some(at), false) => Ok(Auth::ClientSecret { client_id, tenant, at }),
        (None, true) => Ok(Auth::Certificate { client_id, tenant, at: CERTIFICATE }),
        (None, false) if given(config, "/clientSecret") => Err(invalid_config(SECRET_OTHER, "it is needed")),
        (None, false) => Err(invalid_config(SECRET, "a client secret or clientCertificate is needed")),
    }
}

/// The one place of two that is given.
fn one(config: &Value, places: [&'static str; 2]) -> Result<Option<&'static str>, Error> {
    let [first, second] = places;
    match (given(config, first), given(config, second)) {
        (true, true) => {
            let name = first.trim_start_matches('/').replace('/', ".");
            Err(invalid_config(second, format!("{name} is given too: remove one")))
        }
        (true, false) => Ok(Some(first)),
        (false, true) => Ok(Some(second)),
        (false, false) => Ok(None),
    }
}

fn client_id(config: &Value) -> Result<Option<Id>, Error> {
    Ok(match one(config, [CLIENT_ID_REF, CLIENT_ID])? {
        Some(CLIENT_ID_REF) => Some(Id::Referred { at: CLIENT_ID_REF }),
        Some(_) => plain(config, CLIENT_ID),
        None => None,
    })
}

fn tenant(config: &Value) -> Vec<Id> {
    let referred = given(config, TENANT_ID_REF).then_some(Id::Referred { at: TENANT_ID_REF });
    plain(config, TENANT_ID).into_iter().chain(referred).collect()
}

fn plain(config: &Value, at: &'static str) -> Option<Id> {
    let value = text(config, at)?.trim();
    (!value.is_empty()).then(|| Id::Plain { at, value: value.to_owned() })
}

/// As ESO: its default, and those beside the reference.
pub(crate) fn audiences(config: &Value, at: &str) -> Vec<String> {
    let more = config.pointer(&format!("{at}/audiences")).and_then(Value::as_array);
    let more = more.into_iter().flatten().filter_map(Value::as_str);
    let mut audiences = vec![AUDIENCE.to_owned()];
    for audience in more {
        if !audiences.iter().any(|known| known == audience) {
            audiences.push(audience.to_owned());
        }
    }
    audiences
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
