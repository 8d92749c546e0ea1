//! Archives that the same files make the same bytes of: names in order, no times, no owners but root.
//!
//! What is in them is their makers' business: the image's layers, the release's tarballs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

/// What is at a path.
pub(crate) enum Content {
    /// A folder of that mode.
    Folder(u32),
    /// Text, readable for all.
    Text(String),
    /// A file of this machine's, and its mode there.
    File(PathBuf, u32),
}

/// Files by path, without a slash before it.
pub(crate) type Files = BTreeMap<String, Content>;

/// A tar of these files.
///
/// # Errors
/// If a file cannot be read, or has no place in a tar.
pub(crate) fn tar(files: &Files) -> Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let bytes = match content {
            Content::Folder(mode) => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(*mode);
                Vec::new()
            }
            Content::Text(text) => {
                header.set_mode(0o644);
                text.clone().into_bytes()
            }
            Content::File(from, mode) => {
                header.set_mode(*mode);
                std::fs::read(from).with_context(|| from.display().to_string())?
            }
        };
        let folder = matches!(content, Content::Folder(_));
        header.set_size(u64::try_from(bytes.len()).context("a file is too large")?);
        let name = if folder { format!("{path}/") } else { path.clone() };
        tar.append_data(&mut header, name, bytes.as_slice()).with_context(|| path.clone())?;
    }
    Ok(tar.into_inner()?)
}

/// Those bytes, gzipped; the header names no time.
///
/// # Errors
/// If there is no memory.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
