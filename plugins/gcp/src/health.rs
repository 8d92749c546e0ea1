//! A store's check: one secret is listed. Who may read values need not be allowed to list them, so a denial that
//! is about that right alone is as good as a list.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::Health;

use crate::answer;
use crate::client::{Client, Trouble};
use crate::find::LIST;

/// Whether the store works, as far as can be told without reading a secret.
///
/// # Errors
/// What keeps it from working; or that there were too many requests, which says nothing against the store: the host
/// leaves it as it is, and lets the account rest.
pub fn check(client: &Client<'_>) -> Result<Health, Error> {
    let below = client.parent.path();
    let what = client.parent.relative(&below);
    match client.one(format!("{below}/secrets?pageSize=1"))? {
        Ok(body) => answer::secrets(&body, &what).map(|_| Health::Ready),
        // Google knows who asks, and that the project can be used from here.
        Err(Trouble::Said(failure)) if failure.lacks_a_right() => Ok(Health::Ready),
        Err(trouble) => Err(trouble.error(LIST, &what)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::fake::{Fake, refused, session};

    const PERIMETER: &str =
        "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x";

    #[test]
    fn only_whom_google_knows_is_ready() {
        let page = json!({"secrets": [{"name": "projects/1/secrets/a"}], "totalSize": 1}).to_string();
        let say = |code: u16, status: &str, reason: &str| (code, refused(code, status, "x", reason));
        for ((status, body), expected) in [
            ((200, page), "ready"),
            ((200, "{}".to_owned()), "ready"),
            ((200, "<html>".to_owned()), "unavailable"),
            (say(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED"), "ready"),
            (say(403, "PERMISSION_DENIED", ""), "ready"),
            (say(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), "denied"),
            (say(403, "PERMISSION_DENIED", "CONSUMER_INVALID"), "denied"),
            (say(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "denied"),
            // A perimeter, an organization's policy, and what Google may say tomorrow: no right would help.
            (say(403, "PERMISSION_DENIED", "SECURITY_POLICY_VIOLATED"), "denied"),
            (say(403, "PERMISSION_DENIED", "ORG_RESTRICTION_VIOLATION"), "denied"),
            ((403, refused(403, "PERMISSION_DENIED", PERIMETER, "")), "denied"),
            (say(403, "PERMISSION_DENIED", "ACCOUNT_STATE_INVALID"), "denied"),
            (say(403, "PERMISSION_DENIED", "OF_TOMORROW"), "denied"),
            ((403, "<html>".to_owned()), "unavailable"),
            (say(401, "UNAUTHENTICATED", ""), "unauthenticated"),
            (say(429, "RESOURCE_EXHAUSTED", ""), "rate-limited"),
            (say(503, "UNAVAILABLE", ""), "unavailable"),
            (say(404, "NOT_FOUND", ""), "other"),
        ] {
            let fake = Fake::new(|request| match &request.url {
                url if url.ends_with("/projects/shop/secrets?pageSize=1") => (status, body.clone()),
                _ => Fake::login(1),
            });
            let session = session(&json!({}));
            let found = match check(&Client::new(&session, &fake).unwrap()) {
                Ok(Health::Ready) => "ready",
                Ok(Health::Unknown(_)) => "unknown",
                Err(Error::RateLimited(_)) => "rate-limited",
                Err(Error::Denied(_)) => "denied",
                Err(Error::Unavailable(_)) => "unavailable",
                Err(Error::Unauthenticated(_)) => "unauthenticated",
                Err(_) => "other",
            };
            assert_eq!(found, expected, "{status} {body}");
        }
    }
}
