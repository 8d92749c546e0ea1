//! Texts: trimming, casing, joining, padding.

use gotmpl::Value;

use super::{Table, arg, failed, int, list, string, text};

/// Longest result of `repeat`, bytes: a Secret holds 1 MiB.
const MAX_REPEAT: usize = 4 * 1024 * 1024;

pub(super) fn add(table: &mut Table) {
    table.text("trim", |s| s.trim().to_owned());
    table.text("upper", str::to_uppercase);
    table.text("lower", str::to_lowercase);
    table.text("title", title);
    table.text("untitle", |s| initial(s, |c| c.to_lowercase().collect()));
    table.text("nospace", |s| s.chars().filter(|c| !c.is_whitespace()).collect());
    table.text("toString", ToOwned::to_owned);
    for name in ["trimAll", "trimall"] {
        table.add(name, |args| {
            let cut = string(arg(args, 0, "trimAll")?);
            Ok(text(string(arg(args, 1, "trimAll")?).trim_matches(|c| cut.contains(c))))
        });
    }
    table.add("trimPrefix", |args| {
        let (prefix, s) = (string(arg(args, 0, "trimPrefix")?), string(arg(args, 1, "trimPrefix")?));
        Ok(text(s.strip_prefix(&prefix).unwrap_or(&s)))
    });
    table.add("trimSuffix", |args| {
        let (suffix, s) = (string(arg(args, 0, "trimSuffix")?), string(arg(args, 1, "trimSuffix")?));
        Ok(text(s.strip_suffix(&suffix).unwrap_or(&s)))
    });
    table.add("replace", |args| {
        let (old, new) = (string(arg(args, 0, "replace")?), string(arg(args, 1, "replace")?));
        Ok(text(string(arg(args, 2, "replace")?).replace(&old, &new)))
    });
    table.add("repeat", |args| {
        let (count, s) = (int(arg(args, 0, "repeat")?), string(arg(args, 1, "repeat")?));
        let count = usize::try_from(count).map_err(|_| failed("repeat: negative count"))?;
        if s.len().saturating_mul(count) > MAX_REPEAT {
            return Err(failed("repeat: the result is larger than 4 MiB"));
        }
        Ok(text(s.repeat(count)))
    });
    table.add("substr", |args| {
        let (start, end) = (int(arg(args, 0, "substr")?), int(arg(args, 1, "substr")?));
        let s = string(arg(args, 2, "substr")?);
        let at = |index: i64| usize::try_from(index).unwrap_or(0).min(s.len());
        let end = if end < 0 || end > i64::try_from(s.len()).unwrap_or(i64::MAX) { s.len() } else { at(end) };
        let part =
            s.get(at(start)..end).ok_or_else(|| failed("substr: out of range, or inside a character"))?;
        Ok(text(part))
    });
    table.add("trunc", |args| {
        let (count, s) = (int(arg(args, 0, "trunc")?), string(arg(args, 1, "trunc")?));
        let length = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let part = match count {
            _ if length >= s.len() => Some(s.as_str()),
            0.. => s.get(..length),
            _ => s.get(s.len() - length..),
        };
        part.map(text).ok_or_else(|| failed("trunc: inside a character"))
    });
    table.add("quote", |args| Ok(text(quoted(args, go_quote))));
    table.add("squote", |args| Ok(text(quoted(args, |s| format!("'{s}'")))));
    table.add("cat", |args| {
        let parts: Vec<String> = args.iter().filter(|arg| !matches!(arg, Value::Nil)).map(string).collect();
        Ok(text(parts.join(" ")))
    });
    table.add("indent", |args| {
        Ok(text(indent(int(arg(args, 0, "indent")?), &string(arg(args, 1, "indent")?))))
    });
    table.add("nindent", |args| {
        Ok(text(format!("\n{}", indent(int(arg(args, 0, "nindent")?), &string(arg(args, 1, "nindent")?)))))
    });
    table.add("contains", |args| {
        Ok(Value::Bool(string(arg(args, 1, "contains")?).contains(&string(arg(args, 0, "contains")?))))
    });
    table.add("hasPrefix", |args| {
        Ok(Value::Bool(string(arg(args, 1, "hasPrefix")?).starts_with(&string(arg(args, 0, "hasPrefix")?))))
    });
    table.add("hasSuffix", |args| {
        Ok(Value::Bool(string(arg(args, 1, "hasSuffix")?).ends_with(&string(arg(args, 0, "hasSuffix")?))))
    });
    table.add("splitList", |args| {
        let (separator, s) = (string(arg(args, 0, "splitList")?), string(arg(args, 1, "splitList")?));
        if separator.is_empty() {
            return Ok(list(s.chars().map(|c| text(c.to_string())).collect()));
        }
        Ok(list(s.split(&separator).map(text).collect()))
    });
    table.add("join", |args| {
        let separator = string(arg(args, 0, "join")?);
        let parts: Vec<String> = match arg(args, 1, "join")? {
            Value::List(items) => {
                items.iter().filter(|item| !matches!(item, Value::Nil)).map(string).collect()
            }
            other => vec![string(other)],
        };
        Ok(text(parts.join(&separator)))
    });
}

/// Go's `strings.Title`: every letter that follows no letter, digit, underscore or apostrophe.
fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut inside = false;
    for c in s.chars() {
        if inside {
            out.push(c)
        } else {
            out.extend(c.to_uppercase())
        }
        inside = c.is_alphanumeric() || c == '_' || c == '\'';
    }
    out
}

fn initial(s: &str, change: impl Fn(char) -> String) -> String {
    let mut chars = s.chars();
    chars.next().map_or_else(String::new, |first| change(first) + chars.as_str())
}

fn indent(spaces: i64, s: &str) -> String {
    let pad = " ".repeat(usize::try_from(spaces).unwrap_or(0).min(1024));
    format!("{pad}{}", s.replace('\n', &format!("\n{pad}")))
}

fn quoted(args: &[Value], quote: impl Fn(&str) -> String) -> String {
    let parts = args.iter().filter(|arg| !matches!(arg, Value::Nil)).map(|arg| quote(&string(arg)));
    parts.collect::<Vec<_>>().join(" ")
}

/// Go's `%q`.
fn go_quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
