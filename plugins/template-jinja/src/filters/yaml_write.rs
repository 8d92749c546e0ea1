//! `toyaml`: block style, keys in their order, no line end behind the last line
//! (but for that of a block of lines). Texts are plain where
//! every reader, of YAML 1.1 or 1.2, reads the same text again; literal blocks where they have lines; else
//! in double quotes. There are no anchors and no folded lines.

use minijinja::value::ValueKind;
use minijinja::{Error, State, Value};

use super::yaml_read::resolve;
use crate::data::{NOT_TEXT, is_binary, refuse_undefined};
use crate::failure::refuse;
use crate::limits::{MAX_DEPTH, check_size};

/// The filter.
pub(super) fn toyaml(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let mut writer = Writer { state, out: String::new(), ends_block: false };
    writer.write(value, 0, Place::Root)?;
    // The line end of a block's last line is a part of the text.
    if !writer.ends_block {
        writer.out.pop();
    }
    Ok(writer.out)
}

/// Where a value is written; it decides what goes before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// Behind `key:`.
    Value,
    /// Behind `- `.
    Item,
}

struct Writer<'a> {
    state: &'a State<'a, 'a>,
    out: String,
    /// Was the last scalar a block that ends with a line end?
    ends_block: bool,
}

impl Writer<'_> {
    /// Writes a value and a line end; `depth` is that of the lines of its block.
    fn write(&mut self, value: &Value, depth: usize, place: Place) -> Result<(), Error> {
        check_size("toyaml", self.out.len())?;
        if depth > MAX_DEPTH {
            return Err(refuse("toyaml: the value is nested deeper than 100"));
        }
        match value.kind() {
            ValueKind::None => self.plain("null", place),
            ValueKind::Undefined => {
                refuse_undefined(self.state, value)?;
                self.plain("null", place);
            }
            ValueKind::Bool => self.plain(boolean(value), place),
            ValueKind::Number => match f64::try_from(value.clone()) {
                Ok(number) if number.is_nan() => self.plain(".nan", place),
                Ok(number) if number.is_infinite() => {
                    self.plain(if number > 0.0 { ".inf" } else { "-.inf" }, place);
                }
                _ => self.plain(&value.to_string(), place),
            },
            ValueKind::String => match value.as_str().unwrap_or_default() {
                text if is_literal(text) => self.literal(text, depth, place),
                text => self.plain(&scalar(text), place),
            },
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth, place)?,
            ValueKind::Map => self.mapping(value, depth, place)?,
            _ if is_binary(value) => return Err(refuse(NOT_TEXT)),
            _ => return Err(refuse("toyaml: this kind of value cannot be written")),
        }
        Ok(())
    }

    fn list(&mut self, value: &Value, depth: usize, place: Place) -> Result<(), Error> {
        // Not collected: a list may be repeated without being there.
        let mut items = value.try_iter()?.checked().enumerate().peekable();
        if items.peek().is_none() {
            self.plain("[]", place);
            return Ok(());
        }
        // In a mapping the dashes stand under the key.
        let lines = if place == Place::Value { depth - 1 } else { depth };
        self.begin(place);
        for (index, item) in items {
            self.pad(index, lines, place);
            self.out.push_str("- ");
            self.write(&item?, lines + 1, Place::Item)?;
        }
        Ok(())
    }

    fn mapping(&mut self, value: &Value, depth: usize, place: Place) -> Result<(), Error> {
        let mut keys = value.try_iter()?.checked().enumerate().peekable();
        if keys.peek().is_none() {
            self.plain("{}", place);
            return Ok(());
        }
        self.begin(place);
        for (index, key) in keys {
            let key = key?;
            self.pad(index, depth, place);
            match key.kind() {
                ValueKind::String => self.out.push_str(&scalar(key.as_str().unwrap_or_default())),
                ValueKind::Number => self.out.push_str(&key.to_string()),
                ValueKind::Bool => self.out.push_str(boolean(&key)),
                ValueKind::None => self.out.push_str("null"),
                _ => return Err(refuse("toyaml: this kind of value cannot be a key")),
            }
            self.out.push(':');
            self.write(&value.get_item(&key)?, depth + 1, Place::Value)?;
        }
        Ok(())
    }

    fn plain(&mut self, text: &str, place: Place) {
        if place == Place::Value {
            self.out.push(' ');
        }
        self.out.push_str(text);
        self.out.push('\n');
        self.ends_block = false;
    }

    fn literal(&mut self, text: &str, depth: usize, place: Place) {
        self.ends_block = text.ends_with('\n');
        if place == Place::Value {
            self.out.push(' ');
        }
        self.out.push_str(if self.ends_block { "|\n" } else { "|-\n" });
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            if !line.is_empty() {
                self.out.extend(std::iter::repeat_n(' ', depth.max(1) * 2));
                self.out.push_str(line);
            }
            self.out.push('\n');
        }
    }

    fn begin(&mut self, place: Place) {
        if place == Place::Value {
            self.out.push('\n');
        }
    }

    /// The first line of an item stands behind its dash.
    fn pad(&mut self, index: usize, depth: usize, place: Place) {
        if index > 0 || place != Place::Item {
            self.out.extend(std::iter::repeat_n(' ', depth * 2));
        }
    }
}

fn boolean(value: &Value) -> &'static str {
    if value.is_true() { "true" } else { "false" }
}

/// May it be written as a block of lines? Those cannot hold control characters; what begins with blanks or
/// ends with empty lines is safer in quotes.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text.chars().all(|c| c == '\n' || is_printable(c))
}

fn is_printable(c: char) -> bool {
    matches!(u32::from(c), 0x20..=0x7e | 0xa0..=0x2027 | 0x202a..=0xd7ff | 0xe000..=0xfefe | 0xff00..=0xfffd)
}

fn scalar(text: &str) -> String {
    // A word that begins with a letter (or one of these) and goes on without what has a meaning.
    let word = text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '/' | '_' | '.' | '+' | '('))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(is_printable)
        && !matches!(text, "y" | "Y" | "n" | "N");
    let ambiguous = resolve(text).is_some() || text.starts_with(['.', '+']) || text.ends_with('.');
    if word && !ambiguous { text.to_owned() } else { quoted(text) }
}

/// JSON's escapes are YAML's; what JSON leaves as it is and YAML does not, is escaped too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().chars().fold(String::new(), |mut out, c| {
        match u32::from(c) {
            code @ (0x7f..=0x9f | 0x2028 | 0x2029 | 0xfeff | 0xfffe | 0xffff) => {
                out.push_str(&format!("\\u{code:04x}"));
            }
            _ => out.push(c),
        }
        out
    })
}
