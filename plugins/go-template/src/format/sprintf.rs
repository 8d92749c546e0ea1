//! `fmt.Sprintf`: verbs, flags, width, precision, argument indexes, and the marks that Go leaves in the
//! text where a verb and its argument do not fit.

use super::print::{append, integer};
use super::{float, quote};
use crate::error::EngineError;
use crate::text::{chars, decode, push};
use crate::value::{Value, Width};

/// Go's own limit for a width or precision (`tooLarge`).
const MAX_NUMBER: usize = 1_000_000;

#[derive(Clone, Default)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
    /// `%#v`: as Go source.
    source: bool,
}

/// Where in the arguments the next verb reads.
struct Cursor<'a> {
    args: &'a [Value],
    next: usize,
    reordered: bool,
    good: bool,
}

/// Formats.
///
/// # Errors
/// Where the result would be larger than the engine's limit.
pub(crate) fn sprintf(format: &[u8], args: &[Value]) -> Result<Vec<u8>, EngineError> {
    let mut out = Vec::with_capacity(format.len() + 32);
    let mut cursor = Cursor { args, next: 0, reordered: false, good: true };
    let mut at = 0;
    while at < format.len() {
        let literal = format[at..].iter().position(|b| *b == b'%').map_or(format.len(), |found| at + found);
        out.extend_from_slice(&format[at..literal]);
        if literal == format.len() {
            break;
        }
        at = literal + 1;
        verb(format, &mut at, &mut cursor, &mut out);
        crate::limits::check_size("printf", out.len())?;
    }
    if !cursor.reordered && cursor.next < args.len() {
        out.extend_from_slice(b"%!(EXTRA ");
        for (index, arg) in args[cursor.next..].iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(arg.type_name().as_bytes());
            if !matches!(arg, Value::Nil) {
                out.push(b'=');
                append(arg, &mut out, 0);
            }
        }
        out.push(b')');
    }
    Ok(out)
}

fn digits(format: &[u8], at: &mut usize) -> Option<usize> {
    let start = *at;
    while format.get(*at).is_some_and(u8::is_ascii_digit) {
        *at += 1;
    }
    let text = std::str::from_utf8(&format[start..*at]).ok().filter(|text| !text.is_empty())?;
    text.parse().ok().filter(|n| *n <= MAX_NUMBER)
}

impl<'a> Cursor<'a> {
    /// `[3]`: the next argument is the third.
    fn index(&mut self, format: &[u8], at: &mut usize) -> bool {
        if format.get(*at) != Some(&b'[') {
            return false;
        }
        self.reordered = true;
        let Some(length) = format[*at..].iter().position(|b| *b == b']') else {
            self.good = false;
            *at += 1;
            return false;
        };
        let inner = std::str::from_utf8(&format[*at + 1..*at + length])
            .ok()
            .and_then(|text| text.parse::<usize>().ok());
        *at += length + 1;
        match inner {
            Some(n) if (1..=self.args.len()).contains(&n) => {
                self.next = n - 1;
                true
            }
            _ => {
                self.good = false;
                true
            }
        }
    }

    fn take(&mut self) -> Option<&'a Value> {
        let arg = self.args.get(self.next)?;
        self.next += 1;
        Some(arg)
    }

    fn number(&mut self) -> Option<i64> {
        match self.take()? {
            Value::Int(n, _) if n.unsigned_abs() <= MAX_NUMBER as u64 => Some(*n),
            _ => None,
        }
    }
}

