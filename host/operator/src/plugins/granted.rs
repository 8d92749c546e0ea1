//! From `spec.grants` of a Plugin to what the plugin host enforces, and from that to `status.granted`. Pure.

use std::time::Duration;

use claviger_crds::plugin::{AmbientGrant as Ambient, AmbientKind as Kind, Grants as Granted, Reach};
use claviger_plugins::{AmbientGrant, AmbientKind, Grants};
use serde_json::{Map, Value};

use super::InstallError;
use super::settings::{check, merged, variable, with_environment};

/// The grants of the plugin `name`: for a built-in its own where the object says nothing of grants at all.
/// Limits that are left out are the defaults, and what follows from the stores' own fields stays: the audiences
/// that a built-in's manifests mean where they name none, the origins of the region that they name.
///
/// # Errors
/// [`claviger_plugins::PluginsError::Grants`] for grants that make no sense.
pub(super) fn grants(
    name: &str,
    built_in: bool,
    granted: Option<&Granted>,
    settings: Option<&Map<String, Value>>,
) -> Result<Grants, InstallError> {
    let mut defaults = if built_in { with_environment(name, variable)? } else { Grants::default() };
    defaults.settings = merged(defaults.settings, settings);
    if built_in {
        check(name, &defaults.settings)?;
    }
    let Some(granted) = granted else { return Ok(defaults) };
    let wall = granted.wall_seconds.map_or(defaults.wall, Duration::from_secs);
    let grants = Grants {
        origins: granted.origins.clone(),
        loopback: granted.loopback,
        link_local: granted.link_local,
        api_server: granted.api_server,
        ambient: granted
            .ambient
            .iter()
            .map(|ambient| AmbientGrant {
                kind: kind(ambient.kind),
                name: ambient.name.clone().unwrap_or_default(),
            })
            .collect(),
        api_server_audience: granted.api_server_audience,
        audiences: defaults.audiences.iter().chain(&granted.audiences).cloned().collect(),
        memory_mib: granted.memory_mib.map_or(defaults.memory_mib, u64::from),
        cpu: granted.cpu_milliseconds.map_or(defaults.cpu.min(wall), Duration::from_millis),
        wall,
        concurrency: granted
            .concurrency
            .map_or(defaults.concurrency, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        ..defaults
    };
    grants.check()?;
    Ok(grants)
}

fn kind(kind: Kind) -> AmbientKind {
    match kind {
        Kind::Env => AmbientKind::Env,
        Kind::FileByEnv => AmbientKind::FileByEnv,
        Kind::GcpMetadata => AmbientKind::GcpMetadata,
        Kind::AwsMetadata => AmbientKind::AwsMetadata,
        Kind::AzureMetadata => AmbientKind::AzureMetadata,
        Kind::PodServiceAccountToken => AmbientKind::PodServiceAccountToken,
    }
}

/// What the plugin host enforces, as the status of the object says it.
pub(crate) fn reach(grants: &Grants) -> Reach {
    let ambient = grants.ambient.iter().map(|grant| Ambient {
        kind: match grant.kind {
            AmbientKind::Env => Kind::Env,
            AmbientKind::FileByEnv => Kind::FileByEnv,
            AmbientKind::GcpMetadata => Kind::GcpMetadata,
            AmbientKind::AwsMetadata => Kind::AwsMetadata,
            AmbientKind::AzureMetadata => Kind::AzureMetadata,
            AmbientKind::PodServiceAccountToken => Kind::PodServiceAccountToken,
        },
        name: (!grant.name.is_empty()).then(|| grant.name.clone()),
    });
    Reach {
        origins: grants.all_origins(),
        ambient: ambient.collect(),
        audiences: grants.all_audiences(),
        api_server_audience: grants.api_server_audience,
        loopback: grants.loopback,
        link_local: grants.link_local,
        api_server: grants.api_server,
        memory_mib: u32::try_from(grants.memory_mib).ok(),
        cpu_milliseconds: u64::try_from(grants.cpu.as_millis()).ok(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn granted(value: serde_json::Value) -> Option<Granted> {
        Some(serde_json::from_value(value).unwrap())
    }

    #[test]
    fn what_is_not_granted_is_not_there() {
        let none = grants("acme", false, None, None).unwrap();
        assert_eq!(none, Grants::default());
        let some = granted(json!({
            "origins": ["https://*.acme.example"], "memoryMiB": 128, "wallSeconds": 60,
            "audiences": ["acme"], "ambient": [{"kind": "env", "name": "ACME_REGION"}],
        }));
        let some = grants("acme", false, some.as_ref(), None).unwrap();
        assert_eq!((some.memory_mib, some.wall, some.cpu), (128, Duration::from_secs(60), none.cpu));
        assert_eq!(some.ambient[0], AmbientGrant { kind: AmbientKind::Env, name: "ACME_REGION".to_owned() });
        assert!(!some.loopback && !some.link_local && !some.api_server && !some.api_server_audience);
    }

    #[test]
    fn an_object_that_grants_replaces_the_rights_of_a_built_in() {
        assert!(grants("vault", true, None, None).unwrap().api_server_audience);
        let narrowed = grants("vault", true, granted(json!({"memoryMiB": 32})).as_ref(), None).unwrap();
        assert!(!narrowed.api_server_audience && narrowed.audiences == ["vault", "sts.amazonaws.com"]);
        let ambient = granted(json!({"ambient": [{"kind": "awsMetadata", "name": "instance"}]}));
        let settings = json!({"endpoints": {"sts": "https://sts.example"}});
        let aws = grants("aws", true, ambient.as_ref(), settings.as_object()).unwrap();
        assert_eq!(aws.settings, settings);
        assert!(aws.store_origins.contains(&"https://ssm.{aws-region:/region}.amazonaws.com".to_owned()));
        // It may compute for 20 s unless it may not live that long.
        let short = granted(json!({"wallSeconds": 10}));
        assert_eq!(grants("generators", true, short.as_ref(), None).unwrap().cpu, Duration::from_secs(10));
        let wildcard = granted(json!({"origins": ["https://*.acme.example"]}));
        assert_eq!(grants("vault", true, wildcard.as_ref(), None).unwrap_err().reason(), "GrantsInvalid");
    }
}
