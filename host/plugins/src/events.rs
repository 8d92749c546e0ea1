//! Listening to where a provider tells of changes. For which stores, and what becomes of what is told, is decided elsewhere.

use std::time::Duration;

use claviger_core::provider::{CallError, Fault, ProviderError};

use crate::convert::MAX_NAME;
use crate::guest::source as guest;
use crate::plugin::Plugin;
use crate::session::Session;

/// Whoever waits for news takes no place of those who read, validate and write: no namespace is called so.
const ROOM: &str = "events/";

/// Notices of one call: SQS brings ten at most.
const MAX_NOTICES: usize = 100;

/// Keys of one notice: an event is about one.
const MAX_KEYS: usize = 100;

/// The longest wait of one call, well below what a call may take.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// Something that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Keys whose values may have changed, in any spelling; empty: it is about nothing that is understood.
    pub keys: Vec<String>,
    /// By which it is acknowledged.
    pub receipt: Receipt,
}

/// What the backend calls a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(String);

impl Plugin {
    /// Whether it can be listened to.
    pub fn listens(&self) -> bool {
        self.provider().is_some_and(|provider| provider.guest.listens())
    }
}

impl Session {
    /// Waits for news for so long, [`MAX_WAIT`] at most; `most` of them at most.
    ///
    /// # Errors
    /// As every call.
    pub async fn poll(&self, most: usize, wait: Duration) -> Result<Vec<Notice>, CallError> {
        let wait = u64::try_from(wait.min(MAX_WAIT).as_millis()).unwrap_or(0);
        let most = most.clamp(1, MAX_NOTICES);
        let asked = u32::try_from(most).unwrap_or(1);
        let input = self.input.to_guest();
        let notices = self
            .ask("poll")
            .in_room(self.plugin.rooms.of(ROOM))
            .one(async |guest, store| guest.poll(store, &input, asked, wait).await)
            .await?;
        let wrong = |what: String| Err(Fault::BadAnswer(what).into());
        if notices.len() > most {
            return wrong(format!("{} notices where {most} were asked for", notices.len()));
        }
        notices.into_iter().map(notice).collect::<Result<_, String>>().or_else(wrong)
    }

    /// Has the backend forget what was heard. How many it has not forgotten, and why one of them.
    ///
    /// # Errors
    /// As every call.
    pub async fn acknowledge(
        &self,
        receipts: &[Receipt],
    ) -> Result<Option<(usize, ProviderError)>, CallError> {
        let receipts: Vec<String> = receipts.iter().map(|receipt| receipt.0.clone()).collect();
        let input = self.input.to_guest();
        let answers = self
            .ask("acknowledge")
            .in_room(self.plugin.rooms.of(ROOM))
            .each(receipts.len(), async |guest, store| guest.acknowledge(store, &input, &receipts).await)
            .await?;
        let failed: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
        let count = failed.len();
        Ok(failed.into_iter().next().map(|error| (count, error)))
    }
}

/// What is longer than any is refused, and not cut.
fn notice(told: guest::Notice) -> Result<Notice, String> {
    let keys = match told.news {
        guest::News::Changed(keys) => keys,
        guest::News::Nothing => Vec::new(),
    };
    if keys.len() > MAX_KEYS {
        return Err(format!("a notice of {} keys, more than {MAX_KEYS}", keys.len()));
    }
    let long = |text: &String| text.len() > MAX_NAME;
    if keys.iter().any(long) || long(&told.receipt) {
        return Err(format!("a key or receipt of more than {MAX_NAME} bytes"));
    }
    Ok(Notice { keys, receipt: Receipt(told.receipt) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_has_its_bounds() {
        let told = |keys: Vec<String>, receipt: &str| {
            notice(guest::Notice { news: guest::News::Changed(keys), receipt: receipt.to_owned() })
        };
        let long = "x".repeat(MAX_NAME + 1);
        let keys = vec!["a".to_owned()];
        let expected = Notice { keys: keys.clone(), receipt: Receipt("r".to_owned()) };
        assert_eq!(told(keys, "r"), Ok(expected));
        assert!(told(vec![long.clone()], "r").is_err());
        assert!(told(Vec::new(), &long).is_err());
        assert!(told(vec![String::new(); MAX_KEYS + 1], "r").is_err());
        let nothing = guest::Notice { news: guest::News::Nothing, receipt: String::new() };
        assert!(notice(nothing).is_ok_and(|notice| notice.keys.is_empty()));
    }
}
