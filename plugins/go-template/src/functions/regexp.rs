//! Regular expressions with RE2's syntax and results, by the regex crate: the pattern is translated where
//! the two differ, and matches are stepped through as Go's regexp does.

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::args::{bytes, int, lossy, refuse, string};
use super::{Env, Function, Outcome, function};
use crate::error::EngineError;
use crate::limits::check_size;
use crate::text::decode;
use crate::value::{Element, List, Value};

pub(super) const TABLE: &[Function] = &[
    function("regexMatch", "ss", |_, args| {
        match compile(args) {
            Ok(pattern) => Ok(Value::Bool(pattern.is_match(bytes(args, 1)))),
            // A pattern that is none matches nothing.
            Err(_) if std::str::from_utf8(bytes(args, 1)).is_ok() => Ok(Value::Bool(false)),
            Err(error) => Err(error),
        }
    }),
    function("mustRegexMatch", "ss", |_, args| Ok(Value::Bool(compile(args)?.is_match(bytes(args, 1))))),
    function("regexFind", "ss", find),
    function("mustRegexFind", "ss", find),
    function("regexFindAll", "ssi", find_all),
    function("mustRegexFindAll", "ssi", find_all),
    function("regexReplaceAll", "sss", replace),
    function("mustRegexReplaceAll", "sss", replace),
    function("regexReplaceAllLiteral", "sss", replace_literal),
    function("mustRegexReplaceAllLiteral", "sss", replace_literal),
    function("regexSplit", "ssi", split),
    function("mustRegexSplit", "ssi", split),
    function("regexQuoteMeta", "s", |_, args| {
        let mut out = Vec::new();
        for byte in bytes(args, 0) {
            if br"\.+*?()|[]{}^$".contains(byte) {
                out.push(b'\\');
            }
            out.push(*byte);
        }
        string("regexQuoteMeta", out)
    }),
];

/// Compiled size: Go has no such limit, but a guest has 64 MiB.
const MAX_COMPILED: usize = 8 * 1024 * 1024;

fn compile(args: &[Value]) -> Result<Regex, EngineError> {
    if std::str::from_utf8(bytes(args, 0)).is_err() {
        return refuse("error parsing regexp: invalid UTF-8");
    }
    if std::str::from_utf8(bytes(args, 1)).is_err() {
        // Go matches such a byte as U+FFFD; the crate matches it with nothing. No answer is better than
        // another one.
        return refuse("regular expressions take UTF-8 text only");
    }
    let Some(pattern) = translate(&lossy(args, 0)) else {
        return refuse("error parsing regexp: invalid repetition");
    };
    RegexBuilder::new(&pattern)
        .size_limit(MAX_COMPILED)
        .build()
        // The crate's message quotes the pattern, which may be made of values.
        .map_err(|error| {
            EngineError::function(match error {
                regex::Error::CompiledTooBig(_) => "error parsing regexp: the expression is too large",
                _ => "error parsing regexp: invalid syntax",
            })
        })
}

/// RE2's syntax in that of the regex crate: Perl classes and `\b` are ASCII, `\Q…\E` quotes, a brace that
/// counts nothing is itself, and in a class `[`, `&`, `~` are themselves. None where a repetition is
/// repeated, or counts beyond 1000, which RE2 refuses.
fn translate(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    let mut class = false;
    let mut repeated = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let repeats = !class && (matches!(c, '*' | '+' | '?') || (c == '{' && is_count(rest)));
        if repeats {
            if repeated {
                return None;
            }
            out.push(c);
            if c == '{' {
                let (count, after) = rest.split_once('}')?;
                if count.split(',').any(|number| number.parse::<u32>().is_ok_and(|number| number > 1000)) {
                    return None;
                }
                out.push_str(count);
                out.push('}');
                rest = after;
            }
            if let Some(after) = rest.strip_prefix('?') {
                out.push('?');
                rest = after;
            }
            repeated = true;
            continue;
        }
        repeated = false;
        match c {
            '\\' => {
                let Some(escaped) = rest.chars().next() else {
                    out.push('\\');
                    break;
                };
                rest = &rest[escaped.len_utf8()..];
                match escaped {
                    'Q' if !class => {
                        let (literal, after) = rest.split_once(r"\E").unwrap_or((rest, ""));
                        out.push_str(&regex::escape(literal));
                        rest = after;
                    }
                    'd' if class => out.push_str("0-9"),
                    'w' if class => out.push_str("0-9A-Za-z_"),
                    's' if class => out.push_str(r"\t\n\f\r "),
                    'd' => out.push_str("[0-9]"),
                    'w' => out.push_str("[0-9A-Za-z_]"),
                    's' => out.push_str(r"[\t\n\f\r ]"),
                    'D' => out.push_str("[^0-9]"),
                    'W' => out.push_str("[^0-9A-Za-z_]"),
                    'S' => out.push_str(r"[^\t\n\f\r ]"),
                    'b' | 'B' if !class => {
                        out.push_str(r"(?-u:\");
                        out.push(escaped);
                        out.push(')');
                    }
                    'p' | 'P' | 'x' if rest.starts_with('{') => {
                        let (name, after) = rest.split_once('}')?;
                        out.push_str(&format!("\\{escaped}{name}}}"));
                        rest = after;
                    }
                    // Word boundaries in the crate, plain characters in RE2.
                    '<' | '>' => out.push(escaped),
                    escaped => {
                        out.push('\\');
                        out.push(escaped);
                    }
                }
            }
            '[' if !class => {
                class = true;
                out.push('[');
                if let Some(after) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = after;
                }
                // A bracket that closes at once is itself.
                if let Some(after) = rest.strip_prefix(']') {
                    out.push_str(r"\]");
                    rest = after;
                }
            }
            '[' => match rest.strip_prefix(':').and_then(|after| after.find(":]")) {
                Some(end) => {
                    out.push('[');
                    out.push_str(&rest[..end + 3]);
                    rest = &rest[end + 3..];
                }
                None => out.push_str(r"\["),
            },
            ']' if class => {
                class = false;
                out.push(']');
            }
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            '{' if !class => out.push_str(r"\{"),
            '(' if rest.starts_with('?') && !class => {
                out.push_str("(?");
                rest = &rest[1..];
            }
            c => out.push(c),
        }
    }
    Some(out)
}

