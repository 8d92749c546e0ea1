//! Bytes of a message as text in which names stand for values, and back: `Bearer ⟦issued-1:24⟧`.
//!
//! Between `⟦` and `⟧` stands the name of a value of the bench (`⟦Secret/default/login/token⟧`, with its dress behind a
//! bar: `⟦expect/value|base64⟧`), a stand-in, `base64:` and a text again, `hex:` and bytes that are no text, or
//! `opaque:` and a length: what is another each time, so that anything fits. Pure.

use std::sync::LazyLock;

use base64::Engine as _;
use regex::bytes::Regex;

use super::needles::{BASE64, Needles, forms};
use super::stand_in::StandIn;

const OPEN: char = '⟦';
const CLOSE: char = '⟧';
/// base64 in base64 in base64 is nobody's protocol.
const DEPTH: usize = 3;

/// What may be base64 of something.
static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_-]{8,}={0,2}").ok());

/// Bytes as text, values by name.
pub(super) fn encode(needles: &Needles, bytes: &[u8]) -> String {
    encode_within(needles, bytes, DEPTH)
}

fn encode_within(needles: &Needles, bytes: &[u8], depth: usize) -> String {
    let mut out = String::new();
    let mut end = 0;
    let runs = RUN.iter().flat_map(|run| run.find_iter(bytes)).filter(|_| depth > 0);
    for run in runs {
        // One that is a value itself has a name of its own.
        if needles.at_start(run.as_bytes()).is_some_and(|(_, length)| length == run.len()) {
            continue;
        }
        let Some((engine, inner)) = holding(needles, run.as_bytes(), depth) else { continue };
        named(needles, &bytes[end..run.start()], &mut out);
        out.push_str(&format!("{OPEN}{engine}:{inner}{CLOSE}"));
        end = run.end();
    }
    named(needles, &bytes[end..], &mut out);
    out
}

/// What base64 holds, if there is a value in it.
fn holding(needles: &Needles, run: &[u8], depth: usize) -> Option<(&'static str, String)> {
    BASE64.iter().find_map(|(name, engine)| {
        let decoded = engine.decode(run).ok().filter(|decoded| engine.encode(decoded).as_bytes() == run)?;
        let inner = encode_within(needles, &decoded, depth - 1);
        // Names alone are wanted: bytes that are no text are no reason to write it otherwise.
        has_value(&inner).then_some((*name, inner))
    })
}

fn has_value(text: &str) -> bool {
    text.split(OPEN).skip(1).any(|token| !token.starts_with("hex:"))
}

fn named(needles: &Needles, bytes: &[u8], out: &mut String) {
    let (mut literal, mut at) = (0, 0);
    while at < bytes.len() {
        match needles.at_start(&bytes[at..]) {
            Some((token, length)) => {
                plain(&bytes[literal..at], out);
                out.push_str(&format!("{OPEN}{token}{CLOSE}"));
                at += length;
                literal = at;
            }
            None => at += 1,
        }
    }
    plain(&bytes[literal..], out);
}

fn plain(bytes: &[u8], out: &mut String) {
    let hex = |bytes: &[u8]| format!("{OPEN}hex:{}{CLOSE}", hex::encode(bytes));
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            let special = char.is_control() && !matches!(char, '\n' | '\t') || matches!(char, OPEN | CLOSE);
            // What YAML's readers take for a line's end or the file's mark.
            if special || matches!(char, '\u{feff}' | '\u{2028}' | '\u{2029}') {
                out.push_str(&hex(char.to_string().as_bytes()));
            } else {
                out.push(char);
            }
        }
        if !chunk.invalid().is_empty() {
            out.push_str(&hex(chunk.invalid()));
        }
    }
}

/// What is another each time.
pub(super) fn opaque(length: usize) -> String {
    format!("{OPEN}opaque:{length}{CLOSE}")
}

