//! Keys, ranges and cursors. etcd has no folders: a path is a prefix, and a prefix is the range that ends
//! before the next possible one. Nothing here knows JSON or HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A range of keys, without its end; an empty end is a single key.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    /// First key.
    pub start: Vec<u8>,
    /// Behind the last key.
    pub end: Vec<u8>,
}

impl Range {
    /// One key.
    pub fn one(prefix: &str, key: &str) -> Self {
        Self { start: [prefix, key].concat().into_bytes(), end: Vec::new() }
    }

    /// Every key that begins with the prefix.
    pub fn below(prefix: &[u8]) -> Self {
        // A zero byte stands for the first of all keys, and as an end for the last.
        let start = if prefix.is_empty() { vec![0] } else { prefix.to_vec() };
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Self { start, end };
            }
        }
        Self { start, end: vec![0] }
    }

    /// The rest of it, behind a key.
    pub fn after(mut self, key: &[u8]) -> Self {
        self.start = key.to_vec();
        // The least key that is greater.
        self.start.push(0);
        self
    }
}

/// Where a listing goes on: behind a key, as of the revision of its first page, so that keys that come and
/// go between two pages neither appear twice nor hide others.
#[derive(Debug, PartialEq, Eq)]
pub struct Cursor {
    /// etcd's revision.
    pub revision: String,
    /// The last key of the page.
    pub key: Vec<u8>,
}

impl Cursor {
    /// As the text that the host hands back.
    pub fn write(&self) -> String {
        format!("{} {}", self.revision, STANDARD.encode(&self.key))
    }

    /// Reads it again.
    pub fn parse(text: &str) -> Option<Self> {
        let (revision, key) = text.split_once(' ')?;
        let key = STANDARD.decode(key).ok()?;
        is_revision(revision).then(|| Self { revision: revision.to_owned(), key })
    }
}

/// Is it a revision, which is what this provider calls a version?
pub fn is_revision(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|revision| revision > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_prefix_is_a_range() {
        let range = |start: &[u8], end: &[u8]| Range { start: start.to_vec(), end: end.to_vec() };
        assert_eq!(Range::below(b"/prod/"), range(b"/prod/", b"/prod0"));
        assert_eq!(Range::below(b"a\xff\xff"), range(b"a\xff\xff", b"b"));
        assert_eq!(Range::below(b"\xff"), range(b"\xff", b"\0"));
        assert_eq!(Range::below(b""), range(b"\0", b"\0"));
        assert_eq!(Range::below(b"a").after(b"ab"), range(b"ab\0", b"b"));
        assert_eq!(Range::one("/prod/", "db"), range(b"/prod/db", b""));
    }

    #[test]
    fn cursors_return() {
        let cursor = Cursor { revision: "42".to_owned(), key: b"a key/with blanks \xff".to_vec() };
        assert_eq!(Cursor::parse(&cursor.write()).unwrap(), cursor);
        for bad in ["", "42", "42 !", "x YQ==", "0 YQ==", "-1 YQ=="] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
