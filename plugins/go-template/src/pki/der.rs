//! DER elements: a tag, a length, a content. Tags of one byte are all that keys, certificates and PKCS#12
//! files have. Reading refuses what is not minimal or does not end where its parent ends.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTETS: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const BMP: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, constructed; the others follow.
pub(crate) const CONTEXT: u8 = 0xa0;
/// `[0]`, primitive; the others follow.
pub(crate) const CONTEXT_PRIMITIVE: u8 = 0x80;

/// NULL, as algorithm identifiers have it.
pub(crate) const NULL: &[u8] = &[0x05, 0x00];

/// TRUE.
pub(crate) const TRUE: &[u8] = &[0x01, 0x01, 0xff];

/// One element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..=0x7f) => out.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let significant = &bytes[zeros..];
            // At most eight, so the sum is a byte.
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(0));
            out.extend_from_slice(significant);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A SEQUENCE of elements that are encoded already.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// An object identifier.
pub(crate) fn oid(content: &[u8]) -> Vec<u8> {
    element(OID, content)
}

/// A number that is not negative, from its big-endian bytes.
pub(crate) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut content = bytes[zeros..].to_vec();
    if content.first().is_none_or(|byte| *byte >= 0x80) {
        content.insert(0, 0);
    }
    element(INTEGER, &content)
}

/// A small number.
pub(crate) fn number(n: u32) -> Vec<u8> {
    unsigned(&n.to_be_bytes())
}

/// A BIT STRING of whole bytes.
pub(crate) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// What was read.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Its content, if it has that tag.
    pub(crate) fn as_a(&self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    /// The elements in it, if it has that tag.
    pub(crate) fn items(&self, tag: u8) -> Option<Vec<Element<'a>>> {
        items(self.as_a(tag)?)
    }

    /// The bytes of a number that is not negative, without leading zeros.
    pub(crate) fn unsigned(&self) -> Option<&'a [u8]> {
        match self.as_a(INTEGER)? {
            [0] => Some(&[]),
            [0, rest @ ..] if rest[0] >= 0x80 => Some(rest),
            [1..0x80, ..] => Some(self.content),
            _ => None,
        }
    }

    /// A small number.
    pub(crate) fn number(&self) -> Option<u32> {
        let bytes = self.unsigned()?;
        (bytes.len() <= 4).then(|| bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    }
}

/// The elements that follow each other until the end.
pub(crate) fn items(mut bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (item, rest) = next(bytes)?;
        found.push(item);
        bytes = rest;
    }
    Some(found)
}

/// One element and nothing behind it.
pub(crate) fn one(bytes: &[u8]) -> Option<Element<'_>> {
    let (item, rest) = next(bytes)?;
    rest.is_empty().then_some(item)
}

/// The elements of one SEQUENCE and nothing behind it.
pub(crate) fn in_sequence(bytes: &[u8]) -> Option<Vec<Element<'_>>> {
    one(bytes)?.items(SEQUENCE)
}

fn next(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
    // The other form of tags.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, start) = match first {
        0..=0x7f => (usize::from(first), 2),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = bytes.get(2..2 + count)?;
            let length = digits.iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
            if digits[0] == 0 || length < 0x80 {
                return None;
            }
            (length, 2 + count)
        }
        _ => return None,
    };
    let end = start.checked_add(length)?;
    let content = bytes.get(start..end)?;
    Some((Element { tag, content, whole: &bytes[..end] }, &bytes[end..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn lengths_and_numbers_as_x690_has_them() {
        assert_eq!(element(OCTETS, &[7; 3]), [4, 3, 7, 7, 7]);
        assert_eq!(element(OCTETS, &[7; 200])[..4], [4, 0x81, 200, 7]);
        assert_eq!(element(OCTETS, &[7; 300])[..5], [4, 0x82, 1, 44, 7]);
        assert_eq!(number(0), [2, 1, 0]);
        assert_eq!(number(127), [2, 1, 127]);
        assert_eq!(number(128), [2, 2, 0, 128]);
        assert_eq!(number(2048), [2, 2, 8, 0]);
        for n in [0, 1, 127, 128, 255, 256, 65_537] {
            assert_eq!(one(&number(n)).unwrap().number(), Some(n));
        }
    }

    #[test]
    fn what_is_no_der_is_refused() {
        let cases: [&[u8]; 9] = [
            &[],
            &[4],
            &[4, 2, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 5, 1, 2, 3, 4, 5],
            &[4, 0x82, 0, 200],
            &[0x1f, 1, 0],
            &[4, 0x85, 1, 1, 1, 1, 1],
            &[4, 1, 7, 0],
        ];
        for bytes in cases {
            assert!(one(bytes).is_none(), "{bytes:?}");
        }
        assert!(one(&[2, 2, 0, 1]).unwrap().unsigned().is_none(), "not minimal");
        assert!(one(&[2, 1, 0x80]).unwrap().unsigned().is_none(), "negative");
    }
}
