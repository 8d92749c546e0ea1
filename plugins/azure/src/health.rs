//! Whether a store works: one entry of the list of secrets is asked for. To list is another right than to read,
//! so whoever is known and may not is well.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::Health;

use crate::client::{Ask, Client};
use crate::object::API_VERSION;
use crate::refusal::{self, Forbidden};

/// The check.
///
/// # Errors
/// What keeps the store from working; or that there were too many requests, to Entra or to the vault, which says
/// nothing against the store: the host leaves it as it is, and lets the account rest.
pub fn check(client: &Client<'_>) -> Result<Health, Error> {
    let ask = Ask::list(format!("api-version={API_VERSION}&maxresults=1"));
    let answer = client.answers(std::slice::from_ref(&ask))?.pop();
    if let Some(Ok(reply)) = &answer
        && reply.status == 403
        && refusal::forbidden(&reply.body) == Forbidden::Right
    {
        return Ok(Health::Ready);
    }
    let none = || Err(Error::Other("a request without an answer".to_owned()));
    let reply = client.checked(&ask, answer.unwrap_or_else(none))?;
    crate::answer::listing(&reply.body).map(|_| Health::Ready)
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
