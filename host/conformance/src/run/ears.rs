//! What a plugin said, in errors and in its log, and the values that none of it may hold.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use claviger_core::provider::{CallError, NeedError, ProviderError};
use claviger_core::redact::Redactor;
use claviger_core::secret::{SecretBytes, Untrusted};
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::case::Case;

/// Values that one redactor looks for: it takes a time that grows with the square of their number.
const PER_REDACTOR: usize = 64;
/// What the host puts in place of a credential that a plugin repeats.
const HIDDEN: &str = "[redacted]";

/// Log lines as they are written, for whoever asks next.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[derive(Default)]
struct Heard {
    redactors: Vec<Redactor>,
    /// Values of the last redactor.
    seeded: usize,
    /// Whose case, and what.
    said: Vec<(Case, String)>,
}

/// Hears and remembers.
pub(super) struct Ears {
    lines: Lines,
    heard: Mutex<Heard>,
}

impl Ears {
    /// That know these values.
    pub(super) fn new(secrets: &[SecretBytes]) -> Self {
        let ears = Self { lines: Lines::default(), heard: Mutex::default() };
        for secret in secrets {
            ears.learn(secret);
        }
        ears
    }

    /// Where the host logs while a case runs.
    pub(super) fn subscriber(&self) -> Dispatch {
        let filter = EnvFilter::new("off,claviger_plugins=debug");
        let plain = tracing_subscriber::fmt().without_time().with_target(false).with_ansi(false);
        Dispatch::new(plain.with_env_filter(filter).with_writer(self.lines.clone()).finish())
    }

    /// A value that nobody may repeat.
    pub(super) fn learn(&self, value: &SecretBytes) {
        let mut heard = self.heard();
        if heard.seeded.is_multiple_of(PER_REDACTOR) {
            heard.redactors.push(Redactor::default());
        }
        heard.seeded += 1;
        if let Some(redactor) = heard.redactors.last_mut() {
            redactor.seed(value);
        }
    }

    /// An error of a case: its kind, as the interface names it, and what it says, clean.
    pub(super) fn error(&self, case: Case, error: &CallError) -> String {
        let (kind, detail) = parts(error);
        // Without values to look for, a redactor tells what stands there.
        let said = detail.map(|detail| Redactor::default().clean(detail)).unwrap_or_default();
        let text = if said.is_empty() { kind } else { format!("{kind}: {said}") };
        self.heard().said.push((case, text.clone()));
        self.clean(&text)
    }

    /// What was logged since the last time, clean.
    pub(super) fn log(&self, case: Case) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.lines.0.lock().unwrap_or_else(PoisonError::into_inner));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        self.heard().said.extend(lines.iter().map(|line| (case, line.clone())));
        lines.iter().map(|line| self.clean(line)).collect()
    }

    /// A text without the values.
    pub(super) fn clean(&self, text: &str) -> String {
        let heard = self.heard();
        heard.redactors.iter().fold(text.to_owned(), |text, redactor| redactor.clean_text(&text))
    }

    /// Cases in which the plugin repeated a value, or a credential that the host then hid.
    pub(super) fn leaks(&self) -> Vec<Case> {
        let heard = self.heard();
        let repeats = |text: &str| {
            text.contains(HIDDEN)
                || heard.redactors.iter().any(|redactor| redactor.clean_text(text).contains(HIDDEN))
        };
        let mut cases: Vec<Case> =
            heard.said.iter().filter(|(_, text)| repeats(text)).map(|(case, _)| *case).collect();
        cases.sort_unstable();
        cases.dedup();
        cases
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kind in the interface's words, and the text that came with it.
fn parts(error: &CallError) -> (String, Option<&Untrusted>) {
    let (kind, detail) = match error {
        CallError::Fault(fault) => return (fault.to_string(), None),
        CallError::Need(NeedError::Unreadable { detail, .. }) => (error.to_string(), detail),
        CallError::Need(_) | CallError::Held { .. } | CallError::Full(_) => return (error.to_string(), None),
        CallError::Provider(error) => match error {
            ProviderError::NotFound(detail) => ("not-found".to_owned(), detail),
            ProviderError::Unauthenticated(detail) => ("unauthenticated".to_owned(), detail),
            ProviderError::Denied(detail) => ("denied".to_owned(), detail),
            ProviderError::RateLimited { retry_after, detail } => {
                let after = retry_after.map_or_else(
                    || "rate-limited without a time".to_owned(),
                    |after| format!("rate-limited for {} ms", after.as_millis()),
                );
                (after, detail)
            }
            ProviderError::Unavailable(detail) => ("unavailable".to_owned(), detail),
            ProviderError::InvalidConfig { path, detail } => (format!("invalid-config at {path:?}"), detail),
            ProviderError::Conflict(detail) => ("conflict".to_owned(), detail),
            ProviderError::NotModified => return ("not-modified".to_owned(), None),
            ProviderError::Unsupported(detail) => ("unsupported".to_owned(), detail),
            ProviderError::Other(detail) => ("other".to_owned(), detail),
        },
    };
    (kind, Some(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_heard_in_any_dress_and_not_repeated() {
        let secrets = [SecretBytes::copied_from(br#"{"password":"correct-horse"}"#)];
        let ears = Ears::new(&secrets);
        let other = |text: &str| CallError::from(ProviderError::Other(Untrusted::new(text)));
        assert_eq!(ears.error(Case::Value, &other("all is well")), "other: all is well");
        assert!(ears.leaks().is_empty());
        // base64 of correct-horse
        let said = ears.error(Case::Denied, &other("got Y29ycmVjdC1ob3JzZQ=="));
        assert!(said.contains(HIDDEN) && !said.contains("Y29y"), "{said}");
        ears.error(Case::Slow, &other("the host hid [redacted]"));
        assert_eq!(ears.leaks(), [Case::Denied, Case::Slow]);
    }

    #[test]
    fn values_beyond_the_first_redactor_are_known_too() {
        let secrets: Vec<SecretBytes> =
            (0..200).map(|n| SecretBytes::new(format!("value-{n:04}").into_bytes())).collect();
        let ears = Ears::new(&secrets);
        for text in ["value-0000", "value-0064", "value-0199"] {
            assert_eq!(ears.clean(text), HIDDEN, "{text}");
        }
        assert_eq!(ears.clean("value-0200"), "value-0200");
    }
}
