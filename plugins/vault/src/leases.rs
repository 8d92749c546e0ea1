//! Renewing and revoking: the lease, and the token that holds it, both by what was recorded of them, with the session's
//! own token. When either is due is the host's to decide.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Holder, Lease};
use serde_json::json;

use crate::answer::Envelope;
use crate::ask::{Ask, Of};
use crate::client::Client;
use crate::dynamic::Told;

/// Renews the holder, then the lease: it cannot outlive it. What could not be renewed comes back as it was, `renewable` false:
/// then the host keeps the end that it recorded, since nothing has changed it.
///
/// # Errors
/// [`Error::NotFound`] if the lease is gone, [`Error::Denied`] if the lease may not be renewed; or what keeps the server
/// from answering.
pub fn renew(client: &Client<'_>, lease: Lease, increment_ms: u64) -> Result<Lease, Error> {
    let holder = match lease.holder {
        Some(holder) if holder.renewable => Some(renew_holder(client, holder, increment_ms)?),
        other => other,
    };
    // One that does not renew may still outlive a holder that does.
    if !lease.renewable {
        return Ok(Lease { holder, ..lease });
    }
    let body = json!({"lease_id": lease.id, "increment": seconds(increment_ms)});
    match client.one(Ask::put(Of::Engine, "sys/leases/renew".to_owned(), &body)) {
        Ok(reply) => {
            let envelope = Envelope::parse(&reply.body)?;
            // An answer without it would be none of Vault's: the lease's own end stands in no other.
            let told = Told::of(&envelope).ok_or_else(crate::answer::odd)?;
            // The host asks by the name it has.
            Ok(Lease { id: lease.id, ..told.held_by(holder.as_ref()) })
        }
        Err(Error::Other(said)) if is_gone(&said) => Err(Error::NotFound(said)),
        Err(Error::Other(said)) if said.contains("not renewable") => {
            Ok(Lease { renewable: false, holder, ..lease })
        }
        Err(error) => Err(error),
    }
}

fn renew_holder(client: &Client<'_>, holder: Holder, increment_ms: u64) -> Result<Holder, Error> {
    let as_it_was = |holder: Holder| Holder { renewable: false, ..holder };
    let Some(accessor) = &holder.accessor else { return Ok(as_it_was(holder)) };
    let body = json!({"accessor": accessor, "increment": seconds(increment_ms)});
    match client.one(Ask::put(Of::Tokens, "auth/token/renew-accessor".to_owned(), &body)) {
        Ok(reply) => {
            let login = Envelope::parse(&reply.body)?.auth.ok_or_else(crate::answer::odd)?;
            let ttl_ms = login.lease_duration.saturating_mul(1000);
            Ok(Holder { ttl_ms, renewable: login.renewable, ..holder })
        }
        // No right to; or it cannot be, or is gone: what that means for the lease, the lease's own answer says.
        Err(Error::Denied(_) | Error::NotFound(_) | Error::Other(_)) => Ok(as_it_was(holder)),
        Err(error) => Err(error),
    }
}

/// Vault's words, which has no status of its own for it.
fn is_gone(said: &str) -> bool {
    ["lease not found", "lease expired", "lease has expired"].iter().any(|gone| said.contains(gone))
}

fn seconds(ms: u64) -> u64 {
    (ms / 1000).max(1)
}

/// Ends the lease, and its holder with it. Vault does the first in its own time and tries again by itself; it has the
/// same success for a lease that it does not know.
///
/// # Errors
/// [`Error::Denied`] if neither may be ended; or what keeps the server from answering.
pub fn revoke(client: &Client<'_>, lease: Lease) -> Result<(), Error> {
    let body = json!({"lease_id": lease.id});
    let asked = client.one(Ask::put(Of::Engine, "sys/leases/revoke".to_owned(), &body));
    let outcome = match asked {
        Ok(_) => Ok(()),
        Err(Error::Other(said)) if is_gone(&said) => Err(Error::NotFound(said)),
        Err(Error::Denied(said)) => Err(Error::Denied(said)),
        Err(error) => return Err(error),
    };
    // The login of one read, which has done its work; the store's own token is never recorded by its accessor.
    let Some(accessor) = lease.holder.and_then(|holder| holder.accessor) else { return outcome };
    let body = json!({"accessor": accessor});
    let ended = client.one(Ask::put(Of::Tokens, "auth/token/revoke-accessor".to_owned(), &body));
    match (outcome, ended) {
        // All its leases end with it.
        (Err(Error::Denied(_)), Ok(_)) => Ok(()),
        // Without the right to, it runs out by itself.
        (outcome, _) => outcome,
    }
}

#[cfg(test)]
#[path = "leases_tests.rs"]
mod tests;
