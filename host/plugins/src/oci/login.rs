//! Logins for registries, out of Docker's config file: what a Secret of type `kubernetes.io/dockerconfigjson` holds, and
//! what lies in `~/.docker/config.json`. Pure.
//!
//! `auths` alone. Helpers are programs, which nobody runs here: where only a helper has the login, that is said.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use claviger_core::secret::SecretBytes;
use serde::Deserialize;
use std::collections::BTreeMap;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::error::OciError;
use super::reference::Reference;

/// Larger is no such file: Kubernetes takes 1 MiB.
const MAX: usize = 1024 * 1024;

/// A name and a password.
pub struct Login {
    pub(super) username: String,
    pub(super) password: SecretBytes,
}

impl Login {
    /// From its two parts.
    pub fn new(username: String, password: SecretBytes) -> Self {
        Self { username, password }
    }

    /// What HTTP's basic authentication (RFC 7617) sends after `Basic `.
    pub(super) fn basic(&self) -> Zeroizing<String> {
        let mut both = Zeroizing::new(self.username.clone().into_bytes());
        both.push(b':');
        both.extend_from_slice(self.password.expose());
        Zeroizing::new(STANDARD.encode(&*both))
    }

    /// The login for a reference's registry in a config file; none if the file has none and no helper could have it.
    ///
    /// # Errors
    /// [`OciError::Login`] without a word of the file.
    pub fn find(config: &[u8], reference: &Reference) -> Result<Option<Self>, OciError> {
        let bad =
            |why: &str| OciError::Login { registry: reference.registry().to_owned(), why: why.to_owned() };
        if config.len() > MAX {
            return Err(bad("the Docker config is larger than 1 MiB"));
        }
        let mut config: Config = serde_json::from_slice(config).map_err(|_| {
            bad("the Docker config is no JSON with an object `auths`: make it anew with kubectl create secret docker-registry, \
                 or docker login")
        })?;
        let best = { config.auths.keys() }
            .filter_map(|key| Some((specificity(key, reference)?, key.clone())))
            .max()
            .map(|(_, key)| key);
        let entry = best.and_then(|key| config.auths.remove(&key)).filter(|entry| !entry.is_empty());
        let Some(mut entry) = entry else {
            let helped =
                config.creds_store.is_some() || config.cred_helpers.contains_key(reference.registry());
            return match helped {
                true => Err(bad(
                    "the Docker config leaves it to a helper program, and none is run here: use a config with `auths`, or \
                     --username with --password-stdin",
                )),
                false => Ok(None),
            };
        };
        if entry.identity_token.is_some() {
            return Err(bad(
                "the Docker config has an identity token, which is not supported: use a name and a password",
            ));
        }
        if let (Some(username), Some(password)) = (entry.username.take(), entry.password.take()) {
            return Ok(Some(Self { username, password: SecretBytes::new(password.into_bytes()) }));
        }
        let malformed = || {
            bad(
                "the entry of the registry in the Docker config is neither username and password nor base64 of both",
            )
        };
        let text = Zeroizing::new(entry.auth.take().ok_or_else(malformed)?);
        let text = text.trim();
        // Both with padding and without are about.
        let both =
            STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).map_err(|_| malformed())?;
        let both = Zeroizing::new(both);
        let colon = both.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
        let username = std::str::from_utf8(&both[..colon]).map_err(|_| malformed())?.to_owned();
        // Old versions of Docker filled it up.
        let end = both.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1).max(colon + 1);
        Ok(Some(Self { username, password: SecretBytes::copied_from(&both[colon + 1..end]) }))
    }
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    cred_helpers: BTreeMap<String, serde_json::Value>,
    #[serde(default, rename = "credsStore")]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Entry {
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    auth: Option<String>,
    #[serde(default, rename = "identitytoken")]
    identity_token: Option<String>,
}

impl Entry {
    /// What docker login leaves where a helper has the rest.
    fn is_empty(&self) -> bool {
        let texts = [&self.username, &self.password, &self.auth, &self.identity_token];
        texts.iter().all(|text| text.as_ref().is_none_or(String::is_empty))
    }
}

