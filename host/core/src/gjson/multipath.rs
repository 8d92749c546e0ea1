//! `{a,"name":b.c}` and `[a,b.c]`: one object or array of what several paths lead to.

use zeroize::Zeroizing;

use super::look_up;
use super::meter::{Buffer, Meter, Refused};
use super::scan;
use super::text;
use super::valid;

/// What stands between brackets, and what is behind them.
pub(super) struct Multipath<'p> {
    open: u8,
    parts: Vec<Part<'p>>,
    /// Whether the bracket is closed.
    pub(super) whole: bool,
    /// Behind the closing bracket; nothing if there is none.
    pub(super) rest: &'p [u8],
}

struct Part<'p> {
    /// With its quotes, if it has some.
    name: &'p [u8],
    path: &'p [u8],
}

/// Reads a path that begins with a bracket. Any bracket closes any other.
pub(super) fn parse<'p>(path: &'p [u8], meter: &Meter) -> Result<Multipath<'p>, Refused> {
    meter.read(path.len())?;
    let part = |from: usize, colon: Option<usize>, to: usize| {
        let piece = |from: usize, to: usize| path.get(from..to).unwrap_or_default();
        match colon {
            Some(colon) => Part { name: piece(from, colon), path: piece(colon + 1, to) },
            None => Part { name: &[], path: piece(from, to) },
        }
    };
    let mut parts = Vec::new();
    let (mut at, mut from, mut open) = (1, 1, 1_usize);
    // A colon ends a name, but behind a modifier that is not the first of its path it begins an argument.
    let (mut colon, mut modifier) = (None, false);
    while let Some(byte) = path.get(at) {
        match byte {
            b'\\' => at += 1,
            b'@' => modifier |= matches!(path.get(at - 1), Some(b'.' | b'|')),
            b':' if !modifier && colon.is_none() && open == 1 => colon = Some(at),
            b'"' => at = scan::closing_quote(path, at + 1).0.unwrap_or(path.len()),
            b',' if open == 1 => {
                parts.push(part(from, colon, at));
                (from, colon, modifier) = (at + 1, None, false);
            }
            b'[' | b'(' | b'{' => open += 1,
            b']' | b')' | b'}' if open == 1 => {
                parts.push(part(from, colon, at));
                let rest = path.get(at + 1..).unwrap_or_default();
                return Ok(Multipath { open: path[0], parts, whole: true, rest });
            }
            b']' | b')' | b'}' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    Ok(Multipath { open: path[0], parts, whole: false, rest: &[] })
}

impl Multipath<'_> {
    /// The object or array. What a path does not find is left out.
    pub(super) fn evaluate(&self, json: &[u8], meter: &Meter) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let mut out = Buffer::new(meter);
        out.push(&[self.open])?;
        for part in &self.parts {
            let found = look_up(json, part.path, meter)?;
            if !found.exists() {
                continue;
            }
            if out.len() > 1 {
                out.push(b",")?;
            }
            if self.open == b'{' {
                part.push_name(&mut out)?;
                out.push(b":")?;
            }
            out.push(found.raw())?;
        }
        // `]` is two behind `[`, and `}` behind `{`.
        out.push(&[self.open + 2])?;
        Ok(out.done())
    }
}

impl Part<'_> {
    fn push_name(&self, out: &mut Buffer<'_>) -> Result<(), Refused> {
        match self.name {
            [b'"', ..] if valid::is_json(self.name) => out.push(self.name),
            [] => text::quote(simple(last_step(self.path)).unwrap_or(b"_"), out),
            name => text::quote(name, out),
        }
    }
}

/// The last step of a path, whose name an entry has that was given none.
fn last_step(path: &[u8]) -> &[u8] {
    let ends = |at: &usize| {
        let escaped = at.checked_sub(1).and_then(|before| path.get(before)) == Some(&b'\\');
        matches!(path.get(*at), Some(b'|' | b'.')) && !escaped
    };
    let from = (0..path.len()).rev().find(ends).map_or(0, |at| at + 1);
    path.get(from..).unwrap_or_default()
}

fn simple(step: &[u8]) -> Option<&[u8]> {
    let special = |byte: &u8| *byte < b' ' || b"[]{}()#|!".contains(byte);
    (!step.iter().any(special)).then_some(step)
}
