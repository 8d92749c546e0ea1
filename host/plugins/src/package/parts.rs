//! Parts of a package that is larger than one object may be: cut, and put together again with every
//! way in which that can go wrong named.

use crate::error::PluginsError;

/// Bytes of one part. A ConfigMap holds 1 MiB in all; the rest is for its metadata.
pub const PART_BYTES: usize = 960 * 1024;

/// Parts of one package: 30 MiB compressed, far above the largest component that is compiled (Python's
/// 18 MB is 5 parts), and small enough that nobody fills etcd by mistake.
pub const MAX_PARTS: usize = 32;

/// What a part says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// From 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
    /// Digest of the whole component, uncompressed: parts of two versions do not fit together.
    pub digest: String,
}

impl Header {
    /// From the three texts; `None` if there are none, which is a package of one part.
    ///
    /// # Errors
    /// [`PluginsError::Parts`] if some are missing or make no sense.
    pub fn parse(
        index: Option<&str>,
        count: Option<&str>,
        digest: Option<&str>,
    ) -> Result<Option<Self>, PluginsError> {
        let bad = |why: String| Err(PluginsError::Parts(why));
        let (Some(index), Some(count), Some(digest)) = (index, count, digest) else {
            return match (index, count, digest) {
                (None, None, None) => Ok(None),
                _ => bad(
                    "a part needs its index, the count of parts and the component's digest; some are missing"
                        .to_owned(),
                ),
            };
        };
        let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.len() <= 4);
        let (Some(index), Some(count)) = (number(index), number(count)) else {
            return bad("index and count of a part must be numbers".to_owned());
        };
        if count == 0 || count > MAX_PARTS {
            return bad(format!("{count} parts; a package has 1 to {MAX_PARTS}"));
        }
        if index >= count {
            return bad(format!("index {index} of {count} parts, which are counted from 0"));
        }
        let known = digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64);
        if !known {
            return bad("the digest of a part must be sha256: and 64 hexadecimal digits".to_owned());
        }
        Ok(Some(Self { index, count, digest: digest.to_owned() }))
    }
}

/// Puts parts together; each with its header, in any order.
///
/// # Errors
/// [`PluginsError::Parts`]: one is missing, there twice, or of another package.
pub fn join(mut parts: Vec<(Header, Vec<u8>)>) -> Result<Vec<u8>, PluginsError> {
    let bad = |why: String| Err(PluginsError::Parts(why));
    parts.sort_by_key(|(header, _)| header.index);
    let Some((first, _)) = parts.first() else { return bad("there are none".to_owned()) };
    let (count, digest) = (first.count, first.digest.clone());
    for (expected, (header, _)) in parts.iter().enumerate() {
        if header.count != count || header.digest != digest {
            return bad(format!(
                "part {} belongs to another package ({} of {} parts) than part {} ({digest} of {count} parts)",
                header.index, header.digest, header.count, parts[0].0.index
            ));
        }
        if header.index != expected {
            let what = if header.index < expected { "is there twice" } else { "is missing" };
            return bad(format!("part {} of {count} {what}", header.index.min(expected)));
        }
    }
    if parts.len() != count {
        return bad(format!("part {} of {count} is missing", parts.len()));
    }
    Ok(parts.into_iter().flat_map(|(_, bytes)| bytes).collect())
}

/// Cuts a package.
///
/// # Errors
/// [`PluginsError::Parts`] if it needs more than [`MAX_PARTS`].
pub fn split<'a>(package: &'a [u8], digest: &str) -> Result<Vec<(Header, &'a [u8])>, PluginsError> {
    let count = package.len().div_ceil(PART_BYTES).max(1);
    if count > MAX_PARTS {
        return Err(PluginsError::Parts(format!(
            "{} bytes make {count} parts, more than {MAX_PARTS}",
            package.len()
        )));
    }
    let header = |index| Header { index, count, digest: digest.to_owned() };
    Ok(package.chunks(PART_BYTES).enumerate().map(|(index, bytes)| (header(index), bytes)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn digest(letter: char) -> String {
        format!("sha256:{}", letter.to_string().repeat(64))
    }

    #[test]
    fn what_was_cut_is_joined_in_any_order() {
        let package: Vec<u8> = (0..PART_BYTES * 2 + 17).map(|n| (n % 251) as u8).collect();
        let parts = split(&package, &digest('a')).unwrap();
        assert_eq!(
            parts.iter().map(|(_, bytes)| bytes.len()).collect::<Vec<_>>(),
            [PART_BYTES, PART_BYTES, 17]
        );
        let back = parts.into_iter().rev().map(|(header, bytes)| (header, bytes.to_vec())).collect();
        assert_eq!(join(back).unwrap(), package);
        assert!(split(&vec![0; PART_BYTES * MAX_PARTS + 1], &digest('a')).is_err());
    }

    #[test]
    fn every_way_to_lose_a_part_is_named() {
        let part = |index, count, letter| (Header { index, count, digest: digest(letter) }, vec![0]);
        for (parts, expected) in [
            (vec![], "none"),
            (vec![part(0, 3, 'a'), part(2, 3, 'a')], "part 1 of 3 is missing"),
            (vec![part(1, 3, 'a'), part(2, 3, 'a')], "part 0 of 3 is missing"),
            (vec![part(0, 3, 'a'), part(1, 3, 'a')], "part 2 of 3 is missing"),
            (vec![part(0, 2, 'a'), part(0, 2, 'a')], "part 0 of 2 is there twice"),
            (vec![part(0, 2, 'a'), part(1, 2, 'b')], "another package"),
            (vec![part(0, 2, 'a'), part(1, 3, 'a')], "another package"),
        ] {
            let error = join(parts).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
    }

    #[test]
    fn headers_are_whole_or_absent() {
        let good = digest('a');
        assert_eq!(Header::parse(None, None, None).unwrap(), None);
        let header = Header::parse(Some("1"), Some("2"), Some(&good)).unwrap().unwrap();
        assert_eq!((header.index, header.count), (1, 2));
        for (index, count, digest) in [
            (Some("0"), None, Some(good.as_str())),
            (Some("2"), Some("2"), Some(good.as_str())),
            (Some("-1"), Some("2"), Some(good.as_str())),
            (Some("0"), Some("0"), Some(good.as_str())),
            (Some("0"), Some("99999"), Some(good.as_str())),
            (Some("0"), Some("33"), Some(good.as_str())),
            (Some("0"), Some("1"), Some("md5:x")),
        ] {
            assert!(Header::parse(index, count, digest).is_err(), "{index:?} {count:?} {digest:?}");
        }
    }
}