fn verb(format: &[u8], at: &mut usize, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) {
    let mut spec = Spec::default();
    cursor.good = true;
    while let Some(flag) = format.get(*at) {
        match flag {
            b'#' => spec.sharp = true,
            b'0' => spec.zero = true,
            b'+' => spec.plus = true,
            b'-' => spec.minus = true,
            b' ' => spec.space = true,
            _ => break,
        }
        *at += 1;
    }
    let mut after_index = cursor.index(format, at);
    if format.get(*at) == Some(&b'*') {
        *at += 1;
        match cursor.number() {
            Some(width) => {
                spec.minus |= width < 0;
                spec.width = usize::try_from(width.unsigned_abs()).ok();
            }
            None => out.extend_from_slice(b"%!(BADWIDTH)"),
        }
        after_index = false;
    } else {
        spec.width = digits(format, at);
        if after_index && spec.width.is_some() {
            cursor.good = false;
        }
    }
    if format.get(*at) == Some(&b'.') {
        *at += 1;
        if after_index {
            cursor.good = false;
        }
        after_index = cursor.index(format, at);
        if format.get(*at) == Some(&b'*') {
            *at += 1;
            match cursor.number() {
                // A negative precision is as if there were none.
                Some(precision) => spec.precision = usize::try_from(precision).ok(),
                None => out.extend_from_slice(b"%!(BADPREC)"),
            }
            after_index = false;
        } else {
            spec.precision = Some(digits(format, at).unwrap_or(0));
        }
    }
    if !after_index {
        cursor.index(format, at);
    }
    if *at >= format.len() {
        out.extend_from_slice(b"%!(NOVERB)");
        return;
    }
    let (verb, width) = decode(&format[*at..]);
    *at += width;
    if verb == '%' {
        out.push(b'%');
    } else if !cursor.good {
        out.extend_from_slice(format!("%!{verb}(BADINDEX)").as_bytes());
    } else if let Some(arg) = cursor.take() {
        if verb == 'v' {
            // With %+v and %#v the flags are about the form of the whole, not about numbers.
            spec.source = spec.sharp;
            (spec.sharp, spec.plus) = (false, false);
        }
        spec.value(arg, verb, out, 0);
    } else {
        out.extend_from_slice(format!("%!{verb}(MISSING)").as_bytes());
    }
}

impl Spec {
    fn pad(&self, text: &[u8], out: &mut Vec<u8>) {
        let length = chars(text).count();
        let missing = self.width.unwrap_or(0).saturating_sub(length);
        let fill = |out: &mut Vec<u8>, with: u8| out.resize(out.len() + missing, with);
        if self.minus {
            out.extend_from_slice(text);
            fill(out, b' ');
        } else {
            fill(out, if self.zero { b'0' } else { b' ' });
            out.extend_from_slice(text);
        }
    }

