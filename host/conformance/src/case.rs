//! The cases by name, what each demands in a sentence, and which capability it is about.

use serde::Deserialize;

/// A case of the suite. Benches spell it in camel case (`findByName`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "`demands` says what each is")]
pub enum Case {
    Value,
    Property,
    Version,
    MissingKey,
    MissingVersion,
    MissingProperty,
    Denied,
    BadCredential,
    Throttled,
    ServerError,
    ServerErrorAtLogin,
    Timeout,
    Slow,
    TruncatedBody,
    OversizedBody,
    NotTheBackend,
    Unreachable,
    Binary,
    Unicode,
    Large,
    ThousandKeys,
    OneBadKeyInBatch,
    FindByName,
    FindByPath,
    FindByTags,
    FindNothing,
    Paging,
    Metadata,
    LoginOnce,
    ExpiredToken,
    TokenRefusedForEver,
    Validate,
    ValidateBadCredential,
    Push,
    CreateOnly,
    PushUnmanaged,
    PushConflict,
    PushMetadata,
    DeletePushed,
    NoLeaks,
}

use Case::*;

/// In the order in which they run. Leaks are looked for last, in what all others said.
const TABLE: &[(Case, &str, &str)] = &[
    (Value, "value", "a key is read byte for byte"),
    (Property, "property", "the host finds a property by the order that `describe` names"),
    (Version, "version", "a version that is asked for is the one that comes"),
    (MissingKey, "missingKey", "a key that is not there is `not-found`"),
    (MissingVersion, "missingVersion", "a version that is not there is `not-found`"),
    (MissingProperty, "missingProperty", "a property that is not there is found by no step"),
    (Denied, "denied", "a key that the credential may not read is `denied`"),
    (BadCredential, "badCredential", "a wrong credential is `unauthenticated`"),
    (Throttled, "throttled", "\"slow down\" is `rate-limited`, with the time that the backend names"),
    (ServerError, "serverError", "HTTP 500 and 503 are `unavailable`"),
    (ServerErrorAtLogin, "serverErrorAtLogin", "HTTP 500 and 503 of a login are `unavailable`"),
    (Timeout, "timeout", "a backend that never answers is `unavailable`, or the call's time is over"),
    (Slow, "slow", "an answer that trickles in arrives whole"),
    (TruncatedBody, "truncatedBody", "an answer that is cut off is an error and never a value"),
    (OversizedBody, "oversizedBody", "an answer above the host's limit is an error that names the limit"),
    (NotTheBackend, "notTheBackend", "a web page is an error, and not `not-found`"),
    (Unreachable, "unreachable", "a closed port is `unavailable`"),
    (Binary, "binary", "bytes that are no text come as they are"),
    (Unicode, "unicode", "text beyond ASCII comes as it is"),
    (Large, "large", "64 KiB come whole"),
    (ThousandKeys, "thousandKeys", "1,000 keys are read in batches, all right and in order"),
    (OneBadKeyInBatch, "oneBadKeyInBatch", "a missing key among good ones fails alone"),
    (FindByName, "findByName", "exactly the keys whose name matches are found"),
    (FindByPath, "findByPath", "exactly the keys below a path are found"),
    (FindByTags, "findByTags", "exactly the keys with all of the tags are found"),
    (FindNothing, "findNothing", "a search that matches nothing finds nothing and is no error"),
    (Paging, "paging", "more keys than a page has are found, each once, and the pages end"),
    (Metadata, "metadata", "the metadata of a key is JSON that holds what is expected"),
    (LoginOnce, "loginOnce", "many reads at once log in once"),
    (ExpiredToken, "expiredToken", "after a login ended, the next read works with one new login"),
    (
        TokenRefusedForEver,
        "tokenRefusedForEver",
        "a credential that ended with its login is `unauthenticated`",
    ),
    (Validate, "validate", "a store that works is `ready`"),
    (
        ValidateBadCredential,
        "validateBadCredential",
        "validating with a wrong credential is `unauthenticated`",
    ),
    (
        Push,
        "push",
        "what is pushed is read back; again it is `unchanged` and makes no version; another is `updated`",
    ),
    (CreateOnly, "createOnly", "without `replace` nothing is written over"),
    (
        PushUnmanaged,
        "pushUnmanaged",
        "what is there without the mark is `denied` to pushes and deletions, and stays",
    ),
    (PushConflict, "pushConflict", "where another version is expected, a push and a deletion are `conflict`"),
    (
        PushMetadata,
        "pushMetadata",
        "metadata is kept, makes no version when it is the same, and is refused when it is none",
    ),
    (
        DeletePushed,
        "deletePushed",
        "what was pushed is deleted and pushed again; that it is not there is no error",
    ),
    (NoLeaks, "noLeaks", "no error and no log line of any case holds a credential or a value"),
];

impl Case {
    /// Every case, in the order in which they run.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(case, ..)| *case)
    }

    /// As benches spell it.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What a plugin has to do, in a sentence.
    pub fn demands(self) -> &'static str {
        self.row().2
    }

    /// The case of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|case| case.name() == name)
    }

    /// The capabilities that it is about, as `describe` names them: who claims one of them cannot be
    /// excused from the case. Empty for what every provider does.
    pub(crate) fn capabilities(self) -> &'static [&'static str] {
        match self {
            Version | MissingVersion => &["versions"],
            Metadata => &["metadata"],
            FindByName => &["find-by-name"],
            FindByPath => &["find-by-path"],
            FindByTags => &["find-by-tags"],
            FindNothing => &["find-by-name", "find-by-path", "find-by-tags"],
            Push | CreateOnly | PushUnmanaged | DeletePushed => &["writer"],
            // Not every backend that can be written to has versions and metadata.
            // A backend that lists all in one answer has no pages.
            _ => &[],
        }
    }

    /// What no provider can do without.
    pub(crate) fn is_required(self) -> bool {
        matches!(self, Value | MissingKey | Validate | NoLeaks)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        // Every case is in the table: a test says so.
        TABLE.iter().find(|(case, ..)| *case == self).unwrap_or(&TABLE[0])
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_table_has_each_case_once_under_the_name_that_benches_use() {
        let names: std::collections::BTreeSet<_> = Case::all().map(Case::name).collect();
        assert_eq!(names.len(), TABLE.len());
        // The declaration's last one: so many there are.
        assert_eq!(TABLE.len(), NoLeaks as usize + 1);
        for case in Case::all() {
            let parsed: Case = serde_json::from_value(case.name().into()).unwrap();
            assert_eq!((parsed, Case::named(case.name())), (case, Some(case)));
        }
    }

    #[test]
    fn the_authors_page_names_every_case_with_its_demand() {
        let page = include_str!("../../../docs/plugins/conformance.md");
        for case in Case::all() {
            assert!(page.contains(&format!("| `{}` |", case.name())), "{case} has no line");
        }
    }
}