/// How closely a key of `auths` fits, as the kubelet reads it: a host, with or without a scheme, a path below which the
/// repository lies, `*` for whole labels of the host. None: it does not.
fn specificity(key: &str, reference: &Reference) -> Option<(usize, bool)> {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (host, path) = key.split_once('/').unwrap_or((key, ""));
    let ours = reference.registry();
    // Docker's own registry goes by its old address in config files.
    let same = host == ours || host == "index.docker.io" && ours == "docker.io";
    let labels = || {
        let (pattern, found): (Vec<_>, Vec<_>) = (host.split('.').collect(), ours.split('.').collect());
        let fits = |(pattern, found): (&&str, &&str)| *pattern == "*" || pattern == found;
        host.contains('*') && pattern.len() == found.len() && pattern.iter().zip(&found).all(fits)
    };
    if !same && !labels() {
        return None;
    }
    let path = path.trim_end_matches('/');
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let below = path.is_empty()
        || reference
            .repository()
            .strip_prefix(path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below.then_some((path.len(), same))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(config: &str, reference: &str) -> Result<Option<(String, String)>, OciError> {
        let reference = Reference::parse(reference).unwrap();
        let login = Login::find(config.as_bytes(), &reference)?;
        Ok(login.map(|login| (login.username, String::from_utf8(login.password.expose().to_vec()).unwrap())))
    }

    #[test]
    fn the_closest_entry_is_the_login() {
        // base64 by coreutils: user:pa:ss, other:word
        let config = r#"{"auths": {
            "r.example:5000": {"auth": "dXNlcjpwYTpzcw=="},
            "https://r.example:5000/team": {"auth": "b3RoZXI6d29yZA"},
            "https://index.docker.io/v1/": {"username": "d", "password": "p"},
            "*.wild.example": {"username": "w", "password": "p"},
            "a.wild.example": {"username": "a", "password": "p"},
            "padded.example": {"auth": "dXNlcjpwdwAAAA=="}
        }}"#;
        for (reference, expected) in [
            ("r.example:5000/x:1", Some(("user", "pa:ss"))),
            ("r.example:5000/team/x:1", Some(("other", "word"))),
            ("r.example:5000/teams/x:1", Some(("user", "pa:ss"))),
            ("docker.io/a/b:1", Some(("d", "p"))),
            ("b.wild.example/x:1", Some(("w", "p"))),
            ("a.wild.example/x:1", Some(("a", "p"))),
            ("b.c.wild.example/x:1", None),
            ("padded.example/x:1", Some(("user", "pw"))),
            ("r.example/x:1", None),
            ("evil.example/x:1", None),
        ] {
            let expected = expected.map(|(name, password)| (name.to_owned(), password.to_owned()));
            assert_eq!(found(config, reference).unwrap(), expected, "{reference}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_without_its_words() {
        for (config, expected) in [
            ("MARKED", "no JSON"),
            (r#"{"auths": ["MARKED"]}"#, "no JSON"),
            (r#"{"auths": {"r.example": {"auth": "MARKED!"}}}"#, "neither"),
            (r#"{"auths": {"r.example": {"auth": "TUFSS0VE"}}}"#, "neither"),
            (r#"{"auths": {"r.example": {"username": "MARKED"}}}"#, "neither"),
            (r#"{"auths": {"r.example": {"identitytoken": "MARKED"}}}"#, "identity token"),
            (r#"{"auths": {"r.example": {}}, "credsStore": "MARKED"}"#, "helper"),
            (r#"{"credHelpers": {"r.example": "MARKED"}}"#, "helper"),
        ] {
            let error = found(config, "r.example/x:1").unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(said.contains(expected) && !said.contains("MARKED"), "{said}");
            assert_eq!(error.reason(), "PullSecretInvalid");
        }
        assert_eq!(found(r#"{"credHelpers": {"other.example": "x"}}"#, "r.example/x:1").unwrap(), None);
        assert_eq!(found("{}", "r.example/x:1").unwrap(), None);
    }
}
