//! An item: its fields by label, its files by name, and which of them a reference means, by ESO's rules.

use claviger_plugin_sdk::Error;
use serde::Deserialize;

/// What lists say of an item.
#[derive(Clone, Debug, Deserialize)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// Its title.
    #[serde(default)]
    pub title: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// An item, whole.
#[derive(Debug, Deserialize)]
pub struct Item {
    #[serde(default)]
    title: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    fields: Vec<Field>,
    /// Its files.
    #[serde(default)]
    pub files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct Field {
    #[serde(default)]
    label: String,
    #[serde(default)]
    value: String,
}

/// A file of an item.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// What a reference means.
#[derive(Debug, PartialEq, Eq)]
pub enum Meant {
    /// A field, by its label.
    Field(String),
    /// A file, by its name.
    File(File),
    /// All fields; the one called `password` is the value.
    Fields,
    /// All files; the first is the value.
    Files,
}

/// The label of the field that an item is read for where nothing else is said.
const PASSWORD: &str = "password";

/// Items of this category are their files.
const DOCUMENT: &str = "DOCUMENT";

impl Item {
    /// Its version.
    pub fn version(&self) -> String {
        self.version.to_string()
    }

    /// What a property means: `field/LABEL`, `file/NAME`, or, by what the item is, one of the two.
    ///
    /// # Errors
    /// A file that is not there.
    pub fn meant(&self, property: Option<&str>) -> Result<Meant, Error> {
        let property = property.unwrap_or_default();
        let document = self.category == DOCUMENT;
        let (file, name) = match (property.strip_prefix("field/"), property.strip_prefix("file/")) {
            (Some(label), _) => (false, label),
            (_, Some(name)) => (true, name),
            _ => (document, property),
        };
        match (file, name) {
            (false, "") => Ok(Meant::Fields),
            (false, label) => Ok(Meant::Field(label.to_owned())),
            (true, "") => Ok(Meant::Files),
            (true, name) => match self.files.iter().find(|file| file.name == name) {
                Some(file) => Ok(Meant::File(file.clone())),
                None => Err(self.wrong(&format!("it has no file {name:?}"))),
            },
        }
    }

    /// A field's value.
    ///
    /// # Errors
    /// If there is none of that label, or several.
    pub fn field(&self, label: &str) -> Result<Vec<u8>, Error> {
        let mut found = self.fields.iter().filter(|field| field.label == label);
        match (found.next(), found.next()) {
            (Some(field), None) => Ok(field.value.clone().into_bytes()),
            (None, _) => Err(self.wrong(&format!("it has no field {label:?}"))),
            (Some(_), Some(_)) => Err(self.wrong(&format!("it has several fields {label:?}"))),
        }
    }

    /// All fields that have a label.
    ///
    /// # Errors
    /// If two have the same.
    pub fn fields(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let labelled = self.fields.iter().filter(|field| !field.label.is_empty());
        labelled.map(|field| Ok((field.label.clone(), self.field(&field.label)?))).collect()
    }

    /// What it is without a property.
    pub fn password(&self) -> Option<Vec<u8>> {
        self.field(PASSWORD).ok()
    }

    fn wrong(&self, why: &str) -> Error {
        Error::Other(format!("item {:?}: {why}", self.title))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn item(category: &str) -> Item {
        serde_json::from_value(serde_json::json!({
            "id": "i", "title": "t", "category": category, "version": 3, "vault": {"id": "v"},
            "fields": [
                {"id": "1", "type": "CONCEALED", "label": "password", "value": "p"},
                {"id": "2", "type": "STRING", "label": "twice", "value": "a"},
                {"id": "3", "type": "STRING", "label": "twice", "value": "b"},
                {"id": "4", "type": "STRING", "label": "file/odd", "value": "o"},
                {"id": "5", "type": "STRING", "label": "no value"},
            ],
            "files": [{"id": "f1", "name": "one.txt", "size": 1}, {"id": "f2", "name": "two.txt", "size": 1}],
        }))
        .unwrap()
    }

    /// As ESO's provider reads them: prefixes first, then what the item is.
    #[test]
    fn what_a_property_means() {
        let file = |id: &str, name: &str| Meant::File(File { id: id.to_owned(), name: name.to_owned() });
        let field = |label: &str| Meant::Field(label.to_owned());
        for (category, property, expected) in [
            ("LOGIN", None, Some(Meant::Fields)),
            ("LOGIN", Some("password"), Some(field("password"))),
            ("LOGIN", Some("field/password"), Some(field("password"))),
            ("LOGIN", Some("field/file/odd"), Some(field("file/odd"))),
            ("LOGIN", Some("file/one.txt"), Some(file("f1", "one.txt"))),
            ("LOGIN", Some("file/"), Some(Meant::Files)),
            ("LOGIN", Some("file/gone"), None),
            ("DOCUMENT", None, Some(Meant::Files)),
            ("DOCUMENT", Some("two.txt"), Some(file("f2", "two.txt"))),
            ("DOCUMENT", Some("field/password"), Some(field("password"))),
        ] {
            assert_eq!(item(category).meant(property).ok(), expected, "{category} {property:?}");
        }
    }

    #[test]
    fn a_label_means_one_field() {
        let item = item("LOGIN");
        assert_eq!(item.field("password").unwrap(), b"p");
        assert_eq!(item.field("no value").unwrap(), b"");
        assert!(item.field("twice").is_err() && item.field("gone").is_err());
        assert!(item.fields().is_err());
        assert_eq!((item.password(), item.version()), (Some(b"p".to_vec()), "3".to_owned()));
    }
}
