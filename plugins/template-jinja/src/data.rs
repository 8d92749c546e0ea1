//! The data as a template sees it: texts, values that are no text, and all keys by name. Whatever turns
//! one of the latter into text by a way that cannot fail leaves a note, and the rendering is refused.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::value::{DynObject, Enumerator, Object, ObjectRepr, StringInput};
use minijinja::{Error, State, Value};

/// The variable that holds all keys.
pub(crate) const ALL: &str = "data";

pub(crate) const NOT_TEXT: &str =
    "a value that is no UTF-8 text cannot be written as text: use b64encode or hexencode";
const ALL_AS_TEXT: &str =
    "data holds every key and cannot be written as a whole: name a key, as in data[\"key\"]";

/// What was turned into text and must not be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spoiled(Arc<OnceLock<&'static str>>);

impl Spoiled {
    fn note(&self, why: &'static str) {
        let _ = self.0.set(why);
    }

    /// Why the rendering is worth nothing.
    pub(crate) fn why(&self) -> Option<&'static str> {
        self.0.get().copied()
    }

    /// A text, or bytes that are none.
    pub(crate) fn value(&self, bytes: Vec<u8>) -> Value {
        match String::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(error) => Value::from_object(Binary { bytes: error.into_bytes(), spoiled: self.clone() }),
        }
    }

    /// Every key as a variable, and all of them as `data`.
    pub(crate) fn context(&self, data: &[(String, Vec<u8>)]) -> Value {
        let mut variables: BTreeMap<Arc<str>, Value> =
            data.iter().map(|(key, bytes)| (Arc::from(key.as_str()), self.value(bytes.clone()))).collect();
        let keys = Keys { entries: variables.clone(), spoiled: self.clone() };
        variables.insert(Arc::from(ALL), Value::from_object(keys));
        Value::from(variables)
    }
}

/// Bytes that are no UTF-8 text.
pub(crate) struct Binary {
    bytes: Vec<u8>,
    spoiled: Spoiled,
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Binary")
    }
}

impl Object for Binary {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        other.downcast_ref::<Self>().map(|other| self.bytes.cmp(&other.bytes))
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spoiled.note(NOT_TEXT);
        Ok(())
    }
}

/// All keys. It is no mapping of minijinja's, which would show every value when it is written.
struct Keys {
    entries: BTreeMap<Arc<str>, Value>,
    spoiled: Spoiled,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Object for Keys {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.entries.get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.keys().map(|key| Value::from(key.clone())).collect())
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spoiled.note(ALL_AS_TEXT);
        Ok(())
    }
}

/// The bytes of a text or of a value that is none; anything else as it would be written.
pub(crate) fn bytes<'a>(state: &State<'_, '_>, value: &'a Value) -> Result<Cow<'a, [u8]>, Error> {
    if let Some(binary) = value.downcast_object_ref::<Binary>() {
        return Ok(Cow::Borrowed(&binary.bytes));
    }
    if let Some(text) = value.as_str() {
        return Ok(Cow::Borrowed(text.as_bytes()));
    }
    // It refuses what is undefined, and knows its name.
    Ok(Cow::Owned(StringInput::new(state, value)?.as_str().as_bytes().to_vec()))
}

/// Fails if undefined values are errors, naming what is undefined.
pub(crate) fn refuse_undefined(state: &State<'_, '_>, value: &Value) -> Result<(), Error> {
    StringInput::new(state, value).map(|_| ())
}

/// Is it bytes that are no text?
pub(crate) fn is_binary(value: &Value) -> bool {
    value.downcast_object_ref::<Binary>().is_some()
}
