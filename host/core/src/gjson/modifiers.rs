//! `@name:argument` and literals: what they make of a text, or in its place.

use std::collections::HashMap;

use super::meter::{Buffer, Meter, Refused};
use super::pretty::{self, Options};
use super::query::truth;
use super::scan::{self, Entries};
use super::text;
use super::valid;
use super::value::{Bytes, Kind, Value};
use super::{look_up, number};

/// A text that was made, and the path that is left.
type Made<'d, 'p> = (Bytes<'d>, &'p [u8]);

/// The modifiers by name.
#[derive(Clone, Copy)]
enum Modifier {
    Dig,
    Flatten,
    FromStr,
    Group,
    Join,
    Keys,
    Pretty,
    Reverse,
    This,
    ToStr,
    Ugly,
    Valid,
    Values,
}

fn named(name: &[u8]) -> Option<Modifier> {
    Some(match name {
        b"dig" => Modifier::Dig,
        b"flatten" => Modifier::Flatten,
        b"fromstr" => Modifier::FromStr,
        b"group" => Modifier::Group,
        b"join" => Modifier::Join,
        b"keys" => Modifier::Keys,
        b"pretty" => Modifier::Pretty,
        b"reverse" => Modifier::Reverse,
        b"this" => Modifier::This,
        b"tostr" => Modifier::ToStr,
        b"ugly" => Modifier::Ugly,
        b"valid" => Modifier::Valid,
        b"values" => Modifier::Values,
        _ => return None,
    })
}

/// Length of the longest of these names.
pub(super) const LONGEST: usize = 7;

/// Whether there is a modifier of that name.
pub(super) fn exists(name: &[u8]) -> bool {
    named(name).is_some()
}

/// What a path makes of the text that begins with a literal: `!true`, `!"text"`, `!{"a":1}`.
pub(super) fn literal<'d, 'p>(path: &'p [u8], meter: &Meter) -> Result<Option<Made<'d, 'p>>, Refused> {
    let name = path.get(1..).unwrap_or_default();
    let (literal, rest) = match name.first() {
        // Any of them counts as a bracket, so that only what closes one ends it.
        Some(b'{' | b'[' | b'"' | b'+' | b'-' | b'0'..=b'9') => {
            name.split_at(scan::closing_bracket(name, 1).min(name.len()))
        }
        _ => {
            let end = name.iter().position(|byte| matches!(byte, b'|' | b'.'));
            let (word, rest) = name.split_at(end.unwrap_or(name.len()));
            meter.read(word.len())?;
            let lower = std::str::from_utf8(word).unwrap_or_default().replace('İ', "i").to_ascii_lowercase();
            if !["true", "false", "null", "nan", "inf"].contains(&lower.as_str()) {
                return Ok(None);
            }
            (word, rest)
        }
    };
    meter.read(name.len())?;
    let mut out = Buffer::new(meter);
    out.push(literal)?;
    Ok(Some((Bytes::Made(out.done()), rest)))
}

/// What the modifier that a path begins with makes of a text; `None` if there is none of that name.
pub(super) fn apply<'d, 'p>(
    json: &'d [u8],
    path: &'p [u8],
    meter: &Meter,
) -> Result<Option<Made<'d, 'p>>, Refused> {
    let name = path.get(1..).unwrap_or_default();
    let end = name.iter().position(|byte| matches!(byte, b':' | b'|' | b'.')).unwrap_or(name.len());
    meter.read(end)?;
    let (name, rest) = name.split_at(end);
    let Some(modifier) = named(name) else { return Ok(None) };
    let (argument, rest) = match rest {
        [b':', rest @ ..] => rest.split_at(argument_length(rest, meter)?),
        rest => (&[][..], rest),
    };
    meter.read(json.len())?;
    let mut out = Buffer::new(meter);
    let untouched = match modifier {
        Modifier::This => true,
        Modifier::Dig => {
            let mut found = Joined::new(&mut out, b"[")?;
            dig(&scan::whole(json, meter)?, argument, &mut found, meter)?;
            found.close(b"]")?
        }
        Modifier::Flatten => !flatten(json, flag(argument, b"deep", meter)?, &mut out, meter)?,
        Modifier::FromStr if valid::is_json(json) => {
            out.push(&scan::whole(json, meter)?.said())?;
            false
        }
        Modifier::FromStr => false,
        Modifier::Group => {
            group(&scan::whole(json, meter)?, &mut out, meter)?;
            false
        }
        Modifier::Join => !join(json, flag(argument, b"preserve", meter)?, &mut out, meter)?,
        Modifier::Keys => keys(&scan::whole(json, meter)?, &mut out)?,
        Modifier::Pretty => {
            pretty::pretty(json, &options(argument, meter)?, &mut out, meter)?;
            false
        }
        Modifier::Reverse => reverse(&scan::whole(json, meter)?, &mut out, meter)?,
        Modifier::ToStr => {
            text::quote(json, &mut out)?;
            false
        }
        Modifier::Ugly => {
            pretty::ugly(json, &mut out)?;
            false
        }
        Modifier::Valid => valid::is_json(json),
        Modifier::Values => values(&scan::whole(json, meter)?, &mut out)?,
    };
    Ok(Some((if untouched { Bytes::Read(json) } else { Bytes::Made(out.done()) }, rest)))
}

