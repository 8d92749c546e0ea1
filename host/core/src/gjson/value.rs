//! What is found: a piece of the text, or of what was made of it.

use std::borrow::Cow;
use std::ops::Deref;

use zeroize::Zeroizing;

use super::meter::{Buffer, Meter, Refused};
use super::{look_up, number, scan};
use crate::secret::SecretBytes;

/// What a value is by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`, and what is not there.
    Null,
    /// `false`.
    False,
    /// A number, NaN and infinity among them.
    Number,
    /// A text.
    Text,
    /// `true`.
    True,
    /// An object or array.
    Json,
}

/// Bytes of the text, or made of it. They may be secret: nothing formats them, and what was made is wiped.
pub(super) enum Bytes<'d> {
    /// As they stand.
    Read(&'d [u8]),
    /// Made.
    Made(Zeroizing<Vec<u8>>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

impl Bytes<'_> {
    fn kept<'x>(self, meter: &Meter) -> Result<Bytes<'x>, Refused> {
        Ok(Bytes::Made(match self {
            Self::Made(bytes) => bytes,
            Self::Read(bytes) => {
                let mut copy = Buffer::new(meter);
                copy.push(bytes)?;
                copy.done()
            }
        }))
    }
}

/// A value that was found.
pub struct Value<'d> {
    kind: Kind,
    raw: Bytes<'d>,
    /// What a text says; empty for others.
    text: Bytes<'d>,
}

impl<'d> Value<'d> {
    pub(super) const NOTHING: Value<'static> =
        Value { kind: Kind::Null, raw: Bytes::Read(&[]), text: Bytes::Read(&[]) };

    /// Anything but a text.
    pub(super) fn plain(kind: Kind, raw: &'d [u8]) -> Self {
        Self { kind, raw: Bytes::Read(raw), text: Bytes::Read(&[]) }
    }

    pub(super) fn text_of(raw: &'d [u8], text: Bytes<'d>) -> Self {
        Self { kind: Kind::Text, raw: Bytes::Read(raw), text }
    }

    /// An object or array that was made.
    pub(super) fn json(raw: Zeroizing<Vec<u8>>) -> Self {
        Self { kind: Kind::Json, raw: Bytes::Made(raw), text: Bytes::Read(&[]) }
    }

    pub(super) fn count(number: usize) -> Self {
        let raw = Bytes::Made(Zeroizing::new(number.to_string().into_bytes()));
        Self { kind: Kind::Number, raw, text: Bytes::Read(&[]) }
    }

    /// The same, of its own.
    pub(super) fn kept<'x>(self, meter: &Meter) -> Result<Value<'x>, Refused> {
        Ok(Value { kind: self.kind, raw: self.raw.kept(meter)?, text: self.text.kept(meter)? })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether there is anything, if only a null.
    pub fn exists(&self) -> bool {
        self.kind != Kind::Null || !self.raw.is_empty()
    }

    /// The JSON of it, as it stands in the document or was made.
    pub fn json_text(&self) -> SecretBytes {
        SecretBytes::copied_from(&self.raw)
    }

    /// What it says: a text without quotes and escapes, nothing of a null, a number in decimals as short as it can be
    /// (integers as they stand), and of anything else its JSON.
    pub fn text(&self) -> SecretBytes {
        SecretBytes::copied_from(match self.kind {
            Kind::Null => &[],
            Kind::False => b"false",
            Kind::True => b"true",
            Kind::Json => &self.raw,
            Kind::Text => &self.text,
            Kind::Number => return SecretBytes::new(self.number_text().into_owned()),
        })
    }

    /// [`Value::text`] as bytes, for arguments and keys.
    pub(super) fn said(&self) -> Cow<'_, [u8]> {
        match self.kind {
            Kind::Null => Cow::Borrowed(&[]),
            Kind::False => Cow::Borrowed(b"false"),
            Kind::True => Cow::Borrowed(b"true"),
            Kind::Json => Cow::Borrowed(&self.raw),
            Kind::Text => Cow::Borrowed(&self.text),
            Kind::Number => self.number_text(),
        }
    }

    fn number_text(&self) -> Cow<'_, [u8]> {
        let digits = self.raw.strip_prefix(b"-").unwrap_or(&self.raw);
        match digits.iter().all(u8::is_ascii_digit) {
            true => Cow::Borrowed(&self.raw),
            false => Cow::Owned(number::written(self.number()).into_bytes()),
        }
    }

    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What is in a text; empty for others.
    pub(super) fn content(&self) -> &[u8] {
        &self.text
    }

    /// The number that a number is.
    pub(super) fn number(&self) -> f64 {
        number::float(&self.raw)
    }

    pub(super) fn is_array(&self) -> bool {
        self.kind == Kind::Json && self.raw.first() == Some(&b'[')
    }

    pub(super) fn is_object(&self) -> bool {
        self.kind == Kind::Json && self.raw.first() == Some(&b'{')
    }

    /// Where a path leads from here.
    pub(super) fn look_up(self, path: &[u8], meter: &Meter) -> Result<Value<'d>, Refused> {
        match self.raw {
            Bytes::Read(raw) => look_up(raw, path, meter),
            Bytes::Made(raw) => look_up(&raw, path, meter)?.kept(meter),
        }
    }
}

/// What a modifier made, or where the rest of the path leads from there.
pub(super) fn continued<'d>(made: Bytes<'d>, rest: &[u8], meter: &Meter) -> Result<Value<'d>, Refused> {
    fn from<'j>(json: &'j [u8], rest: &[u8], meter: &Meter) -> Result<Value<'j>, Refused> {
        match rest {
            [b'.' | b'|', rest @ ..] => look_up(json, rest, meter),
            _ => scan::whole(json, meter),
        }
    }
    match made {
        Bytes::Read(json) => from(json, rest, meter),
        Bytes::Made(json) => from(&json, rest, meter)?.kept(meter),
    }
}
