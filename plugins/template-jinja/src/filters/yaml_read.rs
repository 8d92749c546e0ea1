//! `fromyaml`: the first document, with the types that Ansible's reader (PyYAML, YAML 1.1) gives unquoted
//! words, so that `yes` is true and `0777` octal, and the numbers of YAML 1.2 too (`0o777`, `1e3`).
//! Deliberately not: times and base-60 numbers, which stay text.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle};
use indexmap::IndexMap;
use minijinja::value::{StringInput, ValueKind};
use minijinja::{Error, Value};

use crate::failure::refuse;
use crate::limits::{MAX_DEPTH, MAX_NODES};

/// The filter.
pub(super) fn fromyaml(text: StringInput<'_>) -> Result<Value, Error> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text.as_str()), anchors: BTreeMap::new(), nodes: 0 };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return Ok(Value::from(())),
            event => return reader.node(event, 0),
        }
    }
}

/// What an unquoted word means.
pub(super) fn resolve(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::from(()),
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::from(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Value::from(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::from(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::from(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Value::from(f64::NAN),
        _ => integer(text).map(Value::from).or_else(|| float(text).map(Value::from))?,
    })
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let plain = digits.replace('_', "");
    let (digits, radix) = match plain.as_bytes() {
        [b'0', b'x', rest @ ..] => (rest, 16),
        [b'0', b'b', rest @ ..] => (rest, 2),
        [b'0', b'o', rest @ ..] => (rest, 8),
        [b'0', rest @ ..] if !rest.is_empty() => (rest, 8),
        all => (all, 10),
    };
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}

fn float(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let fits = unsigned.contains(['.', 'e', 'E'])
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    plain.parse().ok().filter(|_| fits)
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    /// With the number of values in it, since an alias stands for all of them.
    anchors: BTreeMap<usize, (Value, usize)>,
    nodes: usize,
}

fn invalid() -> Error {
    // Without the parser's words, which may quote the document.
    refuse("fromyaml: the value is not YAML")
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, Error> {
        match self.parser.next() {
            Some(Ok((event, _))) => Ok(event),
            _ => Err(invalid()),
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), Error> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(refuse("fromyaml: more than 100000 values"));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(refuse("fromyaml: nested deeper than 100"));
        }
        let before = self.nodes;
        self.count(1)?;
        let (anchor, value) = match event {
            Event::Alias(anchor) => {
                let (value, nodes) = self.anchors.get(&anchor).cloned().ok_or_else(invalid)?;
                self.count(nodes)?;
                return Ok(value);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_ref().map(|tag| tag.suffix());
                let typed = match (style, tag) {
                    (ScalarStyle::Plain, None) | (_, Some("int" | "float" | "bool" | "null")) => {
                        resolve(&text)
                    }
                    _ => None,
                };
                (anchor, typed.unwrap_or_else(|| Value::from(text.as_ref())))
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
                (anchor, Value::from(items))
            }
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping(depth)?),
            _ => return Err(invalid()),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.nodes - before));
        }
        Ok(value)
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Error> {
        let mut merged: Vec<(Value, Value)> = Vec::new();
        let mut own: Vec<(Value, Value)> = Vec::new();
        loop {
            let event = match self.next()? {
                Event::MappingEnd => break,
                event => event,
            };
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            if merges {
                self.merge(&value, &mut merged)?;
            } else if matches!(key.kind(), ValueKind::Seq | ValueKind::Map) {
                return Err(refuse("fromyaml: a list or a mapping as a key"));
            } else {
                own.push((key, value));
            }
        }
        // What comes later wins: of several merged the first, and over all what the mapping itself says.
        Ok(Value::from(merged.into_iter().rev().chain(own).collect::<IndexMap<_, _>>()))
    }

    fn merge(&mut self, value: &Value, merged: &mut Vec<(Value, Value)>) -> Result<(), Error> {
        let maps: Vec<Value> = match value.kind() {
            ValueKind::Map => vec![value.clone()],
            ValueKind::Seq => value.try_iter()?.collect(),
            _ => return Err(invalid()),
        };
        for map in maps {
            if map.kind() != ValueKind::Map {
                return Err(invalid());
            }
            for key in map.try_iter()? {
                self.count(1)?;
                let item = map.get_item(&key)?;
                merged.push((key, item));
            }
        }
        Ok(())
    }
}