/// How much of a path is a modifier's argument: a JSON value, or everything before a pipe.
fn argument_length(path: &[u8], meter: &Meter) -> Result<usize, Refused> {
    meter.read(path.len())?;
    if matches!(path.first(), Some(b'{' | b'[' | b'"')) {
        return Ok(scan::enclosed(path));
    }
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        match byte {
            b'|' => return Ok(at),
            b'{' | b'[' | b'"' | b'(' => at += scan::enclosed(path.get(at..).unwrap_or_default()),
            _ => at += 1,
        }
    }
    Ok(path.len())
}

/// An option that is a truth.
fn flag(argument: &[u8], name: &[u8], meter: &Meter) -> Result<bool, Refused> {
    let mut set = false;
    each_option(argument, meter, |option, value| {
        if option == name {
            set = truth(value) == Some(true);
        }
    })?;
    Ok(set)
}

fn options(argument: &[u8], meter: &Meter) -> Result<Options, Refused> {
    let blanks = |value: &Value<'_>| {
        let said = value.said();
        said.iter().copied().filter(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).collect()
    };
    let mut options = Options::default();
    each_option(argument, meter, |option, value| match option {
        b"sortKeys" => options.sorted = truth(value) == Some(true),
        b"indent" => options.indent = blanks(value),
        b"prefix" => options.prefix = blanks(value),
        b"width" => {
            options.width = match value.kind() {
                Kind::True => 1,
                Kind::Text => number::signed(value.content()).unwrap_or(0),
                Kind::Number => number::whole(value.number(), value.raw()),
                Kind::Null | Kind::False | Kind::Json => 0,
            };
        }
        _ => {}
    })?;
    Ok(options)
}

