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

    /// The same, where it must be there.
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
