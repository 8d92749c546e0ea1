//! Words: casing, initials, abbreviations, wrapping. After goutils and xstrings, some of which work on
//! bytes where one would expect characters.

use super::args::{bytes, int, string};
use super::{Env, Function, Outcome, function};
use crate::text::{self, chars, lower, push, upper};
use crate::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("title", "s", |_, args| string("title", title(bytes(args, 0)))),
    function("untitle", "s", |_, args| {
        // Only blanks part words here.
        let mut first = true;
        let mut out = Vec::new();
        for (_, c, _) in chars(bytes(args, 0)) {
            let blank = c.is_whitespace();
            push(&mut out, if first && !blank { lower(c) } else { c });
            first = blank;
        }
        string("untitle", out)
    }),
    function("swapcase", "s", |_, args| string("swapcase", text::map(bytes(args, 0), swap))),
    function("nospace", "s", |_, args| {
        let text = bytes(args, 0);
        // goutils reads bytes as characters: with a blank in it, text beyond ASCII is garbled.
        let latin = || text.iter().map(|byte| char::from(*byte));
        if !latin().any(char::is_whitespace) {
            return Ok(Value::str(text));
        }
        string("nospace", latin().filter(|c| !c.is_whitespace()).collect::<String>())
    }),
    function("initials", "s", |_, args| {
        let mut out = String::new();
        let mut gap = true;
        for c in bytes(args, 0).iter().map(|byte| char::from(*byte)) {
            if gap && !c.is_whitespace() {
                out.push(c);
            }
            gap = c.is_whitespace();
        }
        string("initials", out)
    }),
    function("abbrev", "is", |_, args| {
        let (width, text) = (int(args, 0), bytes(args, 1));
        Ok(Value::str(if width < 4 { text.to_vec() } else { abbreviate(text, 0, width) }))
    }),
    function("abbrevboth", "iis", |_, args| {
        let (left, right, text) = (int(args, 0), int(args, 1), bytes(args, 2));
        let unchanged = right < 4 || (left > 0 && right < 7);
        Ok(Value::str(if unchanged { text.to_vec() } else { abbreviate(text, left, right) }))
    }),
    function("wrap", "is", |_, args| string("wrap", wrap(bytes(args, 1), int(args, 0), b"\n", false)?)),
    function("wrapWith", "iss", |_, args| {
        string("wrapWith", wrap(bytes(args, 2), int(args, 0), bytes(args, 1), true)?)
    }),
    function("camelcase", "s", |_, args| string("camelcase", pascal(bytes(args, 0)))),
    function("snakecase", "s", |_, args| string("snakecase", connected(bytes(args, 0), '_'))),
    function("kebabcase", "s", |_, args| string("kebabcase", connected(bytes(args, 0), '-'))),
    function("shuffle", "s", shuffle),
];

/// `strings.Title`: what follows no letter, digit or underscore is a word's beginning.
fn title(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut begins = true;
    for (_, c, _) in chars(bytes) {
        push(&mut out, if begins { title_case(c) } else { c });
        begins = if c.is_ascii() {
            !(c.is_ascii_alphanumeric() || c == '_')
        } else {
            !c.is_alphanumeric() && c.is_whitespace()
        };
    }
    out
}

/// `unicode.ToTitle`: digraphs have a form of their own, Georgian has none.
fn title_case(c: char) -> char {
    match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        'ა'..='ჿ' => c,
        c => upper(c),
    }
}

fn swap(c: char) -> char {
    if c.is_uppercase() {
        lower(c)
    } else if c.is_lowercase() {
        upper(c)
    } else {
        c
    }
}

