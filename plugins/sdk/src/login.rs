//! What providers with a login have in common: how long its token is kept, and errors that do not quote it.

use crate::{Error, RateLimit, invalid_config};

/// How long a token that lives for `seconds` is kept, in milliseconds: until five minutes before its end, as the
/// clouds' own libraries, or a tenth of a shorter life.
pub fn keep_ms(seconds: u64) -> u64 {
    seconds.saturating_sub((seconds / 10).min(300)).saturating_mul(1000)
}

/// Shorter ones are words that errors have anyway ("root" of a development server). No token of a login is so
/// short, and what a Secret holds the host takes out of errors too.
const SHORTEST: usize = 6;

/// An error without what was sent, in case the server quotes it.
pub fn without(error: Error, secrets: &[String]) -> Error {
    let mut longest_first: Vec<&str> =
        secrets.iter().map(String::as_str).filter(|secret| secret.len() >= SHORTEST).collect();
    longest_first.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let clean =
        |text: String| longest_first.iter().fold(text, |text, secret| text.replace(secret, "[hidden]"));
    match error {
        Error::NotFound(text) => Error::NotFound(clean(text)),
        Error::Unauthenticated(text) => Error::Unauthenticated(clean(text)),
        Error::Denied(text) => Error::Denied(clean(text)),
        Error::RateLimited(limit) => Error::RateLimited(RateLimit { detail: clean(limit.detail), ..limit }),
        Error::Unavailable(text) => Error::Unavailable(clean(text)),
        Error::InvalidConfig(wrong) => invalid_config(&wrong.path, clean(wrong.detail)),
        Error::Conflict(text) => Error::Conflict(clean(text)),
        Error::Unsupported(text) => Error::Unsupported(clean(text)),
        Error::Other(text) => Error::Other(clean(text)),
        Error::NotModified => Error::NotModified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_until_shortly_before_the_end() {
        for (seconds, minutes) in [(3600, 55), (43_200, 715), (900, 13)] {
            assert_eq!(keep_ms(seconds) / 60_000, minutes, "{seconds}");
        }
        assert_eq!(keep_ms(0), 0);
        assert_eq!(keep_ms(100), 90_000);
    }

    #[test]
    fn what_was_sent_is_taken_out() {
        let secrets = ["secret".to_owned(), "secret-and-more".to_owned(), "root".to_owned()];
        let text = "root said secret-and-more, secret".to_owned();
        let clean = "root said [hidden], [hidden]";
        let wrong = without(invalid_config("/x", text.clone()), &secrets);
        assert!(matches!(wrong, Error::InvalidConfig(wrong) if wrong.path == "/x" && wrong.detail == clean));
        let limit = RateLimit { retry_after_ms: Some(1), detail: text.clone() };
        let limited = without(Error::RateLimited(limit), &secrets);
        assert!(
            matches!(limited, Error::RateLimited(limit) if limit.retry_after_ms == Some(1) && limit.detail == clean)
        );
        for kind in [Error::NotFound, Error::Unauthenticated, Error::Denied, Error::Unavailable, Error::Other]
        {
            let found = without(kind(text.clone()), &secrets);
            assert!(!format!("{found:?}").contains("secret"), "{found:?}");
        }
    }
}
