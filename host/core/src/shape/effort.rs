//! What regular expressions may cost one object: how many there are, and how much is searched with them.
//!
//! A search is linear in text and program, but a text may be searched anew from each of its bytes, and a manifest has room
//! for ten thousand expressions. What one costs is counted in `go_regexp`.

use claviger_crds::external_secret::DataFrom;
use claviger_crds::push_secret::DataTo;

use super::ShapeError;

/// Rewrites of one entry. What is done in more steps can be done in one template.
const MAX_REWRITES: usize = 64;

/// Rewrites and other regular expressions of one object.
const MAX_OF_OBJECT: usize = 512;

/// Bytes of all regular expressions of one object. The worst to compile take three seconds for each KiB.
const MAX_SOURCES: usize = 16 << 10;

/// Bytes that are searched with ordinary expressions: five slashes in each of 5,000 keys of 100 bytes take two million. The
/// worst that was found took ten seconds for all of it, the worst large one a minute and a half; it keeps one thread busy and
/// nobody waiting.
const MOST: usize = 8 << 20;

/// What is left of it.
#[derive(Clone, Copy, Debug)]
pub struct Effort(usize);

impl Default for Effort {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Effort {
    /// One of so much.
    #[cfg(test)]
    pub(super) fn of(left: usize) -> Self {
        Self(left)
    }

    /// Takes what a search costs, before it is made.
    ///
    /// # Errors
    /// [`ShapeError::TooMuchSearch`].
    pub(super) fn spend(&mut self, bytes: usize, cost: usize) -> Result<(), ShapeError> {
        let all = bytes.saturating_mul(cost);
        self.0 = self.0.checked_sub(all).ok_or(ShapeError::TooMuchSearch)?;
        Ok(())
    }
}

/// Counts what one object has.
#[derive(Default)]
struct Expressions {
    all: usize,
    bytes: usize,
}

impl Expressions {
    /// One entry's: the sources of its rewrites, of those that have none nothing; and another expression.
    fn add<'a>(
        &mut self,
        place: &str,
        rewrites: impl ExactSizeIterator<Item = Option<&'a str>>,
        other: Option<&'a str>,
    ) -> Result<(), String> {
        let count = rewrites.len();
        if count > MAX_REWRITES {
            return Err(format!(
                "{place} has {count} rewrites, and an entry may have {MAX_REWRITES}: do more in each, or all in one transform"
            ));
        }
        self.all += count + usize::from(other.is_some());
        self.bytes += rewrites.flatten().chain(other).map(str::len).sum::<usize>();
        if self.all > MAX_OF_OBJECT {
            return Err(format!(
                "{place}: up to here there are more than {MAX_OF_OBJECT} rewrites and regular expressions: use fewer, or \
                 several objects"
            ));
        }
        if self.bytes > MAX_SOURCES {
            return Err(format!(
                "{place}: up to here the regular expressions have more than {MAX_SOURCES} bytes: shorten them, or use \
                 several objects"
            ));
        }
        Ok(())
    }
}

/// Checks how many rewrites and regular expressions an ExternalSecret has.
///
/// # Errors
/// The entry that is too much, and the limit.
pub(crate) fn check_data_from(entries: &[DataFrom]) -> Result<(), String> {
    let mut all = Expressions::default();
    entries.iter().enumerate().try_for_each(|(index, entry)| {
        let rewrites = entry.rewrite.iter().map(|rewrite| Some(rewrite.regexp.as_ref()?.source.as_str()));
        let found = entry.find.as_ref().and_then(|find| find.name.as_ref()?.regexp.as_deref());
        all.add(&format!("dataFrom[{index}]"), rewrites, found)
    })
}

/// Checks how many rewrites and regular expressions a PushSecret has.
///
/// # Errors
/// The entry that is too much, and the limit.
pub fn check_data_to(entries: &[DataTo]) -> Result<(), String> {
    let mut all = Expressions::default();
    entries.iter().enumerate().try_for_each(|(index, entry)| {
        let rewrites = entry.rewrite.iter().map(|rewrite| Some(rewrite.regexp.as_ref()?.source.as_str()));
        let matched = entry.match_.as_ref().and_then(|wanted| wanted.regexp.as_deref());
        all.add(&format!("dataTo[{index}]"), rewrites, matched)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    /// What both say of entries that have so many rewrites with expressions of so many bytes, and one beside them.
    fn said(entries: &[(usize, usize)]) -> Result<(), String> {
        let of = |other: fn(String) -> Value| -> Vec<Value> {
            let entry = |(count, bytes): &(usize, usize)| {
                let source = "x".repeat(*bytes);
                let mut entry = other(source.clone());
                entry["rewrite"] = vec![json!({"regexp": {"source": source, "target": ""}}); *count].into();
                entry
            };
            entries.iter().map(entry).collect()
        };
        let from = of(|source| json!({"find": {"name": {"regexp": source}}}));
        let to = of(|source| json!({"match": {"regexp": source}}));
        let from = check_data_from(&serde_json::from_value::<Vec<DataFrom>>(from.into()).unwrap());
        let to = check_data_to(&serde_json::from_value::<Vec<DataTo>>(to.into()).unwrap());
        assert_eq!(from.clone().map_err(|why| why.replace("dataFrom", "dataTo")), to);
        from
    }

    #[test]
    fn what_an_object_may_have_is_counted() {
        let refused = |entries: &[(usize, usize)], words: &str| {
            let why = said(entries).unwrap_err();
            assert!(why.contains(words), "{why}");
        };
        assert_eq!(said(&[(64, 20)]), Ok(()));
        refused(&[(1, 1), (65, 1)], "dataFrom[1] has 65 rewrites, and an entry may have 64");
        assert_eq!(said(&[(63, 1); 8]), Ok(()));
        refused(&[(63, 1); 9], "dataFrom[8]: up to here there are more than 512 rewrites");
        assert_eq!(said(&[(15, 1024)]), Ok(()));
        refused(
            &[(14, 1024), (0, 1024), (0, 1025)],
            "dataFrom[2]: up to here the regular expressions have more than 16384",
        );
        // Others than regular expressions count too.
        let transform = json!({"transform": {"template": "x"}});
        let entry: DataFrom =
            serde_json::from_value(json!({"extract": {"key": "k"}, "rewrite": vec![transform; 65]})).unwrap();
        assert!(check_data_from(&[entry]).is_err());
    }
}
