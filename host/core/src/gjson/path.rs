//! One step of a path, read where it is taken: in an object it is a name, in an array an index, `#` or a query.

use std::borrow::Cow;

use super::meter::{Buffer, Meter, Refused};
use super::scan;
use super::text;
use super::{modifiers, number};

/// What comes behind a step.
#[derive(Clone, Copy)]
pub(super) enum Next<'p> {
    /// Nothing: what the step finds is it.
    End,
    /// A path into what the step finds.
    Inside(&'p [u8]),
    /// A path for the result as a whole.
    Piped(&'p [u8]),
}

/// A step in an object.
pub(super) struct Name<'p> {
    /// Without its escapes.
    pub(super) name: Cow<'p, [u8]>,
    /// A pattern. An escaped star beside one that is not is one too: the escape is gone by then.
    pub(super) wild: bool,
    pub(super) next: Next<'p>,
}

impl<'p> Name<'p> {
    pub(super) fn of(path: &'p [u8]) -> Self {
        let (mut wild, mut escaped, mut at) = (false, false, 0);
        let mut next = Next::End;
        while let Some(byte) = path.get(at) {
            match byte {
                b'|' => {
                    next = Next::Piped(behind(path, at));
                    break;
                }
                b'.' => {
                    next = dotted(path, at);
                    break;
                }
                b'\\' => {
                    escaped = true;
                    at += 1;
                }
                b'*' | b'?' => wild = true,
                _ => {}
            }
            at += 1;
        }
        let part = path.get(..at).unwrap_or(path);
        let name = if escaped { Cow::Owned(unescaped(part)) } else { Cow::Borrowed(part) };
        Self { name, wild, next }
    }
}

fn unescaped(part: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.iter();
    while let Some(byte) = bytes.next() {
        out.extend(if *byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    out
}

fn behind(path: &[u8], at: usize) -> &[u8] {
    path.get(at + 1..).unwrap_or_default()
}

/// A dot in front of a modifier or multipath is a pipe.
fn dotted(path: &[u8], at: usize) -> Next<'_> {
    let rest = behind(path, at);
    let piped = match rest {
        [b'[' | b'{', ..] => true,
        [b'@', name @ ..] => {
            let name = name.get(..=modifiers::LONGEST).unwrap_or(name);
            let end = name.iter().position(|byte| matches!(byte, b'.' | b'|' | b':'));
            modifiers::exists(name.get(..end.unwrap_or(name.len())).unwrap_or_default())
        }
        _ => false,
    };
    if piped { Next::Piped(rest) } else { Next::Inside(rest) }
}

/// A step in an array.
pub(super) struct Elements<'p> {
    pub(super) which: Which<'p>,
    pub(super) next: Next<'p>,
}

/// Which elements it means.
pub(super) enum Which<'p> {
    /// One, if it is a number at all.
    Index(Option<i64>),
    /// `#`: how many there are.
    Count,
    /// `#.path`: all, and of each what the path inside leads to.
    Each,
    /// `#(…)`, `#(…)#`.
    Query(Query<'p>),
    /// A `#` in the midst of something.
    None,
}

impl<'p> Elements<'p> {
    pub(super) fn of(path: &'p [u8], meter: &Meter) -> Result<Self, Refused> {
        let (mut which, mut at) = (None, 0);
        match path {
            [b'#', b'.', rest @ ..] => {
                return Ok(Self { which: Which::Each, next: Next::Inside(rest) });
            }
            [b'#', b'(' | b'[', ..] => {
                meter.read(path.len())?;
                let Some((mut query, end)) = Query::of(path, meter)? else {
                    // One that has no end asks for nothing, so the first element will do.
                    return Ok(Self { which: Which::Query(Query::default()), next: Next::End });
                };
                query.all = path.get(end) == Some(&b'#');
                (which, at) = (Some(Which::Query(query)), end);
            }
            _ => {}
        }
        let mut next = Next::End;
        while let Some(byte) = path.get(at) {
            match byte {
                b'|' => next = Next::Piped(behind(path, at)),
                b'.' if which.is_some() => next = Next::Inside(behind(path, at)),
                b'.' => next = dotted(path, at),
                b'#' => {
                    which.get_or_insert(Which::None);
                    at += 1;
                    continue;
                }
                _ => {
                    at += 1;
                    continue;
                }
            }
            break;
        }
        meter.read(at)?;
        let part = path.get(..at).unwrap_or(path);
        let which = match which {
            Some(Which::None) if part == b"#" => Which::Count,
            Some(which) => which,
            None => Which::Index(number::index(part)),
        };
        Ok(Self { which, next })
    }
}

