//! What a failure says: the place, and words that are this crate's, minijinja's own, or names out of the
//! template. minijinja quotes values in some of its messages (`unable to calculate 1 + …`), so a message
//! is shown only if it is known to have none; for all others the kind of error has to do.

use std::error::Error as _;
use std::fmt;

use claviger_plugin_sdk::engine::Failure;
use minijinja::{Error, ErrorKind};

use crate::limits::FUEL;

/// This crate's own words.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// An error whose words hold no value.
pub(crate) fn refuse(detail: impl Into<String>) -> Error {
    Error::from(ErrorKind::InvalidOperation).with_source(Refusal(detail.into()))
}

/// Messages of minijinja's that may be shown. `{}` is the kind of a value or an operator.
const KNOWN: &[&str] = &[
    "cannot calculate length of value of type {}",
    "cannot convert value into pair list",
    "cannot convert value into pairs",
    "cannot convert value to list",
    "cannot convert {} to integer",
    "cannot convert {} to float",
    "cannot convert {} to string",
    "cannot get absolute value",
    "cannot get first item from value",
    "cannot get last item from value",
    "cannot join value of type {}",
    "cannot perform a containment check on this value",
    "cannot recurse because of non-iterable value",
    "cannot recurse outside of recursive loop",
    "cannot repeat unsized iterables",
    "cannot reverse values of type {}",
    "cannot round value ({})",
    "cannot slice by step size of 0",
    "can only assign to namespaces, not {}",
    "can only sum numbers, got {}",
    "count cannot be 0",
    "filter name is required",
    "filter name must be a string",
    "format argument must be a mapping",
    "range has too many elements",
    "recursion limit exceeded",
    "repeated sequence is too large",
    "repeated string is too large",
    "strings can only be multiplied with integers",
    "sequences and iterables can only be multiplied with integers",
    "tried to use {} operator on unsupported types {} and {}",
    "unexpected keyword arguments",
    "value is not a string",
    "value is not iterable",
    "value of type {} cannot be sliced",
    "value of type {} is not callable",
    "{} is not iterable",
];

const BLANKS: &[&str] = &[
    "undefined",
    "none",
    "bool",
    "number",
    "string",
    "bytes",
    "sequence",
    "map",
    "iterator",
    "plain object",
    "invalid value",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
];

/// Puts an error into words and at its place.
pub(crate) fn describe(text: &str, error: &Error) -> Failure {
    let (line, column) = match error.range() {
        Some(range) => place(text, range.start),
        None => (error.line().map_or(0, small), 0),
    };
    Failure { line, column, detail: words(error) }
}

fn words(error: &Error) -> String {
    let mut source = error.source();
    while let Some(found) = source {
        if let Some(Refusal(detail)) = found.downcast_ref() {
            return detail.clone();
        }
        source = found.source();
    }
    let detail = error.detail().unwrap_or_default();
    let shown = match error.kind() {
        ErrorKind::OutOfFuel => {
            return format!("it does too much: more than {FUEL} steps, or texts and lists of 16 MiB");
        }
        // Their words come from the template.
        ErrorKind::SyntaxError
        | ErrorKind::InvalidDelimiter
        | ErrorKind::UndefinedError
        | ErrorKind::UnknownFilter
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownMethod
        | ErrorKind::UnknownTest => !detail.is_empty(),
        ErrorKind::CannotUnpack => detail.starts_with("sequence of wrong length") || is_known(detail),
        _ => is_known(detail),
    };
    if shown { format!("{}: {detail}", error.kind()) } else { error.kind().to_string() }
}

/// Is it a known message, with or without minijinja's note about what is undefined, which comes from the
/// template?
fn is_known(detail: &str) -> bool {
    let base = if detail.ends_with(')') {
        detail.split_once(" (`").map_or(detail, |(base, _)| base)
    } else {
        detail
    };
    // A note alone: the expression, and nothing before it.
    (detail.starts_with('`') && detail.ends_with("` is undefined") && detail.matches('`').count() == 2)
        || KNOWN.iter().any(|known| matches(known, base))
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once("{}") {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            BLANKS.iter().any(|blank| rest.strip_prefix(blank).is_some_and(|rest| matches(after, rest)))
        }),
    }
}

/// Line and column of a byte, both from 1, columns in characters.
fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (small(line), small(column))
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_messages_are_shown() {
        assert!(is_known("tried to use + operator on unsupported types string and number"));
        assert!(is_known(
            "tried to use + operator on unsupported types undefined and string (`x` is undefined)"
        ));
        assert!(!is_known("unable to calculate 1 + 2"));
        assert!(!is_known("unable to calculate x (`secret` is undefined)"));
        assert!(!is_known("cannot convert hunter2 to integer"));
    }

    #[test]
    fn places_count_characters() {
        assert_eq!(place("é\nab", 4), (2, 2));
        assert_eq!(place("ab", 99), (1, 3));
    }
}
