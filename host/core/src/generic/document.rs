//! An object of any kind with secret values in it. It cannot be printed, and its texts are wiped.

use serde_json::Value;
use zeroize::Zeroize;

use crate::hash::sha3_224;

/// A part of an object, or a whole one.
#[derive(Clone, Default)]
pub struct Document(Value);

impl Document {
    /// Takes it.
    pub fn new(value: Value) -> Self {
        Self(value)
    }

    /// For the request that writes it.
    pub fn expose(&self) -> &Value {
        &self.0
    }

    pub(super) fn get_mut(&mut self) -> &mut Value {
        &mut self.0
    }

    /// A hash of what it says. Maps are sorted, so the same says the same.
    pub fn hash(&self) -> String {
        let mut text = self.0.to_string();
        let hash = sha3_224(text.as_bytes());
        text.zeroize();
        hash
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether an object has everything that is wanted of it; it may have more.
pub(super) fn holds(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| there.get(key).is_some_and(|there| holds(there, wanted)))
        }
        (Value::Array(there), Value::Array(wanted)) => {
            there.len() == wanted.len()
                && there.iter().zip(wanted).all(|(there, wanted)| holds(there, wanted))
        }
        (there, wanted) => there == wanted,
    }
}
