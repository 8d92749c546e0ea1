//! An image as an OCI archive (OCI image format 1.1): layers as gzipped tar, configuration, manifest, index, all named
//! by their digests, in one tar that `podman load`, `skopeo copy oci-archive:`, `crane push` and `ctr images import` take.
//!
//! The same files make the same bytes: names in order, no times, no owners but root.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::files::{Layer, PROGRAM, USER};
use crate::archive;

/// How large it became.
pub(super) struct Sizes {
    /// Digest of the manifest, by which the image is pulled.
    pub(super) digest: String,
    pub(super) layers: Vec<LayerSize>,
}

/// How large a layer became, in bytes.
pub(super) struct LayerSize {
    pub(super) what: &'static str,
    pub(super) compressed: u64,
    pub(super) unpacked: u64,
}

impl Sizes {
    pub(super) fn compressed(&self) -> u64 {
        self.layers.iter().map(|layer| layer.compressed).sum()
    }

    pub(super) fn unpacked(&self) -> u64 {
        self.layers.iter().map(|layer| layer.unpacked).sum()
    }
}

/// Writes the archive.
///
/// # Errors
/// If a file cannot be read, or the archive not be written.
pub(super) fn write(layers: &[Layer], output: &Path) -> Result<Sizes> {
    let mut blobs = Blobs::default();
    let (mut described, mut diff_ids, mut history, mut sizes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for layer in layers {
        let tar = archive::tar(&layer.files)?;
        diff_ids.push(digest(&tar));
        let packed = archive::gzip(&tar)?;
        sizes.push(LayerSize { what: layer.what, compressed: size(&packed), unpacked: size(&tar) });
        described.push(blobs.add("application/vnd.oci.image.layer.v1.tar+gzip", packed));
        history.push(json!({"created_by": format!("cargo xtask image: {}", layer.what)}));
    }
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "Entrypoint": [format!("/{PROGRAM}")],
            "Cmd": ["run"],
            "Env": ["PATH=/claviger/bin"],
            "WorkingDir": "/tmp",
            "ExposedPorts": {"8080/tcp": {}, "10250/tcp": {}},
            "Labels": labels(),
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    });
    let config = blobs.add("application/vnd.oci.image.config.v1+json", config.to_string().into_bytes());
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config,
        "layers": described,
        "annotations": labels(),
    });
    let mut manifest = blobs.add(manifest_type, manifest.to_string().into_bytes());
    let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
    manifest["platform"] = json!({"architecture": architecture(), "os": "linux"});
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": env!("CARGO_PKG_VERSION")});
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    blobs.write(&index, output).with_context(|| output.display().to_string())?;
    Ok(Sizes { digest, layers: sizes })
}

/// As Go spells it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn labels() -> Value {
    json!({
        "org.opencontainers.image.title": "claviger",
        "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
        "org.opencontainers.image.licenses": "Apache-2.0",
    })
}

/// What the archive holds, named by its digest.
#[derive(Default)]
struct Blobs(Vec<(String, Vec<u8>)>);

impl Blobs {
    /// Adds one; its descriptor.
    fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = digest(&bytes);
        let descriptor = json!({"mediaType": media_type, "digest": digest, "size": bytes.len()});
        self.0.push((digest, bytes));
        descriptor
    }

    fn write(&self, index: &Value, output: &Path) -> Result<()> {
        let new = output.with_extension("new");
        let mut tar = tar::Builder::new(File::create(&new)?);
        let mut append = |name: String, bytes: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_size(size(bytes));
            tar.append_data(&mut header, name, bytes)
        };
        append("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        append("index.json".to_owned(), index.to_string().as_bytes())?;
        for (digest, bytes) in &self.0 {
            append(format!("blobs/{}", digest.replace(':', "/")), bytes)?;
        }
        tar.into_inner()?.sync_all()?;
        Ok(std::fs::rename(&new, output)?)
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

fn size(bytes: &[u8]) -> u64 {
    // A length in memory fits.
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;
    use crate::archive::Content;

    #[test]
    fn the_same_files_make_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let written = |at: &str, text: &str| {
            std::fs::write(&file, text).unwrap();
            let files = BTreeMap::from([
                ("etc".to_owned(), Content::Folder(0o755)),
                ("etc/a".to_owned(), Content::Text("a".to_owned())),
                ("bin".to_owned(), Content::File(file.clone(), 0o755)),
            ]);
            let output = dir.path().join(at);
            let sizes = write(&[Layer { what: "all", files }], &output).unwrap();
            (std::fs::read(&output).unwrap(), sizes.digest)
        };
        let one = written("1.tar", "x");
        assert!(one.1.starts_with("sha256:"));
        assert_eq!(one, written("2.tar", "x"));
        assert_ne!(one.1, written("3.tar", "y").1);
    }
}
