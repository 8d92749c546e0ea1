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
use crate::tape::Known;
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
        Objects::new(self.objects.iter())?;
        Objects::new(self.objects.iter().chain(&self.bad_credential))?;
        Ok(())
    }

    /// That requests are told apart by servers that there are: the bench's, or a recording's.
    pub(crate) fn check_servers<T>(&self, servers: &BTreeMap<String, T>) -> Result<(), BenchError> {
        let mut named = self.data_requests.iter().chain(&self.login_requests).filter_map(Matcher::server);
        match named.find(|name| !servers.contains_key(*name)) {
            None => Ok(()),
            Some(name) => {
                Err(BenchError::Wrong(format!("dataRequests, loginRequests: there is no server {name:?}")))
            }
        }
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
        let objects = [&self.objects, &self.bad_credential];
        let mut secrets = Vec::new();
        for objects in objects {
            secrets.extend(Objects::new(objects.iter())?.secrets().into_iter().map(|known| known.value));
        }
        secrets.extend(self.cases.values().into_iter().map(|known| known.value));
        Ok(secrets)
    }

    /// The same by name, and with `${NAME}` replaced, as they travel; and the values that are written with a number.
    pub(crate) fn known(&self, origins: &BTreeMap<String, String>) -> Result<Vec<Known>, BenchError> {
        let mut known = Objects::new(self.objects.iter())?.with_origins(origins).secrets();
        let bad = Objects::new(self.bad_credential.iter())?.with_origins(origins).secrets();
        known.extend(bad.into_iter().map(|bad| Known { name: format!("badCredential/{}", bad.name), ..bad }));
        known.extend(self.cases.values());
        known.extend(self.cases.numbered_values());
        Ok(known)
    }

    /// Whether the case's value is known by its digest alone.
    pub(crate) fn expects_a_digest(&self, case: Case) -> bool {
        self.cases.expected().any(|(of, _, expected)| of == case && expected.bytes().is_none())
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
    fn requests_are_told_apart_by_servers_that_there_are() {
        let bench = Bench::parse("store: {}\nloginRequests: [{server: A}]", PathBuf::new()).unwrap();
        assert!(bench.check_servers(&BTreeMap::from([("A".to_owned(), ())])).is_ok());
        let said = bench.check_servers(&BTreeMap::<String, ()>::new()).unwrap_err().to_string();
        assert!(said.contains("no server \"A\""), "{said}");
    }

    /// So a recording has a name for each.
    #[test]
    fn every_value_of_a_bench_has_a_name() {
        let bench = "store: {}
objects: [{kind: Secret, name: login, stringData: {token: 'to ${API}'}},
  {kind: ConfigMap, name: public, data: {a: b}},
  {kind: ServiceAccount, name: sa, tokens: [{token: the-jwt}]}]
badCredential: [{kind: Secret, name: login, stringData: {token: wrong-one}}]
cases:
  value: {key: k, expect: first}
  property: [{property: p, expect: {text: second}}]
  version: [{version: '1', expect: {base64: dGhpcmQ=}}, {version: '2', property: p}]
  slow: {expect: fourth}
  thousandKeys: {key: 'k-{n}', expect: 'v-{n}', times: 2}
  findByName: {name: x, expect: {a/b: fifth}}
  findByPath: {path: x, expect: [a]}
  binary: {key: k, expect: {sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}}
  push: {key: p, value: sixth, other: seventh}
  pushMetadata: {key: p, value: eighth, metadata: {}, refused: {}}
";
        let bench = Bench::parse(bench, PathBuf::new()).unwrap();
        let origins = BTreeMap::from([("API".to_owned(), "http://h".to_owned())]);
        let known: Vec<(String, String)> = bench
            .known(&origins)
            .unwrap()
            .into_iter()
            .map(|known| (known.name, String::from_utf8_lossy(known.value.expose()).into_owned()))
            .collect();
        let expected = [
            ("Secret/default/login/token", "to http://h"),
            ("ServiceAccount/default/sa/token/0", "the-jwt"),
            ("badCredential/Secret/default/login/token", "wrong-one"),
            ("value/expect", "first"),
            ("property/0/expect", "second"),
            ("version/0/expect", "third"),
            ("slow/expect", "fourth"),
            ("findByName/expect/a/b", "fifth"),
            ("push/value", "sixth"),
            ("push/other", "seventh"),
            ("pushMetadata/value", "eighth"),
            ("thousandKeys/expect/0", "v-0"),
            ("thousandKeys/expect/1", "v-1"),
        ];
        assert_eq!(known, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(bench.expects_a_digest(Case::Binary) && !bench.expects_a_digest(Case::Value));
    }

    #[test]
    fn a_mistake_is_told_without_quoting_the_file() {
        let said =
            refusal("store: {}\nobjects: [{kind: Secret, name: x, stringData: {a: [hunter2-secret]}}]");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
