//! One property of a JSON value, set and removed.
//!
//! One rule for all providers: it is set where reading it looks first. Where that is a key of that very name (Vault), it
//! is one; everywhere else the property is a path, as ESO's providers have it by the Go package sjson. Everything else of
//! the value stays byte for byte.

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::provider::PropertyStep;
use crate::secret::SecretBytes;
use crate::shape::text_of;

/// Bytes of a property's name.
const LONGEST: usize = 16 * 1024;

/// Steps of a path: each is a level of the value.
const DEEPEST: usize = 64;

/// An index that is filled up to with nulls at most.
const LAST_INDEX: usize = 1_000;

/// What a property's name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A key of that very name.
    Literal,
    /// A path.
    Path,
}

impl Way {
    /// As a provider reads.
    pub fn of(order: &[PropertyStep]) -> Self {
        match order.first() {
            Some(PropertyStep::Literal) => Self::Literal,
            _ => Self::Path,
        }
    }
}

/// Why a property cannot be set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// What is there is no object.
    #[error(
        "what is there is not a JSON object, so no property of it can be set: push it without a property"
    )]
    NotAnObject,
    /// A name that no path can be.
    #[error(
        "the property is no path: put a backslash before each of | # @ * ? ! [ {{ that is part of a name"
    )]
    BadPath,
    /// Too long, too deep, or too far.
    #[error("the property's path is too long: 16 KiB, 64 steps and index 1000 are the most")]
    TooLong,
    /// A list has no names.
    #[error("the property's path leads into a list, where only a number can follow")]
    InList,
}

/// What removing a property leaves.
pub enum Removed {
    /// It was not there.
    Nothing,
    /// This is left.
    Left(SecretBytes),
    /// Nothing is left: the value may go.
    Empty,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    name: String,
    /// `:1` is a key and no index.
    forced: bool,
}

impl Step {
    /// Where it makes a place in a list.
    fn index(&self) -> Option<usize> {
        self.number().filter(|_| !self.forced)
    }

    /// Where it finds something in a list. As in sjson, an empty name is 0.
    fn number(&self) -> Option<usize> {
        let digits = self.name.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| if self.name.is_empty() { Some(0) } else { self.name.parse().ok() }).flatten()
    }
}

fn steps(property: &str, way: Way) -> Result<Vec<Step>, PropertyError> {
    if property.is_empty() {
        return Err(PropertyError::BadPath);
    }
    if property.len() > LONGEST {
        return Err(PropertyError::TooLong);
    }
    if way == Way::Literal {
        return Ok(vec![Step { name: property.to_owned(), forced: true }]);
    }
    let mut steps = vec![Step { name: String::new(), forced: false }];
    let mut characters = property.chars().peekable();
    let mut begins = true;
    while let Some(c) = characters.next() {
        let Some(step) = steps.last_mut() else { return Err(PropertyError::BadPath) };
        match c {
            '.' => {
                steps.push(Step { name: String::new(), forced: false });
                begins = true;
                continue;
            }
            ':' if begins => step.forced = true,
            '\\' => step.name.extend(characters.next()),
            '|' | '#' | '@' | '*' | '?' => return Err(PropertyError::BadPath),
            '!' | '[' | '{' if begins => return Err(PropertyError::BadPath),
            c => step.name.push(c),
        }
        begins = false;
    }
    if steps.len() > DEEPEST { Err(PropertyError::TooLong) } else { Ok(steps) }
}

