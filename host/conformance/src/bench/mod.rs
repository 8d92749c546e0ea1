//! The bench: what lies prepared in a backend, and what each case gives and expects. Read from YAML and
//! checked; nothing here reaches for a backend.

mod cases;
mod expand;
mod expected;
mod grants;
mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use claviger_core::secret::SecretBytes;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::case::Case;
use crate::proxy::{Matcher, Upstream};
pub(crate) use cases::{Answer, Cases, Expire, ExpireRequest, FaultCase, Find, KeyCase, PushCase};
pub(crate) use expand::{expand, numbered};
pub(crate) use expected::Expected;
use grants::GrantsGiven;
use objects::ObjectGiven;
pub(crate) use objects::{NAMESPACE, Objects};

/// Why a bench cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// It, or a file that it names, cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no bench.
    #[error("{path} is no bench: {why}")]
    Malformed {
        /// Which file.
        path: String,
        /// Where and what.
        why: String,
    },
    /// It contradicts itself, or misses something.
    #[error("bench: {0}")]
    Wrong(String),
}

/// A bench, as its file has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bench {
    /// Name in manifests; its default grants are the ones of the built-in plugin of that name.
    pub(crate) plugin: Option<String>,
    #[serde(default)]
    grants: GrantsGiven,
    /// The admin's settings, handed to `connect`.
    #[serde(default)]
    pub(crate) settings: Json,
    /// The provider's object of a store.
    pub(crate) store: Json,
    /// The backend's servers, by the name that stands in `${NAME}`.
    #[serde(default)]
    pub(crate) servers: BTreeMap<String, Upstream>,
    #[serde(default)]
    objects: Vec<ObjectGiven>,
    #[serde(default)]
    bad_credential: Vec<ObjectGiven>,
    /// What counts as a request for data; none: whatever is no login.
    #[serde(default)]
    pub(crate) data_requests: Vec<Matcher>,
    /// What counts as a login; none: the provider has no logins.
    #[serde(default)]
    pub(crate) login_requests: Vec<Matcher>,
    #[serde(default)]
    pub(crate) cases: Cases,
    #[serde(default)]
    pub(crate) unsupported: BTreeMap<Case, String>,
    /// Where files that it names are looked for.
    #[serde(skip)]
    folder: PathBuf,
}

