//! Patterns with `*` and `?`.

use super::meter::{Meter, Refused};
use super::text::character;

/// What comparing two characters takes, in bytes that are only looked at.
const CHARACTER: usize = 4;

/// One character of a pattern.
enum Piece {
    Any,
    Many,
    One(char),
}

/// The first piece and its length; `None` at the end, and at a backslash that escapes nothing.
fn piece(pattern: &[u8]) -> Option<(Piece, usize)> {
    match character(pattern)? {
        ('?', length) => Some((Piece::Any, length)),
        ('*', length) => Some((Piece::Many, length)),
        ('\\', _) => character(&pattern[1..]).map(|(c, length)| (Piece::One(c), 1 + length)),
        (c, length) => Some((Piece::One(c), length)),
    }
}

/// Whether a text is as a pattern says: `*` for any characters, `?` for one, a backslash before what means itself.
/// A byte that is no character is as any other such byte.
///
/// gjson tries all ways, and gives up after ten thousand times the text's length. A star that takes as little as it can
/// finds the same, in the time of text times pattern.
pub(super) fn matches(text: &[u8], pattern: &[u8], meter: &Meter) -> Result<bool, Refused> {
    // A backslash at the very end escapes nothing: behind a star it means itself, and else it matches nothing.
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut steps = 0;
    let matched = loop {
        steps += 1;
        let left = text.get(at..).unwrap_or_default();
        let rest = pattern.get(place..).unwrap_or_default();
        let next = match piece(rest) {
            None if rest == b"\\" && star.is_some() => Some((Piece::One('\\'), 1)),
            next => next,
        };
        let taken = match (&next, character(left)) {
            (Some((Piece::Many, length)), _) => {
                place += length;
                star = Some((place, at));
                continue;
            }
            (Some((Piece::Any, _)), Some((_, length))) => Some(length),
            (Some((Piece::One(wanted), _)), Some((c, length))) if *wanted == c => Some(length),
            (None, None) if rest.is_empty() => break true,
            _ => None,
        };
        match (taken, next, star) {
            (Some(taken), Some((_, length)), _) => {
                at += taken;
                place += length;
            }
            (_, _, Some((behind, from))) => {
                // One more for the star.
                let Some((_, length)) = character(text.get(from..).unwrap_or_default()) else { break false };
                (place, at) = (behind, from + length);
                star = Some((behind, at));
            }
            _ => break false,
        }
        if steps % 1024 == 0 {
            meter.read(1024 * CHARACTER)?;
        }
    };
    meter.read(steps % 1024 * CHARACTER)?;
    Ok(matched)
}
