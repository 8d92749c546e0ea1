//! What an ExternalSecret's annotations ask for beyond its spec.
//!
//! Those about leases are read by `lease`, those about restarts by `rollout`.

use std::collections::BTreeMap;

use crate::names::{ANNOTATION_PARTIAL_SYNC, ANNOTATION_RENDER};

/// The options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the keys that could be read are written where others could not: those keep what the Secret has.
    pub partial: bool,
    /// Whether a template whose text varies is rendered anew at each refresh.
    pub render_anew: bool,
}

impl Options {
    /// Reads them.
    ///
    /// # Errors
    /// Which annotation says what it cannot say.
    pub fn parse(annotations: &BTreeMap<String, String>) -> Result<Self, String> {
        let partial = match annotations.get(ANNOTATION_PARTIAL_SYNC).map(String::as_str) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                return Err(format!("annotation {ANNOTATION_PARTIAL_SYNC}: it is neither true nor false"));
            }
        };
        let render_anew = match annotations.get(ANNOTATION_RENDER).map(String::as_str) {
            None => false,
            Some("every-refresh") => true,
            Some(_) => {
                return Err(format!("annotation {ANNOTATION_RENDER}: every-refresh is all that it can say"));
            }
        };
        Ok(Self { partial, render_anew })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_is_meant_is_taken() {
        let parsed =
            |key: &str, value: &str| Options::parse(&BTreeMap::from([(key.to_owned(), value.to_owned())]));
        assert_eq!(Options::parse(&BTreeMap::new()), Ok(Options::default()));
        assert!(parsed(ANNOTATION_PARTIAL_SYNC, "true").unwrap().partial);
        assert!(!parsed(ANNOTATION_PARTIAL_SYNC, "false").unwrap().partial);
        assert!(parsed(ANNOTATION_RENDER, "every-refresh").unwrap().render_anew);
        assert!(parsed(ANNOTATION_RENDER, "always").unwrap_err().contains(ANNOTATION_RENDER));
        assert!(parsed(ANNOTATION_PARTIAL_SYNC, "yes").unwrap_err().contains(ANNOTATION_PARTIAL_SYNC));
    }
}
