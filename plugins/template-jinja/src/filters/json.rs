//! `tojson` and `fromjson`. Unlike Jinja's filter it escapes nothing for HTML and keeps the order of keys.
//! Integers beyond 64 bits are read as floats.

use std::fmt;

use indexmap::IndexMap;
use minijinja::value::{Kwargs, StringInput, ValueKind};
use minijinja::{Environment, Error, State, Value};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::data::{NOT_TEXT, is_binary, refuse_undefined};
use crate::failure::refuse;
use crate::limits::{MAX_DEPTH, check_size};

pub(super) fn add(environment: &mut Environment<'_>) {
    for name in ["tojson", "to_json"] {
        environment.add_filter(name, tojson);
    }
    for name in ["fromjson", "from_json"] {
        environment.add_filter(name, fromjson);
    }
}

fn tojson(state: &State<'_, '_>, value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent = options.get::<Option<usize>>("indent")?;
    options.assert_all_used()?;
    let mut writer = Writer { state, out: String::new(), indent: indent.map(|indent| indent.min(16)) };
    writer.value(value, 0)?;
    Ok(writer.out)
}

struct Writer<'a> {
    state: &'a State<'a, 'a>,
    out: String,
    indent: Option<usize>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        check_size("tojson", self.out.len())?;
        if depth > MAX_DEPTH {
            return Err(refuse("tojson: the value is nested deeper than 100"));
        }
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Undefined => {
                refuse_undefined(self.state, value)?;
                self.out.push_str("null");
            }
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => match f64::try_from(value.clone()) {
                Ok(number) if !number.is_finite() => {
                    return Err(refuse("tojson: a number that is not finite"));
                }
                _ => self.out.push_str(&value.to_string()),
            },
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => {
                self.items(value, '[', ']', depth, |this, item| this.value(&item, depth + 1))?;
            }
            ValueKind::Map => self.items(value, '{', '}', depth, |this, key| {
                this.key(&key)?;
                this.out.push(':');
                if this.indent.is_some() {
                    this.out.push(' ');
                }
                this.value(&value.get_item(&key)?, depth + 1)
            })?,
            _ if is_binary(value) => return Err(refuse(NOT_TEXT)),
            _ => return Err(refuse("tojson: this kind of value cannot be written")),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(&serde_json::Value::from(text).to_string());
    }

    fn key(&mut self, key: &Value) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.text(key.as_str().unwrap_or_default()),
            ValueKind::Number => self.text(&key.to_string()),
            ValueKind::Bool => self.text(if key.is_true() { "true" } else { "false" }),
            ValueKind::None => self.text("null"),
            _ => return Err(refuse("tojson: this kind of value cannot be a key")),
        }
        Ok(())
    }

    fn items(
        &mut self,
        value: &Value,
        open: char,
        close: char,
        depth: usize,
        mut write: impl FnMut(&mut Self, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        let mut empty = true;
        for item in value.try_iter()?.checked() {
            if !empty {
                self.out.push(',');
            }
            empty = false;
            self.line(depth + 1);
            write(self, item?)?;
        }
        if !empty {
            self.line(depth);
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }
}

fn fromjson(text: StringInput<'_>) -> Result<Value, Error> {
    // Without the parser's words, which may quote the document.
    serde_json::from_str::<Json>(text.as_str())
        .map(|json| json.0)
        .map_err(|_| refuse("fromjson: the value is not JSON"))
}

/// A value as JSON has it.
struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reader { depth: 0 }.deserialize(deserializer).map(Json)
    }
}

#[derive(Clone, Copy)]
struct Reader {
    depth: usize,
}

impl Reader {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom("nested too deeply"));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::from(()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(deeper)? {
            list.push(item);
        }
        Ok(Value::from(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut map: IndexMap<Value, Value> = IndexMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            map.insert(Value::from(key), entries.next_value_seed(deeper)?);
        }
        Ok(Value::from(map))
    }
}
