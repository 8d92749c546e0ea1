//! Compression. What is packed is told by its first bytes; what comes out is capped, since a few bytes can
//! claim to be gigabytes.
//!
//! Unpacking is done before the digest can be checked, so on bytes that nobody vouches for: by decoders
//! that are written in Rust. Packing is done by whoever installs, with the reference implementation.

use std::io::{Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use ruzstd::decoding::StreamingDecoder;

use crate::error::PluginsError;

/// A component larger than this is not taken: Python's whole runtime is 18 MB.
pub const MAX_COMPONENT: usize = 64 * 1024 * 1024;

/// How a package is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    fn of(package: &[u8]) -> Self {
        match package {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// The component in a package.
///
/// # Errors
/// [`PluginsError::TooLarge`], or [`PluginsError::Unpack`] if it is cut off or damaged.
pub fn unpack(package: Vec<u8>) -> Result<Vec<u8>, PluginsError> {
    match Compression::of(&package) {
        Compression::None if package.len() > MAX_COMPONENT => Err(too_large(package.len())),
        Compression::None => Ok(package),
        Compression::Gzip => read(MultiGzDecoder::new(package.as_slice()), "gzip"),
        Compression::Zstd => {
            let decoder = StreamingDecoder::new(package.as_slice()).map_err(|_| damaged("zstd"))?;
            read(decoder, "zstd")
        }
    }
}

fn read(decoder: impl Read, what: &'static str) -> Result<Vec<u8>, PluginsError> {
    let mut component = Vec::new();
    let limit = u64::try_from(MAX_COMPONENT).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(limit).read_to_end(&mut component).map_err(|_| damaged(what))?;
    if component.len() > MAX_COMPONENT { Err(too_large(component.len())) } else { Ok(component) }
}

fn damaged(what: &'static str) -> PluginsError {
    PluginsError::Unpack(what)
}

fn too_large(size: usize) -> PluginsError {
    PluginsError::TooLarge { size, limit: MAX_COMPONENT }
}

/// Packs a component.
///
/// # Errors
/// [`PluginsError::TooLarge`]; never for another reason in practice, since it writes to memory.
pub fn pack(component: &[u8], compression: Compression) -> Result<Vec<u8>, PluginsError> {
    /// The levels that pack tightest at a bearable price: seconds for the largest components.
    const GZIP: u32 = 9;
    const ZSTD: i32 = 19;
    if component.len() > MAX_COMPONENT {
        return Err(too_large(component.len()));
    }
    match compression {
        Compression::None => Ok(component.to_vec()),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP));
            encoder.write_all(component).and_then(|()| encoder.finish()).map_err(|_| damaged("gzip"))
        }
        Compression::Zstd => zstd::encode_all(component, ZSTD).map_err(|_| damaged("zstd")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const ALL: [Compression; 3] = [Compression::None, Compression::Gzip, Compression::Zstd];

    #[test]
    fn packages_of_every_kind_come_back() {
        let component: Vec<u8> =
            b"\0asm".iter().copied().chain((0..100_000).map(|n| (n % 97) as u8)).collect();
        for compression in ALL {
            let package = pack(&component, compression).unwrap();
            assert_eq!(Compression::of(&package), compression);
            assert_eq!(unpack(package).unwrap(), component);
        }
    }

    #[test]
    fn a_bomb_and_a_torso_are_refused() {
        let zeros = vec![0; MAX_COMPONENT + 1];
        assert!(matches!(unpack(zeros.clone()), Err(PluginsError::TooLarge { .. })));
        let bombs = [zstd::encode_all(zeros.as_slice(), 1).unwrap(), {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(1));
            encoder.write_all(&zeros).unwrap();
            encoder.finish().unwrap()
        }];
        for bomb in bombs {
            assert!(bomb.len() < 1024 * 1024);
            assert!(matches!(unpack(bomb), Err(PluginsError::TooLarge { .. })));
        }
        for compression in [Compression::Gzip, Compression::Zstd] {
            let package = pack(&vec![7; 10_000], compression).unwrap();
            for cut in [3, 5, package.len() / 2, package.len() - 1] {
                let outcome = unpack(package[..cut].to_vec());
                let unharmed = compression == Compression::Zstd && cut < 4 || outcome.is_err();
                assert!(unharmed, "{compression:?} cut at {cut} of {}", package.len());
            }
        }
    }

    proptest! {
        /// Whatever bytes come: an answer, never a panic.
        #[test]
        fn never_panics(mut noise in proptest::collection::vec(any::<u8>(), 0..2000), kind in 0usize..3) {
            for (at, byte) in [&[][..], &[0x1f, 0x8b, 8, 0][..], &[0x28, 0xb5, 0x2f, 0xfd][..]][kind].iter().enumerate() {
                if let Some(slot) = noise.get_mut(at) { *slot = *byte; }
            }
            let _ = unpack(noise);
        }
    }
}
