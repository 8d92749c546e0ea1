//! What a plugin may under test: the default grants of its name, with what the bench changes of them.
//! Fields are spelled as in `spec.grants` of a Plugin object.

use std::collections::BTreeMap;
use std::time::Duration;

use claviger_plugins::{Grants, builtin_grants};
use serde::Deserialize;

use super::BenchError;
use super::expand::with_origins;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GrantsGiven {
    origins: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
    api_server_audience: Option<bool>,
    #[serde(rename = "memoryMiB")]
    memory_mib: Option<u64>,
    cpu_milliseconds: Option<u64>,
    wall_seconds: Option<u64>,
    concurrency: Option<usize>,
}

impl GrantsGiven {
    /// Those of the plugin of that name, changed. Loopback is always granted: there the proxy stands.
    pub(super) fn on(
        &self,
        plugin: Option<&str>,
        origins: &BTreeMap<String, String>,
    ) -> Result<Grants, BenchError> {
        // A name without grants of its own has the default ones, as a plugin that was installed.
        let mut grants = plugin.map(builtin_grants).unwrap_or_default();
        grants.loopback = true;
        if let Some(given) = &self.origins {
            grants.origins = given.iter().map(|origin| with_origins(origin, origins)).collect();
        }
        if let Some(audiences) = &self.audiences {
            grants.audiences.clone_from(audiences);
        }
        grants.api_server_audience = self.api_server_audience.unwrap_or(grants.api_server_audience);
        grants.memory_mib = self.memory_mib.unwrap_or(grants.memory_mib);
        grants.cpu = self.cpu_milliseconds.map_or(grants.cpu, Duration::from_millis);
        grants.wall = self.wall_seconds.map_or(grants.wall, Duration::from_secs);
        grants.concurrency = self.concurrency.unwrap_or(grants.concurrency);
        grants.check().map_err(|error| BenchError::Wrong(error.to_string()))?;
        Ok(grants)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_bench_changes_what_the_name_has() {
        let origins = BTreeMap::from([("STS".to_owned(), "http://127.0.0.1:7".to_owned())]);
        let given: GrantsGiven =
            serde_json::from_str(r#"{"origins":["${STS}"],"memoryMiB":128,"wallSeconds":9}"#).unwrap();
        let grants = given.on(Some("vault"), &origins).unwrap();
        let expected = Grants {
            loopback: true,
            origins: vec!["http://127.0.0.1:7".to_owned()],
            memory_mib: 128,
            wall: Duration::from_secs(9),
            ..builtin_grants("vault")
        };
        assert_eq!(grants, expected);
        let senseless: GrantsGiven = serde_json::from_str(r#"{"concurrency":0}"#).unwrap();
        assert!(senseless.on(None, &origins).err().unwrap().to_string().contains("concurrency"));
    }
}
