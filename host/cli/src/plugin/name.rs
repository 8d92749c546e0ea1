//! Whether a Plugin may be called that: what its name is used for, and which names are taken.
//!
//! The operator decides about the objects in a cluster; this is so that nobody packs one in vain.

use anyhow::{bail, ensure};
use claviger_crds::store::DECLARED;
use claviger_operator::plugins::{built_in, plugin_of};

/// Whether Kubernetes takes it as a label of a domain name: lower-case letters, digits and dashes.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= 63
        && text.bytes().all(|byte| plain(byte) || byte == b'-')
        && text.bytes().next().is_some_and(plain)
        && text.bytes().next_back().is_some_and(plain)
}

/// Why a Plugin cannot be called that, if it cannot.
pub(super) fn unfit(name: &str) -> Option<String> {
    if !is_dns_label(name) {
        return Some(
            "cannot be a Plugin's: lower-case letters, digits and dashes, at most 63, beginning and ending with a letter \
             or digit"
                .to_owned(),
        );
    }
    if DECLARED.contains(&plugin_of(name)) {
        return Some(format!(
            "is taken: the definition of SecretStore fixes the fields of spec.provider.{}, and the API server would \
             drop those of another plugin",
            plugin_of(name)
        ));
    }
    built_in(plugin_of(name)).map(|_| "is taken by a built-in plugin".to_owned())
}

/// The name to pack under: what is asked for, or what the component calls itself.
///
/// # Errors
/// Why that cannot be a name, and what to do.
pub(super) fn choose(asked: Option<&str>, own: &str) -> anyhow::Result<String> {
    let (name, whose) = match asked {
        Some(name) => (name, "--name"),
        None => (own, "the component's own name"),
    };
    ensure!(!name.is_empty(), "the component does not say its name: give one with --name");
    match unfit(name) {
        Some(why) => bail!("{whose} {name:?} {why}; give another with --name"),
        None => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_checked_and_the_reason_is_given() {
        assert_eq!(choose(None, "etcd").unwrap(), "etcd");
        assert_eq!(choose(Some("my-vault"), "vault").unwrap(), "my-vault");
        let long = "a".repeat(64);
        for (asked, own, expected) in [
            (None, "", "does not say its name"),
            (None, "My_Plugin", "own name \"My_Plugin\""),
            (Some("a.b"), "etcd", "--name \"a.b\""),
            (Some("-a"), "etcd", "beginning"),
            (Some(long.as_str()), "etcd", "at most 63"),
            (None, "vault", "spec.provider.vault"),
            (Some("webhook"), "etcd", "definition of SecretStore"),
            (Some("openbao"), "etcd", "spec.provider.openBao"),
            (Some("v2"), "etcd", "taken by a built-in"),
        ] {
            let error = choose(asked, own).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }
}
