//! `strconv.Quote`: Go's double-quoted form of any bytes.

use crate::text::{chars, is_invalid, push};

/// With `ascii`, everything beyond ASCII is escaped too (`%+q`).
pub(crate) fn quote(bytes: &[u8], mark: char, ascii: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    push(&mut out, mark);
    for (at, c, _) in chars(bytes) {
        if is_invalid(&bytes[at..]) {
            out.extend_from_slice(format!("\\x{:02x}", bytes[at]).as_bytes());
        } else {
            escape(c, mark, ascii, &mut out);
        }
    }
    push(&mut out, mark);
    out
}

fn escape(c: char, mark: char, ascii: bool, out: &mut Vec<u8>) {
    let simple = match c {
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{b}' => "\\v",
        '\\' => "\\\\",
        c if c == mark => {
            out.push(b'\\');
            push(out, c);
            return;
        }
        c if c == ' ' || c.is_ascii_graphic() || (!ascii && !c.is_ascii() && is_print(c)) => {
            push(out, c);
            return;
        }
        c if u32::from(c) < 0x80 => {
            out.extend_from_slice(format!("\\x{:02x}", u32::from(c)).as_bytes());
            return;
        }
        c if u32::from(c) < 0x1_0000 => {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            return;
        }
        c => {
            out.extend_from_slice(format!("\\U{:08x}", u32::from(c)).as_bytes());
            return;
        }
    };
    out.extend_from_slice(simple.as_bytes());
}

/// `unicode.IsPrint`, by Rust's own table: behind a letter, what Rust leaves alone when it quotes.
pub(crate) fn is_print(c: char) -> bool {
    let mut text = String::from("a");
    text.push(c);
    text.escape_debug().count() == 2
}