/// `goutils.AbbreviateFull`.
fn abbreviate(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let Ok(width) = usize::try_from(width) else { return text.to_vec() };
    if width < 4 {
        return Vec::new();
    }
    if text.len() <= width {
        return text.to_vec();
    }
    let kept = width - 3;
    let mut offset = usize::try_from(offset).unwrap_or(0).min(text.len());
    if text.len() - offset < kept {
        offset = text.len() - kept;
    }
    if offset <= 4 {
        return [&text[..kept], b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + kept < text.len() {
        let inner = abbreviate(&text[offset..], 0, i64::try_from(kept).unwrap_or(i64::MAX));
        return [b"...", inner.as_slice()].concat();
    }
    [b"...", &text[text.len() - kept..]].concat()
}

/// `goutils.WrapCustom`.
fn wrap(
    text: &[u8],
    width: i64,
    line_end: &[u8],
    split_words: bool,
) -> Result<Vec<u8>, crate::error::EngineError> {
    let line_end: &[u8] = if line_end.is_empty() { b"\n" } else { line_end };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(text.len());
    let mut offset = 0;
    while text.len() - offset > width {
        if text[offset] == b' ' {
            offset += 1;
            continue;
        }
        let (end, next) = match text[offset..offset + width + 1].iter().rposition(|byte| *byte == b' ') {
            Some(space) => (offset + space, offset + space + 1),
            None if split_words => (offset + width, offset + width),
            None => match text[offset + width..].iter().position(|byte| *byte == b' ') {
                Some(space) => (offset + width + space, offset + width + space + 1),
                None => break,
            },
        };
        out.extend_from_slice(&text[offset..end]);
        out.extend_from_slice(line_end);
        crate::limits::check_size("wrap", out.len())?;
        offset = next;
    }
    out.extend_from_slice(&text[offset..]);
    Ok(out)
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// `xstrings.ToPascalCase`.
fn pascal(bytes: &[u8]) -> String {
    let mut rest = text::lossy(bytes).chars().collect::<Vec<_>>().into_iter();
    let mut out = String::new();
    let mut current = None;
    let mut first_upper = false;
    for c in rest.by_ref() {
        if !is_connector(c) {
            first_upper = c.is_uppercase();
            current = Some(upper(c));
            break;
        }
        out.push(c);
    }
    let Some(mut current) = current else {
        // Nothing but connectors: xstrings writes the last one twice.
        if let Some(last) = out.chars().last() {
            out.push(last);
        }
        return out;
    };
    for c in rest {
        let previous = std::mem::replace(&mut current, c);
        if is_connector(c) && is_connector(previous) {
            out.push(previous);
            continue;
        }
        if is_connector(previous) {
            first_upper = c.is_uppercase();
            current = upper(c);
        } else {
            if first_upper {
                if c.is_uppercase() {
                    current = lower(c);
                } else {
                    first_upper = false;
                }
            }
            out.push(previous);
        }
    }
    out.push(current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punct,
    Other,
}

fn is_alphabet(c: char) -> bool {
    c.is_alphabetic()
}

/// `unicode.IsPunct` for ASCII; symbols such as `$` and `+` are none.
fn is_punct(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
}

/// `xstrings.nextWord`.
fn next_word(text: &[char]) -> (Word, &[char], &[char]) {
    let run = |from: usize, holds: &dyn Fn(char) -> bool| {
        from + text[from..].iter().take_while(|c| holds(**c)).count()
    };
    let Some(&first) = text.first() else { return (Word::Invalid, text, text) };
    let (word, end) = if is_connector(first) {
        (Word::Connector, run(0, &is_connector))
    } else if is_punct(first) {
        (Word::Punct, run(0, &is_punct))
    } else if first.is_uppercase() {
        match text.get(1) {
            Some(second) if second.is_uppercase() => {
                let end = run(0, &char::is_uppercase);
                // Of "HTTPStatus" the S belongs to what follows.
                let followed = text.get(end).is_some_and(|c| is_alphabet(*c));
                (Word::Upper, if followed { end - 1 } else { end })
            }
            _ => (Word::Upper, run(1, &|c| is_alphabet(c) && !c.is_uppercase())),
        }
    } else if is_alphabet(first) {
        (Word::Alphabet, run(0, &|c| is_alphabet(c) && !c.is_uppercase()))
    } else if first.is_numeric() {
        (Word::Number, run(0, &char::is_numeric))
    } else {
        let other = |c: char| !(is_connector(c) || is_alphabet(c) || c.is_numeric() || is_punct(c));
        (Word::Other, run(1, &other))
    };
    (word, &text[..end], &text[end..])
}

/// `xstrings.ToSnakeCase` and `ToKebabCase`.
fn connected(bytes: &[u8], connector: char) -> String {
    let text: Vec<char> = text::lossy(bytes).chars().collect();
    let mut out = String::new();
    let write = |out: &mut String, kind: Word, word: &[char]| {
        if kind == Word::Connector {
            out.extend(std::iter::repeat_n(connector, word.len()));
        } else {
            out.extend(word.iter().map(|c| lower(*c)));
        }
    };
    let parts = |kind: Word| !matches!(kind, Word::Invalid | Word::Punct | Word::Connector);
    let (mut kind, mut word, mut rest) = next_word(&text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            write(&mut out, kind, word);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match previous {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    write(&mut out, kind, word);
                    (kind, word, rest) = next_word(rest);
                }
                if parts(kind) {
                    out.push(connector);
                }
            }
            Word::Connector => write(&mut out, previous, last),
            Word::Punct => {}
            _ if kind != Word::Number => {
                if parts(kind) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    // "Bld4Floor" is "bld4_floor".
                    write(&mut out, Word::Number, number);
                    if parts(kind) {
                        out.push(connector);
                    }
                } else {
                    // "HTTP2xx" is "http_2xx".
                    out.push(connector);
                    write(&mut out, Word::Number, number);
                    while matches!(kind, Word::Alphabet | Word::Number) {
                        write(&mut out, kind, word);
                        (kind, word, rest) = next_word(rest);
                    }
                    if parts(kind) {
                        out.push(connector);
                    }
                }
            }
        }
    }
    write(&mut out, kind, word);
    out
}

fn shuffle(env: &Env, args: &[Value]) -> Outcome {
    let mut text: Vec<char> = text::lossy(bytes(args, 0)).chars().collect();
    let mut random = env.random();
    for last in (1..text.len()).rev() {
        text.swap(last, random.below(last + 1));
    }
    string("shuffle", text.into_iter().collect::<String>())
}
