//! What `#(path operator value)` says of an element.

use std::cmp::Ordering;

use super::glob;
use super::meter::{Meter, Refused};
use super::number;
use super::path::Query;
use super::value::{Kind, Value};

/// Whether what was found at the query's path answers it. A value is compared as what it is: what it is compared
/// with is read as that.
pub(super) fn answers(query: &Query<'_>, found: &Value<'_>, meter: &Meter) -> Result<bool, Refused> {
    if let [b'~', class @ ..] = &*query.value {
        let belongs = match class {
            b"*" => found.exists(),
            b"null" => found.kind() == Kind::Null,
            b"true" => truth(found) == Some(true),
            b"false" => found.kind() == Kind::Null || truth(found) == Some(false),
            _ => return Ok(false),
        };
        // A truth by itself, compared with `true`.
        return Ok(query.operator.is_empty() || of_truths(query.operator, belongs, b"true"));
    }
    if !found.exists() {
        return Ok(false);
    }
    let wanted = &*query.value;
    meter.read(wanted.len())?;
    let order = |order: Option<Ordering>| match query.operator {
        b"=" => order == Some(Ordering::Equal),
        b"!=" => order != Some(Ordering::Equal),
        b"<" => order == Some(Ordering::Less),
        b"<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        b">" => order == Some(Ordering::Greater),
        b">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        _ => false,
    };
    Ok(match (found.kind(), query.operator) {
        (_, b"") => true,
        (Kind::Text, b"%") => glob::matches(found.content(), wanted, meter)?,
        (Kind::Text, b"!%") => !glob::matches(found.content(), wanted, meter)?,
        (Kind::Text, _) => order(Some(found.content().cmp(wanted))),
        (Kind::Number, _) => order(found.number().partial_cmp(&number::float(wanted))),
        (Kind::True, operator) => of_truths(operator, true, wanted),
        (Kind::False, operator) => of_truths(operator, false, wanted),
        (Kind::Null | Kind::Json, _) => false,
    })
}

/// False is less than true, and what is neither is neither less nor more, but for a truth's own side.
fn of_truths(operator: &[u8], truth: bool, wanted: &[u8]) -> bool {
    let (own, other): (&[u8], &[u8]) = if truth { (b"true", b"false") } else { (b"false", b"true") };
    match (operator, truth) {
        (b"=", _) => wanted == own,
        (b"!=", _) => wanted != own,
        (b">", true) | (b"<", false) => wanted == other,
        (b">=", true) | (b"<=", false) => true,
        _ => false,
    }
}

/// What a value means as a truth, if anything.
pub(super) fn truth(value: &Value<'_>) -> Option<bool> {
    let text = value.content();
    let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    match value.kind() {
        Kind::True => Some(true),
        Kind::False => Some(false),
        Kind::Number => Some(value.number() != 0.0),
        Kind::Text if is(["1", "t", "true"]) => Some(true),
        Kind::Text if is(["0", "f", "false"]) => Some(false),
        Kind::Text | Kind::Null | Kind::Json => None,
    }
}
