//! Several texts out of one input: lines first, so that seeds can be read and written by hand.

/// The first `N` lines of an input as texts (as far as they are UTF-8), and what follows them.
pub(crate) fn lines<const N: usize>(data: &[u8]) -> ([&str; N], &[u8]) {
    let mut rest = data;
    let lines = [(); N].map(|()| {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        text(line)
    });
    (lines, rest)
}

/// Bytes as text, as far as they are UTF-8.
pub(crate) fn text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    }
}

/// Whether a text that stands in a message must have come from the input: long enough, and not of words alone, which are
/// our own.
pub(crate) fn is_telling(text: &str) -> bool {
    let count = |of: fn(&u8) -> bool| text.bytes().filter(of).count();
    text.len() >= 8 && count(u8::is_ascii_digit) >= 2 && count(u8::is_ascii_alphabetic) >= 2
}
