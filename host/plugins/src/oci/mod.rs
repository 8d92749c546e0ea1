//! Plugins from OCI registries: finding the component of an artifact, judging its signature, pulling it; and pushing one.
//!
//! A registry is believed nothing: the component's digest is one that the admin named, the manifest's is one that the
//! reference names where it does, and what is read is bounded in size and time. Where logins and keys come from, and
//! what becomes of the bytes, is the embedder's business.

mod challenge;
mod cosign;
mod error;
mod login;
mod manifest;
mod reference;
mod refusal;
mod repository;
mod said;
#[cfg(test)]
mod tests;
mod wit;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use tokio::time::timeout;

pub use cosign::Keys;
pub use error::OciError;
pub use login::Login;
pub use manifest::Artifact;
pub use reference::Reference;
pub use said::{component_layer, signature_layers, token_service};
pub use wit::wit_exports;

use crate::egress::EgressPool;
use crate::error::PluginsError;
use crate::package::digest;
use manifest::{ACCEPTED, Layer, MANIFEST, MAX_MANIFEST, Unfit};
use repository::{Action, Ask, Repository};

/// For a manifest, with its login, redirects and signatures.
const LOOK: Duration = Duration::from_secs(60);
/// For a component: the largest, at half a megabyte a second.
const PULL: Duration = Duration::from_secs(120);
/// For pushing one.
const PUSH: Duration = Duration::from_secs(300);

const BYTES: &str = "application/octet-stream";

/// What to pull, and as whom.
pub struct Pull<'a> {
    /// The artifact.
    pub reference: &'a Reference,
    /// Who asks; none: anybody.
    pub login: Option<&'a Login>,
    /// Without TLS.
    pub plain: bool,
    /// Who has to have signed it; none: nobody.
    pub keys: Option<&'a Keys>,
}

/// An artifact that was looked at: what it holds is one of what is allowed, and signed as is asked for.
pub struct Found<'a> {
    repository: Repository<'a>,
    layer: Layer,
}

/// Looks at an artifact: reads its manifest, and its signatures where `pull` asks for them. `allowed` are the digests
/// that the component may have.
///
/// # Errors
/// Why it is not taken.
pub async fn look<'a>(
    pool: &'a EgressPool,
    pull: &Pull<'a>,
    allowed: &[String],
) -> Result<Found<'a>, OciError> {
    let mut repository = Repository::new(pool, pull.reference, pull.login, pull.plain, Action::Pull)?;
    let layer = within(LOOK, pull.reference, async {
        let (bytes, found) = read_manifest(&mut repository, pull.reference).await?;
        let layer =
            manifest::component(&bytes).map_err(|unfit| unfitting(&repository, pull.reference, unfit))?;
        if !allowed.contains(&layer.digest) {
            let allowed = allowed.to_vec();
            return Err(PluginsError::DigestMismatch { found: layer.digest, allowed }.into());
        }
        if let Some(keys) = pull.keys {
            judge(&mut repository, pull.reference, keys, &found).await?;
        }
        Ok(layer)
    });
    Ok(Found { layer: layer.await?, repository })
}

impl Found<'_> {
    /// Digest of the component.
    pub fn digest(&self) -> &str {
        &self.layer.digest
    }

    /// The component itself.
    ///
    /// # Errors
    /// If it cannot be read, or is not what the manifest says.
    pub async fn component(mut self) -> Result<Vec<u8>, OciError> {
        let reference = self.repository.reference().clone();
        within(PULL, &reference, read_blob(&mut self.repository, &self.layer)).await
    }
}

/// A manifest and its digest, which is the one that the reference names if it names one.
async fn read_manifest(
    repository: &mut Repository<'_>,
    reference: &Reference,
) -> Result<(Vec<u8>, String), OciError> {
    let what = reference.to_string();
    let url = repository.url(&format!("manifests/{}", reference.manifest()))?;
    let response = repository.ask(&Ask::get(url, ACCEPTED)).await?;
    if response.status() != StatusCode::OK {
        return Err(repository.refused(&what, response).await);
    }
    let bytes = repository.read(response, MAX_MANIFEST, &format!("the manifest of {what}")).await?;
    let found = digest(&bytes);
    match reference.digest() {
        Some(named) if named != found => {
            let why =
                format!("the registry answers with the manifest {found}, which is not the one that is named");
            Err(OciError::Artifact { what, why })
        }
        _ => Ok((bytes, found)),
    }
}

