//! References of artifacts: registry, repository, tag, digest. Pure.
//!
//! Stricter than a container engine: nothing is filled in. A registry that is left out would be somebody else's, and
//! a tag that is left out would be another thing tomorrow.

use std::fmt;

use super::error::OciError;
use crate::egress::Origin;
use crate::package::is_digest;

/// The longest that is taken; the definition of Plugin says the same.
const MAX: usize = 512;

/// Docker's registry has two names: the one in references, and the one of its host.
const DOCKER: &str = "docker.io";
const DOCKER_HOST: &str = "registry-1.docker.io";

/// `registry.example.com/plugins/etcd:0.1.0@sha256:…`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Parses one, by the grammar of the OCI distribution specification (1.1, "Pulling manifests").
    ///
    /// # Errors
    /// [`OciError::Reference`]: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, OciError> {
        let bad = |why: &str| Err(OciError::Reference { why: why.to_owned() });
        if text.is_empty() || text.len() > MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return bad("it is empty, longer than 512 characters, or has characters that no reference has");
        }
        if text.contains("://") {
            return bad("it begins with a scheme: a reference is REGISTRY/REPOSITORY:TAG");
        }
        let Some((registry, rest)) = text.split_once('/') else {
            return bad("it names no registry: write REGISTRY/REPOSITORY:TAG");
        };
        let is_host = registry.contains(['.', ':']) || registry == "localhost";
        // What the URL's parser makes of it must be what stands there: no user, no path, no other spelling.
        let same = |origin: &Origin| {
            let whole = format!("https://{registry}");
            origin.to_string() == whole || origin.to_string() == format!("{whole}:443")
        };
        if !is_host || !Origin::parse(&format!("https://{registry}")).is_ok_and(|origin| same(&origin)) {
            return bad(
                "it names no registry: the part before the first / is a host in lower case, or HOST:PORT",
            );
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some(_) => return bad("what follows the @ is not sha256: and 64 lower-case hexadecimal digits"),
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) if is_tag(tag) => (repository, Some(tag.to_owned())),
            Some(_) => {
                return bad("its tag has other characters than letters, digits, and _ . - between them");
            }
            None => (rest, None),
        };
        if !is_repository(repository) {
            return bad(
                "its repository has other characters than lower-case letters and digits, with single . _ - between \
                 them, and / between its parts",
            );
        }
        if tag.is_none() && digest.is_none() {
            return bad("it has neither tag nor digest: no tag is assumed, so add one (:0.1.0)");
        }
        Ok(Self { registry: registry.to_owned(), repository: repository.to_owned(), tag, digest })
    }

    /// As it is written, `HOST[:PORT]`: what a login is found by.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Where the registry is.
    pub(super) fn host(&self) -> &str {
        if self.registry == DOCKER { DOCKER_HOST } else { &self.registry }
    }

    /// Its path there.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if it names one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that the manifest has to have, if it names one.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What the manifest is asked for by: the digest rather than the tag, which may have moved.
    pub(super) fn manifest(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or_default()
    }

    /// Another manifest of the same repository.
    pub(super) fn beside(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
fn is_tag(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'-'))
}

/// Parts of lower-case letters and digits, separated within by `.`, `_`, `__` or any number of `-`.
fn is_repository(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let ends = part.bytes().next().is_some_and(plain) && part.bytes().next_back().is_some_and(plain);
        let separators =
            part.split(|c: char| c.is_ascii_alphanumeric()).filter(|between| !between.is_empty());
        let fits =
            |between: &str| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-');
        ends && part.bytes().all(|byte| plain(byte) || matches!(byte, b'.' | b'_' | b'-')) && { separators }
            .all(fits)
    };
    text.len() <= 255 && text.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_are_taken_apart() {
        for (text, host, repository, tag, manifest) in [
            ("ghcr.io/acme/etcd:0.1.0", "ghcr.io", "acme/etcd", Some("0.1.0"), "0.1.0"),
            ("localhost/etcd:a", "localhost", "etcd", Some("a"), "a"),
            (
                "127.0.0.1:5000/a/b-c__d.e/f:V_1.x-y",
                "127.0.0.1:5000",
                "a/b-c__d.e/f",
                Some("V_1.x-y"),
                "V_1.x-y",
            ),
            ("[::1]:5000/etcd:1", "[::1]:5000", "etcd", Some("1"), "1"),
            ("docker.io/acme/etcd:1", "registry-1.docker.io", "acme/etcd", Some("1"), "1"),
            ("r.example:5000/x:1@DIGEST", "r.example:5000", "x", Some("1"), DIGEST),
            ("r.example/x@DIGEST", "r.example", "x", None, DIGEST),
        ] {
            let text = text.replace("DIGEST", DIGEST);
            let found = Reference::parse(&text).unwrap();
            assert_eq!((found.host(), found.repository(), found.tag()), (host, repository, tag), "{text}");
            assert_eq!(found.manifest(), manifest, "{text}");
            assert_eq!(found.to_string(), text);
        }
    }

    #[test]
    fn what_is_odd_is_refused() {
        let long = format!("r.example/{}:1", "a".repeat(256));
        let longer = format!("r.example/x:{}", "1".repeat(129));
        for (text, expected) in [
            ("", "empty"),
            ("etcd:1", "names no registry"),
            ("acme/etcd:1", "names no registry"),
            ("https://ghcr.io/acme/etcd:1", "scheme"),
            ("user:pw@ghcr.io/etcd:1", "names no registry"),
            ("GHCR.io/acme/etcd:1", "lower case"),
            ("ghcr.io:99999/acme/etcd:1", "names no registry"),
            ("0x7f.1/etcd:1", "names no registry"),
            ("ghcr.io\\evil/etcd:1", "names no registry"),
            ("ghcr.io?x/etcd:1", "names no registry"),
            ("ghcr.io/../../v2/_catalog:1", "repository"),
            ("ghcr.io/acme//etcd:1", "repository"),
            ("ghcr.io/acme/etcd/:1", "repository"),
            ("ghcr.io/Acme/etcd:1", "repository"),
            ("ghcr.io/acme/.etcd:1", "repository"),
            ("ghcr.io/acme/a___b:1", "repository"),
            ("ghcr.io/acme/a%2fb:1", "repository"),
            ("ghcr.io/acme/etcd", "neither tag nor digest"),
            ("ghcr.io/acme/etcd:", "tag"),
            ("ghcr.io/acme/etcd:1:2", "tag"),
            ("ghcr.io/acme/etcd:../x", "tag"),
            ("ghcr.io/acme/etcd:-1", "tag"),
            ("ghcr.io/acme/etcd:1?x=y", "tag"),
            ("ghcr.io/acme/etcd@sha256:e3b0", "@"),
            ("ghcr.io/acme/etcd@sha512:e3b0", "@"),
            ("ghcr.io/acme/etcd:1\nx", "characters"),
            ("ghcr.io/acme/\u{e9}tcd:1", "characters"),
            (&long, "repository"),
            (&longer, "tag"),
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert_eq!(error.reason(), "SourceInvalid", "{text}");
            assert!(error.to_string().contains(expected), "{text}: {expected:?} is not in {error}");
        }
    }
}
