//! Reading a log of one JSON object per line from a remembered place on, as audit logs are read.
//!
//! A line that is still being written (no newline yet) is left for the next reading. Rotation is not
//! handled: the servers here are told not to rotate.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// How much is read at once on the way back to the last complete line: lines are a few KiB.
const PIECE: usize = 4096;

/// A place in an audit log: everything before it has been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark(u64);

/// The place behind the last complete line; the start if the file does not exist yet.
///
/// A line is seen half-written now and then: a mark in its midst would make its rest a broken line for
/// whoever reads on from there.
pub(crate) fn end(path: &Path) -> Mark {
    let Ok(mut file) = File::open(path) else { return Mark::default() };
    let mut end = file.metadata().map_or(0, |meta| meta.len());
    let mut piece = [0; PIECE];
    while end > 0 {
        let start = end.saturating_sub(PIECE as u64);
        let length = usize::try_from(end - start).unwrap_or(PIECE);
        let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut piece[..length]));
        if read.is_err() {
            return Mark::default();
        }
        if let Some(at) = piece[..length].iter().rposition(|byte| *byte == b'\n') {
            return Mark(start + at as u64 + 1);
        }
        end = start;
    }
    Mark::default()
}

/// All complete lines after `since`, parsed. A file that does not exist yet has none.
pub(crate) fn since(path: &Path, since: Mark) -> Result<Vec<Value>> {
    between(path, since, Mark(u64::MAX))
}

/// All complete lines after `since`, parsed, and the place behind the last of them.
pub(crate) fn next(path: &Path, since: Mark) -> Result<(Vec<Value>, Mark)> {
    let text = read(path, since, Mark(u64::MAX))?;
    let behind = Mark(since.0 + u64::try_from(text.len()).unwrap_or(u64::MAX));
    Ok((parsed(path, &text)?, behind))
}

/// All complete lines after `since` and before `until`, parsed. A file that does not exist yet has none.
pub(crate) fn between(path: &Path, since: Mark, until: Mark) -> Result<Vec<Value>> {
    parsed(path, &read(path, since, until)?)
}

/// The complete lines between two places.
fn read(path: &Path, since: Mark, until: Mark) -> Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("read", path)(error)),
    };
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(since.0))
        .and_then(|_| file.take(until.0.saturating_sub(since.0)).read_to_end(&mut text))
        .map_err(Error::file("read", path))?;
    let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    text.truncate(complete);
    Ok(text)
}

fn parsed(path: &Path, text: &[u8]) -> Result<Vec<Value>> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line)
                .map_err(|source| Error::Json { what: format!("a line of {}", path.display()), source })
        })
        .collect()
}

/// The text at a JSON pointer, or "".
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn an_unfinished_line_waits_for_its_end() {
        let path = std::env::temp_dir().join(format!("claviger-jsonl-{}", std::process::id()));
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\n{\"a\"").unwrap();
        let lines = since(&path, Mark::default()).unwrap();
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n").unwrap();
        let rest = since(&path, Mark(8)).unwrap();
        assert_eq!(between(&path, Mark(8), Mark(16)).unwrap(), vec![serde_json::json!({"a": 2})]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(lines, vec![serde_json::json!({"a": 1}), serde_json::json!({"a": 2})]);
        assert_eq!(rest, vec![serde_json::json!({"a": 2}), serde_json::json!({"a": 3})]);
    }

    #[test]
    fn a_mark_is_never_in_the_midst_of_a_line() {
        let path = std::env::temp_dir().join(format!("claviger-jsonl-end-{}", std::process::id()));
        let long = "x".repeat(3 * PIECE);
        for (text, place) in [
            ("{\"a\":1}\n{\"a\"".to_owned(), 8),
            ("{\"a\":1}\n".to_owned(), 8),
            (format!("{{\"a\":1}}\n{{\"{long}"), 8),
            (long.clone(), 0),
            (String::new(), 0),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(end(&path), Mark(place), "{} bytes", text.len());
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn who_reads_on_misses_nothing_and_reads_nothing_twice() {
        let path = std::env::temp_dir().join(format!("claviger-jsonl-next-{}", std::process::id()));
        std::fs::write(&path, "{\"a\":1}\n{\"a\"").unwrap();
        let (first, mark) = next(&path, Mark::default()).unwrap();
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\n").unwrap();
        let (second, end) = next(&path, mark).unwrap();
        let (none, same) = next(&path, end).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((first, second), (vec![serde_json::json!({"a": 1})], vec![serde_json::json!({"a": 2})]));
        assert!(none.is_empty() && same == end);
    }

    #[test]
    fn a_log_that_does_not_exist_yet_is_empty() {
        let path = Path::new("does-not-exist.jsonl");
        assert_eq!(end(path), Mark::default());
        assert!(since(path, Mark::default()).unwrap().is_empty());
    }
}