/// The text without names: what stands in a recording as it was. Of base64, what is in it.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(OPEN) {
        out.push_str(before);
        out.push(OPEN);
        let end = closing(behind).unwrap_or(behind.len());
        let inner = BASE64.iter().find_map(|(name, _)| behind[..end].strip_prefix(&format!("{name}:")));
        out.extend(inner.map(literal));
        rest = behind.get(end + CLOSE.len_utf8()..).unwrap_or_default();
    }
    out + rest
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Bytes(Vec<u8>),
    /// Anything, and how long it was.
    Any(usize),
}

/// Reads a text again.
///
/// # Errors
/// What is wrong with it, or which name the bench does not have.
pub(super) fn decode(needles: &Needles, text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(OPEN) {
        push(&mut parts, before.as_bytes());
        let end = closing(behind).ok_or_else(|| format!("a {OPEN} without {CLOSE}"))?;
        match token(needles, &behind[..end])? {
            Part::Bytes(bytes) => push(&mut parts, &bytes),
            any => parts.push(any),
        }
        rest = &behind[end + CLOSE.len_utf8()..];
    }
    push(&mut parts, rest.as_bytes());
    Ok(parts)
}

fn push(parts: &mut Vec<Part>, bytes: &[u8]) {
    match parts.last_mut() {
        Some(Part::Bytes(last)) => last.extend_from_slice(bytes),
        _ if bytes.is_empty() => {}
        _ => parts.push(Part::Bytes(bytes.to_vec())),
    }
}

