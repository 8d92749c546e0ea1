//! PEM as Go's encoding/pem reads and writes it: text before and between blocks is passed over, a block that
//! is damaged too, headers are kept.

use std::collections::BTreeMap;

use crate::functions::encode::{base64, unbase64};
use crate::text::{find, lossy, trim_space};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// One block.
pub(crate) struct Block {
    pub(crate) label: Vec<u8>,
    headers: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) bytes: Vec<u8>,
}

impl Block {
    /// Without headers.
    pub(crate) fn new(label: &str, bytes: &[u8]) -> Self {
        Self { label: label.as_bytes().to_vec(), headers: BTreeMap::new(), bytes: bytes.to_vec() }
    }

    /// Its text.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = [BEGIN, &self.label, b"-----\n"].concat();
        let first = |key: &[u8]| key == b"Proc-Type";
        let (head, tail): (Vec<_>, Vec<_>) = self.headers.iter().partition(|(key, _)| first(key));
        for (key, value) in head.into_iter().chain(tail) {
            out.extend_from_slice(&[key, b": ".as_slice(), value, b"\n"].concat());
        }
        if !self.headers.is_empty() {
            out.push(b'\n');
        }
        for line in base64(&self.bytes).chunks(64) {
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        out.extend_from_slice(&[&END[1..], &self.label, b"-----\n"].concat());
        out
    }
}

/// The text of one block.
pub(crate) fn encode(label: &str, bytes: &[u8]) -> Vec<u8> {
    Block::new(label, bytes).encode()
}

/// The first block, and what follows it.
pub(crate) fn decode(data: &[u8]) -> Option<(Block, &[u8])> {
    let mut rest = data;
    loop {
        let end = find(rest, END)?;
        let after = &rest[end + END.len()..];
        match block(rest, end, after) {
            Some((block, behind)) => return Some((block, behind)),
            None => rest = after,
        }
    }
}

/// All blocks.
pub(crate) fn blocks(mut data: &[u8]) -> Vec<Block> {
    let mut found = Vec::new();
    while let Some((block, rest)) = decode(data) {
        found.push(block);
        data = rest;
    }
    found
}

/// The block whose END line is at `end`, if it is one: it begins at the last BEGIN before that.
fn block<'a>(text: &[u8], end: usize, after: &'a [u8]) -> Option<(Block, &'a [u8])> {
    // The line end before END may be the one behind the last line before it.
    let head = &text[..end];
    let begin = memchr::memmem::rfind(head, BEGIN)?;
    if begin > 0 && head[begin - 1] != b'\n' {
        return None;
    }
    // With the line end, so that an empty body has one.
    let (first, mut body) = line(&text[begin + BEGIN.len()..=end]);
    let label = first.strip_suffix(DASHES)?;
    let mut headers = BTreeMap::new();
    loop {
        let (next, rest) = line(body);
        let Some(colon) = next.iter().position(|byte| *byte == b':') else { break };
        let (key, value) = (trim_space(&next[..colon]), trim_space(&next[colon + 1..]));
        headers.insert(key.to_vec(), value.to_vec());
        if rest.is_empty() {
            // There has to be a line between headers and END.
            return None;
        }
        body = rest;
    }
    let behind = after.strip_prefix(label)?.strip_prefix(DASHES)?;
    let (tail, rest) = line(behind);
    if !tail.is_empty() {
        return None;
    }
    let body: Vec<u8> = body.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t')).collect();
    let bytes = unbase64(&body).ok()?;
    Some((Block { label: label.to_vec(), headers, bytes }, rest))
}

/// The first line without white space at its end, and what follows it.
fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &[][..]),
    };
    let kept = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).map_or(0, |at| at + 1);
    (&line[..kept], rest)
}

/// From the first BEGIN on, as ESO cuts it.
pub(crate) fn without_junk(data: &[u8]) -> &[u8] {
    find(data, &BEGIN[..BEGIN.len() - 1]).map_or(data, |at| &data[at..])
}

/// Is that the label, in whatever case?
pub(crate) fn is_labelled(block: &Block, label: &[u8]) -> bool {
    lossy(&block.label).to_lowercase() == lossy(label).to_lowercase()
}