fn each_option(
    argument: &[u8],
    meter: &Meter,
    mut take: impl FnMut(&[u8], &Value<'_>),
) -> Result<(), Refused> {
    let options = scan::whole(argument, meter)?;
    if options.is_object() {
        for entry in Entries::of(options.raw()) {
            take(&entry.name(meter)?, &entry.value.value(options.raw(), meter)?);
        }
    }
    Ok(())
}

/// Things with commas between them.
struct Joined<'b, 'm> {
    out: &'b mut Buffer<'m>,
    first: bool,
}

impl<'b, 'm> Joined<'b, 'm> {
    fn new(out: &'b mut Buffer<'m>, open: &[u8]) -> Result<Self, Refused> {
        out.push(open)?;
        Ok(Self { out, first: true })
    }

    fn push(&mut self, parts: &[&[u8]]) -> Result<(), Refused> {
        if !std::mem::take(&mut self.first) {
            self.out.push(b",")?;
        }
        parts.iter().try_for_each(|part| self.out.push(part))
    }

    /// Says that the text is another now.
    fn close(self, close: &[u8]) -> Result<bool, Refused> {
        self.out.push(close)?;
        Ok(false)
    }
}

fn keys(value: &Value<'_>, out: &mut Buffer<'_>) -> Result<bool, Refused> {
    let mut keys = Joined::new(out, b"[")?;
    match value.kind() {
        Kind::Json => {
            for entry in Entries::of(value.raw()) {
                keys.push(&[if value.is_object() { entry.key } else { b"null" }])?;
            }
        }
        _ if value.exists() => keys.push(&[b"null"])?,
        _ => {}
    }
    keys.close(b"]")
}

fn values(value: &Value<'_>, out: &mut Buffer<'_>) -> Result<bool, Refused> {
    if value.is_array() {
        return Ok(true);
    }
    let mut values = Joined::new(out, b"[")?;
    match value.kind() {
        Kind::Json => {
            for entry in Entries::of(value.raw()) {
                values.push(&[entry.value.raw(value.raw())])?;
            }
        }
        _ if value.exists() => values.push(&[value.raw()])?,
        _ => {}
    }
    values.close(b"]")
}

fn reverse(value: &Value<'_>, out: &mut Buffer<'_>, meter: &Meter) -> Result<bool, Refused> {
    if value.kind() != Kind::Json {
        return Ok(true);
    }
    let raw = value.raw();
    let mut entries: Vec<(&[u8], &[u8])> = Vec::new();
    for entry in Entries::of(raw) {
        meter.list::<(&[u8], &[u8])>()?;
        entries.push((entry.key, entry.value.raw(raw)));
    }
    let keyed = value.is_object();
    let mut reversed = Joined::new(out, if keyed { b"{" } else { b"[" })?;
    for (key, value) in entries.into_iter().rev() {
        if keyed { reversed.push(&[key, b":", value])? } else { reversed.push(&[value])? }
    }
    reversed.close(if keyed { b"}" } else { b"]" })
}

/// Without brackets around it.
fn unwrapped(json: &[u8]) -> &[u8] {
    match text::trimmed(json) {
        [b'[' | b'{', inner @ .., _] => inner,
        other => other,
    }
}

/// What is in an array, with arrays in it unwrapped; false if it is none.
fn flatten(json: &[u8], deep: bool, out: &mut Buffer<'_>, meter: &Meter) -> Result<bool, Refused> {
    let _level = meter.enter()?;
    let array = scan::whole(json, meter)?;
    if !array.is_array() {
        return Ok(false);
    }
    let raw = array.raw();
    meter.read(raw.len())?;
    let mut flat = Joined::new(out, b"[")?;
    for entry in Entries::of(raw) {
        let value = entry.value.raw(raw);
        let mut inner = Buffer::new(meter);
        let value = match value.first() {
            Some(b'[') if deep => {
                flatten(value, true, &mut inner, meter)?;
                unwrapped(inner.bytes())
            }
            Some(b'[') => unwrapped(value),
            _ => value,
        };
        let value = text::without_blanks(value);
        if !value.is_empty() {
            flat.push(&[value])?;
        }
    }
    flat.close(b"]")?;
    Ok(true)
}

/// The entries of all objects of an array in one; false if it is none. Of equal keys the last one's value has the
/// first one's place.
fn join(json: &[u8], preserve: bool, out: &mut Buffer<'_>, meter: &Meter) -> Result<bool, Refused> {
    let array = scan::whole(json, meter)?;
    if !array.is_array() {
        return Ok(false);
    }
    let raw = array.raw();
    let objects = Entries::of(raw).map(|entry| entry.value.raw(raw)).filter(|value| value.starts_with(b"{"));
    let mut joined = Joined::new(out, b"{")?;
    if preserve {
        for object in objects {
            joined.push(&[unwrapped(object)])?;
        }
    } else {
        let mut places = HashMap::new();
        let mut entries: Vec<(&[u8], &[u8])> = Vec::new();
        for object in objects {
            for entry in Entries::of(object) {
                meter.list::<[(&[u8], &[u8]); 3]>()?;
                let name = entry.name(meter)?.to_vec();
                let value = entry.value.raw(object);
                let place = *places.entry(name).or_insert(entries.len());
                match entries.get_mut(place) {
                    Some(kept) => kept.1 = value,
                    None => entries.push((entry.key, value)),
                }
            }
        }
        for (key, value) in entries {
            joined.push(&[key, b":", value])?;
        }
    }
    joined.close(b"}")?;
    Ok(true)
}

/// Of an object of arrays an array of objects.
fn group(value: &Value<'_>, out: &mut Buffer<'_>, meter: &Meter) -> Result<(), Refused> {
    if !value.is_object() {
        return Ok(());
    }
    let raw = value.raw();
    let mut columns = Vec::new();
    for entry in Entries::of(raw) {
        let array = entry.value.raw(raw);
        if array.starts_with(b"[") {
            // Once here, and once in a row.
            meter.list::<[(&[u8], &[u8], Entries<'_>); 2]>()?;
            columns.push((entry.key, array, Entries::of(array)));
        }
    }
    let mut rows = Joined::new(out, b"[")?;
    loop {
        let mut row = Vec::new();
        columns.retain_mut(|(key, array, entries)| {
            entries.next().inspect(|entry| row.push((*key, entry.value.raw(array)))).is_some()
        });
        if row.is_empty() {
            break;
        }
        rows.push(&[])?;
        let mut object = Joined::new(rows.out, b"{")?;
        for (key, value) in row {
            object.push(&[key, b":", value])?;
        }
        object.close(b"}")?;
    }
    rows.close(b"]")?;
    Ok(())
}

/// What a path leads to in a value, and in all that are in it.
fn dig(value: &Value<'_>, path: &[u8], found: &mut Joined<'_, '_>, meter: &Meter) -> Result<(), Refused> {
    let _level = meter.enter()?;
    let here = look_up(value.raw(), path, meter)?;
    if here.exists() {
        found.push(&[here.raw()])?;
    }
    if value.kind() == Kind::Json {
        meter.read(value.raw().len())?;
        for entry in Entries::of(value.raw()) {
            dig(&entry.value.value(value.raw(), meter)?, path, found, meter)?;
        }
    }
    Ok(())
}
