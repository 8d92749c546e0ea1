//! Names of resources: from a manifest's key and version to a path, and back. Nothing that a manifest says
//! leaves the store's project and location.

use claviger_plugin_sdk::Error;

/// Where the store's secrets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Id or number.
    pub project: String,
    /// Of regional secrets.
    pub location: Option<String>,
}

impl Parent {
    /// `projects/P`, with `/locations/L` for regional secrets.
    pub fn path(&self) -> String {
        match &self.location {
            Some(location) => format!("projects/{}/locations/{location}", self.project),
            None => format!("projects/{}", self.project),
        }
    }

    /// A text of names without the store's project: whoever reads it knows the store, and a project may stand in
    /// a key's file, out of which the host shows nothing.
    pub fn relative(&self, text: &str) -> String {
        let project = format!("projects/{}", self.project);
        let text = text.replace(&format!("{project}/"), "");
        // Not the beginning of another project's name.
        let mut short = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(&project) {
            let (before, found) = rest.split_at(at);
            let after = &found[project.len()..];
            let whole = !after.starts_with(|next: char| next.is_alphanumeric() || "-_:".contains(next));
            short.push_str(before);
            short.push_str(if whole { "the store's project" } else { &project });
            rest = after;
        }
        short.push_str(rest);
        short
    }
}

/// What a key names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The secret's id.
    pub id: String,
    /// The version, if it is in the key.
    pub version: Option<String>,
}

/// Reads a key: the secret's id, or its whole name (`projects/P/secrets/S`, with `/versions/V` if wanted) where
/// that lies in the store's project and location.
///
/// # Errors
/// [`Error::Denied`] for another project or location: the store's is its writer's choice and not that of who
/// writes a key. [`Error::Other`] for what is no name.
pub fn read(key: &str, parent: &Parent) -> Result<Key, Error> {
    let (id, version) = match key.strip_prefix("projects/") {
        None => (key, None),
        Some(_) => {
            let none = || Error::Other(format!("{}: it is not the name of a secret", short(key)));
            let (before, rest) = key.split_once("/secrets/").ok_or_else(none)?;
            if before != parent.path() {
                return Err(Error::Denied(format!(
                    "{}: the store reads its own project and location only (spelled as in the store)",
                    short(key)
                )));
            }
            match rest.split_once("/versions/") {
                Some((id, version)) => (id, Some(version)),
                None => (rest, None),
            }
        }
    };
    if !is_id(id) {
        return Err(Error::Other(format!(
            "{}: it is not the name of a secret: letters, digits, - and _, at most 255",
            short(key)
        )));
    }
    let version = version.map(|version| self::version(version).map(ToOwned::to_owned)).transpose()?;
    Ok(Key { id: id.to_owned(), version })
}

/// `latest`, a number or an alias.
///
/// # Errors
/// If it is built as none of them.
pub fn version(version: &str) -> Result<&str, Error> {
    if version.len() <= 63 && is_id(version) {
        Ok(version)
    } else {
        Err(Error::Other(format!("version {}: it is no number and no alias", short(version))))
    }
}

/// As Secret Manager's API reference has it.
pub fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !id.is_empty() && id.len() <= 255 && id.bytes().all(plain)
}

/// The id in a secret's name. Google names the project by its number, whatever it was asked by.
pub fn id_of(name: &str) -> Option<&str> {
    name.split_once("/secrets/").map(|(_, id)| id).filter(|id| is_id(id))
}

/// The number in a version's name.
pub fn version_of(name: &str) -> Option<&str> {
    name.split_once("/versions/").map(|(_, version)| version).filter(|version| is_id(version))
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parent(location: Option<&str>) -> Parent {
        Parent { project: "shop".to_owned(), location: location.map(ToOwned::to_owned) }
    }

    #[test]
    fn keys() {
        for (key, location, expected) in [
            ("db", None, Ok(("db", None))),
            ("Team-a_db", Some("us-east1"), Ok(("Team-a_db", None))),
            ("projects/shop/secrets/db", None, Ok(("db", None))),
            ("projects/shop/secrets/db/versions/3", None, Ok(("db", Some("3")))),
            ("projects/shop/locations/us-east1/secrets/db", Some("us-east1"), Ok(("db", None))),
            ("projects/other/secrets/db", None, Err("denied")),
            ("projects/123/secrets/db", None, Err("denied")),
            ("projects/shop/locations/us-east1/secrets/db", None, Err("denied")),
            ("projects/shop/secrets/db", Some("us-east1"), Err("denied")),
            ("projects/shop/../other/secrets/db", None, Err("denied")),
            ("projects/shop", None, Err("other")),
            ("projects/shop/secrets/a/b", None, Err("other")),
            ("projects/shop/secrets/db/versions/../x", None, Err("other")),
            ("", None, Err("other")),
            ("a/b", None, Err("other")),
            ("/db", None, Err("other")),
            ("..", None, Err("other")),
            ("a%2fb", None, Err("other")),
            ("a?b", None, Err("other")),
            ("db:destroy", None, Err("other")),
            ("grün", None, Err("other")),
        ] {
            let found = read(key, &parent(location));
            let found = match &found {
                Ok(found) => Ok((found.id.as_str(), found.version.as_deref())),
                Err(Error::Denied(_)) => Err("denied"),
                Err(_) => Err("other"),
            };
            assert_eq!(found, expected, "{key}");
        }
        assert!(!is_id(&"x".repeat(256)) && is_id(&"x".repeat(255)));
    }

    #[test]
    fn words_without_the_project() {
        for (text, expected) in [
            ("projects/shop/secrets/db/versions/1", "secrets/db/versions/1"),
            ("on 'projects/shop' (or it may not exist)", "on 'the store's project' (or it may not exist)"),
            ("projects/shop", "the store's project"),
            ("projects/shop-2/secrets/x", "projects/shop-2/secrets/x"),
            ("Secret [projects/123/secrets/db]", "Secret [projects/123/secrets/db]"),
        ] {
            assert_eq!(parent(None).relative(text), expected);
        }
    }

    #[test]
    fn versions() {
        for (text, fine) in [
            ("latest", true),
            ("17", true),
            ("blue-1", true),
            ("1/../x", false),
            ("", false),
            (&*"1".repeat(64), false),
        ] {
            assert_eq!(version(text).is_ok(), fine, "{text}");
        }
    }

    /// Names as Google's API answers with them.
    #[test]
    fn names_in_answers() {
        assert_eq!(id_of("projects/1234/secrets/db"), Some("db"));
        assert_eq!(id_of("projects/1234/locations/us-east1/secrets/db"), Some("db"));
        assert_eq!(version_of("projects/1234/secrets/db/versions/17"), Some("17"));
        for odd in ["db", "projects/1/secrets/a/b", "projects/1/secrets/"] {
            assert_eq!(id_of(odd), None, "{odd}");
        }
    }
}