/// What an element is asked.
#[derive(Default)]
pub(super) struct Query<'p> {
    /// Where in the element; the element itself if there is none.
    pub(super) path: &'p [u8],
    pub(super) operator: &'p [u8],
    /// What is compared with, without quotes.
    pub(super) value: Cow<'p, [u8]>,
    /// All elements that answer, not the first.
    pub(super) all: bool,
}

impl<'p> Query<'p> {
    /// Of a path that begins with one, and where it ends.
    fn of(path: &'p [u8], meter: &Meter) -> Result<Option<(Self, usize)>, Refused> {
        let (mut at, mut open) = (2, 1_usize);
        let (mut comparison, mut escaped) = (None, false);
        while let Some(byte) = path.get(at) {
            match byte {
                b'!' | b'=' | b'<' | b'>' | b'%' if open == 1 && comparison.is_none() => {
                    comparison = Some(at)
                }
                b'\\' => at += 1,
                b'[' | b'(' => open += 1,
                b']' | b')' => open -= 1,
                b'"' => {
                    let (end, has_escapes) = scan::closing_quote(path, at + 1);
                    escaped |= has_escapes;
                    at = end.unwrap_or(path.len());
                }
                _ => {}
            }
            if open == 0 {
                break;
            }
            at += 1;
        }
        if open > 0 {
            return Ok(None);
        }
        let part = |from: usize, to: usize| text::trimmed(path.get(from..to).unwrap_or_default());
        let Some(from) = comparison else {
            return Ok(Some((Self { path: part(2, at), ..Self::default() }, at + 1)));
        };
        let comparison = part(from, at);
        let (operator, value) = operator(comparison);
        let value = match text::trimmed(value) {
            [b'"', inner @ .., b'"'] if escaped => {
                let mut out = Buffer::new(meter);
                text::unescape(inner, &mut out)?;
                Cow::Owned(out.bytes().to_vec())
            }
            [b'"', inner @ .., b'"'] => Cow::Borrowed(inner),
            value => Cow::Borrowed(value),
        };
        Ok(Some((Self { path: part(2, from), operator, value, all: false }, at + 1)))
    }
}

/// The operator, and what is behind it. `==` is `=`; a `!` alone is none, so that what exists answers.
fn operator(comparison: &[u8]) -> (&[u8], &[u8]) {
    let length = match comparison {
        [_] => 1,
        [b'!' | b'<' | b'>', b'=', ..] | [b'!', b'%', ..] => 2,
        [b'=', b'=', rest @ ..] => return (b"=", rest),
        [b'!', ..] => 0,
        _ => 1,
    };
    comparison.split_at(length.min(comparison.len()))
}

/// Before and behind a pipe.
type Halves<'p> = (&'p [u8], &'p [u8]);

/// Where a path inside elements has a pipe, outside of queries: what is before it is for each, the rest for all.
pub(super) fn split_at_pipe<'p>(path: &'p [u8], meter: &Meter) -> Result<Option<Halves<'p>>, Refused> {
    meter.read(path.len())?;
    if !path.contains(&b'|') {
        return Ok(None);
    }
    if let [b'{', rest @ ..] = path {
        let length = 1 + scan::enclosed(rest);
        return Ok(match path.get(length) {
            Some(b'|') => Some((path.get(..length).unwrap_or_default(), behind(path, length))),
            _ => None,
        });
    }
    let mut at = 0;
    while let Some(byte) = path.get(at) {
        match byte {
            b'\\' => at += 1,
            b'|' => return Ok(Some((path.get(..at).unwrap_or_default(), behind(path, at)))),
            b'.' => match path.get(at + 1..) {
                None | Some([]) => return Ok(None),
                Some([b'#']) => return Ok(None),
                Some([b'#', open @ (b'(' | b'['), ..]) => at = query_end(path, at + 3, *open),
                Some([b'#', ..]) => at += 2,
                Some(_) => {}
            },
            _ => {}
        }
        at += 1;
    }
    Ok(None)
}

/// Where the bracket closes that opened before `at`; here only the same kind of bracket counts.
fn query_end(path: &[u8], mut at: usize, open: u8) -> usize {
    let close = if open == b'(' { b')' } else { b']' };
    let mut depth = 1_usize;
    while let Some(byte) = path.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => at = scan::closing_quote(path, at + 1).0.unwrap_or(path.len()),
            byte if *byte == open => depth += 1,
            byte if *byte == close => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
        at += 1;
    }
    at
}
