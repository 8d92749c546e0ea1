//! What stands in a replay for a value that a recording does not have: tokens that a backend issued, and values that the
//! bench does not know. As long as the real one, of the same kind of characters, and the same each time. Pure.

/// What a value is made of, as far as a plugin may look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Text,
    Digits,
    Hex,
}

/// What stands for the value, and how long it is; written `issued-1:24`, `issued-1:24:hex`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StandIn {
    /// `issued` by the backend, or `read` by the plugin and unknown to the bench.
    kind: &'static str,
    number: usize,
    length: usize,
    class: Class,
}

/// What they are called.
pub(super) const ISSUED: &str = "issued";
pub(super) const READ: &str = "read";

impl StandIn {
    /// For a value; `number` tells those of a kind apart.
    pub(super) fn for_value(kind: &'static str, number: usize, value: &[u8]) -> Self {
        let class = if value.iter().all(u8::is_ascii_digit) {
            Class::Digits
        } else if value.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)) {
            Class::Hex
        } else {
            Class::Text
        };
        Self { kind, number, length: value.len(), class }
    }

    /// As it stands in a recording.
    pub(super) fn write(&self) -> String {
        let class = match self.class {
            Class::Text => "",
            Class::Digits => ":digits",
            Class::Hex => ":hex",
        };
        format!("{}-{}:{}{class}", self.kind, self.number, self.length)
    }

    /// Reads it again.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let kind = [ISSUED, READ].into_iter().find(|kind| text.starts_with(&format!("{kind}-")))?;
        let mut parts = text[kind.len() + 1..].split(':');
        let number = parts.next()?.parse().ok()?;
        let length = parts.next()?.parse().ok().filter(|length| *length <= super::MAX_BODY)?;
        let class = match parts.next() {
            None => Class::Text,
            Some("digits") => Class::Digits,
            Some("hex") => Class::Hex,
            Some(_) => return None,
        };
        Some(Self { kind, number, length, class })
    }

    /// The bytes that a plugin gets to see.
    pub(super) fn bytes(&self) -> Vec<u8> {
        // Behind the number stands what no number ends with, so that no two begin alike.
        let (begin, fill) = match self.class {
            Class::Text => (format!("{}-{}-", self.kind, self.number), b'x'),
            Class::Digits => (format!("{}9", self.number), b'0'),
            Class::Hex => (format!("{}{}f", if self.kind == ISSUED { 'e' } else { 'a' }, self.number), b'0'),
        };
        let begin = if begin.len() <= self.length { begin } else { format!("{}", self.number) };
        let mut bytes = begin.into_bytes();
        bytes.resize(self.length, fill);
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_is_as_long_and_of_the_same_kind_and_returns() {
        for (value, written, shown) in [
            ("hvs.CAESIJ-the-token", "issued-1:20", "issued-1-xxxxxxxxxxx"),
            ("1234567890", "issued-1:10:digits", "1900000000"),
            ("deadbeef00", "issued-1:10:hex", "e1f0000000"),
            ("short-ab", "issued-1:8", "1xxxxxxx"),
        ] {
            let stand_in = StandIn::for_value(ISSUED, 1, value.as_bytes());
            assert_eq!(stand_in.write(), written);
            assert_eq!(StandIn::parse(written).unwrap(), stand_in);
            assert_eq!(String::from_utf8(stand_in.bytes()).unwrap(), shown);
        }
        for text in
            ["issued-1", "issued-x:3", "issued-1:3:other", "read:1", "token-1:3", "issued-1:99999999999"]
        {
            assert_eq!(StandIn::parse(text), None, "{text}");
        }
    }
}
