//! What is done about a push or a deletion, from what stands there: whose it is, whether it is the same, which version
//! must still be the one. Nothing is sent here.

use std::collections::{BTreeMap, BTreeSet};

use claviger_plugin_sdk::Error;
use claviger_plugin_sdk::provider::writer::Outcome;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer;
use crate::metadata::Spec;

/// The mark, a label, as ESO spells it.
const MARK: (&str, &str) = ("managed-by", "external-secrets");
/// Bytes of a payload, at most ("Quotas and limits").
const LARGEST: usize = 65_536;

/// What is to stand under a key.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) value: &'a [u8],
    /// None if the push has no metadata.
    pub(crate) spec: Option<Spec>,
    /// See the interface.
    pub(crate) expected: Option<&'a str>,
    /// See the interface.
    pub(crate) replace: bool,
}

impl Wanted<'_> {
    /// What is said about a secret of which this is known. A property is set in what is there, so its push says nothing
    /// about the rest: what is there stays, as with ESO.
    fn about(&self, stored: &About) -> About {
        if self.spec.is_none() && self.expected.is_some() {
            return stored.clone();
        }
        let nothing = Spec::default();
        let spec = self.spec.as_ref().unwrap_or(&nothing);
        let mut labels = spec.labels(&stored.labels);
        labels.insert(MARK.0.to_owned(), MARK.1.to_owned());
        let topics = spec.topics.clone().map(|topics| topics.into_iter().collect());
        About {
            labels,
            annotations: spec.annotations(),
            topics: topics.unwrap_or_else(|| stored.topics.clone()),
        }
    }

    fn checked(&self) -> Result<(), Error> {
        match self.value.len() {
            0 => Err(Error::Other("Secret Manager keeps no empty value".to_owned())),
            1..=LARGEST => Ok(()),
            length => Err(Error::Other(format!(
                "Secret Manager keeps {LARGEST} bytes at most, and the value has {length}"
            ))),
        }
    }

    /// The body of the request that creates the secret.
    fn create(&self, regional: bool) -> Value {
        let mut body = self.about(&About::default()).fields(&About::default());
        let nothing = Spec::default();
        body.extend(
            self.spec.as_ref().unwrap_or(&nothing).kept(regional).map(|(name, kept)| (name.to_owned(), kept)),
        );
        Value::Object(body)
    }
}

/// What is said about a secret, of what a push may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Their order means nothing.
    pub(crate) topics: BTreeSet<String>,
}

impl About {
    /// The fields in which it differs, as Google spells them.
    fn fields(&self, stored: &Self) -> Map<String, Value> {
        let mut fields = Map::new();
        if self.labels != stored.labels {
            fields.insert("labels".to_owned(), json!(self.labels));
        }
        if self.annotations != stored.annotations {
            fields.insert("annotations".to_owned(), json!(self.annotations));
        }
        if self.topics != stored.topics {
            let topics: Vec<Value> = self.topics.iter().map(|topic| json!({"name": topic})).collect();
            fields.insert("topics".to_owned(), json!(topics));
        }
        fields
    }
}

/// A secret.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) about: About,
    /// Of what is said about it; versions have their own.
    pub(crate) etag: String,
}

impl Stored {
    /// From Google's answer.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn parse(body: &[u8], what: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Answer {
            // Every secret has one: what lacks it is another's answer.
            #[serde(rename = "name")]
            _name: String,
            #[serde(default)]
            etag: String,
            labels: Option<BTreeMap<String, String>>,
            annotations: Option<BTreeMap<String, String>>,
            topics: Option<Vec<Topic>>,
        }
        #[derive(Deserialize)]
        struct Topic {
            name: String,
        }
        let answer: Answer = serde_json::from_slice(body).map_err(|_| answer::odd(what))?;
        let topics = answer.topics.unwrap_or_default().into_iter().map(|topic| topic.name);
        let about = About {
            labels: answer.labels.unwrap_or_default(),
            annotations: answer.annotations.unwrap_or_default(),
            topics: topics.collect(),
        };
        Ok(Self { about, etag: answer.etag })
    }

    fn is_managed(&self) -> bool {
        self.about.labels.get(MARK.0).is_some_and(|by| by == MARK.1)
    }
}

/// The value that `get` tells.
pub(crate) enum Current {
    /// The secret never had a version, or is not there.
    None,
    Value(answer::Payload),
    /// There are versions, and the one is disabled or destroyed.
    Unreadable(Error),
}

impl Current {
    /// That it is the version that `get` told.
    fn expect(&self, expected: Option<&str>) -> Result<(), Error> {
        let Some(expected) = expected else { return Ok(()) };
        match self {
            Self::Value(payload) if payload.version.as_deref() == Some(expected) => Ok(()),
            Self::Unreadable(error) => Err(error.clone()),
            Self::Value(_) | Self::None => {
                Err(Error::Conflict(format!("its version is not {expected} any more")))
            }
        }
    }
}

/// What is sent. What is said about the secret comes first: who dies in between leaves what is his.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) secret: Change,
    /// A version is added.
    pub(crate) add: bool,
    pub(crate) outcome: Outcome,
}

/// What is done about the secret itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// It is created, with this body.
    Create(Value),
    /// These fields are written, if its etag still is this one.
    Patch {
        fields: Map<String, Value>,
        etag: String,
    },
}

/// Of a push.
///
/// # Errors
/// [`Error::Denied`] for what is another's, [`Error::Conflict`]; and what Secret Manager does not keep.
pub(crate) fn plan(
    stored: Option<&Stored>,
    current: Current,
    wanted: &Wanted<'_>,
    regional: bool,
) -> Result<Plan, Error> {
    let unchanged = Plan { secret: Change::None, add: false, outcome: Outcome::Unchanged };
    if !wanted.replace && !matches!(current, Current::None) {
        return Ok(unchanged);
    }
    current.expect(wanted.expected)?;
    let Some(stored) = stored else {
        wanted.checked()?;
        let secret = Change::Create(wanted.create(regional));
        return Ok(Plan { secret, add: true, outcome: Outcome::Created });
    };
    if !stored.is_managed() {
        return Err(not_managed());
    }
    let (add, outcome) = match current {
        Current::None => (true, Outcome::Created),
        Current::Value(payload) => (payload.data != wanted.value, Outcome::Updated),
        // As ESO: who disabled it had a reason.
        Current::Unreadable(error) => return Err(error),
    };
    if add {
        wanted.checked()?;
    }
    let fields = wanted.about(&stored.about).fields(&stored.about);
    if fields.is_empty() {
        return Ok(if add { Plan { add, outcome, ..unchanged } } else { unchanged });
    }
    Ok(Plan { secret: Change::Patch { fields, etag: stored.etag.clone() }, add, outcome })
}

/// That a secret is to be deleted.
///
/// # Errors
/// As [`plan`].
pub(crate) fn check_removal(stored: &Stored, current: &Current, expected: Option<&str>) -> Result<(), Error> {
    current.expect(expected)?;
    if stored.is_managed() { Ok(()) } else { Err(not_managed()) }
}

/// ESO's words.
fn not_managed() -> Error {
    Error::Denied(format!("it is not managed by external secrets: it lacks the label {}={}", MARK.0, MARK.1))
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
