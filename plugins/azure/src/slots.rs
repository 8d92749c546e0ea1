//! What the host has answered, by slot.

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::connection::{Annotation, Resolved, SlotValue};

/// The answers so far.
#[derive(Clone, Copy)]
pub struct Slots<'a>(pub &'a [SlotValue]);

impl Slots<'_> {
    fn find(&self, slot: &str) -> Option<&Resolved> {
        self.0.iter().find(|value| value.slot == slot).map(|value| &value.value)
    }

    /// Whether there is an answer, be it that there is nothing.
    pub fn asked(&self, slot: &str) -> bool {
        self.find(slot).is_some()
    }

    /// What a slot holds.
    ///
    /// # Errors
    /// If it holds nothing.
    pub fn bytes(&self, slot: &str) -> Result<&[u8], Error> {
        match self.find(slot) {
            Some(Resolved::Bytes(bytes)) => Ok(bytes),
            _ => Err(Error::Other(format!("the host gave no {slot}"))),
        }
    }

    /// A slot's text without white space around it (files and hand-made Secrets end in a newline), if there is
    /// any.
    ///
    /// # Errors
    /// If it is no text.
    pub fn text(&self, slot: &str) -> Result<Option<String>, Error> {
        let Some(Resolved::Bytes(bytes)) = self.find(slot) else { return Ok(None) };
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::Unauthenticated(format!("the {slot} is not text")))?;
        Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
    }

    /// What the reference at a pointer brought.
    ///
    /// # Errors
    /// If it is empty or no text; the field is right then, and the Secret is not.
    pub fn referred(&self, slot: &str, at: &str) -> Result<String, Error> {
        let wrong = |what: &str| Error::Unauthenticated(format!("{at}: the {slot} {what}"));
        let text =
            self.text(slot).map_err(|_| wrong("is not text: the key of the Secret is another thing's"))?;
        text.ok_or_else(|| wrong("is missing: the key of the Secret is empty"))
    }

    /// What the operator's surroundings brought, or a ServiceAccount's token.
    ///
    /// # Errors
    /// If it is empty.
    pub fn needed(&self, slot: &str) -> Result<String, Error> {
        self.text(slot)?.ok_or_else(|| Error::Unauthenticated(format!("the {slot} is empty")))
    }

    /// An annotation of the ServiceAccount in a slot.
    pub fn annotation(&self, slot: &str, name: &str) -> Option<String> {
        let Some(Resolved::Account(annotations)) = self.find(slot) else { return None };
        let found = annotations.iter().find(|Annotation { name: own, .. }| own == name)?;
        Some(found.value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fake::{bytes, kind};

    /// Whoever reads it has several references, and looks for the one that is wrong.
    #[test]
    fn an_empty_key_is_named_by_its_field() {
        let at = "/authSecretRef/clientSecret";
        for (value, said) in [
            (bytes(""), Some("the key of the Secret is empty")),
            (bytes(" \n"), Some("the key of the Secret is empty")),
            (Resolved::Absent, Some("the key of the Secret is empty")),
            (Resolved::Bytes(vec![0xff, 0x00]), Some("is not text")),
            (bytes("x\n"), None),
        ] {
            let have = [SlotValue { slot: "client secret".to_owned(), value }];
            let found = Slots(&have).referred("client secret", at);
            match said {
                None => assert_eq!(found.unwrap(), "x"),
                Some(said) => {
                    assert_eq!(kind(&found), "unauthenticated");
                    let Err(Error::Unauthenticated(text)) = found else { panic!("{said}") };
                    assert!(
                        text.starts_with(&format!("{at}: the client secret ")) && text.contains(said),
                        "{text}"
                    );
                }
            }
        }
    }
}
