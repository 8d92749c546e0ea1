//! Texts in JSON: their escapes, both ways, and what is around them.

use super::meter::{Buffer, Refused};

/// Without the bytes at both ends that are no more than a blank.
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    let Some(from) = text.iter().position(|byte| *byte > b' ') else { return &[] };
    let to = text.iter().rposition(|byte| *byte > b' ').unwrap_or(from);
    text.get(from..=to).unwrap_or_default()
}

/// Without what Unicode has for blanks at both ends.
pub(super) fn without_blanks(mut text: &[u8]) -> &[u8] {
    loop {
        match character(text) {
            Some((c, length)) if c.is_whitespace() => text = text.get(length..).unwrap_or_default(),
            _ => break,
        }
    }
    loop {
        match last_character(text) {
            Some((c, length)) if c.is_whitespace() => {
                text = text.get(..text.len() - length).unwrap_or_default();
            }
            _ => return text,
        }
    }
}

/// The first character and its length; U+FFFD and 1 for a byte that begins none.
pub(super) fn character(text: &[u8]) -> Option<(char, usize)> {
    let first = *text.first()?;
    if first.is_ascii() {
        return Some((first.into(), 1));
    }
    let four = text.get(..4).unwrap_or(text);
    let valid = four.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    Some(valid.map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())))
}

/// The last character and its length, likewise.
fn last_character(text: &[u8]) -> Option<(char, usize)> {
    text.last()?;
    let found = (1..=4.min(text.len())).find_map(|length| {
        let tail = text.get(text.len() - length..)?;
        character(tail).filter(|(_, taken)| *taken == length && (length > 1 || tail[0].is_ascii()))
    });
    found.or(Some((char::REPLACEMENT_CHARACTER, 1)))
}

/// What a string says. It ends where an escape is none, and before a control character.
pub(super) fn unescape(text: &[u8], out: &mut Buffer<'_>) -> Result<(), Refused> {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let plain = rest.iter().take_while(|byte| **byte >= b' ' && **byte != b'\\').count();
        out.push(rest.get(..plain).unwrap_or_default())?;
        let escape = match rest.get(plain..) {
            Some([b'\\', escape @ ..]) => escape,
            _ => return Ok(()),
        };
        at += plain + 2;
        let byte = match escape.first() {
            Some(byte @ (b'\\' | b'/' | b'"')) => *byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') if escape.len() > 4 => {
                let (c, length) = unicode(escape);
                out.push(c.encode_utf8(&mut [0; 4]).as_bytes())?;
                at += length - 1;
                continue;
            }
            _ => return Ok(()),
        };
        out.push(&[byte])?;
    }
}

/// The character of `uXXXX`, or of two that make one, and the length. What is no digit makes it zero, and halves
/// that do not fit together are U+FFFD.
fn unicode(escape: &[u8]) -> (char, usize) {
    let unit = |from: usize| -> u16 {
        let digits = escape.get(from..from + 4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        text.and_then(|digits| u16::from_str_radix(digits, 16).ok()).unwrap_or(0)
    };
    let first = unit(1);
    let surrogate = (0xd800..0xe000).contains(&first);
    if !surrogate || escape.len() < 11 || escape.get(5..7) != Some(b"\\u") {
        return (char::from_u32(first.into()).unwrap_or(char::REPLACEMENT_CHARACTER), 5);
    }
    let pair = char::decode_utf16([first, unit(7)]).next();
    let whole = pair.and_then(Result::ok).filter(|c| c.len_utf16() == 2);
    (whole.unwrap_or(char::REPLACEMENT_CHARACTER), 11)
}

/// As a string of JSON, fit for HTML.
pub(super) fn quote(text: &[u8], out: &mut Buffer<'_>) -> Result<(), Refused> {
    out.push(b"\"")?;
    let mut rest = text;
    while let Some((c, length)) = character(rest) {
        let (taken, behind) = rest.split_at(length);
        match c {
            '\u{8}' => out.push(b"\\b")?,
            '\u{c}' => out.push(b"\\f")?,
            '\n' => out.push(b"\\n")?,
            '\r' => out.push(b"\\r")?,
            '\t' => out.push(b"\\t")?,
            '\\' => out.push(b"\\\\")?,
            '"' => out.push(b"\\\"")?,
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push(format!("\\u{:04x}", u32::from(c)).as_bytes())?;
            }
            char::REPLACEMENT_CHARACTER if length == 1 => out.push(b"\\ufffd")?,
            _ => out.push(taken)?,
        }
        rest = behind;
    }
    out.push(b"\"")
}
