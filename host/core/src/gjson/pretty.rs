//! `@pretty` and `@ugly`: white space as github.com/tidwall/pretty (1.2.1) puts it. Like the rest it takes the text as it
//! comes and passes over what it does not know.

use std::cmp::Ordering;

use zeroize::Zeroizing;

use super::meter::{Buffer, Meter, Refused};
use super::number;
use super::scan;
use super::text;

/// How it is laid out.
pub(super) struct Options {
    /// Longest array in one line; with 0 and less none is.
    pub(super) width: i64,
    /// Before each line.
    pub(super) prefix: Vec<u8>,
    /// For each level.
    pub(super) indent: Vec<u8>,
    /// Keys in order.
    pub(super) sorted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 80, prefix: Vec::new(), indent: b"  ".to_vec(), sorted: false }
    }
}

/// Without white space.
pub(super) fn ugly(json: &[u8], out: &mut Buffer<'_>) -> Result<(), Refused> {
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        let end = match byte {
            b'"' => scan::closing_quote(json, at + 1).0.map_or(json.len(), |end| end + 1),
            _ => at + 1,
        };
        if *byte > b' ' {
            out.push(json.get(at..end).unwrap_or_default())?;
        }
        at = end;
    }
    Ok(())
}

/// In lines.
pub(super) fn pretty<'m>(
    json: &[u8],
    options: &Options,
    out: &mut Buffer<'m>,
    meter: &'m Meter,
) -> Result<(), Refused> {
    out.push(&options.prefix)?;
    let mut printer = Printer { json, options, out, meter, line: 0 };
    printer.value(0, 0)?;
    if printer.out.len() > 0 {
        printer.out.push(b"\n")?;
    }
    Ok(())
}

struct Printer<'a, 'm> {
    json: &'a [u8],
    options: &'a Options,
    out: &'a mut Buffer<'m>,
    meter: &'m Meter,
    /// Where the line began, for what has room in it.
    line: usize,
}

/// An entry of an object, in what is written.
struct Pair {
    from: usize,
    /// Where its value begins, or what is before it.
    value: usize,
    to: usize,
    key: Zeroizing<Vec<u8>>,
}

impl Printer<'_, '_> {
    /// Writes the first value that begins there or behind, and says where to go on.
    fn value(&mut self, from: usize, tabs: usize) -> Result<usize, Refused> {
        let Some(at) = self.first(from)? else { return Ok(self.json.len()) };
        match self.json.get(at) {
            Some(b'{') => self.lines(at, tabs, b'}'),
            Some(b'[') => {
                let written = (self.out.len() - self.line) as i64;
                let room = self.options.width.saturating_sub(written);
                if self.options.width > 0 && room > 3 {
                    let start = self.out.len();
                    if let Some(next) = self.one_line(at, start + room as usize)? {
                        return Ok(next);
                    }
                    self.out.cut(start);
                }
                self.lines(at, tabs, b']')
            }
            _ => self.scalar(at),
        }
    }

    /// Where the next value begins.
    fn first(&self, from: usize) -> Result<Option<usize>, Refused> {
        let begins = |byte: &u8| {
            matches!(
                byte,
                b'"' | b'0'..=b'9' | b'-' | b'{' | b'[' | b't' | b'f' | b'n' | b'i' | b'I' | b'+' | b'N'
            )
        };
        let rest = self.json.get(from..).unwrap_or_default();
        let found = rest.iter().position(begins);
        self.meter.read(found.unwrap_or(rest.len()))?;
        Ok(found.map(|found| from + found))
    }

    fn scalar(&mut self, at: usize) -> Result<usize, Refused> {
        let json = self.json;
        let rest = json.get(at..).unwrap_or_default();
        let (word, length): (&[u8], _) = match rest {
            [b'"', ..] => return self.string(at),
            [b't', ..] => (b"true", 4),
            [b'f', ..] => (b"false", 5),
            [b'n'] | [b'n', b'u', ..] => (b"null", 4),
            _ => {
                let ends = |byte: &u8| *byte <= b' ' || matches!(byte, b',' | b':' | b']' | b'}');
                let behind = rest.get(1..).unwrap_or_default();
                let length = 1 + behind.iter().position(ends).unwrap_or(behind.len());
                (rest.get(..length).unwrap_or_default(), length)
            }
        };
        self.out.push(word)?;
        Ok(at + length)
    }

    fn string(&mut self, at: usize) -> Result<usize, Refused> {
        let end = scan::closing_quote(self.json, at + 1).0.map_or(self.json.len(), |end| end + 1);
        self.out.push(self.json.get(at..end).unwrap_or_default())?;
        Ok(end)
    }

    /// An array in one line, if it has no objects and ends before that length.
    fn one_line(&mut self, open: usize, longest: usize) -> Result<Option<usize>, Refused> {
        let _level = self.meter.enter()?;
        let (mut at, mut first) = (open + 1, true);
        self.out.push(b"[")?;
        while let Some(byte) = self.json.get(at) {
            if *byte <= b' ' {
                self.meter.read(1)?;
                at += 1;
                continue;
            }
            if *byte == b']' {
                self.out.push(b"]")?;
                return Ok((self.out.len() <= longest).then_some(at + 1));
            }
            if !std::mem::take(&mut first) {
                self.out.push(b", ")?;
            }
            // A comma too is passed over on the way to a value.
            let Some(next) = self.first(at)? else { break };
            at = match self.json.get(next) {
                Some(b'{') => return Ok(None),
                Some(b'[') => match self.one_line(next, longest)? {
                    Some(next) => next,
                    None => return Ok(None),
                },
                _ => self.scalar(next)?,
            };
            if self.out.len() > longest {
                return Ok(None);
            }
        }
        Ok((self.out.len() <= longest).then_some(self.json.len()))
    }

