//! What a store's check comes to, when AWS does not simply list one entry.

use aws_credentials::Failure;
use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::Health;

/// What AWS's refusal to list says of the store; `action` is the right to list.
///
/// # Errors
/// What keeps the store from working.
pub fn refused(failure: &Failure, action: &str) -> Result<Health, Error> {
    if failure.knows_signer() {
        // Reading is another right.
        return Ok(Health::Ready);
    }
    Err(failure.error(action, "*"))
}

/// The check's outcome. Too many requests, to STS or to the service, say nothing against the store: to close
/// it would make all that use it fail and try again.
///
/// # Errors
/// Every other error.
pub fn of(checked: Result<Health, Error>) -> Result<Health, Error> {
    match checked {
        Err(Error::RateLimited(limit)) => Ok(Health::Unknown(format!("AWS is throttling: {}", limit.detail))),
        checked => checked,
    }
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
            (400, "ThrottlingException", "unknown"),
            (429, "", "unknown"),
            (503, "ServiceUnavailable", "unavailable"),
        ] {
            let body = serde_json::json!({"__type": code}).to_string();
            let failure = Failure::read(status, None, None, body.as_bytes());
            let found = match of(refused(&failure, "ssm:DescribeParameters")) {
                Ok(Health::Ready) => "ready",
                Ok(Health::Unknown(_)) => "unknown",
                Err(Error::Denied(_)) => "denied",
                Err(Error::Unavailable(_)) => "unavailable",
                Err(Error::Unauthenticated(_)) => "unauthenticated",
                Err(_) => "other",
            };
            assert_eq!(found, expected, "{status} {code}");
        }
    }
}
