//! What a bench gives for each case. A key that is left out is the one of the case `value`.

use std::collections::BTreeMap;
use std::path::Path;

use claviger_core::secret::SecretBytes;
use serde::Deserialize;
use serde_json::Value as Json;

use super::expand::numbered;
use super::{BenchError, Expected};
use crate::case::Case;
use crate::tape::Known;

/// A key and what it holds.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyCase {
    pub(crate) key: Option<String>,
    pub(crate) property: Option<String>,
    pub(crate) version: Option<String>,
    /// Left out where the case says what has to come, or where `value` does.
    pub(crate) expect: Option<Expected>,
}

/// A fault, and the key that is read meanwhile.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FaultCase {
    pub(crate) key: Option<String>,
    pub(crate) expect: Option<Expected>,
    /// The backend's own words for it, where the usual ones are not its.
    pub(crate) answer: Option<Answer>,
    /// Of `throttled`: the time that the answer names, if it names one.
    pub(crate) delay_seconds: Option<u64>,
}

/// What the proxy answers in place of the backend.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: String,
}

/// Many keys, written once: `{n}` is the number of each.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Many {
    pub(crate) key: String,
    pub(crate) expect: Expected,
    #[serde(default = "thousand")]
    pub(crate) times: usize,
}

fn thousand() -> usize {
    1_000
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// Good keys; none: the one of `value`.
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    /// Left out: the one of `missingKey`.
    pub(crate) missing: Option<String>,
}

/// A search.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Find {
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) name: Option<String>,
    /// What has to be found.
    #[serde(default)]
    pub(crate) expect: Found,
    /// Pages that it has to take at least: without it a bench with too few keys shows nothing.
    pub(crate) pages: Option<usize>,
}

/// Keys, keys with values, or a pattern of keys.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Found {
    Keys(Vec<String>),
    Pattern(Pattern),
    Values(BTreeMap<String, Expected>),
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pattern {
    pattern: String,
    times: usize,
}

impl Default for Found {
    fn default() -> Self {
        Self::Keys(Vec::new())
    }
}

