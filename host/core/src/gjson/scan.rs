//! Where values begin and end in a text that nobody has validated: by their first byte, brackets and quotes, and
//! whatever stands between them is passed over.

use super::meter::{Buffer, Meter, Refused};
use super::text;
use super::value::{Bytes, Kind, Value};

/// What may begin at a byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Text,
    Object,
    Array,
    Number,
    /// `null`, `true`, `false`, and any other small letters behind their first one.
    Word(Kind),
    /// `]`.
    End,
    Other,
}

pub(super) fn token(json: &[u8], at: usize) -> Token {
    match json.get(at) {
        Some(b'"') => Token::Text,
        Some(b'{') => Token::Object,
        Some(b'[') => Token::Array,
        Some(b't') => Token::Word(Kind::True),
        Some(b'f') => Token::Word(Kind::False),
        // `nan` is a number.
        Some(b'n') if json.get(at + 1).is_some_and(|next| *next != b'u') => Token::Number,
        Some(b'n') => Token::Word(Kind::Null),
        Some(b'0'..=b'9' | b'+' | b'-' | b'i' | b'I' | b'N') => Token::Number,
        Some(b']') => Token::End,
        _ => Token::Other,
    }
}

/// A value's place.
#[derive(Clone, Copy)]
pub(super) struct Span {
    token: Token,
    pub(super) from: usize,
    to: usize,
    /// Where to go on. One behind the end of the text where a text in a bracket has no end, which is what ends an
    /// array without a `]` there.
    pub(super) next: usize,
    escaped: bool,
}

/// Where a string ends whose content begins there, and whether there are escapes before.
pub(super) fn closing_quote(json: &[u8], from: usize) -> (Option<usize>, bool) {
    let (mut at, mut escaped) = (from, false);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => return (Some(at), escaped),
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
    (None, escaped)
}

/// Behind the bracket that closes one whose content begins there. Any bracket closes any other.
pub(super) fn closing_bracket(json: &[u8], from: usize) -> usize {
    let (mut at, mut open) = (from, 1_usize);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => match closing_quote(json, at + 1).0 {
                Some(end) => at = end,
                None => return json.len() + 1,
            },
            b'{' | b'[' | b'(' => open += 1,
            b'}' | b']' | b')' if open == 1 => return at + 1,
            b'}' | b']' | b')' => open -= 1,
            _ => {}
        }
        at += 1;
    }
    json.len()
}

/// The length of what begins with a bracket or quote.
pub(super) fn enclosed(json: &[u8]) -> usize {
    match json.first() {
        Some(b'"') => closing_quote(json, 1).0.map_or(json.len(), |end| end + 1),
        _ => closing_bracket(json, 1).min(json.len()),
    }
}

/// The value that begins there, as `token` said; `None` if it is a string without an end, and none that it began.
pub(super) fn span(json: &[u8], from: usize, token: Token) -> Option<Span> {
    let until = |ends: fn(u8) -> bool| {
        let rest = json.get(from + 1..).unwrap_or_default();
        from + 1 + rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len())
    };
    let (next, escaped) = match token {
        Token::Text => match closing_quote(json, from + 1) {
            (Some(end), escaped) => (end + 1, escaped),
            (None, _) => return None,
        },
        Token::Object | Token::Array => (closing_bracket(json, from + 1), false),
        Token::Number => (until(|byte| byte <= b' ' || matches!(byte, b',' | b']' | b'}')), false),
        Token::Word(_) => (until(|byte| !byte.is_ascii_lowercase()), false),
        Token::End | Token::Other => return None,
    };
    Some(Span { token, from, to: next.min(json.len()), next, escaped })
}

/// The first value that begins there or behind.
pub(super) fn next_span(json: &[u8], mut from: usize) -> Option<Span> {
    while from < json.len() {
        match token(json, from) {
            Token::End | Token::Other => from += 1,
            token => return span(json, from, token),
        }
    }
    None
}

