//! Entra's refusals of a login: what each means to the host, and words that say what to change. Its own words
//! come last, since the host cuts a long text, and without what changes each time, so that a condition does not.

use claviger_plugin_sdk::{Error, RateLimit, invalid_config};
use serde::Deserialize;

use crate::auth::Auth;
use crate::config::{Config, LOGIN_AT, RESOURCE_AT};
use crate::identity::{Found, Identity};
use crate::refusal::{Refused, one_line};

/// OAuth's error, with Entra's additions.
#[derive(Deserialize)]
struct Body {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

/// What a number of Entra's is about (its reference of AADSTS error codes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    Client,
    Tenant,
    Resource,
    Federation,
    Clock,
    Busy,
    Broken,
    Other,
}

fn about(number: u64) -> About {
    match number {
        // Not found in the tenant, no id at all, disabled, without a service principal.
        700_016 | 700_038 | 7_000_112 | 7_000_229 => About::Client,
        // Not found, no tenant's name.
        90_002 | 900_023 | 900_021 | 90_019 => About::Tenant,
        // Not found, disabled, no scope of that name.
        500_011 | 500_014 | 70_011 | 1_002_012 => About::Resource,
        // No federated credential, or none for this issuer, audience or subject.
        70_021 | 700_211..=700_213 | 7_002_381 => About::Federation,
        // The assertion is not yet or no longer valid.
        700_024 => About::Clock,
        // Too many requests: a loop, a tenant's limit.
        50_196 | 90_055 => About::Busy,
        // Retryable, over budget, out of time, directory unavailable; the issuer's keys cannot be fetched.
        90_006 | 90_024 | 90_025 | 90_033 | 50_166 => About::Broken,
        // Most are about the credential: 7000215 and 7000222 a secret, 700027 a certificate.
        _ => About::Other,
    }
}

/// A refusal of a login, as an error.
pub fn error(refused: &Refused<'_>, config: &Config, identity: &Identity) -> Error {
    let login = format!("login at {}", config.login.host);
    let Ok(body) = serde_json::from_slice::<Body>(refused.body) else {
        return foreign(refused, config, login);
    };
    let number = number(&body);
    let said = words(&body.error_description);
    let said = if said.is_empty() { body.error.clone() } else { said };
    let quoted = format!("HTTP {}: {said}", refused.status);
    let detail = format!("{login}: {quoted}");
    let about = about(number.unwrap_or_default());
    if refused.status == 429 || about == About::Busy {
        return Error::RateLimited(RateLimit { retry_after_ms: refused.retry_after_ms, detail });
    }
    let transient = ["temporarily_unavailable", "server_error"].contains(&body.error.as_str());
    if transient || about == About::Broken || !(400..=403).contains(&refused.status) {
        return Error::Unavailable(detail);
    }
    let wrong = |found: &Found, what: &str| match found.from {
        None => invalid_config(found.at, detail.as_str()),
        // The field is right, and what it refers to is not.
        Some(from) => {
            let at = found.at.trim_start_matches('/').replace('/', ".");
            Error::Unauthenticated(format!("{login}: the {what} is that of {from} ({at}): {quoted}"))
        }
    };
    match about {
        About::Client => wrong(&identity.client_id, "client id"),
        About::Tenant => wrong(&identity.tenant, "tenant"),
        About::Resource if config.names_resource() => invalid_config(RESOURCE_AT, detail),
        About::Resource => Error::Unauthenticated(format!(
            "{login}: the tenant does not know {}: is environmentType right? {quoted}",
            config.resource
        )),
        About::Clock => Error::Unauthenticated(format!(
            "{login}: AADSTS{}: the assertion is outside the time for which it is valid: is the node's clock right, and the token fresh?",
            number.unwrap_or_default()
        )),
        About::Federation => Error::Unauthenticated(format!(
            "{login}: the application needs a federated credential with the token's issuer and subject, and {}: {quoted}",
            match &config.auth {
                Auth::Account { audiences, .. } => format!("the audience {}", audiences.join(" or ")),
                _ => "the audience of the operator's own token".to_owned(),
            }
        )),
        About::Busy | About::Broken | About::Other => Error::Unauthenticated(detail),
    }
}

/// What is not of Entra's form says nothing of the credential.
fn foreign(refused: &Refused<'_>, config: &Config, login: String) -> Error {
    let detail = format!("{login}: HTTP {}", refused.status);
    match refused.status {
        429 => Error::RateLimited(RateLimit { retry_after_ms: refused.retry_after_ms, detail }),
        404 if config.custom => {
            invalid_config(LOGIN_AT, format!("{detail}: there is no token endpoint of this tenant there"))
        }
        300..=399 => Error::Unavailable(format!("{detail}: it redirects, which is not followed")),
        500..=599 => Error::Unavailable(detail),
        _ => Error::Unavailable(format!("{detail}: this is no answer of Entra's: a proxy's?")),
    }
}

/// The text has the exact one; the list may have that of the class only.
fn number(body: &Body) -> Option<u64> {
    let digits = body
        .error_description
        .split_once("AADSTS")
        .map(|(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).map(char::from).collect::<String>());
    digits.and_then(|digits| digits.parse().ok()).or_else(|| body.error_codes.first().copied())
}

/// Without the ids and the time that are behind the message.
fn words(description: &str) -> String {
    let line = one_line(description);
    let end = ["Trace ID:", "Correlation ID:", "Timestamp:"].iter().filter_map(|mark| line.find(mark)).min();
    line[..end.unwrap_or(line.len())].trim_end_matches([' ', ';', '.']).to_owned()
}

#[cfg(test)]
#[path = "entra_tests.rs"]
mod tests;
