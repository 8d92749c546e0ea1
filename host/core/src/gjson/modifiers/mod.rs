//! `@name:argument` and literals: what they make of a text, or in its place.

mod shapes;

use shapes::{Joined, dig, flatten, group, join, keys, reverse, values};

use super::meter::{Buffer, Meter, Refused};
use super::number;
use super::pretty::{self, Options};
use super::query::truth;
use super::scan::{self, Entries};
use super::text;
use super::valid;
use super::value::{Bytes, Kind, Value};

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