    fn tabs(&mut self, tabs: usize) -> Result<(), Refused> {
        self.out.push(&self.options.prefix)?;
        (0..tabs).try_for_each(|_| self.out.push(&self.options.indent))
    }

    /// An object or array with a line for each entry.
    fn lines(&mut self, open: usize, tabs: usize, close: u8) -> Result<usize, Refused> {
        let _level = self.meter.enter()?;
        let json = self.json;
        let keyed = close == b'}';
        let mut pairs = Vec::new();
        let (mut at, mut first) = (open + 1, true);
        self.out.push(json.get(open..=open).unwrap_or_default())?;
        while let Some(byte) = json.get(at) {
            if *byte == close {
                self.sort(pairs)?;
                if !first {
                    self.line = self.out.len();
                    self.out.push(b"\n")?;
                    self.tabs(tabs)?;
                }
                self.out.push(&[close])?;
                return Ok(at + 1);
            }
            if *byte <= b' ' || keyed && *byte != b'"' {
                self.meter.read(1)?;
                at += 1;
                continue;
            }
            let follows = !std::mem::take(&mut first);
            if follows {
                self.out.push(b",")?;
            }
            // A line that follows a comma in an array begins behind its end of line, all others before it.
            self.line = self.out.len() + usize::from(follows && !keyed && self.options.width != -1);
            self.out.push(b"\n")?;
            let from = self.out.len();
            self.tabs(tabs + 1)?;
            if !keyed {
                at = self.value(at, tabs + 1)?;
                continue;
            }
            let key = at;
            at = self.string(at)?;
            let key = json.get(key..at).unwrap_or_default();
            self.out.push(b": ")?;
            let value = self.out.len();
            at = self.value(at, tabs + 1)?;
            if self.options.sorted {
                self.meter.list::<Pair>()?;
                self.meter.read(key.len())?;
                pairs.push(Pair { from, value, to: self.out.len(), key: spelled(key) });
            }
        }
        Ok(at)
    }

    /// Puts the entries that were written last in order: by key, and by value where keys are equal.
    fn sort(&mut self, mut pairs: Vec<Pair>) -> Result<(), Refused> {
        let Some(start) = pairs.first().map(|pair| pair.from) else { return Ok(()) };
        let written = Zeroizing::new(self.out.bytes().get(start..).unwrap_or_default().to_vec());
        let text = |from: usize, to: usize| written.get(from - start..to - start).unwrap_or_default();
        // Each comparison looks at two keys.
        let levels = usize::BITS - pairs.len().leading_zeros();
        self.meter.read(written.len().saturating_mul(levels as usize))?;
        pairs.sort_by(|one, other| one.key.cmp(&other.key));
        // What is no number is as any number, so that values have no order that a library could sort by. They are
        // put in their places one by one, among those of the same key.
        let value = |pair: &Pair| Ranked::of(text::without_blanks(text(pair.value, pair.to)));
        for behind in 1..pairs.len() {
            for at in (1..=behind).rev() {
                let Some([one, other]) = pairs.get(at - 1..=at) else { break };
                if one.key != other.key || value(other).order(&value(one)) != Ordering::Less {
                    break;
                }
                self.meter.read(one.to - one.value + other.to - other.value)?;
                pairs.swap(at - 1, at);
            }
        }
        self.out.cut(start);
        for (index, pair) in pairs.iter().enumerate() {
            if index > 0 {
                self.out.push(b",\n")?;
            }
            self.out.push(text(pair.from, pair.to))?;
        }
        Ok(())
    }
}

/// What a key or text says, as encoding/json reads it; nothing of one that it does not.
fn spelled(quoted: &[u8]) -> Zeroizing<Vec<u8>> {
    let inner = quoted.get(1..).unwrap_or_default();
    Zeroizing::new(match inner.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        Some(end) if inner.get(end) == Some(&b'"') => inner.get(..end).unwrap_or_default().to_vec(),
        Some(_) => {
            let lossy = Zeroizing::new(String::from_utf8_lossy(quoted).into_owned());
            let paired = Zeroizing::new(crate::shape::paired(&lossy).into_owned());
            serde_json::from_str::<String>(&paired).unwrap_or_default().into_bytes()
        }
        None => Vec::new(),
    })
}

/// A value for comparing: null, false, numbers, texts, true, the rest.
struct Ranked<'v> {
    rank: u8,
    json: &'v [u8],
}

impl<'v> Ranked<'v> {
    fn of(json: &'v [u8]) -> Self {
        let rank = match json.first() {
            None | Some(b'n') => 0,
            Some(b'f') => 1,
            Some(b'"') => 3,
            Some(b't') => 4,
            Some(b'[' | b'{') => 5,
            Some(_) => 2,
        };
        Self { rank, json }
    }

    fn order(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| match self.rank {
            2 => {
                let (one, other) = (number::float(self.json), number::float(other.json));
                one.partial_cmp(&other).unwrap_or(Ordering::Equal)
            }
            3 => spelled(self.json).cmp(&spelled(other.json)),
            _ => self.json.cmp(other.json),
        })
    }
}
