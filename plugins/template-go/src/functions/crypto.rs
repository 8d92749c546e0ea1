//! Digests. Keys, certificates and password hashes are not here.

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use super::args::bytes;
use super::encode::hex;
use super::{Function, function};
use crate::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("sha1sum", "s", |_, args| Ok(Value::str(hex(&Sha1::digest(bytes(args, 0)))))),
    function("sha256sum", "s", |_, args| Ok(Value::str(hex(&Sha256::digest(bytes(args, 0)))))),
    function("sha512sum", "s", |_, args| Ok(Value::str(hex(&Sha512::digest(bytes(args, 0)))))),
    function("adler32sum", "s", |_, args| Ok(Value::str(adler32(bytes(args, 0)).to_string()))),
];

/// RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (mut a, mut b) = (1, 0);
    for byte in bytes {
        a = (a + u32::from(*byte)) % MODULUS;
        b = (b + a) % MODULUS;
    }
    b << 16 | a
}
