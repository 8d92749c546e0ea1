//! Who shares what with whom: answers and logins those of one credential ([`identity`], of which `session::Scope` is made), a
//! backend's limits those whom it counts as one ([`account`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// What tells one credential from another, without being it; another config, other settings are another.
pub(crate) fn identity(credentials: &BTreeSet<String>, config: &str, settings: &str) -> Arc<str> {
    let mut hash = Sha256::new();
    for part in credentials.iter().map(String::as_str).chain([config]) {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(settings);
    hex::encode(hash.finalize()).into()
}

/// The account at a backend that is asked: its origins, who logs in, and what of the config decides the rest.
/// Stores that share all of that share its limits. What a plugin says can only tell accounts apart, within the
/// plugin. Where nobody logs in, or nothing is reached, it is the store's own: who sees a limit there must not be
/// able to stop others.
pub(crate) fn account(
    plugin: &str,
    store_uid: &str,
    origins: &BTreeSet<String>,
    identities: &BTreeSet<String>,
    rest: &str,
) -> Arc<str> {
    let mut hash = Sha256::new();
    let mut part = |mark: &str, text: &str| {
        hash.update(mark);
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text);
    };
    part("plugin", plugin);
    origins.iter().for_each(|origin| part("origin", origin));
    identities.iter().for_each(|identity| part("identity", identity));
    if origins.is_empty() || identities.is_empty() {
        part("store", store_uid);
    } else {
        part("rest", rest);
    }
    hex::encode(hash.finalize()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_origins_credentials_and_what_decides_the_rest() {
        let set = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<BTreeSet<_>>();
        let of = |plugin: &str, store: &str, origins: &[&str], identities: &[&str], rest: &str| {
            account(plugin, store, &set(origins), &set(identities), rest)
        };
        let base = of("p", "1", &["https://a"], &["Secret/x"], "role");
        assert_eq!(base, of("p", "2", &["https://a"], &["Secret/x"], "role"), "two stores of one account");
        for other in [
            of("q", "1", &["https://a"], &["Secret/x"], "role"),
            of("p", "1", &["https://b"], &["Secret/x"], "role"),
            of("p", "1", &["https://a", "https://b"], &["Secret/x"], "role"),
            of("p", "1", &["https://a"], &["Secret/y"], "role"),
            of("p", "1", &["https://a"], &["Secret/x"], "another role"),
        ] {
            assert_ne!(base, other);
        }
        // Nobody logs in: whoever has such a store could otherwise hold up all others.
        assert_ne!(of("p", "1", &["https://a"], &[], ""), of("p", "2", &["https://a"], &[], ""));
        assert_ne!(of("p", "1", &[], &["Secret/x"], ""), of("p", "2", &[], &["Secret/x"], ""));
    }
}
