//! What single reads say of the right to batches, after a batch was denied.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::Value;

/// Whether a read shows that its key may be read: AWS looked for it. What was throttled, or not answered,
/// shows nothing.
pub fn may_read(answer: &Result<Value, Error>) -> bool {
    matches!(answer, Ok(_) | Err(Error::NotFound(_)))
}

#[cfg(test)]
mod tests {
    use claviger_plugin_sdk::RateLimit;

    use super::*;

    #[test]
    fn only_what_aws_looked_for() {
        let text = || "x".to_owned();
        let value = Value {
            data: vec![],
            entries: None,
            version: None,
            metadata: None,
            lease: None,
            shareable: true,
            dynamic: false,
        };
        for (answer, expected) in [
            (Ok(value), true),
            (Err(Error::NotFound(text())), true),
            (Err(Error::Denied(text())), false),
            (Err(Error::RateLimited(RateLimit { retry_after_ms: None, detail: text() })), false),
            (Err(Error::Unavailable(text())), false),
            (Err(Error::Unauthenticated(text())), false),
            (Err(Error::Other(text())), false),
        ] {
            assert_eq!(may_read(&answer), expected, "{answer:?}");
        }
    }
}
