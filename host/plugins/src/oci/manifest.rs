//! What a manifest says: which layer is the component, which layers are signatures; and the manifest and the config of
//! an artifact that is pushed. Pure.
//!
//! After the OCI image specification (1.1) and the artifact layout of the CNCF's WebAssembly group, which wkg follows:
//! one layer `application/wasm`, and a config that lists what the component exports and imports.

use claviger_core::secret::Untrusted;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::PluginsError;
use crate::package::{MAX_COMPONENT, digest, is_digest};

/// Manifests as they are asked for. Lists are among them only to be told apart from what does not exist.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// Of what is pushed.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// A component's layer.
pub(super) const WASM: &str = "application/wasm";

/// Largest manifest that is read: registries take 4 MiB, and one of ours has 700 bytes.
pub(super) const MAX_MANIFEST: usize = 256 * 1024;

/// Most layers of a manifest of signatures that are looked at.
pub(super) const MAX_SIGNATURES: usize = 16;

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) digest: String,
    /// Bytes.
    pub(super) size: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<std::collections::BTreeMap<String, String>>,
}

/// Words of the manifest, for who cleans them.
#[derive(Debug)]
pub(super) enum Unfit {
    /// Ours alone.
    Why(&'static str),
    /// With the registry's.
    Types(&'static str, Untrusted),
    /// The component itself.
    Plugin(PluginsError),
}

/// The component's layer.
///
/// # Errors
/// Why there is none, or not one.
pub(super) fn component(manifest: &[u8]) -> Result<Layer, Unfit> {
    let layers = parse(manifest)?;
    let wasm: Vec<&Descriptor> = layers.iter().filter(|layer| layer.media_type == WASM).collect();
    let layer = match wasm.as_slice() {
        [layer] => layer,
        [] => {
            let types: Vec<&str> = layers.iter().take(4).map(|layer| layer.media_type.as_str()).collect();
            let why = "it has no layer of the type application/wasm: push the component with `claviger plugin push` or `wkg oci \
                       push`; its layers are of the types: ";
            return Err(Unfit::Types(why, Untrusted::new(types.join(", "))));
        }
        _ => {
            return Err(Unfit::Why(
                "it has several layers of the type application/wasm, and a plugin is one component",
            ));
        }
    };
    if !is_digest(&layer.digest) {
        return Err(Unfit::Why("the digest of its layer is not sha256: and 64 hexadecimal digits"));
    }
    match usize::try_from(layer.size) {
        Ok(size) if size <= MAX_COMPONENT => Ok(Layer { digest: layer.digest.clone(), size }),
        size => {
            let size = size.unwrap_or(usize::MAX);
            Err(Unfit::Plugin(PluginsError::TooLarge { size, limit: MAX_COMPONENT }))
        }
    }
}

/// The layers of a manifest of cosign's: payload, and its signature as base64.
///
/// # Errors
/// If it is none.
pub(super) fn signatures(manifest: &[u8]) -> Result<Vec<(Layer, String)>, Unfit> {
    const TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
    const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
    /// A payload has some 250 bytes; annotations of the signer's come on top.
    const MAX_PAYLOAD: usize = 64 * 1024;
    let layers = parse(manifest)?;
    let signed = |layer: Descriptor| {
        let size = usize::try_from(layer.size).ok().filter(|size| *size <= MAX_PAYLOAD)?;
        let signature = layer.annotations?.remove(SIGNATURE)?;
        let fits = layer.media_type == TYPE && is_digest(&layer.digest) && signature.len() <= 8 * 1024;
        fits.then_some((Layer { digest: layer.digest, size }, signature))
    };
    Ok(layers.into_iter().filter_map(signed).take(MAX_SIGNATURES).collect())
}

fn parse(manifest: &[u8]) -> Result<Vec<Descriptor>, Unfit> {
    let manifest: Manifest = serde_json::from_slice(manifest)
        .map_err(|_| Unfit::Why("its manifest is not that of an OCI artifact"))?;
    match manifest {
        Manifest { manifests: Some(_), .. } => Err(Unfit::Why(
            "it is a list of images for several platforms, and a component is for all of them: name the artifact itself",
        )),
        Manifest { layers: Some(layers), .. } => Ok(layers),
        Manifest { layers: None, .. } => Err(Unfit::Why("its manifest has no layers")),
    }
}

/// An artifact to be pushed: its blobs and its manifest.
#[derive(Debug)]
pub struct Artifact {
    pub(super) component: Vec<u8>,
    pub(super) config: Vec<u8>,
    pub(super) manifest: Vec<u8>,
}

/// A blob, as a manifest has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    media_type: &'a str,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Value>,
}

impl Artifact {
    /// A component's, or a WIT package's in its binary form. `title` is the name of its file.
    ///
    /// The same component is the same artifact whenever it is pushed: the time of its making is the epoch, so that a
    /// signature holds for both.
    ///
    /// # Errors
    /// [`PluginsError::TooLarge`].
    pub fn new(
        component: Vec<u8>,
        exports: &[String],
        imports: &[String],
        title: &str,
    ) -> Result<Self, PluginsError> {
        let size = component.len();
        if size > MAX_COMPONENT {
            return Err(PluginsError::TooLarge { size, limit: MAX_COMPONENT });
        }
        let layer = digest(&component);
        let config = json!({
            "created": "1970-01-01T00:00:00Z", "author": null, "architecture": "wasm", "os": "wasip2",
            "layerDigests": [layer],
            "component": {"exports": exports, "imports": imports, "target": null},
        });
        let config = config.to_string().into_bytes();
        let blob = |media_type, digest, size, annotations| Blob { media_type, digest, size, annotations };
        let title = json!({"org.opencontainers.image.title": title});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": blob(CONFIG, digest(&config), config.len(), None),
            "layers": [blob(WASM, layer, size, Some(title))],
        });
        Ok(Self { component, config, manifest: manifest.to_string().into_bytes() })
    }

    /// Digest of the manifest: what a signature is about, and what `@` in a reference names.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// Digest of the component: what `spec.digest` of a Plugin names.
    pub fn component_digest(&self) -> String {
        digest(&self.component)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn manifest(layers: &Value) -> Vec<u8> {
        json!({"schemaVersion": 2, "config": {}, "layers": layers}).to_string().into_bytes()
    }

    fn layer(media_type: &str, size: u64) -> Value {
        json!({"mediaType": media_type, "digest": DIGEST, "size": size})
    }

    #[test]
    fn the_one_wasm_layer_is_the_component() {
        let found = component(&manifest(&json!([layer("text/plain", 1), layer(WASM, 7)]))).unwrap();
        assert_eq!(found, Layer { digest: DIGEST.to_owned(), size: 7 });
        let image = "application/vnd.oci.image.layer.v1.tar+gzip";
        for (bytes, expected) in [
            (manifest(&json!([])), "no layer of the type application/wasm"),
            (manifest(&json!([layer(image, 1)])), "no layer of the type application/wasm"),
            (manifest(&json!([layer(WASM, 1), layer(WASM, 2)])), "several layers"),
            (
                manifest(&json!([{"mediaType": WASM, "digest": "sha512:00", "size": 1}])),
                "the digest of its layer",
            ),
            (
                manifest(&json!([{"mediaType": WASM, "digest": "../../x", "size": 1}])),
                "the digest of its layer",
            ),
            (manifest(&json!([layer(WASM, 64 * 1024 * 1024 + 1)])), "TooLarge"),
            (manifest(&json!([layer(WASM, u64::MAX)])), "TooLarge"),
            (
                manifest(&json!([{"mediaType": WASM, "digest": DIGEST, "size": -1}])),
                "not that of an OCI artifact",
            ),
            (json!({"manifests": [{"digest": DIGEST}]}).to_string().into_bytes(), "several platforms"),
            (b"{}".to_vec(), "no layers"),
            (b"<html>".to_vec(), "not that of an OCI artifact"),
            (b"[".repeat(100_000), "not that of an OCI artifact"),
        ] {
            let unfit = format!("{:?}", component(&bytes).unwrap_err());
            assert!(unfit.contains(expected), "{expected:?} is not in {unfit}");
        }
    }

    #[test]
    fn signatures_are_those_that_can_be_read() {
        let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
        let signed = |media_type: &str, size: u64, signature: &str| {
            json!({"mediaType": media_type, "digest": DIGEST, "size": size,
                   "annotations": {"dev.cosignproject.cosign/signature": signature}})
        };
        let layers = json!([
            signed(kind, 9, "one"),
            signed("text/plain", 9, "two"),
            signed(kind, 1 << 40, "three"),
            layer(kind, 9),
            signed(kind, 9, &"x".repeat(9000)),
        ]);
        let found = signatures(&manifest(&layers)).unwrap();
        assert_eq!(found, [(Layer { digest: DIGEST.to_owned(), size: 9 }, "one".to_owned())]);
        let many = json!(vec![signed(kind, 9, "one"); 100]);
        assert_eq!(signatures(&manifest(&many)).unwrap().len(), MAX_SIGNATURES);
    }

    #[test]
    fn the_same_component_is_the_same_artifact() {
        let make =
            || Artifact::new(b"\0asm".to_vec(), &["a:b/c@1.0.0".to_owned()], &[], "etcd.wasm").unwrap();
        assert_eq!(make().digest(), make().digest());
        let found = component(&make().manifest).unwrap();
        assert_eq!(found, Layer { digest: digest(b"\0asm"), size: 4 });
        let large = Artifact::new(vec![0; MAX_COMPONENT + 1], &[], &[], "x").unwrap_err();
        assert_eq!(large.reason(), "TooLarge");
    }
}