async fn read_blob(repository: &mut Repository<'_>, layer: &Layer) -> Result<Vec<u8>, OciError> {
    let what = format!("the layer {} of {}", layer.digest, repository.reference());
    let url = repository.url(&format!("blobs/{}", layer.digest))?;
    let response = repository.ask(&Ask::get(url, "*/*")).await?;
    if response.status() != StatusCode::OK {
        return Err(repository.refused(&what, response).await);
    }
    let bytes = repository.read(response, layer.size, &what).await?;
    let found = digest(&bytes);
    if bytes.len() != layer.size || found != layer.digest {
        let why = format!("the registry answers with other bytes ({}, {found}): push it again", bytes.len());
        return Err(OciError::Artifact { what, why });
    }
    Ok(bytes)
}

/// Whether somebody whose key is listed has signed the manifest.
async fn judge(
    repository: &mut Repository<'_>,
    reference: &Reference,
    keys: &Keys,
    manifest: &str,
) -> Result<(), OciError> {
    let place = reference.beside(&cosign::tag(manifest));
    let failed = |why: String| {
        let what = format!("{}/{}@{manifest}", reference.registry(), reference.repository());
        OciError::Signature { what, why }
    };
    let bytes = match read_manifest(repository, &place).await {
        Ok((bytes, _)) => bytes,
        Err(OciError::NotFound { .. }) => {
            return Err(failed(format!("there is none ({place}): sign it with cosign sign --key")));
        }
        Err(error) => return Err(error),
    };
    let signatures = manifest::signatures(&bytes).map_err(|unfit| unfitting(repository, &place, unfit))?;
    for (layer, signature) in &signatures {
        let payload = read_blob(repository, layer).await?;
        if keys.hold(&payload, signature, manifest) {
            return Ok(());
        }
    }
    Err(failed(format!(
        "of its {} signatures none is of this manifest and by a key of source.oci.verify.cosign.keys: sign it with one of \
         them, or add the key of who signed it",
        signatures.len()
    )))
}

/// Pushes an artifact: what is there already stays, the manifest last, so that no tag leads to half of it.
///
/// # Errors
/// Why it is not there.
pub async fn push(
    pool: &EgressPool,
    reference: &Reference,
    login: Option<&Login>,
    plain: bool,
    artifact: Artifact,
) -> Result<(), OciError> {
    let Some(tag) = reference.tag().filter(|_| reference.digest().is_none()) else {
        let why = "what is pushed goes by a tag, and its digest follows from what it is".to_owned();
        return Err(OciError::Reference { why });
    };
    let mut repository = Repository::new(pool, reference, login, plain, Action::Push)?;
    within(PUSH, reference, async {
        for blob in [artifact.component, artifact.config] {
            push_blob(&mut repository, blob).await?;
        }
        let url = repository.url(&format!("manifests/{tag}"))?;
        let body = Some((MANIFEST, Bytes::from(artifact.manifest)));
        let response = repository.ask(&Ask { method: Method::PUT, url, accept: None, body }).await?;
        match response.status() {
            StatusCode::CREATED | StatusCode::OK => Ok(()),
            _ => Err(repository.refused(&reference.to_string(), response).await),
        }
    })
    .await
}

/// Distribution specification, "POST then PUT".
async fn push_blob(repository: &mut Repository<'_>, bytes: Vec<u8>) -> Result<(), OciError> {
    let digest = digest(&bytes);
    let what = format!("the upload of {digest} to {}", repository.reference());
    let url = repository.url(&format!("blobs/{digest}"))?;
    let ask = |method, url, body| Ask { method, url, accept: None, body };
    if repository.ask(&ask(Method::HEAD, url, None)).await?.status() == StatusCode::OK {
        return Ok(());
    }
    let url = repository.url("blobs/uploads/")?;
    let response = repository.ask(&ask(Method::POST, url.clone(), Some((BYTES, Bytes::new())))).await?;
    if response.status() != StatusCode::ACCEPTED {
        return Err(repository.refused(&what, response).await);
    }
    let mut place = repository.next(&url, &response)?;
    place.query_pairs_mut().append_pair("digest", &digest);
    let response = repository.ask(&ask(Method::PUT, place, Some((BYTES, Bytes::from(bytes))))).await?;
    match response.status() {
        StatusCode::CREATED => Ok(()),
        _ => Err(repository.refused(&what, response).await),
    }
}

fn unfitting(repository: &Repository<'_>, reference: &Reference, unfit: Unfit) -> OciError {
    let what = reference.to_string();
    match unfit {
        Unfit::Why(why) => OciError::Artifact { what, why: why.to_owned() },
        Unfit::Types(why, types) => {
            OciError::Artifact { what, why: format!("{why}{}", repository.cleaned(&types)) }
        }
        Unfit::Plugin(error) => error.into(),
    }
}

async fn within<T>(
    time: Duration,
    reference: &Reference,
    work: impl Future<Output = Result<T, OciError>>,
) -> Result<T, OciError> {
    let late = |_| OciError::Unavailable {
        why: format!("{} did not answer to its end within {} s", reference.registry(), time.as_secs()),
    };
    timeout(time, work).await.map_err(late)?
}
