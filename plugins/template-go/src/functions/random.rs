//! Randomness, all of it from the host's seed: the same seed renders the same text. SHA-256 in counter mode spreads
//! it without a pattern; who sees some of it cannot tell the rest.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest as _, Sha256};

use super::args::{int, refuse, string};
use super::encode::base64;
use super::{Env, Function, Outcome, function};
use crate::limits::check_size;
use crate::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("randAlphaNum", "i", |env, args| characters(env, args, |c| c.is_ascii_alphanumeric())),
    function("randAlpha", "i", |env, args| characters(env, args, |c| c.is_ascii_alphabetic())),
    function("randNumeric", "i", |env, args| characters(env, args, |c| c.is_ascii_digit())),
    function("randAscii", "i", |env, args| characters(env, args, |c| c == ' ' || c.is_ascii_graphic())),
    function("randInt", "ii", |env, args| {
        let (low, high) = (int(args, 0), int(args, 1));
        match usize::try_from(i128::from(high) - i128::from(low)) {
            Ok(span) if span > 0 => {
                let offset = env.random().below(span);
                Ok(Value::int(low.wrapping_add(i64::try_from(offset).unwrap_or(0))))
            }
            _ => refuse("invalid argument to Intn"),
        }
    }),
    function("randBytes", "i", |env, args| {
        let Ok(count) = usize::try_from(int(args, 0)) else { return refuse("makeslice: len out of range") };
        check_size("randBytes", count)?;
        let mut random = env.random();
        let bytes: Vec<u8> = (0..count).map(|_| random.byte()).collect();
        string("randBytes", base64(&bytes))
    }),
    function("uuidv4", "", |env, _| {
        let mut random = env.random();
        let mut bytes: [u8; 16] = std::array::from_fn(|_| random.byte());
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex = super::encode::hex(&bytes);
        Ok(Value::str([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")))
    }),
];

/// A stream of bytes from a seed.
pub(crate) struct Generator {
    seed: Vec<u8>,
    block: u64,
    bytes: Vec<u8>,
}

impl Generator {
    pub(super) fn new(seed: &[u8]) -> Self {
        Self { seed: seed.to_vec(), block: 0, bytes: Vec::new() }
    }

    pub(crate) fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.bytes.pop() {
                return byte;
            }
            let mut input = self.seed.clone();
            input.extend_from_slice(&self.block.to_le_bytes());
            self.block += 1;
            self.bytes = Sha256::digest(&input).to_vec();
        }
    }

    /// So many.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Evenly below `limit`, which must not be 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = limit.max(1) as u64;
        // What lies above the largest multiple would prefer small numbers.
        let fair = u64::MAX - u64::MAX % limit;
        loop {
            let number = (0..8).fold(0u64, |number, _| number << 8 | u64::from(self.byte()));
            if number < fair {
                return usize::try_from(number % limit).unwrap_or(0);
            }
        }
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.byte());
        Ok(())
    }
}

/// As good as the host's seed.
impl TryCryptoRng for Generator {}

fn characters(env: &Env, args: &[Value], allowed: fn(char) -> bool) -> Outcome {
    let Ok(count) = usize::try_from(int(args, 0)) else { return Ok(Value::str("")) };
    check_size("random text", count)?;
    let alphabet: Vec<char> = (' '..='~').filter(|c| allowed(*c)).collect();
    let mut random = env.random();
    string("random text", (0..count).map(|_| alphabet[random.below(alphabet.len())]).collect::<String>())
}