/// `3}`, `3,}`, `3,5}`
fn is_count(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else { return false };
    let (low, high) = inside.split_once(',').unwrap_or((inside, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// Go's `allMatches`: an empty match right behind another one does not count.
fn matches(pattern: &Regex, text: &[u8], limit: i64) -> Vec<(usize, usize)> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let mut at = 0;
    let mut previous = None;
    while found.len() < limit && at <= text.len() {
        let Some(next) = pattern.find_at(text, at) else { break };
        let mut accepted = true;
        if next.end() == at {
            accepted = previous != Some(next.start());
            at += decode(&text[at..]).1.max(1);
        } else {
            at = next.end();
        }
        previous = Some(next.end());
        if accepted {
            found.push((next.start(), next.end()));
        }
    }
    found
}

fn find(_: &Env, args: &[Value]) -> Outcome {
    Ok(Value::str(compile(args)?.find(bytes(args, 1)).map_or(&b""[..], |found| found.as_bytes())))
}

/// A nil slice where there is nothing.
fn strings(parts: Vec<&[u8]>) -> Value {
    let nil = parts.is_empty();
    Value::List(List { items: parts.into_iter().map(Value::str).collect(), element: Element::Str, nil })
}

fn find_all(_: &Env, args: &[Value]) -> Outcome {
    let text = bytes(args, 1);
    let found = matches(&compile(args)?, text, int(args, 2));
    Ok(strings(found.into_iter().map(|(start, end)| &text[start..end]).collect()))
}

fn replace_with(args: &[Value], with: impl Fn(&Captures<'_>, &mut Vec<u8>)) -> Outcome {
    let pattern = compile(args)?;
    let text = bytes(args, 1);
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut copied) = (0, 0);
    while at <= text.len() {
        let Some(captures) = pattern.captures_at(text, at) else { break };
        let Some(whole) = captures.get(0) else { break };
        out.extend_from_slice(&text[copied..whole.start()]);
        if whole.end() > copied || whole.start() == 0 {
            with(&captures, &mut out);
            check_size("regexReplaceAll", out.len())?;
        }
        copied = whole.end();
        at = copied.max(at + decode(&text[at..]).1.max(1));
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    string("regexReplaceAll", out)
}

fn replace(_: &Env, args: &[Value]) -> Outcome {
    replace_with(args, |captures, out| captures.expand(bytes(args, 2), out))
}

fn replace_literal(_: &Env, args: &[Value]) -> Outcome {
    replace_with(args, |_, out| out.extend_from_slice(bytes(args, 2)))
}

fn split(_: &Env, args: &[Value]) -> Outcome {
    let (text, limit) = (bytes(args, 1), int(args, 2));
    let pattern = compile(args)?;
    if limit == 0 {
        return Ok(strings(Vec::new()));
    }
    if text.is_empty() && !bytes(args, 0).is_empty() {
        return Ok(strings(vec![b""]));
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for (start, stop) in matches(&pattern, text, limit) {
        if limit > 0 && i64::try_from(parts.len()).unwrap_or(i64::MAX) == limit - 1 {
            break;
        }
        end = start;
        if stop != 0 {
            parts.push(&text[begin..end]);
        }
        begin = stop;
    }
    if end != text.len() {
        parts.push(&text[begin..]);
    }
    Ok(Value::list_of(Element::Str, parts.into_iter().map(Value::str).collect()))
}