    fn value(&self, arg: &Value, verb: char, out: &mut Vec<u8>, depth: usize) {
        match (verb, arg) {
            ('T', _) => return self.pad(self.cut(arg.type_name().as_bytes()), out),
            ('v', Value::Nil) => return self.pad(b"<nil>", out),
            (_, Value::Nil) if depth > 0 => return out.extend_from_slice(b"<nil>"),
            (_, _) if depth > 100 => return out.extend_from_slice(b"..."),
            _ => {}
        }
        let source = self.source;
        match arg {
            Value::Nil => self.bad(verb, arg, out),
            Value::Bool(flag) if matches!(verb, 't' | 'v') => self.pad(flag.to_string().as_bytes(), out),
            Value::Bool(_) => self.bad(verb, arg, out),
            Value::Int(n, width @ (Width::Month | Width::Weekday))
                if matches!(verb, 'v' | 's' | 'q' | 'x' | 'X') =>
            {
                self.text(integer(*n, *width).as_bytes(), verb, arg, out);
            }
            Value::Int(n, width) => self.integer(*n, *width, verb, arg, out),
            Value::Float(f) => self.float(*f, verb, arg, out),
            Value::Str(text) if source => self.pad(&quote::quote(text, '"', false), out),
            Value::Str(text) => self.text(text, verb, arg, out),
            Value::Time(time) => self.text(time.to_string().as_bytes(), verb, arg, out),
            Value::Version(version) => self.text(version.to_string().as_bytes(), verb, arg, out),
            Value::Certificate(issued) => {
                if source {
                    out.extend_from_slice(arg.type_name().as_bytes());
                }
                out.push(b'{');
                for (index, (name, field)) in issued.fields().into_iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(if source { b", " } else { b" " });
                    }
                    if source {
                        out.extend_from_slice(format!("{name}:").as_bytes());
                    }
                    self.value(&field, verb, out, depth + 1);
                }
                out.push(b'}');
            }
            Value::List(list) => {
                if source {
                    out.extend_from_slice(arg.type_name().as_bytes());
                }
                out.push(if source { b'{' } else { b'[' });
                for (index, item) in list.items.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(if source { b", " } else { b" " });
                    }
                    self.value(item, verb, out, depth + 1);
                }
                out.push(if source { b'}' } else { b']' });
            }
            Value::Map(map) => {
                out.extend_from_slice(if source { arg.type_name().as_bytes() } else { b"map" });
                out.push(if source { b'{' } else { b'[' });
                for (index, (key, item)) in map.entries().iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(if source { b", " } else { b" " });
                    }
                    self.value(&Value::Str(key.clone()), verb, out, depth + 1);
                    out.push(b':');
                    self.value(item, verb, out, depth + 1);
                }
                out.push(if source { b'}' } else { b']' });
            }
        }
    }

    /// Padded with spaces even under a 0 flag.
    fn pad_text(&self, text: &[u8], out: &mut Vec<u8>) {
        Spec { zero: false, ..self.clone() }.pad(text, out);
    }

    /// As many characters as the precision says.
    fn cut<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        match self.precision {
            Some(limit) => chars(text).nth(limit).map_or(text, |(at, _, _)| &text[..at]),
            None => text,
        }
    }

    fn text(&self, text: &[u8], verb: char, arg: &Value, out: &mut Vec<u8>) {
        let cut = self.cut(text);
        match verb {
            'v' | 's' => self.pad(cut, out),
            'q' if self.sharp && !cut.contains(&b'`') && cut.iter().all(|b| *b >= b' ' || *b == b'\t') => {
                self.pad(&[b"`", cut, b"`"].concat(), out);
            }
            'q' => self.pad(&quote::quote(cut, '"', self.plus), out),
            'x' | 'X' => {
                let limit = self.precision.unwrap_or(usize::MAX).min(text.len());
                let mut hex = Vec::with_capacity(limit * 2);
                for (index, byte) in text[..limit].iter().enumerate() {
                    if self.space && index > 0 {
                        hex.push(b' ');
                    }
                    if self.sharp && (self.space || index == 0) {
                        hex.extend_from_slice(if verb == 'x' { b"0x" } else { b"0X" });
                    }
                    let pair = if verb == 'x' { format!("{byte:02x}") } else { format!("{byte:02X}") };
                    hex.extend_from_slice(pair.as_bytes());
                }
                self.pad(&hex, out);
            }
            _ => self.bad(verb, arg, out),
        }
    }

    fn integer(&self, n: i64, width: Width, verb: char, arg: &Value, out: &mut Vec<u8>) {
        let unsigned = width == Width::Uint64;
        let magnitude = if unsigned { n.cast_unsigned() } else { n.unsigned_abs() };
        let (prefix, text) = match verb {
            'v' | 'd' => ("", magnitude.to_string()),
            'b' => (if self.sharp { "0b" } else { "" }, format!("{magnitude:b}")),
            'o' => (if self.sharp { "0" } else { "" }, format!("{magnitude:o}")),
            'O' => (if self.sharp { "0o0" } else { "0o" }, format!("{magnitude:o}")),
            'x' => (if self.sharp { "0x" } else { "" }, format!("{magnitude:x}")),
            'X' => (if self.sharp { "0X" } else { "" }, format!("{magnitude:X}")),
            'c' | 'q' | 'U' => {
                let c = u32::try_from(n).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                let mut text = Vec::new();
                push(&mut text, c);
                // A negative number is shown as its two's complement.
                let magnitude = n.cast_unsigned();
                return match verb {
                    'c' => self.pad(&text, out),
                    'q' => self.pad(&quote::quote(&text, '\'', self.plus), out),
                    _ if self.sharp && quote::is_print(c) => {
                        self.pad_text(format!("U+{magnitude:04X} '{c}'").as_bytes(), out)
                    }
                    _ => self.pad_text(format!("U+{magnitude:04X}").as_bytes(), out),
                };
            }
            _ => return self.bad(verb, arg, out),
        };
        let sign = match (n < 0 && !unsigned, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        if self.precision == Some(0) && magnitude == 0 {
            return self.pad_text(b"", out);
        }
        let zeros = match (self.precision, self.width) {
            (Some(digits), _) => digits,
            (None, Some(width)) if self.zero && !self.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        let text = zero_filled(&text, zeros);
        // `#` wants a leading zero, of which a padded number has one.
        let prefix = if matches!(verb, 'o' | 'O') && text.starts_with('0') {
            prefix.trim_end_matches('0')
        } else {
            prefix
        };
        let text = format!("{sign}{prefix}{text}");
        self.pad_text(text.as_bytes(), out);
    }

    fn float(&self, f: f64, verb: char, arg: &Value, out: &mut Vec<u8>) {
        let precision = match (verb, self.precision) {
            ('e' | 'E' | 'f' | 'F', None) => Some(6),
            (_, precision) => precision,
        };
        let mut text = match verb {
            'v' => float::format(f, 'g', precision),
            'b' => float::binary(f),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => float::format(f, verb, precision),
            _ => return self.bad(verb, arg, out),
        };
        if self.sharp && verb != 'b' && f.is_finite() {
            text = float::with_point(&text, matches!(verb, 'v' | 'g' | 'G').then(|| precision.unwrap_or(6)));
        }
        let unsigned = text.trim_start_matches(['+', '-']);
        let sign = match text.strip_prefix('-') {
            Some(_) => "-",
            None if self.plus => "+",
            None if self.space => " ",
            None if text.starts_with('+') => "+",
            None => "",
        };
        if self.zero && !self.minus && f.is_finite() {
            let width = self.width.unwrap_or(0).saturating_sub(sign.len());
            return out.extend_from_slice(format!("{sign}{}", zero_filled(unsigned, width)).as_bytes());
        }
        self.pad_text(format!("{sign}{unsigned}").as_bytes(), out);
    }

    /// Go's mark for a verb that does not fit; the value is shown under the same flags.
    fn bad(&self, verb: char, arg: &Value, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("%!{verb}(").as_bytes());
        if matches!(arg, Value::Nil) {
            out.extend_from_slice(b"<nil>");
        } else {
            out.extend_from_slice(arg.type_name().as_bytes());
            out.push(b'=');
            match arg {
                // Methods are not called here, so months are numbers.
                Value::Int(n, Width::Month | Width::Weekday) => self.integer(*n, Width::Int, 'v', arg, out),
                arg => self.value(arg, 'v', out, 1),
            }
        }
        out.push(b')');
    }
}