/// A value, one level of it: what is below stays as it was written.
enum Level<'a> {
    Object(Vec<(String, &'a str)>),
    List(Vec<&'a str>),
    Plain,
}

impl<'a> Level<'a> {
    fn of(json: &'a str) -> Option<Self> {
        struct Levels;
        impl<'de> Visitor<'de> for Levels {
            type Value = Level<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object or a list")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Level<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push((key, value.get()));
                }
                Ok(Level::Object(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Level<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(value) = list.next_element::<&'de RawValue>()? {
                    entries.push(value.get());
                }
                Ok(Level::List(entries))
            }
        }
        let text = trimmed(json);
        if !text.starts_with(['{', '[']) {
            return serde_json::from_str::<&RawValue>(text).ok().map(|_| Self::Plain);
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let level = reader.deserialize_any(Levels).ok()?;
        reader.end().ok().map(|()| level)
    }

    fn at(&self, step: &Step) -> Option<&'a str> {
        match self {
            Self::Object(entries) => {
                entries.iter().find(|(key, _)| *key == step.name).map(|(_, value)| *value)
            }
            Self::List(entries) => entries.get(step.number()?).copied(),
            Self::Plain => None,
        }
    }
}

/// Without what JSON has as blanks around a value. A form feed is none.
fn trimmed(json: &str) -> &str {
    json.trim_matches([' ', '\t', '\n', '\r'])
}

/// The whole value: an object or a list, or nothing yet.
fn whole(json: &[u8]) -> Result<Option<&str>, PropertyError> {
    let text = std::str::from_utf8(json).map_err(|_| PropertyError::NotAnObject)?;
    if matches!(trimmed(text), "" | "null") {
        return Ok(None);
    }
    match Level::of(text) {
        Some(Level::Object(_) | Level::List(_)) => Ok(Some(text)),
        Some(Level::Plain) | None => Err(PropertyError::NotAnObject),
    }
}

/// Whether the property is there, and with that value.
///
/// # Errors
/// If the value is no object, or the property no path.
pub fn holds(json: &[u8], property: &str, way: Way) -> Result<Option<Zeroizing<String>>, PropertyError> {
    let steps = steps(property, way)?;
    let Some(mut text) = whole(json)? else { return Ok(None) };
    for step in &steps {
        match Level::of(text).and_then(|level| level.at(step)) {
            Some(found) => text = found,
            None => return Ok(None),
        }
    }
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// The value with the property set to that text; `None` where it is that already. What is no UTF-8 becomes U+FFFD.
///
/// # Errors
/// If what is there is no object, or the property no path.
pub fn set(
    json: Option<&[u8]>,
    property: &str,
    way: Way,
    value: &[u8],
) -> Result<Option<SecretBytes>, PropertyError> {
    let steps = steps(property, way)?;
    let there = json.map(whole).transpose()?.flatten();
    let wanted = text_of(value);
    if let Some(json) = json
        && let Some(found) = holds(json, property, way)?
        && same_text(&found, &wanted)
    {
        return Ok(None);
    }
    let mut out = Zeroizing::new(String::with_capacity(
        json.map_or(0, <[u8]>::len) + wanted.len() + 2 * property.len() + 16,
    ));
    write_set(there, &steps, &wanted, &mut out)?;
    Ok(Some(SecretBytes::copied_from(out.as_bytes())))
}

fn same_text(found: &str, wanted: &str) -> bool {
    let text = |json: &str| serde_json::from_str::<String>(json).ok().map(Zeroizing::new);
    matches!((text(found), text(wanted)), (Some(found), Some(wanted)) if found == wanted)
}

fn write_set(
    there: Option<&str>,
    steps: &[Step],
    wanted: &str,
    out: &mut String,
) -> Result<(), PropertyError> {
    let Some((step, rest)) = steps.split_first() else {
        out.push_str(wanted);
        return Ok(());
    };
    let level = match there.and_then(Level::of) {
        Some(level @ (Level::Object(_) | Level::List(_))) => level,
        // What is no object here gives way, as in sjson.
        Some(Level::Plain) | None if step.index().is_some() => Level::List(Vec::new()),
        Some(Level::Plain) | None => Level::Object(Vec::new()),
    };
    let found = level.at(step);
    match level {
        Level::List(entries) => {
            let index = if found.is_some() { step.number() } else { step.index() };
            let index = index.ok_or(PropertyError::InList)?;
            if index > entries.len().max(LAST_INDEX) {
                return Err(PropertyError::TooLong);
            }
            out.push('[');
            for at in 0..entries.len().max(index + 1) {
                if at > 0 {
                    out.push(',');
                }
                if at == index {
                    write_set(found, rest, wanted, out)?;
                } else {
                    out.push_str(entries.get(at).copied().unwrap_or("null"));
                }
            }
            out.push(']');
        }
        Level::Object(entries) => {
            let mut done = false;
            write_object(&entries, out, |key, value, out| {
                if key == step.name && !done {
                    done = true;
                    return write_set(Some(value), rest, wanted, out);
                }
                out.push_str(value);
                Ok(())
            })?;
            if !done {
                if !entries.is_empty() {
                    out.push(',');
                }
                out.push_str(&text_of(step.name.as_bytes()));
                out.push(':');
                write_set(None, rest, wanted, out)?;
            }
            out.push('}');
        }
        Level::Plain => return Err(PropertyError::NotAnObject),
    }
    Ok(())
}

/// Without the closing bracket.
fn write_object(
    entries: &[(String, &str)],
    out: &mut String,
    mut value_of: impl FnMut(&str, &str, &mut String) -> Result<(), PropertyError>,
) -> Result<(), PropertyError> {
    out.push('{');
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&text_of(key.as_bytes()));
        out.push(':');
        value_of(key, value, out)?;
    }
    Ok(())
}

/// The value without the property. Objects that hold nothing more go with it; in a list a null takes its place, since
/// the others are known by their number.
///
/// # Errors
/// If the value is no object, or the property no path.
pub fn remove(json: &[u8], property: &str, way: Way) -> Result<Removed, PropertyError> {
    let steps = steps(property, way)?;
    let Some(text) = whole(json)? else { return Ok(Removed::Nothing) };
    if holds(json, property, way)?.is_none() {
        return Ok(Removed::Nothing);
    }
    Ok(match without(text, &steps) {
        Some(left) => Removed::Left(SecretBytes::copied_from(left.as_bytes())),
        None => Removed::Empty,
    })
}

/// What is left of it; `None` if that is nothing.
fn without(text: &str, steps: &[Step]) -> Option<Zeroizing<String>> {
    let (step, rest) = steps.split_first()?;
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    match Level::of(text)? {
        Level::Object(mut entries) => {
            let at = entries.iter().position(|(key, _)| *key == step.name)?;
            let inner = without(entries[at].1, rest);
            match &inner {
                Some(inner) => entries[at].1 = inner,
                None => drop(entries.remove(at)),
            }
            if entries.is_empty() {
                return None;
            }
            let whole = write_object(&entries, &mut out, |_, value, out| {
                out.push_str(value);
                Ok(())
            });
            whole.ok()?;
            out.push('}');
        }
        Level::List(mut entries) => {
            let at = step.number().filter(|at| *at < entries.len())?;
            let inner = without(entries[at], rest);
            entries[at] = inner.as_ref().map_or("null", |inner| inner.as_str());
            while entries.last() == Some(&"null") {
                entries.pop();
            }
            if entries.is_empty() {
                return None;
            }
            out.push('[');
            out.push_str(&entries.join(","));
            out.push(']');
        }
        Level::Plain => return None,
    }
    Some(out)
}
