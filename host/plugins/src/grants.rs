//! What a plugin may use: the admin's word, never the plugin's.

use std::time::Duration;

use serde_json::Value as Json;

use crate::ambient;
use crate::egress::Origin;
use crate::error::PluginsError;
use crate::source::AmbientKind;

/// Limits and rights of one plugin. The numbers are the sandbox profile of the design; each can be
/// raised for one plugin in its `Plugin` object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// Origins besides those that the store's own config names: exact, or `https://*.suffix`.
    pub origins: Vec<String>,
    /// Origins that follow from what a store is, for plugins that come with the binary: its cloud's own, those
    /// of the region that it names (`https://ssm.{aws-region:/region}.amazonaws.com`).
    pub store_origins: Vec<String>,
    /// What the admin sets for every store of the plugin (endpoints, a cloud's environment); no secret. URLs
    /// in it are origins that it may reach.
    pub settings: Json,
    /// Whether it may reach loopback addresses.
    pub loopback: bool,
    /// Whether it may reach link-local and metadata addresses.
    pub link_local: bool,
    /// Whether it may reach the API server.
    pub api_server: bool,
    /// What of the operator's own surroundings it may be handed.
    pub ambient: Vec<AmbientGrant>,
    /// Whether it may have tokens for the API server's own audience.
    pub api_server_audience: bool,
    /// Token audiences besides those that the manifest names.
    pub audiences: Vec<String>,
    /// Token audiences that follow from fields of the store which are no list of audiences, for plugins that
    /// come with the binary (`{google-project:/projectID}.svc.id.goog`).
    pub store_audiences: Vec<String>,
    /// Linear memory, MiB.
    pub memory_mib: u64,
    /// Time that it computes, per call.
    pub cpu: Duration,
    /// Time that a call takes, waiting included.
    pub wall: Duration,
    /// Bytes that one call may answer.
    pub output_bytes: u64,
    /// Calls at once.
    pub concurrency: usize,
    /// Whether the component came with the binary.
    pub built_in: bool,
}

/// One thing of the operator's own surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmbientGrant {
    /// What it is.
    pub kind: AmbientKind,
    /// Name of the variable, the audience of the token, the profile of the metadata service; empty for the
    /// others.
    pub name: String,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            store_origins: Vec::new(),
            settings: Json::Null,
            loopback: false,
            link_local: false,
            api_server: false,
            ambient: Vec::new(),
            api_server_audience: false,
            audiences: Vec::new(),
            store_audiences: Vec::new(),
            // A login, a parser and a few hundred secrets of 64 KiB fit; a runtime such as Python's does.
            memory_mib: 64,
            // Providers wait more than they compute; parsing a 4 MiB answer takes some 50 ms.
            cpu: Duration::from_secs(1),
            wall: Duration::from_secs(30),
            // Four times the most that a Secret can hold.
            output_bytes: 4 * 1024 * 1024,
            // Each is an instance with its memory: 64 of 64 MiB are address space, not RAM.
            concurrency: 64,
            built_in: false,
        }
    }
}

impl Grants {
    /// All origins that they name: granted ones, those that follow from a store's field (with its place in
    /// braces), and those of URLs in the settings.
    pub fn all_origins(&self) -> Vec<String> {
        let all = self.origins.iter().chain(&self.store_origins).cloned();
        all.chain(Origin::all_in(&self.settings).iter().map(Origin::to_string)).collect()
    }

    /// All audiences that they name: granted ones, and those that follow from a store's field (with its place
    /// in braces).
    pub fn all_audiences(&self) -> Vec<String> {
        self.audiences.iter().chain(&self.store_audiences).cloned().collect()
    }

    /// For template engines: generating an RSA key of 4096 bits in wasm takes 2 to 13 s, as chance has it.
    pub fn template_engine() -> Self {
        Self { cpu: Duration::from_secs(20), ..Self::default() }
    }