/// With zeros in front. `format!` itself takes no width above 65535, and panics.
fn zero_filled(text: &str, width: usize) -> String {
    "0".repeat(width.saturating_sub(text.chars().count())) + text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{Options, render};

    /// Go takes widths and precisions up to a million.
    #[test]
    fn widths_and_precisions_may_be_large() {
        let options =
            Options { strict: true, left: String::new(), right: String::new(), now_ms: 0, seed: vec![7; 32] };
        let zeros = |count: usize| "0".repeat(count);
        for (verb, expected) in [
            ("%.65536f\" 1.5", format!("1.5{}", zeros(65_535))),
            ("%.70000e\" 1.5", format!("1.5{}e+00", zeros(69_999))),
            ("%.70000g\" 1.5", "1.5".to_owned()),
            ("%070000d\" -7", format!("-{}7", zeros(69_998))),
            ("%.70000d\" 7", format!("{}7", zeros(69_999))),
            ("%070000.1f\" 1.5", format!("{}1.5", zeros(69_997))),
            ("%70000s\" \"x\"", format!("{}x", " ".repeat(69_999))),
        ] {
            let rendered = render(&format!("{{{{ printf \"{verb} }}}}"), &[], &options).unwrap();
            assert!(rendered.text == expected.as_bytes(), "{verb}");
        }
    }
}
