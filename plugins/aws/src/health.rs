//! What a store's check comes to, when AWS does not simply list one entry.

use aws_credentials::Failure;
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::Health;

/// What AWS's refusal to list says of the store; `action` is the right to list.
///
/// # Errors
/// What keeps the store from working; or that there were too many requests, which says nothing against the store:
/// the host leaves it as it is, and lets the account rest.
pub fn refused(failure: &Failure, action: &str) -> Result<Health, Error> {
    if failure.knows_signer() {
        // Reading is another right.
        return Ok(Health::Ready);
    }
    Err(failure.error(action, "*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_signer_whom_aws_knows_is_ready() {
        for (status, code, expected) in [
            (400, "AccessDeniedException", "ready"),
            (403, "AccessDenied", "ready"),
            (400, "OptInRequired", "denied"),
            (403, "", "unavailable"),
            (400, "UnrecognizedClientException", "unauthenticated"),
            (400, "ThrottlingException", "rate-limited"),
            (429, "", "rate-limited"),
            (503, "ServiceUnavailable", "unavailable"),
        ] {
            let body = serde_json::json!({"__type": code}).to_string();
            let failure = Failure::read(status, None, None, body.as_bytes());
            let found = match refused(&failure, "ssm:DescribeParameters") {
                Ok(Health::Ready) => "ready",
                Ok(Health::Unknown(_)) => "unknown",
                Err(Error::RateLimited(_)) => "rate-limited",
                Err(Error::Denied(_)) => "denied",
                Err(Error::Unavailable(_)) => "unavailable",
                Err(Error::Unauthenticated(_)) => "unauthenticated",
                Err(_) => "other",
            };
            assert_eq!(found, expected, "{status} {code}");
        }
    }
}