    /// These, less whatever `other` does not grant too: rights only go, limits only fall.
    #[must_use]
    pub fn narrowed_to(&self, other: &Self) -> Self {
        fn common<T: Clone + PartialEq>(ours: &[T], theirs: &[T]) -> Vec<T> {
            ours.iter().filter(|item| theirs.contains(item)).cloned().collect()
        }
        Self {
            origins: common(&self.origins, &other.origins),
            store_origins: common(&self.store_origins, &other.store_origins),
            settings: both(&self.settings, &other.settings),
            loopback: self.loopback && other.loopback,
            link_local: self.link_local && other.link_local,
            api_server: self.api_server && other.api_server,
            ambient: common(&self.ambient, &other.ambient),
            api_server_audience: self.api_server_audience && other.api_server_audience,
            audiences: common(&self.audiences, &other.audiences),
            store_audiences: common(&self.store_audiences, &other.store_audiences),
            memory_mib: self.memory_mib.min(other.memory_mib),
            cpu: self.cpu.min(other.cpu),
            wall: self.wall.min(other.wall),
            output_bytes: self.output_bytes.min(other.output_bytes),
            concurrency: self.concurrency.min(other.concurrency),
            built_in: self.built_in,
        }
    }

    /// Whether they make sense: a grant that can never match, or a limit that no call can meet, is a
    /// mistake that should be told before somebody relies on it.
    ///
    /// # Errors
    /// [`PluginsError::Grants`] with the field and the remedy.
    pub fn check(&self) -> Result<(), PluginsError> {
        /// wasm's linear memory has 32-bit addresses.
        const MEMORY_MIB: std::ops::RangeInclusive<u64> = 1..=4096;
        /// Longer than any backend should take: a reconcile waits for it.
        const WALL: Duration = Duration::from_secs(300);
        let refuse = |why: String| Err(PluginsError::Grants(why));
        for pattern in &self.origins {
            if let Err(why) = Origin::check_grant(pattern, self.built_in) {
                return refuse(format!("origins: {pattern:?} is no origin that can be granted: {why}"));
            }
        }
        if !MEMORY_MIB.contains(&self.memory_mib) {
            return refuse(format!("memoryMiB: {} is not between 1 and 4096", self.memory_mib));
        }
        if self.cpu.is_zero() || self.wall.is_zero() || self.concurrency == 0 {
            return refuse("cpuMilliseconds, wallSeconds, concurrency: none of them may be 0".to_owned());
        }
        if self.wall > WALL {
            return refuse(format!("wallSeconds: {} is more than {}", self.wall.as_secs(), WALL.as_secs()));
        }
        if self.cpu > self.wall {
            return refuse(format!(
                "cpuMilliseconds: {} ms of computing do not fit into wallSeconds: {} s",
                self.cpu.as_millis(),
                self.wall.as_secs()
            ));
        }
        if self.audiences.iter().any(String::is_empty) {
            return refuse("audiences: an empty audience is none".to_owned());
        }
        if self.output_bytes == 0 {
            return refuse("outputBytes: no answer fits into 0 bytes".to_owned());
        }
        for grant in &self.ambient {
            let AmbientGrant { kind, name } = grant;
            match kind {
                AmbientKind::Env | AmbientKind::FileByEnv if !variable(name) => {
                    return refuse(format!("ambient: {kind} needs the name of an environment variable"));
                }
                AmbientKind::PodServiceAccountToken if name.is_empty() => {
                    return refuse(format!("ambient: {kind} needs a name, which is the token's audience"));
                }
                AmbientKind::AwsMetadata | AmbientKind::GcpMetadata | AmbientKind::AzureMetadata => {
                    if let Err(known) = ambient::check_profile(*kind, name) {
                        return refuse(format!("ambient: {kind} needs a name, which is {known}"));
                    }
                }
                AmbientKind::Env | AmbientKind::FileByEnv | AmbientKind::PodServiceAccountToken => {}
            }
        }
        Ok(())
    }
}

/// What two settings say alike.
fn both(ours: &Json, theirs: &Json) -> Json {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => ours
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), both(value, theirs.get(name)?))))
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ if ours == theirs => ours.clone(),
        _ => Json::Null,
    }
}

