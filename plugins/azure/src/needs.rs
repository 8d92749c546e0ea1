//! What `connect` asks for, round by round.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{
    AccountNeed, AmbientKind, AmbientNeed, Need, ObjectKind, ObjectNeed, SlotValue, TokenNeed,
};

use crate::auth::{Auth, Id};
use crate::config::Config;
use crate::identity::{
    self, ACCOUNT, CLIENT_ANNOTATION, CLIENT_ID, ENV_CLIENT_ID, ENV_TENANT_ID, TENANT_ANNOTATION, TENANT_ID,
};
use crate::slots::Slots;

/// Slot of a client secret.
pub const CLIENT_SECRET: &str = "client secret";
/// Slot of a client certificate with its key.
pub const CERTIFICATE: &str = "client certificate";
/// Slot of a ServiceAccount's token, be it the operator's own.
pub const ACCOUNT_TOKEN: &str = "ServiceAccount's token";
/// Slot of what the metadata service answered.
pub const MANAGED: &str = "managed identity's token";

/// What is asked for next; nothing when all is there.
///
/// # Errors
/// If what has come shows that there will be no login.
pub fn next(config: &Config, have: &[SlotValue]) -> Result<Vec<Need>, Error> {
    let slots = Slots(have);
    let needs = match &config.auth {
        Auth::ClientSecret { client_id, tenant, at } => {
            principal(client_id, tenant, object(CLIENT_SECRET, at))
        }
        Auth::Certificate { client_id, tenant, at } => principal(client_id, tenant, object(CERTIFICATE, at)),
        Auth::Managed { at } => vec![Need::Ambient(AmbientNeed {
            slot: MANAGED.to_owned(),
            kind: AmbientKind::AzureMetadata,
            name: config.resource.clone(),
            audience: None,
            argument_at: at.map(ToOwned::to_owned),
            optional: false,
        })],
        // All three or nothing, so a refusal names what is not granted.
        Auth::Pod { .. } => vec![
            ambient(ENV_CLIENT_ID, AmbientKind::Env, "AZURE_CLIENT_ID", false),
            ambient(ENV_TENANT_ID, AmbientKind::Env, "AZURE_TENANT_ID", false),
            ambient(ACCOUNT_TOKEN, AmbientKind::FileByEnv, "AZURE_FEDERATED_TOKEN_FILE", false),
        ],
        Auth::Account { at, client_id, tenant, audiences } => {
            return account(&config.auth, at, client_id.as_ref(), tenant, audiences, slots);
        }
    };
    // None of these depends on what another brings.
    Ok(if have.is_empty() { needs } else { Vec::new() })
}

fn principal(client_id: &Id, tenant: &[Id], credential: Need) -> Vec<Need> {
    let mut needs: Vec<Need> = id(CLIENT_ID, client_id).into_iter().collect();
    needs.extend(tenant.iter().filter_map(|tenant| id(TENANT_ID, tenant)));
    needs.push(credential);
    needs
}

fn account(
    auth: &Auth,
    at: &str,
    client_id: Option<&Id>,
    tenant: &[Id],
    audiences: &[String],
    slots: Slots<'_>,
) -> Result<Vec<Need>, Error> {
    if !slots.asked(ACCOUNT) {
        let mut needs = vec![Need::Account(AccountNeed {
            slot: ACCOUNT.to_owned(),
            at: at.to_owned(),
            annotations: vec![CLIENT_ANNOTATION.to_owned(), TENANT_ANNOTATION.to_owned()],
        })];
        needs.extend(client_id.and_then(|client_id| id(CLIENT_ID, client_id)));
        needs.extend(tenant.iter().filter_map(|tenant| id(TENANT_ID, tenant)));
        return Ok(needs);
    }
    // Said now, since without an application the token would be made for nothing.
    identity::client_id(auth, slots)?;
    if identity::tenant(auth, slots)?.is_none() {
        if slots.asked(ENV_TENANT_ID) {
            identity::of(auth, slots)?;
        }
        return Ok(vec![ambient(ENV_TENANT_ID, AmbientKind::Env, "AZURE_TENANT_ID", true)]);
    }
    if slots.asked(ACCOUNT_TOKEN) {
        return Ok(Vec::new());
    }
    Ok(vec![Need::Token(TokenNeed {
        slot: ACCOUNT_TOKEN.to_owned(),
        at: at.to_owned(),
        audiences: audiences.to_vec(),
        audiences_at: None,
        expiration_seconds: None,
    })])
}

fn id(slot: &str, id: &Id) -> Option<Need> {
    match id {
        Id::Plain { .. } => None,
        Id::Referred { at } => Some(object(slot, at)),
    }
}

fn object(slot: &str, at: &str) -> Need {
    Need::Object(ObjectNeed {
        slot: slot.to_owned(),
        at: at.to_owned(),
        kind: ObjectKind::Secret,
        default_key: None,
        hidden: false,
        optional: false,
    })
}

fn ambient(slot: &str, kind: AmbientKind, name: &str, optional: bool) -> Need {
    Need::Ambient(AmbientNeed {
        slot: slot.to_owned(),
        kind,
        name: name.to_owned(),
        audience: None,
        argument_at: None,
        optional,
    })
}

#[cfg(test)]
#[path = "needs_tests.rs"]
mod tests;
