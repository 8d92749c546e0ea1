//! A release as Helm stores it in a Secret: read, and written back with its manifest changed and nothing else. Pure.

use std::io::{Read, Write};
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::manifest;

/// Larger ones are none: a Secret holds 1 MiB, and manifests shrink to a tenth.
const MAX_RELEASE: u64 = 64 * 1024 * 1024;
/// What begins a gzip stream; releases of long ago are not compressed.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// What becomes of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It has no definition of ESO's.
    NotIn,
    /// All of them are marked in it.
    Already,
    /// The value of `data.release` with the marks, and the definitions that get one.
    Now(Vec<u8>, Vec<String>),
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    manifest: Option<&'a RawValue>,
}

/// What has to be done with the value of `data.release`, which Kubernetes' own base64 is off already.
///
/// # Errors
/// If it is no release, or its manifest cannot be edited.
pub(super) fn keep(stored: &[u8]) -> Result<Kept, String> {
    let json = decoded(stored)?;
    let Some((text, place)) = manifest_of(&json)? else { return Ok(Kept::NotIn) };
    match manifest::keep(&text)? {
        Some((text, names)) => Ok(Kept::Now(encoded(&with_manifest(&json, place, &text)?)?, names)),
        None if manifest::definitions(&text)?.is_empty() => Ok(Kept::NotIn),
        None => Ok(Kept::Already),
    }
}

fn decoded(stored: &[u8]) -> Result<String, String> {
    let bytes = STANDARD.decode(stored).map_err(|_| "the stored release is not base64".to_owned())?;
    let bytes = if bytes.starts_with(&GZIP) {
        let mut json = Vec::new();
        let read = GzDecoder::new(&*bytes).take(MAX_RELEASE).read_to_end(&mut json);
        read.map_err(|error| format!("the stored release cannot be decompressed: {error}"))?;
        json
    } else {
        bytes
    };
    String::from_utf8(bytes).map_err(|_| "the stored release is no JSON".to_owned())
}

fn encoded(json: &str) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let bytes = encoder.write_all(json.as_bytes()).and_then(|()| encoder.finish());
    let bytes = bytes.map_err(|error| format!("the release cannot be compressed: {error}"))?;
    Ok(STANDARD.encode(bytes).into_bytes())
}

/// The manifest, and where its JSON string stands.
fn manifest_of(json: &str) -> Result<Option<(String, Range<usize>)>, String> {
    let outline: Outline<'_> =
        serde_json::from_str(json).map_err(|_| "the stored release is no JSON of Helm's".to_owned())?;
    let Some(raw) = outline.manifest else { return Ok(None) };
    let text: String =
        serde_json::from_str(raw.get()).map_err(|_| "the release's manifest is no text".to_owned())?;
    // It is borrowed from there.
    let begin = raw.get().as_ptr().addr().wrapping_sub(json.as_ptr().addr());
    let place = begin..begin.saturating_add(raw.get().len());
    match json.get(place.clone()) {
        Some(found) if found == raw.get() => Ok(Some((text, place))),
        _ => Err("the release's manifest is not where it was read".to_owned()),
    }
}

fn with_manifest(json: &str, place: Range<usize>, manifest: &str) -> Result<String, String> {
    let text = serde_json::to_string(manifest).map_err(|error| error.to_string())?;
    // As Go writes it, so that what was not changed is not changed.
    let text = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    Ok([&json[..place.start], &text, &json[place.end..]].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As Go's encoder writes one.
    const BEFORE: &str = r##"{"name":"eso","info":{"notes":"a \u003c b"},"chart":{"values":{"x":1.0,"big":12345678901234567890}},"manifest":"---\n# \u003c\u0026\u003e\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: x\nspec:\n  group: external-secrets.io\n","hooks":[{"manifest":"---"}],"version":3}"##;

    #[test]
    fn only_the_manifest_changes() {
        let stored = encoded(BEFORE).unwrap();
        let Kept::Now(stored, names) = keep(&stored).unwrap() else { panic!("it is to be marked") };
        assert_eq!(names, ["x"]);
        let mark = r"metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n";
        assert_eq!(decoded(&stored).unwrap(), BEFORE.replace(r"metadata:\n", mark));
        assert_eq!(keep(&stored), Ok(Kept::Already));
    }

    #[test]
    fn releases_without_compression_or_definitions() {
        let plain = STANDARD.encode(BEFORE).into_bytes();
        assert!(matches!(keep(&plain), Ok(Kept::Now(..))));
        for (json, kept) in [
            (r#"{"manifest":"---\nkind: ConfigMap\n"}"#, Ok(Kept::NotIn)),
            (r#"{"name":"x"}"#, Ok(Kept::NotIn)),
            (r#"{"manifest":7}"#, Err("the release's manifest is no text".to_owned())),
            ("[", Err("the stored release is no JSON of Helm's".to_owned())),
        ] {
            assert_eq!(keep(&encoded(json).unwrap()), kept, "{json}");
        }
        assert_eq!(keep(b"%"), Err("the stored release is not base64".to_owned()));
        let broken = STANDARD.encode([0x1f, 0x8b, 0x08, 0, 1]).into_bytes();
        assert!(keep(&broken).unwrap_err().starts_with("the stored release cannot be decompressed"));
    }
}
