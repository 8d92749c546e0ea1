//! Who logs in: client id and tenant, from wherever the store has them. One that stands in two places must be
//! the same in both.

use claviger_plugin_sdk::{Error, invalid_config};

use crate::auth::{Auth, Id};
use crate::slots::Slots;

/// Slot of the client id in a Secret.
pub const CLIENT_ID: &str = "client id";
/// Slot of the tenant in a Secret.
pub const TENANT_ID: &str = "tenant id";
/// Slot of the ServiceAccount.
pub const ACCOUNT: &str = "ServiceAccount";
/// Slot of the operator's `AZURE_CLIENT_ID`.
pub const ENV_CLIENT_ID: &str = "AZURE_CLIENT_ID";
/// Slot of the operator's `AZURE_TENANT_ID`.
pub const ENV_TENANT_ID: &str = "AZURE_TENANT_ID";

/// Names the application that trusts a ServiceAccount.
pub const CLIENT_ANNOTATION: &str = "azure.workload.identity/client-id";
/// Names its tenant.
pub const TENANT_ANNOTATION: &str = "azure.workload.identity/tenant-id";

/// [`Found::from`] of what a Secret holds.
pub const SECRET: &str = "a Secret";

/// Longer than any tenant is called: a domain's name.
const LONGEST_TENANT: usize = 255;

/// An id, and the field that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The id.
    pub value: String,
    /// Pointer to the field that has it or refers to it.
    pub at: &'static str,
    /// Where it is, if not in the field itself; for messages.
    pub from: Option<&'static str>,
}

/// Client id and tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Of the application.
    pub client_id: Found,
    /// Fit for a path.
    pub tenant: Found,
}

/// The identity of a complete session; none for a managed identity, which logs in elsewhere.
///
/// # Errors
/// What is missing, or contradicts itself.
pub fn of(auth: &Auth, slots: Slots<'_>) -> Result<Option<Identity>, Error> {
    if matches!(auth, Auth::Managed { .. }) {
        return Ok(None);
    }
    let tenant = tenant(auth, slots)?.ok_or_else(|| {
        let detail = format!(
            "the tenant is needed: here, in authSecretRef.tenantId, in the ServiceAccount's annotation {TENANT_ANNOTATION}, or the operator's own by the grant env {ENV_TENANT_ID} in the Plugin azurekv"
        );
        invalid_config("/tenantId", detail)
    })?;
    Ok(Some(Identity { client_id: client_id(auth, slots)?, tenant }))
}

/// The application's client id.
///
/// # Errors
/// If there is none, or there are two.
pub fn client_id(auth: &Auth, slots: Slots<'_>) -> Result<Found, Error> {
    let (id, annotated, account_at) = match auth {
        Auth::ClientSecret { client_id, .. } | Auth::Certificate { client_id, .. } => {
            (Some(client_id), None, "")
        }
        Auth::Account { at, client_id, .. } => {
            (client_id.as_ref(), slots.annotation(ACCOUNT, CLIENT_ANNOTATION), *at)
        }
        Auth::Managed { .. } | Auth::Pod { .. } => return environment(slots, ENV_CLIENT_ID),
    };
    let found = id.map(|id| resolved(id, slots, CLIENT_ID)).transpose()?;
    let annotated = annotated.map(|value| Found { value, at: account_at, from: Some(CLIENT_ANNOTATION) });
    agreed([found, annotated].into_iter().flatten(), "client id")?.ok_or_else(|| {
        let detail = format!(
            "the ServiceAccount has no annotation {CLIENT_ANNOTATION}, and the store no client id (authSecretRef.clientId or clientId): it names the application"
        );
        invalid_config(account_at, detail)
    })
}

/// The tenant, as far as it is known yet.
///
/// # Errors
/// If there are two, or it is no tenant's name.
pub fn tenant(auth: &Auth, slots: Slots<'_>) -> Result<Option<Found>, Error> {
    let (ids, annotated, account_at) = match auth {
        Auth::ClientSecret { tenant, .. } | Auth::Certificate { tenant, .. } => (tenant, None, ""),
        Auth::Account { at, tenant, .. } => (tenant, slots.annotation(ACCOUNT, TENANT_ANNOTATION), *at),
        Auth::Managed { .. } => return Ok(None),
        Auth::Pod { tenant } => {
            let own = tenant.as_ref().map(|id| resolved(id, slots, TENANT_ID)).transpose()?;
            let found = [environment(slots, ENV_TENANT_ID)?].into_iter().chain(own);
            return agreed(found, "tenant")?.map(checked).transpose();
        }
    };
    let mut found = Vec::new();
    for id in ids {
        found.push(resolved(id, slots, TENANT_ID)?);
    }
    found.extend(annotated.map(|value| Found { value, at: account_at, from: Some(TENANT_ANNOTATION) }));
    // As ESO: the operator's own is the last resort.
    if found.is_empty()
        && let Some(value) = slots.text(ENV_TENANT_ID)?
    {
        found.push(Found { value, at: "/tenantId", from: Some(ENV_TENANT_ID) });
    }
    agreed(found.into_iter(), "tenant")?.map(checked).transpose()
}

fn resolved(id: &Id, slots: Slots<'_>, slot: &str) -> Result<Found, Error> {
    Ok(match id {
        Id::Plain { at, value } => Found { value: value.clone(), at, from: None },
        Id::Referred { at } => Found { value: slots.referred(slot, at)?, at, from: Some(SECRET) },
    })
}

fn environment(slots: Slots<'_>, slot: &'static str) -> Result<Found, Error> {
    Ok(Found { value: slots.needed(slot)?, at: "/authType", from: Some(slot) })
}

fn agreed(found: impl Iterator<Item = Found>, what: &str) -> Result<Option<Found>, Error> {
    let mut agreed: Option<Found> = None;
    for next in found {
        match &agreed {
            Some(first) if !first.value.eq_ignore_ascii_case(&next.value) => {
                let (one, other) = (place(&next), place(first));
                let detail = format!("the {what} of {one} is another one than that of {other}: remove one");
                return Err(invalid_config(next.at, detail));
            }
            Some(_) => {}
            None => agreed = Some(next),
        }
    }
    Ok(agreed)
}

fn place(found: &Found) -> String {
    found.from.map_or_else(|| found.at.trim_start_matches('/').to_owned(), ToOwned::to_owned)
}

/// It is put into a path.
fn checked(tenant: Found) -> Result<Found, Error> {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let value = &tenant.value;
    let fits = value.len() <= LONGEST_TENANT && value.bytes().all(named) && !value.starts_with('.');
    if fits {
        Ok(tenant)
    } else {
        Err(invalid_config(tenant.at, "it is no tenant: an id or a domain is meant"))
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
