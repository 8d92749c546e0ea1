//! What providers with a login have in common: how long its token is kept, that a refused one is not tried again
//! by everybody, and errors that do not quote it.

use std::cell::RefCell;

use serde::{Deserialize, Serialize};

use crate::memo::{Make, Memo};
use crate::{Error, RateLimit, invalid_config};

/// How long a token that lives for `seconds` is kept, in milliseconds: until five minutes before its end, as the
/// clouds' own libraries, or a tenth of a shorter life.
pub fn keep_ms(seconds: u64) -> u64 {
    seconds.saturating_sub((seconds / 10).min(300)).saturating_mul(1000)
}

/// The memo's key of a refusal, and for how many milliseconds it is kept. A changed credential is another memo; what
/// was set right at the other side is noticed after so long.
const REFUSED: (&str, u64) = ("login-refused", 10_000);

/// A refusal as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Of a wrong config.
    at: Option<String>,
    detail: String,
}

/// What a login gave, of the memo's `key`; if there is none, by `login`. If that is refused, who else wants it within
/// ten seconds is told the same without another try: directories lock an account after a few.
///
/// # Errors
/// What `login` says or has said, or that whoever is logging in does not finish.
pub fn token(memo: &dyn Memo, key: &str, login: &mut Make<'_>) -> Result<Vec<u8>, Error> {
    // Inside, so that those who waited for a login that was refused hear of it.
    memo.get_or_make(key, &mut || unkept(memo, &mut *login))
}

/// What a login gives that is not kept, since one call alone has a use for it. Its refusal is, as of [`token`].
///
/// # Errors
/// What `login` says or has said.
pub fn unkept<T>(memo: &dyn Memo, login: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    match refusal(memo) {
        Some(error) => Err(error),
        None => login().inspect_err(|error| keep_refusal(memo, error)),
    }
}

fn refusal(memo: &dyn Memo) -> Option<Error> {
    let kept: Kept = serde_json::from_slice(&memo.peek(REFUSED.0)?).ok()?;
    Some(match kept.at {
        Some(at) => invalid_config(&at, kept.detail),
        None => Error::Unauthenticated(kept.detail),
    })
}

fn keep_refusal(memo: &dyn Memo, error: &Error) {
    let kept = match error {
        Error::Unauthenticated(detail) => Kept { at: None, detail: detail.clone() },
        Error::InvalidConfig(wrong) => Kept { at: Some(wrong.path.clone()), detail: wrong.detail.clone() },
        // Whether the credential is taken is not known.
        _ => return,
    };
    if let Ok(kept) = serde_json::to_vec(&kept) {
        memo.keep(REFUSED.0, &kept, REFUSED.1);
    }
}

/// A token as a header field takes it, without the blanks around it. `what` it is, and where its reference stands, begin
/// the error's words.
///
/// # Errors
/// [`Error::Unauthenticated`] if it is empty or not one word of ASCII.
pub fn word(bytes: &[u8], what: &str, at: &str) -> Result<String, Error> {
    let token = String::from_utf8_lossy(bytes).trim().to_owned();
    if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(token);
    }
    let wrong = if token.is_empty() { "empty" } else { "not one word of ASCII, as tokens are" };
    Err(Error::Unauthenticated(format!("{at}: the {what} is {wrong}: is it the right key of the Secret?")))
}

/// What a session has sent, or will send, and no error may quote.
#[derive(Default)]
pub struct Secrets(RefCell<Vec<String>>);

impl Secrets {
    /// One more.
    pub fn hide(&self, secret: &str) {
        let mut secrets = self.0.borrow_mut();
        if !secrets.iter().any(|known| known == secret) {
            secrets.push(secret.to_owned());
        }
    }

    /// An error without them, in case the server quotes what it was sent.
    pub fn clean(&self, error: Error) -> Error {
        without(error, &self.0.borrow())
    }
}

/// Shorter ones are words that errors have anyway ("root" of a development server). No token of a login is so
/// short, and what a Secret holds the host takes out of errors too.
const SHORTEST: usize = 6;

fn without(error: Error, secrets: &[String]) -> Error {
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
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;
    use crate::testing::Memo as Fake;

    /// Three who want the token, one after another: how often it is logged in, and what the last is told.
    #[test]
    fn a_refused_login_is_tried_once() {
        let limit = RateLimit { retry_after_ms: Some(1), detail: "x".to_owned() };
        for (said, logins, kept) in [
            (Err(Error::Unauthenticated("x".to_owned())), 1, true),
            (Err(invalid_config("/clientId", "x")), 1, true),
            (Err(Error::Unavailable("x".to_owned())), 3, false),
            (Err(Error::RateLimited(limit)), 3, false),
            (Err(Error::Denied("x".to_owned())), 3, false),
            (Err(Error::Other("x".to_owned())), 3, false),
            (Ok((b"token".to_vec(), 60_000)), 1, false),
        ] {
            let (memo, count) = (Fake::default(), Cell::new(0));
            let mut login = || {
                count.set(count.get() + 1);
                said.clone()
            };
            for _ in 0..3 {
                let found = token(&memo, "token", &mut login);
                assert_eq!(format!("{found:?}"), format!("{:?}", said.clone().map(|(value, _)| value)));
            }
            assert_eq!(count.get(), logins, "{said:?}");
            let refused = memo.left_ms("login-refused");
            assert_eq!(refused, kept.then_some(10_000), "{said:?}");
            // Nor is one whose token would not be kept.
            let tried = Cell::new(false);
            let found = unkept(&memo, || {
                tried.set(true);
                said.clone()
            });
            assert_eq!(tried.get(), !kept, "{said:?}");
            assert_eq!(format!("{found:?}"), format!("{said:?}"));
            // After its ten seconds it is tried again.
            memo.advance(10_000);
            let _ = token(&memo, "token", &mut login);
            assert_eq!(count.get(), logins + usize::from(said.is_err()), "{said:?}");
        }
    }

    /// A token that is there counts, whatever was said of an earlier login; and what nobody can read says nothing.
    #[test]
    fn what_is_kept_beside_a_refusal() {
        let memo = Fake::default();
        memo.keep("login-refused", b"{", 1);
        assert_eq!(token(&memo, "a", &mut || Ok((b"1".to_vec(), 1))).unwrap(), b"1");
        memo.evict("login-refused", b"{");
        let refused = token(&memo, "b", &mut || Err(Error::Unauthenticated("x".to_owned())));
        assert!(matches!(refused, Err(Error::Unauthenticated(_))));
        assert_eq!(token(&memo, "a", &mut || Err(Error::Other("again".to_owned()))).unwrap(), b"1");
    }

    #[test]
    fn what_is_hidden_is_not_quoted() {
        let secrets = Secrets::default();
        for secret in ["the-token", "the-token", "the-token-and-more"] {
            secrets.hide(secret);
        }
        assert_eq!(secrets.0.borrow().len(), 2);
        let Error::Other(text) = secrets.clean(Error::Other("the-token-and-more, the-token".to_owned()))
        else {
            panic!()
        };
        assert_eq!(text, "[hidden], [hidden]");
    }

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