impl Bench {
    /// Reads and checks a bench. Files that it names are looked for beside it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(path: &Path) -> Result<Self, BenchError> {
        let shown = || path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|source| BenchError::Unreadable { path: shown(), source })?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(&text, folder).map_err(|error| match error {
            BenchError::Malformed { why, .. } => BenchError::Malformed { path: shown(), why },
            other => other,
        })
    }

    /// The same from a text, with files looked for in `folder`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, folder: PathBuf) -> Result<Self, BenchError> {
        let mut bench: Self = serde_saphyr::from_str(text).map_err(|error| {
            // What follows the first line quotes the file, which holds credentials.
            let why = error.to_string().lines().next().unwrap_or_default().to_owned();
            BenchError::Malformed { path: "the text".to_owned(), why }
        })?;
        bench.folder = folder;
        bench.check()?;
        bench.cases.load_files(&bench.folder)?;
        for upstream in bench.servers.values_mut() {
            upstream.ca = upstream.ca.take().map(|ca| bench.folder.join(ca));
        }
        Ok(bench)
    }

    fn check(&self) -> Result<(), BenchError> {
        let wrong = |why: String| Err(BenchError::Wrong(why));
        for (case, reason) in &self.unsupported {
            if case.is_required() {
                return wrong(format!("unsupported.{case}: every provider has to pass it"));
            }
            if reason.trim().is_empty() {
                return wrong(format!("unsupported.{case}: say why in a few words"));
            }
            if self.cases.given(*case) {
                return wrong(format!("{case} stands under cases and under unsupported: remove one"));
            }
        }
        for name in self.servers.keys() {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return wrong(format!("servers: the name {name:?} must be letters, digits and underscores"));
            }
        }
        for matcher in self.data_requests.iter().chain(&self.login_requests) {
            if let Some(server) = matcher.server().filter(|server| !self.servers.contains_key(*server)) {
                return wrong(format!("dataRequests, loginRequests: there is no server {server:?}"));
            }
        }
        Objects::new(self.objects.iter())?;
        Objects::new(self.objects.iter().chain(&self.bad_credential))?;
        Ok(())
    }

    /// The objects, with `${NAME}` in their texts replaced; `bad`: those with the wrong credential in
    /// place of the ones of the same kind and name.
    pub(crate) fn objects(
        &self,
        bad: bool,
        origins: &BTreeMap<String, String>,
    ) -> Result<Objects, BenchError> {
        let wrong = self.bad_credential.iter().filter(|_| bad);
        Ok(Objects::new(self.objects.iter().chain(wrong))?.with_origins(origins))
    }

    /// Whether there is a wrong credential.
    pub(crate) fn has_bad_credential(&self) -> bool {
        !self.bad_credential.is_empty()
    }

    /// What the plugin may, with `${NAME}` replaced in its origins; loopback always.
    pub(crate) fn grants(
        &self,
        origins: &BTreeMap<String, String>,
    ) -> Result<claviger_plugins::Grants, BenchError> {
        self.grants.on(self.plugin.as_deref(), origins)
    }

    /// Every text that nobody may see: credentials, right and wrong, and the values that cases expect.
    pub(crate) fn secrets(&self) -> Result<Vec<SecretBytes>, BenchError> {
        let mut secrets = Objects::new(self.objects.iter())?.secrets();
        secrets.extend(Objects::new(self.bad_credential.iter())?.secrets());
        secrets.extend(self.cases.expected().filter_map(Expected::bytes));
        Ok(secrets)
    }

    /// Cases that it says nothing about.
    pub(crate) fn silent_about(&self) -> BTreeSet<Case> {
        let said = |case: &Case| self.cases.given(*case) || self.unsupported.contains_key(case);
        Case::all().filter(|case| !said(case)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refusal(text: &str) -> String {
        Bench::parse(text, PathBuf::new()).err().unwrap().to_string()
    }

    #[test]
    fn what_is_wrong_with_a_bench_is_said() {
        for (text, expected) in [
            ("servers: {}", "store"),
            ("store: {}\ncase: {}", "case"),
            ("store: {}\nunsupported: {value: no}", "unsupported.value: every provider"),
            ("store: {}\nunsupported: {denied: ' '}", "say why"),
            ("store: {}\nunsupported: {deny: because}", "deny"),
            ("store: {}\ncases: {denied: {key: x}}\nunsupported: {denied: it cannot}", "remove one"),
            ("store: {}\nservers: {'A B': 'http://127.0.0.1:1'}", "the name \"A B\""),
            ("store: {}\nservers: {A: 'http://192.0.2.1:80'}", "loopback"),
            ("store: {}\nservers: {A: 'http://127.0.0.1:80/path'}", "nothing behind"),
            ("store: {}\nloginRequests: [{server: A}]", "no server \"A\""),
            ("store: {}\nloginRequests: [{path: '('}]", "regular expression"),
            ("store: {}\nloginRequests: [{}]", "matches everything"),
            ("store: {}\nobjects: [{kind: Pod, name: x}]", "Pod"),
            ("store: {}\nobjects: [{kind: Secret, name: x, data: {k: '#'}}]", "base64"),
            ("store: {}\ncases: {value: {key: k, expect: {file: absent.bin}}}", "absent.bin"),
            ("store: {}\ncases: {value: {key: k, expect: {sha256: abc}}}", "sha256"),
        ] {
            let said = refusal(text);
            assert!(said.contains(expected), "{expected:?} is not in {said:?} for {text:?}");
        }
    }

    #[test]
    fn a_mistake_is_told_without_quoting_the_file() {
        let said =
            refusal("store: {}\nobjects: [{kind: Secret, name: x, stringData: {a: [hunter2-secret]}}]");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
