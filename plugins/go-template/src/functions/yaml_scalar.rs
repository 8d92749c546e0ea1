//! YAML scalars as go-yaml v2 writes them: plain where that reads back as the same text, else quoted, long
//! ones folded behind column 80.

use super::yaml_read::{Plain, is_timestamp, resolve};

/// Behind this column a blank becomes a line end.
const WIDTH: usize = 80;

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// libyaml's `is_printable`: no tab, and nothing beyond the basic plane.
fn printable(c: char) -> bool {
    matches!(u32::from(c), 0x0a | 0x20..=0x7e | 0xa0..=0xd7ff | 0xe000..=0xfefe | 0xff00..=0xfffd)
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// libyaml's `analyze_scalar` and `select_scalar_style`, for blocks.
pub(super) fn style(text: &str) -> Style {
    if text.is_empty() {
        return Style::Double;
    }
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut special, mut breaks, mut space_break, mut break_space) = (false, false, false, false);
    let mut previous = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let blank_follows = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
        let blank_before = previous.is_none_or(|p| matches!(p, ' ' | '\t' | '\0') || is_break(p));
        indicators |= match c {
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                previous.is_none()
            }
            '#' => blank_before,
            '?' | '-' => previous.is_none() && blank_follows,
            ':' => blank_follows,
            _ => false,
        };
        special |= !printable(c);
        if c == ' ' {
            break_space |= previous.is_some_and(is_break);
        } else if is_break(c) {
            breaks = true;
            space_break |= previous == Some(' ');
        }
        previous = Some(c);
    }
    let edge = |c: char| c == ' ' || is_break(c);
    let multi = text.contains('\n');
    let plain = !(indicators
        || special
        || breaks
        || space_break
        || break_space
        || text.starts_with(edge)
        || text.ends_with(edge));
    let resolved =
        matches!(resolve(text), Plain::Text | Plain::Merge) && !is_base60(text) && !is_timestamp(text);
    if multi {
        if special || space_break || text.ends_with(' ') { Style::Double } else { Style::Literal }
    } else if !resolved || special || space_break || break_space {
        Style::Double
    } else if plain {
        Style::Plain
    } else {
        Style::Single
    }
}

/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`: a number to older parsers.
fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !digits(first) {
        return false;
    }
    let rest: Vec<&str> = parts.collect();
    !rest.is_empty()
        && rest.iter().enumerate().all(|(index, part)| {
            let part = match part.split_once('.') {
                Some((whole, fraction)) if index + 1 == rest.len() && digits(fraction) => whole,
                _ => part,
            };
            match part.as_bytes() {
                [digit] => digit.is_ascii_digit(),
                [b'0'..=b'5', digit] => digit.is_ascii_digit(),
                _ => false,
            }
        })
}

/// Where a scalar goes: the text so far, the column there, and the indent of further lines. Keys have no
/// further lines.
struct Line<'a> {
    out: &'a mut String,
    column: usize,
    indent: Option<usize>,
}

impl Line<'_> {
    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_all(&mut self, text: &str) {
        text.chars().for_each(|c| self.put(c));
    }

    /// Ends the line, where it is long enough and may be ended.
    fn fold(&mut self) -> bool {
        let Some(indent) = self.indent.filter(|_| self.column > WIDTH) else { return false };
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
        true
    }
}

/// Writes a text that has no literal style.
pub(super) fn write(text: &str, style: Style, indent: Option<usize>, out: &mut String) {
    let column = out.chars().rev().take_while(|c| *c != '\n').count();
    let mut line = Line { out, column, indent };
    match style {
        Style::Plain => folded(text, &mut line, false),
        Style::Single => {
            line.put('\'');
            folded(text, &mut line, true);
            line.put('\'');
        }
        Style::Double | Style::Literal => double(text, &mut line),
    }
}

/// Plain, and the inside of single quotes: only single blanks are folded.
fn folded(text: &str, line: &mut Line<'_>, quoted: bool) {
    let mut spaces = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == ' ' {
            let next = chars.peek().map(|(_, next)| *next);
            let inside = !quoted || (at > 0 && next.is_some());
            if spaces || !inside || next == Some(' ') || !line.fold() {
                line.put(c);
            }
            spaces = true;
        } else {
            if quoted && c == '\'' {
                line.put(c);
            }
            line.put(c);
            spaces = false;
        }
    }
}

fn double(text: &str, line: &mut Line<'_>) {
    line.put('"');
    let mut spaces = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == ' ' {
            let next = chars.peek().map(|(_, next)| *next);
            if !spaces && at > 0 && next.is_some() && line.fold() {
                if next == Some(' ') {
                    line.put('\\');
                }
            } else {
                line.put(c);
            }
            spaces = true;
        } else {
            match escape(c) {
                Some(escape) => line.put_all(&escape),
                None => line.put(c),
            }
            spaces = false;
        }
    }
    line.put('"');
}

fn escape(c: char) -> Option<String> {
    let short = match c {
        '\0' => "\\0",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{1b}' => "\\e",
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{85}' => "\\N",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        c if printable(c) => return None,
        c => {
            let code = u32::from(c);
            return Some(match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
        }
    };
    Some(short.to_owned())
}
