//! Key pairs as OpenSSH writes them: the private key in its own format (PROTOCOL.key, without a passphrase), the public one
//! as a line of `authorized_keys`. The fields are written here, since no library for them is of one kind with those that
//! make the keys.

use data_encoding::BASE64;

const MAGIC: &[u8] = b"openssh-key-v1\0";
/// What the private part is a multiple of, where nothing encrypts it.
const BLOCK: usize = 8;
/// Of PEM.
const LINE: usize = 64;

/// A key, each number in big-endian order.
pub enum Key {
    /// RSA.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Public exponent.
        e: Vec<u8>,
        /// Private exponent.
        d: Vec<u8>,
        /// The inverse of `q` modulo `p`.
        iqmp: Vec<u8>,
        /// A prime.
        p: Vec<u8>,
        /// The other.
        q: Vec<u8>,
    },
    /// ECDSA.
    Ecdsa {
        /// `nistp256`, `nistp384` or `nistp521`.
        curve: &'static str,
        /// The public point, uncompressed.
        point: Vec<u8>,
        /// The private number.
        d: Vec<u8>,
    },
    /// Ed25519.
    Ed25519 {
        /// The public key.
        public: [u8; 32],
        /// What the private one is made from.
        seed: [u8; 32],
    },
}

impl Key {
    fn algorithm(&self) -> String {
        match self {
            Self::Rsa { .. } => "ssh-rsa".to_owned(),
            Self::Ecdsa { curve, .. } => format!("ecdsa-sha2-{curve}"),
            Self::Ed25519 { .. } => "ssh-ed25519".to_owned(),
        }
    }

    /// The public key, RFC 4253, 5656 and 8709.
    fn public(&self) -> Vec<u8> {
        let mut out = Fields::default().text(self.algorithm().as_bytes());
        out = match self {
            Self::Rsa { n, e, .. } => out.number(e).number(n),
            Self::Ecdsa { curve, point, .. } => out.text(curve.as_bytes()).text(point),
            Self::Ed25519 { public, .. } => out.text(public),
        };
        out.0
    }

    /// A line of `authorized_keys`.
    pub fn to_authorized_key(&self, comment: &str) -> String {
        let comment = if comment.is_empty() { String::new() } else { format!(" {comment}") };
        format!("{} {}{comment}\n", self.algorithm(), BASE64.encode(&self.public()))
    }

    /// The private key; `check` is any number, by which a reader sees that a passphrase was right.
    pub fn to_private_key(&self, comment: &str, check: [u8; 4]) -> String {
        let mut private = Fields([check, check].concat()).text(self.algorithm().as_bytes());
        private = match self {
            Self::Rsa { n, e, d, iqmp, p, q } => {
                private.number(n).number(e).number(d).number(iqmp).number(p).number(q)
            }
            Self::Ecdsa { curve, point, d } => private.text(curve.as_bytes()).text(point).number(d),
            Self::Ed25519 { public, seed } => private.text(public).text(&[*seed, *public].concat()),
        };
        let mut private = private.text(comment.as_bytes()).0;
        for byte in 1.. {
            if private.len().is_multiple_of(BLOCK) {
                break;
            }
            private.push(byte);
        }
        let none = b"none";
        let mut out = Fields(MAGIC.to_vec()).text(none).text(none).text(b"");
        out.0.extend_from_slice(&1u32.to_be_bytes());
        let encoded = BASE64.encode(&out.text(&self.public()).text(&private).0);
        let mut pem = "-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned();
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(LINE));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem + "-----END OPENSSH PRIVATE KEY-----\n"
    }
}

/// Fields one after the other, RFC 4251.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn text(mut self, bytes: &[u8]) -> Self {
        // Keys of 8,192 bits and comments of a manifest are far below four gigabytes.
        self.0.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// A positive number: as short as can be, and with the highest bit clear.
    fn number(self, bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let digits = &bytes[zeros..];
        let sign: &[u8] = if digits.first().is_some_and(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
        self.text(&[sign, digits].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4251, section 5.
    #[test]
    fn numbers_of_rfc_4251() {
        for (number, expected) in [
            (&[][..], &[0, 0, 0, 0][..]),
            (&[0, 0], &[0, 0, 0, 0]),
            (
                &[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
        ] {
            assert_eq!(Fields::default().number(number).0, expected);
        }
    }

    /// RFC 8709's key of the algorithm, from RFC 8032's first test.
    #[test]
    fn a_line_ends_with_the_comment() {
        let key = Key::Ed25519 { public: [7; 32], seed: [1; 32] };
        let line = key.to_authorized_key("me@example.com");
        assert!(line.starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwc"), "{line}");
        assert!(line.ends_with(" me@example.com\n"), "{line}");
        assert_eq!(key.to_authorized_key("").matches(' ').count(), 1);
    }
}