impl Found {
    /// Each key with its value, where one is given.
    pub(crate) fn each(&self) -> BTreeMap<String, Option<Expected>> {
        match self {
            Self::Keys(keys) => keys.iter().map(|key| (key.clone(), None)).collect(),
            Self::Pattern(of) => (0..of.times).map(|n| (numbered(&of.pattern, n), None)).collect(),
            Self::Values(values) => {
                values.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()
            }
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetadataCase {
    pub(crate) key: Option<String>,
    /// Every entry of it has to be there; others may.
    pub(crate) expect: Json,
}

/// A key that is the suite's to write.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushCase {
    pub(crate) key: String,
    #[serde(default = "first_value")]
    pub(crate) value: String,
    /// Another value.
    #[serde(default = "second_value")]
    pub(crate) other: String,
}

/// What every backend takes: a JSON object, in which no number and no spelling changes on the way.
fn first_value() -> String {
    r#"{"pushed":"first-value-of-the-suite"}"#.to_owned()
}

fn second_value() -> String {
    r#"{"pushed":"second-value-of-the-suite"}"#.to_owned()
}

/// Metadata of a push.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PushMetadataCase {
    pub(crate) key: String,
    #[serde(default = "first_value")]
    pub(crate) value: String,
    pub(crate) metadata: Json,
    /// What the key's metadata has then, at least, where the provider claims to read it.
    #[serde(default)]
    pub(crate) expect: Json,
    /// What the plugin's schema or the plugin refuses.
    pub(crate) refused: Json,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginCase {
    pub(crate) key: Option<String>,
    /// Reads at once.
    pub(crate) reads: Option<usize>,
}

/// How a login comes to its end.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Expire {
    /// A request to the backend, past the proxy.
    Request(ExpireRequest),
    /// What the backend says to an ended login: so the proxy answers data requests until the next login.
    Answer(Answer),
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExpireRequest {
    pub(crate) method: String,
    /// With `${NAME}` for a server.
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: String,
    /// Any success, if left out.
    pub(crate) expect_status: Option<u16>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExpireCase {
    pub(crate) key: Option<String>,
    pub(crate) expire: Expire,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RefusedCase {
    pub(crate) key: Option<String>,
    /// How the login ends; left out: as in `expiredToken`.
    pub(crate) expire: Option<Expire>,
    /// What logins are answered from then on.
    pub(crate) login_answer: Answer,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoInput {}

macro_rules! cases {
    ($($field:ident: $kind:ty => $case:ident),* $(,)?) => {
        /// The cases of a bench.
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct Cases {
            $(pub(crate) $field: Option<$kind>,)*
        }

        impl Cases {
            /// Whether the bench gives it. Leaks are looked for whether it says so or not.
            pub(crate) fn given(&self, case: Case) -> bool {
                match case {
                    $(Case::$case => self.$field.is_some(),)*
                    Case::NoLeaks => true,
                }
            }
        }
    };
}

cases! {
    value: KeyCase => Value,
    property: Vec<KeyCase> => Property,
    version: Vec<KeyCase> => Version,
    missing_key: KeyCase => MissingKey,
    missing_version: KeyCase => MissingVersion,
    missing_property: KeyCase => MissingProperty,
    denied: KeyCase => Denied,
    bad_credential: KeyCase => BadCredential,
    throttled: FaultCase => Throttled,
    server_error: FaultCase => ServerError,
    server_error_at_login: FaultCase => ServerErrorAtLogin,
    timeout: FaultCase => Timeout,
    slow: FaultCase => Slow,
    truncated_body: FaultCase => TruncatedBody,
    oversized_body: FaultCase => OversizedBody,
    not_the_backend: FaultCase => NotTheBackend,
    unreachable: FaultCase => Unreachable,
    binary: KeyCase => Binary,
    unicode: KeyCase => Unicode,
    large: KeyCase => Large,
    thousand_keys: Many => ThousandKeys,
    one_bad_key_in_batch: Batch => OneBadKeyInBatch,
    find_by_name: Find => FindByName,
    find_by_path: Find => FindByPath,
    find_by_tags: Find => FindByTags,
    find_nothing: Find => FindNothing,
    paging: Find => Paging,
    metadata: MetadataCase => Metadata,
    login_once: LoginCase => LoginOnce,
    expired_token: ExpireCase => ExpiredToken,
    token_refused_for_ever: RefusedCase => TokenRefusedForEver,
    validate: NoInput => Validate,
    validate_bad_credential: NoInput => ValidateBadCredential,
    push: PushCase => Push,
    create_only: PushCase => CreateOnly,
    push_unmanaged: KeyCase => PushUnmanaged,
    push_conflict: PushCase => PushConflict,
    push_metadata: PushMetadataCase => PushMetadata,
    delete_pushed: PushCase => DeletePushed,
}

impl Cases {
    pub(super) fn load_files(&mut self, folder: &Path) -> Result<(), BenchError> {
        self.expected_mut().into_iter().try_for_each(|expected| expected.load(folder))
    }

    fn expected_mut(&mut self) -> Vec<&mut Expected> {
        let single = [&mut self.value, &mut self.binary, &mut self.unicode, &mut self.large];
        let mut all: Vec<&mut Expected> =
            single.into_iter().flatten().filter_map(|case| case.expect.as_mut()).collect();
        let lists = [&mut self.property, &mut self.version];
        all.extend(lists.into_iter().flatten().flatten().filter_map(|case| case.expect.as_mut()));
        all.extend(self.slow.as_mut().and_then(|case| case.expect.as_mut()));
        all.extend(self.thousand_keys.as_mut().map(|many| &mut many.expect));
        let finds =
            [&mut self.find_by_name, &mut self.find_by_path, &mut self.find_by_tags, &mut self.paging];
        for find in finds.into_iter().flatten() {
            if let Found::Values(values) = &mut find.expect {
                all.extend(values.values_mut());
            }
        }
        all
    }

    /// Values that cases expect, save those that are written with a number: of which case, and which of it.
    pub(super) fn expected(&self) -> impl Iterator<Item = (Case, String, &Expected)> {
        let single = [
            (Case::Value, &self.value),
            (Case::Binary, &self.binary),
            (Case::Unicode, &self.unicode),
            (Case::Large, &self.large),
        ];
        let single = single
            .into_iter()
            .filter_map(|(case, of)| Some((case, String::new(), of.as_ref()?.expect.as_ref()?)));
        let lists = [(Case::Property, &self.property), (Case::Version, &self.version)];
        let lists = lists.into_iter().flat_map(|(case, list)| {
            let numbered = list.iter().flatten().enumerate();
            numbered.filter_map(move |(n, of)| Some((case, format!("{n}/"), of.expect.as_ref()?)))
        });
        let slow = self.slow.as_ref().and_then(|slow| slow.expect.as_ref());
        single.chain(lists).chain(slow.map(|expected| (Case::Slow, String::new(), expected)))
    }

    /// Every value of a case, by name: what it expects, finds and writes.
    pub(super) fn values(&self) -> Vec<Known> {
        let named = |name: String, value: &Expected| Some(Known { name, value: value.bytes()? });
        let mut all: Vec<Known> = self
            .expected()
            .filter_map(|(case, which, expected)| named(format!("{case}/{which}expect"), expected))
            .collect();
        for (case, find) in [
            (Case::FindByName, &self.find_by_name),
            (Case::FindByPath, &self.find_by_path),
            (Case::FindByTags, &self.find_by_tags),
            (Case::Paging, &self.paging),
        ] {
            if let Some(Find { expect: Found::Values(values), .. }) = find {
                all.extend(
                    values.iter().filter_map(|(key, value)| named(format!("{case}/expect/{key}"), value)),
                );
            }
        }
        let text =
            |name: String, value: &str| Known { name, value: SecretBytes::copied_from(value.as_bytes()) };
        for (case, push) in [
            (Case::Push, &self.push),
            (Case::CreateOnly, &self.create_only),
            (Case::PushConflict, &self.push_conflict),
            (Case::DeletePushed, &self.delete_pushed),
        ] {
            if let Some(push) = push {
                all.push(text(format!("{case}/value"), &push.value));
                all.push(text(format!("{case}/other"), &push.other));
            }
        }
        let metadata = self.push_metadata.as_ref();
        all.extend(metadata.map(|push| text(format!("{}/value", Case::PushMetadata), &push.value)));
        all
    }

    /// The values that are written with a number.
    pub(super) fn numbered_values(&self) -> Vec<Known> {
        let each = |many: &Many| {
            let value = |n| {
                Some(Known {
                    name: format!("{}/expect/{n}", Case::ThousandKeys),
                    value: many.expect.numbered(n).bytes()?,
                })
            };
            (0..many.times).filter_map(value).collect::<Vec<_>>()
        };
        self.thousand_keys.as_ref().map(each).unwrap_or_default()
    }
}
