//! Go strings: bytes that are mostly UTF-8. What is not is read as U+FFFD, one byte at a time, as Go's
//! `for range` does; nothing here refuses a byte.

use std::rc::Rc;

/// A string's bytes, cheap to clone. One call is one thread.
pub(crate) type Text = Rc<[u8]>;

/// The first character and its width in bytes; (U+FFFD, 1) where it is no UTF-8, (U+FFFD, 0) at the end.
pub(crate) fn decode(bytes: &[u8]) -> (char, usize) {
    let window = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(window) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(c) => (c, c.len_utf8()),
        None => (char::REPLACEMENT_CHARACTER, usize::from(!bytes.is_empty())),
    }
}

/// Is the first character not UTF-8 (as opposed to a real U+FFFD)?
pub(crate) fn is_invalid(bytes: &[u8]) -> bool {
    let (c, width) = decode(bytes);
    c == char::REPLACEMENT_CHARACTER && width == 1
}

/// The characters with their offsets and widths.
pub(crate) fn chars(bytes: &[u8]) -> impl Iterator<Item = (usize, char, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let (c, width) = decode(&bytes[at..]);
        let item = (at, c, width);
        at += width;
        Some(item)
    })
}

/// Appends a character.
pub(crate) fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Go's `strings.Map` with a function that keeps every character.
pub(crate) fn map(bytes: &[u8], change: impl Fn(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for (_, c, _) in chars(bytes) {
        push(&mut out, change(c));
    }
    out
}

/// Go's simple upper case: a character for a character, so that `ß` stays.
pub(crate) fn upper(c: char) -> char {
    let mut changed = c.to_uppercase();
    match (changed.next(), changed.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Go's simple lower case.
pub(crate) fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// Without Unicode white space at both ends.
pub(crate) fn trim_space(bytes: &[u8]) -> &[u8] {
    trim(bytes, char::is_whitespace)
}

/// Without the characters that `cut` names, at both ends.
pub(crate) fn trim(bytes: &[u8], cut: impl Fn(char) -> bool) -> &[u8] {
    let kept = |&(_, c, _): &(usize, char, usize)| !cut(c);
    let Some((start, _, _)) = chars(bytes).find(kept) else { return &[] };
    let end = chars(bytes).filter(kept).last().map_or(0, |(at, _, width)| at + width);
    &bytes[start..end]
}

/// Where `needle` begins.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}

/// Go's `strings.SplitN`: at most `limit` parts where it is positive, none where it is 0, all where it is
/// negative; an empty separator splits into characters.
pub(crate) fn split<'a>(bytes: &'a [u8], separator: &[u8], limit: i64) -> Vec<&'a [u8]> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    if limit == 0 {
        return parts;
    }
    let mut rest = bytes;
    while parts.len() + 1 < limit {
        let (end, skip) = if separator.is_empty() {
            let (_, width) = decode(rest);
            if width >= rest.len() {
                break;
            }
            (width, 0)
        } else {
            match find(rest, separator) {
                Some(at) => (at, separator.len()),
                None => break,
            }
        };
        parts.push(&rest[..end]);
        rest = &rest[end + skip..];
    }
    if !(separator.is_empty() && bytes.is_empty()) {
        parts.push(rest);
    }
    parts
}

/// Go's `strings.ReplaceAll`: an empty `old` is found before every character and at the end.
pub(crate) fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    if old.is_empty() {
        for (at, _, width) in chars(bytes) {
            out.extend_from_slice(new);
            out.extend_from_slice(&bytes[at..at + width]);
        }
        out.extend_from_slice(new);
        return out;
    }
    let mut rest = bytes;
    while let Some(at) = find(rest, old) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Lossy text, for numbers, layouts and names.
pub(crate) fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
