//! Reading YAML as go-yaml v2 does: the types of YAML 1.1 (`yes` is true, `0777` is octal), merge keys, the
//! first document only. Numbers become float64, by way of JSON.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::text::Text;
use crate::value::convert::{parse_float, parse_int, parse_uint};
use crate::value::{Map, Value};

/// What an unquoted text means.
pub(super) enum Plain {
    Null,
    Bool(bool),
    Number(f64),
    Merge,
    Text,
}

/// go-yaml's `resolve`; timestamps are texts, but not such that may be written unquoted.
pub(super) fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Plain::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Plain::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Plain::Number(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Plain::Number(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Plain::Number(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => parse_float(text).map_or(Plain::Text, Plain::Number),
        Some(b'+' | b'-' | b'0'..=b'9') => number(text),
        Some(b'<') if text == "<<" => Plain::Merge,
        _ => Plain::Text,
    }
}

#[expect(clippy::cast_precision_loss, reason = "JSON numbers are read as float64")]
fn number(text: &str) -> Plain {
    let plain = text.replace('_', "");
    if let Some(n) = parse_int(&plain, 0) {
        return Plain::Number(n as f64);
    }
    if let Some(n) = parse_uint(&plain, 0) {
        return Plain::Number(n as f64);
    }
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let float_like =
        unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match parse_float(&plain) {
        Some(f) if float_like => Plain::Number(f),
        _ => Plain::Text,
    }
}

/// Is this a date, which go-yaml quotes when it writes one?
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() > 4
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && [
            "2006-1-2T15:4:5.999999999Z07:00",
            "2006-1-2t15:4:5.999999999Z07:00",
            "2006-1-2 15:4:5.999999999",
            "2006-1-2",
        ]
        .iter()
        .any(|layout| crate::time::parse::parse(layout, text).is_some())
}

enum Node {
    Value(Value),
    Merge,
}

struct Reader<'a> {
    events: std::vec::IntoIter<Event<'a>>,
    anchors: BTreeMap<usize, Value>,
    depth: usize,
}

/// The first document.
pub(super) fn read(text: &str) -> Result<Value, &'static str> {
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        match event.map_err(|_| "yaml: invalid syntax")?.0 {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => break,
            event => events.push(event),
        }
    }
    // A block scalar that ends with the text, without a line end, has none in go-yaml.
    let last = events.iter_mut().rev().find(|event| matches!(event, Event::Scalar(..)));
    if let Some(Event::Scalar(scalar, ScalarStyle::Literal | ScalarStyle::Folded, ..)) = last
        && !text.ends_with('\n')
        && let Some(shorter) = scalar.strip_suffix('\n')
    {
        *scalar = shorter.to_owned().into();
    }
    let mut reader = Reader { events: events.into_iter(), anchors: BTreeMap::new(), depth: 0 };
    match reader.events.next() {
        Some(event) => reader.value(event),
        None => Ok(Value::Nil),
    }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, &'static str> {
        self.events.next().ok_or("yaml: unexpected end")
    }

    fn value(&mut self, event: Event<'a>) -> Result<Value, &'static str> {
        match self.node(event)? {
            Node::Value(value) => Ok(value),
            Node::Merge => Ok(Value::str("<<")),
        }
    }

    fn node(&mut self, event: Event<'a>) -> Result<Node, &'static str> {
        self.depth += 1;
        if self.depth > 100 {
            return Err("yaml: nested deeper than 100");
        }
        let (anchor, value) = match event {
            Event::Alias(anchor) => {
                self.depth -= 1;
                return self.anchors.get(&anchor).cloned().map(Node::Value).ok_or("yaml: unknown anchor");
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_ref().map(|tag| tag.suffix());
                let plain = match (style, tag) {
                    (ScalarStyle::Plain, None) | (_, Some("int" | "float" | "bool" | "null")) => {
                        resolve(&text)
                    }
                    _ => Plain::Text,
                };
                let value = match plain {
                    Plain::Null => Value::Nil,
                    Plain::Bool(flag) => Value::Bool(flag),
                    Plain::Number(f) if !f.is_finite() => return Err("json: unsupported value"),
                    Plain::Number(f) => Value::Float(f),
                    Plain::Text => Value::str(text.as_bytes()),
                    Plain::Merge => {
                        self.depth -= 1;
                        return Ok(Node::Merge);
                    }
                };
                (anchor, value)
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => items.push(self.value(event)?),
                    }
                }
                (anchor, Value::list(items))
            }
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping()?),
            _ => return Err("yaml: unexpected end"),
        };
        self.depth -= 1;
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(Node::Value(value))
    }

    fn mapping(&mut self) -> Result<Value, &'static str> {
        let mut entries: BTreeMap<Text, Value> = BTreeMap::new();
        let mut merged = Vec::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => break,
                event => self.node(event)?,
            };
            let event = self.next()?;
            let value = self.value(event)?;
            match key {
                Node::Merge => match value {
                    Value::Map(map) => merged.push(map),
                    Value::List(list) => {
                        for item in list.items.iter() {
                            let Value::Map(map) = item else {
                                return Err("yaml: map merge requires map or sequence of maps as the value");
                            };
                            merged.push(map.clone());
                        }
                    }
                    _ => return Err("yaml: map merge requires map or sequence of maps as the value"),
                },
                Node::Value(key) => {
                    let key = match key {
                        Value::Str(text) => text,
                        Value::Float(_) | Value::Bool(_) => crate::format::print::show_text(&key),
                        _ => return Err("unsupported map key"),
                    };
                    entries.insert(key, value);
                }
            }
        }
        // What the mapping itself says wins.
        for map in merged {
            for (key, value) in map.entries() {
                entries.entry(key).or_insert(value);
            }
        }
        Ok(Value::Map(Map::new(entries)))
    }
}
