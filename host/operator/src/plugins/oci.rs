//! A plugin from a registry: with which login and which keys, and whether anything has to be pulled at all.
//!
//! The component's digest is what the admin named, so what is in place or was compiled before under that digest is what
//! would be pulled. The registry is asked where that does not decide: where two digests are admitted, where signatures
//! are wanted, and where there is nothing yet.

use claviger_core::secret::SecretBytes;
use claviger_crds::plugin::{CosignKey, KeyRef, OciSource};
use claviger_plugins::ObjectKind;
use claviger_plugins::oci::{Keys, Login, OciError, Pull, Reference, look};

use super::InstallError;
use super::registry::{Registry, Taken, Wanted};
use super::source::{Parts, Place};

/// The key of a Secret of type `kubernetes.io/dockerconfigjson`.
const DOCKER_CONFIG: &str = ".dockerconfigjson";

/// What stands for the digest that is wanted.
///
/// # Errors
/// Why it cannot be had.
pub(super) async fn pulled(
    registry: &Registry,
    wanted: &Wanted<'_>,
    source: &OciSource,
    from: &impl Parts,
) -> Result<Taken, InstallError> {
    let reference = Reference::parse(&source.reference).map_err(|error| invalid(error.to_string()))?;
    // Without keys an object could look as if something were verified.
    let cosign = match &source.verify {
        Some(verify) => Some(verify.cosign.as_ref().ok_or(InstallError::ManifestInvalid)?),
        None => None,
    };
    if let ([digest], None) = (wanted.digests, cosign)
        && let Some(taken) = at_hand(registry, wanted, digest).await?
    {
        return Ok(taken);
    }
    let login = login(source, &reference, from).await?;
    let keys = match cosign {
        Some(cosign) => Some(keys(&cosign.keys, from).await?),
        None => None,
    };
    let pull =
        Pull { reference: &reference, login: login.as_ref(), plain: source.insecure, keys: keys.as_ref() };
    let found = look(registry.host().egress(), &pull, wanted.digests).await?;
    if let Some(taken) = at_hand(registry, wanted, found.digest()).await? {
        return Ok(taken);
    }
    Ok(Taken::Bytes(found.component().await?))
}

/// The component of that digest, if it is in place or was compiled before.
async fn at_hand(
    registry: &Registry,
    wanted: &Wanted<'_>,
    digest: &str,
) -> Result<Option<Taken>, InstallError> {
    if registry.installed(wanted.name).is_some_and(|installed| installed.plugin.id().digest == digest) {
        return Ok(Some(Taken::InPlace(digest.to_owned())));
    }
    let kept = registry.host().load_kept(wanted.name, digest, wanted.grants.clone()).await?;
    Ok(kept.map(Taken::Loaded))
}

async fn login(
    source: &OciSource,
    reference: &Reference,
    from: &impl Parts,
) -> Result<Option<Login>, InstallError> {
    let Some(secret) = &source.pull_secret_ref else { return Ok(None) };
    let at = Place {
        kind: ObjectKind::Secret,
        namespace: secret.namespace.as_deref(),
        name: &secret.name,
        key: DOCKER_CONFIG,
    };
    let refused = |why: String| OciError::Login { registry: reference.registry().to_owned(), why };
    let config = read(from, &at).await?.ok_or_else(|| {
        refused(format!(
            "{} does not exist, or is not of the type kubernetes.io/dockerconfigjson: kubectl create secret docker-registry \
             makes one",
            from.at(&at)
        ))
    })?;
    let login = Login::find(config.expose(), reference)?;
    let login =
        login.ok_or_else(|| refused(format!("{} has none for that host: add it there", from.at(&at))))?;
    Ok(Some(login))
}

async fn keys(keys: &[CosignKey], from: &impl Parts) -> Result<Keys, InstallError> {
    let mut texts = Vec::new();
    for key in keys {
        let (kind, at) = match key {
            CosignKey { pem: Some(pem), config_map_key_ref: None, secret_key_ref: None } => {
                texts.push(SecretBytes::copied_from(pem.as_bytes()));
                continue;
            }
            CosignKey { pem: None, config_map_key_ref: Some(at), secret_key_ref: None } => {
                (ObjectKind::ConfigMap, at)
            }
            CosignKey { pem: None, config_map_key_ref: None, secret_key_ref: Some(at) } => {
                (ObjectKind::Secret, at)
            }
            // The definition asks for exactly one.
            CosignKey { .. } => return Err(InstallError::ManifestInvalid),
        };
        let KeyRef { name, namespace, key } = at;
        let at = Place { kind, namespace: namespace.as_deref(), name, key };
        let text = read(from, &at).await?.ok_or_else(|| InstallError::SourceNotFound {
            what: format!("the key {key} of {}", from.at(&at)),
            remedy: "create it with the public key (cosign.pub), or correct source.oci.verify.cosign.keys"
                .to_owned(),
        })?;
        texts.push(text);
    }
    if texts.is_empty() {
        return Err(InstallError::ManifestInvalid);
    }
    Keys::from_pem(texts.iter().map(SecretBytes::expose))
        .map_err(|why| invalid(format!("{why} (of source.oci.verify.cosign.keys)")))
}

async fn read(from: &impl Parts, at: &Place<'_>) -> Result<Option<SecretBytes>, InstallError> {
    let unreadable = |why| InstallError::SourceUnreadable { what: from.at(at), why };
    from.value(at).await.map_err(unreadable)
}

fn invalid(why: String) -> InstallError {
    InstallError::SourceInvalid { what: "source.oci".to_owned(), why }
}
