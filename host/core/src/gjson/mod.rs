//! Parts of a JSON text by a path, as github.com/tidwall/gjson (1.18.0) finds them: ESO's `remoteRef.property`.
//!
//! What that library finds is the rule here, of malformed texts and paths too: it looks for what it needs and validates
//! nothing. So nothing here builds a tree of the document; `scan` finds where values begin and end, `path` reads
//! one step of a path (which means something else in an object than in an array, so it is read when it is taken),
//! `search` takes it. It does not know what a provider's fall-backs are; that is `shape`.
//!
//! Paths are tenants' and texts are servers', so all of it is bounded (`meter`): gjson's own time and memory are
//! exponential in the length of a path (`[@this,@this]|[@this,@this]|…`), and a power of the text's length (`@dig:@dig:…`).

mod glob;
mod meter;
mod modifiers;
mod multipath;
mod number;
mod path;
mod pretty;
mod query;
mod scan;
mod search;
mod text;
mod valid;
mod value;

#[cfg(test)]
mod tests;

pub use meter::{DEPTH, PATH, Refused, WORK};
pub use value::{Kind, Value};

use meter::Meter;

/// What a path leads to; `None` if to nothing. The first of several equal names counts.
///
/// # Errors
/// [`Refused`] where that would take more than the bounds.
pub fn get<'d>(json: &'d [u8], path: &str) -> Result<Option<Value<'d>>, Refused> {
    if path.len() > PATH {
        return Err(Refused::Path);
    }
    let found = look_up(json, path.as_bytes(), &Meter::new())?;
    Ok(found.exists().then_some(found))
}

/// Whether a text is JSON. Bytes in its strings need be no UTF-8.
pub fn is_json(json: &[u8]) -> bool {
    valid::is_json(json)
}

/// [`get`] for the parts of a path, and for what modifiers make.
fn look_up<'d>(json: &'d [u8], path: &[u8], meter: &Meter) -> Result<Value<'d>, Refused> {
    let _level = meter.enter()?;
    let mut path = path;
    if let [first, _, ..] = path {
        let made = match first {
            b'@' => modifiers::apply(json, path, meter)?,
            b'!' => modifiers::literal(path, meter)?,
            _ => None,
        };
        if let Some((made, rest)) = made {
            return value::continued(made, rest, meter);
        }
        if matches!(first, b'[' | b'{') {
            let multipath = multipath::parse(path, meter)?;
            path = multipath.rest;
            if multipath.whole && matches!(path.first(), None | Some(b'.' | b'|')) {
                let made = multipath.evaluate(json, meter)?;
                return match path {
                    [] => Ok(Value::json(made)),
                    [_, rest @ ..] => Ok(look_up(&made, rest, meter)?.kept(meter)?),
                };
            }
        }
    }
    search::search(json, path, meter)
}
