//! Randomness, all of it from the host's seed: the same seed gives the same bytes. SHA-256 in counter mode spreads it
//! without a pattern; who sees some of it cannot tell the rest.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest as _, Sha256};

/// A stream of bytes from a seed.
pub struct Random {
    seed: Vec<u8>,
    block: u64,
    bytes: Vec<u8>,
}

impl Random {
    /// From the 32 bytes of a call's options.
    pub fn new(seed: &[u8]) -> Self {
        Self { seed: seed.to_vec(), block: 0, bytes: Vec::new() }
    }

    /// The next one.
    pub fn byte(&mut self) -> u8 {
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
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Evenly below `limit`, which must not be 0.
    pub fn below(&mut self, limit: usize) -> usize {
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

    /// A UUID of version 4.
    pub fn uuid(&mut self) -> String {
        let mut bytes: [u8; 16] = self.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

impl TryRng for Random {
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
impl TryCryptoRng for Random {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Python's hashlib: `sha256(bytes([7]) * 32 + (0).to_bytes(8, "little")).digest()[::-1][:4]`.
    #[test]
    fn a_seed_is_spread_by_sha_256() {
        let mut random = Random::new(&[7; 32]);
        assert_eq!(random.bytes::<4>(), [218, 43, 8, 232]);
        let all: Vec<u8> = (0..64).map(|_| random.byte()).collect();
        assert_ne!(all[..32], all[32..], "each block is another");
    }

    #[test]
    fn numbers_below_are_even() {
        let mut random = Random::new(&[1; 32]);
        let mut counts = [0u32; 3];
        (0..3000).for_each(|_| counts[random.below(3)] += 1);
        // Five standard deviations of 26.
        assert!(counts.iter().all(|count| count.abs_diff(1000) < 130), "{counts:?}");
        assert_eq!(random.below(1), 0);
    }
}
