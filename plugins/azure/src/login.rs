//! A login: what is sent, and what is kept of the answer. Sending is the session's.

use std::time::SystemTime;

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::login::keep_ms;
use serde::Deserialize;
use serde_json::Value;

use crate::assertion::Certificate;
use crate::auth::Auth;
use crate::config::Config;
use crate::identity::Identity;
use crate::needs::{ACCOUNT_TOKEN, CERTIFICATE, CLIENT_SECRET};
use crate::slots::Slots;

/// What of the tenant gives tokens at an ADFS, which has no tenants and no version 2.
const ADFS: &str = "adfs";

/// A request for a token.
pub struct Login {
    /// The token endpoint.
    pub url: String,
    /// The form.
    pub body: String,
    /// What in it no error may quote.
    pub secret: String,
}

/// The token endpoint of a tenant.
pub fn endpoint(config: &Config, tenant: &str) -> String {
    let base = config.login.text();
    if tenant.eq_ignore_ascii_case(ADFS) {
        let base = base.strip_suffix("/adfs").unwrap_or(&base);
        return format!("{base}/adfs/oauth2/token");
    }
    format!("{base}/{tenant}/oauth2/v2.0/token")
}

/// The request of a complete session.
///
/// # Errors
/// A credential that is empty or no text, or no certificate.
pub fn request(
    config: &Config,
    identity: &Identity,
    slots: Slots<'_>,
    now: SystemTime,
) -> Result<Login, Error> {
    let url = endpoint(config, &identity.tenant.value);
    let client_id = identity.client_id.value.as_str();
    let (name, secret) = match &config.auth {
        Auth::ClientSecret { at, .. } => ("client_secret", slots.referred(CLIENT_SECRET, at)?),
        Auth::Certificate { at, .. } => {
            let certificate = Certificate::read(slots.bytes(CERTIFICATE)?, at)?;
            ("client_assertion", certificate.assertion(client_id, &url, now)?)
        }
        Auth::Account { .. } | Auth::Pod { .. } => ("client_assertion", slots.needed(ACCOUNT_TOKEN)?),
        Auth::Managed { .. } => {
            return Err(Error::Other("a managed identity has no login of its own".to_owned()));
        }
    };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", client_id)
        .append_pair("scope", &format!("{}/.default", config.resource))
        .append_pair(name, &secret);
    if name == "client_assertion" {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        form.append_pair("client_assertion_type", kind);
    }
    Ok(Login { url, body: form.finish(), secret })
}

/// What gives a token: Entra, and the metadata services, which write numbers as text.
#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: Value,
}

/// The token of an answer, and for how many milliseconds it is kept. `None` if the answer has none.
pub fn token(body: &[u8]) -> Option<(String, u64)> {
    let granted: Granted = serde_json::from_slice(body).ok()?;
    let seconds = match &granted.expires_in {
        Value::Number(seconds) => seconds.as_u64(),
        Value::String(seconds) => seconds.parse().ok(),
        _ => None,
    };
    // A token that does not say so lives for an hour at least.
    let ttl_ms = keep_ms(seconds.unwrap_or(3600));
    // It goes into a header field.
    let fits =
        !granted.access_token.is_empty() && granted.access_token.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some((granted.access_token, ttl_ms))
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
