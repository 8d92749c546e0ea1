//! From what a `Plugin` object says to a plugin in place: the rules on names and sources.

use claviger_crds::plugin::{PluginSpec, Source};
use claviger_crds::store::DECLARED;

use super::built_in::{BUILT_IN, built_in, plugin_of};
use super::oci::pulled;
use super::registry::{Installed, Registry, Wanted};
use super::source::{Parts, config_map, file};
use super::{InstallError, grants};

/// Installs what the `Plugin` object `name` says; ConfigMaps, and what a registry is asked with, are read from `maps`.
/// What was in place stays where this fails, and `registry` keeps the reason. `still` says, when it is loaded, whether it is still wanted.
///
/// # Errors
/// Why not.
pub async fn install(
    registry: &Registry,
    name: &str,
    spec: &PluginSpec,
    maps: &impl Parts,
    still: &(dyn Fn() -> bool + Sync),
) -> Result<Installed, InstallError> {
    let name = plugin_of(name);
    registry.restrict(name, spec.namespaces.as_ref());
    let outcome = try_install(registry, name, spec, maps, still).await;
    registry.settled(name);
    if let Err(error) = &outcome {
        // Somebody's mistake in a name takes nothing from those who use the built-in.
        if let (InstallError::NameReserved(_), Some(built_in), None) =
            (error, built_in(name), registry.installed(name))
        {
            let _ = registry.load_built_in(built_in).await;
        }
        if !matches!(error, InstallError::Superseded) {
            registry.refuse(name, error);
        }
    }
    outcome
}

async fn try_install(
    registry: &Registry,
    name: &str,
    spec: &PluginSpec,
    maps: &impl Parts,
    still: &(dyn Fn() -> bool + Sync),
) -> Result<Installed, InstallError> {
    let builtin = spec.source.builtin.as_ref();
    if builtin.is_none() && (built_in(name).is_some() || DECLARED.contains(&name)) {
        return Err(InstallError::NameReserved(name.to_owned()));
    }
    let granted = spec.grants.as_ref();
    let wanted = Wanted {
        name,
        digests: &spec.digest,
        grants: grants(name, builtin.is_some(), granted, spec.settings.as_ref())?,
        usual_cpu: granted.is_none_or(|granted| granted.cpu_milliseconds.is_none()),
        namespaces: spec.namespaces.clone(),
        still,
    };
    match &spec.source {
        Source { builtin: Some(source), .. } => {
            let asked = source.name.as_deref().map_or(name, plugin_of);
            let Some(found) = built_in(asked).filter(|found| found.name == name) else {
                let known: Vec<_> = BUILT_IN.iter().map(|built_in| built_in.name).collect();
                return Err(InstallError::SourceNotFound {
                    what: format!("a built-in plugin {asked:?} for the name {name:?}"),
                    remedy: format!("there are {}, each under its own name in lower case", known.join(", ")),
                });
            };
            registry.load(wanted, file(registry.directory(), found.file)).await
        }
        // The API server refuses such an object; but one from a file, or under an older definition, must not
        // be trusted more.
        Source { config_map: Some(_), .. } | Source { oci: Some(_), .. } if spec.digest.is_empty() => {
            Err(InstallError::DigestMissing)
        }
        Source { config_map: Some(source), .. } => registry.load(wanted, config_map(source, maps)).await,
        Source { file: Some(source), .. } => {
            registry.load(wanted, file(registry.directory(), &source.path)).await
        }
        Source { oci: Some(source), .. } => {
            registry.load_pulled(&wanted, pulled(registry, &wanted, source, maps)).await
        }
        // The definition asks for exactly one; an object that is older than it may have none.
        Source { .. } => Err(InstallError::ManifestInvalid),
    }
}
