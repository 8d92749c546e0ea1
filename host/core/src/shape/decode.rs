//! `decodingStrategy` and `nullBytePolicy`.

use base64::engine::general_purpose::{GeneralPurpose, PAD};
use base64::{Engine, alphabet};
use claviger_crds::external_secret::{DecodingStrategy, NullBytePolicy};

use super::ShapeError;
use crate::secret::SecretBytes;

/// As Go's decoders: padding is needed, and bits that say nothing are not looked at.
const STANDARD: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));
const URL_SAFE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, PAD.with_decode_allow_trailing_bits(true));

/// Decodes a value. Auto takes the first of base64, base64url and raw that works, as ESO. Line breaks in
/// base64 are skipped, as Go's decoder does.
///
/// # Errors
/// If it is not encoded as said, or has a NUL byte that must not be there.
pub fn decode(
    value: SecretBytes,
    strategy: DecodingStrategy,
    null_bytes: NullBytePolicy,
) -> Result<SecretBytes, ShapeError> {
    let with = |engine: &dyn Fn(&[u8]) -> Option<Vec<u8>>, what| {
        engine(&unbroken(value.expose())).map(SecretBytes::new).ok_or(ShapeError::NotEncoded(what))
    };
    let base64 = |bytes: &[u8]| STANDARD.decode(bytes).ok();
    let base64url = |bytes: &[u8]| URL_SAFE.decode(bytes).ok();
    let decoded = match strategy {
        DecodingStrategy::None => value,
        DecodingStrategy::Base64 => with(&base64, "base64")?,
        DecodingStrategy::Base64Url => with(&base64url, "base64url")?,
        DecodingStrategy::Auto => {
            with(&base64, "base64").or_else(|_| with(&base64url, "base64url")).unwrap_or(value)
        }
    };
    if null_bytes == NullBytePolicy::Fail && decoded.expose().contains(&0) {
        return Err(ShapeError::NullByte);
    }
    Ok(decoded)
}

fn unbroken(bytes: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    zeroize::Zeroizing::new(bytes.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies() {
        use DecodingStrategy::{Auto, Base64, Base64Url, None as Raw};
        for (text, strategy, expected) in [
            ("aGk+Pw==", Raw, Ok("aGk+Pw==")),
            ("aGk+Pw==", Base64, Ok("hi>?")),
            ("aGk-Pw==", Base64, Err(ShapeError::NotEncoded("base64"))),
            ("aGk-Pw==", Base64Url, Ok("hi>?")),
            ("aGk+Pw==", Base64Url, Err(ShapeError::NotEncoded("base64url"))),
            ("aGk+Pw==", Auto, Ok("hi>?")),
            ("aGk-Pw==", Auto, Ok("hi>?")),
            ("not encoded!", Auto, Ok("not encoded!")),
            ("aGk+\nPw==\n", Base64, Ok("hi>?")),
            ("YR==", Base64, Ok("a")),
        ] {
            let value = SecretBytes::copied_from(text.as_bytes());
            let found = decode(value, strategy, NullBytePolicy::Ignore);
            let found = found.as_ref().map(SecretBytes::expose).map_err(Clone::clone);
            assert_eq!(found, expected.map(str::as_bytes), "{text} {strategy:?}");
        }
    }

    #[test]
    fn nul_bytes_after_decoding() {
        let value = || SecretBytes::copied_from(b"YQBi");
        assert!(decode(value(), DecodingStrategy::Base64, NullBytePolicy::Ignore).is_ok());
        let refused = decode(value(), DecodingStrategy::Base64, NullBytePolicy::Fail);
        assert_eq!(refused.err(), Some(ShapeError::NullByte));
        assert!(decode(value(), DecodingStrategy::None, NullBytePolicy::Fail).is_ok());
    }
}