/// Where the mark ends that a text stands behind.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1usize;
    text.char_indices().find_map(|(at, char)| {
        match char {
            OPEN => depth += 1,
            CLOSE => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

fn token(needles: &Needles, token: &str) -> Result<Part, String> {
    let wrong = || format!("{OPEN}{token}{CLOSE} is not understood");
    if let Some(bytes) = token.strip_prefix("hex:") {
        return hex::decode(bytes).map(Part::Bytes).map_err(|_| wrong());
    }
    if let Some(length) = token.strip_prefix("opaque:") {
        let length = length.parse().ok().filter(|length| *length <= super::MAX_BODY);
        return length.map(Part::Any).ok_or_else(wrong);
    }
    for (name, engine) in &BASE64 {
        if let Some(inner) = token.strip_prefix(&format!("{name}:")) {
            return Ok(Part::Bytes(engine.encode(whole(decode(needles, inner)?)).into_bytes()));
        }
    }
    if let Some(bytes) = needles.value(token) {
        return Ok(Part::Bytes(bytes.to_vec()));
    }
    let (name, form) = token.split_once('|').unwrap_or((token, ""));
    let stand_in = StandIn::parse(name).map(|stand_in| forms(&stand_in.bytes()));
    let Some(dresses) = stand_in else {
        return Err(format!("the bench has no value for {OPEN}{token}{CLOSE}"));
    };
    // A dress that changes nothing is left out there.
    let plain = dresses.first().cloned();
    let found = dresses.into_iter().find(|(dress, _)| *dress == form).or(plain);
    found.map(|(_, bytes)| Part::Bytes(bytes)).ok_or_else(wrong)
}

/// The bytes of an answer: what is another each time is filled up.
pub(super) fn whole(parts: Vec<Part>) -> Vec<u8> {
    let bytes = |part| match part {
        Part::Bytes(bytes) => bytes,
        Part::Any(length) => vec![b'x'; length],
    };
    parts.into_iter().flat_map(bytes).collect()
}

/// Whether bytes are what the parts say.
pub(super) fn fits(parts: &[Part], bytes: &[u8]) -> bool {
    match parts {
        [] => bytes.is_empty(),
        [Part::Bytes(first), rest @ ..] => {
            bytes.strip_prefix(first.as_slice()).is_some_and(|bytes| fits(rest, bytes))
        }
        // Something, up to one of the places where the next piece fits.
        [Part::Any(_)] => !bytes.is_empty(),
        [Part::Any(_), rest @ ..] => (1..=bytes.len()).any(|at| fits(rest, &bytes[at..])),
    }
}

/// Where bytes begin to be something else, as far as can be said.
pub(super) fn differs_at(parts: &[Part], bytes: &[u8]) -> usize {
    match parts.first() {
        Some(Part::Bytes(first)) => {
            first.iter().zip(bytes).position(|(a, b)| a != b).unwrap_or(first.len().min(bytes.len()))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_core::secret::SecretBytes;

    use super::super::needles::Known;
    use super::*;

    fn needles(values: &[(&str, &[u8])]) -> Needles {
        let known = |(name, value): &(&str, &[u8])| Known {
            name: (*name).to_owned(),
            value: SecretBytes::copied_from(value),
        };
        Needles::of(&values.iter().map(known).collect::<Vec<_>>())
    }

    /// base64 of other texts than the value itself is coreutils'.
    #[test]
    fn values_are_named_wherever_they_stand_and_return() {
        let needles = needles(&[
            ("user", b"app-user-1"),
            ("password", b"correct-horse"),
            ("quoted", b"say \"friend\""),
            ("bytes", b"\x00\x01\xfe\xff\x00\x01"),
        ]);
        for (bytes, text) in [
            (&b"/v1/app-user-1?x=%20"[..], "/v1/⟦user⟧?x=%20"),
            (b"{\"p\":\"say \\\"friend\\\"\"}", "{\"p\":\"⟦quoted|json⟧\"}"),
            (b"{\"v\":\"Y29ycmVjdC1ob3JzZQ==\"}", "{\"v\":\"⟦password|base64⟧\"}"),
            // printf 'app-user-1:correct-horse' | base64
            (b"Basic YXBwLXVzZXItMTpjb3JyZWN0LWhvcnNl", "Basic ⟦base64:⟦user⟧:⟦password⟧⟧"),
            (b"a\x00\xff\xe2\x9f\xa6b", "a⟦hex:00⟧⟦hex:ff⟧⟦hex:e29fa6⟧b"),
            (b"<\x00\x01\xfe\xff\x00\x01>", "<⟦bytes⟧>"),
            ("Grüße\n".as_bytes(), "Grüße\n"),
        ] {
            assert_eq!(encode(&needles, bytes), text);
            let parts = decode(&needles, text).unwrap();
            assert!(fits(&parts, bytes), "{text}");
            assert_eq!(whole(parts), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_another_each_time_fits_anything_and_nothing_else_does() {
        let none = Needles::default();
        let parts = decode(&none, "a=⟦opaque:3⟧&b=⟦opaque:9⟧").unwrap();
        for (bytes, expected) in
            [("a=1&b=2", true), ("a=&&b=&b=2", true), ("a=1&b=", false), ("a=1", false), ("b=1&b=2", false)]
        {
            assert_eq!(fits(&parts, bytes.as_bytes()), expected, "{bytes}");
        }
        assert_eq!(whole(parts), b"a=xxx&b=xxxxxxxxx");
        let issued = decode(&none, "⟦issued-2:12|base64⟧").unwrap();
        // printf 'issued-2-xxx' | base64
        assert_eq!(whole(issued), b"aXNzdWVkLTIteHh4");
    }

    #[test]
    fn what_is_no_recording_is_told() {
        for (text, expected) in [
            ("a ⟦b", "without ⟧"),
            ("⟦expect/value⟧", "no value for ⟦expect/value⟧"),
            ("⟦hex:0g⟧", "not understood"),
            ("⟦opaque:many⟧", "not understood"),
            ("⟦base64:⟦nobody⟧⟧", "no value for ⟦nobody⟧"),
        ] {
            let error = decode(&Needles::default(), text).unwrap_err();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
        assert_eq!(literal("a⟦base64:⟦user⟧:x⟧b⟦user⟧"), "a⟦⟦:xb⟦");
    }
}
