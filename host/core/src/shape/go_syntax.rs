//! Go's regular expressions in the syntax of the regex crate. They differ in what the classes mean outside ASCII, and in a
//! few escapes.

/// The same expression for the regex crate.
pub(super) fn translated(source: &str) -> Option<String> {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    // Where a repetition ended last: Go takes no second one.
    let mut repeated = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let mut repeats = false;
        match c {
            '\\' => {
                if let Some(quoted) = rest.strip_prefix('Q') {
                    let (text, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
                    out.push_str(&regex::escape(text));
                    rest = after;
                } else {
                    rest = escape(rest, false, &mut out)?;
                }
            }
            '[' => rest = class(rest, &mut out)?,
            '*' | '+' | '?' if repeated => return None,
            '*' | '+' | '?' => {
                out.push(c);
                repeats = true;
                rest = lazy(rest, &mut out);
            }
            '{' => match repetition(rest) {
                Some(_) if repeated => return None,
                Some(end) => {
                    out.push('{');
                    out.push_str(&rest[..end]);
                    if rest[..end]
                        .split([',', '}'])
                        .any(|count| count.parse().is_ok_and(|count: u32| count > 1000))
                    {
                        return None;
                    }
                    repeats = true;
                    rest = lazy(&rest[end..], &mut out);
                }
                None => out.push_str(r"\{"),
            },
            '}' => out.push_str(r"\}"),
            '(' if rest.starts_with('?') => {
                // Go has the flags i, m, s and U only.
                let end = rest.find([')', ':', '<']).unwrap_or(rest.len());
                if rest[1..end].contains(|c: char| !matches!(c, 'i' | 'm' | 's' | 'U' | '-' | 'P')) {
                    return None;
                }
                let name = rest.strip_prefix("?P<").or_else(|| rest.strip_prefix("?<"));
                let name = name.map(|name| name.split('>').next().unwrap_or_default());
                if name.is_some_and(|name| {
                    !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                }) {
                    return None;
                }
                out.push('(');
            }
            c => out.push(c),
        }
        repeated = repeats;
    }
    Some(out)
}

fn lazy<'a>(rest: &'a str, out: &mut String) -> &'a str {
    match rest.strip_prefix('?') {
        Some(rest) => {
            out.push('?');
            rest
        }
        None => rest,
    }
}

/// Where `2,3}` ends; Go takes other braces for themselves.
fn repetition(rest: &str) -> Option<usize> {
    let end = rest.find('}')?;
    let (from, to) = rest[..end].split_once(',').unwrap_or((&rest[..end], ""));
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!from.is_empty() && number(from) && number(to)).then_some(end + 1)
}

/// What stands behind a backslash.
fn escape<'a>(rest: &'a str, in_class: bool, out: &mut String) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let word = "0-9A-Za-z_";
    match (c, in_class) {
        ('w', false) => out.push_str("[0-9A-Za-z_]"),
        ('w', true) => out.push_str(word),
        ('W', _) => out.push_str("[^0-9A-Za-z_]"),
        ('d', false) => out.push_str("[0-9]"),
        ('d', true) => out.push_str("0-9"),
        ('D', _) => out.push_str("[^0-9]"),
        ('s', false) => out.push_str(r"[\t\n\f\r ]"),
        ('s', true) => out.push_str(r"\t\n\f\r "),
        ('S', _) => out.push_str(r"[^\t\n\f\r ]"),
        ('b', false) => out.push_str(r"(?-u:\b)"),
        ('B', false) => out.push_str(r"(?-u:\B)"),
        // With a name or a number in braces.
        ('p' | 'P' | 'x', _) => {
            let end = after.strip_prefix('{').map_or(Some(0), |name| name.find('}').map(|end| end + 2))?;
            out.push('\\');
            out.push(c);
            out.push_str(&after[..end]);
            return Some(&after[end..]);
        }
        ('A' | 'z', false) | ('a' | 'f' | 't' | 'n' | 'r' | 'v', _) => {
            out.push('\\');
            out.push(c);
        }
        // Octal: a zero with up to two digits more, or three digits.
        ('0'..='7', _) => {
            let digits = rest.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            if c != '0' && digits < 2 {
                return None;
            }
            let code = u32::from_str_radix(&rest[..digits], 8).ok()?;
            out.push_str(&format!(r"\x{{{code:x}}}"));
            return Some(&rest[digits..]);
        }
        (c, _) if c.is_ascii() && !c.is_ascii_alphanumeric() => {
            if c.is_ascii_punctuation() && c != '_' && c != '<' && c != '>' {
                out.push('\\');
            }
            out.push(c);
        }
        _ => return None,
    }
    Some(after)
}

/// The rest of a class, which has no sets in it in Go.
fn class<'a>(rest: &'a str, out: &mut String) -> Option<&'a str> {
    out.push('[');
    let mut rest = rest;
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        let c = rest.chars().next()?;
        let after = &rest[c.len_utf8()..];
        match c {
            ']' if !first => {
                out.push(']');
                return Some(after);
            }
            '[' if after.starts_with(':') && after.contains(":]") => {
                let end = after.find(":]")? + 2;
                out.push('[');
                out.push_str(&after[..end]);
                rest = &after[end..];
            }
            '\\' => rest = escape(after, true, out)?,
            '-' => {
                // A range, or itself at either end.
                let inside = !first && !after.starts_with(']');
                if inside && after.starts_with('-') {
                    return None;
                }
                out.push_str(if inside { "-" } else { r"\-" });
                rest = after;
            }
            c => {
                if matches!(c, '[' | ']' | '&' | '~' | '^') {
                    out.push('\\');
                }
                out.push(c);
                rest = after;
            }
        }
        first = false;
    }
}