/// Names as POSIX has them.
fn variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::builtin::builtin_grants;

    #[test]
    fn narrowing_gives_nothing() {
        let origin = |text: &str| text.to_owned();
        let old = Grants {
            origins: vec![origin("https://a.example"), origin("https://b.example")],
            loopback: true,
            memory_mib: 32,
            ..Grants::default()
        };
        let new = Grants {
            origins: vec![origin("https://b.example"), origin("https://c.example")],
            api_server_audience: true,
            link_local: true,
            memory_mib: 128,
            concurrency: 1,
            ..Grants::default()
        };
        let narrowed = old.narrowed_to(&new);
        assert_eq!(narrowed.origins, ["https://b.example"]);
        assert_eq!((narrowed.memory_mib, narrowed.concurrency), (32, 1));
        assert!(!narrowed.loopback && !narrowed.link_local && !narrowed.api_server_audience);
        assert_eq!(old.narrowed_to(&old), old);
        let with = |settings| Grants { settings, ..Grants::default() };
        let old = with(serde_json::json!({"endpoints": {"a": "https://a", "b": "https://b"}, "x": 1}));
        let new = with(serde_json::json!({"endpoints": {"a": "https://a", "b": "https://c"}, "y": 2}));
        assert_eq!(old.narrowed_to(&new).settings, serde_json::json!({"endpoints": {"a": "https://a"}}));
        assert_eq!(old.narrowed_to(&with(Json::Null)).settings, Json::Null);
    }

    #[test]
    fn grants_that_make_no_sense_are_named() {
        let base = Grants::default;
        let origin = |text: &str| Grants { origins: vec![text.to_owned()], ..base() };
        let ambient = |kind, name: &str| Grants {
            ambient: vec![AmbientGrant { kind, name: name.to_owned() }],
            ..base()
        };
        for (grants, expected) in [
            (origin("https://*.com"), "origins"),
            (origin("https://*"), "origins"),
            (origin("http://*.example.com"), "origins"),
            (origin("https://v.example/path"), "origins"),
            (origin("ftp://v.example"), "origins"),
            (Grants { built_in: true, ..origin("https://*.example.com") }, "origins"),
            (Grants { memory_mib: 0, ..base() }, "memoryMiB"),
            (Grants { memory_mib: 5000, ..base() }, "memoryMiB"),
            (Grants { concurrency: 0, ..base() }, "concurrency"),
            (Grants { cpu: Duration::from_secs(31), ..base() }, "cpuMilliseconds"),
            (Grants { wall: Duration::from_secs(301), ..base() }, "wallSeconds"),
            (Grants { audiences: vec![String::new()], ..base() }, "audiences"),
            (Grants { output_bytes: 0, ..base() }, "outputBytes"),
            (ambient(AmbientKind::Env, ""), "environment variable"),
            (ambient(AmbientKind::Env, "A=B"), "environment variable"),
            (ambient(AmbientKind::PodServiceAccountToken, ""), "audience"),
            (ambient(AmbientKind::AwsMetadata, ""), "container or instance"),
            (ambient(AmbientKind::AzureMetadata, ""), "https://vault.azure.net"),
            (ambient(AmbientKind::AzureMetadata, "https://vault.azure.net/"), "without a slash"),
            (ambient(AmbientKind::AzureMetadata, "http://vault.azure.net"), "https://vault.azure.net"),
            (ambient(AmbientKind::GcpMetadata, "instance"), "access-token"),
        ] {
            let said = grants.check().unwrap_err().to_string();
            assert!(said.contains(expected), "{expected:?} is not in {said:?}");
        }
        for grants in [
            base(),
            Grants::template_engine(),
            origin("https://*.example.com"),
            origin("http://etcd.example:2379"),
            ambient(AmbientKind::Env, "AWS_REGION"),
            ambient(AmbientKind::AwsMetadata, "instance"),
            ambient(AmbientKind::AzureMetadata, "https://vault.azure.net"),
            ambient(AmbientKind::GcpMetadata, "access-token"),
            builtin_grants("aws"),
            builtin_grants("azurekv"),
            builtin_grants("gcpsm"),
            builtin_grants("generators"),
            builtin_grants("kubernetes"),
            builtin_grants("vault"),
        ] {
            grants.check().unwrap();
        }
    }
}
