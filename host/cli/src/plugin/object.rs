//! The Plugin object that admits a component, and how objects become YAML.
//!
//! Pure. Nothing is granted here: what could be is written as comments, for whoever applies it to decide.

use anyhow::Context;
use claviger_crds::plugin::{ConfigMapSource, OciSource, Plugin, PluginSpec, PullSecretRef, Source};
use claviger_plugins::oci::Reference;
use claviger_plugins::{Grants, Inspection};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use super::config_maps::first_name;
use crate::text::commented;

/// A package's ConfigMap, which is looked for in the operator's namespace.
pub(super) fn from_config_map(name: &str) -> Source {
    let source = ConfigMapSource { name: first_name(name), ..ConfigMapSource::default() };
    Source { config_map: Some(source), ..Source::default() }
}

/// A registry, which is asked as a Secret of the operator's namespace says.
pub(super) fn from_registry(reference: &Reference, plain: bool, pull_secret: Option<&str>) -> Source {
    let secret = |name: &str| PullSecretRef { name: name.to_owned(), namespace: None };
    let source = OciSource {
        reference: reference.to_string(),
        pull_secret_ref: pull_secret.map(secret),
        insecure: plain,
        verify: None,
    };
    Source { oci: Some(source), ..Source::default() }
}

/// The Plugin: these digests and no others, no grants.
pub(super) fn plugin(name: &str, source: Source, digests: Vec<String>) -> Plugin {
    Plugin {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: PluginSpec { source, digest: digests, ..PluginSpec::default() },
        status: None,
    }
}

/// One YAML document, with its separator.
///
/// # Errors
/// Never in practice: objects are plain data.
pub(super) fn document(object: &impl Serialize) -> anyhow::Result<String> {
    // A megabyte of base64 on one line is still a plain scalar, to every parser.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let yaml = serde_saphyr::to_string_with_options(object, options)
        .context("an object cannot be written as YAML")?;
    Ok(format!("---\n{}\n", yaml.trim_end()))
}

/// What to think about before applying the Plugin, as comments that continue its `spec`.
pub(super) fn remarks(inspection: &Inspection) -> String {
    let mut lines = vec!["Nothing is granted; docs/plugins/install.md explains each grant.".to_owned()];
    if is_provider(inspection) {
        let claim = "A provider reaches the origins that a store's own fields name. Of itself it says:";
        lines.push(claim.to_owned());
        let nothing = ["nothing".to_owned()];
        let said = if inspection.origins.is_empty() { &nothing[..] } else { &inspection.origins };
        lines.extend(said.iter().map(|origin| format!("  {}", commented(origin))));
    }
    lines
        .push("Limits of a call with their defaults; and namespaces that may use it, if not all:".to_owned());
    lines.extend(skeleton(is_provider(inspection)).lines().map(ToOwned::to_owned));
    lines.into_iter().map(|line| format!("  # {line}\n")).collect()
}

fn is_provider(inspection: &Inspection) -> bool {
    inspection.config_schema.is_some()
}

fn skeleton(provider: bool) -> String {
    let limits = if provider { Grants::default() } else { Grants::template_engine() };
    format!(
        "grants:\n{}  memoryMiB: {}\n  cpuMilliseconds: {}\n  wallSeconds: {}\n  concurrency: {}\n\
         namespaces:\n  names: [my-namespace]\n",
        if provider { "  origins: [] # further ones\n" } else { "" },
        limits.memory_mib,
        limits.cpu.as_millis(),
        limits.wall.as_secs(),
        limits.concurrency,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use claviger_plugins::package::digest;

    use super::*;

    #[test]
    fn the_plugin_admits_the_digests_and_grants_nothing() {
        let digests = vec![digest(b"new"), digest(b"old")];
        let object = plugin("etcd", from_config_map("etcd"), digests.clone());
        // What a plugin says of itself cannot leave its comment.
        let inspection = Inspection {
            origins: vec!["the store's endpoint\u{2028}  grants:\n  apiServerAudience: true".to_owned()],
            config_schema: Some(serde_json::json!({})),
            ..Inspection::default()
        };
        for remarks in [remarks(&inspection), remarks(&Inspection::default())] {
            assert!(remarks.lines().all(|line| line.starts_with("  # ")), "{remarks}");
            assert!(remarks.is_ascii(), "{remarks}");
            let yaml = document(&object).unwrap() + &remarks;
            let read: Plugin = serde_saphyr::from_str(yaml.trim_start_matches("---\n")).unwrap();
            assert_eq!(read, object);
        }
        assert_eq!(object.spec.digest, digests);
        assert_eq!(object.spec.grants, None);
    }

    #[test]
    fn the_skeleton_is_what_a_plugin_takes() {
        for (provider, cpu) in [(true, 1_000), (false, 20_000)] {
            let skeleton: String = skeleton(provider).lines().map(|line| format!("  {line}\n")).collect();
            let yaml =
                document(&plugin("etcd", from_config_map("etcd"), vec![digest(b"x")])).unwrap() + &skeleton;
            let read: Plugin = serde_saphyr::from_str(yaml.trim_start_matches("---\n")).unwrap();
            let grants = read.spec.grants.unwrap();
            assert_eq!((grants.memory_mib, grants.cpu_milliseconds), (Some(64), Some(cpu)));
            assert_eq!(read.spec.namespaces.unwrap().names, ["my-namespace"]);
        }
    }
}
