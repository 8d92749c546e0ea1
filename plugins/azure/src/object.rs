//! From a key to an object of the vault. What stands before the slash says of which kind it is, as in ESO.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::interface::{Facet, Item};

/// The data plane's version: all of Microsoft's clouds have it, and its answers have not changed since.
pub const API_VERSION: &str = "7.4";

/// What a vault holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Secret,
    /// A certificate without its key.
    Certificate,
    /// The public part of a key.
    Key,
}

impl Kind {
    /// In a key of a manifest.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Certificate => "cert",
            Self::Key => "key",
        }
    }

    /// In a URL of Key Vault's.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Certificate => "certificates",
            Self::Key => "keys",
        }
    }

    /// In a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Certificate => "certificate",
            Self::Key => "key",
        }
    }

    /// The least of Azure's built-in roles that may read it: certificates and public keys are no sensitive values.
    pub fn role(self) -> &'static str {
        match self {
            Self::Secret => "Key Vault Secrets User",
            Self::Certificate | Self::Key => "Key Vault Reader",
        }
    }
}

impl Kind {
    /// The least of Azure's built-in roles that may write it.
    pub fn officer(self) -> &'static str {
        match self {
            Self::Secret => "Key Vault Secrets Officer",
            Self::Certificate => "Key Vault Certificates Officer",
            Self::Key => "Key Vault Crypto Officer",
        }
    }
}

/// An object, and a version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Of which kind.
    pub kind: Kind,
    /// Its name: letters, digits and dashes.
    pub name: String,
    /// The current one, if not said.
    pub version: Option<String>,
}

impl Object {
    /// What an item asks for.
    ///
    /// # Errors
    /// A key or version that Key Vault could not have.
    pub fn of(item: &Item) -> Result<Self, Error> {
        let key = item.key.as_str();
        let (kind, name) = match key.split_once('/') {
            None => (Kind::Secret, key),
            Some(("secret", name)) => (Kind::Secret, name),
            Some(("cert", name)) => (Kind::Certificate, name),
            Some(("key", name)) => (Kind::Key, name),
            Some(_) => {
                return Err(Error::Other(format!(
                    "{key}: before the slash of a key stands secret, cert or key, and nothing else"
                )));
            }
        };
        if !is_name(name) {
            return Err(Error::Other(format!(
                "{key}: names in Key Vault are letters, digits and dashes, 127 at most{}",
                if name.contains('/') { "; a version stands in version, not in the key" } else { "" }
            )));
        }
        let version = item.version.clone().filter(|version| !version.is_empty());
        if let Some(version) = version.as_deref().filter(|version| !is_version(version)) {
            return Err(Error::Unsupported(format!(
                "version {version}: versions in Key Vault are ids like 4387e9f3d6e14c459867679a90fd0f79"
            )));
        }
        Ok(Self { kind, name: name.to_owned(), version })
    }

    /// The path of its URL.
    pub fn path(&self) -> String {
        let version = self.version.as_ref().map(|version| format!("/{version}")).unwrap_or_default();
        format!("/{}/{}{version}", self.kind.collection(), self.name)
    }

    /// For messages.
    pub fn text(&self) -> String {
        let version =
            self.version.as_ref().map(|version| format!(" (version {version})")).unwrap_or_default();
        format!("{}/{}{version}", self.kind.prefix(), self.name)
    }
}

/// Whether what is shown stays the same as long as the version does: tags and times of a version change, and so
/// does what a key may be used for, which stands in its JSON.
pub fn is_fixed(kind: Kind, facet: Facet) -> bool {
    facet == Facet::Value && kind != Kind::Key
}

/// A UUID without its dashes: Key Vault makes no others.
fn is_version(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Key Vault's own rule (`^[0-9a-zA-Z-]{1,127}$`), so nothing of it means anything in a URL.
fn is_name(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugin_sdk::provider::interface::Nature;

    use super::*;

    fn of(key: &str, version: Option<&str>) -> Result<Object, Error> {
        Object::of(&Item {
            key: key.to_owned(),
            version: version.map(ToOwned::to_owned),
            facet: Facet::Value,
            property: None,
            known_version: None,
            nature: Nature::Stored,
        })
    }

    /// Paths of Key Vault's REST API reference.
    #[test]
    fn paths() {
        let longest = "x".repeat(127);
        for (key, version, path) in [
            ("db-1", None, "/secrets/db-1"),
            ("secret/db", Some(""), "/secrets/db"),
            (
                "secret/db",
                Some("4387e9f3d6e14c459867679a90fd0f79"),
                "/secrets/db/4387e9f3d6e14c459867679a90fd0f79",
            ),
            ("cert/tls", None, "/certificates/tls"),
            (
                "key/sign",
                Some("78DEEBED173B48E48F55ABF87ED4CF71"),
                "/keys/sign/78DEEBED173B48E48F55ABF87ED4CF71",
            ),
            (&longest, None, &format!("/secrets/{longest}")),
        ] {
            assert_eq!(of(key, version).unwrap().path(), path, "{key}");
        }
    }

    #[test]
    fn nothing_gets_into_the_url() {
        let too_long = "x".repeat(128);
        for key in [
            "",
            "/",
            "/db",
            "secret/",
            "secret//db",
            "secret/db/",
            "secret/db/version",
            "certs/tls",
            "Secret/db",
            "../keys/x",
            "secret/..",
            "..",
            ".",
            "a.b",
            "db?api-version=1",
            "db#x",
            "db%2fx",
            "db x",
            "db\\x",
            "d\u{fc}b",
            "db_1",
            &too_long,
        ] {
            assert!(matches!(of(key, None), Err(Error::Other(_))), "{key:?}");
        }
        for version in [
            "../x",
            "a/b",
            "?x",
            "..",
            "v1.2",
            "1",
            "latest",
            "4387e9f3d6e14c459867679a90fd0f7",
            "4387e9f3d6e14c459867679a90fd0f790",
            "4387e9f3d6e14c459867679a90fd0f7g",
            "4387e9f3-d6e1-4c45-9867-679a90fd0f79",
            "4387e9f3d6e14c459867679a90fd0f/9",
        ] {
            assert!(matches!(of("db", Some(version)), Err(Error::Unsupported(_))), "{version:?}");
        }
    }
}