impl Span {
    /// What stands there.
    pub(super) fn raw<'d>(&self, json: &'d [u8]) -> &'d [u8] {
        json.get(self.from..self.to).unwrap_or_default()
    }

    /// The value itself.
    pub(super) fn value<'d>(&self, json: &'d [u8], meter: &Meter) -> Result<Value<'d>, Refused> {
        let raw = self.raw(json);
        Ok(match self.token {
            Token::Text => Value::text_of(raw, content(inner(raw), self.escaped, meter)?),
            Token::Word(kind) => Value::plain(kind, raw),
            Token::Number => Value::plain(Kind::Number, raw),
            _ => Value::plain(Kind::Json, raw),
        })
    }
}

/// Without the quotes.
fn inner(raw: &[u8]) -> &[u8] {
    raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
}

fn content<'d>(inner: &'d [u8], escaped: bool, meter: &Meter) -> Result<Bytes<'d>, Refused> {
    if !escaped {
        return Ok(Bytes::Read(inner));
    }
    let mut out = Buffer::new(meter);
    text::unescape(inner, &mut out)?;
    Ok(Bytes::Made(out.done()))
}

/// The value that a text begins with. An object or array is all the rest of it, whatever follows.
pub(super) fn whole<'d>(json: &'d [u8], meter: &Meter) -> Result<Value<'d>, Refused> {
    let Some(from) = json.iter().position(|byte| *byte > b' ') else { return Ok(Value::NOTHING) };
    match token(json, from) {
        Token::Object | Token::Array => Ok(Value::plain(Kind::Json, json.get(from..).unwrap_or_default())),
        Token::Text => {
            let rest = json.get(from..).unwrap_or_default();
            let (end, escaped) = closing_quote(rest, 1);
            let raw = end.and_then(|end| rest.get(..=end)).unwrap_or(rest);
            meter.read(raw.len())?;
            let inner = raw.get(1..end.unwrap_or(rest.len())).unwrap_or_default();
            Ok(Value::text_of(raw, content(inner, escaped, meter)?))
        }
        token => span(json, from, token).map_or(Ok(Value::NOTHING), |span| span.value(json, meter)),
    }
}

/// The entries of an object or array.
pub(super) struct Entries<'d> {
    json: &'d [u8],
    at: usize,
    keyed: bool,
}

/// One of them.
pub(super) struct Entry<'d> {
    /// With its quotes; none in an array.
    pub(super) key: &'d [u8],
    escaped: bool,
    pub(super) value: Span,
}

impl<'d> Entries<'d> {
    /// Of a text that begins with a bracket.
    pub(super) fn of(json: &'d [u8]) -> Self {
        Self { json, at: 1, keyed: json.first() == Some(&b'{') }
    }
}

impl<'d> Iterator for Entries<'d> {
    type Item = Entry<'d>;

    fn next(&mut self) -> Option<Entry<'d>> {
        let json = self.json;
        let (mut key, mut escaped): (&[u8], _) = (&[], false);
        if self.keyed {
            let from = self.at + json.get(self.at..)?.iter().position(|byte| *byte == b'"')?;
            let (end, has_escapes) = closing_quote(json, from + 1);
            self.at = end? + 1;
            (key, escaped) = (json.get(from..self.at)?, has_escapes);
        }
        let between = |byte: &u8| *byte <= b' ' || matches!(byte, b',' | b':');
        self.at += json.get(self.at..)?.iter().take_while(|byte| between(byte)).count();
        let value = next_span(json, self.at)?;
        // A byte is passed over, which is a comma if all is well.
        self.at = value.next + 1;
        Some(Entry { key, escaped, value })
    }
}

impl<'d> Entry<'d> {
    /// What the key says.
    pub(super) fn name(&self, meter: &Meter) -> Result<Bytes<'d>, Refused> {
        content(inner(self.key), self.escaped, meter)
    }
}
